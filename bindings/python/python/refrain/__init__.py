"""refrain: what keeps coming back in a pile of documents.

The themes that sources share, and the passages that recur, whether copied, edited, excerpted or reworded; on your own
machine and offline. Options have the names, the defaults and the meaning of the command line's (`refrain report --help`).

Texts are a list of str (any iterable), or what has Arrow's PyCapsule interface: an array of pyarrow, a series of Polars or
pandas, a table of one column such as a relation of DuckDB. Rows are a NumPy array of shape (n, dim) of float32 or float64,
or an Arrow array of lists of them. What comes back is NumPy arrays, and tables that `pyarrow.table(…)`,
`polars.DataFrame(…)` and other readers of the PyCapsule interface take without copying.

While refrain works, other Python threads go on, and Ctrl-C raises KeyboardInterrupt.
"""

from collections.abc import Iterable, Sequence
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Unpack, cast

import numpy as np
import numpy.typing as npt

from . import _refrain, _runtime
from ._arrow import ArrowArray
from ._errors import (
    Error,
    InputError,
    ModelError,
    OptionError,
    OtherError,
    OutputError,
    RefrainWarning,
    RuntimeLibraryError,
)
from ._refrain import Clustering, Duplicates, Report, Table, __version__

if TYPE_CHECKING:
    from .options import Array, ClusterOptions, DuplicateOptions, EngineOptions, ReportOptions

__all__ = [
    "Clustering",
    "Duplicates",
    "Embedder",
    "Error",
    "InputError",
    "ModelError",
    "OptionError",
    "OtherError",
    "OutputError",
    "RefrainWarning",
    "Report",
    "RuntimeLibraryError",
    "Table",
    "__version__",
    "cluster",
    "duplicates",
    "report",
]


def report(
    paths: "str | PathLike[str] | Sequence[str | PathLike[str]]",
    *,
    output: "str | PathLike[str] | None" = None,
    **options: "Unpack[ReportOptions]",
) -> Report:
    """Themes and duplicates of the documents under `paths` (files, folders, globs, or .npy and Parquet files of rows).

    With `output` the report folder is written there as well, as `refrain report -o` does. The options are those of
    `refrain.options.ReportOptions`.

    The report has three tables: `themes`, a row for each; `duplicates`, a row for each pair, `a` and `b` being
    `passage_id`s; `passages`, a row for each, with its source, document, byte span, text, theme (`cluster_id`, −1: none) and
    duplicate group. `warnings` says what was skipped, damaged or decided otherwise than asked; `save(folder)` writes the
    report folder; `print(report)` prints the command line's summary.

    Raises InputError, OptionError, ModelError, RuntimeLibraryError, OutputError.
    """
    typed = [paths] if isinstance(paths, str | PathLike) else paths
    return _refrain.report([fspath(path) for path in typed], output, _runtime.located(dict(options)))


class Embedder:
    """A model, loaded once and kept.

    `model` is all-MiniLM-L6-v2, which is in the package (384 dimensions, reads 256 tokens), the name of another model at
    hand, or a folder with `model.onnx`, `tokenizer.json` and `model.toml`. The options are those of
    `refrain.options.EngineOptions`. Rows are kept in the embedding store, as on the command line, unless `no_cache=True`.

    Raises OptionError, ModelError, RuntimeLibraryError.
    """

    def __init__(self, model: "str | PathLike[str]" = "all-MiniLM-L6-v2", **options: "Unpack[EngineOptions]") -> None:
        self._embedder = _refrain.Embedder(_runtime.located({**options, "model": model}))

    def embed(self, texts: "Iterable[str] | ArrowArray") -> npt.NDArray[np.float32]:
        """An array of shape (n, dim) of float32, with a row of unit length for each text.

        A row depends on the model and the text, not on the other texts: to 1e-5 in f32, 1e-3 in bf16. Of a text longer
        than the model reads, only the beginning is embedded, which is a RefrainWarning.

        Raises InputError for what is no text or is missing, ModelError.
        """
        return self._embedder.embed(texts)

    def _embed_passages(self, texts: "ArrowArray", n_tokens: npt.NDArray[np.int32]) -> tuple[npt.NDArray[np.float32], str, str]:
        return self._embedder.embed_passages(texts, n_tokens)


def cluster(rows: "Array | ArrowArray", **options: "Unpack[ClusterOptions]") -> Clustering:
    """K-means on rows, each divided by its length first, so that what is near is near by cosine.

    The options are those of `refrain.options.ClusterOptions`: `k="auto"`, a number or two limits, `init`, `restarts`,
    `max_iterations`, `train_per_cluster`, `algorithm`, `outliers`, `seed`, `threads`.

    For n rows of dim numbers the clustering has: `centroids`, (k, dim) float32, means of the clusters' rows; `assignment`,
    (n,) int32, −1 for an outlier; `similarity`, (n,) float32, cosine to the nearest centroid, −1 to 1; `sizes`, (k,) int64,
    largest first, without outliers; `inertia`, the sum of squared distances to the nearest centroid; `n_iterations` of the
    fit that was kept, None with `algorithm="linfa"`.

    Raises InputError for rows that are not finite or all zeros, OptionError.
    """
    return _refrain.cluster(rows, dict(options))


def duplicates(
    texts: "Iterable[str] | ArrowArray | None" = None,
    embeddings: "Array | ArrowArray | None" = None,
    *,
    embedder: Embedder | None = None,
    **options: "Unpack[DuplicateOptions]",
) -> Duplicates:
    """Texts that recur, and rows that are alike.

    Texts without `embeddings` are embedded with `embedder` (default: `Embedder()`), if reworded pairs are asked for; with
    `kinds=["exact", "near", "excerpt"]` no model is used. Embeddings without texts give reworded pairs only. The options are
    those of `refrain.options.DuplicateOptions`: `threshold=0.9`, `kinds`, `min_group`, `max_pairs`, `threads`.

    For n texts the duplicates have: `pairs`, a table with `a < b` (indices of texts), `kind`, and the evidence `cosine`
    (−1 to 1; missing without rows), `jaccard` and `containment` (0 to 1); `groups`, a table with `representative`, `members`
    and the weakest link of each; `group_of`, (n,) int32, −1 for none; `kept`, (n,) bool, whether the text stays if each
    group keeps its representative only.

    Raises InputError, OptionError, and what `Embedder` raises.
    """
    kinds = options.get("kinds")
    if texts is not None and embeddings is None and (kinds is None or "reworded" in kinds):
        texts = texts if _is_arrow(texts) else list(cast("Iterable[str]", texts))
        embeddings = (embedder or Embedder(threads=options.get("threads"))).embed(texts)
    return _refrain.duplicates(texts, embeddings, dict(options))


def _is_arrow(texts: Any) -> bool:
    return hasattr(texts, "__arrow_c_array__") or hasattr(texts, "__arrow_c_stream__")
