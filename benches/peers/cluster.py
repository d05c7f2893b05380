#!/usr/bin/env python3
"""k-means on the same rows: refrain, faiss, scikit-learn and linfa-clustering, alternating.

    python -m venv peers && peers/bin/pip install -r benches/peers/cluster-requirements.txt
    cargo build --release
    peers/bin/python -B benches/peers/cluster.py                      # 100,000 clustered rows, k = 256
    peers/bin/python -B benches/peers/cluster.py --linfa              # the same, linfa-clustering once
    peers/bin/python -B benches/peers/cluster.py --rows-file rows.npy --labels labels.json -k 77

The time of refrain is that of its clustering stage (`seconds_clustering` in run.json: checks, order,
starts, iterations, outliers and numbering); of the others, that of `train` or `fit`. Every inertia is
computed here, in f64, from the centroids' final assignment of all rows. With labels, ten restarts are
compared with scikit-learn's ten, over several seeds, and the V-measure is shown.
"""

import argparse, json, pathlib, statistics, subprocess, sys, tempfile, time

import faiss
import numpy as np
import pyarrow.parquet
from sklearn.cluster import KMeans
from sklearn.metrics import v_measure_score

HERE = pathlib.Path(__file__).resolve().parent
REFRAIN = HERE.parents[1] / "target" / "release" / "refrain"


def clustered_rows(n, dim, n_centres, spread, seed):
    """Unit rows around unit centres, seeded."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((n_centres, dim), dtype=np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    rows = centres[random.integers(0, n_centres, n)]
    rows += spread * random.standard_normal((n, dim), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def inertia_of(rows, centroids):
    index = faiss.IndexFlatL2(rows.shape[1])
    index.add(np.ascontiguousarray(centroids, dtype=np.float32))
    _, nearest = index.search(rows, 1)
    return float(((rows.astype(np.float64) - centroids.astype(np.float64)[nearest[:, 0]]) ** 2).sum())


def refrain(path, k, seed, restarts, iterations, extra=()):
    """Seconds, inertia, and the cluster of each row."""
    # The threads of the peer before wait for work at full speed for a while.
    time.sleep(0.5)
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "report"
        command = [REFRAIN, "cluster", path, "-k", k, "--seed", seed, "--restarts", restarts]
        command += ["--max-iterations", iterations, "--train-per-cluster", 10**9, "--outliers", 0, "-q", "-o", out]
        subprocess.run([str(part) for part in [*command, *extra]], check=True, stdout=subprocess.DEVNULL)
        clusters = pyarrow.parquet.read_table(out / "passages.parquet")["cluster_id"].to_numpy()
        inertia = json.loads((out / "report.json").read_text())["clustering"]["inertia"]
        return json.loads((out / "run.json").read_text())["seconds_clustering"], inertia, clusters


def peer_faiss(rows, k, seed, iterations):
    start = time.perf_counter()
    kmeans = faiss.Kmeans(rows.shape[1], k, niter=iterations, max_points_per_centroid=10**9, seed=seed)
    kmeans.train(rows)
    return time.perf_counter() - start, inertia_of(rows, kmeans.centroids)


def peer_scikit(rows, k, seed, restarts, iterations):
    start = time.perf_counter()
    kmeans = KMeans(k, n_init=restarts, max_iter=iterations, random_state=seed).fit(rows)
    return time.perf_counter() - start, inertia_of(rows, kmeans.cluster_centers_), kmeans.labels_


def synthetic(args, path):
    rows = clustered_rows(args.rows, args.dim, args.centres, args.spread, 1)
    np.save(path, rows)
    measured = {"refrain": [], "faiss": [], "scikit-learn": []}
    for seed in range(1, args.rounds + 1):
        measured["refrain"].append(refrain(path, args.k, seed, 1, args.iterations)[:2])
        measured["faiss"].append(peer_faiss(rows, args.k, seed, args.iterations))
        if seed <= args.scikit_rounds:
            measured["scikit-learn"].append(peer_scikit(rows, args.k, seed, 1, args.iterations)[:2])
    if args.linfa:
        linfa = refrain(path, args.k, 1, 1, args.iterations, ["--algorithm", "linfa"])
        measured["linfa-clustering"] = [linfa[:2]]
    print(f"{args.rows:,} × {args.dim} rows around {args.centres} centres, k = {args.k}, {args.iterations} iterations\n")
    print("| | runs | seconds, median (least–most) | refrain is faster by, median of rounds | inertia, of refrain's |")
    print("|---|---:|---:|---:|---:|")
    for name, runs in measured.items():
        seconds = [run[0] for run in runs]
        faster = statistics.median(run[0] / own[0] for run, own in zip(runs, measured["refrain"]))
        worse = statistics.median(run[1] / own[1] for run, own in zip(runs, measured["refrain"]))
        spread = f"{statistics.median(seconds):.2f} ({min(seconds):.2f}–{max(seconds):.2f})"
        print(f"| {name} | {len(runs)} | {spread} | {faster:.2f} | {worse:.4f} |")


def labelled(args):
    rows = np.ascontiguousarray(np.load(args.rows_file), dtype=np.float32)
    labels = json.loads(args.labels.read_text())
    print(f"{rows.shape[0]:,} × {rows.shape[1]} rows, k = {args.k}, 10 restarts\n")
    print("| seed | inertia, of scikit-learn's | V refrain | V scikit-learn | seconds refrain | seconds scikit-learn | ratio |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    for seed in range(1, args.rounds + 1):
        # The same fits again and again, in turn: some of them take hundredths of a second.
        runs = [
            (refrain(args.rows_file, args.k, seed, 10, 300), peer_scikit(rows, args.k, seed, 10, 300))
            for _ in range(args.repeats)
        ]
        (_, own_inertia, clusters), (_, inertia, theirs) = runs[0]
        own, other = v_measure_score(labels, clusters), v_measure_score(labels, theirs)
        own_seconds, seconds = (statistics.median(run[i][0] for run in runs) for i in (0, 1))
        ratio = statistics.median(theirs[0] / ours[0] for ours, theirs in runs)
        print(f"| {seed} | {own_inertia / inertia:.5f} | {own:.4f} | {other:.4f} | {own_seconds:.3f} | {seconds:.2f} | {ratio:.1f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-k", type=int, default=256)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--centres", type=int, default=400)
    parser.add_argument("--spread", type=float, default=0.05, help="standard deviation in each dimension")
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scikit-rounds", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3, help="with --labels: runs of each seed, of which medians are shown")
    parser.add_argument("--linfa", action="store_true", help="also linfa-clustering, once (minutes)")
    parser.add_argument("--rows-file", type=pathlib.Path, help="a .npy array of rows with --labels")
    parser.add_argument("--labels", type=pathlib.Path, help="a JSON list, one label for each row")
    args = parser.parse_args()
    print(f"refrain against faiss {faiss.__version__} and scikit-learn {sys.modules['sklearn'].__version__}, {time.strftime('%Y-%m-%d')}\n")
    if args.rows_file:
        return labelled(args)
    with tempfile.TemporaryDirectory() as folder:
        synthetic(args, pathlib.Path(folder) / "rows.npy")


if __name__ == "__main__":
    main()
