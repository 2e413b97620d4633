#!/usr/bin/python3
"""Writes the probabilities that test_vad_silero compares ONNX Runtime's with.

    tools/vad_reference.py MODEL.onnx CLIP.wav >test/data/vad/silero_jfk.txt    (needs Debian's python3-numpy)

An implementation of its own, in double precision: the weights are taken out of the file by a walk over its
protobuf, the network is written after the published architecture of Silero VAD (a short-time Fourier transform
as a convolution, four convolutions with ReLU, an LSTM, one output), not after the graph. One line a window of
512 samples.
"""
import sys
import wave

import numpy as np

WINDOW, CONTEXT = 512, 64


def fields(data):
    """The fields of a protobuf message: (number, varint or bytes)."""
    def varint(at):
        value = shift = 0
        while True:
            byte = data[at]
            value |= (byte & 127) << shift
            at, shift = at + 1, shift + 7
            if byte < 128:
                return value, at

    at = 0
    while at < len(data):
        key, at = varint(at)
        if key & 7 == 0:
            value, at = varint(at)
        else:
            size, at = varint(at) if key & 7 == 2 else ({5: 4, 1: 8}[key & 7], at)
            value, at = data[at:at + size], at + size
        yield key >> 3, value


def constants(graph, found):
    """Name → array of every float Constant of a GraphProto and of the graphs within it."""
    for number, node in fields(graph):
        if number != 1:
            continue
        parts = list(fields(node))
        output = next((v.decode() for n, v in parts if n == 2), "")
        for attribute in (dict(fields(v)) for n, v in parts if n == 5):
            if 6 in attribute:  # a graph: a branch of If
                constants(attribute[6], found)
            elif 5 in attribute:  # a tensor
                tensor = list(fields(attribute[5]))
                if (2, 1) in tensor:  # of floats
                    shape = [v for n, v in tensor if n == 1]
                    raw = next((v for n, v in tensor if n == 9), b"")
                    found[output] = np.frombuffer(raw, "<f4").astype(float).reshape(shape)
    return found


def convolve(x, weight, bias, stride, pad=1):
    """x: channels × time"""
    x = np.pad(x, ((0, 0), (pad, pad)))
    size = weight.shape[2]
    steps = range(0, x.shape[1] - size + 1, stride)
    return np.stack([np.tensordot(weight, x[:, t:t + size], 2) + bias for t in steps], axis=1)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class Network:
    def __init__(self, path):
        graph = next(v for n, v in fields(open(path, "rb").read()) if n == 7)
        found = constants(graph, {})
        # both sampling rates have weights; those for 16 kHz are the ones with the longer transform
        branch = next(k for k, v in found.items() if v.shape == (258, 1, 256)).split("stft")[0]
        self.w = {k[len(branch):]: v for k, v in found.items() if k.startswith(branch)}
        self.h = self.c = np.zeros(128)
        self.context = np.zeros(CONTEXT)

    def step(self, window):
        x = np.concatenate([self.context, window])
        self.context = window[-CONTEXT:]
        spectrum = convolve(np.pad(x, (0, 64), mode="reflect")[None], self.w["stft.forward_basis_buffer"], 0, 128, 0)
        y = np.hypot(spectrum[:129], spectrum[129:])
        for layer, stride in enumerate((1, 2, 2, 1)):
            name = f"encoder.{layer}.reparam_conv."
            y = np.maximum(0, convolve(y, self.w[name + "weight"], self.w[name + "bias"], stride))
        gates = (self.w["decoder.rnn.weight_ih"] @ y[:, 0] + self.w["decoder.rnn.bias_ih"] +
                 self.w["decoder.rnn.weight_hh"] @ self.h + self.w["decoder.rnn.bias_hh"])
        i, f, g, o = np.split(gates, 4)
        self.c = sigmoid(f) * self.c + sigmoid(i) * np.tanh(g)
        self.h = sigmoid(o) * np.tanh(self.c)
        out = self.w["decoder.decoder.2.weight"][0, :, 0] @ np.maximum(0, self.h) + self.w["decoder.decoder.2.bias"]
        return sigmoid(out)[0]


def main():
    with wave.open(sys.argv[2]) as clip:
        if (clip.getframerate(), clip.getnchannels(), clip.getsampwidth()) != (16000, 1, 2):
            sys.exit("the clip has to be 16 kHz, mono, 16 bit")
        audio = np.frombuffer(clip.readframes(clip.getnframes()), "<i2") / 32768
    audio = np.pad(audio, (0, -len(audio) % WINDOW))
    network = Network(sys.argv[1])
    for window in audio.reshape(-1, WINDOW):
        print(f"{network.step(window):.6f}")


main()
