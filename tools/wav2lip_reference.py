#!/usr/bin/python3
"""Wav2Lip once more, slow and plain: what the C code is compared with.

    tools/wav2lip_reference.py vectors test/data [MODEL.onnx]
        what the tests compare with (needs Debian's python3-numpy); with the MODEL that build/fake-wav2lip writes
        also what that makes of a picture
    tools/wav2lip_reference.py net MODEL.onnx CLIP.wav PICTURE FACE.bgr OUT.f32
        the face (3 × side × side, 0 … 1) that MODEL makes for picture number PICTURE of the clip
A MODEL needs Debian's python3-torch as well.

Written after the published description, not after our C: the mel spectrogram by a matrix of the discrete Fourier
transform in double precision, the crop and the paste pixel by pixel as OpenCV's INTER_LINEAR works on bytes, the
generator node by node in PyTorch.
"""
import os
import sys
import wave

import numpy as np

# ---- the mel spectrogram ----

RATE, WINDOW, HOP, BANDS, COLUMNS, LOW_HZ, HIGH_HZ = 16000, 800, 200, 80, 16, 55.0, 7600.0


def mel_of(hz):
    """Slaney's scale: 200/3 Hz a mel below 1 kHz, logarithmic above."""
    return hz * 3 / 200 if hz < 1000 else 15 + 27 * np.log(hz / 1000) / np.log(6.4)


def hz_of(mel):
    return mel * 200 / 3 if mel < 15 else 1000 * np.exp((mel - 15) * np.log(6.4) / 27)


def mel_basis():
    """80 × 401: triangles whose area in Hz is 1."""
    edges = [hz_of(mel) for mel in np.linspace(mel_of(LOW_HZ), mel_of(HIGH_HZ), BANDS + 2)]
    basis = np.zeros((BANDS, WINDOW // 2 + 1))
    for band in range(BANDS):
        low, centre, high = edges[band:band + 3]
        for k in range(basis.shape[1]):
            hz = k * RATE / WINDOW
            height = min((hz - low) / (centre - low), (high - hz) / (high - centre))
            basis[band, k] = max(0, height) * 2 / (high - low)
    return basis


def spectrogram(pcm):
    """80 × (1 + n // 200), −4 … 4, of whole 16-bit samples at 16 kHz (at least 401)."""
    x = np.asarray(pcm, float) / 32768
    y = np.append(x[:1], x[1:] - 0.97 * x[:-1])  # pre-emphasis
    y = np.pad(y, WINDOW // 2, mode="reflect")
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    turns = np.outer(np.arange(WINDOW), np.arange(WINDOW // 2 + 1)) % WINDOW / WINDOW
    dft = np.exp(-2j * np.pi * turns)
    frames = np.array([y[t * HOP:t * HOP + WINDOW] * hann for t in range(1 + len(x) // HOP)])
    mel = mel_basis() @ np.abs(frames @ dft).T
    level = 20 * np.log10(np.maximum(1e-5, mel)) - 20
    return np.clip(8 * (level + 100) / 100 - 4, -4, 4)


def window(mel, frame, fps=25, offset=0):
    """The 80 × 16 of a picture; silence before the start."""
    start = frame * 80 // fps + offset
    return np.array([mel[:, t] if t >= 0 else np.full(BANDS, -4.0) for t in range(start, start + COLUMNS)]).T


# ---- pictures: height × width × 3 bytes, B, G, R ----


def neighbours(size, to):
    """Of each of `to` pixels among `size`: the left neighbour (may be -1) and how far it is to the next."""
    at = np.float32((np.arange(to) + 0.5) * (size / to) - 0.5)
    left = np.floor(at).astype(int)
    return left, at - left


def fixed(part):
    """Weights of both neighbours in 11 bits."""
    return np.rint((1 - part) * 2048).astype(int), np.rint(part * 2048).astype(int)


def resize(image, width, height):
    """OpenCV's INTER_LINEAR on bytes, with the bits that it drops on the way."""
    last_row, last = image.shape[0] - 1, image.shape[1] - 1
    left, part = neighbours(last + 1, width)
    a, b = fixed(np.where((left < 0) | (left >= last), 0, part))
    left = np.clip(left, 0, last)
    rows = image[:, left].astype(int) * a[:, None] + image[:, np.minimum(left + 1, last)].astype(int) * b[:, None]
    upper, part = neighbours(last_row + 1, height)
    a, b = (weight[:, None, None] for weight in fixed(part))
    over, under = (rows[np.clip(upper + k, 0, last_row)] >> 4 for k in (0, 1))
    return ((((a * over) >> 16) + ((b * under) >> 16) + 2) >> 2).astype(np.uint8)


def cut(image, box, side):
    x, y, width, height = box
    return resize(image[y:y + height, x:x + width], side, side)


def planes(face):
    """6 × side × side, 0 … 1: the face with its lower half blank, then whole."""
    blank = face.copy()
    blank[len(face) // 2:] = 0
    return (np.concatenate([blank, face], axis=2) / 255).transpose(2, 0, 1)


def to_bytes(made):
    return (made * 255).astype(np.uint8).transpose(1, 2, 0)


def paste(image, box, made):
    """The published way: the whole box, without a mask."""
    x, y, width, height = box
    out = image.copy()
    out[y:y + height, x:x + width] = resize(made, width, height)
    return out


# ---- ONNX: a walk over the protobuf ----


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def fields(data):
    """The fields of a protobuf message: (number, varint or bytes)."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        else:
            size, at = varint(data, at) if key & 7 == 2 else ({5: 4, 1: 8}[key & 7], at)
            value, at = data[at:at + size], at + size
        yield key >> 3, value


def whole_numbers(message, number):
    """Of a repeated field, one by one or packed."""
    found = []
    for n, value in fields(message):
        if n == number and isinstance(value, int):
            found.append(value)
        elif n == number:
            at = 0
            while at < len(value):
                one, at = varint(value, at)
                found.append(one)
    return found


def text(value):
    return bytes(value).decode()


def read_onnx(path):
    """Initialisers by name, and nodes (operator, inputs, output, attributes)."""
    with open(path, "rb") as file:
        model = dict(fields(memoryview(file.read())))
    weights, nodes = {}, []
    for number, value in fields(model[7]):
        parts = list(fields(value)) if number in (1, 5) else []
        if number == 5:
            found = dict(parts)
            weights[text(found[8])] = np.frombuffer(found[9], "<f4").reshape(whole_numbers(value, 1))
        elif number == 1:
            found, attributes = dict(parts), {}
            for n, v in parts:
                if n == 5:
                    one = dict(fields(v))
                    attributes[text(one[1])] = one.get(2) or one.get(3) or whole_numbers(v, 8)
            nodes.append((text(found[4]), [text(v) for n, v in parts if n == 1], text(found[2]), attributes))
    return weights, nodes


class Generator:
    """The network of a file in PyTorch, in double precision where asked."""

    def __init__(self, path, double=False):
        import torch  # Debian's python3-torch
        self.torch, self.kind = torch, torch.float64 if double else torch.float32
        weights, self.nodes = read_onnx(path)
        self.weights = {name: torch.tensor(value, dtype=self.kind) for name, value in weights.items()}

    def step(self, op, inputs, a):
        f = self.torch.nn.functional
        if op == "Conv":
            return f.conv2d(*inputs, stride=a["strides"], padding=a["pads"][:2])
        if op == "ConvTranspose":
            return f.conv_transpose2d(*inputs, stride=a["strides"], padding=a["pads"][:2],
                                      output_padding=a.get("output_padding", 0))
        if op == "BatchNormalization":
            epsilon = float(np.frombuffer(a["epsilon"], "<f4")[0])
            x, scale, shift, mean, variance = inputs
            return f.batch_norm(x, mean, variance, scale, shift, eps=epsilon)
        if op == "Concat":
            return self.torch.cat(inputs, dim=a["axis"])
        return {"Relu": self.torch.relu, "Sigmoid": self.torch.sigmoid, "Add": self.torch.add}[op](*inputs)

    def __call__(self, mel, face, keep=None):
        """mel: 80 × 16, face: 6 × side × side. The generated face, 3 × side × side, 0 … 1."""
        values = dict(self.weights)
        for name, value in (("mel_spectrogram", mel[None]), ("video_frames", face)):
            values[name] = self.torch.tensor(value[None], dtype=self.kind)
        with self.torch.no_grad():
            for op, inputs, output, attributes in self.nodes:
                values[output] = self.step(op, [values[name] for name in inputs], attributes)
                if keep is not None:
                    keep.append((op, output, values[output]))
        return values["predicted_frames"][0].numpy()


def read_wav(path):
    with wave.open(path) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(int)


def spoken(pcm):
    """The spectrogram of a clip that silence follows."""
    return spectrogram(np.append(pcm, np.zeros(8 * WINDOW, int)))[:, :1 + len(pcm) // HOP + COLUMNS]


def run_net(model, clip, number, face, out):
    side = int(round((os.path.getsize(face) / 3) ** 0.5))
    pixels = np.fromfile(face, np.uint8).reshape(side, side, 3)
    made = Generator(model)(window(spoken(read_wav(clip)), int(number)), planes(pixels))
    made.astype("<f4").tofile(out)


# ---- what the tests compare with ----


def clips():
    """Of 16-bit samples: what is hard on a spectrogram."""
    t = np.arange(RATE // 2) / RATE
    random = np.random.default_rng(1)
    impulses = np.zeros(3001)
    impulses[[0, 199, 1000, 1001, 3000]] = 32767, -32768, 32767, -32768, 32767
    return [32767 * np.sin(2 * np.pi * (20 * t + (7980 / t[-1]) * t ** 2 / 2)),  # 20 to 8000 Hz
            32767 * np.sin(2 * np.pi * 1000 * t[:2000]), 2 * np.sin(2 * np.pi * 3000 * t[:1200]), impulses,
            random.normal(0, 33, 2000),  # −60 dBFS
            random.normal(0, 9000, 799), random.normal(0, 9000, 401), random.normal(0, 9000, 400),
            random.normal(0, 9000, 100), [-32768], []]


def picture(width, height, seed):
    """Pixels by a formula that the test knows too."""
    y, x, c = np.ogrid[:height, :width, :3]
    return ((7 * x * x + 3 * y * y + 5 * x * y + 91 * c + (131 * x + 71 * y + 37 * c + seed) % 97) % 256).astype(np.uint8)


def write_vectors(folder, model=None):
    def write(name, values, kind):
        np.concatenate([np.ravel(v) for v in values]).astype(kind).tofile(os.path.join(folder, "wav2lip", name))

    os.makedirs(os.path.join(folder, "wav2lip"), exist_ok=True)
    sounds = [np.clip(np.rint(clip), -32768, 32767).astype(int) for clip in clips()]
    mels = [spoken(clip) for clip in [read_wav(os.path.join(folder, "jfk.wav"))[:2 * RATE + 137], *sounds]]
    write("clips.s16", sounds, "<i2")
    write("mel.s16", [np.rint(8000 * mel.T) for mel in mels], "<i2")
    for i, (sound, mel) in enumerate(zip([None, *sounds], mels)):
        print("clip", i, "samples", "" if sound is None else len(sound), "columns", mel.shape[1])
    whole = picture(100, 120, 5)
    write("cuts.bgr", [cut(whole, box, side) for box, side in CUTS], np.uint8)
    write("pasted.bgr", [resize(picture(24, 24, seed), width, height) for seed, width, height in PASTES], np.uint8)
    if model:
        mel = spoken(read_wav(os.path.join(folder, "jfk.wav")))
        made = Generator(model, double=True)(window(mel, PICTURE), planes(picture(96, 96, 9)))
        write("net.u16", [np.rint(65535 * made[:, 48:])], "<u2")  # the lower half


# x, y, width, height of a box in a picture of 100 × 120; the side that it is scaled to
CUTS = [((10, 5, 60, 70), 24), ((3, 3, 8, 9), 24), ((0, 0, 100, 120), 32), ((17, 20, 48, 48), 24),
        ((99, 119, 1, 1), 8), ((0, 0, 24, 24), 24), ((20, 30, 75, 80), 96)]
PASTES = [(1, 61, 71), (2, 8, 8), (3, 24, 24), (4, 90, 17)]  # seed of a face of 24 × 24, size of the box
PICTURE = 20  # of jfk.wav, for the network


if __name__ == "__main__":
    if sys.argv[1:2] == ["vectors"] and len(sys.argv) in (3, 4):
        write_vectors(*sys.argv[2:])
    elif sys.argv[1:2] == ["net"] and len(sys.argv) == 7:
        run_net(*sys.argv[2:])
    else:
        sys.exit(__doc__)
