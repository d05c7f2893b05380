#!/usr/bin/env python3
"""Where the time of a token goes: OpenVINO's own times of each operation of the default model.

    python -m venv A && A/bin/pip install -r benches/peers/requirements.txt
    A/bin/python benches/profile.py

One stream of one thread, bf16 where the CPU has it, batches of one shape, as refrain runs them. For each
kind of operation: its share of the inference, and which kernel OpenVINO chose. Tokenising the same number
of tokens is timed beside it, on one thread too.
"""

import argparse
import collections
import statistics
import time
from pathlib import Path

import numpy as np
import openvino
from tokenizers import Tokenizer

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "models/all-MiniLM-L6-v2"
LAYERS, WIDTH, INNER = 6, 384, 1536


def flop_per_token(length: int) -> float:
    """Of the matrix products: four projections, two of the feed-forward part, scores and their sums."""
    return LAYERS * (2 * (4 * WIDTH * WIDTH + 2 * WIDTH * INNER) + 4 * length * WIDTH)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lengths", type=int, nargs="+", default=[32, 128, 256])
    parser.add_argument("--batch-tokens", type=int, default=2048)
    parser.add_argument("--repeats", type=int, default=15)
    arguments = parser.parse_args()
    flags = Path("/proc/cpuinfo").read_text()
    number = "bf16" if "avx512_bf16" in flags or "amx_bf16" in flags else "f32"
    settings = {
        "INFERENCE_PRECISION_HINT": number,
        "PERF_COUNT": True,
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": 1,
    }
    model = openvino.Core().compile_model(str(MODEL / "model.onnx"), "CPU", settings)
    request = model.create_infer_request()
    tokenizer = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    text = (ROOT / "seeds").iterdir()
    text = " ".join(file.read_text() for file in sorted(text))
    encoding = tokenizer.encode(text, add_special_tokens=False)
    tokenizer.enable_truncation(256)
    lines = [line for line in text.splitlines() if len(line) >= 40]
    start = time.perf_counter()
    n_tokens = sum(len(tokenizer.encode(line).ids) for line in lines)
    print(f"tokenising: {1e6 * (time.perf_counter() - start) / n_tokens:.2f} µs a token, one text at a time\n")
    for length in arguments.lengths:
        n = arguments.batch_tokens // length
        ids = np.resize(np.array(encoding.ids, np.int64), (n, length))
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        request.infer(inputs)
        kinds: dict[tuple[str, str], list[float]] = collections.defaultdict(list)
        whole = []
        for _ in range(arguments.repeats):
            start = time.perf_counter()
            request.infer(inputs)
            whole.append(time.perf_counter() - start)
            once: collections.Counter[tuple[str, str]] = collections.Counter()
            for node in request.profiling_info:
                once[node.node_type, node.exec_type] += node.real_time.total_seconds()
            for kind, seconds in once.items():
                kinds[kind].append(seconds)
        seconds = statistics.median(whole)
        per_token = seconds / (n * length)
        rate = flop_per_token(length) / per_token
        print(f"{n} × {length} tokens, {number}: {1e6 * per_token:.1f} µs a token, {rate / 1e9:.0f} GFLOP/s on one core\n")
        print("| operation | kernel | share |\n|---|---|---:|")
        shares = sorted(((statistics.median(times) / seconds, kind) for kind, times in kinds.items()), reverse=True)
        for share, (operation, kernel) in shares:
            if share >= 0.005:
                print(f"| {operation} | {kernel} | {share:.1%} |")
        print(f"| not in any operation | | {1 - sum(share for share, _ in shares):.1%} |\n")


if __name__ == "__main__":
    main()
