"""Files wherever Spark reads and writes, through Hadoop's file systems."""

from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from .. import InputError, OutputError

# Where in the output folder a run keeps the tables of its stages.
STAGES = "_stages"


class Files:
    """The file systems of a session."""

    def __init__(self, spark: SparkSession) -> None:
        self._java: Any = spark.sparkContext._jvm
        self._configuration = spark.sparkContext._jsc.hadoopConfiguration()

    def _opened(self, typed: str) -> tuple[Any, Any]:
        path = self._java.org.apache.hadoop.fs.Path(typed)
        return path, path.getFileSystem(self._configuration)

    def roots(self, typed: str) -> list[tuple[str, str]]:
        """The files and folders that a path or a glob names, with the names that they are shown by."""
        path, system = self._opened(typed)
        if system.exists(path):
            return [(system.makeQualified(path).toString(), typed.rstrip("/"))]
        matches = [status.getPath().toString() for status in system.globStatus(path) or []]
        if not matches:
            raise InputError(f"{typed}: there is no such file or folder; name what every worker can read")
        return [(match, match.removeprefix("file:")) for match in matches]

    def is_file(self, typed: str) -> bool:
        path, system = self._opened(typed)
        return bool(system.isFile(path))

    def is_all_parquet(self, typed: str) -> bool:
        """Whether it is a Parquet file, or a folder with nothing else in it that Spark looks at."""
        path, system = self._opened(typed)
        if typed.rstrip("/").endswith(".parquet"):
            return True
        if not system.exists(path) or system.isFile(path):
            return False
        names = [status.getPath().getName() for status in system.listStatus(path)]
        shown = [name for name in names if not name.startswith(("_", "."))]
        return bool(shown) and all(name.endswith(".parquet") for name in shown)

    def claim(self, folder: str) -> None:
        """Refuses a folder that holds anything but a report, or what a run that died has left of one."""
        path, system = self._opened(folder)
        if not system.exists(path):
            return
        names = {status.getPath().getName() for status in system.listStatus(path)}
        if system.isFile(path) or (names and not names & {"report.json", STAGES}):
            raise OutputError(f"{folder}: exists and is not a refrain report, so it is not replaced; choose another folder")

    def put(self, local: Path, folder: str) -> None:
        """Copies a file of the driver's into a folder, in place of one of that name."""
        path, system = self._opened(folder)
        source = self._java.org.apache.hadoop.fs.Path(local.as_uri())
        system.copyFromLocalFile(False, True, source, self._java.org.apache.hadoop.fs.Path(path, local.name))

    def delete(self, folder: str) -> None:
        path, system = self._opened(folder)
        system.delete(path, True)
