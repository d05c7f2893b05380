"""Prints the themes of a report as Markdown tables, for benches/results/.

    refrain cluster seeds -o report && python benches/themes.py report/report.json

With --no-text no passage is quoted: for documents that may be measured with but not passed on.
"""

import json
import sys
from collections import Counter
from pathlib import PurePath


def cell(text: str, most: int = 0) -> str:
    text = " ".join(text.split()).replace("|", "\\|")
    return text[: most - 1] + "…" if most and len(text) > most else text


def percent(share: float) -> str:
    return f"{max(1, round(100 * share))} %"


def shares(of: dict) -> tuple[str, str]:
    """The keywords of the label and the others, each with the percentage of the different texts that have it."""
    label = of["label"].split(" · ")
    share_of = dict(zip(of["keywords"], map(percent, of["keyword_shares"])))
    named = [f"{word} {share_of[word]}" if word in share_of else word for word in label]
    return " · ".join(named), ", ".join(f"{word} {share_of[word]}" for word in of["keywords"] if word not in label)


def languages(themes: list[dict]) -> str:
    """The languages that at least a twentieth of the themes' passages are in, each with the percentage."""
    passages: Counter = Counter()
    for theme in themes:
        passages.update({of["language"] or "?": of["passages"] for of in theme["languages"]})
    shown = [(code, n / passages.total()) for code, n in passages.most_common() if n >= passages.total() / 20]
    return ", ".join(f"{code} {percent(share)}" for code, share in shown)


def sources(theme: dict) -> str:
    """How many sources, and the one with most of the passages if it has a third or more."""
    main = theme["sources"][0]
    share = main["passages"] / sum(source["passages"] for source in theme["sources"])
    return str(theme["n_sources"]) + (f", {PurePath(main['source']).name} {percent(share)}" if share >= 1 / 3 else "")


def table(columns: list[str], rows: list[tuple]) -> None:
    print("| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|")
    for row in rows:
        print("| " + " | ".join(cell(str(value)) for value in row) + " |")


def main(path: str, with_text: bool) -> None:
    report = json.load(open(path, encoding="utf-8"))
    counts, themes, broader = (report.get(part, []) for part in ("header", "themes", "broader_themes"))
    counts = counts["counts"]
    print(
        f"{counts['passages']} passages, {counts['distinct_passages']} of different text, {counts['sources']} sources;", end=" "
    )
    print(f"{len(themes)} themes, {len(broader)} broader ones; {counts['outliers']} outliers.\n")

    def told(of: dict) -> tuple:
        return *shares(of), percent(of["keyword_coverage"])

    def of_broader(parent: dict) -> tuple:
        under = [themes[i] for i in parent["themes"]]
        return parent["parent"], *told(parent), len(under), parent["size"], languages(under)

    def of_theme(theme: dict) -> tuple:
        nearest = theme["nearest"] or {"cluster_id": "", "cosine": 0}
        exemplar = theme["exemplars"][0]["text"] if theme["exemplars"] else ""
        sizes = theme["size"], sources(theme), languages([theme]), f"{theme['spread']:.2f}", f"{theme['cohesion']:.2f}"
        near = f"{nearest['cluster_id']} ({nearest['cosine']:.2f})"
        return theme["cluster_id"], theme.get("parent", ""), *told(theme), *sizes, near, *(cell(exemplar, 100),) * with_text

    names = ["label", "other keywords", "any keyword"]
    if broader:
        table(["broader theme", *names, "themes", "passages", "languages"], [of_broader(parent) for parent in broader])
        print()
    columns = ["theme", "in", *names, "passages", "sources", "languages", "spread", "cohesion", "nearest"]
    table(columns + ["most central passage"] * with_text, [of_theme(theme) for theme in themes])


if __name__ == "__main__":
    main(sys.argv[1], "--no-text" not in sys.argv)
