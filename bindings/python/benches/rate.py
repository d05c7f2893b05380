#!/usr/bin/env python3
"""Embedding from Python beside the command line: the same different texts, in turns.

    pip install dist/refrain-*.whl
    python bindings/python/benches/rate.py

Twice: the whole job (texts from a file of JSON Lines, rows into a .npy file, with the start of the program and the loading of
the model), and the model's pass alone, once it is warm (`refrain bench` beside `Embedder.embed`; the lengths of the texts
are known to the first, the second counts them). Neither uses the embedding store. Whether the rows are the same is looked
at as well. The table goes to benches/results/.
"""

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import refrain
from refrain._runtime import located

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = Path(os.environ.get("REFRAIN", ROOT / "target/release/refrain"))
LIBRARY = located({})["onnxruntime"]

# What a user would write.
JOB = """
import json, sys, numpy, refrain
texts = [json.loads(line)["text"] for line in open(sys.argv[1], encoding="utf-8")]
numpy.save(sys.argv[2], refrain.Embedder(no_cache=True).embed(texts))
"""


def different_texts(n: int) -> list[str]:
    """Lines of seeds/ again and again, each time with another number at the end; none too long for the model (600 Latin
    letters are not), since the program cuts such a text in two."""
    # The program takes the marks of a list for no part of the text.
    lines = [line.strip().lstrip("-•* ") for file in sorted((ROOT / "seeds").iterdir()) for line in file.read_text("utf-8").splitlines()]
    lines = list(dict.fromkeys(line for line in lines if 40 <= len(line) <= 600 and is_prose(line)))
    return [f"{lines[i % len(lines)]} {i}" for i in range(n)]


def is_prose(line: str) -> bool:
    """Not JSON, nor Chinese, Japanese or Korean, whose letters are tokens or several each."""
    return not line.startswith("{") and max(line) < "\u2e80"


def whole_job(texts: Path, folder: Path) -> dict[str, Callable[[], float]]:
    as_they_are = ["--segment", "document", "--min-chars", "1", "--no-cache", "-q", "--onnxruntime", LIBRARY]

    def seconds(command: list[str | Path]) -> float:
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start

    return {
        "program": lambda: seconds([PROGRAM, "embed", texts, "-o", folder / "program.npy", *as_they_are]),
        "python": lambda: seconds([sys.executable, "-c", JOB, texts, folder / "python.npy"]),
    }


def warm_pass(texts: Path) -> dict[str, Callable[[], float]]:
    given = [json.loads(line)["text"] for line in texts.read_text("utf-8").splitlines()]
    embedder = refrain.Embedder(no_cache=True)
    embedder.embed(given)
    # As JSON values, each a document of one passage.
    passages = texts.with_suffix(".json")
    passages.write_text(json.dumps(given))

    def program() -> float:
        command = [PROGRAM, "bench", passages, "--repeats", "1", "--format", "json", "--onnxruntime", LIBRARY]
        result = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["results"][0]
        return result["n_passages"] / result["passages_per_second"]["median"]

    def python() -> float:
        start = time.perf_counter()
        embedder.embed(given)
        return time.perf_counter() - start

    return {"program": program, "python": python}


def rates(n: int, rounds: int, contestants: dict[str, Callable[[], float]]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds):
        # Who begins changes from round to round.
        for name in list(contestants)[:: 1 if number % 2 == 0 else -1]:
            found[name].append(n / contestants[name]())
            print(f"round {number + 1}: {name} {found[name][-1]:.1f} texts/s", file=sys.stderr)
    return found


def row(what: str, found: dict[str, list[float]]) -> str:
    each = " | ".join(
        f"{statistics.median(found[name]):.1f} ({' · '.join(f'{rate:.1f}' for rate in found[name])})" for name in found
    )
    ratio = statistics.median(python / program for program, python in zip(found["program"], found["python"]))
    return f"| {what} | {each} | {ratio:.3f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=3000, help="how many (default 3000)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each runs (default 3)")
    arguments = parser.parse_args()
    n = arguments.texts
    with tempfile.TemporaryDirectory() as folder:
        texts = Path(folder, "texts.jsonl")
        texts.write_text("".join(json.dumps({"text": text}) + "\n" for text in different_texts(n)), "utf-8")
        job = rates(n, arguments.rounds, whole_job(texts, Path(folder)))
        is_same = np.array_equal(np.load(Path(folder, "program.npy")), np.load(Path(folder, "python.npy")))
        warm = rates(n, arguments.rounds, warm_pass(texts))
    flags = Path("/proc/cpuinfo").read_text().split()
    cpu = next(line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line)
    features = [feature for feature in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if feature in flags]
    today = datetime.date.today().isoformat()
    report = f"""# Embedding from Python beside the command line, {today}

{cpu}, {len(os.sched_getaffinity(0))} cores, {", ".join(features)}; Linux, Python {platform.python_version()}, NumPy
{np.__version__}, refrain {refrain.__version__}. Written by `bindings/python/benches/rate.py`, which says how.

{n} different texts: the lines of prose in `seeds/` that have 40 to 600 characters, each time with another number at the end. Texts/s, the
median of {arguments.rounds} rounds and each of them, in turns; the ratio is the median of the rounds' ratios.

| | `refrain` | Python | Python / `refrain` |
|---|---:|---:|---:|
{row("the whole job, from a file to a file", job)}
{row("the model's pass, warm", warm)}

The rows of both are {"the same, bit for bit" if is_same else "not the same"}.
"""
    (ROOT / f"benches/results/python-{today}.md").write_text(report)
    print(report, end="")


if __name__ == "__main__":
    main()
