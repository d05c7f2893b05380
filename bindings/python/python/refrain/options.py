"""The options of the command line, with its names; what is left out or None is at the command line's default."""

from collections.abc import Sequence
from os import PathLike
from typing import Literal, TypedDict

import numpy as np
import numpy.typing as npt

Path = str | PathLike[str]
Kind = Literal["exact", "near", "excerpt", "reworded"]
Array = npt.NDArray[np.float32] | npt.NDArray[np.float64]


class _Threads(TypedDict, total=False):
    threads: int | None
    """Threads to use; 0 or None: one for each core."""


class EngineOptions(_Threads, total=False):
    """What embeds."""

    provider: Literal["auto", "cpu", "openvino"] | None
    """What runs the model; default: the fastest that the runtime and the CPU offer."""
    precision: Literal["auto", "f32", "bf16"] | None
    """The number format of the model's matrix products; default: the fastest that the provider and the CPU offer."""
    batch_tokens: int | None
    """Tokens of a batch at most, padding included; default 1024."""
    allow_dynamic_quantization: bool | None
    """Run a dynamically quantised model one text at a time; default: refuse it."""
    no_cache: bool | None
    """Neither use nor fill the embedding store."""
    cache_dir: Path | None
    """refrain's cache folder; default: refrain in the user's cache folder."""
    offline: bool | None
    """Never fetch anything."""
    onnxruntime: Path | None
    """The ONNX Runtime library to load; default: that of ORT_DYLIB_PATH, or of the package that came with this one.
    A process has one: whoever asks first decides."""


class ClusterOptions(_Threads, total=False):
    """How themes are found."""

    k: int | tuple[int, int] | Literal["auto"] | None
    """Number of clusters; two numbers are limits for "auto", which is the default: 4 to √n."""
    init: Literal["auto", "kmeans++", "kmeans||", "random"] | Path | Array | None
    """Where a fit begins; an array (or a .npy file) holds (k, dim) centroids."""
    restarts: int | None
    """Fits from different starts, of which the best is kept; default 10."""
    max_iterations: int | None
    """Iterations of a fit at most; default 300."""
    train_per_cluster: int | None
    """Fit on a sample of this many rows for each cluster where there are more; default 256."""
    algorithm: Literal["lloyd", "linfa"] | None
    """What finds the centroids; default: Lloyd's iteration on matrix products."""
    outliers: float | None
    """The share of rows that are to be in no cluster, 0 to 1; default: those beyond Tukey's fences of theirs."""
    seed: int | None
    """Decides every random choice; default 42."""


class DuplicateOptions(_Threads, total=False):
    """What counts as a duplicate."""

    threshold: float | None
    """Least cosine similarity of a reworded pair, above 0 and at most 1; default 0.9."""
    kinds: Sequence[Kind] | None
    """Kinds of duplicates to look for; default: all."""
    min_group: int | None
    """Leave out groups of fewer members; default 2."""
    max_pairs: int | None
    """Of more pairs than this, keep the strongest; default 10,000,000."""


class ReportOptions(EngineOptions, ClusterOptions, DuplicateOptions, total=False):
    """All that decides a report."""

    model: Path | None
    """A model at hand or a folder with one; default: all-MiniLM-L6-v2, which is in the package."""
    include: Sequence[str] | None
    """Of the files in folders, only those that match one of these globs."""
    exclude: Sequence[str] | None
    """Of the files in folders, not those that match one of these globs."""
    input_format: (
        Literal[
            "auto",
            "text",
            "markdown",
            "html",
            "json",
            "jsonl",
            "csv",
            "parquet",
            "feed",
            "mail",
            "docx",
            "odt",
            "epub",
        ]
        | None
    )
    """The format of every input; default: recognised for each by its content."""
    text_column: str | None
    """Of rows, the column with the text; default: text, content, body and the like."""
    id_column: str | None
    """Of rows, the column that a row is cited by; default: the number of its line."""
    source_column: str | None
    """Of rows, the column with the row's source; default: the file."""
    date_column: str | None
    """Of rows, the column with the date; default: date, published and the like."""
    label_column: str | None
    """Of JSON rows, the column with what a row is known to be about, to be compared with the themes."""
    limit: Sequence[str] | None
    """The most that is read, such as ["file=8G", "row=64M"]."""
    html: Literal["main", "full"] | None
    """Which text of HTML pages counts; default: the main text."""
    segment: Literal["paragraph", "line", "document"] | None
    """Where passages end; default: at paragraph ends."""
    min_chars: int | None
    """Passages of fewer characters are left out; default 40."""
    across_sources: bool | None
    """Only pairs of passages from different sources."""
    within_sources: bool | None
    """Only pairs of passages from the same source."""
    boilerplate: float | None
    """What stands in at least this share of a source's documents is its boilerplate, 0 to 1; default 0.2."""
