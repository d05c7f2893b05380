"""Prints the themes of a report as Markdown tables, for benches/results/.

    refrain cluster seeds -o report && python benches/themes.py report/report.json

With --no-text no passage is quoted: for documents that may be measured with but not passed on.
"""

import json
import sys
from collections import Counter


def cell(text: str, most: int = 0) -> str:
    text = " ".join(text.split()).replace("|", "\\|")
    return text[: most - 1] + "…" if most and len(text) > most else text


def shares(of: dict) -> tuple[str, str]:
    """The keywords of the label and the others, each with the percentage of the different texts that have it."""
    label = of["label"].split(" · ")
    percent = {word: f"{max(1, round(100 * share))} %" for word, share in zip(of["keywords"], of["keyword_shares"])}
    named = [f"{word} {percent[word]}" if word in percent else word for word in label]
    return " · ".join(named), ", ".join(f"{word} {percent[word]}" for word in of["keywords"] if word not in label)


def languages(themes: list[dict]) -> str:
    """The languages that at least a twentieth of the themes' passages are in, each with the percentage."""
    passages: Counter = Counter()
    for theme in themes:
        passages.update({of["language"] or "?": of["passages"] for of in theme["languages"]})
    return ", ".join(f"{code} {100 * n / passages.total():.0f} %" for code, n in passages.most_common() if n >= passages.total() / 20)


def main(path: str, with_text: bool) -> None:
    report = json.load(open(path, encoding="utf-8"))
    counts, themes, broader = (report.get(part, []) for part in ("header", "themes", "broader_themes"))
    counts = counts["counts"]
    print(f"{counts['passages']} passages, {counts['distinct_passages']} of different text, {counts['sources']} sources; ", end="")
    print(f"{len(themes)} themes, {len(broader)} broader ones; {counts['outliers']} outliers.\n")
    if broader:
        print("| broader theme | label | other keywords | themes | passages | languages |\n|---|---|---|---|---|---|")
        for parent in broader:
            row = parent["parent"], *shares(parent), len(parent["themes"]), parent["size"], languages([themes[i] for i in parent["themes"]])
            print("| " + " | ".join(cell(str(value)) for value in row) + " |")
        print()
    columns = ["theme", "in", "label", "other keywords", "passages", "sources", "languages", "spread", "cohesion", "nearest"]
    columns += ["most central passage"] * with_text
    print("| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|")
    for theme in themes:
        exemplar = theme["exemplars"][0]["text"] if theme["exemplars"] else ""
        nearest = theme["nearest"] or {"cluster_id": "", "cosine": 0}
        row = (theme["cluster_id"], theme.get("parent", ""), *shares(theme), theme["size"], theme["n_sources"],
               languages([theme]), f"{theme['spread']:.2f}", f"{theme['cohesion']:.2f}", f"{nearest['cluster_id']} ({nearest['cosine']:.2f})")
        row += (cell(exemplar, 100),) * with_text
        print("| " + " | ".join(cell(str(value)) for value in row) + " |")


if __name__ == "__main__":
    main(sys.argv[1], "--no-text" not in sys.argv)
