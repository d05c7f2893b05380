"""What the tests share: the program, the seed documents, and the model."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

import refrain
from refrain._runtime import located

ROOT = Path(__file__).resolve().parents[3]
SEEDS = "seeds"


@pytest.fixture(autouse=True)
def in_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report names its paths as they are typed."""
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="session")
def cli() -> Callable[..., str]:
    """Runs the program, with the runtime of the Python package, and returns what it prints."""
    program = Path(os.environ.get("REFRAIN", ROOT / "target/release/refrain")).resolve()
    runtime = located({})["onnxruntime"]

    def run(*arguments: object) -> str:
        typed = [str(argument) for argument in arguments]
        return subprocess.run(
            [program, *typed, "-q", "--onnxruntime", runtime], check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT
        ).stdout

    return run


@pytest.fixture(scope="session")
def report() -> refrain.Report:
    os.chdir(ROOT)
    return refrain.report(SEEDS)


@pytest.fixture(scope="session")
def texts(report: refrain.Report) -> list[str]:
    """The passages of the seed documents."""
    return pa.table(report.passages)["text"].to_pylist()


@pytest.fixture(scope="session")
def embedder() -> refrain.Embedder:
    return refrain.Embedder()
