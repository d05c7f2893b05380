"""Groups from pairs: the graph of pairs falls into components, and each component is split as on one machine."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from .._refrain import spark as steps
from ._engine import Batches, Work, batches_of, mapped, only, whole

_GROUPS = (
    "representative long, members array<long>, kind string, n_pairs long, across_sources boolean, "
    "least_cosine float, least_jaccard float, least_containment float"
)


def components(work: Work, edges: DataFrame) -> DataFrame:
    """For each end of an edge (a, b) the least number in its component (text_id, component).

    Alternating large and small stars (Kiveris, Lattanzi, Mirrokni, Rastogi and Vassilvitskii 2014, "Connected components in
    MapReduce and beyond"): every vertex hangs its neighbours on the least of them, until all hang on the least of all.
    """
    links = edges.select(F.greatest("a", "b").alias("u"), F.least("a", "b").alias("v")).where("u <> v").distinct()
    links = work.stage("components-0", links)
    before, n = _digest(links), 0
    while True:
        n += 1
        links = work.stage(f"components-{n}", _small_star(_large_star(links)))
        found = _digest(links)
        if found == before:
            break
        before = found
    hanging = links.select(F.col("u").alias("text_id"), F.col("v").alias("component"))
    roots = links.select(F.col("v").alias("text_id"), F.col("v").alias("component"))
    return work.stage("components", hanging.union(roots).distinct())


def _digest(links: DataFrame) -> tuple[int, ...]:
    sums = only(links.agg(F.count("*"), F.sum(F.xxhash64("u", "v").cast("decimal(38,0)"))))
    return tuple(int(value or 0) for value in sums)


def _large_star(links: DataFrame) -> DataFrame:
    both = links.union(links.select(F.col("v").alias("u"), F.col("u").alias("v")))
    least = both.groupBy("u").agg(F.min("v").alias("least")).select("u", F.least("u", "least").alias("least"))
    return both.join(least, "u").where("v > u").select(F.col("v").alias("u"), F.col("least").alias("v")).distinct()


def _small_star(links: DataFrame) -> DataFrame:
    least = links.groupBy("u").agg(F.min("v").alias("least"))
    hung = links.join(least, "u").where("v <> least").select(F.col("v").alias("u"), F.col("least").alias("v"))
    return hung.union(least.select("u", F.col("least").alias("v"))).distinct()


def grouped(work: Work, name: str, pairs: DataFrame, sides: dict[str, DataFrame], min_group: int) -> DataFrame:
    """The groups that pairs of passages make: duplicate_group (from 0, the largest first), members, and what holds them.

    `sides` has the components of texts, the texts, and of each passage its text and source.
    """
    of_passage = sides["members"].join(
        sides["passages"].select("passage_id", F.xxhash64("source").alias("source")), "passage_id"
    )
    words = sides["texts"].select("text_id", "text")
    # Of copies only the text decides, which is in the pairs that it has with others.
    is_of_texts = F.col("kind") != "exact"
    joined = pairs
    for side in ("a", "b"):
        joined = joined.join(of_passage.toDF(side, f"text_{side}", f"source_{side}"), side)
        mine = words.toDF(f"text_{side}", f"words_{side}")
        joined = joined.join(mine, f"text_{side}").withColumn(f"words_{side}", F.when(is_of_texts, F.col(f"words_{side}")))
    of_text = sides["components"].toDF("text_a", "component")
    placed = joined.join(of_text, "text_a", "left").withColumn("component", F.coalesce("component", "text_a"))
    found = mapped(placed.repartition(work.partitions, "component"), _group, _GROUPS, min_group=min_group)
    order: list[Column] = [F.size("members").desc(), F.col("members")[0]]
    return work.numbered(name, found, order, "duplicate_group")


def _group(batches: Batches, min_group: int) -> Batches:
    table = whole(batches)
    if table is not None:
        yield from batches_of(steps.groups(table, min_group))


def members_of(groups: DataFrame, *columns: str) -> DataFrame:
    """A row for each member of each group."""
    return groups.select(F.explode("members").alias("passage_id"), *columns)
