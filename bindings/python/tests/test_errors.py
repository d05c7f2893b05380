"""Errors are of the right class, with the command line's messages."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import refrain
from conftest import SEEDS


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 2}, "--threshold: found 2, expected a cosine above 0 and at most 1"),
        ({"threshold": "high"}, "--threshold: found high, expected a cosine above 0 and at most 1"),
        ({"k": 0}, "-k: found 0, expected at least 1"),
        ({"k": "many"}, "-k: found many, expected a number"),
        ({"min_chars": -1}, "--min-chars: found -1, expected a number, not below 0"),
        ({"kinds": ["exact", "alike"]}, "--kinds: found alike, expected exact, near, excerpt, reworded"),
        ({"provider": "gpu"}, "--provider: found gpu, expected auto, cpu, openvino"),
        ({"provider": "cpu", "precision": "bf16", "no_cache": True}, "--precision: found bf16 with --provider cpu"),
        ({"limit": ["file"]}, "--limit: found .*, expected a list of str .expected file, unpacked"),
        ({"across_sources": True, "within_sources": True}, "expected one of across_sources and within_sources"),
        ({"init": "nowhere"}, "--init: found nowhere, expected auto"),
        ({"k": 10_000}, "-k 10000: there are only"),
    ],
)
def test_an_option_out_of_range(options: dict[str, Any], message: str) -> None:
    with pytest.raises(refrain.OptionError, match=message) as raised:
        refrain.report(SEEDS, **options)
    assert isinstance(raised.value, refrain.Error) and isinstance(raised.value, ValueError)


def test_an_option_that_there_is_not() -> None:
    with pytest.raises(TypeError, match="there is no option treshold"):
        refrain.duplicates(["text"], kinds=["exact"], treshold=1)  # type: ignore[call-arg]
    refrain.duplicates(["text"], kinds=["exact"], threshold=None)


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(refrain.InputError, match="nowhere: cannot be read .*; name an existing file, folder or glob"):
        refrain.report("nowhere")
    with pytest.raises(refrain.ModelError, match="model nowhere: neither a folder nor a model at hand"):
        refrain.Embedder("nowhere")
    (tmp_path / "thesis.txt").write_text("text")
    with pytest.raises(refrain.OutputError, match="is not a refrain report, so it is not replaced"):
        refrain.report(SEEDS, output=tmp_path)


def test_a_runtime_that_is_none(tmp_path: Path) -> None:
    library = tmp_path / "libonnxruntime.so"
    library.write_text("short")
    script = f"import refrain; refrain.Embedder(onnxruntime={str(library)!r})"
    run = subprocess.run([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True)
    assert run.returncode == 1 and "RuntimeLibraryError: ONNX Runtime cannot be loaded from" in run.stderr


def test_rows_that_are_not_finite() -> None:
    rows = np.array([[1.0, 0.0], [np.inf, 1.0]])
    with pytest.raises(refrain.InputError, match="row 1 holds a number that is not finite"):
        refrain.duplicates(embeddings=rows)
