"""Files and tables become passages."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from .. import InputError, OptionError
from .._refrain import spark as steps
from ._engine import Batches, Work, batches_of, binary, mapped, numbers, only, vectors
from ._files import Files

# Columns that a table's text is looked for in, as the command line does.
_TEXT_COLUMNS = ("text", "content", "body", "article", "passage")
_PASSAGES = (
    "input string, document string, source string, part long, start long, end long, text string, n_tokens int, "
    "n_documents long, n_short long, n_split long, warnings string, metadata string"
)
_KEPT = ("passage_id", "source", "document", "start", "end", "text", "n_tokens")
# The options that decide what a document's passages are.
_READER = (
    "model",
    "cache_dir",
    "offline",
    "input_format",
    "text_column",
    "id_column",
    "source_column",
    "date_column",
    "limit",
    "html",
    "segment",
    "min_chars",
)
# Spark reads a file that it does not divide into one array of bytes.
_MAX_FILE = (1 << 31) - 1


@dataclass
class Read:
    """What was read."""

    passages: DataFrame
    """passage_id, source, document, start, end, text, n_tokens, and embedding where it was given."""
    documents: DataFrame | None
    """Of files: source, document and metadata of each, in order; None where rows of tables are documents."""
    n_inputs: int
    n_documents: int
    n_short: int
    n_split: int
    warnings: list[str]


def read(work: Work, paths: list[str], options: dict[str, Any]) -> Read:
    """The passages of all paths, numbered as the command line numbers them: by input, then by place."""
    options = {name: options[name] for name in _READER if options.get(name) is not None}
    found = [part for path in paths for part in _parts(work.spark, path, options)]
    passages = found[0]
    for part in found[1:]:
        passages = passages.unionByName(part, allowMissingColumns=True)
    passages = work.stage("reading", passages)
    remarks = passages.where("text is null")
    sums = [F.count_distinct("input"), *(F.sum(name) for name in ("n_documents", "n_short", "n_split"))]
    n_inputs, n_documents, n_short, n_split = (int(count or 0) for count in only(passages.agg(*sums)))
    warnings = [row["warnings"] for row in remarks.where("warnings is not null").orderBy("input").collect()]
    order = [F.col("input"), F.col("part"), F.col("document")]
    numbered = work.numbered("passages", passages.where("text is not null"), order, "passage_id")
    if numbered.isEmpty():
        raise InputError(
            f"no passages in {n_inputs} inputs: {n_short} texts are too short; lower min_chars, or name other inputs"
        )
    given = [name for name in numbered.columns if name == "embedding"]
    of_files = (
        None
        if any(_is_table(path, options) for path in paths)
        else (passages.where("metadata is not null").orderBy("input", "part").select("source", "document", "metadata"))
    )
    return Read(numbered.select(*_KEPT, *given), of_files, n_inputs, n_documents, n_short, n_split, warnings)


def _parts(spark: SparkSession, typed: str, options: dict[str, Any]) -> list[DataFrame]:
    if _is_table(typed, options):
        return [_table(spark, typed, options)]
    return [_files(spark, *root, options) for root in Files(spark).roots(typed)]


def _is_table(typed: str, options: dict[str, Any]) -> bool:
    format = options.get("input_format")
    return format == "parquet" or format in (None, "auto") and typed.rstrip("/").endswith(".parquet")


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
        F.col("name").alias("input"),
        F.col("name").alias("document"),
        "source",
        F.to_json(F.array(F.array(F.lit("unreadable"), reason))).alias("warnings"),
    )
    return read.unionByName(left_out, allowMissingColumns=True)


def _cut(batches: Batches, options: dict[str, Any]) -> Batches:
    reader = steps.Reader(options)
    for batch in batches:
        yield from batches_of(reader.files(batch["name"], batch["source"], batch["content"]))


def _table(spark: SparkSession, typed: str, options: dict[str, Any]) -> DataFrame:
    """The passages of Parquet, a document in each row; with a column `embedding`, each row is a passage as it is."""
    rows = spark.read.parquet(typed)
    types = {field.name: field.dataType.simpleString() for field in rows.schema.fields}
    wanted = {option: options.get(option) for option in ("text_column", "id_column", "source_column")}
    for option, column in wanted.items():
        if column is not None and column not in types:
            raise OptionError(f"--{option.replace('_', '-')}: found {column}, expected one of {', '.join(types)}")
    text = wanted["text_column"] or next((name for name in _TEXT_COLUMNS if types.get(name) == "string"), None)
    if text is None:
        raise InputError(f"{typed}: found the columns {', '.join(types)}, expected one with text; name it with text_column")
    shown = F.lit(typed.rstrip("/"))
    name = shown if Files(spark).is_file(typed) else F.concat(shown, F.lit("/"), F.col("_metadata.file_name"))
    row = F.col("_metadata.row_index") + 1
    cited = F.col(wanted["id_column"]) if wanted["id_column"] else row
    columns = [
        name.alias("input"),
        F.concat(name, F.lit("#"), cited.cast("string")).alias("document"),
        (F.col(wanted["source_column"]).cast("string") if wanted["source_column"] else name).alias("source"),
        row.cast("long").alias("row"),
        F.col(text).cast("string").alias("text"),
    ]
    if "embedding" not in types:
        return mapped(rows.select(*columns), _cut_rows, _PASSAGES, options=options)
    is_binary = types["embedding"] == "binary"
    embedding = F.col("embedding") if is_binary else F.col("embedding").cast("array<float>")
    first = (
        rows.where("embedding is not null")
        .select(F.octet_length("embedding") / 4 if is_binary else F.size("embedding"))
        .first()
    )
    given = rows.select(*columns, embedding.alias("embedding"))
    return mapped(given, _take_rows, _PASSAGES + ", embedding binary", width=int(first[0]) if first else 0)


def _cut_rows(batches: Batches, options: dict[str, Any]) -> Batches:
    reader = steps.Reader(options)
    for batch in batches:
        is_there = batch["text"].is_valid()
        there = batch.filter(is_there)
        columns = (there[name] for name in ("input", "document", "source", "text"))
        yield from batches_of(reader.texts(*columns, numbers(there["row"])))
        yield from _left_out(batch.filter(pc.invert(is_there)), "it has no text")


def _take_rows(batches: Batches, width: int) -> Batches:
    for batch in batches:
        column = batch["embedding"]
        is_binary = pa.types.is_binary(column.type)
        length = pc.divide(pc.binary_length(column), 4) if is_binary else pc.list_value_length(column)
        is_good = pc.and_(batch["text"].is_valid(), pc.fill_null(pc.equal(length, width), False))
        good = batch.filter(is_good)
        given = good["embedding"]
        rows = vectors(given) if is_binary else numbers(given.flatten()).reshape(good.num_rows, width)
        scaled, is_row = steps.unit_rows(rows)
        taken, zeros = good.filter(pa.array(is_row)), np.zeros(int(is_row.sum()), np.int64)
        found = {
            "input": taken["input"],
            "document": taken["document"],
            "source": taken["source"],
            "part": taken["row"],
            "start": zeros,
            "end": pc.binary_length(taken["text"]).cast(pa.int64()),
            "text": taken["text"],
            "n_tokens": zeros.astype(np.int32),
            "n_documents": zeros + 1,
            "n_short": zeros,
            "n_split": zeros,
            "warnings": pa.nulls(len(zeros), pa.string()),
            "metadata": pa.nulls(len(zeros), pa.string()),
            "embedding": binary(scaled[is_row]),
        }
        yield pa.RecordBatch.from_pydict(found)
        for bad in (batch.filter(pc.invert(is_good)), good.filter(pa.array(~is_row))):
            for remark in _left_out(bad, f"it has no text, or no embedding of {width} finite numbers that are not all zero"):
                yield remark.append_column("embedding", pa.nulls(remark.num_rows, pa.binary()))


def _left_out(rows: pa.RecordBatch, reason: str) -> Batches:
    """A remark for each row that is left out."""
    if rows.num_rows == 0:
        return
    zeros = np.zeros(rows.num_rows, np.int64)
    remarks = [json.dumps([["row_left_out", f"{name}: left out, because {reason}"]]) for name in rows["document"].to_pylist()]
    found = {
        "input": rows["input"],
        "document": rows["document"],
        "source": rows["source"],
        "part": zeros,
        "start": zeros,
        "end": zeros,
        "text": pa.nulls(rows.num_rows, pa.string()),
        "n_tokens": zeros.astype(np.int32),
        "n_documents": zeros,
        "n_short": zeros,
        "n_split": zeros,
        "warnings": pa.array(remarks),
        "metadata": pa.nulls(rows.num_rows, pa.string()),
    }
    yield pa.RecordBatch.from_pydict(found)
