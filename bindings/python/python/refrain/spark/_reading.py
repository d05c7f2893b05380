"""Files and tables become passages."""

import json
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from .. import InputError
from .._refrain import spark as steps
from ._engine import Batches, Work, batches_of, binary, mapped, numbers, only, vectors
from ._files import Files

_PASSAGES = (
    "input string, document string, source string, part long, start long, end long, text string, n_tokens int, "
    "n_short long, n_split long, warnings string, metadata string"
)
_KEPT = ("passage_id", "source", "document", "start", "end", "text", "n_tokens")
# Spark reads a file that it does not divide into one array of bytes.
_MAX_FILE = (1 << 31) - 1
# Warnings that a report shows, and a driver holds.
_MAX_WARNINGS = 10_000


@dataclass
class Read:
    """What was read."""

    passages: DataFrame
    """passage_id, source, document, start, end, text, n_tokens, and embedding where it was given."""
    documents: DataFrame
    """source, document and metadata of each, in order; of rows with embeddings none, as their documents are not known."""
    n_inputs: int
    n_documents: int
    n_short: int
    n_split: int
    warnings: list[str]


def read(work: Work, paths: list[str], options: dict[str, Any]) -> Read:
    """The passages of all paths, numbered as the command line numbers them: by input, then by place."""
    # Where a fit begins is no matter of a reader's, and may be large.
    options = {name: value for name, value in options.items() if name != "init"}
    found = [part for path in paths for part in _parts(work.spark, path, options)]
    if len({"embedding" in part.columns for part in found}) > 1:
        raise InputError("some inputs hold embeddings and others do not; give files with embeddings, or documents, not both")
    read = work.stage("reading", reduce(DataFrame.unionByName, found))
    sums = [F.count_distinct("input"), F.count("metadata"), F.sum("n_short"), F.sum("n_split")]
    n_inputs, n_documents, n_short, n_split = (int(count or 0) for count in only(read.agg(*sums)))
    documents = read.where("metadata is not null").orderBy("input", "part").select("source", "document", "metadata")
    order = [F.col("input"), F.col("part"), F.col("document")]
    passages = work.numbered("passages", read.where("text is not null"), order, "passage_id")
    if passages.isEmpty():
        raise InputError(
            f"no passages in {n_inputs} inputs: {n_short} texts are too short; lower min_chars, or name other inputs"
        )
    if "embedding" in passages.columns:
        n_documents = passages.select("source", "document").distinct().count()
    given = [name for name in passages.columns if name == "embedding"]
    return Read(passages.select(*_KEPT, *given), documents, n_inputs, n_documents, n_short, n_split, _warnings(read))


def _warnings(read: DataFrame) -> list[str]:
    said = read.where("warnings is not null").select("input", "warnings")
    warnings = [row["warnings"] for row in said.orderBy("input", "warnings").limit(_MAX_WARNINGS).collect()]
    n_more = said.count() - len(warnings)
    return warnings + ([json.dumps([["more", f"{n_more} warnings more, of other inputs"]])] if n_more else [])


def _parts(spark: SparkSession, typed: str, options: dict[str, Any]) -> list[DataFrame]:
    if _is_table(spark, typed, options):
        return [_table(spark, typed, options)]
    return [_files(spark, *root, options) for root in Files(spark).roots(typed)]


def _is_table(spark: SparkSession, typed: str, options: dict[str, Any]) -> bool:
    """Whether Spark reads it row by row: Parquet, a file or a folder of nothing else."""
    format = options.get("input_format")
    return format == "parquet" or format in (None, "auto") and Files(spark).is_all_parquet(typed)


def _files(spark: SparkSession, path: str, shown: str, options: dict[str, Any]) -> DataFrame:
    """The passages of files of any format that refrain reads, each by one task."""
    files = spark.read.format("binaryFile").option("recursiveFileLookup", "true").load(path)
    within = F.expr(f"substring(path, {len(path) + 2})")
    # A file directly in the folder is a source of its own, what is further down belongs to the top folder.
    named = files.withColumns(
        {
            "name": F.when(F.col("path") == path, shown).otherwise(F.concat(F.lit(shown + "/"), within)),
            "source": F.when(F.col("path") == path, shown).otherwise(
                F.concat(F.lit(shown + "/"), F.substring_index(within, "/", 1))
            ),
        }
    )
    read = mapped(named.where(f"length <= {_MAX_FILE}").select("name", "source", "content"), _cut, _PASSAGES, options=options)
    reason = F.concat("name", F.lit(f": it has more than {_MAX_FILE} bytes, which Spark does not read whole; split it"))
    left_out = named.where(f"length > {_MAX_FILE}").select(
        F.col("name").alias("input"), F.to_json(F.array(F.array(F.lit("unreadable"), reason))).alias("warnings")
    )
    return read.unionByName(left_out, allowMissingColumns=True)


def _cut(batches: Batches, options: dict[str, Any]) -> Batches:
    reader = steps.Reader(options)
    for batch in batches:
        yield from batches_of(reader.files(batch["name"], batch["source"], batch["content"]))


def _table(spark: SparkSession, typed: str, options: dict[str, Any]) -> DataFrame:
    """The passages of Parquet, a document in each row; with a column `embedding`, each row is a passage as it is."""
    rows = spark.read.parquet(typed)
    shown = F.lit(typed.rstrip("/"))
    input = shown if Files(spark).is_file(typed) else F.concat(shown, F.lit("/"), F.col("_metadata.file_name"))
    place = [input.alias("_input"), (F.col("_metadata.row_index") + 1).alias("_row")]
    if "embedding" in rows.columns:
        return _given(rows, typed, place)
    wanted = steps.table_columns(typed, rows.columns, options)
    return mapped(rows.select(*place, *wanted), _cut_rows, _PASSAGES, options=options)


def _cut_rows(batches: Batches, options: dict[str, Any]) -> Batches:
    reader = steps.Reader(options)
    for batch in batches:
        cells = batch.select([name for name in batch.schema.names if name not in ("_input", "_row")])
        yield from batches_of(reader.rows(batch["_input"], numbers(batch["_row"]), cells))


def _given(rows: DataFrame, typed: str, place: list[Column]) -> DataFrame:
    """Rows of passages with their embeddings, as `refrain embed` and `embed` write them."""
    types = {field.name: field.dataType.simpleString() for field in rows.schema.fields}
    if types.get("text") != "string":
        raise InputError(f"{typed}: found the columns {', '.join(types)}, expected a column `text` beside `embedding`")
    is_binary = types["embedding"] == "binary"
    embedding = F.col("embedding") if is_binary else F.col("embedding").cast("array<float>")
    width = F.octet_length("embedding") / 4 if is_binary else F.size("embedding")
    first = rows.where("embedding is not null").select(width).first()
    there = {name: F.col(name) if name in types else F.lit(None) for name in ("source", "document", "start", "n_tokens")}
    wanted = rows.select(*place, embedding.alias("embedding"), "text", *(value.alias(name) for name, value in there.items()))
    named = wanted.withColumns(
        {
            "source": F.coalesce(F.col("source").cast("string"), "_input"),
            "document": F.coalesce(F.col("document").cast("string"), F.concat("_input", F.lit("#"), "_row")),
            "start": F.coalesce(F.col("start").cast("long"), F.lit(0)),
            "n_tokens": F.coalesce(F.col("n_tokens").cast("int"), F.lit(0)),
        }
    )
    return mapped(named, _take_rows, _PASSAGES + ", embedding binary", width=int(first[0]) if first else 0)


def _take_rows(batches: Batches, width: int) -> Batches:
    for batch in batches:
        column = batch["embedding"]
        is_binary = pa.types.is_binary(column.type)
        length = pc.divide(pc.binary_length(column), 4) if is_binary else pc.list_value_length(column)
        is_good = pc.and_(batch["text"].is_valid(), pc.fill_null(pc.equal(length, width), False))
        good = batch.filter(is_good)
        given = good["embedding"]
        rows = vectors(given) if is_binary else numbers(given.flatten()).reshape(good.num_rows, width)
        scaled, is_row = steps.unit_rows(np.ascontiguousarray(rows, np.float32).reshape(good.num_rows, -1))
        taken = good.filter(pa.array(is_row))
        ends = pc.add(taken["start"], pc.binary_length(taken["text"]).cast(pa.int64()))
        yield _batch(
            taken["_input"],
            document=taken["document"],
            source=taken["source"],
            part=taken["_row"],
            start=taken["start"],
            end=ends,
            text=taken["text"],
            n_tokens=taken["n_tokens"],
            embedding=binary(scaled[is_row]),
        )
        left_out = pa.concat_arrays(
            [
                rows.select(["_input", "document"]).to_struct_array()
                for rows in (batch.filter(pc.invert(is_good)), good.filter(pa.array(~is_row)))
            ]
        )
        yield from _left_out(left_out, f"no text, or no embedding of {width} finite numbers that are not all zero")


def _left_out(rows: pa.StructArray, reason: str) -> Batches:
    """A remark for each input that rows are left out of."""
    names = rows.field("_input")
    for input in pc.unique(names):
        of_input = rows.field("document").filter(pc.equal(names, input))
        rest = "" if len(of_input) == 1 else f" and {len(of_input) - 1} rows more"
        remark = json.dumps([["rows_left_out", f"{of_input[0]}{rest}: left out, {reason}"]])
        yield _batch(pa.array([input.as_py()]), warnings=pa.array([remark]))


def _batch(inputs: pa.Array, **given: pa.Array) -> pa.RecordBatch:
    """Rows of what was read; what is not given is empty."""
    n = len(inputs)
    text, number = pa.nulls(n, pa.string()), pa.array(np.zeros(n, np.int64))
    rows = {
        "input": inputs,
        "document": inputs,
        "source": inputs,
        "part": number,
        "start": number,
        "end": number,
        "text": text,
        "n_tokens": number.cast(pa.int32()),
        "n_short": number,
        "n_split": number,
        "warnings": text,
        "metadata": text,
        "embedding": pa.nulls(n, pa.binary()),
    }
    return pa.RecordBatch.from_pydict(rows | given)
