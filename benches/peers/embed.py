#!/usr/bin/env python3
"""Passages per second: refrain beside what one would use instead, on the same passages and machine.

    python -m venv A && A/bin/pip install -r benches/peers/requirements.txt
    python -m venv B && B/bin/pip install -r benches/peers/requirements-optimum.txt
    cargo build --release
    A/bin/python benches/peers/embed.py --optimum-python B/bin/python

All of them run all-MiniLM-L6-v2 on all cores, read at most 256 tokens of a passage, and get the
passages in the same order. fastembed and sentence-transformers are used as their documentation
shows; plain OpenVINO as well as we know how, since refrain runs on it.

Contestants take turns: each round runs every one of them once, in a process of its own that loads
the model, warms up and then times one pass over all passages, tokenising included. Loading is not
timed. The warm-up is 64 passages; with OpenVINO, which prepares kernels for every new shape of a
batch, it is a batch of every shape, as in `refrain bench` (through optimum-intel, all passages).

With `--dealt` the passages are dealt out to the rounds like cards: each round has its own, and all of
them together are embedded once. So a corpus that takes long is measured whole, and in turns.

With `--repeated N` the lines of seeds/ are repeated as they are. refrain embeds equal texts once, the
others embed each of them; its rate is of passages as they were given. The table of different texts
says how fast the engine is, this one what that is worth where passages recur.

The table in benches/results/ has the medians of the rounds, and how many times as fast as a peer
refrain was in the same round (the median of these ratios).

fastembed for Rust loads ONNX Runtime from ORT_DYLIB_PATH, or else from the onnxruntime package of
the Python that runs this. Reads /proc: Linux only.
"""

import argparse
import datetime
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MODEL = ROOT / "models/all-MiniLM-L6-v2"

MAX_TOKENS = 256
WARM_UP = 64
CORES = len(os.sched_getaffinity(0))

# Each goes to the end of one repetition of the lines of seeds/.
WORDS = (
    "river stone cloud garden window paper winter candle bridge forest "
    "silver market letter summer harbor island mirror orange pocket violin"
).split()


@dataclass(frozen=True)
class Result:
    """What a contestant reports: its speed, and the versions and number format it ran with."""

    passages_per_second: float
    made_with: str


def read_passages(file: Path) -> list[str]:
    with file.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def timed(
    embed: Callable[[list[str]], object],
    file: Path,
    made_with: str,
    warm_up: Callable[[list[str]], object] | None = None,
) -> Result:
    """One pass over the passages, after `warm_up` of them: `embed` of the first few, where it is None."""
    passages = read_passages(file)
    if warm_up is None:
        embed(passages[:WARM_UP])
    else:
        warm_up(passages)
    start = time.perf_counter()
    embed(passages)
    return Result(len(passages) / (time.perf_counter() - start), made_with)


def versions(*packages: str) -> str:
    return ", ".join(f"{package} {version(package)}" for package in packages)


def output_of(command: Sequence[str | Path], **environment: str) -> str:
    """The program's standard output; what it says on standard error is passed on."""
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=os.environ | environment)
    if run.returncode != 0:
        sys.exit(run.returncode)
    return run.stdout


# The contestants ------------------------------------------------------------------------------


def refrain(file: Path, cache: Path) -> Result:
    """`refrain bench`, once, over the passages as a JSON array.

    It times the same span as the others, except that the lengths, which it sorts by, are known to it
    already: in a report they are counted when paragraphs are cut. It cuts a passage of more than 256
    tokens in two, where the others drop its end; the rate is of passages as they were given.
    """
    program = ROOT / "target/release/refrain"
    if not program.is_file():
        sys.exit("error: target/release/refrain is not built")
    passages = read_passages(file)
    with tempfile.TemporaryDirectory() as folder:
        array = Path(folder, "passages.json")
        array.write_text(json.dumps(passages))
        options = ["--format", "json", "--threads", str(CORES), "--repeats", "1"]
        result = json.loads(output_of([program, "bench", array, *options]))["results"][0]
    seconds = result["n_passages"] / result["passages_per_second"]["median"]
    made_with = (
        f"{output_of([program, '--version']).strip()}, {result['provider']}, {result['precision']}, "
        f"cut into {result['n_passages']} passages"
    )
    return Result(len(passages) / seconds, made_with)


def fastembed_rust(file: Path, cache: Path) -> Result:
    """One session with default options: batches of 256 in the order of the passages."""
    import onnxruntime

    packaged = Path(onnxruntime.__file__).parent.glob("capi/libonnxruntime.so.*")
    library = os.environ.get("ORT_DYLIB_PATH") or str(next(packaged))
    crate = str(HERE / "fastembed-rust/Cargo.toml")
    cargo = ["cargo", "run", "--quiet", "--release", "--locked", "--manifest-path", crate]
    result = json.loads(output_of([*cargo, "--", file, MODEL], ORT_DYLIB_PATH=library))
    locked = tomllib.loads((HERE / "fastembed-rust/Cargo.lock").read_text())["package"]
    fastembed = next(package["version"] for package in locked if package["name"] == "fastembed")
    return Result(result["passages"] / result["seconds"], f"fastembed {fastembed}, {Path(library).resolve().name}, f32")


def fastembed_python(file: Path, cache: Path) -> Result:
    """The same of fastembed for Python, with a model that it does not know, from a folder."""
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType

    TextEmbedding.add_custom_model(
        model="all-MiniLM-L6-v2",
        pooling=PoolingType.DISABLED,  # the graph does it
        normalization=True,
        sources=ModelSource(hf="all-MiniLM-L6-v2"),  # must be given; the folder goes before it
        dim=384,
        model_file="model.onnx",
    )
    model = TextEmbedding("all-MiniLM-L6-v2", specific_model_path=str(fastembed_folder(cache)))
    return timed(lambda passages: list(model.embed(passages)), file, versions("fastembed", "onnxruntime") + ", f32")


def sentence_transformers(file: Path, cache: Path) -> Result:
    """`encode` with its defaults: sorted by length, batches of 32."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(torch_folder(cache)), device="cpu")
    return timed(model.encode, file, versions("sentence-transformers", "torch") + ", f32")


def sentence_transformers_openvino(file: Path, cache: Path) -> Result:
    """The same through optimum-intel, which chooses the number format itself."""
    from sentence_transformers import SentenceTransformer

    exported = cache / "sentence-transformers-openvino"
    if not exported.is_dir():
        SentenceTransformer(str(torch_folder(cache)), backend="openvino", device="cpu").save_pretrained(str(exported))
    model = SentenceTransformer(str(exported), backend="openvino", device="cpu")
    model.encode("compiled when it is first used")
    number = model[0].auto_model.request.get_property("INFERENCE_PRECISION_HINT").to_string()
    made_with = f"{versions('sentence-transformers', 'optimum-intel', 'openvino')}, {number}"
    return timed(model.encode, file, made_with, warm_up=model.encode)


class OpenVino:
    """OpenVINO alone: sorted by length, in batches of so many passages, padded to a multiple of some tokens.

    With `batch_tokens` a batch has one padded length and so many passages as make up that many tokens,
    which are the shapes that refrain runs.
    """

    def __init__(
        self, batch_size: int, length_step: int, batch_tokens: int | None = None, **options: str | int
    ) -> None:
        import openvino
        from tokenizers import Tokenizer

        self.batch_size, self.length_step, self.batch_tokens = batch_size, length_step, batch_tokens
        self.tokenizer = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
        self.tokenizer.enable_truncation(MAX_TOKENS)
        self.tokenizer.no_padding()
        self.number = "bf16" if cpu_flags() & {"avx512_bf16", "amx_bf16"} else "f32"
        settings = {"INFERENCE_PRECISION_HINT": self.number, **options}
        self.model = openvino.Core().compile_model(str(MODEL / "model.onnx"), "CPU", settings)

    def padded(self, n_tokens: int) -> int:
        return n_tokens + -n_tokens % self.length_step

    def rows_of_batches(self, lengths: list[int]) -> Iterator[list[int]]:
        order = sorted(range(len(lengths)), key=lambda row: lengths[row], reverse=True)
        groups = [(self.batch_size, order)]
        if self.batch_tokens is not None:
            by_length = itertools.groupby(order, key=lambda row: self.padded(lengths[row]))
            groups = [(max(1, self.batch_tokens // length), list(rows)) for length, rows in by_length]
        for most, rows in groups:
            yield from (rows[start : start + most] for start in range(0, len(rows), most))

    def batches(self, passages: list[str]) -> Iterator[tuple[list[int], dict[str, object]]]:
        """Rows, and the model's inputs for them; the longest first."""
        import numpy as np

        ids = [encoding.ids for encoding in self.tokenizer.encode_batch(passages)]
        for rows in self.rows_of_batches([len(of) for of in ids]):
            tokens = np.zeros((len(rows), self.padded(len(ids[rows[0]]))), np.int64)
            mask = np.zeros_like(tokens)
            for i, row in enumerate(rows):
                tokens[i, : len(ids[row])] = ids[row]
                mask[i, : len(ids[row])] = 1
            yield rows, {"input_ids": tokens, "attention_mask": mask}

    def batch_of_each_shape(self, passages: list[str]) -> Iterator[tuple[list[int], dict[str, object]]]:
        shapes = set()
        for rows, inputs in self.batches(passages):
            if inputs["input_ids"].shape not in shapes:
                shapes.add(inputs["input_ids"].shape)
                yield rows, inputs

    def made_with(self) -> str:
        size = f"{self.batch_tokens} tokens" if self.batch_tokens else self.batch_size
        return f"{versions('openvino')}, {self.number}, batches of {size}"


def openvino_latency(file: Path, cache: Path) -> Result:
    """One batch of 32 at a time, on all cores: OpenVINO's defaults."""
    import numpy as np

    openvino = OpenVino(32, 32, PERFORMANCE_HINT="LATENCY")
    request = openvino.model.create_infer_request()

    def embed(passages: list[str]) -> np.ndarray:
        embeddings = np.empty((len(passages), 384), np.float32)
        for rows, inputs in openvino.batches(passages):
            embeddings[rows] = request.infer(inputs, share_inputs=True, share_outputs=True)[0]
        return embeddings

    def warm_up(passages: list[str]) -> None:
        for _, inputs in openvino.batch_of_each_shape(passages):
            request.infer(inputs, share_inputs=True, share_outputs=True)

    return timed(embed, file, openvino.made_with(), warm_up)


def openvino_streams(file: Path, cache: Path) -> Result:
    """As many batches at a time as there are cores, one core each.

    Of the sizes tried (4 to 32 passages or 512 to 2048 tokens in a batch, steps of 8 to 32 tokens)
    none was clearly faster than 8 and 16; 32 and 32 were about a fifth slower.
    """
    return streams(OpenVino(8, 16, PERFORMANCE_HINT="THROUGHPUT", NUM_STREAMS=CORES), file)


def openvino_equal_shapes(file: Path, cache: Path) -> Result:
    """The same with the shapes of batches that refrain runs."""
    return streams(OpenVino(8, 16, batch_tokens=1024, PERFORMANCE_HINT="THROUGHPUT", NUM_STREAMS=CORES), file)


def streams(openvino: OpenVino, file: Path) -> Result:
    import numpy as np
    from openvino import AsyncInferQueue, InferRequest

    queue = AsyncInferQueue(openvino.model)

    def keep(request: InferRequest, place: tuple[np.ndarray, list[int]]) -> None:
        embeddings, rows = place
        embeddings[rows] = request.get_output_tensor(0).data

    queue.set_callback(keep)

    def run(batches: Iterator[tuple[list[int], dict[str, object]]], n_passages: int) -> np.ndarray:
        embeddings = np.empty((n_passages, 384), np.float32)
        for rows, inputs in batches:
            queue.start_async(inputs, (embeddings, rows))
        queue.wait_all()
        return embeddings

    def warm_up(passages: list[str]) -> None:
        # Each stream has its own kernels: every shape once for each of them.
        of_each_shape = list(openvino.batch_of_each_shape(passages))
        run((batch for batch in of_each_shape for _ in range(CORES)), len(passages))

    def embed(passages: list[str]) -> np.ndarray:
        return run(openvino.batches(passages), len(passages))

    return timed(embed, file, openvino.made_with(), warm_up)


@dataclass(frozen=True)
class Contestant:
    title: str
    run: Callable[[Path, Path], Result]
    needs_optimum: bool = False


CONTESTANTS = {
    "refrain": Contestant("refrain", refrain),
    "fastembed-rust": Contestant("fastembed (Rust)", fastembed_rust),
    "fastembed-python": Contestant("fastembed (Python)", fastembed_python),
    "sentence-transformers": Contestant("sentence-transformers", sentence_transformers),
    "sentence-transformers-openvino": Contestant(
        "sentence-transformers, OpenVINO backend", sentence_transformers_openvino, needs_optimum=True
    ),
    "openvino-latency": Contestant("OpenVINO, one batch at a time", openvino_latency),
    "openvino-streams": Contestant("OpenVINO, a stream for each core", openvino_streams),
    "openvino-equal-shapes": Contestant("the same in refrain's shapes of batches", openvino_equal_shapes),
    "openvino-streams-newer": Contestant(
        "OpenVINO, a stream for each core, newer than refrain's", openvino_streams, needs_optimum=True
    ),
}


# The models, in the forms that the contestants read ---------------------------------------------


def torch_folder(cache: Path) -> Path:
    return cache / "sentence-transformers"


def fastembed_folder(cache: Path) -> Path:
    return cache / "fastembed"


def prepare(cache: Path) -> None:
    """Writes the model's folders into `cache`, once."""
    if not torch_folder(cache).is_dir():
        sys.path.insert(0, str(ROOT / "models"))
        from export import fetch

        for name, content in fetch().items():
            path = torch_folder(cache) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    folder = fastembed_folder(cache)
    folder.mkdir(parents=True, exist_ok=True)
    for file in MODEL.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    # fastembed for Python takes the length from this file, which says 512.
    settings = json.loads((MODEL / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"model_max_length": MAX_TOKENS}))


# Rounds and table -------------------------------------------------------------------------------


def passages_of_seeds(n_repeated: int | None) -> list[str]:
    lines = [line.strip() for file in sorted((ROOT / "seeds").iterdir()) for line in file.read_text().splitlines()]
    distinct = dict.fromkeys(line for line in lines if 40 <= len(line) <= 1500)
    if n_repeated is not None:
        return list(itertools.islice(itertools.cycle(distinct), n_repeated))
    return [f"{line} {word}" for word in WORDS for line in distinct]


def run_once(name: str, python: str, passages: Path, cache: Path) -> Result | str:
    """The contestant's result, or why there is none."""
    command: list[str | Path] = [python, __file__, "--contestant", name, "--passages", passages, "--cache", cache]
    # The model is in the cache folder: nobody has to ask a hub.
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    if run.returncode == 0:
        return Result(**json.loads(run.stdout.splitlines()[-1]))
    said = [line for line in run.stderr.splitlines() if line.strip()] or [f"exit code {run.returncode}"]
    return next((line for line in said if line.lower().startswith("error")), said[-1])


def run_rounds(
    names: list[str], rounds: list[Path], cache: Path, optimum_python: str | None
) -> tuple[dict[str, list[Result]], dict[str, str]]:
    """For each contestant its results, round by round, or why it was not run.

    `rounds` has the file of passages of each round.
    """
    results: dict[str, list[Result]] = {}
    reasons: dict[str, str] = {}
    for i, passages in enumerate(rounds):
        for name in names:
            contestant = CONTESTANTS[name]
            python = optimum_python if contestant.needs_optimum else sys.executable
            if name in reasons:
                continue
            outcome = run_once(name, python, passages, cache) if python else "no --optimum-python was given"
            if isinstance(outcome, Result):
                results.setdefault(name, []).append(outcome)
                print(f"round {i + 1}  {outcome.passages_per_second:7.1f} passages/s  {name}", file=sys.stderr)
            else:
                reasons[name] = outcome
                results.pop(name, None)
                print(f"round {i + 1}  not run: {outcome}  {name}", file=sys.stderr)
    return results, reasons


def cpu_flags() -> set[str]:
    return set(cpu_info("flags").split())


def cpu_info(key: str) -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), platform.machine())


def table(
    results: dict[str, list[Result]], reasons: dict[str, str], passages: list[str], origin: str, dealt: bool
) -> str:
    speeds = {name: [result.passages_per_second for result in of_name] for name, of_name in results.items()}
    number = next((flag for flag in ("amx_bf16", "avx512_bf16") if flag in cpu_flags()), "no bf16")
    n_rounds = max(map(len, speeds.values()), default=0)
    lines = [
        f"# Embedding: refrain and its peers, {datetime.date.today().isoformat()}",
        "",
        f"{cpu_info('model name')}, {CORES} cores, {number}; Linux, Python {platform.python_version()}. "
        "Written by `benches/peers/embed.py`, which says how.",
        "",
        f"{len(passages)} passages of {statistics.mean(map(len, passages)):.0f} characters on average, {origin}. "
        f"Rounds: {n_rounds}, the contestants taking turns" + (", each with its own part of them." if dealt else "."),
        "",
        "| | passages/s, median | in each round | refrain is so many times as fast | with |",
        "|---|---:|---|---:|---|",
    ]
    taking_part = {name: contestant for name, contestant in CONTESTANTS.items() if name in results or name in reasons}
    for name, contestant in taking_part.items():
        if name in reasons:
            lines.append(f"| {contestant.title} | not run: {reasons[name].replace('|', '/')} | | | |")
            continue
        ratio = "–"
        if name != "refrain" and "refrain" in speeds:
            ratio = f"{statistics.median(a / b for a, b in zip(speeds['refrain'], speeds[name], strict=True)):.2f}"
        each = " · ".join(f"{speed:.0f}" for speed in speeds[name])
        median = f"{statistics.median(speeds[name]):.0f}"
        lines.append(f"| {contestant.title} | {median} | {each} | {ratio} | {results[name][0].made_with} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=Path, help="a JSON string a line (default: made from seeds/)")
    parser.add_argument("--repeated", type=int, metavar="N", help="repeat the lines of seeds/ as they are, to N passages")
    parser.add_argument("--limit", type=int, help="only the first so many passages")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dealt", action="store_true", help="give each round its own part of the passages")
    parser.add_argument("--cache", type=Path, default=HERE / "cache", help="where the models are kept")
    parser.add_argument("--optimum-python", help="the Python with requirements-optimum.txt")
    parser.add_argument("--only", nargs="+", choices=CONTESTANTS, help="leave the other contestants out")
    parser.add_argument("--contestant", choices=CONTESTANTS, help="run this one once, on --passages, and print JSON")
    arguments = parser.parse_args()
    cache = arguments.cache.resolve()
    if arguments.contestant:
        result = CONTESTANTS[arguments.contestant].run(arguments.passages, cache)
        print(json.dumps(vars(result)))
        return

    prepare(cache)
    if arguments.passages:
        passages, origin = read_passages(arguments.passages), f"`{arguments.passages.name}`"
    else:
        passages = passages_of_seeds(arguments.repeated)
        origin = "the different lines of `seeds/` that have 40 to 1500 characters, " + (
            "again and again as they are: refrain embeds each text once, its peers every repetition"
            if arguments.repeated
            else f"{len(WORDS)} times, each time with another word at the end: no two texts are the same, so that "
            "nobody gains by remembering one"
        )
    if arguments.limit:
        passages, origin = passages[: arguments.limit], f"the first of {origin}"
    with tempfile.TemporaryDirectory() as folder:
        rounds = []
        for i in range(arguments.rounds):
            of_round = passages[i :: arguments.rounds] if arguments.dealt else passages
            rounds.append(Path(folder, f"passages-{i}.jsonl"))
            rounds[i].write_text("".join(json.dumps(passage) + "\n" for passage in of_round))
        results, reasons = run_rounds(arguments.only or list(CONTESTANTS), rounds, cache, arguments.optimum_python)
    report = table(results, reasons, passages, origin, arguments.dealt)
    of_what = arguments.passages.stem if arguments.passages else "repeated" if arguments.repeated else "distinct"
    target = ROOT / f"benches/results/embed-peers-{of_what}-{datetime.date.today().isoformat()}.md"
    target.parent.mkdir(exist_ok=True)
    target.write_text(report)
    print(report, end="")
    print(target.relative_to(ROOT), file=sys.stderr)


if __name__ == "__main__":
    main()
