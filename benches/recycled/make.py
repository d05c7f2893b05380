#!/usr/bin/env python3
"""Makes a labelled file of recycled passages: real paragraphs, and copies of them by seeded edits.

    pip download --no-deps --no-binary :all: Django==5.2.8
    python3 benches/recycled/make.py django-5.2.8.tar.gz FOLDER

FOLDER/recycled.jsonl has rows {"id", "text"} in an order that says nothing, FOLDER/labels.csv each row's
set (the number of its original) and kind ("original", an edit, or a hard negative). The same bytes come
out every time. README.md says how the edits are made and why.
"""

import argparse
import collections
import csv
import hashlib
import json
import re
import string
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

SDIST_SHA256 = "23254866a5bb9a2cfa6004e8b809ec6246eba4b58a7589bc2772f1bcc8456c7f"
SEED = 42
ORIGINALS = 1000
# Characters. With these no row is longer than 256 tokens or left out as too short: every contestant sees all of each.
ORIGINAL_LENGTH = range(200, 501)
SPARE_LENGTH = range(40, 131)
SHORTEST_COPY = 40
# Of two paragraphs that share more than this of the shorter one's word 3-grams, one is dropped.
MOST_SHARED = 0.2


def paragraphs(sdist: Path) -> list[str]:
    """The prose of the documentation, without its markup, file by file."""
    if hashlib.sha256(sdist.read_bytes()).hexdigest() != SDIST_SHA256:
        raise SystemExit(f"{sdist}: not the file whose sha256 is {SDIST_SHA256}")
    found = []
    with tarfile.open(sdist) as archive:
        for member in sorted(archive.getmembers(), key=lambda member: member.name):
            if re.fullmatch(r"[^/]+/docs/.+\.txt", member.name):
                for block in re.split(r"\n\s*\n", archive.extractfile(member).read().decode()):
                    lines = re.sub(r"^(\s*)(?:\*|-|#\.|\d\.) ", r"\1  ", block.strip("\n")).split("\n")
                    # Lines of one indentation: no directive with its body, no title with its rule.
                    if len({len(line) - len(line.lstrip()) for line in lines}) == 1:
                        found.append(without_markup(" ".join(line.strip() for line in lines)))
    # Code, tables, HTML and link targets do not look like this.
    prose, other = re.compile(r"[A-Z].*[a-z].*[.!?]"), re.compile(r"[`|<]|::|  |\.\. |--|\w_(?!\w)")
    return [text for text in found if prose.fullmatch(text) and not other.search(text)]


def without_markup(text: str) -> str:
    text = re.sub(r":[\w:+-]+:`[^`<]*?([^`<]+?)\s*<[^`>]*>`", r"\1", text)  # :role:`text <target>`
    text = re.sub(r":[\w:+-]+:`~(?:[^`]*\.)?([^`.]+)`", r"\1", text)  # :role:`~module.name`
    text = re.sub(r":[\w:+-]+:`[!.]?([^`]+)`", r"\1", text)  # :role:`name`
    text = re.sub(r"\*\*?(\w[^*`]*\w|\w)\*\*?", r"\1", text)  # *emphasis*, **strong**
    text = re.sub(r"``(.+?)``", r"\1", text)  # ``code``
    return re.sub(r"`([^`<]+?)(?:\s*<[^`>]*>)?`_{0,2}", r"\1", text)  # `text <link>`_


def sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!etc\.)(?<!vs\.) (?=[A-Z])", text)


def fit(text: str) -> bool:
    """Whether it may be an original: of three sentences, any may be dropped and all be reordered."""
    return len(text) in ORIGINAL_LENGTH and len(set(sentences(text))) >= 3


def unlike(texts: list[str]) -> list[str]:
    """Without those that share too much with an earlier one: copies nobody labelled would be false alarms."""
    kept: list[str] = []
    sizes: list[int] = []
    having = collections.defaultdict(list)
    for text in texts:
        words = re.findall(r"\w+", text.lower())
        grams = set(zip(words, words[1:], words[2:]))
        shared = collections.Counter(i for gram in grams for i in having[gram])
        if grams and all(n <= MOST_SHARED * min(len(grams), sizes[i]) for i, n in shared.items()):
            for gram in grams:
                having[gram].append(len(kept))
            kept.append(text)
            sizes.append(len(grams))
    return kept


# Edits. Each takes the original and a supply of sentences that stand nowhere else in the file.


def typos(text: str, random: Random, _: Iterator[str]) -> str:
    """2 to 20 % of the words, one letter each: two swapped, one left out, doubled or replaced."""
    words = text.split(" ")
    long = [i for i, word in enumerate(words) if re.fullmatch(r"[A-Za-z]{4,}\W?", word)]
    for i in random.sample(long, min(len(long), max(1, round(random.uniform(0.02, 0.2) * len(words))))):
        word = words[i]
        at = random.randrange(1, len(word.rstrip(string.punctuation)) - 1)
        a, b = word[at], word[at + 1]
        instead = random.choice([b + a, b, a + a + b, random.choice(string.ascii_lowercase) + b])
        words[i] = word[:at] + instead + word[at + 2 :]
    return " ".join(words)


def case_and_punctuation(text: str, random: Random, _: Iterator[str]) -> str:
    """Another case, other punctuation, or both."""
    capitals = lambda s: re.sub(r"(?<![\w'’])[a-z]", lambda m: m[0].upper(), s)
    cases: list[Callable[[str], str]] = [str, str.lower, str.upper, capitals]
    marks: list[Callable[[str], str]] = [
        str,
        lambda s: re.sub(r"[.,;:!?\"'()]+(?= |$)|(?<= )[\"'(]+", "", s),
        lambda s: re.sub(r", ", " — ", re.sub(r"[.](?= |$)", "!", s)),
        lambda s: re.sub(r"(?<=\w)'(?=\w)", "’", re.sub(r"\"([^\"]*)\"", r"“\1”", s)),
    ]
    case, mark = random.choice([(c, m) for c in range(4) for m in range(4) if c or m])
    return cases[case](marks[mark](text))


def truncation(text: str, random: Random, _: Iterator[str]) -> str:
    """The first 25 to 90 % of the words."""
    words = text.split(" ")
    return " ".join(words[: round(random.uniform(0.25, 0.9) * len(words))])


def sentence_dropped(text: str, random: Random, _: Iterator[str]) -> str:
    parts = sentences(text)
    del parts[random.randrange(len(parts))]
    return " ".join(parts)


def sentence_added(text: str, random: Random, spare: Iterator[str]) -> str:
    parts = sentences(text)
    parts.insert(random.randrange(len(parts) + 1), next(spare))
    return " ".join(parts)


def sentences_reordered(text: str, random: Random, _: Iterator[str]) -> str:
    parts = sentences(text)
    random.shuffle(parts)
    return " ".join(parts)


def wrapped(text: str, random: Random, spare: Iterator[str]) -> str:
    """Other sentences around it, one to three on each side, four in all at most."""
    before, after = random.choice([(1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (3, 1)])
    return " ".join([next(spare) for _ in range(before)] + [text] + [next(spare) for _ in range(after)])


def excerpt_wrapped(text: str, random: Random, spare: Iterator[str]) -> str:
    """All sentences but the first or the last, between two others: neither text contains the other."""
    parts = sentences(text)
    return " ".join([next(spare), *random.choice([parts[1:], parts[:-1]]), next(spare)])


def several_edits(text: str, random: Random, spare: Iterator[str]) -> str:
    """Two or three of the others, one after the other; no wrapping."""
    few = [sentences_reordered, sentence_added, sentence_dropped, truncation, case_and_punctuation, typos]
    for edit in sorted(random.sample(few, random.randint(2, 3)), key=few.index):
        text = edit(text, random, spare)
    return text


EDITS = [
    typos,
    case_and_punctuation,
    truncation,
    sentence_dropped,
    sentence_added,
    sentences_reordered,
    wrapped,
    excerpt_wrapped,
    several_edits,
]


# Hard negatives: nearly the same words, but they say something else.


def numbers_changed(text: str, random: Random) -> str:
    """Every number ends in another digit; the same number in the same one."""
    others: dict[str, str] = {}

    def other(match: re.Match[str]) -> str:
        number = match[0]
        last = random.choice([digit for digit in "123456789" if digit != number[-1]])
        return others.setdefault(number, number[:-1] + last)

    return re.sub(r"(?<![\w.])\d+(?:\.\d+)*(?!\w)", other, text)


def names_changed(text: str, random: Random, names: set[str]) -> str:
    """Every name is another of the corpus: a plain one (Django) a plain one, a compound (QuerySet) a compound."""
    inner = lambda name: bool(re.search(r"[A-Z]", name[1:]))
    here = sorted(names & set(re.findall(r"\w+", text)))
    others: dict[str, str] = {}
    for name in here:
        free = sorted(n for n in names - set(here) - set(others.values()) if inner(n) == inner(name))
        others[name] = random.choice(free)
    return re.sub(r"\w+", lambda match: others.get(match[0], match[0]), text)


def names_of(texts: list[str]) -> set[str]:
    """Words with a capital within a sentence, at least five times and oftener than without."""
    words = collections.Counter(word for text in texts for word in re.findall(r"\w+", text))
    capital = collections.Counter(word for text in texts for word in re.findall(r"(?<=[a-z,] )[A-Z]\w*[a-z]\w*", text))
    return {name for name, n in capital.items() if n >= 5 and n > words[name.lower()] and name.isalpha()}


def make(sdist: Path) -> list[tuple[int, str, str]]:
    """(set, kind, text) of all rows, set by set."""
    random = Random(SEED)
    texts = paragraphs(sdist)
    names = names_of(texts)
    random.shuffle(texts)
    # Those that may be originals come first, so that they are not dropped for the sake of others.
    texts = unlike(sorted(texts, key=lambda text: not fit(text)))
    originals, others = texts[:ORIGINALS], texts[ORIGINALS:]
    assert fit(originals[-1])
    spare = iter([sentence for text in others for sentence in sentences(text) if len(sentence) in SPARE_LENGTH])
    rows = []
    for number, original in enumerate(originals):
        # So that there are sets of every size, and originals that stand alone.
        edits = random.sample(EDITS, random.randrange(len(EDITS) + 1))
        made = {original: "original"}
        for edit in sorted(edits, key=EDITS.index):
            copy = original
            while copy in made or len(copy) < SHORTEST_COPY:
                copy = edit(original, random, spare)
            made[copy] = edit.__name__
        made.setdefault(numbers_changed(original, random), "numbers_changed")
        made.setdefault(names_changed(original, random, names), "names_changed")
        rows += [(number, kind, text) for text, kind in made.items()]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sdist", type=Path, help="django-5.2.8.tar.gz")
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    rows = make(arguments.sdist)
    Random(SEED).shuffle(rows)
    arguments.folder.mkdir(exist_ok=True)
    file = arguments.folder / "recycled.jsonl"
    lines = (json.dumps({"id": str(i), "text": text}, ensure_ascii=False) for i, (_, _, text) in enumerate(rows))
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    with (arguments.folder / "labels.csv").open("w", newline="") as labels:
        writer = csv.writer(labels, lineterminator="\n")
        writer.writerow(["id", "set", "kind"])
        writer.writerows((i, number, kind) for i, (number, kind, _) in enumerate(rows))
    for kind, n in collections.Counter(kind for _, kind, _ in rows).most_common():
        print(f"{n:6}  {kind}")
    print(f"{len(rows):6}  rows, sha256 {hashlib.sha256(file.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
