#!/usr/bin/python3
"""Trains the network of lipsync/acoustic and writes its weights.

    tools/lips_train.py train DATA.npz CHECKPOINT.pt [MINUTES]   goes on where the checkpoint is
    tools/lips_train.py test DATA.npz CHECKPOINT.pt              figures on held-out voices
    tools/lips_train.py export CHECKPOINT.pt                     src/lipsync/acoustic.weights, test/data/lips/*.f32

DATA.npz is made by tools/lips_data.py. One thread. The weights are 16-bit floats, in the order of
src/lipsync/acoustic_net.c; the reference vectors for its test come from the rounded weights.

Debian packages: python3-torch python3-numpy python3-scipy libopenblas0-pthread (seven times as fast as libblas3).
"""
import math
import os
import sys
import time
import wave

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import lips_data

N_IN, N_FRONT, N_FIRST, N_SECOND = 2 * lips_data.N_BANDS, 80, 112, 64
N_VISEMES, N_OUT = 15, 25  # visemes, the nine values of a mouth, stress
PRESS, BITE = 5, 6         # among the nine
LINEAR = [0, 1, 2, 3, 4, 7, 8]
WEIGHT = torch.tensor([3.0, 1.5, 1.5, 1.5, 1.5, 1.0, 0.7])  # of the linear values' errors
BATCH = 24
RATE_MAX = 3e-3


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.front = nn.Linear(N_IN, N_FRONT)
        self.first = nn.GRU(N_FRONT, N_FIRST, batch_first=True)
        self.second = nn.GRU(N_FIRST, N_SECOND, batch_first=True)
        self.head = nn.Linear(N_FIRST + N_SECOND, N_OUT)

    def forward(self, x, drop=0.0):
        x = F.relu(self.front(x))
        x = F.dropout(x, drop, self.training)
        a, _ = self.first(x)
        b, _ = self.second(F.dropout(a, drop, self.training))
        return self.head(F.dropout(torch.cat([a, b], -1), drop, self.training))


def activate(raw):
    """What the engine sees: probabilities, mouth, stress."""
    mouth = raw[..., N_VISEMES:N_VISEMES + 9].clone()
    mouth[..., [PRESS, BITE]] = torch.sigmoid(mouth[..., [PRESS, BITE]])
    return torch.softmax(raw[..., :N_VISEMES], -1), mouth, torch.sigmoid(raw[..., 24])


def loss_of(raw, y):
    known = y[..., 0] >= 0
    raw, y = raw[known], y[known]
    mouth, truth = raw[:, N_VISEMES:N_VISEMES + 9], y[:, 1:10]
    contact = F.binary_cross_entropy_with_logits(mouth[:, [PRESS, BITE]], truth[:, [PRESS, BITE]],
                                                 pos_weight=torch.tensor(2.0))
    linear = (F.smooth_l1_loss(mouth[:, LINEAR], truth[:, LINEAR], reduction="none", beta=0.1) * WEIGHT).mean()
    told = y[:, 10] >= 0
    stress = F.binary_cross_entropy_with_logits(raw[told, 24], y[told, 10]) if told.any() else 0
    return (F.cross_entropy(raw[:, :N_VISEMES], y[:, 0].long(), label_smoothing=0.03) + 2 * contact + 6 * linear
            + 0.2 * stress)


def batches(x, y, r):
    order = r.permutation(len(x))
    for i in range(0, len(order) - BATCH + 1, BATCH):
        some = np.sort(order[i:i + BATCH])
        xb = torch.from_numpy(x[some].astype(np.float32)).reshape(BATCH, lips_data.STEPS, N_IN)
        yb = torch.from_numpy(y[some].astype(np.float32))
        if r.random() < 0.5:  # a few bands lost
            width, at = int(r.integers(1, 7)), int(r.integers(0, 34))
            who = torch.from_numpy(r.random(BATCH) < 0.5)
            for half in (0, lips_data.N_BANDS):
                xb[who, :, half + at:half + at + width] = 0
        yield xb, yb


def figures(net, x, y):
    net.eval()
    sums = {"frames": 0.0, "right": 0.0, "jaw": 0.0, "press": 0.0, "hit": 0.0, "miss": 0.0, "false": 0.0, "loss": 0.0}
    with torch.no_grad():
        for i in range(0, len(x), BATCH):
            xb = torch.from_numpy(x[i:i + BATCH].astype(np.float32)).reshape(-1, lips_data.STEPS, N_IN)
            yb = torch.from_numpy(y[i:i + BATCH].astype(np.float32))
            raw = net(xb)
            sums["loss"] += loss_of(raw, yb).item() * len(xb)
            p, mouth, _ = activate(raw)
            known = yb[..., 0] >= 0
            truth = yb[known]
            p, mouth = p[known], mouth[known]
            closed, said = truth[:, 1 + PRESS] > 0.5, mouth[:, PRESS] > 0.5
            sums["frames"] += len(truth)
            sums["right"] += (p.argmax(-1) == truth[:, 0].long()).sum().item()
            sums["jaw"] += (mouth[:, 0] - truth[:, 1]).abs().sum().item()
            sums["press"] += (mouth[:, PRESS] - truth[:, 1 + PRESS]).abs().sum().item()
            sums["hit"] += (closed & said).sum().item()
            sums["miss"] += (closed & ~said).sum().item()
            sums["false"] += (~closed & said).sum().item()
    n = sums["frames"]
    f1 = 2 * sums["hit"] / max(1, 2 * sums["hit"] + sums["miss"] + sums["false"])
    return (f"loss {sums['loss'] / len(x):.3f} visemes {100 * sums['right'] / n:.1f} % jaw {sums['jaw'] / n:.4f} "
            f"press {sums['press'] / n:.4f} closures F1 {f1:.3f}")


def train(data, path, minutes):
    net, r, start, spent = Net(), np.random.default_rng(3), time.time(), 0.0
    average = Net()
    average.load_state_dict(net.state_dict())
    optimiser = torch.optim.AdamW(net.parameters(), RATE_MAX, weight_decay=1e-4)
    epoch = step = 0
    if os.path.exists(path):
        old = torch.load(path)
        net.load_state_dict(old["net"])
        average.load_state_dict(old["average"])
        optimiser.load_state_dict(old["optimiser"])
        spent, epoch, step = old["spent"], old["epoch"], old["step"]
        r = np.random.default_rng(3 + epoch)
    print(sum(p.numel() for p in net.parameters()), "parameters", flush=True)
    x, y = data["x_train"], data["y_train"]
    total = spent + 60 * minutes
    while spent + time.time() - start < total:
        net.train()
        mean = []
        for xb, yb in batches(x, y, r):
            part = min(1.0, (spent + time.time() - start) / total)
            rate = RATE_MAX * min(1, (step + 1) / 100) * max(0.01, 0.5 * (1 + math.cos(math.pi * part)))
            for group in optimiser.param_groups:
                group["lr"] = rate
            loss = loss_of(net(xb, 0.1), yb)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            step += 1
            with torch.no_grad():
                keep = min(0.995, step / (step + 20))
                for a, p in zip(average.parameters(), net.parameters()):
                    a.mul_(keep).add_(p, alpha=1 - keep)
            mean.append(loss.item())
            if part >= 1:
                break
        epoch += 1
        torch.save({"net": net.state_dict(), "average": average.state_dict(), "optimiser": optimiser.state_dict(),
                    "spent": spent + time.time() - start, "epoch": epoch, "step": step}, path)
        print(f"epoch {epoch} at {(spent + time.time() - start) / 60:.1f} min: train {np.mean(mean):.3f}, held out "
              + figures(average, data["x_test"], data["y_test"]), flush=True)


def load(path):
    net = Net()
    net.load_state_dict(torch.load(path)["average"])
    net.eval()
    return net


def export(path, weights="src/lipsync/acoustic.weights", folder="test/data/lips"):
    net = load(path)
    parts = []
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(p.half().float())
        for layer in (net.front, net.first, net.second, net.head):
            for name, p in layer.named_parameters():
                parts.append(p.t().contiguous() if p.dim() == 2 else p)  # a column an input
    with open(weights, "wb") as f:
        f.write(b"ACLIPS01" + np.array([N_IN, N_FRONT, N_FIRST, N_SECOND, N_OUT, lips_data.DELAY_STEPS], "<i4").tobytes())
        for p in parts:
            f.write(p.detach().numpy().astype("<f2").tobytes())
    print(weights, os.path.getsize(weights), "bytes")
    os.makedirs(folder, exist_ok=True)
    with wave.open("test/data/jfk.wav") as f:
        audio = np.frombuffer(f.readframes(2 * lips_data.RATE), "<i2").astype(float) / 32768
    rows = lips_data.features(audio)
    raw = net(torch.from_numpy(rows.astype(np.float32)).reshape(1, -1, N_IN))
    p, mouth, stress = activate(raw)
    rows[:100].astype("<f4").tofile(f"{folder}/features.f32")
    out = torch.cat([p, mouth, stress[..., None]], -1)[0]
    out.detach().numpy().astype("<f4").tofile(f"{folder}/outputs.f32")
    print(folder, rows[:100].shape, tuple(out.shape))


def main():
    torch.set_num_threads(1)
    torch.manual_seed(3)
    command = sys.argv[1] if len(sys.argv) > 2 else ""
    if command == "train":
        train(np.load(sys.argv[2]), sys.argv[3], float(sys.argv[4]) if len(sys.argv) > 4 else 25)
    elif command == "test":
        data = np.load(sys.argv[2])
        print(figures(load(sys.argv[3]), data["x_test"], data["y_test"]))
    elif command == "export":
        export(*sys.argv[2:])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
