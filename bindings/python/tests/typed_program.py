"""Never run: what mypy must take, with the types that come out."""

from pathlib import Path
from typing import assert_type

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]

import refrain
from refrain.options import ReportOptions

options: ReportOptions = {"k": (10, 200), "min_chars": 60, "kinds": ["exact", "near"]}
report = refrain.report(["seeds", Path("more")], output="out", **options)
assert_type(report.themes, refrain.Table)
assert_type(report.warnings, list[str])
report.save(Path("folder"))

rows = refrain.Embedder(provider="cpu", threads=2).embed(pl.Series(["a text"]))
assert_type(rows, npt.NDArray[np.float32])
found = refrain.cluster(rows, k="auto", seed=1)
assert_type(found.assignment, npt.NDArray[np.int32])
pairs = refrain.duplicates(["a text"], rows, threshold=0.95)
assert_type(pairs.kept, npt.NDArray[np.bool_])
frame = pl.DataFrame(pairs.pairs)
table = pa.table(pairs.groups)

refrain.cluster(rows, k="many")  # type: ignore[arg-type]
refrain.report("seeds", min_char=3)  # type: ignore[call-arg]
