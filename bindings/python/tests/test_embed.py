"""Rows are those of `refrain embed`, whatever the texts come in."""

import json
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import refrain


def test_rows_are_the_programs(texts: list[str], cli: Callable[..., str], tmp_path: Path) -> None:
    corpus = tmp_path / "texts.jsonl"
    corpus.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    whole = ["--segment", "document", "--min-chars", 1, "--no-cache"]
    cli("embed", corpus, *whole, "-o", tmp_path / "rows.npy")
    rows = refrain.Embedder(no_cache=True).embed(texts)
    assert rows.shape == (len(texts), 384) and rows.dtype == np.float32
    assert np.array_equal(rows, np.load(tmp_path / "rows.npy"))
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-3)


@pytest.mark.parametrize(
    "given",
    [
        iter,
        np.array,
        pa.array,
        lambda texts: pa.array(texts, pa.large_string()),
        lambda texts: pa.array(texts, pa.string_view()),
        lambda texts: pa.array(["", *texts])[1:],
        lambda texts: pa.chunked_array([texts[:3], [], texts[3:]]),
        lambda texts: pa.table({"text": texts}),
        pl.Series,
        lambda texts: pl.DataFrame({"text": texts}),
        pd.Series,
        lambda texts: pd.Series(texts, dtype=object),
        lambda texts: pd.Series(texts, dtype=pd.ArrowDtype(pa.string())),
        lambda texts: duckdb.sql("select unnest($texts) as text", params={"texts": texts}),
    ],
)
def test_texts_come_in_many_ways(given: Callable[[list[str]], object], texts: list[str], embedder: refrain.Embedder) -> None:
    assert np.array_equal(embedder.embed(given(texts)), embedder.embed(texts))


def test_no_texts_have_rows_of_the_models_width(embedder: refrain.Embedder) -> None:
    assert embedder.embed([]).shape == (0, 384)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("one text", "texts: found str, expected a list of str, or an Arrow array of strings"),
        (3, "texts: found int"),
        (["a text", 3], "text 1: found int"),
        (["a text", None], "text 1 is missing"),
        (["\ud800"], "text 0: .*surrogates not allowed"),
        (pa.chunked_array([["a text"], ["another", None]]), "text 2 is missing"),
        (pa.array([1, 2]), "texts: found an Arrow array of Int64"),
        (pl.DataFrame({"a": ["x"], "b": ["y"]}), "texts: found an Arrow array of Struct"),
        (pa.StringArray.from_buffers(1, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")), "cannot be read"),
    ],
)
def test_what_is_no_text_is_refused(given: object, message: str, embedder: refrain.Embedder) -> None:
    with pytest.raises(refrain.InputError, match=message):
        embedder.embed(given)


def test_a_text_longer_than_the_model_reads_is_said_to_be(embedder: refrain.Embedder) -> None:
    with pytest.warns(refrain.RefrainWarning, match="1 text is longer than the 256 tokens") as caught:
        rows = embedder.embed(["word " * 1000, "word " * 250])
    assert rows[0] @ rows[1] > 0.99
    assert caught[0].filename.endswith("refrain/__init__.py") or caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        embedder.embed(["word " * 250])


def test_other_threads_go_on(texts: list[str]) -> None:
    """A thread that waits until this one is embedding, and works then, is done before the rows are."""
    embedder = refrain.Embedder(no_cache=True)
    many = [f"{text} {word}" for word in range(5) for text in texts]
    main, rows, was_early = threading.get_ident(), [], []

    def beside() -> None:
        while sys._current_frames()[main].f_code is not refrain.Embedder.embed.__code__:
            pass
        sum(range(10_000))
        was_early.append(not rows)

    thread = threading.Thread(target=beside)
    thread.start()
    rows.append(embedder.embed(many))
    thread.join()
    assert was_early == [True]


def test_two_threads_share_an_embedder(texts: list[str], embedder: refrain.Embedder) -> None:
    found: dict[int, np.ndarray] = {}
    threads = [threading.Thread(target=lambda i=i: found.update({i: embedder.embed(texts)})) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert np.array_equal(found[0], found[1])
