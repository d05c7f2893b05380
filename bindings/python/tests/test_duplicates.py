"""Duplicates of texts and rows are those of a report on them."""

import numpy as np
import pyarrow as pa
import pytest

import refrain

PAIR = ["a", "b", "kind", "cosine", "jaccard", "containment"]


def test_pairs_are_the_reports(report: refrain.Report, texts: list[str], embedder: refrain.Embedder) -> None:
    expected = pa.table(report.duplicates)
    for found in [
        refrain.duplicates(texts, embedder.embed(texts)),
        refrain.duplicates(pa.array(texts), embedder=embedder),
        refrain.duplicates(iter(texts)),
    ]:
        assert found.pairs.column_names == PAIR
        assert pa.table(found.pairs) == expected
    passages = pa.table(report.passages)
    in_report = passages["duplicate_group"].to_pylist()
    assert found.group_of.tolist() == [-1 if group is None else group for group in in_report]
    groups = pa.table(found.groups).to_pylist()
    for number, group in enumerate(groups):
        assert group["members"] == np.flatnonzero(found.group_of == number).tolist()
        assert found.kept[group["representative"]] and found.kept[group["members"]].sum() == 1
    assert found.kept.sum() == len(texts) - sum(len(group["members"]) - 1 for group in groups)


def test_texts_alone_need_no_model(texts: list[str]) -> None:
    found = pa.table(refrain.duplicates(texts, kinds=["exact", "excerpt"]).pairs)
    assert set(found["kind"].to_pylist()) <= {"exact", "excerpt"}
    assert found["cosine"].null_count == len(found) > 0


def test_rows_alone_are_compared_by_cosine() -> None:
    rows = np.array([[1.0, 0.0], [2.0, 0.1], [0.0, 1.0]])
    found = refrain.duplicates(embeddings=rows, threshold=0.9)
    assert [(pair["a"], pair["b"], pair["kind"]) for pair in pa.table(found.pairs).to_pylist()] == [(0, 1, "reworded")]
    assert found.group_of.tolist() == [0, 0, -1] and found.kept.tolist().count(True) == 2


def test_more_pairs_than_are_kept_are_a_warning() -> None:
    with pytest.warns(refrain.RefrainWarning, match="pairs are left out"):
        found = refrain.duplicates(["the same text"] * 9, kinds=["exact"], max_pairs=3)
    assert len(found.pairs) == 3


def test_what_does_not_fit_together_is_refused() -> None:
    with pytest.raises(refrain.InputError, match="2 texts and 1 embeddings; give one for each text"):
        refrain.duplicates(["one", "two"], np.ones((1, 2)))
    with pytest.raises(refrain.InputError, match="neither texts nor embeddings"):
        refrain.duplicates()
