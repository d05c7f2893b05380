"""Themes: k-means over the texts that count, and the theme of every passage."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from .._refrain import spark as steps
from ._engine import Batches, Work, batches_of, mapped, numbers, only, vectors

# Rows that the driver fits by itself. Of 384 numbers they are 0.8 GB, which Spark lets a driver collect by default.
DRIVER_ROWS = 1 << 19


@dataclass
class Clusters:
    """What was found."""

    assignment: DataFrame
    """passage_id, cluster_id (none: −1), similarity_to_centroid."""
    centroids: npt.NDArray[np.float32]
    sizes: list[int]
    inertia: float
    n_iterations: int
    fit: Any
    """The fit on the driver, with the criterion over k; None if it was not made."""


def cluster(
    work: Work,
    rows: DataFrame,
    texts: DataFrame,
    members: DataFrame,
    options: dict[str, Any],
    driver_rows: int,
) -> Clusters:
    """Clusters rows (passage_id, embedding); `members` has for each passage the one that counts for it
    (passage_id, representative), and `texts` the texts of those at least (text_id, text).

    The fit is of the rows that come first by a digest of their texts, as on one machine. Where those are at most
    `driver_rows`, the driver makes it, by the very same function; else the driver's is where Lloyd's iteration begins that
    all workers share, a pass over the rows for each.
    """
    decided = steps.decided(options)
    counting = members.where("passage_id = representative").select("passage_id")
    keyed = texts.withColumnRenamed("text_id", "passage_id").join(counting, "passage_id").join(rows, "passage_id")
    schema = "passage_id long, fit_key long, row_key long, embedding binary"
    keyed = mapped(keyed.select("passage_id", "text", "embedding"), _keys, schema, seed=decided["seed"])
    keyed = work.stage("counting", keyed)
    n, n_distinct = (int(value) for value in only(keyed.agg(F.count("*"), F.count_distinct("row_key"))))
    in_order = keyed.orderBy("fit_key", "passage_id")

    def n_fitted(n_clusters: int) -> int:
        return min(n, int(decided["train_per_cluster"]) * n_clusters)

    starts, k = decided["starts"], options.get("k")
    n_clusters = len(starts) if starts is not None else k if isinstance(k, int) else None
    # How many rows a number that is yet to be chosen needs is known afterwards.
    n_needed = n if n_clusters is None else n_fitted(n_clusters)
    fit, n_iterations, centroids = None, 0, starts
    if starts is None or n_needed <= driver_rows:
        first = in_order.limit(max(min(n_needed, driver_rows), 1)).select("embedding").toArrow()
        fit = steps.fit_first(vectors(first["embedding"]), n_distinct, options)
        centroids, n_iterations = fit.centroids, fit.n_iterations
    n_needed = n_fitted(len(centroids))
    if n_needed > driver_rows:
        sample = in_order.limit(n_needed).select("fit_key", "embedding").repartition(work.partitions, "fit_key")
        most = decided["max_iterations"] - n_iterations
        centroids, more = _lloyd(work, work.stage("training", sample), n_needed, centroids, most)
        n_iterations += more
    found = _assigned(work, keyed, rows, members, centroids)
    return Clusters(*found, n_iterations, fit)


def _keys(batches: Batches, seed: int) -> Batches:
    for batch in batches:
        yield pa.RecordBatch.from_pydict(
            {
                "passage_id": batch["passage_id"],
                "fit_key": steps.fit_keys(batch["text"], seed),
                "row_key": steps.row_keys(vectors(batch["embedding"])),
                "embedding": batch["embedding"],
            }
        )


def _lloyd(
    work: Work, sample: DataFrame, n: int, centroids: npt.NDArray[np.float32], max_iterations: int
) -> tuple[npt.NDArray[np.float32], int]:
    before: npt.NDArray[np.float32] | None = None
    for n_iterations in range(max_iterations + 1):
        work.spark.sparkContext.setJobDescription(f"refrain: k-means, pass {n_iterations}")
        passes = mapped(sample, _pass, "pass binary", centroids=centroids, before=before)
        moved, n_changed = steps.moved(passes.toArrow()["pass"].to_pylist(), centroids)
        if n_iterations == max_iterations or n_changed <= n // steps.Pass.ROWS_PER_LAST_CHANGE:
            return centroids, n_iterations
        before, centroids = centroids, moved
    return centroids, max_iterations


def _pass(batches: Batches, centroids: npt.NDArray[np.float32], before: npt.NDArray[np.float32] | None) -> Batches:
    of_rows, n = None, 0
    for batch in batches:
        if of_rows is None or n + batch.num_rows > steps.Pass.MAX_ROWS:
            if of_rows is not None:
                yield pa.RecordBatch.from_pydict({"pass": pa.array([of_rows.to_bytes()], pa.binary())})
            of_rows, n = steps.Pass(centroids, before), 0
        of_rows.add(vectors(batch["embedding"]), numbers(batch["fit_key"]))
        n += batch.num_rows
    if of_rows is not None:
        yield pa.RecordBatch.from_pydict({"pass": pa.array([of_rows.to_bytes()], pa.binary())})


def _assigned(
    work: Work, keyed: DataFrame, rows: DataFrame, members: DataFrame, centroids: npt.NDArray[np.float32]
) -> tuple[DataFrame, npt.NDArray[np.float32], list[int], float]:
    schema = "passage_id long, cluster int, distance float, similarity float"
    placed = work.stage("placed", mapped(keyed.select("passage_id", "embedding"), _place, schema, centroids=centroids))
    # A sum of decimals does not depend on the order.
    inertia = only(placed.agg(F.sum(F.col("distance").cast("decimal(20,12)"))))[0]
    within = placed.groupBy("cluster").applyInArrow(_within, "representative long, cluster int, is_within boolean")
    of_copies = members.join(within, "representative").join(rows, "passage_id")
    schema = "passage_id long, cluster int, is_within boolean, similarity_to_centroid float"
    found = work.stage("similar", mapped(of_copies, _similar, schema, centroids=centroids))
    sizes = found.where("is_within").groupBy("cluster").agg(F.count("*").alias("size"), F.min("passage_id").alias("first"))
    # By size, and then by the first passage.
    order = sorted((-row["size"], row["first"], row["cluster"]) for row in sizes.collect())
    old = [cluster for _, _, cluster in order]
    numbered = work.spark.createDataFrame([(cluster, number) for number, cluster in enumerate(old)], "cluster int, number int")
    number = F.when(F.col("is_within"), F.col("number")).otherwise(-1).alias("cluster_id")
    assignment = found.join(F.broadcast(numbered), "cluster", "left").select("passage_id", number, "similarity_to_centroid")
    return work.stage("assignment", assignment), centroids[old], [-size for size, _, _ in order], float(inertia or 0)


def _place(batches: Batches, centroids: npt.NDArray[np.float32]) -> Batches:
    for batch in batches:
        yield from batches_of(_beside(batch, steps.placed(vectors(batch["embedding"]), centroids), "passage_id"))


def _beside(batch: pa.RecordBatch, found: Any, *kept: str) -> pa.Table:
    table = pa.table(found)
    return pa.table({**{name: batch[name] for name in kept}, **{name: table[name] for name in table.column_names}})


def _within(table: pa.Table) -> pa.Table:
    is_within = steps.within(numbers(table["similarity"]), {})
    return pa.table({"representative": table["passage_id"], "cluster": table["cluster"], "is_within": is_within})


def _similar(batches: Batches, centroids: npt.NDArray[np.float32]) -> Batches:
    for batch in batches:
        cosines = steps.cosines(vectors(batch["embedding"]), numbers(batch["cluster"]), centroids)
        yield pa.RecordBatch.from_pydict(
            {**{name: batch[name] for name in ("passage_id", "cluster", "is_within")}, "similarity_to_centroid": cosines}
        )
