#!/usr/bin/env python3
"""How many pairs that are known to be alike `refrain duplicates` finds, and of what kind.

    cargo build --release
    python3 benches/recall.py edits edits.jsonl.gz      rows {"a": text, "b": the same, edited}
    python3 benches/recall.py versions verses.jsonl.gz  rows {"ver": version, "ref": what is said, "text": how}

Of edits: the share of rows whose two texts are paired. Of versions: for each two versions, the share of
references whose texts are paired; and of the pairs of each kind, the share with equal references, with
the others listed. Texts that are exactly equal count as one, since refrain compares them once.
"""

import argparse
import collections
import csv
import gzip
import itertools
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def read(file: Path) -> list[dict]:
    opened = gzip.open(file, "rt") if file.suffix == ".gz" else file.open()
    with opened as lines:
        return [json.loads(line) for line in lines]


def paired(texts: dict[str, str], binary: Path, options: list[str]) -> tuple[list[tuple[str, str, str]], dict[str, list[str]]]:
    """(kind, one, other) of all pairs between different texts, by the names of two of them; and for each
    name those whose text is exactly the same, itself first."""
    with tempfile.TemporaryDirectory() as folder:
        rows, out = Path(folder, "rows.jsonl"), Path(folder, "report")
        rows.write_text("".join(json.dumps({"id": name, "text": text}) + "\n" for name, text in texts.items()))
        command = [binary, "duplicates", rows, "--id-column", "id", "--text-column", "text", "-o", out, "-q", *options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        with (out / "duplicates.csv").open(newline="") as file:
            name = lambda document: document.split("#", 1)[1] if document.startswith(str(rows)) else document.rsplit("#", 1)[-1]
            pairs = [(row["kind"], name(row["a_document"]), name(row["b_document"])) for row in csv.DictReader(file)]
    same = {name: [name] for name in texts}
    for kind, a, b in pairs:
        if kind == "exact" and same[a] is not same[b]:
            joined = same[a] + same[b]
            same.update((member, joined) for member in joined)
    return pairs, same


def kinds_of(pairs: list[tuple[str, str, str]], same: dict[str, list[str]]) -> dict[tuple[str, str], str]:
    """For every two names that are paired, or whose exact copies are, the strongest kind."""
    strength = ["exact", "near", "excerpt", "reworded"]
    found: dict[tuple[str, str], str] = {}
    between = [(kind, a, b) for kind, a, b in pairs if kind != "exact"]
    within = [("exact", a, b) for a, members in same.items() for b in members if a != b]
    for kind, a, b in itertools.chain(between, within):
        for pair in itertools.product(same[a], same[b]) if kind != "exact" else [(a, b)]:
            for ordered in (pair, pair[::-1]):
                if ordered not in found or strength.index(kind) < strength.index(found[ordered]):
                    found[ordered] = kind
    return found


def edits(rows: list[dict], binary: Path, options: list[str]) -> None:
    texts = {f"{i}{side}": row[side] for i, row in enumerate(rows) for side in "ab"}
    found = kinds_of(*paired(texts, binary, options))
    kinds = collections.Counter(found.get((f"{i}a", f"{i}b"), "none") for i in range(len(rows)))
    for kind, n in kinds.most_common():
        print(f"{kind:9} {n:6} {n / len(rows):.4f}")
    print(f"found     {len(rows) - kinds['none']:6} {1 - kinds['none'] / len(rows):.4f} of {len(rows)}")


def versions(rows: list[dict], binary: Path, options: list[str], list_up_to: int) -> None:
    texts = {f"{row['ver']}/{row['ref']}": row["text"] for row in rows}
    pairs, same = paired(texts, binary, options)
    found = kinds_of(pairs, same)
    refs = collections.defaultdict(set)
    for row in rows:
        refs[row["ver"]].add(row["ref"])
    print("share of common references whose texts are paired; of these exact, near, excerpt, reworded")
    for a, b in itertools.combinations(sorted(refs), 2):
        common = sorted(refs[a] & refs[b])
        kinds = collections.Counter(found.get((f"{a}/{ref}", f"{b}/{ref}"), "none") for ref in common)
        each = " ".join(f"{kinds[kind]:5}" for kind in ("exact", "near", "excerpt", "reworded"))
        print(f"{a:8} {b:8} {1 - kinds['none'] / max(len(common), 1):.4f} of {len(common):5}   {each}")
    ref = lambda name: name.split("/", 1)[1]
    for kind in ("exact", "near", "excerpt", "reworded"):
        of_kind = {tuple(sorted(pair)) for pair, k in found.items() if k == kind}
        others = sorted((a, b) for a, b in of_kind if ref(a) != ref(b))
        share = 1 - len(others) / max(len(of_kind), 1)
        print(f"{kind}: {len(of_kind)} pairs, {share:.4f} with equal references")
        if kind in ("exact", "near"):
            places = collections.Counter(tuple(sorted((ref(a), ref(b)))) for a, b in others)
            for (a, b), n in places.most_common(list_up_to):
                print(f"    {n:4}  {a}  {b}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["edits", "versions"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--list", type=int, default=20, help="pairs of different references to list")
    parser.add_argument("--refrain", type=Path, default=ROOT / "target/release/refrain")
    parser.add_argument("options", nargs="*", help="options for refrain, after --")
    arguments = parser.parse_args()
    rows = read(arguments.file)
    if arguments.what == "edits":
        edits(rows, arguments.refrain, arguments.options)
    else:
        versions(rows, arguments.refrain, arguments.options, arguments.list)


if __name__ == "__main__":
    sys.exit(main())
