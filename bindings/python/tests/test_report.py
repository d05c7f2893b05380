"""`refrain.report` finds what `refrain report` finds, and its tables are those of the report folder."""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import refrain
from conftest import SEEDS


def test_a_saved_report_is_the_programs(report: refrain.Report, cli: Callable[..., str], tmp_path: Path) -> None:
    cli("report", SEEDS, "-o", tmp_path / "program")
    report.save(tmp_path / "python")
    for file in ["report.json", "themes.csv", "duplicates.csv", "passages.parquet", "duplicates.parquet"]:
        assert (tmp_path / "python" / file).read_bytes() == (tmp_path / "program" / file).read_bytes(), file
    assert (tmp_path / "python/report.html").is_file()


def test_tables_are_those_of_the_folder(report: refrain.Report, tmp_path: Path) -> None:
    report.save(tmp_path / "report")
    assert pa.table(report.passages) == pq.read_table(tmp_path / "report/passages.parquet")
    assert pa.table(report.duplicates) == pq.read_table(tmp_path / "report/duplicates.parquet")
    shown = json.loads((tmp_path / "report/report.json").read_text())
    themes = pl.DataFrame(report.themes)
    for column in ["cluster_id", "label", "keywords", "size", "n_distinct", "n_sources"]:
        assert themes[column].to_list() == [theme[column] for theme in shown["themes"]], column
    shares = [[round(share, 4) for share in theme] for theme in themes["keyword_shares"]]
    assert shares == [theme["keyword_shares"] for theme in shown["themes"]]
    coverages = [round(coverage, 4) for coverage in themes["keyword_coverage"]]
    assert coverages == [theme["keyword_coverage"] for theme in shown["themes"]]
    assert themes.height == len(report.themes) and themes.columns == report.themes.column_names
    assert report.warnings == [warning["message"] for warning in shown["warnings"]]
    assert "Themes: " in str(report) and "Duplicates: " in str(report)


def test_options_are_the_command_lines(cli: Callable[..., str], tmp_path: Path) -> None:
    cli(
        *("report", SEEDS, "-o", tmp_path / "program", "-k", "3..6", "--restarts", 2, "--seed", 7, "--outliers", 0.1),
        *("--segment", "line", "--min-chars", 60, "--exclude", "*004*", "--kinds", "exact,near", "--min-group", 3),
        *("--threshold", 0.95, "--across-sources", "--max-pairs", 1000, "--boilerplate", 0.5, "--html", "full"),
        *("--input-format", "text", "--max-iterations", 50, "--train-per-cluster", 100, "--init", "random"),
    )
    refrain.report(
        Path(SEEDS),
        output=tmp_path / "python",
        k=(3, 6),
        restarts=2,
        seed=7,
        outliers=0.1,
        segment="line",
        min_chars=60,
        exclude=["*004*"],
        kinds=["exact", "near"],
        min_group=3,
        threshold=0.95,
        across_sources=True,
        max_pairs=1000,
        boilerplate=0.5,
        html="full",
        input_format="text",
        max_iterations=50,
        train_per_cluster=100,
        init="random",
    )
    assert (tmp_path / "python/report.json").read_bytes() == (tmp_path / "program/report.json").read_bytes()


def test_nothing_is_left_where_a_report_fails(tmp_path: Path) -> None:
    with pytest.raises(refrain.InputError, match="no passages to work on"):
        refrain.report(SEEDS, output=tmp_path / "report", min_chars=1_000_000)
    assert list(tmp_path.iterdir()) == []
