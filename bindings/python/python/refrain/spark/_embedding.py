"""Passages get their rows."""

from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame

from .. import Embedder
from ..options import EngineOptions
from ._engine import Batches, Work, binary, cores, gathered, mapped, numbers

# Passages that are sorted by length and embedded at a time: what a task holds.
_AT_ONCE = 16_384
# The model of this process, which runs the tasks of one executor one after the other, and what it was loaded for.
_loaded: tuple[dict[str, Any], Embedder] | None = None


def embed(work: Work, passages: DataFrame, options: dict[str, Any]) -> DataFrame:
    """passage_id, embedding (the numbers of a row as little-endian float32), model and remarks of each passage."""
    engine = {name: value for name, value in options.items() if name == "model" or name in EngineOptions.__annotations__}
    spread = passages.select("passage_id", "text", "n_tokens").repartition(work.partitions, "passage_id")
    return work.stage(
        "embedding", mapped(spread, _embed, "passage_id long, embedding binary, model string, remarks string", options=engine)
    )


def _embed(batches: Batches, options: dict[str, Any]) -> Batches:
    for table in gathered(batches, _AT_ONCE):
        rows, model, remarks = _embedder(options)._embed_passages(table["text"], numbers(table["n_tokens"]))
        n = len(rows)
        yield pa.RecordBatch.from_pydict(
            {
                "passage_id": table["passage_id"].combine_chunks(),
                "embedding": binary(rows),
                "model": pa.array([model] * n),
                "remarks": pa.array([remarks if i == 0 and remarks != "[]" else None for i in range(n)], pa.string()),
            }
        )


def _embedder(options: dict[str, Any]) -> Embedder:
    """Loads the model once, with as many threads as a task has cores."""
    global _loaded
    if _loaded is None or _loaded[0] != options:
        _loaded = (options, Embedder(**{"threads": cores(), **options}))
    return _loaded[1]
