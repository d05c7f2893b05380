#!/usr/bin/env python3
"""How well refrain and its peers find the recycled passages that make.py made; README.md says what each figure means.

    python -m venv R && R/bin/pip install -r benches/recycled/requirements.txt
    cargo build --release
    R/bin/python benches/recycled/score.py FOLDER

Every contestant is run as its documentation shows, at the threshold that refrain has for the same measure.
Those that compare meaning are given refrain's embeddings. One that is not installed is listed as not run.
--list prints pairs of different originals, for a person to judge whether they are false alarms.
"""

import argparse
import collections
import csv
import datetime
import hashlib
import itertools
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow.parquet

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
HARD = ("numbers_changed", "names_changed")
COSINE = 0.9
JACCARD = 0.5
PERMUTATIONS = 128
ROWS = ["--id-column", "id", "--text-column", "text", "-q"]

Pair = tuple[int, int]


@dataclass
class Corpus:
    """The rows, by number; a row's set is the number of its original."""

    file: Path
    texts: list[str]
    sets: list[int]
    kinds: list[str]
    embeddings: np.ndarray  # (rows, dim), unit rows


@dataclass
class Found:
    pairs: set[Pair]
    groups: list[set[int]]
    made_with: str


def ordered(pairs: Iterable[Pair]) -> set[Pair]:
    return {(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]}


def components(pairs: Iterable[Pair]) -> list[set[int]]:
    """What is connected: the groups of a contestant that has only pairs."""
    of: dict[int, set[int]] = {}
    for a, b in pairs:
        one, other = of.setdefault(a, {a}), of.setdefault(b, {b})
        if one is not other:
            one |= other
            of.update((member, one) for member in other)
    return list({id(group): group for group in of.values()}.values())


# Contestants.


def number(document: str) -> int:
    """Of a row, by what refrain cites it as: file#id."""
    return int(document.rsplit("#", 1)[1])


def refrain(corpus: Corpus, binary: Path) -> Found:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "report")
        command = [binary, "duplicates", corpus.file, *ROWS, "-o", out]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        with (out / "duplicates.csv").open(newline="") as file:
            pairs = [(row["kind"], number(row["a_document"]), number(row["b_document"])) for row in csv.DictReader(file)]
        report = json.loads((out / "report.json").read_text())
    # Of copies that are exact, each is paired with one, and only one with others: what holds of it holds of all.
    same = {row: {row} for row in range(len(corpus.texts))}
    for group in components((a, b) for kind, a, b in pairs if kind == "exact"):
        same.update((row, group) for row in group)
    every = itertools.chain.from_iterable(itertools.product(same[a], same[b]) for _, a, b in pairs)
    groups = [{number(member["document"]) for member in group["members"]} for group in report["duplicate_groups"]]
    return Found(ordered(every), groups, f"refrain {report['header']['refrain']}")


def semhash(corpus: Corpus, _: Path) -> Found:
    from semhash import SemHash

    records = [str(row) for row in range(len(corpus.texts))]
    # No model is asked for anything: the embeddings are given.
    index = SemHash.from_embeddings(embeddings=corpus.embeddings, records=records, model=None)
    result = index.self_deduplicate(threshold=COSINE)
    pairs = ordered((int(row.record), int(other)) for row in result.filtered for other, _ in row.duplicates)
    return Found(pairs, components(pairs), f"semhash {version('semhash')}, usearch {version('usearch')}")


def faiss(corpus: Corpus, _: Path) -> Found:
    import faiss

    index = faiss.IndexFlatIP(corpus.embeddings.shape[1])
    index.add(corpus.embeddings)
    limits, _, others = index.range_search(corpus.embeddings, COSINE)
    rows = np.repeat(np.arange(len(corpus.texts)), np.diff(limits.astype(np.int64)))
    pairs = ordered(zip(rows.tolist(), others.tolist(), strict=True))
    return Found(pairs, components(pairs), f"faiss-cpu {version('faiss-cpu')}")


def shingles(text: str) -> set[str]:
    words = re.findall(r"\w+", text.lower())
    return {" ".join(words[i : i + 3]) for i in range(len(words) - 2)}


def datasketch(corpus: Corpus, _: Path) -> Found:
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=JACCARD, num_perm=PERMUTATIONS)
    pairs = set()
    for row, text in enumerate(corpus.texts):
        hashed = MinHash(num_perm=PERMUTATIONS)
        hashed.update_batch([shingle.encode() for shingle in shingles(text)])
        pairs.update((other, row) for other in index.query(hashed))
        index.insert(row, hashed)
    return Found(pairs, components(pairs), f"datasketch {version('datasketch')}")


def rensa(corpus: Corpus, _: Path) -> Found:
    from rensa import RMinHash, RMinHashLSH

    hashed = RMinHash.from_token_sets([sorted(shingles(text)) for text in corpus.texts], num_perm=PERMUTATIONS, seed=42)
    # 32 bands of 4: the most bands whose turning point, (1/32)^(1/4) = 0.42, lies under the threshold. What they
    # propose is verified on the signatures, as rensa's own deduplicator does.
    index = RMinHashLSH(threshold=JACCARD, num_perm=PERMUTATIONS, num_bands=32)
    pairs = set()
    for row, signature in enumerate(hashed):
        pairs.update((other, row) for other in index.query(signature) if hashed[other].jaccard(signature) >= JACCARD)
        index.insert(row, signature)
    return Found(pairs, components(pairs), f"rensa {version('rensa')}")


CONTESTANTS: dict[str, Callable[[Corpus, Path], Found]] = {
    "refrain, default settings": refrain,
    f"SemHash, cosine ≥ {COSINE}": semhash,
    f"faiss `range_search`, cosine ≥ {COSINE}": faiss,
    f"datasketch `MinHashLSH`, Jaccard ≥ {JACCARD}": datasketch,
    f"rensa `RMinHashLSH`, Jaccard ≥ {JACCARD}": rensa,
}


# Figures.


def share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def cells(figures: Iterable[float | int]) -> str:
    return " | ".join(str(figure) if isinstance(figure, int) else f"{figure:.3f}" for figure in figures)


def overall(found: Found, corpus: Corpus, hard_are_copies: bool) -> list[float | int]:
    """Pairs counted, precision, recall, F1, purity, share of the sets that are a group."""
    hard = [kind in HARD and not hard_are_copies for kind in corpus.kinds]
    true_sets = collections.defaultdict(set)
    for row, original in enumerate(corpus.sets):
        # As another text, a hard negative is a set of its own.
        true_sets[-1 - row if hard[row] else original].add(row)
    set_of = {row: name for name, members in true_sets.items() for row in members}

    def counts(a: int, b: int) -> bool:
        # An edit may have cut away just what a hard negative changed: the two are neither copies nor not.
        of_one_original = corpus.sets[a] == corpus.sets[b]
        return not (of_one_original and hard[a] != hard[b] and "original" not in (corpus.kinds[a], corpus.kinds[b]))

    counted = [pair for pair in found.pairs if counts(*pair)]
    right = sum(set_of[a] == set_of[b] for a, b in counted)
    precision = share(right, len(counted))
    recall = share(right, sum(len(members) * (len(members) - 1) // 2 for members in true_sets.values()))
    largest = [max(collections.Counter(set_of[row] for row in group).values()) for group in found.groups]
    purity = share(sum(largest), sum(map(len, found.groups)))
    several = [members for members in true_sets.values() if len(members) > 1]
    exactly = share(sum(members in found.groups for members in several), len(several))
    return [len(counted), precision, recall, f1(precision, recall), purity, exactly]


def of_kind(found: Found, corpus: Corpus, kind: str) -> tuple[float, float]:
    """Precision and recall of the pairs between a row of this kind and an original."""
    own = other = 0
    for a, b in found.pairs:
        if {corpus.kinds[a], corpus.kinds[b]} == {kind, "original"}:
            own += corpus.sets[a] == corpus.sets[b]
            other += corpus.sets[a] != corpus.sets[b]
    return share(own, own + other), share(own, corpus.kinds.count(kind))


def different(found: Found, corpus: Corpus) -> list[Pair]:
    return sorted((a, b) for a, b in found.pairs if corpus.sets[a] != corpus.sets[b])


def table(head: str, rows: dict[str, str]) -> str:
    columns = head.count("|") + 1
    return "\n".join([f"| | {head} |", "|---|" + "---:|" * columns, *(f"| {name} | {row} |" for name, row in rows.items())])


def written(results: dict[str, Found], missing: dict[str, str], corpus: Corpus) -> str:
    edits = [kind for kind in sorted(set(corpus.kinds)) if kind not in HARD and kind != "original"]
    spoken = lambda kinds: " | ".join(f"{kind.replace('_', ' ')} ({corpus.kinds.count(kind)})" for kind in kinds)
    columns = "pairs | precision | recall | F1 | group purity | sets exactly found"
    each = lambda row: {name: row(found) for name, found in results.items()}
    sizes = collections.Counter(s for s, kind in zip(corpus.sets, corpus.kinds, strict=True) if kind not in HARD)
    digest = hashlib.sha256(corpus.file.read_bytes()).hexdigest()
    parts = [
        f"# Recycled passages: refrain and its peers, {datetime.date.today().isoformat()}",
        f"{len(corpus.texts)} rows: {len(sizes)} originals, {sum(sizes.values()) - len(sizes)} copies and "
        f"{len(corpus.texts) - sum(sizes.values())} hard negatives; {sum(n > 1 for n in sizes.values())} sets have copies. "
        f"sha256 of `recycled.jsonl`: `{digest}`. Written by `benches/recycled/score.py`; "
        "`benches/recycled/README.md` says what each figure means.",
        "## Hard negatives taken for other texts",
        table(columns, each(lambda found: cells(overall(found, corpus, hard_are_copies=False)))),
        "## Hard negatives taken for copies",
        table(columns, each(lambda found: cells(overall(found, corpus, hard_are_copies=True)))),
        "## Recall by kind of edit",
        "Share of the copies that are paired with their original.",
        table(spoken(edits), each(lambda found: cells(of_kind(found, corpus, kind)[1] for kind in edits))),
        "## F1 by kind of edit",
        "Of all pairs between a copy of this kind and an original, its own or another.",
        table(spoken(edits), each(lambda found: cells(f1(*of_kind(found, corpus, kind)) for kind in edits))),
        "## False alarms",
        "Share of the hard negatives that are paired with their original, and pairs of rows from different originals.",
        table(
            f"{spoken(HARD)} | pairs of different originals",
            each(lambda found: cells([*(of_kind(found, corpus, kind)[1] for kind in HARD), len(different(found, corpus))])),
        ),
        "Made with " + "; ".join(found.made_with for found in results.values()) + ".",
        *(f"{name}: not run: {reason}." for name, reason in missing.items()),
    ]
    return "\n\n".join(parts) + "\n"


def read(folder: Path, binary: Path) -> Corpus:
    file = folder / "recycled.jsonl"
    texts = [json.loads(line)["text"] for line in file.read_text(encoding="utf-8").splitlines()]
    with (folder / "labels.csv").open(newline="") as labels:
        rows = list(csv.DictReader(labels))
    with tempfile.TemporaryDirectory() as scratch:
        embedded = Path(scratch, "rows.parquet")
        command = [binary, "embed", file, *ROWS, "-o", embedded]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        passages = pyarrow.parquet.read_table(embedded)
    # A row that was left out or split would put the rows after it beside the wrong embeddings.
    if [number(document) for document in passages["document"].to_pylist()] != list(range(len(rows))):
        raise SystemExit(f"{file}: expected one passage of each of {len(rows)} rows; found {len(passages)}, or others")
    embeddings = np.array(passages["embedding"].to_pylist(), np.float32)
    return Corpus(file, texts, [int(row["set"]) for row in rows], [row["kind"] for row in rows], embeddings)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="what make.py made")
    parser.add_argument("--list", type=int, default=0, help="pairs of different originals to print of each contestant")
    parser.add_argument("--refrain", type=Path, default=ROOT / "target/release/refrain")
    arguments = parser.parse_args()
    corpus = read(arguments.folder, arguments.refrain)
    results, missing = {}, {}
    for name, run in CONTESTANTS.items():
        try:
            results[name] = run(corpus, arguments.refrain)
        except ImportError as error:
            missing[name] = str(error)
    target = ROOT / f"benches/results/recycled-{datetime.date.today().isoformat()}.md"
    target.write_text(written(results, missing, corpus))
    print(target.read_text())
    for name, found in results.items():
        for a, b in different(found, corpus)[: arguments.list]:
            print(f"{name}\n  {corpus.kinds[a]}: {corpus.texts[a]}\n  {corpus.kinds[b]}: {corpus.texts[b]}")


if __name__ == "__main__":
    main()
