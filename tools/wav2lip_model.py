#!/usr/bin/python3
"""Writes a Wav2Lip generator with random weights as ONNX: the exact topology of the published one.

    tools/wav2lip_model.py FILE.onnx [--side 96|256] [--bn] [--seed N]      (needs Debian's python3-numpy)

The real weights may not be given away. This stand-in has the same graph, inputs and outputs, so that everything
around it can be tested and measured; how long it takes does not depend on the weights. --bn leaves every batch
normalisation beside its convolution, as an export without constant folding does; without it they are folded. Both
of one seed compute the same.

All weights are random (He), except for one channel a level, set so that there is something to look at: the skip
connection of the first level hands the reference face to the output, nearly as it is, and the loudness of the
first 50 ms of the mel window (below about 3 kHz) opens a dark ellipse where the mouth is. The rest adds a faint
texture that depends on face and mel.
"""
import argparse

import numpy as np

EPSILON = 1e-5  # of batch normalisation

# ---- the topology: kind, inputs, outputs, kernel, stride, padding (height and width where they differ) ----


def conv(inputs, outputs, kernel, stride=1, pad=1):
    return ("Conv", inputs, outputs, kernel, stride, pad)


def same(channels, count):
    return [("Residual", channels, channels, 3, 1, 1)] * count


def up(inputs, outputs, kernel=3, stride=2, pad=1):
    return ("ConvTranspose", inputs, outputs, kernel, stride, pad)


AUDIO = [conv(1, 32, 3), *same(32, 2), conv(32, 64, 3, (3, 1)), *same(64, 2), conv(64, 128, 3, 3), *same(128, 2),
         conv(128, 256, 3, (3, 2)), *same(256, 1), conv(256, 512, 3, 1, 0), conv(512, 512, 1, 1, 0)]


def face_encoder(side):
    blocks = [[conv(6, 16, 7, 1, 3)], [conv(16, 32, 3, 2), *same(32, 2)], [conv(32, 64, 3, 2), *same(64, 3)],
              [conv(64, 128, 3, 2), *same(128, 2)], [conv(128, 256, 3, 2), *same(256, 2)],
              [conv(256, 512, 3, 2), *same(512, 1)]]
    if side == 256:
        blocks.append([conv(512, 512, 3, 2), *same(512, 1)])
    return blocks + [[conv(512, 512, 4 if side == 256 else 3, 1, 0), conv(512, 512, 1, 1, 0)]]


def face_decoder(side):
    if side == 256:
        blocks = [[up(1024, 512, 4, 1, 0), *same(512, 1)], [up(1024, 512), *same(512, 1)],
                  [up(1024, 512), *same(512, 2)]]
    else:
        blocks = [[up(1024, 512, 3, 1, 0), *same(512, 1)], [up(1024, 512), *same(512, 2)]]
    return [[conv(512, 512, 1, 1, 0)], *blocks, [up(768, 384), *same(384, 2)], [up(512, 256), *same(256, 2)],
            [up(320, 128), *same(128, 2)], [up(160, 64), *same(64, 2)]]


# ---- ONNX: the few messages of its protobuf that are needed ----


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + np.float32(value).tobytes()
    value = value.encode() if isinstance(value, str) else bytes(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def message(*pairs):
    return b"".join(field(number, value) for number, value in pairs)


def attribute(name, value):
    if isinstance(value, float):
        return message((1, name), (2, value), (20, 1))
    if isinstance(value, int):
        return message((1, name), (3, value), (20, 2))
    return message((1, name), *((8, int(v)) for v in value), (20, 7))


def tensor_info(name, channels, *shape):
    dims = [message((2, "batch")), *(message((1, size)) for size in (channels, *shape))]
    kind = message((1, 1), (2, message(*((1, dim) for dim in dims))))
    return message((1, name), (2, message((1, kind))))


class Graph:
    def __init__(self):
        self.nodes, self.tensors, self.count = [], [], 0

    def tensor(self, name, value):
        value = np.ascontiguousarray(value, "<f4")
        self.tensors.append(message(*((1, size) for size in value.shape), (2, 1), (8, name), (9, value.tobytes())))
        return name

    def node(self, op, inputs, to=None, **attributes):
        self.count += 1
        to = to or f"/{op}_{self.count}_output_0"
        self.nodes.append(message(*((1, name) for name in inputs), (2, to), (3, f"/{op}_{self.count}"), (4, op),
                                  *((5, attribute(*pair)) for pair in attributes.items())))
        return to

    def write(self, path, inputs, outputs):
        graph = message(*((1, node) for node in self.nodes), (2, "wav2lip"), *((5, t) for t in self.tensors),
                        *((11, i) for i in inputs), *((12, o) for o in outputs))
        with open(path, "wb") as file:
            file.write(message((1, 7), (2, "avatar-chat"), (7, graph), (8, message((1, ""), (2, 13)))))


# ---- weights ----


def pair(value):
    return value if isinstance(value, tuple) else (value, value)


class Weights:
    """Random ones. Channel 0 of every level carries how far the mouth is open, little else goes into it."""

    def __init__(self, seed):
        self.random, self.random_norm = np.random.default_rng(seed), np.random.default_rng(seed)

    def normal(self, *shape):
        return self.random.standard_normal(shape, dtype=np.float32)

    def layer(self, kind, inputs, outputs, kernel, leak=0.02):
        gain = {"Conv": 0.85, "Residual": 0.35, "ConvTranspose": 0.8}[kind]
        if kind == "ConvTranspose":  # one mixture of channels and a smooth way up, with some noise
            spread = np.outer([0.5, 1, 0.5], [0.5, 1, 0.5]) if kernel == 3 else np.ones((kernel, kernel))
            w = self.normal(inputs, outputs, 1, 1) * spread + 0.2 * self.normal(inputs, outputs, kernel, kernel)
            w *= gain * np.sqrt(2 / inputs)
            w[:, 0] *= leak
        else:
            w = self.normal(outputs, inputs, kernel, kernel) * (gain * np.sqrt(2 / (inputs * kernel * kernel)))
            w[0] *= leak
        b = 0.05 * self.normal(outputs)
        b[0] = 0
        return w.astype(np.float32), b

    def batch_norm(self, kind, w, b):
        """Splits w, b into a convolution and a batch normalisation (scale, shift, mean, variance)."""
        random, outputs = self.random_norm, len(b)
        scale, variance = (random.uniform(0.5, 1.5, outputs).astype(np.float32) for _ in range(2))
        mean, bias = (s * random.standard_normal(outputs, dtype=np.float32) for s in (0.3, 0.1))
        factor = scale / np.sqrt(variance + EPSILON)
        shape = (1, -1, 1, 1) if kind == "ConvTranspose" else (-1, 1, 1, 1)
        return w / factor.reshape(shape), bias, scale, b - (bias - mean) * factor, mean, variance


def audio_channel(layer, w, b):
    """Channel 0: mel as 0 … 1, averaged; at last the lower two thirds of the bands, above a threshold."""
    if layer == 0:
        w[0], b[0] = 0, 0.5
        w[0, 0, 1, 1] = 1 / 8
    elif layer == 3:  # over three bands
        w[0, 0, :, 1] += 1 / 3
    elif layer in (6, 9):
        w[0, 0] += 1 / 9
    elif layer == 11:  # columns 0 … 4 (four ninths of their sum are padding)
        w[0, 0, :2, 0] += 10 * 1.8 / 2
        b[0] = -10 * 0.31
    elif layer == 12:
        w[0, 0] += 1


def decoder_channel(block, layer, side, w):
    """Channel 0: from one value to a soft ellipse in the lower half."""
    smooth = [0.5, 1, 0.5]
    if block == 0:
        w[0, 0] += 1
    elif block == 1 and layer == 0:  # [in][out][row][column]
        w[0, 0, -1] += [0, 1, 0] if side == 96 else [0, 0.25, 1, 0.25]
    elif block == 2 and side == 96 and layer == 0:  # from row 64, column 32 (of 96) to rows 64, 80, column 48
        w[0, 0] += np.outer([0, 1, 0.5], [0, 0, 1])
    elif block == 2 and side == 96 and layer == 1:  # to columns 32, 48, 64
        w[0, 0, 1] += [0.6, 0, 0.6]
    elif layer == 0:
        w[0, 0] += np.outer(smooth, smooth)


def output_channels(w, b, last):
    """B, G, R of the reference become logits by three straight pieces; the mouth darkens them."""
    w[:10] *= 0.02
    b[:10] = 0
    last *= 0.25
    last[:, :10] *= 0.1
    shift = np.full(3, -2.95, np.float32)
    for colour in range(3):
        for piece, (knot, slope) in enumerate(((0, 7.0), (0.3, -2.8), (0.7, 2.8))):
            w[3 * colour + piece, 64 + colour, 1, 1] += 1
            b[3 * colour + piece] = -knot
            last[colour, 3 * colour + piece] += slope
    w[9, 0] += 2.5 / 9
    b[9] = -2.5 * 0.3
    last[:, 9, 0, 0] -= [3, 3, 2]
    return shift


# ---- the network ----


class Network:
    def __init__(self, seed, bn):
        self.graph, self.weights, self.bn = Graph(), Weights(seed), bn

    def convolution(self, name, x, kind, w, b, kernel, stride, pad):
        extra = {"output_padding": (1, 1)} if kind == "ConvTranspose" and stride == 2 else {}
        names = [self.graph.tensor(f"{name}.weight", w), self.graph.tensor(f"{name}.bias", b)]
        op = "ConvTranspose" if kind == "ConvTranspose" else "Conv"
        return self.graph.node(op, [x, *names], dilations=(1, 1), group=1, kernel_shape=pair(kernel), **extra,
                               pads=pair(pad) * 2, strides=pair(stride))

    def layer(self, name, x, spec, adjust=None):
        kind, inputs, outputs, kernel, stride, pad = spec
        w, b = self.weights.layer(kind, inputs, outputs, kernel)
        if adjust:
            adjust(w, b)
        w, b, *norm = self.weights.batch_norm(kind, w, b) if self.bn else (w, b)
        y = self.convolution(f"{name}.conv_block.0", x, kind, w, b, kernel, stride, pad)
        if norm:
            parts = ("weight", "bias", "running_mean", "running_var")
            names = [self.graph.tensor(f"{name}.conv_block.1.{part}", v) for part, v in zip(parts, norm)]
            y = self.graph.node("BatchNormalization", [y, *names], epsilon=EPSILON, momentum=0.9)
        if kind == "Residual":
            y = self.graph.node("Add", [y, x])
        return self.graph.node("Relu", [y])

    def audio_encoder(self, x):
        for i, spec in enumerate(AUDIO):
            x = self.layer(f"audio_encoder.{i}", x, spec, lambda w, b, i=i: audio_channel(i, w, b))
        return x

    def face_encoder(self, x, side):
        def reference(w, b):
            w[:3] *= 0.02
            b[:3] = 0
            for colour in range(3):
                w[colour, 3 + colour, 3, 3] += 1

        features = []
        for i, block in enumerate(face_encoder(side)):
            for j, spec in enumerate(block):
                x = self.layer(f"face_encoder_blocks.{i}.{j}", x, spec, reference if i == 0 else None)
            features.append(x)
        return features

    def decoder(self, x, features, side):
        for i, block in enumerate(face_decoder(side)):
            for j, spec in enumerate(block):
                x = self.layer(f"face_decoder_blocks.{i}.{j}", x, spec,
                               lambda w, b, i=i, j=j: decoder_channel(i, j, side, w))
            x = self.graph.node("Concat", [x, features[-1 - i]], axis=1)
        return x

    def output(self, x):
        last = self.weights.normal(3, 32, 1, 1) / np.float32(np.sqrt(32))
        shift = None

        def adjust(w, b):
            nonlocal shift
            shift = output_channels(w, b, last)

        x = self.layer("output_block.0", x, conv(80, 32, 3), adjust)
        x = self.convolution("output_block.1", x, "Conv", last, shift, 1, 1, 0)
        return self.graph.node("Sigmoid", [x], to="predicted_frames")


def main():
    parser = argparse.ArgumentParser(description="Writes a Wav2Lip generator with random weights.")
    parser.add_argument("file")
    parser.add_argument("--side", type=int, choices=(96, 256), default=96)
    parser.add_argument("--bn", action="store_true", help="keep the batch normalisations")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    net = Network(args.seed, args.bn)
    mouth = net.audio_encoder("mel_spectrogram")
    net.output(net.decoder(mouth, net.face_encoder("video_frames", args.side), args.side))
    net.graph.write(args.file, [tensor_info("mel_spectrogram", 1, 80, 16),
                                tensor_info("video_frames", 6, args.side, args.side)],
                    [tensor_info("predicted_frames", 3, args.side, args.side)])


if __name__ == "__main__":
    main()
