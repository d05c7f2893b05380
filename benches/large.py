#!/usr/bin/env python3
"""A large JSON Lines file through `refrain duplicates --kinds exact,near`: seconds and peak memory.

    cargo build --release
    python3 benches/large.py 2000

makes a file of so many megabytes in a temporary folder: rows of one paragraph of 20 to 150 words in sentences, the words
those of the model's vocabulary, drawn as language draws them (Zipf), from a fixed seed. One row in ten is a copy of an earlier one, one in ten such a
copy with some words changed. What is bounded is the memory beside the texts: DESIGN has 2.5 kB a passage.
"""

import itertools
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def rows(n_bytes: int, file: Path) -> tuple[int, int, int]:
    """Writes the rows; how many, how many are copies and how many edited copies."""
    draw = random.Random(42)
    vocabulary = json.loads((ROOT / "models/all-MiniLM-L6-v2/tokenizer.json").read_text())["model"]["vocab"]
    words = [word for word in vocabulary if word.isascii() and word.isalpha()]
    cumulative = list(itertools.accumulate(1 / (rank + 10) for rank in range(len(words))))
    kept: list[str] = []
    written = n_rows = n_copies = n_edited = 0
    with file.open("w") as out:
        while written < n_bytes:
            kind = draw.random()
            if kept and kind < 0.1:
                text = draw.choice(kept)
                n_copies += 1
            elif kept and kind < 0.2:
                changed = draw.choice(kept).split(" ")
                for _ in range(max(1, len(changed) // 40)):
                    changed[draw.randrange(len(changed))] = draw.choice(words)
                text = " ".join(changed)
                n_edited += 1
            else:
                drawn = draw.choices(words, cum_weights=cumulative, k=draw.randint(20, 150))
                text = ". ".join(" ".join(drawn[i : i + 15]).capitalize() for i in range(0, len(drawn), 15)) + "."
                # Of the last ones, so that the list stays small.
                if len(kept) < 20_000:
                    kept.append(text)
                else:
                    kept[draw.randrange(20_000)] = text
            written += out.write(json.dumps({"id": n_rows, "text": text}) + "\n")
            n_rows += 1
    return n_rows, n_copies, n_edited


def main() -> None:
    megabytes = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        file, report = Path(folder, "rows.jsonl"), Path(folder, "report")
        n_rows, n_copies, n_edited = rows(megabytes * 1_000_000, file)
        command = [ROOT / "target/release/refrain", "duplicates", file, "--kinds", "exact,near", "-q", "-o", report]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        run = json.loads((report / "run.json").read_text())
        head = (report / "report.json").open().read(20_000)
        counts = json.loads(head[head.index('"counts":') + 9 : head.index("}", head.index('"pairs":', head.index('"counts":'))) + 1] + "}")
        size = file.stat().st_size
    peak, passages = run["peak_memory_bytes"], counts["passages"]
    print(f"{size / 1e9:.2f} GB, {n_rows} rows ({n_copies} copies, {n_edited} edited copies), {passages} passages; pairs: {counts['pairs']}")
    print(f"{run['seconds_total']:.0f} s, of which reading {run['seconds_reading']:.0f}, duplicates {run['seconds_duplicates']:.0f}")
    print(f"peak {peak / 1e9:.2f} GB: {(peak - size) / passages / 1e3:.2f} kB a passage beside the file's bytes")


if __name__ == "__main__":
    main()
