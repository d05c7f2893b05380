#!/usr/bin/env python3
"""Make the tiny models that tests/models.rs runs, and the rows that they must give.

    pip install -r models/requirements.txt
    python tests/data/models/make.py            # write the files beside this script
    python tests/data/models/make.py --check    # compare with the files, byte for byte

A BERT-like encoder of one layer, width 8, 2 heads and 24 positions with seeded random weights, so
the files are nobody's work but refrain's and under its licence (MIT or Apache-2.0). The expected
rows are computed here with numpy in f64, without padding and one text at a time, from the formulas
and not with an ONNX runtime.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from onnx import TensorProto, external_data_helper, helper, numpy_helper

FOLDER = Path(__file__).resolve().parent
HIDDEN, HEADS, POSITIONS = 8, 2, 24
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
WORDS = """one text another of more than sixteen tokens so that both are padded to a greater length is alone
the summit in june president did not attend add two eggs and cup flour skipped , .""".split()
TEXTS = [
    "the president skipped the summit in june .",
    "in june the president did not attend the summit .",
    "add two eggs and a cup of flour .",
    "one",
    "so that both are padded to a greater length than one is padded to alone , and the length is sixteen .",
]

random = np.random.default_rng(20261122)


def weight(*shape: int) -> np.ndarray:
    return random.normal(0, 0.7, shape).astype(np.float32)


W = {
    "words": weight(len(SPECIAL) + len(WORDS), HIDDEN),
    "positions": weight(POSITIONS, HIDDEN),
    "types": weight(2, HIDDEN),
    "query": weight(HIDDEN, HIDDEN),
    "key": weight(HIDDEN, HIDDEN),
    "value": weight(HIDDEN, HIDDEN),
    "out": weight(HIDDEN, HIDDEN),
    "pooler": weight(HIDDEN, HIDDEN),
    "scale": 1 + 0.1 * weight(HIDDEN),
    "bias": 0.1 * weight(HIDDEN),
    "wide": weight(HIDDEN, 384),
}


# The formulas.


def token_rows(text: str, with_types: bool) -> np.ndarray:
    """(tokens, 8) rows of a text."""
    w = {name: value.astype(np.float64) for name, value in W.items()}
    ids = [2] + [len(SPECIAL) + WORDS.index(word) if word in WORDS else 1 for word in text.split()] + [3]
    x = w["words"][ids] + w["positions"][: len(ids)]
    if with_types:
        x = x + w["types"][0]
    heads = lambda y: y.reshape(len(ids), HEADS, -1).transpose(1, 0, 2)
    query, key, value = heads(x @ w["query"]), heads(x @ w["key"]), heads(x @ w["value"])
    logits = query @ key.transpose(0, 2, 1) / np.sqrt(HIDDEN / HEADS)
    attention = np.exp(logits - logits.max(-1, keepdims=True))
    attention /= attention.sum(-1, keepdims=True)
    x = x + (attention @ value).transpose(1, 0, 2).reshape(len(ids), HIDDEN) @ w["out"]
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12) * w["scale"] + w["bias"]


POOLINGS = {"mean": lambda rows: rows.mean(0), "cls": lambda rows: rows[0], "last": lambda rows: rows[-1]}


def expected() -> dict:
    unit = lambda row: [round(float(x), 9) for x in row / np.linalg.norm(row)]
    rows = {
        f"{name}{'-types' if types else ''}": [unit(pool(token_rows(text, types))) for text in TEXTS]
        for name, pool in POOLINGS.items()
        for types in (False, True)
    }
    return {"texts": TEXTS, "rows": rows}


# The same as graphs.


class Graph:
    def __init__(self):
        self.nodes, self.constants = [], {}

    def op(self, kind: str, *inputs: str, name: str, **attributes) -> str:
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, name: str, value) -> str:
        self.constants.setdefault(name, numpy_helper.from_array(np.asarray(value), name))
        return name

    def weight(self, name: str) -> str:
        return self.constant(name, W[name])

    def matmul(self, x: str, name: str, dynamic: bool) -> str:
        if not dynamic:
            return self.op("MatMul", x, self.weight(name), name=f"{name}/product")
        # As onnxruntime's quantize_dynamic writes it with reduce_range. With 8 bits, the sum of two products would not
        # fit into the 16 bits that a CPU without VNNI has for it, and the rows would depend on the CPU.
        scale = np.float32(np.abs(W[name]).max() / 63)
        quantised = self.constant(f"{name}/int8", np.round(W[name] / scale).astype(np.int8))
        q, s, z = (f"{name}/x", f"{name}/x/scale", f"{name}/x/zero")
        self.nodes.append(helper.make_node("DynamicQuantizeLinear", [x], [q, s, z], name=f"{name}/quantise"))
        product = self.op("MatMulInteger", q, quantised, z, name=f"{name}/integers")
        product = self.op("Cast", product, name=f"{name}/floats", to=TensorProto.FLOAT)
        scales = self.op("Mul", s, self.constant(f"{name}/scale", scale), name=f"{name}/scales")
        return self.op("Mul", product, scales, name=f"{name}/product")


def encoder(g: Graph, with_types: bool, masked: bool, dynamic: bool) -> str:
    """Adds the encoder and returns its (batch, tokens, 8) output."""
    ints = lambda name, *values: g.constant(name, np.array(values, np.int64))
    x = g.op("Gather", g.weight("words"), "input_ids", name="words/rows")
    length = g.op("Gather", g.op("Shape", "input_ids", name="shape"), ints("one", 1), name="length")
    used = g.op("Slice", g.weight("positions"), ints("zero", 0), length, ints("zero", 0), name="positions/used")
    # A table that is too short fails here, as in a real model.
    x = g.op("Add", x, used, name="embedded")
    if with_types:
        x = g.op("Add", x, g.op("Gather", g.weight("types"), "token_type_ids", name="types/rows"), name="typed")
    # A node of this name is no quantisation: only its operator's type counts.
    x = g.op("Identity", x, name="DynamicQuantizeLinear_MatMulInteger")

    def heads(name: str, perm: list[int]) -> str:
        y = g.op("Reshape", g.matmul(x, name, dynamic), ints("split", 0, 0, HEADS, HIDDEN // HEADS), name=f"{name}/split")
        return g.op("Transpose", y, name=f"{name}/heads", perm=perm)

    logits = g.op("MatMul", heads("query", [0, 2, 1, 3]), heads("key", [0, 2, 3, 1]), name="logits")
    logits = g.op("Div", logits, g.constant("root", np.float32(np.sqrt(HIDDEN / HEADS))), name="logits/scaled")
    if masked:
        mask = g.op("Cast", "attention_mask", name="mask", to=TensorProto.FLOAT)
        mask = g.op("Unsqueeze", mask, ints("axes", 1, 2), name="mask/4d")
        mask = g.op("Sub", g.constant("unit", np.float32(1)), mask, name="mask/padding")
        mask = g.op("Mul", mask, g.constant("far", np.float32(-10_000)), name="mask/bias")
        logits = g.op("Add", logits, mask, name="logits/masked")
    attention = g.op("Softmax", logits, name="attention", axis=-1)
    y = g.op("Transpose", g.op("MatMul", attention, heads("value", [0, 2, 1, 3]), name="context"), name="context/rows", perm=[0, 2, 1, 3])
    y = g.op("Reshape", y, ints("join", 0, 0, HIDDEN), name="context/joined")
    x = g.op("Add", x, g.matmul(y, "out", dynamic), name="residual")
    return g.op("LayerNormalization", x, g.weight("scale"), g.weight("bias"), name="norm", axis=-1, epsilon=1e-12)


def mean(g: Graph, x: str) -> str:
    """The mask's mean, not brought to unit length."""
    axis = g.constant("one", np.array([1], np.int64))
    mask = g.op("Cast", "attention_mask", name="pool/mask", to=TensorProto.FLOAT)
    mask = g.op("Unsqueeze", mask, g.constant("last", np.array([2], np.int64)), name="pool/mask/3d")
    total = g.op("ReduceSum", g.op("Mul", x, mask, name="pool/masked"), axis, name="pool/sum", keepdims=0)
    return g.op("Div", total, g.op("ReduceSum", mask, axis, name="pool/count", keepdims=0), name="pool/mean")


def model(finish, with_types=False, masked=True, dynamic=False, extra_inputs=()) -> bytes:
    """`finish` takes the graph and the token rows, and returns {output name: (tensor, rank)}."""
    g = Graph()
    outputs = finish(g, encoder(g, with_types, masked, dynamic))
    for name, (tensor, _) in outputs.items():
        g.op("Identity", tensor, name=name)
    inputs = ["input_ids", "attention_mask", *(["token_type_ids"] if with_types else []), *extra_inputs]
    axes = {1: ["dim"], 2: ["batch", "dim"], 3: ["batch", "sequence", "dim"]}
    graph = helper.make_graph(
        g.nodes,
        "refrain-test",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"]) for name in inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, axes[rank]) for name, (_, rank) in outputs.items()],
        list(g.constants.values()),
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    made.producer_name = "refrain"
    return made


def files() -> dict[str, bytes]:
    def bert(g: Graph, x: str):
        first = g.op("Gather", x, g.constant("first", np.int64(0)), name="pooler/first", axis=1)
        pooled = g.op("Tanh", g.op("MatMul", first, g.weight("pooler"), name="pooler/dense"), name="pooler/tanh")
        return {"last_hidden_state": (x, 3), "pooler_output": (pooled, 2)}

    def not_a_number(g: Graph, x: str):
        return {"last_hidden_state": (g.op("Log", g.op("Neg", g.op("Abs", x, name="abs"), name="negative"), name="log"), 3)}

    def one_row(g: Graph, x: str):
        """Adds up the whole batch: one row, whatever is given."""
        return {"sentence_embedding": (g.op("ReduceMean", mean(g, x), name="all", axes=[0], keepdims=1), 2)}

    def external():
        made = model(tokens)
        name = "external.onnx.data"
        external_data_helper.convert_model_to_external_data(made, location=name, size_threshold=100)
        data = b""
        for tensor in made.graph.initializer:
            if tensor.HasField("data_location") or tensor.external_data:
                raw = tensor.raw_data
                external_data_helper.set_external_data(tensor, name, offset=len(data), length=len(raw))
                tensor.ClearField("raw_data")
                data += raw
        return made, data

    def wide(g: Graph, x: str):
        """As wide as the model in whose place tests/hub.rs puts it."""
        return {"last_hidden_state": (g.op("MatMul", x, g.weight("wide"), name="wide/rows"), 3)}

    tokens = lambda g, x: {"last_hidden_state": (x, 3)}
    with_weights, weights = external()
    models = {
        "tokens.onnx": model(bert, with_types=True),
        "untyped.onnx": model(tokens),
        "pooled.onnx": model(lambda g, x: {"token_embeddings": (x, 3), "sentence_embedding": (mean(g, x), 2)}),
        "dynamic.onnx": model(tokens, dynamic=True),
        "external.onnx": with_weights,
        "unmasked.onnx": model(tokens, masked=False),
        "nan.onnx": model(not_a_number),
        "one-row.onnx": model(one_row),
        "hub.onnx": model(wide),
        "positions.onnx": model(tokens, extra_inputs=["position_ids"]),
    }
    out = {name: made.SerializeToString(deterministic=True) for name, made in models.items()}
    vocabulary = {token: i for i, token in enumerate(SPECIAL + WORDS)}
    special = lambda i: {
        "id": i, "content": SPECIAL[i], "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True,
    }
    piece = lambda token: {"SpecialToken": {"id": token, "type_id": 0}}
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [special(i) for i in range(len(SPECIAL))],
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [piece("[CLS]"), {"Sequence": {"id": "A", "type_id": 0}}, piece("[SEP]")],
            "pair": [piece("[CLS]"), {"Sequence": {"id": "A", "type_id": 0}}, piece("[SEP]"), {"Sequence": {"id": "B", "type_id": 1}}, piece("[SEP]")],
            "special_tokens": {token: {"id": token, "ids": [SPECIAL.index(token)], "tokens": [token]} for token in ("[CLS]", "[SEP]")},
        },
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
    }
    out["external.onnx.data"] = weights
    out["tokenizer.json"] = (json.dumps(tokenizer) + "\n").encode()
    out["expected.json"] = (json.dumps(expected()) + "\n").encode()
    return out


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--check", action="store_true")
    check = arguments.parse_args().check
    for name, content in files().items():
        if not check:
            (FOLDER / name).write_bytes(content)
        elif (FOLDER / name).read_bytes() != content:
            sys.exit(f"{name} is not what this script makes")
        print(f"{name}: {len(content)} bytes")


if __name__ == "__main__":
    main()
