"""The whole run: all stages, their tables, and the report that the driver puts together from them."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from .. import OptionError, Report
from ..options import Kind
from .._refrain import spark as steps
from . import _clustering, _embedding, _groups, _pairs, _reading
from ._engine import Work, only, vectors
from ._files import STAGES, Files

_KINDS = get_args(Kind)
# Passages that the report shows: all, or so many.
MAX_SHOWN = 250_000
# Of those, exemplars are chosen from so many of each theme, and so many may be in groups.
CENTRAL, IN_GROUPS = 50, MAX_SHOWN // 4
_REFUSED = ("across_sources", "within_sources", "label_column", "max_pairs", "include", "exclude", "threads", "outliers")


@dataclass
class Run:
    """What a run found, as Spark's tables and as a report."""

    report: Report
    """The report: `report.themes` and so on; of more than 250,000 passages it shows a part, with the counts of all."""
    passages: DataFrame
    """passage_id, source, document, start, end, text, n_tokens, cluster_id, similarity_to_centroid, duplicate_group, kept."""
    pairs: DataFrame | None = None
    """a, b, kind, cosine, jaccard, containment."""
    groups: DataFrame | None = None
    """duplicate_group, representative, members, kind, n_pairs, across_sources and the weakest link."""
    figures: dict[str, float] = field(default_factory=dict)
    """Of the join of reworded pairs: cells, largest_cell, and replication, how often a row was sent."""


def run(
    spark: SparkSession,
    paths: str | Sequence[str],
    output: str,
    options: dict[str, Any],
    *,
    themes: bool = True,
    duplicates: bool = True,
    partitions: int | None,
    driver_rows: int = _clustering.DRIVER_ROWS,
    cell_rows: int = _pairs.CELL_ROWS,
) -> Run:
    for name in _REFUSED:
        if options.get(name) is not None and options[name] is not False:
            raise OptionError(f"--{name.replace('_', '-')}: is not there on a cluster; leave it out")
    if options.get("algorithm") not in (None, "lloyd"):
        raise OptionError(f"--algorithm: found {options['algorithm']}, expected lloyd")
    steps.decided(options)
    output, typed = output.rstrip("/"), [paths] if isinstance(paths, str) else list(paths)
    files = Files(spark)
    files.claim(output)
    with Work(spark, f"{output}/{STAGES}", partitions) as work:
        found = _found(work, typed, output, options, themes, duplicates, driver_rows, cell_rows)
    _write(files, found.report, output)
    files.delete(work.folder)
    return found


def _found(
    work: Work,
    paths: list[str],
    output: str,
    options: dict[str, Any],
    themes: bool,
    duplicates: bool,
    driver_rows: int,
    cell_rows: int,
) -> Run:
    """All stages, to the tables in the output folder and the report."""
    decided = steps.decided(options)
    kinds: list[str] = decided["kinds"] if duplicates else []
    # Where a fit begins is the driver's; the rest is sent to the workers.
    sent = {name: value for name, value in options.items() if name != "init"}
    read = _reading.read(work, paths, sent)
    rows, model, remarks = _rows(work, read.passages, sent, is_needed=themes or "reworded" in kinds)
    passages = read.passages.drop("embedding")
    texts, members = _pairs.texts_of(work, passages)

    lexical = _pairs.lexical_candidates(work, texts, sent) if themes or {"near", "excerpt"} & set(kinds) else None
    reworded = None
    figures: dict[str, float] = {}
    if rows is not None and "reworded" in kinds:
        of_texts = rows.withColumnRenamed("passage_id", "text_id").join(texts.select("text_id"), "text_id")
        reworded, figures = _pairs.reworded_candidates(work, of_texts, decided["threshold"], cell_rows)
    text_pairs = _pairs.compared(work, texts, lexical, reworded, sent)
    sides = {"members": members, "passages": passages, "texts": texts, "components": _groups.components(work, text_pairs)}

    clusters = None
    if themes and rows is not None:
        copies = _pairs.of_passages(work, text_pairs, members, None, ["exact", "near"], name="copies")
        repeated = _groups.members_of(_groups.grouped(work, "copy-groups", copies, sides, 2), "representative")
        representative = F.coalesce("representative", "passage_id").alias("representative")
        counting = passages.select("passage_id").join(repeated, "passage_id", "left").select("passage_id", representative)
        counting = work.stage("representatives", counting)
        clusters = _clustering.cluster(work, rows, texts.select("text_id", "text"), counting, options, driver_rows)

    pairs = groups = None
    if duplicates:
        pairs = _pairs.of_passages(work, text_pairs, members, rows, kinds, name="pairs")
        groups = _groups.grouped(work, "groups", pairs, sides, decided["min_group"])
    # From here on an older report in the folder is no longer whole, and is not to be taken for one.
    Files(work.spark).delete(f"{output}/report.json")
    described = _described(passages, clusters, groups)
    described = work.stage("passages.parquet", described, at=f"{output}/passages.parquet")
    if pairs is not None and groups is not None:
        pairs = work.stage("duplicates.parquet", pairs, at=f"{output}/duplicates.parquet")
        groups = work.stage("groups.parquet", groups, at=f"{output}/groups.parquet")

    counted = _of_themes(texts, clusters) if clusters is not None else []
    report = _assembled(read, paths, options, described, rows, clusters, counted, pairs, groups, texts.count(), model, remarks)
    if clusters is not None:
        found = _signed(pa.table(report.themes))
        # Spark takes no table without rows, but none of a schema.
        schema = from_arrow_schema(found.schema)
        of_themes = work.spark.createDataFrame(found if found.num_rows else [], schema)
        work.stage("themes.parquet", of_themes, at=f"{output}/themes.parquet")
    return Run(report, described, pairs, groups, figures)


def _of_themes(texts: DataFrame, clusters: _clustering.Clusters) -> list[tuple[int, float]]:
    """For each theme its passages of different text, and the mean similarity of all to its centroid."""
    is_text = F.col("text_id").isNotNull().cast("int")
    marked = clusters.assignment.join(texts.select("text_id"), F.col("passage_id") == F.col("text_id"), "left")
    # A sum of decimals does not depend on the order.
    similarity = F.sum(F.col("similarity_to_centroid").cast("decimal(20,12)")) / F.count("*")
    of_theme = marked.where("cluster_id >= 0").groupBy("cluster_id").agg(F.sum(is_text).alias("n"), similarity.alias("mean"))
    return [(row["n"], float(row["mean"])) for row in of_theme.orderBy("cluster_id").collect()]


def _rows(
    work: Work, passages: DataFrame, options: dict[str, Any], *, is_needed: bool
) -> tuple[DataFrame | None, str | None, list[str]]:
    """The rows of passages, given or made; what made them, and what was remarked."""
    if "embedding" in passages.columns:
        return passages.select("passage_id", "embedding"), None, []
    if not is_needed:
        return None, None, []
    embedded = _embedding.embed(work, passages, options)

    def different(column: str) -> list[str]:
        found = embedded.where(f"{column} is not null").select(column).distinct().orderBy(column)
        return [row[column] for row in found.collect()]

    models, remarks = different("model"), different("remarks")
    if len(models) > 1:
        remarks.append(_several_models(models))
    return embedded.select("passage_id", "embedding"), models[0], remarks


def _several_models(models: list[str]) -> str:
    shown = ", ".join(f"{one['provider']} in {one['precision']}" for one in map(json.loads, models))
    message = (
        f"the workers ran the model in different ways, whose rows differ a little: {shown}; name a provider and a precision"
    )
    return json.dumps([["several_models", message]])


def _described(passages: DataFrame, clusters: _clustering.Clusters | None, groups: DataFrame | None) -> DataFrame:
    described = passages
    if clusters is not None:
        described = described.join(clusters.assignment, "passage_id")
    if groups is not None:
        members = _groups.members_of(groups, "duplicate_group", "representative")
        described = described.join(members, "passage_id", "left")
        is_kept = F.coalesce(F.col("representative") == F.col("passage_id"), F.lit(True))
        described = described.withColumn("kept", is_kept).drop("representative")
    return described.repartitionByRange("passage_id").sortWithinPartitions("passage_id")


def _assembled(
    read: _reading.Read,
    paths: list[str],
    options: dict[str, Any],
    passages: DataFrame,
    rows: DataFrame | None,
    clusters: _clustering.Clusters | None,
    of_themes: list[tuple[int, float]],
    pairs: DataFrame | None,
    groups: DataFrame | None,
    n_distinct: int,
    model: str | None,
    remarks: list[str],
) -> Report:
    n = passages.count()
    shown, is_part = passages, n > MAX_SHOWN
    if is_part:
        ids = _shown(passages, clusters, groups)
        shown = passages.join(ids, "passage_id")
    with_rows = shown if rows is None else shown.join(rows, "passage_id")
    table = with_rows.orderBy("passage_id").toArrow()
    place = {passage: i for i, passage in enumerate(table["passage_id"].to_pylist())}
    found: dict[str, Any] = {
        "paths": paths,
        "model": model,
        "n_inputs": read.n_inputs,
        "n_short": read.n_short,
        "n_split": read.n_split,
        "n_tokens": only(passages.select(F.xxhash64("text"), "n_tokens").distinct().agg(F.sum("n_tokens")))[0],
        "n_distinct": n_distinct,
        "warnings": read.warnings + remarks,
        "documents": [] if is_part else [tuple(row) for row in read.documents.collect()],
        "passages": _as_written(table),
        "rows": None if rows is None else vectors(table["embedding"]),
    }
    if clusters is not None:
        found |= {
            "centroids": clusters.centroids,
            "sizes": clusters.sizes,
            "inertia": clusters.inertia,
            "n_iterations": clusters.n_iterations,
            "fit": clusters.fit,
        }
    if pairs is not None and groups is not None:
        ids = shown.select("passage_id")
        both = pairs.join(ids.toDF("a"), "a").join(ids.toDF("b"), "b") if is_part else pairs
        of_pairs = both.orderBy("a", "b").toArrow()
        numbered = groups.orderBy("duplicate_group")
        if is_part:
            first = _first_groups(groups)
            numbered = numbered.where(F.col("duplicate_group") < first)
        of_groups = numbered.toArrow()
        found["pairs"] = _placed(of_pairs, place, "a", "b")
        found["groups"] = _placed(of_groups, place, "representative", "members")
    if is_part:
        found["whole"] = _whole(read, passages, pairs, groups)
        found["of_themes"] = of_themes
    report: Report = steps.collected(found, options)
    return report


def _first_groups(groups: DataFrame) -> int:
    """How many of the first groups are shown whole."""
    sizes = groups.orderBy("duplicate_group").limit(IN_GROUPS).select(F.size("members").alias("size")).collect()
    n_members = 0
    for number, row in enumerate(sizes):
        n_members += row["size"]
        if n_members > IN_GROUPS:
            return number
    return len(sizes)


def _shown(passages: DataFrame, clusters: _clustering.Clusters | None, groups: DataFrame | None) -> DataFrame:
    """Members of the first groups, the most central passages of each theme, and others at random."""
    parts = []
    if groups is not None:
        parts.append(_groups.members_of(groups.where(F.col("duplicate_group") < _first_groups(groups))))
    if clusters is not None:
        by_similarity = Window.partitionBy("cluster_id").orderBy(F.desc("similarity_to_centroid"), "passage_id")
        ranked = passages.where("cluster_id >= 0").withColumn("rank", F.row_number().over(by_similarity))
        parts.append(ranked.where(F.col("rank") <= CENTRAL).select("passage_id"))
    n_others = MAX_SHOWN - IN_GROUPS - CENTRAL * (len(clusters.sizes) if clusters is not None else 0)
    parts.append(passages.orderBy(F.xxhash64("passage_id")).limit(max(n_others, 1)).select("passage_id"))
    ids = parts[0]
    for part in parts[1:]:
        ids = ids.union(part)
    return ids.distinct()


def _whole(read: _reading.Read, passages: DataFrame, pairs: DataFrame | None, groups: DataFrame | None) -> dict[str, int]:
    n_sources, n_passages = only(passages.agg(F.count_distinct("source"), F.count("*")))
    n_outliers = passages.where("cluster_id = -1").count() if "cluster_id" in passages.columns else 0
    of_kind = {row["kind"]: row["count"] for row in pairs.groupBy("kind").count().collect()} if pairs is not None else {}
    n_across = 0
    if pairs is not None:
        source = passages.select("passage_id", F.xxhash64("source").alias("source"))
        sided = pairs.join(source.toDF("a", "source_a"), "a").join(source.toDF("b", "source_b"), "b")
        n_across = sided.where("source_a <> source_b").count()
    return {
        "documents": read.n_documents,
        "sources": n_sources,
        "passages": n_passages,
        "outliers": n_outliers,
        **{kind: of_kind.get(kind, 0) for kind in _KINDS},
        "across_sources": n_across,
        "groups": groups.count() if groups is not None else 0,
    }


def _as_written(table: pa.Table) -> pa.Table:
    """The columns as a report folder has them."""
    types = {"start": pa.uint64(), "end": pa.uint64(), "n_tokens": pa.uint32()}
    names = ["source", "document", "start", "end", "text", "n_tokens", "cluster_id", "similarity_to_centroid"]
    return pa.table({name: table[name].cast(types.get(name, table[name].type)) for name in names if name in table.column_names})


def _placed(table: pa.Table, place: dict[int, int], *names: str) -> pa.Table:
    """The passages that these columns name, by their places in the report."""
    for name in names:
        column = table[name].to_pylist()
        is_list = pa.types.is_list(table[name].type)
        placed = [[place[one] for one in value] for value in column] if is_list else [place[value] for value in column]
        values = pa.array(placed, pa.list_(pa.uint32()) if is_list else pa.uint32())
        table = table.set_column(table.column_names.index(name), name, values)
    return table


def _signed(table: pa.Table) -> pa.Table:
    """Spark has no unsigned numbers."""

    def signed(of: pa.DataType) -> pa.DataType:
        if pa.types.is_list(of):
            return pa.list_(signed(of.value_type))
        return pa.int64() if pa.types.is_unsigned_integer(of) else of

    return pa.table({name: table[name].cast(signed(table[name].type)) for name in table.column_names})


def _write(files: Files, report: Report, output: str) -> None:
    """What of the report folder is not a table."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "report"
        report.save(folder)
        for name in ("report.json", "report.html", "themes.csv"):
            if (folder / name).is_file():
                files.put(folder / name, output)
