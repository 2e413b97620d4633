#!/usr/bin/python3
"""Makes models of true size with random weights, to measure speed with (bench/bench_asr.c).

    tools/asr_bench_models.py tiny|base|small|sensevoice FOLDER      (needs Debian's python3-onnx; 100 to 400 MB)

Matrices, types and interface are those of the k2-fsa int8 exports of Whisper and SenseVoice-Small: every product with a constant right-hand
matrix is quantised dynamically (DynamicQuantizeLinear, MatMulInteger), attention, convolutions and the product
with the embedding, whose matrix stands on the left, stay in float32. The caches are put together by Concat
where the exporter writes ScatterND. What such a model says means nothing; how long it takes does not depend on
the weights.
"""
import base64
import os
import sys

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper, numpy_helper

SIZES = {"tiny": (384, 4, 6), "base": (512, 6, 8), "small": (768, 12, 12)}  # state, layers, heads
MELS, CTX, TEXT, VOCAB = 80, 1500, 448, 51865
EOT, SOT, LANGS, TRANSLATE, TRANSCRIBE, SOT_LM, SOT_PREV, NO_SPEECH, NO_TIMESTAMPS = (
    50257, 50258, 50259, 50358, 50359, 50360, 50361, 50362, 50363)
rng = np.random.default_rng(1)


class Net:
    def __init__(self, state, heads, weight=np.int8):
        self.state, self.heads, self.weight = state, heads, weight  # weight: the type of quantised matrices
        self.nodes, self.constants, self.count, self.scales = [], [], 0, {}

    def const(self, value):
        self.count += 1
        self.constants.append(numpy_helper.from_array(np.asarray(value), f"c{self.count}"))
        return f"c{self.count}"

    def ints(self, *values):
        return self.const(np.array(values, dtype=np.int64))

    def weights(self, *shape):
        return self.const(rng.standard_normal(shape, dtype=np.float32) * np.float32(0.02))

    def __call__(self, op, *inputs, to=None, n_out=1, **attributes):
        self.count += 1
        out = [to or f"t{self.count}"] + [f"t{self.count}_{i}" for i in range(1, n_out)]
        self.nodes.append(helper.make_node(op, list(inputs), out, **attributes))
        return out[0] if n_out == 1 else out

    def cast(self, value):
        self.count += 1
        self.nodes.append(helper.make_node("Cast", [value], [f"t{self.count}"], to=T.FLOAT))
        return f"t{self.count}"

    def linear(self, x, n_in, n_out, bias=True):
        """One input is quantised once, however many matrices it meets, as the quantiser does it."""
        if x not in self.scales:
            self.scales[x] = self("DynamicQuantizeLinear", x, n_out=3)
        quantized, scale, zero = self.scales[x]
        middle = 128 if self.weight == np.uint8 else 0
        matrix = self.const((rng.integers(-127, 127, (n_in, n_out)) + middle).astype(self.weight))
        y = self.cast(self("MatMulInteger", quantized, matrix, zero, self.const(self.weight(middle))))
        y = self("Mul", y, self("Mul", scale, self.const(np.float32(1 / 127 / np.sqrt(n_in)))))
        return self("Add", self.weights(n_out), y) if bias else y

    def norm(self, x, width=None):
        width = width or self.state
        diff = self("Sub", x, self("ReduceMean", x, axes=[-1]))
        var = self("ReduceMean", self("Pow", diff, self.const(np.float32(2))), axes=[-1])
        y = self("Div", diff, self("Sqrt", self("Add", var, self.const(np.float32(1e-5)))))
        ones = self.const(np.ones(width, dtype=np.float32))
        return self("Add", self("Mul", y, ones), self.weights(width))

    def gelu(self, x):
        erf = self("Erf", self("Div", x, self.const(np.float32(np.sqrt(2)))))
        return self("Mul", self("Mul", x, self("Add", erf, self.const(np.float32(1)))), self.const(np.float32(0.5)))

    def split(self, x, order):
        return self("Transpose", self("Reshape", x, self.ints(0, 0, self.heads, self.state // self.heads)), perm=order)

    def attend(self, q, k, v, mask=None):
        scale = self.const(np.float32((self.state // self.heads) ** -0.25))
        q = self("Mul", self.split(q, [0, 2, 1, 3]), scale)
        k = self("Mul", self.split(k, [0, 2, 3, 1]), scale)
        weights = self("MatMul", q, k)
        if mask:
            weights = self("Add", weights, mask)
        y = self("MatMul", self("Softmax", weights, axis=-1), self.split(v, [0, 2, 1, 3]))
        return self("Reshape", self("Transpose", y, perm=[0, 2, 1, 3]), self.ints(0, 0, self.state))

    def project(self, x, bias=True):
        return self.linear(x, self.state, self.state, bias)

    def mlp(self, x):
        y = self.linear(self.norm(x), self.state, 4 * self.state)
        return self("Add", x, self.linear(self.gelu(y), 4 * self.state, self.state))

    def save(self, path, inputs, outputs, metadata):
        info = [[helper.make_tensor_value_info(*i) for i in values] for values in (inputs, outputs)]
        graph = helper.make_graph(self.nodes, "bench", info[0], info[1], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], producer_name="avatar-chat")
        model.ir_version = 7
        helper.set_model_props(model, {k: str(v) for k, v in metadata.items()})
        onnx.save(model, path)
        print(path, os.path.getsize(path))


def encoder(path, state, layers, heads):
    g = Net(state, heads)
    x = g.gelu(g("Conv", "mel", g.weights(state, MELS, 3), g.weights(state), pads=[1, 1], kernel_shape=[3]))
    x = g.gelu(g("Conv", x, g.weights(state, state, 3), g.weights(state), pads=[1, 1], strides=[2], kernel_shape=[3]))
    x = g("Transpose", x, perm=[0, 2, 1])
    length = g("Gather", g("Shape", x), g.ints(1))
    x = g("Add", x, g("Slice", g.weights(CTX, state), g.ints(0), length, g.ints(0)))
    for _ in range(layers):
        y = g.norm(x)
        y = g.attend(g.project(y), g.project(y, False), g.project(y))
        x = g.mlp(g("Add", x, g.project(y)))
    x = g.norm(x)
    for name, bias in (("k", False), ("v", True)):
        cross = [g("Unsqueeze", g.project(x, bias), g.ints(0)) for _ in range(layers)]
        g("Concat", *cross, axis=0, to=f"n_layer_cross_{name}")
    metadata = {
        "n_mels": MELS, "n_audio_ctx": CTX, "n_text_layer": layers, "n_text_ctx": TEXT, "n_text_state": state,
        "n_vocab": VOCAB, "sot": SOT, "eot": EOT, "blank_id": 220, "is_multilingual": 1, "no_speech": NO_SPEECH,
        "non_speech_tokens": "1,2,7,8,9,10", "transcribe": TRANSCRIBE, "translate": TRANSLATE, "sot_lm": SOT_LM,
        "sot_prev": SOT_PREV, "no_timestamps": NO_TIMESTAMPS, "all_language_tokens": f"{LANGS},{LANGS + 1}",
        "all_language_codes": "en,zh",
    }
    cross = [layers, "n_audio", "n_frames", state]
    g.save(path, [("mel", T.FLOAT, ["n_audio", MELS, "T"])],
           [("n_layer_cross_k", T.FLOAT, cross), ("n_layer_cross_v", T.FLOAT, cross)], metadata)


def decoder(path, state, layers, heads):
    g = Net(state, heads)
    embedding = g.weights(VOCAB, state)
    n = g("Gather", g("Shape", "tokens"), g.ints(1))
    end = g("Add", "offset", n)
    x = g("Add", g("Gather", embedding, "tokens"), g("Slice", g.weights(TEXT, state), "offset", end, g.ints(0)))
    mask = g.const(np.triu(np.full((TEXT, TEXT), -np.inf, dtype=np.float32), 1))
    mask = g("Slice", g("Slice", mask, g.ints(0), n, g.ints(0)), g.ints(0), n, g.ints(1))
    caches = {"k": [], "v": []}
    for layer in range(layers):
        y = g.norm(x)
        query, full = g.project(y), {}
        for name in ("k", "v"):
            old = g("Gather", f"in_n_layer_self_{name}_cache", g.const(np.int64(layer)), axis=0)
            full[name] = g("Concat", g("Slice", old, g.ints(0), "offset", g.ints(1)), g.project(y, name == "v"), axis=1)
            rest = g("Slice", old, end, g.ints(TEXT), g.ints(1))
            caches[name].append(g("Unsqueeze", g("Concat", full[name], rest, axis=1), g.ints(0)))
        x = g("Add", x, g.project(g.attend(query, full["k"], full["v"], mask)))
        cross = [g("Gather", f"n_layer_cross_{name}", g.const(np.int64(layer)), axis=0) for name in ("k", "v")]
        x = g("Add", x, g.project(g.attend(g.project(g.norm(x)), *cross)))
        x = g.mlp(x)
    x = g("Transpose", g.norm(x), perm=[0, 2, 1])
    g("Transpose", g("MatMul", embedding, x), perm=[0, 2, 1], to="logits")
    for name in ("k", "v"):
        g("Concat", *caches[name], axis=0, to=f"out_n_layer_self_{name}_cache")
    cache = [layers, "n_audio", TEXT, state]
    cross = [layers, "n_audio", "n_frames", state]
    g.save(path, [("tokens", T.INT64, ["n_audio", "n_tokens"]), ("in_n_layer_self_k_cache", T.FLOAT, cache),
                  ("in_n_layer_self_v_cache", T.FLOAT, cache), ("n_layer_cross_k", T.FLOAT, cross),
                  ("n_layer_cross_v", T.FLOAT, cross), ("offset", T.INT64, [1])],
           [("logits", T.FLOAT, ["n_audio", "n_tokens", VOCAB]), ("out_n_layer_self_k_cache", T.FLOAT, cache),
            ("out_n_layer_self_v_cache", T.FLOAT, cache)], {})


def sanm(g, x, n_in):
    """A layer of SenseVoice's encoder: attention with a memory (a convolution over the values), then two matrices."""
    state, qkv = g.state, g.linear(g.norm(x, n_in), n_in, 3 * g.state)
    q, k, v = (g("Slice", qkv, g.ints(i * state), g.ints((i + 1) * state), g.ints(2)) for i in range(3))
    memory = g("Conv", g("Transpose", v, perm=[0, 2, 1]), g.weights(state, 1, 11), pads=[5, 5], group=state,
               kernel_shape=[11])
    memory = g("Add", g("Transpose", memory, perm=[0, 2, 1]), v)
    y = g("Add", g.project(g.attend(q, k, v)), memory)
    x = g("Add", x, y) if n_in == state else y
    y = g("Relu", g.linear(g.norm(x), state, 2048))
    return g("Add", x, g.linear(y, 2048, state))


def sensevoice(folder):
    g, dim, vocab = Net(512, 4, np.uint8), 560, 25055
    embedding = g.weights(16, dim)
    tags = [g("Unsqueeze", g("Gather", embedding, name), g.ints(1)) for name in ("language", "text_norm")]
    events = g.weights(1, 2, dim)
    x = g("Concat", tags[0], events, tags[1], "x", axis=1)
    length = g.cast(g("Unsqueeze", "x_length", g.ints(1)))
    x = g("Add", x, g("Unsqueeze", g("Mul", length, g.const(np.float32(0))), g.ints(2)))  # the masks' place
    x = sanm(g, x, dim)
    for _ in range(49):
        x = sanm(g, x, 512)
    x = g.norm(x)
    for _ in range(20):
        x = sanm(g, x, 512)
    g("Identity", g.linear(g.norm(x), 512, vocab), to="logits")
    numbers = ",".join(["0.1"] * dim)
    metadata = {
        "lfr_window_size": 7, "lfr_window_shift": 6, "normalize_samples": 0, "neg_mean": numbers, "inv_stddev": numbers,
        "vocab_size": vocab, "with_itn": 14, "without_itn": 15, "lang_auto": 0, "lang_zh": 3, "lang_en": 4,
        "lang_yue": 7, "lang_ja": 11, "lang_ko": 12,
    }
    g.save(os.path.join(folder, "model.int8.onnx"),
           [("x", T.FLOAT, ["N", "T", dim]), ("x_length", T.INT32, ["N"]), ("language", T.INT32, ["N"]),
            ("text_norm", T.INT32, ["N"])], [("logits", T.FLOAT, ["N", "T4", vocab])], metadata)
    with open(os.path.join(folder, "tokens.txt"), "w", encoding="ascii") as f:
        for i in range(vocab):
            f.write(f"p{i} {i}\n")


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in [*SIZES, "sensevoice"]:
        sys.exit(__doc__)
    name, folder = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    if name == "sensevoice":
        sensevoice(folder)
        return
    encoder(os.path.join(folder, f"{name}-encoder.int8.onnx"), *SIZES[name])
    decoder(os.path.join(folder, f"{name}-decoder.int8.onnx"), *SIZES[name])
    with open(os.path.join(folder, f"{name}-tokens.txt"), "w", encoding="ascii") as f:
        for i in range(EOT):
            f.write(f"{base64.b64encode(b' %d' % i).decode()} {i}\n")


if __name__ == "__main__":
    main()
