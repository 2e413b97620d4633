#!/usr/bin/python3
"""Reference values for the face tests, computed with numpy alone and without the C code.

    tools/face_reference.py             writes test/data/face/ (needs models/, see tools/fetch_models.sh, and ffmpeg)
    tools/face_reference.py --torch     compares this file's convolutions and pooling with PyTorch's instead

Written are, as little-endian float32:
    ops/NAME.tflite, ops/NAME.f32   a net of one operator (or two), its input and what it must give
    detector.rgb, detector.f32      128 x 128 pixels, the boxes and scores that the detector gives for them
    mesh.rgb, mesh.f32              192 x 192 pixels, the points and the flag that the mesh gives for them
    astronaut.f32                   the 468 points of astronaut.jpg, by detection and three passes of the mesh

Everything is done plainly and in double precision: operators from their definitions (TensorFlow Lite's), FlatBuffers
from theirs, detection and regions from MediaPipe's graphs.
"""
import math
import os
import struct
import subprocess
import sys

import numpy as np

ADD, CONCATENATION, CONV, DEPTHWISE, DEQUANTIZE, MAX_POOL, RELU, RESHAPE, PAD, PRELU = 0, 2, 3, 4, 6, 17, 19, 22, 34, 54
F32, F16, I32 = 0, 1, 2
SAME, VALID = 0, 1
OUT = "test/data/face"


# ---- FlatBuffers ----


class Table:
    def __init__(self, data, at):
        self.data, self.at = data, at
        self.fields = at - struct.unpack_from("<i", data, at)[0]
        self.n = (struct.unpack_from("<H", data, self.fields)[0] - 4) // 2

    def where(self, i):
        offset = struct.unpack_from("<H", self.data, self.fields + 4 + 2 * i)[0] if i < self.n else 0
        return self.at + offset if offset else None

    def get(self, i, kind, absent=0):
        at = self.where(i)
        return absent if at is None else struct.unpack_from("<" + kind, self.data, at)[0]

    def table(self, i):
        at = self.where(i)
        return None if at is None else Table(self.data, at + struct.unpack_from("<I", self.data, at)[0])

    def bytes(self, i, width=1):
        at = self.where(i)
        if at is None:
            return b""
        at += struct.unpack_from("<I", self.data, at)[0]
        n = struct.unpack_from("<I", self.data, at)[0]
        return self.data[at + 4 : at + 4 + n * width]

    def ints(self, i):
        return np.frombuffer(self.bytes(i, 4), "<i4").tolist()

    def tables(self, i):
        at = self.where(i)
        at += struct.unpack_from("<I", self.data, at)[0]
        n = struct.unpack_from("<I", self.data, at)[0]
        places = [at + 4 + 4 * k for k in range(n)]
        return [Table(self.data, p + struct.unpack_from("<I", self.data, p)[0]) for p in places]


class Writer:
    """Objects behind those that point at them. A value: (kind, number), bytes, list of ints, dict (table), list of dicts."""

    def __init__(self):
        self.data = bytearray(8)
        self.data[4:8] = b"TFL3"

    def align(self):
        self.data += bytes(-len(self.data) % 4)

    def point(self, place, value):
        self.align()
        at = self.table(value) if isinstance(value, dict) else self.vector(value)
        struct.pack_into("<I", self.data, place, at - place)

    def vector(self, value):
        at = len(self.data)
        if isinstance(value, bytes):
            self.data += struct.pack("<I", len(value)) + value
        elif value and isinstance(value[0], dict):
            self.data += struct.pack("<I", len(value)) + bytes(4 * len(value))
            for k, v in enumerate(value):
                self.point(at + 4 + 4 * k, v)
        else:
            self.data += struct.pack("<I%di" % len(value), len(value), *value)
        return at

    def table(self, fields):
        n = max(fields) + 1 if fields else 0
        at = len(self.data) + (4 + 2 * n + 3) // 4 * 4
        offsets = [4 + 4 * i if i in fields else 0 for i in range(n)]
        self.data += struct.pack("<HH%dH" % n, 4 + 2 * n, 4 + 4 * n, *offsets)
        self.align()
        self.data += struct.pack("<i", (4 + 2 * n + 3) // 4 * 4) + bytes(4 * n)
        for i, v in fields.items():
            place = at + 4 + 4 * i
            if isinstance(v, tuple):
                struct.pack_into("<" + v[0], self.data, place, v[1])
            else:
                self.point(place, v)
        return at

    def file(self, root):
        struct.pack_into("<I", self.data, 0, self.table(root))
        return bytes(self.data)


# ---- operators ----


def around(n, k, stride, dilation, padding):
    """How many windows there are, and how much is outside before and after."""
    span = (k - 1) * dilation + 1
    if padding == VALID:
        return (n - span) // stride + 1, 0, 0
    out = -(-n // stride)
    outside = max((out - 1) * stride + span - n, 0)
    return out, outside // 2, outside - outside // 2


def windows(x, k, stride, dilation, padding, fill):
    """For each tap of the window its value for every output: taps x height x width x channels."""
    h, top, bottom = around(x.shape[1], k[0], stride[0], dilation[0], padding)
    w, left, right = around(x.shape[2], k[1], stride[1], dilation[1], padding)
    p = np.pad(x[0], ((top, bottom), (left, right), (0, 0)), constant_values=fill)
    return np.array([
        [p[y * dilation[0] :, z * dilation[1] :][: (h - 1) * stride[0] + 1 : stride[0], : (w - 1) * stride[1] + 1 : stride[1]]
         for z in range(k[1])] for y in range(k[0])])


def conv(x, w, b, stride, dilation, padding):
    taps = windows(x, w.shape[1:3], stride, dilation, padding, 0)
    return (np.einsum("abhwi,oabi->hwo", taps, w) + b)[None]


def depthwise(x, w, b, stride, dilation, padding):
    taps = windows(x, w.shape[1:3], stride, dilation, padding, 0)
    return (np.einsum("abhwi,abi->hwi", taps, w[0]) + b)[None]


def max_pool(x, k, stride, padding):
    return windows(x, k, stride, (1, 1), padding, -np.inf).max((0, 1))[None]


def activate(y, kind):
    return {0: y, 1: np.maximum(y, 0), 3: np.clip(y, 0, 6)}[kind]


def run(data, x):
    """The outputs of a net, by name."""
    model = Table(data, struct.unpack_from("<I", data, 0)[0])
    codes = [max(c.get(0, "b"), c.get(3, "i")) for c in model.tables(1)]
    buffers = [b.bytes(0) for b in model.tables(4)]
    (graph,) = model.tables(2)
    tensors = graph.tables(0)
    value = {}
    for i, t in enumerate(tensors):
        raw = buffers[t.get(2, "I")]
        if raw:
            kind = {F32: "<f4", F16: "<f2", I32: "<i4"}[t.get(1, "b")]
            value[i] = np.frombuffer(raw, kind).astype(float).reshape(t.ints(0))
    value[graph.ints(1)[0]] = x
    for op in graph.tables(3):
        code, ins, out = codes[op.get(0, "I")], [value.get(i) for i in op.ints(1)], op.ints(2)[0]
        o = op.table(4) or Table(b"\4\0\4\0\4\0\0\0", 4)
        shape = tensors[out].ints(0)
        if code in (CONV, DEPTHWISE):
            s = 1 if code == DEPTHWISE else 0
            stride, dilation = (o.get(2, "i"), o.get(1, "i")), (o.get(5 + s, "i", 1), o.get(4 + s, "i", 1))
            y = (depthwise if s else conv)(*ins, stride, dilation, o.get(0, "b"))
            y = activate(y, o.get(3 + s, "b"))
        elif code == MAX_POOL:
            y = max_pool(ins[0], (o.get(4, "i"), o.get(3, "i")), (o.get(2, "i"), o.get(1, "i")), o.get(0, "b"))
            y = activate(y, o.get(5, "b"))
        elif code == ADD:
            y = activate(ins[0] + ins[1], o.get(0, "b"))
        elif code == CONCATENATION:
            y = np.concatenate(ins, o.get(0, "i"))
        elif code == PAD:
            y = np.pad(ins[0], ins[1].astype(int))
        elif code == PRELU:
            y = np.where(ins[0] < 0, ins[0] * ins[1], ins[0])
        else:
            y = {RELU: np.maximum(ins[0], 0), DEQUANTIZE: ins[0], RESHAPE: ins[0]}[code].reshape(shape)
        assert list(y.shape) == shape, (code, y.shape, shape)
        value[out] = y
    return {bytes(tensors[i].bytes(3)).decode(): value[i] for i in graph.ints(2)}


# ---- nets of one operator ----


def net(shape, ops):
    """ops: (code, constants, options, output shape); each works on the result before it, CONCATENATION and ADD also on
    the net's input where they have no constant."""
    tensors, buffers, codes, operators = [{0: list(shape), 3: b"in"}], [{}], [], []

    def tensor(dims, kind=F32, raw=None):
        if raw is not None:
            buffers.append({0: raw})
        tensors.append({0: list(dims), 1: ("b", kind), 2: ("I", len(buffers) - 1 if raw is not None else 0), 3: b"t"})
        return len(tensors) - 1

    def operator(code, ins, out, options):
        codes.append({0: ("b", code), 3: ("i", code)})
        operators.append({0: ("I", len(codes) - 1), 1: ins, 2: [out], 4: options})

    last = 0
    for code, constants, options, out in ops:
        ins = [last]
        for c in constants:
            kind = {"f": F32, "e": F16, "i": I32}[c.dtype.char]
            t = tensor(c.shape, kind, c.tobytes())
            if kind == F16:
                full = tensor(c.shape)
                operator(DEQUANTIZE, [t], full, {})
                t = full
            ins.append(t)
        if code in (CONCATENATION, ADD) and not constants:
            ins.append(0)
        last = tensor(out)
        operator(code, ins, last, options)
    graph = {0: tensors, 1: [0], 2: [last], 3: operators}
    return Writer().file({0: ("I", 3), 1: codes, 2: [graph], 4: buffers})


def int_fields(*values):
    return {i: ("i", v) for i, v in enumerate(values) if v is not None}


def cases():
    rng = np.random.default_rng(7)

    def some(*shape):
        return rng.standard_normal(shape).astype("f")

    half = np.array([1, -2.5, 65504, 6e-8, 0, -1e-5, 0.333, 2049], "e")
    pads = np.array([[0, 0], [1, 0], [2, 3], [0, 5]], "i")
    # options of a convolution: padding, stride w and h, activation, dilation w and h; of a depthwise one the same with
    # a multiplier before the activation; of a pool: padding, stride w and h, size w and h, activation
    return {
        "conv_same": net((1, 7, 6, 3), [(CONV, [some(5, 5, 3, 3), some(5)], int_fields(SAME, 2, 3), (1, 3, 3, 5))]),
        "conv_even": net((1, 8, 8, 4), [(CONV, [some(9, 5, 5, 4), some(9)], int_fields(SAME, 2, 2), (1, 4, 4, 9))]),
        "conv_valid": net((1, 6, 5, 2), [(CONV, [some(4, 3, 3, 2), some(4)], int_fields(VALID, 1, 2, 1), (1, 2, 3, 4))]),
        "conv_dilated": net((1, 9, 9, 2), [(CONV, [some(3, 3, 3, 2), some(3)], int_fields(SAME, 1, 1, 3, 2, 3),
                                            (1, 9, 9, 3))]),
        "conv_half": net((1, 2, 2, 8), [(CONV, [half.reshape(1, 1, 1, 8), np.array([0.5], "e")], int_fields(SAME, 1, 1),
                                         (1, 2, 2, 1))]),
        "depthwise": net((1, 5, 7, 6), [(DEPTHWISE, [some(1, 3, 3, 6), some(6)], int_fields(SAME, 1, 1, 1), (1, 5, 7, 6))]),
        "depthwise_step": net((1, 8, 7, 5), [(DEPTHWISE, [some(1, 3, 3, 5), some(5)], int_fields(SAME, 2, 2, 1, 1),
                                              (1, 4, 4, 5))]),
        "max_pool_same": net((1, 5, 6, 3), [(MAX_POOL, [], int_fields(SAME, 2, 2, 3, 3), (1, 3, 3, 3))]),
        "max_pool_valid": net((1, 5, 7, 3), [(MAX_POOL, [], int_fields(VALID, 2, 2, 3, 2, 1), (1, 2, 3, 3))]),
        "prelu": net((1, 3, 4, 5), [(PRELU, [some(1, 1, 5)], {}, (1, 3, 4, 5))]),
        "relu": net((1, 3, 4, 5), [(RELU, [], {}, (1, 3, 4, 5))]),
        "pad": net((1, 3, 4, 5), [(PAD, [pads], {}, (1, 4, 9, 10))]),
        "add": net((1, 3, 4, 5), [(ADD, [some(1, 3, 4, 5)], int_fields(3), (1, 3, 4, 5))]),
        "concatenate": net((1, 3, 4, 5), [(RELU, [], {}, (1, 3, 4, 5)), (CONCATENATION, [], int_fields(2), (1, 3, 8, 5))]),
        "reshape": net((1, 3, 4, 6), [(RESHAPE, [], {}, (1, 36, 2))]),
        "deep": net((1, 8, 8, 3), [
            (CONV, [some(8, 3, 3, 3).astype("e"), some(8).astype("e")], int_fields(SAME, 1, 1), (1, 8, 8, 8)),
            (PRELU, [some(1, 1, 8).astype("e")], {}, (1, 8, 8, 8)),
            (DEPTHWISE, [some(1, 3, 3, 8).astype("e"), some(8).astype("e")], int_fields(SAME, 2, 2, 1), (1, 4, 4, 8)),
            (MAX_POOL, [], int_fields(SAME, 2, 2, 2, 2), (1, 2, 2, 8)),
            (PAD, [np.array([[0, 0], [0, 0], [0, 0], [0, 4]], "i")], {}, (1, 2, 2, 12)),
            (RESHAPE, [np.array([1, 16, 3], "i")], {}, (1, 16, 3))]),
    }  # fmt: skip


def write_ops():
    os.makedirs(OUT + "/ops", exist_ok=True)
    rng = np.random.default_rng(8)
    for name, data in cases().items():
        graph = Table(data, struct.unpack_from("<I", data, 0)[0]).tables(2)[0]
        x = rng.standard_normal(graph.tables(0)[0].ints(0)).astype("f")
        (y,) = run(data, x.astype(float)).values()
        with open(f"{OUT}/ops/{name}.tflite", "wb") as f:
            f.write(data)
        np.concatenate([x.ravel(), y.ravel()]).astype("<f4").tofile(f"{OUT}/ops/{name}.f32")


# ---- faces ----


def picture(name):
    said = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "stream=width,height", "-of", "csv=p=0", name],
                          capture_output=True, check=True, text=True).stdout  # fmt: skip
    w, h = map(int, said.strip().split(","))
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", name, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"],
                         capture_output=True, check=True).stdout  # fmt: skip
    return np.frombuffer(raw, np.uint8).reshape(h, w, 3).astype(float)


def crop(pic, x, y, side, angle, n, black):
    """A turned square as n x n pixels, each the mean of 8 x 8 samples."""
    fine = 8
    u = (np.arange(n * fine) + 0.5) / (n * fine) * side - side / 2
    c, s = math.cos(angle), math.sin(angle)
    px, py = x + u[None, :] * c - u[:, None] * s, y + u[None, :] * s + u[:, None] * c
    h, w = pic.shape[:2]
    fx, fy = px - 0.5, py - 0.5
    x0, y0 = np.floor(fx).astype(int), np.floor(fy).astype(int)
    fx, fy = (fx - x0)[..., None], (fy - y0)[..., None]

    def at(column, row):
        return pic[np.clip(row, 0, h - 1), np.clip(column, 0, w - 1)]

    v = (at(x0, y0) * (1 - fx) + at(x0 + 1, y0) * fx) * (1 - fy) + (at(x0, y0 + 1) * (1 - fx) + at(x0 + 1, y0 + 1) * fx) * fy
    if black:
        v[(px < 0) | (py < 0) | (px > w) | (py > h)] = 0
    return v.reshape(n, fine, n, fine, 3).mean((1, 3))


def sigmoid(x):
    return 1 / (1 + np.exp(-np.clip(x, -100, 100)))


def detect(model, pic, x, y, side):
    """The surest face of a square: box and eyes averaged over all guesses that overlap the best one."""
    out = run(model, crop(pic, x, y, side, 0, 128, True)[None] / 127.5 - 1)
    raw, score = out["regressors"][0], sigmoid(out["classificators"][0, :, 0])
    anchors = [((c + 0.5) / n, (r + 0.5) / n) for n, each in ((16, 2), (8, 6)) for r in range(n) for c in range(n)
               for _ in range(each)]  # fmt: skip
    middle = np.array(anchors) + raw[:, 0:2] / 128
    half = raw[:, 2:4] / 256
    boxes = np.hstack([middle - half, middle + half, np.array(anchors) + raw[:, 4:6] / 128, np.array(anchors) + raw[:, 6:8] / 128])
    best = boxes[score.argmax()]
    low, high = np.maximum(boxes[:, :2], best[:2]), np.minimum(boxes[:, 2:4], best[2:4])
    both = np.prod(np.maximum(high - low, 0), axis=1)
    union = np.prod(2 * half, axis=1) + np.prod(best[2:4] - best[:2]) - both
    weight = np.where((score >= 0.5) & (both / union > 0.3), score, 0)
    box = (boxes * weight[:, None]).sum(0) / weight.sum()
    return box.reshape(4, 2) * side + np.array([x - side / 2, y - side / 2])


def mesh(model, pic, x, y, side, angle):
    out = run(model, crop(pic, x, y, side, angle, 192, False)[None] / 255)
    p = out["conv2d_21"].reshape(468, 3) / 192
    c, s = math.cos(angle), math.sin(angle)
    u, v = (p[:, 0] - 0.5) * side, (p[:, 1] - 0.5) * side
    return np.stack([x + u * c - v * s, y + u * s + v * c, p[:, 2] * side], 1)


def angle_of(a, b):
    return math.atan2(b[1] - a[1], b[0] - a[0])


def landmarks(detector, net_of_points, pic):
    h, w = pic.shape[:2]
    low, high, eye, other = detect(detector, pic, w / 2, h / 2, max(w, h))
    x, y = (low + high) / 2
    points = mesh(net_of_points, pic, x, y, 1.5 * max(high - low), angle_of(eye, other))
    for _ in range(2):
        angle = angle_of(points[33], points[263])
        c, s = math.cos(angle), math.sin(angle)
        turned = points[:, :2] @ np.array([[c, -s], [s, c]])
        low, high = turned.min(0), turned.max(0)
        u, v = (low + high) / 2
        points = mesh(net_of_points, pic, u * c - v * s, u * s + v * c, 1.5 * max(high - low), angle)
    return points


def write_faces():
    with open("models/face_detection_short_range.tflite", "rb") as f:
        detector = f.read()
    with open("models/face_landmark.tflite", "rb") as f:
        net_of_points = f.read()
    pic = picture(OUT + "/astronaut.jpg")
    small = np.rint(crop(pic, 256, 200, 300, 0.1, 128, True)).astype(np.uint8)
    small.tofile(OUT + "/detector.rgb")
    out = run(detector, small[None] / 127.5 - 1)
    np.concatenate([out["regressors"].ravel(), out["classificators"].ravel()]).astype("<f4").tofile(OUT + "/detector.f32")
    small = np.rint(crop(pic, 226, 120, 170, 0.1, 192, False)).astype(np.uint8)
    small.tofile(OUT + "/mesh.rgb")
    out = run(net_of_points, small[None] / 255)
    np.concatenate([out["conv2d_21"].ravel(), out["conv2d_31"].ravel()]).astype("<f4").tofile(OUT + "/mesh.f32")
    landmarks(detector, net_of_points, pic).astype("<f4").tofile(OUT + "/astronaut.f32")


def compare_with_torch():
    import torch
    from torch.nn import functional as F

    rng = np.random.default_rng(9)
    worst = 0.0
    for h, w, k, stride, dilation, padding in [(9, 8, 3, 1, 1, SAME), (8, 8, 5, 2, 1, SAME), (9, 7, 3, 2, 2, SAME),
                                               (9, 8, 3, 2, 1, VALID)]:  # fmt: skip
        x, many, each = rng.standard_normal((1, h, w, 4)), rng.standard_normal((6, k, k, 4)), rng.standard_normal((1, k, k, 4))
        sides = [around(n, k, stride, dilation, padding) for n in (w, h)]
        t = torch.tensor(x).permute(0, 3, 1, 2)
        t0 = F.pad(t, [sides[0][1], sides[0][2], sides[1][1], sides[1][2]])
        low = F.pad(t, [sides[0][1], sides[0][2], sides[1][1], sides[1][2]], value=-1e9)
        step, wide = (stride, stride), (dilation, dilation)
        pairs = [
            (conv(x, many, 0, step, wide, padding),
             F.conv2d(t0, torch.tensor(many).permute(0, 3, 1, 2), stride=stride, dilation=dilation)),
            (depthwise(x, each, 0, step, wide, padding),
             F.conv2d(t0, torch.tensor(each[0]).permute(2, 0, 1)[:, None], stride=stride, dilation=dilation, groups=4)),
        ]  # fmt: skip
        if dilation == 1:
            pairs.append((max_pool(x, (k, k), step, padding), F.max_pool2d(low, k, stride)))
        for ours, theirs in pairs:
            worst = max(worst, np.abs(ours - theirs.permute(0, 2, 3, 1).numpy()).max())
    print(f"largest difference from PyTorch: {worst:.2e}")
    sys.exit(worst > 1e-12)


os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
if sys.argv[1:] == ["--torch"]:
    compare_with_torch()
elif sys.argv[1:]:
    sys.exit(__doc__)
write_ops()
write_faces()
