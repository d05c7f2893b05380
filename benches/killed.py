#!/usr/bin/env python3
"""Kills `refrain report` at random moments, runs it again, and compares the end with a run left alone.

    cargo build --release
    python3 benches/killed.py FOLDER --kills 10

The first run, from an empty store, is left alone and says how long one takes. The others are ended with
SIGKILL at moments drawn from most of that time, so that the last kill falls before the end, and at last one
is left to end. Two things must then hold:

- the reports of both are the same bytes;
- no row was written twice: the store numbers rows as it writes them, and a row that is written again
  gets a new number, so the last number is that of rows.

Takes about three times as long as one run from an empty store.
"""

import argparse
import itertools
import json
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "target/release/refrain"
FILES = ("report.json", "passages.parquet", "themes.csv", "duplicates.csv", "duplicates.parquet")
# Of the time of the first run. The others go through it in pieces, and read their documents again in each.
LATEST = 0.8


def command(paths: list[Path], cache: Path, report: Path) -> list[str | Path]:
    return [PROGRAM, "report", *paths, "--cache-dir", cache, "--output", report]


def run(paths: list[Path], cache: Path, report: Path) -> float:
    """To its end; the seconds it took."""
    subprocess.run(command(paths, cache, report), check=True, stdout=subprocess.DEVNULL)
    of = json.loads((report / "run.json").read_text())
    embedded, kept = of["passages_embedded"], of["passages_from_store"]
    print(f"left alone: {of['seconds_total']:.0f} s, {embedded} passages embedded, {kept} from the store", flush=True)
    return of["seconds_total"]


def rows(cache: Path) -> tuple[int, int]:
    """How many rows the store holds, and how many were written into it."""
    store = cache / "embeddings.sqlite"
    if not store.is_file():
        return 0, 0
    with sqlite3.connect(store) as connection:
        return connection.execute("SELECT count(*), coalesce(max(id), 0) FROM rows").fetchone()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=42)
    arguments = parser.parse_args()
    if not PROGRAM.is_file():
        sys.exit("error: target/release/refrain is not built")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        seconds = run(arguments.paths, folder / "cache-undisturbed", folder / "undisturbed")
        draws = random.Random(arguments.seed)
        moments = sorted(draws.uniform(0.0, LATEST * seconds) for _ in range(arguments.kills))
        cache, report = folder / "cache", folder / "report"
        for wait in (after - before for before, after in itertools.pairwise([0.0, *moments])):
            process = subprocess.Popen(
                command(arguments.paths, cache, report), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            time.sleep(wait)
            process.send_signal(signal.SIGKILL)
            if process.wait() != -signal.SIGKILL:
                sys.exit(f"error: the run ended by itself before {wait:.1f} s; take more documents")
            print(f"killed after {wait:.1f} s: {rows(cache)[0]} rows", flush=True)
        run(arguments.paths, cache, report)

        held, written = rows(cache)
        same = [name for name in FILES if (report / name).read_bytes() == (folder / "undisturbed" / name).read_bytes()]
        print(f"{held} rows, {written} written; the same bytes: {', '.join(same)}")
        if held != written or same != list(FILES):
            sys.exit("error: rows were embedded twice, or the reports differ")


if __name__ == "__main__":
    main()
