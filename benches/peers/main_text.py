#!/usr/bin/env python3
"""The main text of HTML pages: refrain and what else would find it, against the text that is expected.

    python3 -m venv A && A/bin/pip install pyarrow
    cargo build --release
    cargo build --release --manifest-path benches/peers/extractors/Cargo.toml
    A/bin/python benches/peers/main_text.py PAGES

PAGES holds a folder for each page with `source.html` and `expected.html`, as the test pages of Mozilla's Readability
do (test/test-pages of its repository). What is compared is words, as bags: F1 is the harmonic mean of the share of
the words found that are expected and the share of those expected that are found. The pages are those by which
Readability is tested, and dom_smoothie, which refrain uses, is a port of it: on other pages it is not as good.
"""

import datetime
import re
import statistics
import subprocess
import sys
import tempfile
import unicodedata
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parent.parent.parent
INLINE = {"a", "b", "i", "em", "strong", "span", "code", "sup", "sub", "abbr", "mark", "u", "small", "time", "cite", "font"}
UNSEEN = {"script", "style", "noscript", "svg", "math", "iframe", "template"}


class Text(HTMLParser):
    """All text of a page, what no reader sees left out."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.unseen = 0

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.unseen += tag in UNSEEN
        self.pieces.append("" if tag in INLINE else " ")

    def handle_endtag(self, tag: str) -> None:
        self.unseen -= tag in UNSEEN and self.unseen > 0
        self.pieces.append("" if tag in INLINE else " ")

    def handle_data(self, data: str) -> None:
        if not self.unseen:
            self.pieces.append(data)


def words(text: str) -> Counter:
    return Counter(re.findall(r"[぀-ヿ一-鿿]|\w+", unicodedata.normalize("NFKC", text).lower()))


def f1(found: Counter, expected: Counter) -> float:
    shared = sum((found & expected).values())
    return 2 * shared / (sum(found.values()) + sum(expected.values())) if shared else 0.0


def refrain(pages: Path, which: str) -> dict[str, str]:
    """What refrain has as passages, by page."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report")
        command = [ROOT / "target/release/refrain", "duplicates", pages, "--include", "source.html", "--html", which,
                   "--kinds", "exact", "--min-chars", "1", "-q", "-o", report]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        table = pq.read_table(report / "passages.parquet", columns=["document", "text"]).to_pylist()
    texts: dict[str, str] = {}
    for row in table:
        name = Path(row["document"]).parent.name
        texts[name] = texts.get(name, "") + "\n" + row["text"]
    return texts


def peer(pages: Path, extractor: str) -> tuple[dict[str, str], float]:
    with tempfile.TemporaryDirectory() as folder:
        program = ROOT / "benches/peers/extractors/target/release/html-peers"
        run = subprocess.run([program, extractor, pages, folder], check=True, capture_output=True, text=True)
        return {file.stem: file.read_text() for file in Path(folder).iterdir()}, float(run.stdout)


def main() -> None:
    pages = Path(sys.argv[1])
    expected = {}
    for folder in sorted(pages.iterdir()):
        if (folder / "expected.html").exists():
            parser = Text()
            parser.feed((folder / "expected.html").read_text(errors="replace"))
            expected[folder.name] = words("".join(parser.pieces))
    rows = []
    for name, (texts, seconds) in {
        "refrain": (refrain(pages, "main"), None),
        "refrain `--html full`": (refrain(pages, "full"), None),
        "dom_smoothie": peer(pages, "dom_smoothie"),
        "rs-trafilatura": peer(pages, "rs-trafilatura"),
        "all visible text (dom_query)": peer(pages, "all"),
    }.items():
        each = [f1(words(texts.get(page, "")), of_page) for page, of_page in expected.items()]
        n_lost = sum(1 for page, of_page in expected.items() if of_page and not texts.get(page, "").strip())
        n_bad = sum(value < 0.5 for value in each)
        time = "" if seconds is None else f"{seconds:.2f}"
        rows.append(f"| {name} | {statistics.mean(each):.4f} | {statistics.median(each):.4f} | {n_bad} | {n_lost} | {time} |")
    today = datetime.date.today().isoformat()
    text = "\n".join([
        f"# Main text of HTML pages, {today}", "",
        f"{len(expected)} pages of Readability's tests. Written by `benches/peers/main_text.py`, which says how, and why these "
        "pages favour dom_smoothie. Seconds are those of the extraction on one thread.", "",
        "| | F1, mean | median | pages below 0.5 | pages without text | s |",
        "|---|---:|---:|---:|---:|---:|", *rows, "",
    ])
    (ROOT / f"benches/results/main-text-{today}.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
