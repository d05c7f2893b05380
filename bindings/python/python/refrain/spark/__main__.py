"""`python -m refrain.spark report --input … --output …`; with spark-submit, the path of this file in place of `-m`."""

import argparse
import sys
from typing import Any

from pyspark.sql import SparkSession

from refrain import Error, __version__
from refrain import spark as refrain_spark


def main(arguments: list[str] | None = None) -> int:
    typed = vars(_parser().parse_args(arguments))
    command, paths, output, master = (typed.pop(name) for name in ("command", "input", "output", "master"))
    builder = SparkSession.builder.appName(f"refrain {command}")
    spark = (builder.master(master) if master else builder).getOrCreate()
    options = {name: value for name, value in typed.items() if value is not None}
    try:
        found = getattr(refrain_spark, command)(spark, paths, output, **options)
    except Error as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    finally:
        spark.stop()
    if command != "embed":
        print(found.report)
        for name, value in found.figures.items():
            print(f"{name}: {value:g}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m refrain.spark", description="refrain on Apache Spark")
    parser.add_argument("--version", action="version", version=f"refrain {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    shown = {
        "report": "themes and duplicates",
        "themes": "themes alone",
        "duplicates": "duplicates alone",
        "embed": "passages with their embeddings, as Parquet",
    }
    for command, help in shown.items():
        one = commands.add_parser(command, help=help)
        one.add_argument(
            "--input", nargs="+", required=True, metavar="PATH", help="files and folders that all workers can read"
        )
        one.add_argument("--output", required=True, metavar="FOLDER", help="a folder where Spark can write")
        one.add_argument("--master", help="Spark's master; default: what spark-submit or the configuration says")
        one.add_argument("--partitions", type=int, metavar="N", help="partitions of a shuffle; default: four for each core")
        _input(one)
        if command != "duplicates":
            _engine(one)
        if command in ("report", "themes"):
            _themes(one)
        if command in ("report", "duplicates"):
            _duplicates(one)
            if command == "duplicates":
                _engine(one)
    return parser


def _input(parser: argparse.ArgumentParser) -> None:
    for name in ("text-column", "id-column", "source-column"):
        parser.add_argument(f"--{name}", metavar="NAME")
    parser.add_argument("--input-format", metavar="FORMAT", help="as in `refrain report --help`")
    parser.add_argument("--html", choices=("main", "full"))
    parser.add_argument("--segment", choices=("paragraph", "line", "document"))
    parser.add_argument("--min-chars", type=int, metavar="N")


def _engine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", metavar="NAME|FOLDER", help="a folder is one that all workers have")
    parser.add_argument("--provider", choices=("auto", "cpu", "openvino"))
    parser.add_argument("--precision", choices=("auto", "f32", "bf16"))
    parser.add_argument("--batch-tokens", type=int, metavar="N")
    parser.add_argument("--cache-dir", metavar="FOLDER")
    parser.add_argument("--no-cache", action="store_true", default=None)
    parser.add_argument("--offline", action="store_true", default=None)
    parser.add_argument("--onnxruntime", metavar="FILE")


def _themes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-k", type=_k, metavar="auto|N|A..B", help="number of themes, or its limits")
    parser.add_argument("--init", metavar="NAME|FILE")
    parser.add_argument("--restarts", type=int, metavar="N")
    parser.add_argument("--max-iterations", type=int, metavar="N")
    parser.add_argument("--train-per-cluster", type=int, metavar="N")
    parser.add_argument("--seed", type=int, metavar="N")
    parser.add_argument("--driver-rows", type=int, metavar="N", help="rows that the driver fits by itself; default 524288")


def _k(typed: str) -> Any:
    least, dots, most = typed.partition("..")
    try:
        return (int(least), int(most)) if dots else typed if typed == "auto" else int(typed)
    except ValueError:
        raise argparse.ArgumentTypeError(f"found {typed}, expected auto, a number, or two such as 10..200") from None


def _duplicates(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--threshold", type=float, metavar="COSINE")
    parser.add_argument("--kinds", type=lambda typed: typed.split(","), metavar="KIND,…")
    parser.add_argument("--min-group", type=int, metavar="N")
    parser.add_argument("--cell-rows", type=int, metavar="N", help="rows at home in a cell of the join; default 200000")
    parser.add_argument("--boilerplate", type=float, metavar="SHARE")


if __name__ == "__main__":
    sys.exit(main())
