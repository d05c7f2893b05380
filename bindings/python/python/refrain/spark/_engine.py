"""What the stages have in common: steps that run on workers, and tables that are written between stages.

A stage ends with a table that is written, and the next reads it. So what a lost worker had done and not yet written is done
again by Spark's own retries, and nothing before it; and the plan of a stage is never longer than the stage.
"""

import os
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import accumulate
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark import TaskContext
from pyspark.sql import Column, DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from .. import Error, Table, __version__

Batches = Iterator[pa.RecordBatch]
Step = Callable[[Batches], Batches]

_SHUFFLE_PARTITIONS = "spark.sql.shuffle.partitions"
# Bits of an id of monotonically_increasing_id() that count rows within a partition.
_ROW_BITS = 33


class VersionError(Error):
    """The driver and a worker have different versions of this package, which may find different things."""


class Work:
    """Where a run keeps the tables of its stages, and into how many partitions it divides them; what it sets of the session
    is as it was when the run ends."""

    def __init__(self, spark: SparkSession, folder: str, partitions: int | None = None) -> None:
        self.spark = spark
        self.folder = folder.rstrip("/")
        self.partitions = partitions or 4 * spark.sparkContext.defaultParallelism
        self._partitions_before = spark.conf.get(_SHUFFLE_PARTITIONS)

    def __enter__(self) -> Self:
        self.spark.conf.set(_SHUFFLE_PARTITIONS, self.partitions)
        return self

    def __exit__(self, *_: object) -> None:
        if self._partitions_before is not None:
            self.spark.conf.set(_SHUFFLE_PARTITIONS, self._partitions_before)
        self.spark.sparkContext.setJobDescription("")

    def stage(self, name: str, frame: DataFrame, *, at: str | None = None) -> DataFrame:
        """The frame, written: whoever reads it does not compute it again."""
        path = at or f"{self.folder}/{name}"
        self.spark.sparkContext.setJobDescription(f"refrain: {name}")
        frame.write.mode("overwrite").parquet(path)
        self.spark.sparkContext.setJobDescription(f"refrain: after {name}")
        # Given the schema, Spark need not ask the files for it.
        return self.spark.read.schema(frame.schema).parquet(path)

    def numbered(self, name: str, frame: DataFrame, order: Sequence[Column], column: str) -> DataFrame:
        """The frame with a column that counts its rows from 0 in this order, in which no two rows are equal."""
        ordered = self.stage(f"{name}-in-order", frame.orderBy(*order).withColumn("_at", F.monotonically_increasing_id()))
        partition = F.shiftright("_at", _ROW_BITS)
        sizes = ordered.groupBy(partition.alias("_partition")).count().orderBy("_partition").collect()
        starts = accumulate((size["count"] for size in sizes), initial=0)
        of_partition = [(size["_partition"], start) for size, start in zip(sizes, starts, strict=False)]
        starts_frame = self.spark.createDataFrame(of_partition, "_partition long, _start long")
        within = F.col("_at").bitwiseAND((1 << _ROW_BITS) - 1)
        numbered = ordered.withColumn("_partition", partition).join(F.broadcast(starts_frame), "_partition")
        return self.stage(name, numbered.withColumn(column, F.col("_start") + within).drop("_at", "_start", "_partition"))


def mapped(frame: DataFrame, step: Callable[..., Batches], schema: str, **given: Any) -> DataFrame:
    """The frame's rows by way of `step`, a function of a module, which gets a partition's batches and what is `given`."""
    return frame.mapInArrow(partial(_run, partial(step, **given), __version__), schema)


def _run(step: Step, version: str, batches: Batches) -> Batches:
    prepare(version)
    for batch in step(batches):
        # Whether a column may have missing values is the schema's to say: batches of one task must agree.
        yield pa.RecordBatch.from_arrays(batch.columns, names=batch.schema.names)


def prepare(version: str) -> None:
    """Called on a worker before anything else."""
    if version != __version__:
        raise VersionError(
            f"the driver has refrain {version} and the worker {socket.gethostname()} has {__version__}; install the same wheel"
        )
    os.environ.setdefault("RAYON_NUM_THREADS", str(cores()))


def cores() -> int:
    """Cores of the task that this is called in."""
    context = TaskContext.get()
    return context.cpus() if context is not None else 1


def batches_of(table: Table | pa.Table) -> Batches:
    """A table's rows as Spark takes them."""
    yield from pa.table(table).to_batches(max_chunksize=1 << 20)


def gathered(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    """The batches in tables of at least so many rows, the last perhaps of fewer."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        if batch.num_rows:
            held.append(batch)
        if sum(batch.num_rows for batch in held) >= rows:
            yield pa.Table.from_batches(held).combine_chunks()
            held = []
    if held:
        yield pa.Table.from_batches(held).combine_chunks()


def whole(batches: Iterable[pa.RecordBatch]) -> pa.Table | None:
    """All batches as one table; None if there is no row."""
    return next(gathered(batches, 1 << 62), None)


def one(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """A column's values in one piece."""
    if isinstance(column, pa.Array):
        return column
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)


def numbers(column: pa.ChunkedArray | pa.Array) -> npt.NDArray[Any]:
    """A column's numbers."""
    return np.ascontiguousarray(one(column).to_numpy(zero_copy_only=False))


def vectors(column: pa.ChunkedArray | pa.Array) -> npt.NDArray[np.float32]:
    """The (n, dim) float32 rows that a binary column holds, all of one size."""
    if isinstance(column, pa.ChunkedArray) and column.num_chunks != 1:
        # An array of bytes has 2 GB at most, rows have no limit.
        parts = [vectors(chunk) for chunk in column.chunks if len(chunk)]
        return np.concatenate(parts) if parts else np.empty((0, 0), np.float32)
    array = one(column)
    if len(array) == 0:
        return np.empty((0, 0), np.float32)
    _, offsets, data = array.buffers()
    first, second = np.frombuffer(offsets, np.int32, 2, array.offset * 4)
    values = np.frombuffer(data, np.uint8, len(array) * (second - first), first)
    # Numbers begin at a multiple of their size.
    return (values if first % 4 == 0 else values.copy()).view(np.float32).reshape(len(array), -1)


def binary(rows: npt.NDArray[np.float32]) -> pa.Array:
    """The rows as a binary column: Spark hands bytes on as they are, and numbers one by one."""
    rows = np.ascontiguousarray(rows, np.float32)
    size = rows.shape[1] * 4
    offsets = np.arange(len(rows) + 1, dtype=np.int32) * size
    return pa.Array.from_buffers(pa.binary(), len(rows), [None, pa.py_buffer(offsets), pa.py_buffer(rows)])


def only(frame: DataFrame) -> Row:
    """The row of a frame that has one."""
    [row] = frame.collect()
    return row
