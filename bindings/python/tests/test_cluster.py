"""Clusters are those of `refrain cluster`, whatever the rows come in."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import refrain


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    """300 rows around 6 centres, none of unit length."""
    random = np.random.default_rng(42)
    centres = random.normal(size=(6, 24))
    return (centres[np.arange(300) % 6] + 0.3 * random.normal(size=(300, 24))).astype(np.float32)


def test_clusters_are_the_programs(rows: np.ndarray, cli: Callable[..., str], tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", rows)
    cli("cluster", tmp_path / "rows.npy", "-o", tmp_path / "report")
    found = refrain.cluster(rows)
    passages = pq.read_table(tmp_path / "report/passages.parquet")
    assert np.array_equal(found.assignment, passages["cluster_id"].to_numpy())
    assert np.array_equal(found.similarity, passages["similarity_to_centroid"].to_numpy())
    k = len(found.sizes)
    assert found.centroids.shape == (k, 24) and found.sizes.tolist() == sorted(found.sizes, reverse=True)
    assert found.sizes.tolist() == [int((found.assignment == cluster).sum()) for cluster in range(k)]


@pytest.mark.parametrize(
    "given",
    [
        lambda rows: rows.astype(np.float64),
        np.asfortranarray,
        lambda rows: np.repeat(rows, 2, axis=0)[::2],
        lambda rows: pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), 24),
        lambda rows: pa.chunked_array([pa.array(rows[:100].tolist(), pa.list_(pa.float32())), rows[100:].tolist()]),
        lambda rows: pl.Series(rows, dtype=pl.Array(pl.Float32, 24)),
        lambda rows: pl.DataFrame({"embedding": rows}),
    ],
)
def test_rows_come_in_many_ways(given: Callable[[np.ndarray], object], rows: np.ndarray) -> None:
    expected, found = refrain.cluster(rows, k=6), refrain.cluster(given(rows), k=6)
    assert np.array_equal(found.assignment, expected.assignment)
    assert np.array_equal(found.centroids, expected.centroids)


def test_options(rows: np.ndarray) -> None:
    assert len(refrain.cluster(rows, k=(2, 5), threads=1).sizes) in range(2, 6)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    assert len(refrain.cluster(rows, init=unit[:6]).sizes) == 6
    assert (refrain.cluster(rows, k=6, outliers=0.1).assignment == -1).sum() == 30
    assert refrain.cluster(rows, k=6, algorithm="linfa").n_iterations is None
    with pytest.warns(refrain.RefrainWarning, match="few for 50 clusters"):
        refrain.cluster(rows, k=50)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.array([[1.0, 0.0], [np.nan, 1.0]]), "rows: row 1 holds a number that is not finite"),
        (np.array([[1.0, 0.0], [0.0, 0.0]]), "rows: row 1 is all zeros"),
        (np.zeros((0, 3), np.float32), "rows: it holds 0 rows"),
        (np.array([1.0, 2.0]), r"rows: found ndarray, expected a NumPy array of shape \(n, dim\)"),
        ([[1.0, 2.0]], "rows: found list"),
        (pa.array([[1.0, 2.0], [1.0]]), "rows: row 1 is 1 wide, the rows before it 2"),
        (pa.array([[1.0, 2.0], None]), "rows: row 1: has no embedding"),
        (pa.array(["text"]), "rows: row 0: it is Utf8; expected lists"),
    ],
)
def test_what_are_no_rows_is_refused(given: object, message: str) -> None:
    with pytest.raises(refrain.InputError, match=message):
        refrain.cluster(given)
