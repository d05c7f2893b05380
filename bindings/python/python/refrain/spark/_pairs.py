"""Which passages are alike: pairs of texts, and the pairs of passages that they stand for."""

from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from .._refrain import spark as steps
from ._engine import Batches, Work, batches_of, gathered, mapped, numbers, only, vectors, whole

# How rare a shingle is is told from so many texts.
_SAMPLED_TEXTS = 1 << 18
# Texts of a batch whose shingles are made, and pairs that are compared, at a time.
_TEXTS_AT_ONCE, _PAIRS_AT_ONCE = 8_192, 65_536
# Rows that are at home in a cell; of more, it is split. Of 384 numbers, a task then holds about 0.7 GB.
CELL_ROWS = 200_000
# Rows for each centre that the cells are made from.
_ROWS_PER_CENTRE = 64
# Visitors of a cell are compared with those at home so many at a time, or as many as a quarter of those: each time those at home
# are made ready again, and visitors meet each other for nothing.
_VISITORS, _OF_HOME = 16_384, 4


def texts_of(work: Work, passages: DataFrame) -> tuple[DataFrame, DataFrame]:
    """Of each different text the first passage (text_id, digest, text), and of each passage its text (passage_id, text_id).

    Texts are the same if they are in their normal form, of which the digest is taken.
    """
    digests = mapped(passages.select("passage_id", "text"), _digests, "passage_id long, text string, digest binary")
    digests = work.stage("digests", digests)
    first = F.min(F.struct("text", "passage_id")).alias("first")
    texts = digests.groupBy("digest").agg(first).select(F.col("first.passage_id").alias("text_id"), "digest", "first.text")
    texts = work.stage("texts", texts)
    members = digests.select("passage_id", "digest").join(texts.select("text_id", "digest"), "digest")
    return texts, work.stage("members", members.select("passage_id", "text_id"))


def _digests(batches: Batches) -> Batches:
    for batch in batches:
        found = pa.table(steps.digests(batch["text"]))
        yield batch.append_column("digest", found["digest"].combine_chunks())


def lexical_candidates(work: Work, texts: DataFrame, options: dict[str, Any]) -> DataFrame:
    """Pairs of texts (a, b) that may be near copies, or excerpts of each other: no such pair is missing."""
    sample = texts.orderBy("digest").limit(_SAMPLED_TEXTS).select("text").toArrow()
    rarity = steps.rarity(sample["text"])
    postings = mapped(
        texts.select("text_id", "text"), _postings, "shingle long, text_id long, packed long", rarity=rarity, options=options
    )
    by_shingle = postings.repartition(work.partitions, "shingle")
    pairs = mapped(by_shingle, _candidates, "a long, b long", options=options)
    return work.stage("candidates", pairs.distinct())


def _postings(batches: Batches, rarity: bytes, options: dict[str, Any]) -> Batches:
    for table in gathered(batches, _TEXTS_AT_ONCE):
        yield from batches_of(steps.postings(table["text"], numbers(table["text_id"]), rarity, options))


def _candidates(batches: Batches, options: dict[str, Any]) -> Batches:
    table = whole(batches)
    if table is not None:
        columns = (numbers(table[name]) for name in ("shingle", "text_id", "packed"))
        yield from batches_of(steps.candidates(*columns, options))


def reworded_candidates(work: Work, rows: DataFrame, threshold: float, cell_rows: int) -> tuple[DataFrame, dict[str, float]]:
    """All pairs of rows (text_id, embedding) with a cosine of at least the threshold (a, b, cosine), and how often rows
    were sent.

    Rows go to the cells of a coarse clustering: home to the cell of the nearest centre, and on a visit to every further one
    that could hold a partner, by the triangle inequality on angles. So no pair is lost, and each is found once.
    """
    n = rows.count()
    n_cells = max(-(-n // cell_rows), min(work.spark.sparkContext.defaultParallelism, n // 1000), 1)
    sample = rows.orderBy(F.xxhash64("text_id")).limit(_ROWS_PER_CENTRE * n_cells).select("embedding").toArrow()
    chosen = vectors(sample["embedding"])
    fit = {"k": min(n_cells, len(np.unique(chosen, axis=0))), "restarts": 1, "max_iterations": 10}
    centres = steps.fit_first(chosen, len(chosen), fit).centroids
    homes = mapped(rows, _homes, "cell int", centres=centres)
    splits = {row["cell"]: -(-row["count"] // cell_rows) for row in homes.groupBy("cell").count().collect()}
    sent = mapped(
        rows,
        _stays,
        "cell int, split int, is_visitor boolean, text_id long, embedding binary",
        centres=centres,
        splits=splits,
        threshold=threshold,
    )
    # So many partitions that hardly two cells fall into one.
    n_places = sum(splits.values())
    by_cell = sent.repartition(max(work.partitions, 8 * n_places), "cell", "split").sortWithinPartitions(
        "cell", "split", "is_visitor", "text_id"
    )
    found = mapped(by_cell, _join, "a long, b long, cosine float, n_sent long", threshold=threshold)
    found = work.stage("reworded", found)
    n_sent = only(found.agg(F.sum("n_sent")))[0] or 0
    figures = {"cells": n_places, "largest_cell": max(splits.values(), default=0), "replication": n_sent / n if n else 0.0}
    return found.where("a is not null").select("a", "b", "cosine"), figures


def _homes(batches: Batches, centres: np.ndarray) -> Batches:
    cells = steps.Cells(centres)
    for batch in batches:
        found = pa.table(cells.homes(vectors(batch["embedding"])))
        yield from batches_of(found)


def _stays(batches: Batches, centres: np.ndarray, splits: dict[int, int], threshold: float) -> Batches:
    cells = steps.Cells(centres)
    of_cell = np.ones(len(centres), np.int64)
    of_cell[list(splits)] = list(splits.values())
    for batch in batches:
        stays = pa.table(cells.stays(vectors(batch["embedding"]), threshold))
        row, cell, is_home = (numbers(stays[name]) for name in ("row", "cell", "is_home"))
        text_id = numbers(batch["text_id"])[row]
        n_splits = of_cell[cell]
        # A split cell is several cells of one centre. A row is at home in one of them, and visits those before it.
        own = _mixed(text_id) % n_splits
        for split in range(int(n_splits.max(initial=0))):
            goes = np.where(is_home, split <= own, split < n_splits)
            yield pa.RecordBatch.from_pydict(
                {
                    "cell": cell[goes],
                    "split": np.full(int(goes.sum()), split, np.int32),
                    "is_visitor": ~is_home[goes] | (split < own[goes]),
                    "text_id": text_id[goes],
                    "embedding": batch["embedding"].take(pa.array(row[goes])),
                }
            )


def _mixed(ids: np.ndarray) -> np.ndarray:
    """Numbers spread evenly, by a multiplicative hash."""
    return (ids.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(40)).astype(np.int64)


def _join(batches: Batches, threshold: float) -> Batches:
    """Joins cell after cell."""
    n_sent, place, cell = 0, None, _Cell(threshold)
    for batch in batches:
        n_sent += batch.num_rows
        for part in _runs(batch):
            here = (part["cell"][0].as_py(), part["split"][0].as_py())
            if here != place:
                yield from cell.meet()
                place, cell = here, _Cell(threshold)
            yield from cell.take(part)
    yield from cell.meet()
    none = {"a": pa.nulls(1, pa.int64()), "b": pa.nulls(1, pa.int64()), "cosine": pa.nulls(1, pa.float32())}
    yield pa.RecordBatch.from_pydict({**none, "n_sent": pa.array([n_sent], pa.int64())})


class _Cell:
    """The rows of a cell as they come: those at home first, then visitors, who are not held longer than they must."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._home: list[pa.RecordBatch] = []
        self._waiting: list[pa.RecordBatch] = []
        self._at_home: tuple[np.ndarray, np.ndarray] | None = None

    def take(self, part: pa.RecordBatch) -> Batches:
        if not part["is_visitor"][0].as_py():
            self._home.append(part)
            return
        self._waiting.append(part)
        n_home = sum(part.num_rows for part in self._home) if self._at_home is None else len(self._at_home[1])
        if sum(part.num_rows for part in self._waiting) >= max(_VISITORS, n_home // _OF_HOME):
            yield from self.meet()

    def meet(self) -> Batches:
        """The pairs of those at home, the first time, and those of the visitors that wait with them."""
        if self._at_home is None and self._home:
            self._at_home = _rows_and_ids(self._home)
            self._home.clear()
            rows, ids = self._at_home
            yield self._pairs(rows, ids, len(ids), 0)
        if self._at_home is not None and self._waiting:
            (visitors, their_ids), (rows, ids) = _rows_and_ids(self._waiting), self._at_home
            n = len(their_ids)
            # Visitors meet each other elsewhere: only pairs with those at home, who come after them, count.
            yield self._pairs(np.concatenate([visitors, rows]), np.concatenate([their_ids, ids]), n, n)
        self._waiting.clear()

    def _pairs(self, rows: np.ndarray, ids: np.ndarray, n_left: int, first: int) -> pa.RecordBatch:
        found = pa.table(steps.joined(rows, n_left, self._threshold))
        a, b, cosine = (numbers(found[name]) for name in ("a", "b", "cosine"))
        counts = b >= first
        a, b = ids[a[counts]], ids[b[counts]]
        pairs = {"a": np.minimum(a, b), "b": np.maximum(a, b), "cosine": cosine[counts]}
        return pa.RecordBatch.from_pydict({**pairs, "n_sent": np.zeros(len(a), np.int64)})


def _rows_and_ids(parts: list[pa.RecordBatch]) -> tuple[np.ndarray, np.ndarray]:
    rows = np.concatenate([vectors(part["embedding"]) for part in parts])
    return rows, np.concatenate([numbers(part["text_id"]) for part in parts])


def _runs(batch: pa.RecordBatch) -> list[pa.RecordBatch]:
    """The parts of a batch that are of one cell, and at home or visiting."""
    columns = [numbers(batch[name].cast(pa.int32())) for name in ("cell", "split", "is_visitor")]
    changes = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    starts = np.concatenate([[0], np.flatnonzero(changes) + 1, [batch.num_rows]])
    return [batch.slice(start, end - start) for start, end in pairwise(starts) if end > start]


def compared(
    work: Work, texts: DataFrame, lexical: DataFrame | None, reworded: DataFrame | None, options: dict[str, Any]
) -> DataFrame:
    """The pairs of texts that are alike: a, b, kind, cosine where it is known yet, jaccard, containment."""
    none = work.spark.createDataFrame([], "a long, b long, cosine float")
    lexical = none.select("a", "b") if lexical is None else lexical
    both = lexical.join(none if reworded is None else reworded, ["a", "b"], "full")
    words = texts.select("text_id", "text")
    sides = both.join(words.toDF("a", "text_a"), "a").join(words.toDF("b", "text_b"), "b")
    schema = "a long, b long, kind string, cosine float, jaccard float, containment float"
    return work.stage("text-pairs", mapped(sides, _compare, schema, options=options))


def _compare(batches: Batches, options: dict[str, Any]) -> Batches:
    for table in gathered(batches, _PAIRS_AT_ONCE):
        is_reworded = numbers(table["cosine"].is_valid())
        columns = [numbers(table["a"]), table["text_a"], numbers(table["b"]), table["text_b"]]
        found = pa.table(steps.compared(*columns, is_reworded, options))
        pairs = pa.table(
            {
                "a": table["a"],
                "b": table["b"],
                "kind": found["kind"],
                "cosine": table["cosine"],
                "jaccard": found["jaccard"],
                "containment": found["containment"],
            }
        )
        yield from batches_of(pairs.filter(found["kind"].is_valid()))


def of_passages(
    work: Work, text_pairs: DataFrame, members: DataFrame, rows: DataFrame | None, kinds: list[str], *, name: str
) -> DataFrame:
    """The pairs of passages: those of texts, by the first passage of each, and each copy with the first of its text."""
    one = F.lit(1.0).cast("float")
    a, b = F.least("passage_id", "text_id").alias("a"), F.greatest("passage_id", "text_id").alias("b")
    copies = members.where("passage_id <> text_id").select(
        a,
        b,
        F.lit("exact").alias("kind"),
        F.lit(None).cast("float").alias("cosine"),
        one.alias("jaccard"),
        one.alias("containment"),
    )
    pairs = text_pairs.unionByName(copies).where(F.col("kind").isin(kinds))
    if rows is None:
        return work.stage(name, pairs)
    known, unknown = pairs.where("cosine is not null"), pairs.where("cosine is null").drop("cosine")
    sides = unknown.join(rows.toDF("a", "row_a"), "a").join(rows.toDF("b", "row_b"), "b")
    with_cosine = mapped(sides, _cosines, "a long, b long, kind string, cosine float, jaccard float, containment float")
    return work.stage(name, known.unionByName(with_cosine))


def _cosines(batches: Batches) -> Batches:
    for batch in batches:
        cosines = steps.dots(vectors(batch["row_a"]), vectors(batch["row_b"]))
        kept = {name: batch[name] for name in ("a", "b", "kind")}
        yield pa.RecordBatch.from_pydict(
            {**kept, "cosine": cosines, "jaccard": batch["jaccard"], "containment": batch["containment"]}
        )
