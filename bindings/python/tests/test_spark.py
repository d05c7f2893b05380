"""refrain on Spark, in `local-cluster` mode: executors are processes of their own, as on a cluster.

What is held against it is the report that the same wheel makes on one machine.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark import cloudpickle
from pyspark.sql import DataFrame, SparkSession

import refrain
from refrain import spark as refrain_spark
from refrain.spark import _clustering, _engine, _report
from refrain.spark._engine import Work

ROOT = Path(__file__).resolve().parents[3]
SEEDS = "seeds"


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkSession]:
    os.environ["PYSPARK_PYTHON"] = sys.executable
    # What paths are relative to, for Java as well.
    os.chdir(ROOT)
    session = (
        SparkSession.builder.master("local-cluster[2,1,2048]")
        .appName("refrain tests")
        .config("spark.executor.memory", "2g")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.shuffle.partitions", "4")
        .getOrCreate()
    )
    yield session
    session.stop()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Seeds, and among them 300 texts of which many are copies, edits and excerpts of others; as Parquet with rows."""
    texts = [f"{sentence} {sentence.lower()} and number {i}" for i, sentence in enumerate(_sentences(120))]
    texts += [text.replace("number", "figure") for text in texts[:60]]
    texts += [text.upper() for text in texts[:40]]
    texts += [" ".join(texts[i : i + 4]) for i in range(0, 80, 4)]
    random = np.random.default_rng(1)
    centres = random.normal(size=(12, 32))
    rows = centres[np.arange(len(texts)) % 12] + random.normal(size=(len(texts), 32)) * 0.5
    # The same text, the same row.
    first = {text.lower(): i for i, text in reversed(list(enumerate(texts)))}
    rows = rows[[first[text.lower()] for text in texts]].astype(np.float32)
    path = tmp_path_factory.mktemp("corpus") / "rows.parquet"
    pq.write_table(pa.table({"text": texts, "embedding": list(rows)}), path)
    return str(path)


def _sentences(n: int) -> list[str]:
    words = "river stone market letter garden engine harbour winter signal copper mirror valley thunder paper lantern".split()
    random = np.random.default_rng(2)
    return [" ".join(random.choice(words, 9)).capitalize() for _ in range(n)]


def pairs_of(table: Any) -> set[tuple[Any, ...]]:
    """Pairs with their evidence."""
    rows = pa.table(table).to_pylist()
    return {(row["a"], row["b"], row["kind"], row["cosine"], row["jaccard"], row["containment"]) for row in rows}


def assert_same(run: refrain_spark.Run, report: refrain.Report) -> None:
    """The same passages, themes, pairs and groups, and what is said of them."""
    assert_same_tables(run, report)
    assert str(run.report).split("Left out")[0] == str(report).split("Left out")[0]


def assert_same_tables(run: refrain_spark.Run, report: refrain.Report) -> None:
    columns = [
        "source",
        "document",
        "start",
        "end",
        "text",
        "n_tokens",
        "cluster_id",
        "similarity_to_centroid",
        "duplicate_group",
        "kept",
    ]
    expected = pa.table(report.passages)
    found = run.passages.orderBy("passage_id").toArrow()
    for column in columns:
        assert found[column].to_pylist() == expected[column].to_pylist(), column
    assert pairs_of(run.pairs.toArrow()) == pairs_of(report.duplicates)
    assert pairs_of(run.report.duplicates) == pairs_of(report.duplicates)
    assert pa.table(run.report.themes).equals(pa.table(report.themes))


def test_the_same_answer_as_on_one_machine(spark: SparkSession, report: refrain.Report, tmp_path: Path) -> None:
    run = refrain_spark.report(spark, SEEDS, str(tmp_path / "out"), partitions=3)
    assert_same(run, report)
    written = sorted(path.name for path in (tmp_path / "out").iterdir() if not path.name.endswith(".crc"))
    tables = ["duplicates.parquet", "groups.parquet", "passages.parquet", "themes.parquet"]
    assert written == sorted([*tables, "report.html", "report.json", "themes.csv"])


@pytest.mark.parametrize("partitions", [1, 2, 8])
def test_rows_that_are_given_and_passes_by_all_workers(
    spark: SparkSession, corpus: str, tmp_path: Path, partitions: int
) -> None:
    starts = np.ascontiguousarray(np.stack(pq.read_table(corpus)["embedding"].to_pylist())[:9], np.float32)
    starts = starts / np.linalg.norm(starts, axis=1, keepdims=True)
    expected = refrain.report(corpus, k=9, init=starts, threshold=0.8)
    run = refrain_spark.report(
        spark, corpus, str(tmp_path / "out"), partitions=partitions, k=9, init=starts, threshold=0.8, driver_rows=0
    )
    assert len(expected.duplicates) > 200 and {"near", "excerpt", "exact", "reworded"} == set(
        pa.table(expected.duplicates)["kind"].to_pylist()
    )
    found = run.passages.orderBy("passage_id").toArrow()
    columns = pa.table(expected.passages)
    assert found["cluster_id"].to_pylist() == columns["cluster_id"].to_pylist()
    np.testing.assert_allclose(
        found["similarity_to_centroid"].to_numpy(), columns["similarity_to_centroid"].to_numpy(), atol=1e-6
    )
    assert pairs_of(run.pairs.toArrow()) == pairs_of(expected.duplicates)
    assert found["duplicate_group"].to_pylist() == columns["duplicate_group"].to_pylist()


def test_cells_that_are_split_lose_and_repeat_no_pair(spark: SparkSession, corpus: str, tmp_path: Path) -> None:
    run = refrain_spark.duplicates(spark, corpus, str(tmp_path / "out"), threshold=0.7, cell_rows=20)
    expected = refrain.report(corpus, threshold=0.7)
    assert run.figures["cells"] > 10 and run.figures["largest_cell"] > 1 and run.figures["replication"] > 1
    found = run.pairs.toArrow()
    assert found.num_rows == len(expected.duplicates)
    assert pairs_of(found) == pairs_of(expected.duplicates)


def test_without_a_model_copies_are_found(spark: SparkSession, tmp_path: Path) -> None:
    run = refrain_spark.duplicates(spark, SEEDS, str(tmp_path / "out"), kinds=["exact", "near", "excerpt"])
    expected = refrain.report(SEEDS, kinds=["exact", "near", "excerpt"])
    without_cosine = {
        (a, b, kind, jaccard, containment) for a, b, kind, _, jaccard, containment in pairs_of(expected.duplicates)
    }
    assert {(*pair[:3], *pair[4:]) for pair in pairs_of(run.pairs.toArrow())} == without_cosine
    assert run.pairs.where("cosine is not null").count() == 0


def test_of_many_passages_the_report_shows_a_part_and_counts_all(
    spark: SparkSession, corpus: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = refrain.report(corpus, k=4)
    monkeypatch.setattr(_report, "MAX_SHOWN", 100)
    monkeypatch.setattr(_report, "IN_GROUPS", 25)
    monkeypatch.setattr(_report, "CENTRAL", 5)
    run = refrain_spark.report(spark, corpus, str(tmp_path / "out"), k=4)
    n = len(whole.passages)
    assert 20 < len(run.report.passages) <= 100 < n == run.passages.count()
    counts = json.loads((tmp_path / "out" / "report.json").read_text())["header"]["counts"]
    whole.save(tmp_path / "whole")
    expected = json.loads((tmp_path / "whole" / "report.json").read_text())["header"]["counts"]
    assert counts.pop("passages_shown") == len(run.report.passages)
    assert counts == expected
    for column in ("size", "n_distinct"):
        assert pa.table(run.report.themes)[column].to_pylist() == pa.table(whole.themes)[column].to_pylist()
    np.testing.assert_allclose(pa.table(run.report.themes)["cohesion"], pa.table(whole.themes)["cohesion"], atol=1e-6)
    assert spark.conf.get("spark.sql.shuffle.partitions") == "4", "what is set of the session is set back"


def test_rows_of_a_table_are_read_as_on_one_machine(spark: SparkSession, tmp_path: Path) -> None:
    about = "A text of its own about {} and what came of it in the end"
    texts = [
        about.format("rivers"),
        None,
        f"<p>{about.format('stones')}</p><p>{about.format('markets')}</p>",
        "short",
        about.format("rivers"),
    ]
    table = pa.table(
        {"content": texts, "key": ["a", "b", None, "d", "e"], "site": ["x", "x", None, "y", "y"], "title": ["T"] * 5}
    )
    (tmp_path / "tables").mkdir()
    for name in ("one", "two"):
        pq.write_table(table, tmp_path / "tables" / f"{name}.parquet")
    options: dict[str, Any] = {"id_column": "key", "source_column": "site", "kinds": ["exact"]}
    run = refrain_spark.report(spark, str(tmp_path / "tables"), str(tmp_path / "out"), **options)
    whole = refrain.report(str(tmp_path / "tables"), **options)
    columns = ["source", "document", "start", "end", "text", "n_tokens", "kept"]
    found, expected = run.passages.orderBy("passage_id").toArrow(), pa.table(whole.passages)
    assert len(found) == 8 and all(found[name].to_pylist() == expected[name].to_pylist() for name in columns)
    shown, expected_shown = saved(run.report, tmp_path / "a"), saved(whole, tmp_path / "b")
    assert shown["sources"] == expected_shown["sources"]
    assert shown["header"]["counts"] == expected_shown["header"]["counts"]
    assert sum("one.parquet" in warning for warning in run.report.warnings) == 1


def test_where_nothing_comes_back_nothing_is_found(spark: SparkSession, tmp_path: Path) -> None:
    text = "The river rose by a metre in the night and took the bridge."
    pq.write_table(pa.table({"text": [text]}), tmp_path / "texts.parquet")
    run = refrain_spark.report(spark, str(tmp_path / "texts.parquet"), str(tmp_path / "out"))
    summary, of_one = str(run.report).strip(), str(refrain.report(str(tmp_path / "texts.parquet"))).strip()
    assert summary == of_one.rpartition("\n")[0].strip(), "all but the time that one machine took"
    assert (len(run.report.themes), run.pairs.count(), run.groups.count(), run.passages.count()) == (0, 0, 0, 1)
    assert spark.read.parquet(str(tmp_path / "out" / "themes.parquet")).count() == 0


def saved(report: refrain.Report, folder: Path) -> Any:
    report.save(folder)
    return json.loads((folder / "report.json").read_text())


def test_a_bad_row_costs_itself(spark: SparkSession, tmp_path: Path) -> None:
    good = [f"A text of its own about {word} and what came of it in the end" for word in ("rivers", "stones", "markets")]
    texts, rows = [*good, None, good[0], good[1]], [[1.0, 0], [0, 1], [0.6, 0.8], [1, 0], [0, 0], [1, 2, 3]]
    pq.write_table(pa.table({"text": texts, "embedding": rows}), tmp_path / "rows.parquet")
    run = refrain_spark.duplicates(spark, str(tmp_path / "rows.parquet"), str(tmp_path / "out"))
    assert run.passages.count() == 3
    [warning] = run.report.warnings
    assert "rows.parquet#4 and 2 rows more: left out, no text, or no embedding of 2 finite numbers" in warning
    with pytest.raises(refrain.InputError, match="some inputs hold embeddings and others do not"):
        refrain_spark.duplicates(spark, [str(tmp_path / "rows.parquet"), SEEDS], str(tmp_path / "out"))


def test_what_was_embedded_is_taken_as_it_is(spark: SparkSession, report: refrain.Report, tmp_path: Path) -> None:
    embedded = refrain_spark.embed(spark, SEEDS, str(tmp_path / "rows"))
    assert embedded.count() == len(report.passages)
    run = refrain_spark.report(spark, str(tmp_path / "rows" / "embedded.parquet"), str(tmp_path / "out"))
    assert_same_tables(run, report)


def test_errors_are_the_command_lines(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(refrain.InputError, match="there is no such file or folder"):
        refrain_spark.duplicates(spark, "no/such/folder", str(tmp_path / "out"))
    with pytest.raises(refrain.OptionError, match="--across-sources"):
        refrain_spark.duplicates(spark, SEEDS, str(tmp_path / "out"), across_sources=True)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("text")
    for run in (refrain_spark.report, refrain_spark.embed):
        with pytest.raises(refrain.OutputError, match="is not a refrain report, so it is not replaced"):
            run(spark, SEEDS, str(tmp_path / "thesis"))
    with pytest.raises(refrain.OptionError, match="--outliers"):
        refrain_spark.themes(spark, SEEDS, str(tmp_path / "out"), outliers=0.05)
    with pytest.raises(refrain.OptionError, match="--threshold"):
        refrain_spark.duplicates(spark, SEEDS, str(tmp_path / "out"), threshold=2)
    with pytest.raises(refrain.InputError, match="has no column `nothing`; its columns are text"):
        pq.write_table(pa.table({"text": ["a"]}), tmp_path / "t.parquet")
        refrain_spark.duplicates(spark, str(tmp_path / "t.parquet"), str(tmp_path / "out"), text_column="nothing")


def test_the_command_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "refrain.spark", "duplicates", "--master", "local[2]", "--partitions", "2"]
    typed = ["--input", SEEDS, "--output", str(tmp_path / "out"), "--kinds", "exact,near"]
    run = subprocess.run([*command, *typed], capture_output=True, text=True, check=True)
    assert "pairs: 20 exact" in run.stdout and (tmp_path / "out" / "report.html").is_file()
    wrong = subprocess.run([*command, *typed, "--threshold", "2"], capture_output=True, text=True)
    assert wrong.returncode == 2 and "--threshold" in wrong.stderr


def test_another_version_on_a_worker_is_said(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_engine, "__version__", "0.0.1")
    frame = _engine.mapped(spark.range(3), _engine.batches_of, "id long")
    with pytest.raises(Exception, match=r"the driver has refrain 0.0.1 and the worker \S+ has"):
        frame.collect()


@pytest.mark.parametrize("is_fit_shared", [False, True])
def test_a_worker_killed_in_every_stage_costs_retries(
    spark: SparkSession, report: refrain.Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_fit_shared: bool
) -> None:
    """While the first task of each stage runs, its executor is killed by its process id; of a stage that ends with a
    shuffle, what the executor had shuffled is lost as well."""
    (markers := tmp_path / "killed").mkdir()
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    write, mapped, stages = Work.stage, _clustering.mapped, []

    def stage_with_kill(work: Work, name: str, frame: DataFrame, *, at: str | None = None) -> DataFrame:
        stages.append(name)
        doomed = frame.mapInArrow(partial(kill_executor, str(markers / name)), frame.schema)
        return write(work, name, doomed, at=at)

    def pass_with_kill(frame: DataFrame, step: Any, schema: str, **given: Any) -> DataFrame:
        found = mapped(frame, step, schema, **given)
        if step is not _clustering._pass:
            return found
        stages.append("pass")
        return found.mapInArrow(partial(kill_executor, str(markers / "pass")), schema)

    if is_fit_shared:
        monkeypatch.setattr(_clustering, "mapped", pass_with_kill)
        # So few rows on the driver that all workers share the fit.
        run = refrain_spark.themes(spark, SEEDS, str(tmp_path / "out"), partitions=4, driver_rows=64, k=9)
        monkeypatch.undo()
        again = refrain_spark.themes(spark, SEEDS, str(tmp_path / "again"), partitions=3, driver_rows=64, k=9)
        assert_same_themes(run, again)
    else:
        monkeypatch.setattr(Work, "stage", stage_with_kill)
        run = refrain_spark.report(spark, SEEDS, str(tmp_path / "out"), partitions=4)
        assert_same(run, report)
        assert {"reading", "embedding", "candidates", "reworded", "text-pairs", "components-1", "placed", "groups"} < set(
            stages
        )
    # A stage without rows runs no task that could be killed.
    killed = {marker.name: int(marker.read_text()) for marker in markers.iterdir()}
    assert killed.keys() == set(stages) and len(set(killed.values())) == len(killed) and min(killed.values()) > 1


def kill_executor(marker: str, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Kills the executor that runs this, the first time: what started the daemon that started this process."""
    try:
        file = os.open(marker, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    except FileExistsError:
        yield from batches
        return
    executor = int(Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()[1])
    os.write(file, str(executor).encode())
    os.close(file)
    os.kill(executor, signal.SIGKILL)
    yield from batches


def assert_same_themes(run: refrain_spark.Run, other: refrain_spark.Run) -> None:
    columns = ["passage_id", "cluster_id", "similarity_to_centroid"]
    found, expected = (one.passages.select(columns).orderBy("passage_id").toArrow() for one in (run, other))
    assert found.equals(expected)
