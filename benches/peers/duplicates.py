#!/usr/bin/env python3
"""Pairs of rows that are alike: refrain beside what one would use instead, on the same rows and machine.

    python -m venv A && A/bin/pip install -r benches/peers/requirements-duplicates.txt
    cargo build --release
    target/release/refrain embed CORPUS -o rows.npy
    A/bin/python benches/peers/duplicates.py rows.npy --check
    A/bin/python benches/peers/duplicates.py --growth 125000 250000 500000 1000000

Rows that stand several times are taken once. Contestants take turns: each round runs every one of
them once, in a process of its own on all cores. What is timed:

- refrain: the whole stage of `refrain duplicates rows.npy --kinds reworded`, with evidence and groups,
  as run.json has it;
- faiss: `IndexFlatIP`, `add` and `range_search`, which finds every pair twice;
- SemHash: `from_embeddings` and `self_deduplicate`, its records being the rows' numbers. It is
  approximate, and looks at 100 neighbours of each row.

Reading the rows is not timed. The table in benches/results/ has the medians of the rounds, and how many
times as fast as a peer refrain was in the same round (the median of these ratios). --check compares
refrain's pairs with brute force in f64. --growth times refrain alone, on rows made here: clusters of five
around directions whose spectrum falls as 1/k, as that of text embeddings does about, from a fixed seed.
"""

import argparse
import csv
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CORES = len(os.sched_getaffinity(0))
CLUSTER = 5
DIM = 384


def refrain(rows: Path, threshold: float, binary: Path, pairs: bool = False) -> dict:
    """Times refrain; with `pairs`, has the pairs too, as numbers of rows."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "report")
        command = [binary, "duplicates", rows, "--kinds", "reworded", "--threshold", str(threshold), "-o", out, "-q"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        run = json.loads((out / "run.json").read_text())
        counts = json.loads((out / "report.json").read_text())["header"]["counts"]
        found = {
            "seconds": run["seconds_duplicates"],
            "seconds_reading": run["seconds_reading"],
            "peak_memory": run["peak_memory_bytes"],
            "pairs": counts["pairs"]["reworded"],
            "made_with": f"refrain {run['refrain']}",
        }
        if pairs:
            with (out / "duplicates.csv").open(newline="") as file:
                number = lambda name: int(name.rsplit("#", 1)[1]) - 1
                found["list"] = {(number(row["a_document"]), number(row["b_document"])) for row in csv.DictReader(file)}
        return found


def faiss_range_search(rows: np.ndarray, threshold: float) -> dict:
    import faiss

    begun = time.perf_counter()
    index = faiss.IndexFlatIP(rows.shape[1])
    index.add(rows)
    limits, _, _ = index.range_search(rows, threshold)
    seconds = time.perf_counter() - begun
    return {"seconds": seconds, "pairs": (int(limits[-1]) - len(rows)) // 2, "made_with": f"faiss-cpu {version('faiss-cpu')}"}


def semhash(rows: np.ndarray, threshold: float) -> dict:
    from semhash import SemHash

    records = [str(i) for i in range(len(rows))]
    begun = time.perf_counter()
    # No model is asked for anything: the rows are given.
    index = SemHash.from_embeddings(embeddings=rows, records=records, model=None)
    result = index.self_deduplicate(threshold=threshold)
    seconds = time.perf_counter() - begun
    found = {frozenset((r.record, other)) for r in result.filtered for other, _ in r.duplicates if other != r.record}
    return {"seconds": seconds, "pairs": len(found), "made_with": f"semhash {version('semhash')}, usearch {version('usearch')}"}


CONTESTANTS = {
    "refrain": "refrain, all pairs",
    "faiss": "faiss `IndexFlatIP.range_search`, all pairs twice",
    "semhash": "SemHash build and deduplicate, approximate (pairs that its result shows)",
}


def run_once(name: str, rows: Path, threshold: float, binary: Path) -> dict:
    command = [sys.executable, __file__, rows, "--threshold", str(threshold), "--refrain", binary, "--contestant", name]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def brute_force(rows: np.ndarray, threshold: float) -> tuple[set, set]:
    """Pairs by products in f64: those surely above the threshold, and those that may be."""
    exact = rows.astype(np.float64)
    surely, maybe = set(), set()
    step = 1024
    for start in range(0, len(exact), step):
        products = exact[start : start + step] @ exact[start:].T
        for i, j in zip(*np.nonzero(products >= threshold - 1e-6), strict=True):
            if i < j:
                pair = (start + int(i), start + int(j))
                maybe.add(pair)
                if products[i, j] >= threshold + 1e-6:
                    surely.add(pair)
    return surely, maybe


def synthetic(n: int, seed: int = 42) -> np.ndarray:
    random = np.random.default_rng(seed)
    spectrum = (1 / np.sqrt(np.arange(1, DIM + 1))).astype(np.float32)
    turn = np.linalg.qr(random.standard_normal((DIM, DIM)))[0].astype(np.float32)
    rows = np.empty((n, DIM), np.float32)
    step = CLUSTER * 10_000
    for start in range(0, n, step):
        size = min(step, n - start)
        centres = random.standard_normal((-(-size // CLUSTER), DIM), np.float32)
        noise = random.standard_normal((size, DIM), np.float32) * random.uniform(0.1, 0.6, (size, 1)).astype(np.float32)
        part = ((np.repeat(centres, CLUSTER, axis=0)[:size] + noise) * spectrum) @ turn
        rows[start : start + size] = part / np.linalg.norm(part, axis=1, keepdims=True)
    # So that those of a cluster do not stand together.
    return rows[random.permutation(n)]


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    field = lambda key: next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), "")
    flags = field("flags").split()
    kernel = next((name for flag, name in (("avx512_vnni", "AVX-512 VNNI"), ("avx2", "AVX2")) if flag in flags), "portable")
    return f"{field('model name')}, {CORES} cores, refrain's kernel {kernel}; Linux, Python {platform.python_version()}"


def compare(file: Path, rows: np.ndarray, arguments: argparse.Namespace) -> str:
    results = {name: [] for name in CONTESTANTS}
    for i in range(arguments.rounds):
        for name in CONTESTANTS:
            results[name].append(run_once(name, file, arguments.threshold, arguments.refrain))
            print(f"round {i + 1}  {results[name][-1]['seconds']:8.3f} s  {name}", file=sys.stderr)
    lines = [
        f"{len(rows)} different rows of {rows.shape[1]} from `{arguments.rows.name}`, cosine at least {arguments.threshold}. "
        f"Rounds: {arguments.rounds}, the contestants taking turns.",
        "",
        "| | seconds, median | in each round | refrain is so many times as fast | pairs | with |",
        "|---|---:|---|---:|---:|---|",
    ]
    seconds = {name: [result["seconds"] for result in of_name] for name, of_name in results.items()}
    for name, title in CONTESTANTS.items():
        ratio = statistics.median(b / a for a, b in zip(seconds["refrain"], seconds[name], strict=True))
        each = " · ".join(f"{s:.2f}" for s in seconds[name])
        shown = "–" if name == "refrain" else f"{ratio:.1f}"
        last = results[name][-1]
        lines.append(
            f"| {title} | {statistics.median(seconds[name]):.2f} | {each} | {shown} | {last['pairs']} | {last['made_with']} |"
        )
    if arguments.check:
        surely, maybe = brute_force(rows, arguments.threshold)
        found = refrain(file, arguments.threshold, arguments.refrain, pairs=True)["list"]
        lines += [
            "",
            f"Brute force in f64 has {len(surely)} pairs at {arguments.threshold} + 1e-6 or more and {len(maybe) - len(surely)} within "
            f"1e-6 of it. Of these, refrain misses {len(surely - found)}; of refrain's {len(found)}, brute force has not {len(found - maybe)}.",
        ]
    return "\n".join(lines)


def growth(sizes: list[int], arguments: argparse.Namespace) -> str:
    lines = [
        f"Rows of {DIM} made by the script, cosine at least {arguments.threshold}; refrain alone. “Grows as” is the exponent from "
        "the size above.",
        "",
        "| rows | reading, s | duplicates, s | grows as | pairs | peak memory, GB | kB a row beside its text |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    before = None
    for n in sizes:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "rows.npy")
            np.save(file, synthetic(n))
            result = refrain(file, arguments.threshold, arguments.refrain)
        exponent = "–"
        if before:
            exponent = f"n^{np.log(result['seconds'] / before[1]) / np.log(n / before[0]):.2f}"
        before = (n, result["seconds"])
        lines.append(
            f"| {n} | {result['seconds_reading']:.2f} | {result['seconds']:.1f} | {exponent} | {result['pairs']} | "
            f"{result['peak_memory'] / 1e9:.2f} | {result['peak_memory'] / n / 1e3:.2f} |"
        )
        print(lines[-1], file=sys.stderr)
    return "\n".join(lines)


def different(rows: np.ndarray) -> np.ndarray:
    """The rows without the copies, in their order."""
    _, first = np.unique(np.ascontiguousarray(rows).view(np.dtype((np.void, rows.itemsize * rows.shape[1]))), return_index=True)
    return np.ascontiguousarray(rows[np.sort(first)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path, nargs="?", help="a .npy file of unit rows")
    parser.add_argument("--threshold", type=float, default=0.9)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--check", action="store_true", help="compare with brute force in f64")
    parser.add_argument("--growth", type=int, nargs="*", default=[], help="numbers of rows to make and join")
    parser.add_argument("--refrain", type=Path, default=ROOT / "target/release/refrain")
    parser.add_argument("--contestant", choices=CONTESTANTS, help="run this one once and print JSON")
    arguments = parser.parse_args()
    if arguments.contestant == "refrain":
        print(json.dumps(refrain(arguments.rows, arguments.threshold, arguments.refrain)))
        return
    if arguments.contestant:
        run = {"faiss": faiss_range_search, "semhash": semhash}[arguments.contestant]
        print(json.dumps(run(np.load(arguments.rows), arguments.threshold)))
        return

    today = datetime.date.today().isoformat()
    target = ROOT / f"benches/results/duplicates-peers-{today}.md"
    target.parent.mkdir(exist_ok=True)
    head = f"# Duplicates: refrain and its peers, {today}\n\n{machine()}. Written by `benches/peers/duplicates.py`, which says how.\n"
    written = target.read_text() if target.exists() else head
    parts = []
    if arguments.rows:
        rows = different(np.load(arguments.rows))
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "rows.npy")
            np.save(file, rows)
            parts.append(compare(file, rows, arguments))
    if arguments.growth:
        parts.append(growth(arguments.growth, arguments))
    target.write_text(written + "".join(f"\n{part}\n" for part in parts))
    print("\n\n".join(parts))
    print(target.relative_to(ROOT), file=sys.stderr)


if __name__ == "__main__":
    main()
