"""refrain on Spark beside refrain on one machine: the same pairs, groups and themes, what is sent, and where the time goes.

    python spark.py join 1000000                            # synthetic rows through the join of reworded pairs
    python spark.py documents PATH --partitions 1 2 8       # a report both ways, with rows of the embedding store
    python spark.py documents PATH --k 221 --starts FILE    # k-means by passes of all workers, from these centroids

Spark runs in `local-cluster` mode, two executors of one core each; shuffled bytes and task time are those of its event log.
Writes a Markdown table to standard output.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

import refrain
from refrain import spark as refrain_spark

DIM = 384


def session(events: Path) -> SparkSession:
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master("local-cluster[2,1,4096]").appName("refrain")
    for name, value in {
        "spark.executor.memory": "4g",
        "spark.driver.memory": "4g",
        "spark.driver.maxResultSize": "2g",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": events.as_uri(),
        "spark.eventLog.rolling.enabled": "false",
        "spark.eventLog.compress": "false",
    }.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def stages(events: Path) -> dict[str, list[float]]:
    """For each stage of refrain: seconds of tasks, GB shuffled, and the most memory that a task's Python process had, in GB."""
    name_of: dict[int, str] = {}
    found: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for file in events.iterdir():
        for line in file.open(encoding="utf-8"):
            event = json.loads(line)
            if event["Event"] == "SparkListenerStageSubmitted":
                description = event.get("Properties", {}).get("spark.job.description", "")
                name_of[event["Stage Info"]["Stage ID"]] = description.removeprefix("refrain: ").split(",")[0]
            if event["Event"] == "SparkListenerTaskEnd" and event.get("Task Metrics"):
                metrics = event["Task Metrics"]
                of = found[name_of.get(event["Stage ID"], "")]
                of[0] += metrics["Executor Run Time"] / 1e3
                of[1] += metrics["Shuffle Write Metrics"]["Shuffle Bytes Written"] / 1e9
    return found


def show_stages(events: Path, n: int) -> None:
    print("\n| stage | core-seconds | for a million | shuffled, GB |\n|---|---:|---:|---:|")
    found = stages(events)
    for name, (seconds, shuffled) in sorted(found.items(), key=lambda of: -of[1][0]):
        if seconds >= 1:
            print(f"| {name or 'the driver’s questions'} | {seconds:.1f} | {seconds * 1e6 / n:.0f} | {shuffled:.3f} |")
    total = [sum(of[i] for of in found.values()) for i in range(2)]
    print(f"| all | {total[0]:.1f} | {total[0] * 1e6 / n:.0f} | {total[1]:.3f} |")


def rows(n: int) -> np.ndarray:
    """Unit rows about a thousand topics; one in ten is another row with noise, so that cosines about 0.9 are many."""
    random = np.random.default_rng(7)
    topics = random.normal(size=(1000, DIM)).astype(np.float32)
    found = np.empty((n, DIM), np.float32)
    for start in range(0, n, 50_000):
        some = slice(start, min(start + 50_000, n))
        size = some.stop - some.start
        noise = random.normal(size=(size, DIM)).astype(np.float32)
        found[some] = topics[random.integers(0, 1000, size)] * 0.7 + noise
        copies = np.flatnonzero(random.random(size) < 0.1)
        of = found[start + random.integers(0, size, len(copies))]
        found[start + copies] = of + noise[copies] * random.uniform(0.1, 0.8, (len(copies), 1)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def write_rows(n: int, path: Path) -> None:
    made = rows(n)
    schema = pa.schema({"text": pa.string(), "embedding": pa.list_(pa.float32())})
    with pq.ParquetWriter(path, schema) as out:
        for start in range(0, n, 50_000):
            part = made[start : start + 50_000]
            # Words that tell the rows apart and are not alike.
            texts = [np.random.default_rng(start + i).bytes(12).hex(" ", 3) for i in range(len(part))]
            values = pa.array(part.reshape(-1))
            lists = pa.ListArray.from_arrays(np.arange(0, len(values) + 1, DIM, np.int32), values)
            out.write_table(pa.table({"text": texts, "embedding": lists}, schema))


def pairs_of(table: pa.Table) -> dict[tuple[int, int], tuple[Any, ...]]:
    columns = [table[name].to_pylist() for name in ("a", "b", "kind", "cosine", "jaccard", "containment")]
    return {(a, b): tuple(rest) for a, b, *rest in zip(*columns, strict=True)}


def join(n: int, threshold: float, partitions: int | None, cell_rows: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (events := folder / "events").mkdir()
        write_rows(n, folder / "rows.parquet")
        table = pq.read_table(folder / "rows.parquet")
        begun = time.perf_counter()
        one = refrain.duplicates(table["text"], table["embedding"], kinds=["reworded"], threshold=threshold)
        of_one = time.perf_counter() - begun
        expected = pairs_of(pa.table(one.pairs))
        del table, one
        spark = session(events)
        begun = time.perf_counter()
        run = refrain_spark.duplicates(
            spark,
            str(folder / "rows.parquet"),
            str(folder / "out"),
            kinds=["reworded"],
            threshold=threshold,
            partitions=partitions,
            cell_rows=cell_rows,
        )
        of_spark = time.perf_counter() - begun
        found = pairs_of(run.pairs.toArrow())
        spark.stop()
        shuffled = sum(shuffled for name, (_, shuffled) in stages(events).items() if name == "reworded")
        print(
            f"{n:,} rows of {DIM} numbers, threshold {threshold}, {len(expected):,} pairs on one machine, {len(found):,} on Spark:"
        )
        print(f"{len(expected.keys() - found.keys())} only there, {len(found.keys() - expected.keys())} only here, ", end="")
        print(f"{sum(found[pair] != expected[pair] for pair in found.keys() & expected.keys())} of other figures.")
        cells, largest, replication = (run.figures[name] for name in ("cells", "largest_cell", "replication"))
        print(f"{cells:.0f} cells, the largest in {largest:.0f} parts; each row was sent {replication:.2f} times; ", end="")
        print(f"the join shuffled {shuffled:.2f} GB.")
        print(
            f"The search took {of_one:.0f} s on one machine; on Spark the whole run, with reading and writing, {of_spark:.0f} s."
        )
        show_stages(events, n)


def documents(path: str, partitions: list[int], options: dict[str, Any]) -> None:
    begun = time.perf_counter()
    one = refrain.report(path, **{name: value for name, value in options.items() if name != "driver_rows"})
    print(f"{len(one.passages):,} passages; one machine took {time.perf_counter() - begun:.0f} s.\n")
    expected, pairs = pa.table(one.passages), pairs_of(pa.table(one.duplicates))
    print(
        "| partitions | s | pairs | of other figures | missing | more | clusters that differ | similarity differs by | groups |"
    )
    print("|---:|---:|---:|---:|---:|---:|---:|---:|---|")
    for n_partitions in partitions:
        with tempfile.TemporaryDirectory() as scratch:
            (events := Path(scratch) / "events").mkdir()
            spark = session(events)
            begun = time.perf_counter()
            run = refrain_spark.report(spark, path, f"{scratch}/out", partitions=n_partitions, **options)
            seconds = time.perf_counter() - begun
            found = run.passages.orderBy("passage_id").toArrow()
            of_spark = pairs_of(run.pairs.toArrow())
            spark.stop()
            both = pairs.keys() & of_spark.keys()
            differs = np.abs(found["similarity_to_centroid"].to_numpy() - expected["similarity_to_centroid"].to_numpy())
            row = (
                n_partitions,
                f"{seconds:.0f}",
                f"{len(of_spark):,}",
                sum(pairs[pair] != of_spark[pair] for pair in both),
                len(pairs.keys() - both),
                len(of_spark.keys() - both),
                int((found["cluster_id"].to_numpy() != expected["cluster_id"].to_numpy()).sum()),
                f"{differs.max():.1e}",
                "the same" if found["duplicate_group"].to_pylist() == expected["duplicate_group"].to_pylist() else "differ",
            )
            print("| " + " | ".join(map(str, row)) + " |", flush=True)
            if n_partitions == partitions[-1]:
                show_stages(events, len(expected))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    of_rows = commands.add_parser("join")
    of_rows.add_argument("n", type=int)
    of_rows.add_argument("--threshold", type=float, default=0.9)
    of_rows.add_argument("--partitions", type=int)
    of_rows.add_argument("--cell-rows", type=int, default=200_000)
    of_documents = commands.add_parser("documents")
    of_documents.add_argument("path")
    of_documents.add_argument("--partitions", type=int, nargs="+", default=[8])
    of_documents.add_argument("--cache-dir")
    of_documents.add_argument("--no-cache", action="store_true")
    of_documents.add_argument("-k", type=int)
    of_documents.add_argument("--starts", help="a .npy file of (k, dim) centroids; the fit is then made by all workers")
    typed = parser.parse_args()
    if typed.command == "join":
        join(typed.n, typed.threshold, typed.partitions, typed.cell_rows)
        return
    options: dict[str, Any] = {"cache_dir": typed.cache_dir, "no_cache": typed.no_cache or None, "k": typed.k}
    if typed.starts:
        options |= {"init": np.load(typed.starts), "k": len(np.load(typed.starts)), "driver_rows": 0}
    documents(typed.path, typed.partitions, {name: value for name, value in options.items() if value is not None})


if __name__ == "__main__":
    main()
