#!/usr/bin/env python3
"""`-k auto` on labelled rows: the number that it chooses, V-measure beside the true number, and its time in fits.

    python -m venv peers && peers/bin/pip install -r benches/peers/cluster-requirements.txt
    cargo build --release
    peers/bin/python -B benches/auto.py rows.npy labels.json

`labels.json` is a list, one label for each row. "Whole" is the time of the clustering stage (`seconds_clustering` in
run.json) with `-k auto`, in units of that with the number that was chosen, ten restarts both; "search" is what is
beyond the fit. Each is the median of alternating rounds.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile

import numpy as np
import pyarrow.parquet
from sklearn.metrics import v_measure_score

REFRAIN = pathlib.Path(__file__).resolve().parents[1] / "target" / "release" / "refrain"


def cluster(rows: pathlib.Path, k: str, seed: int) -> tuple[float, np.ndarray, int]:
    """Seconds, the cluster of each row, and the number of clusters."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "report"
        command = [REFRAIN, "cluster", rows, "-k", k, "--seed", str(seed), "--outliers", "0", "-q", "-o", out]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        clusters = pyarrow.parquet.read_table(out / "passages.parquet")["cluster_id"].to_numpy()
        seconds = json.loads((out / "run.json").read_text())["seconds_clustering"]
        return seconds, clusters, len(set(clusters))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=pathlib.Path)
    parser.add_argument("labels", type=pathlib.Path)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    labels = json.loads(args.labels.read_text())
    true = len(set(labels))
    print(f"{len(labels):,} rows, {true} labels\n")
    print("| seed | k chosen | V, auto | V, true k | ratio | search | whole |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    for seed in range(1, args.seeds + 1):
        _, clusters, k = cluster(args.rows, "auto", seed)
        _, of_true, _ = cluster(args.rows, str(true), seed)
        v, v_true = v_measure_score(labels, clusters), v_measure_score(labels, of_true)
        pairs = [(cluster(args.rows, "auto", seed)[0], cluster(args.rows, str(k), seed)[0]) for _ in range(args.rounds)]
        whole = statistics.median(auto / fit for auto, fit in pairs)
        print(f"| {seed} | {k} | {v:.4f} | {v_true:.4f} | {v / v_true:.3f} | {whole - 1:.2f} | {whole:.2f} |", flush=True)


if __name__ == "__main__":
    main()
