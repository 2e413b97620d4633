#!/usr/bin/python3
"""Makes the small ONNX models with which the tests drive src/asr/whisper.c and src/asr/sensevoice.c.

    tools/asr_test_models.py [FOLDER]     (needs Debian's python3-onnx; FOLDER: test/data/asr)

They have the inputs, outputs, metadata and token files of the k2-fsa exports and a few kilobytes. They do not
hear speech; what they say follows from rules that only a right caller meets:

whisper   The decoder writes each token it reads into both caches and counts how many it finds there, which is
          right only when caches and offset are handed on. The count and the language in the caches choose the
          next token from SCRIPTS: up to three, the likeliest first, so that a caller that does not suppress
          what it must not say says it. The loudness that the encoder heard decides between the languages, and
          whether anybody speaks.
sensevoice  A tone in the middle of one of the bands of BANDS is a token; the tags answer language, text_norm
          and x_length.
"""
import base64
import os
import sys

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper, numpy_helper

# ---- building graphs ----


class Graph:
    def __init__(self):
        self.nodes, self.constants, self.count = [], [], 0

    def const(self, value, dtype=np.float32):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(value, dtype=dtype), name))
        return name

    def ints(self, *values):
        return self.const(list(values), np.int64)

    def __call__(self, op, *inputs, to=None, **attributes):
        self.count += 1
        out = to or f"t{self.count}"
        self.nodes.append(helper.make_node(op, list(inputs), [out], **attributes))
        return out

    def cast(self, value, dtype):
        self.count += 1
        self.nodes.append(helper.make_node("Cast", [value], [f"t{self.count}"], to=dtype))
        return f"t{self.count}"

    def save(self, path, inputs, outputs, metadata):
        info = [[helper.make_tensor_value_info(*i) for i in values] for values in (inputs, outputs)]
        graph = helper.make_graph(self.nodes, "test", info[0], info[1], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], producer_name="avatar-chat")
        model.ir_version = 7
        helper.set_model_props(model, {k: str(v) for k, v in metadata.items()})
        onnx.checker.check_model(model)
        onnx.save(model, path)
        print(path, os.path.getsize(path))


# ---- whisper ----

LAYERS, CTX, STATE, VOCAB = 2, 64, 4, 253
EOT, SOT, LANGS, TRANSLATE, TRANSCRIBE = 90, 91, [92, 93, 94, 95], 96, 97
SOT_LM, SOT_PREV, NO_SPEECH, NO_TIMESTAMPS, TIME = 98, 99, 100, 101, 102
NOTE, BLANK = 10, 11  # a non-speech token, and the blank

TEXT = {0: b" Hello", 1: b" world", 2: b",", 3: b"!", 4: b" there", NOTE: "\u266a".encode(), BLANK: b" ",
        5: b" la", 6: b" li", 7: b" lu"}
CHINESE = "你好，世界。".encode()
for i, cut in enumerate([(0, 2), (2, 4), (4, 5), (5, 9), (9, 13), (13, 17), (17, 18)]):
    TEXT[12 + i] = CHINESE[cut[0]:cut[1]]  # characters are cut in the middle
for i in range(20, 90):
    TEXT[i] = f" w{i}".encode()

# What follows the prompt, by language (en zh ja ko): the candidates of each place, the likeliest first.
PLAIN = [
    [[BLANK, EOT, 0], [NOTE, 1], [TIME + 20, 3], [SOT_PREV, EOT]],
    [[12 + i] for i in range(7)] + [[EOT]],
    [[5 + i % 3] for i in range(60)],
    [[20 + i] for i in range(60)],
]
TIMED = [[[0, TIME + 90, TIME], [0], [1], [TIME + 25], [4, TIME + 25], [TIME + 30, 2], [4], [TIME + 10, TIME + 48],
          [EOT]]] + [[[TIME], [20], [TIME + 150], [EOT]]] * 3


def scripts(multilingual):
    """Rows: languages without timestamps, then with; columns: how many tokens were read."""
    table = np.full((8, CTX + 1, 3), EOT, dtype=np.int64)
    prompt = 3 if multilingual else 1  # without the token that says "no timestamps"
    for row, first, group in ((0, prompt + 1, PLAIN), (4, prompt, TIMED)):
        for lang, script in enumerate(group):
            for i, candidates in enumerate(script[:CTX - first]):
                table[row + lang, first + i] = (candidates + [candidates[-1]] * 3)[:3]
    return table


def whisper_metadata(multilingual):
    sequence = [SOT, LANGS[0], TRANSCRIBE] if multilingual else [SOT]
    return {
        "model_type": "whisper-test", "n_mels": 80, "n_audio_ctx": 1500, "n_text_layer": LAYERS, "n_text_ctx": CTX,
        "n_text_state": STATE, "n_vocab": VOCAB, "sot_sequence": ",".join(map(str, sequence)),
        "all_language_tokens": ",".join(map(str, LANGS)), "all_language_codes": "en,zh,ja,ko", "sot": SOT,
        "sot_index": 0, "eot": EOT, "blank_id": BLANK, "is_multilingual": int(multilingual), "no_speech": NO_SPEECH,
        "non_speech_tokens": str(NOTE), "transcribe": TRANSCRIBE, "translate": TRANSLATE, "sot_prev": SOT_PREV,
        "sot_lm": SOT_LM, "no_timestamps": NO_TIMESTAMPS,
    }


def whisper_encoder(path, metadata):
    """The mean of the bands, of two frames each: keys +, values -."""
    g = Graph()
    level = g("ReduceMean", "mel", axes=[1], keepdims=0)
    level = g("ReduceMean", g("Reshape", level, g.ints(1, -1, 2)), axes=[2], keepdims=1)
    ones = g.const(np.ones((LAYERS, 1, 1, STATE)))
    g("Mul", level, ones, to="n_layer_cross_k")
    g("Neg", "n_layer_cross_k", to="n_layer_cross_v")
    cross = [LAYERS, "n_audio", "n_frames", STATE]
    g.save(path, [("mel", T.FLOAT, ["n_audio", 80, "T"])],
           [("n_layer_cross_k", T.FLOAT, cross), ("n_layer_cross_v", T.FLOAT, cross)], metadata)


def cache_update(g, name, places, values, sign):
    """Writes the values of the n tokens at their places into every layer; places: one-hot, n x CTX."""
    written = g("ReduceSum", places, g.ints(0), keepdims=0)
    keep = g("Reshape", g("Sub", g.const(1), written), g.ints(1, 1, CTX, 1))
    new = g("MatMul", g("Mul", values, g.const(sign)), places)
    return g("Add", g("Mul", f"in_n_layer_self_{name}_cache", keep), g("Reshape", new, g.ints(1, 1, CTX, 1)),
             to=f"out_n_layer_self_{name}_cache")


def whisper_decoder(path, multilingual):
    g = Graph()
    n = g("Gather", g("Shape", "tokens"), g.ints(1))
    places = g("Add", g("Range", g.const(0, np.int64), g("Squeeze", n), g.const(1, np.int64)), "offset")
    one_hot = g("OneHot", places, g.const(CTX, np.int64), g.const([0, 1]))
    values = g.cast(g("Add", "tokens", g.const(1, np.int64)), T.FLOAT)
    k = cache_update(g, "k", one_hot, values, 1)
    v = cache_update(g, "v", one_hot, values, -1)

    # the text in the caches: it counts where both agree in every layer
    flat_k = g("Reshape", g("ReduceMin", k, axes=[0, 1, 3], keepdims=0), g.ints(CTX))
    flat_v = g("Reshape", g("ReduceMax", v, axes=[0, 1, 3], keepdims=0), g.ints(CTX))
    agree = g("And", g("Greater", flat_k, g.const(0)),
              g("Less", g("Abs", g("Add", flat_k, flat_v)), g.const(0.5)))
    seen = g("LessOrEqual", g.ints(*range(CTX)), g("Unsqueeze", places, g.ints(1)))
    count = g("ReduceSum", g.cast(g("And", seen, agree), T.FLOAT), g.ints(1), keepdims=0)
    count = g.cast(count, T.INT64)
    gapless = g("Equal", count, g("Add", places, g.const(1, np.int64)))
    count = g("Where", gapless, count, g.const(0, np.int64))  # a gap ends the text

    # which script: the language is the second token; without timestamps or with them
    second = g.cast(g("Gather", flat_k, g.const(1, np.int64)), T.INT64)
    lang = g("Clip", g("Sub", second, g.const(LANGS[0] + 1, np.int64)), g.const(0, np.int64), g.const(3, np.int64))
    if not multilingual:
        lang = g.const(0, np.int64)
    plain = g("ReduceMax", g.cast(g("Equal", g.cast(flat_k, T.INT64), g.const(NO_TIMESTAMPS + 1, np.int64)), T.INT64),
              keepdims=0)
    row = g("Add", lang, g("Mul", g("Sub", g.const(1, np.int64), plain), g.const(4, np.int64)))
    next_tokens = g("Gather", g("Gather", g.const(scripts(multilingual), np.int64), row), count)  # n x 3
    weights = g("OneHot", next_tokens, g.const(VOCAB, np.int64), g.const([0, 1]))
    text = g("ReduceMax", g("Mul", weights, g.const([[[10], [9.5], [9]]])), axes=[1], keepdims=0)  # n x VOCAB

    # the sound: loud is Chinese, soft is English, hardly anything is nobody
    level = g("Sub", g("ReduceMax", "n_layer_cross_k", keepdims=0), g("ReduceMin", "n_layer_cross_v", keepdims=0))
    level = g("Mul", level, g.const(0.5))
    speech = g.cast(g("Greater", level, g.const(-1)), T.FLOAT)
    loud = g.cast(g("Greater", level, g.const(0.3)), T.FLOAT)
    sound = np.zeros((4, VOCAB))
    sound[0, LANGS[0]] = 12
    sound[1, LANGS[1]] = 14
    sound[2, NO_SPEECH] = 20
    hearing = g("Concat", g.const([1]), g("Reshape", loud, g.ints(1)),
                g("Reshape", g("Sub", g.const(1), speech), g.ints(1)), g.const([0]), axis=0)
    first = g.cast(g("Equal", count, g.const(1, np.int64)), T.FLOAT)
    start = g("Mul", g("Unsqueeze", first, g.ints(1)), g("MatMul", hearing, g.const(sound)))
    logits = g("Add", g("Mul", text, speech), start)
    g("Unsqueeze", logits, g.ints(0), to="logits")

    cache = [LAYERS, "n_audio", CTX, STATE]
    cross = [LAYERS, "n_audio", "n_frames", STATE]
    g.save(path, [("tokens", T.INT64, ["n_audio", "n_tokens"]), ("in_n_layer_self_k_cache", T.FLOAT, cache),
                  ("in_n_layer_self_v_cache", T.FLOAT, cache), ("n_layer_cross_k", T.FLOAT, cross),
                  ("n_layer_cross_v", T.FLOAT, cross), ("offset", T.INT64, [1])],
           [("logits", T.FLOAT, ["n_audio", "n_tokens", VOCAB]), ("out_n_layer_self_k_cache", T.FLOAT, cache),
            ("out_n_layer_self_v_cache", T.FLOAT, cache)], {})


def whisper(folder, multilingual):
    os.makedirs(folder, exist_ok=True)
    name = os.path.join(folder, "test")
    whisper_encoder(f"{name}-encoder.int8.onnx", whisper_metadata(multilingual))
    whisper_decoder(f"{name}-decoder.int8.onnx", multilingual)
    with open(f"{name}-tokens.txt", "w", encoding="ascii") as f:
        for i, text in sorted(TEXT.items()):
            f.write(f"{base64.b64encode(text).decode()} {i}\n")
        f.write("= 19\n")  # the published token file has such a line: a token of no bytes


# ---- sensevoice ----

PIECES = ["<blk>", "<s>", "</s>", "<|zh|>", "<|en|>", "<|nospeech|>", "<|NEUTRAL|>", "<|Speech|>", "<|withitn|>",
          "<|woitn|>", "▁hello", "▁wor", "ld", "你", "好", "。", "<0xE5>", "<0xA5>", "<0xBD>"]
BANDS = {10: 20, 11: 28, 12: 36, 13: 44, 14: 52, 16: 58, 17: 64, 18: 70}  # token: mel band
LANGUAGE = {"auto": 0, "zh": 3, "en": 4, "yue": 7, "ja": 11, "ko": 12}


def sensevoice(folder):
    os.makedirs(folder, exist_ok=True)
    n, dim = len(PIECES), 560
    weights = np.zeros((dim, n))
    for token, band in BANDS.items():
        weights[3 * 80 + band, token] = 1  # the middle one of the seven frames
    g = Graph()
    tone = g("MatMul", "x", g.const(weights))
    blank = np.zeros(n)
    blank[0] = 3  # in units of the normalised energy: what is softer is no tone
    frames = g("Add", tone, g.const(blank))
    # the full stop, in the last frame
    last = g("Sub", g("Unsqueeze", "x_length", g.ints(1)), g.const(1, np.int32))
    count = g("Squeeze", g("Gather", g("Shape", "x"), g.ints(1)))
    place = g("Unsqueeze", g.cast(g("Range", g.const(0, np.int64), count, g.const(1, np.int64)), T.INT32), g.ints(0))
    with_itn = g("Equal", "text_norm", g.const(14, np.int32))
    stop = g.cast(g("And", g("Equal", place, last), g("Unsqueeze", with_itn, g.ints(1))), T.FLOAT)
    frames = g("Add", frames, g("Mul", g("Unsqueeze", stop, g.ints(2)), g.const(30 * np.eye(n)[15])))
    # the tags
    silent = g("Less", g("ReduceMax", tone, axes=[1, 2], keepdims=0), g.const(3))
    lang_tag = np.full(16, PIECES.index("<|en|>"), dtype=np.int64)
    lang_tag[LANGUAGE["zh"]] = PIECES.index("<|zh|>")
    lang = g("Where", silent, g.const(PIECES.index("<|nospeech|>"), np.int64),
             g("Gather", g.const(lang_tag, np.int64), "language"))
    norm = g("Where", with_itn, g.const(8, np.int64), g.const(9, np.int64))
    tags = g("Concat", lang, g.ints(6), g.ints(7), norm, axis=0)
    tags = g("Unsqueeze", g("OneHot", tags, g.const(n, np.int64), g.const([0, 10])), g.ints(0))
    g("Concat", tags, frames, axis=1, to="logits")
    metadata = {
        "lfr_window_size": 7, "lfr_window_shift": 6, "normalize_samples": 0,
        "neg_mean": ",".join(["-12.5"] * dim), "inv_stddev": ",".join(["0.25"] * dim), "vocab_size": n,
        "model_type": "sense_voice_ctc", "with_itn": 14, "without_itn": 15, "lang_nospeech": 13,
        **{f"lang_{k}": v for k, v in LANGUAGE.items()},
    }
    g.save(os.path.join(folder, "model.int8.onnx"),
           [("x", T.FLOAT, ["N", "T", dim]), ("x_length", T.INT32, ["N"]), ("language", T.INT32, ["N"]),
            ("text_norm", T.INT32, ["N"])], [("logits", T.FLOAT, ["N", "T4", n])], metadata)
    with open(os.path.join(folder, "tokens.txt"), "w", encoding="utf-8") as f:
        for i, piece in enumerate(PIECES):
            f.write(f"{piece} {i}\n")


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else "test/data/asr"
    whisper(os.path.join(folder, "whisper"), True)
    whisper(os.path.join(folder, "whisper.en"), False)
    sensevoice(os.path.join(folder, "sensevoice"))


if __name__ == "__main__":
    main()
