"""refrain on Apache Spark: the same report, of a corpus that one machine does not hold.

    from refrain import spark as refrain_spark

    run = refrain_spark.report(spark, ["s3a://corpus/articles"], "s3a://corpus/report", threshold=0.92)
    run.report.themes, run.pairs, run.groups

or `python -m refrain.spark report --input … --output …`. The wheel and pyspark 4 are installed on the driver and on every
worker (`pip install refrain[spark]`), in the same version, which is checked.

Paths are what Spark reads on every machine: files and folders of any format that refrain reads, each file by one task (2 GB
at most, archives included), and Parquet (a file, or a folder of nothing else), whose rows are read wherever they are. A row is a
document; with columns `text` and `embedding` it is a passage, and no model is run. Hidden files are left out, as Spark does.

A stage ends with a table under `output/_stages`, which is deleted at the end. A worker that dies costs its tasks, a row that
cannot be read costs itself and is counted among the report's warnings.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Unpack

try:
    from pyspark.sql import DataFrame, SparkSession
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(f"{missing}; refrain.spark needs it: pip install 'refrain[spark]'") from missing

from .._refrain import spark as steps
from . import _clustering, _embedding, _pairs, _reading, _report
from ._engine import VersionError, Work
from ._files import STAGES, Files
from ._report import Run

if TYPE_CHECKING:
    from ..options import ReportOptions

__all__ = ["Run", "VersionError", "duplicates", "embed", "report", "themes"]


def report(
    spark: SparkSession,
    paths: str | Sequence[str],
    output: str,
    *,
    partitions: int | None = None,
    driver_rows: int = _clustering.DRIVER_ROWS,
    cell_rows: int = _pairs.CELL_ROWS,
    **options: "Unpack[ReportOptions]",
) -> Run:
    """Themes and duplicates of all passages under `paths`, with the options and names of `refrain.report`.

    `output`, a folder anywhere that Spark writes, gets passages.parquet, duplicates.parquet, groups.parquet, themes.parquet,
    report.json, themes.csv and report.html. Shuffles have `partitions` partitions (default: four for each core); how many
    decides nothing that is found. The fit of k-means is made on the driver if it needs at most `driver_rows` rows, else by
    passes over the rows on all workers. `cell_rows` rows are at home in a cell of the join of reworded pairs: with more, rows
    are sent less often, and a task holds more of them (3.5 kB each, of 384 numbers).

    Pairs are those of any two sources and all of them are kept. `across_sources`, `within_sources`, `label_column`,
    `max_pairs`, `include`, `exclude`, `threads`, a share of `outliers` and `algorithm="linfa"` are refused.
    """
    return _report.run(spark, paths, output, dict(options), partitions=partitions, driver_rows=driver_rows, cell_rows=cell_rows)


def duplicates(
    spark: SparkSession,
    paths: str | Sequence[str],
    output: str,
    *,
    partitions: int | None = None,
    cell_rows: int = _pairs.CELL_ROWS,
    **options: "Unpack[ReportOptions]",
) -> Run:
    """The duplicates alone. With `kinds` that leave out "reworded" no model is run."""
    return _report.run(spark, paths, output, dict(options), themes=False, partitions=partitions, cell_rows=cell_rows)


def themes(
    spark: SparkSession,
    paths: str | Sequence[str],
    output: str,
    *,
    partitions: int | None = None,
    driver_rows: int = _clustering.DRIVER_ROWS,
    **options: "Unpack[ReportOptions]",
) -> Run:
    """The themes alone."""
    return _report.run(spark, paths, output, dict(options), duplicates=False, partitions=partitions, driver_rows=driver_rows)


def embed(
    spark: SparkSession,
    paths: str | Sequence[str],
    output: str,
    *,
    partitions: int | None = None,
    **options: "Unpack[ReportOptions]",
) -> DataFrame:
    """The passages with their embeddings, in `output`/embedded.parquet, which `report` takes as input.

    The columns are source, document, start, end, text, n_tokens and embedding, the numbers of a row of unit length as
    little-endian float32.
    """
    steps.decided(options)
    output = output.rstrip("/")
    files = Files(spark)
    files.claim(output)
    with Work(spark, f"{output}/{STAGES}", partitions) as work:
        read = _reading.read(work, [paths] if isinstance(paths, str) else list(paths), dict(options))
        embedded = _embedding.embed(work, read.passages, dict(options)).select("passage_id", "embedding")
        found = read.passages.join(embedded, "passage_id").orderBy("passage_id").drop("passage_id")
        written = work.stage("embedded.parquet", found, at=f"{output}/embedded.parquet")
    files.delete(work.folder)
    return written
