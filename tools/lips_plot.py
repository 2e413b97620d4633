#!/usr/bin/python3
"""Draws what lipsync/acoustic makes of a sound file: wave, visemes, the mouth's curves and lips.

    tools/lips_plot.py BENCH_LIPS SOUND.wav OUT.png [FROM_S TO_S [WORD@S …]]

BENCH_LIPS: the program bench/bench_lips. SOUND: 16-bit mono. WORD@S writes a word at that time.
Debian packages: python3-numpy python3-matplotlib.
"""
import subprocess
import sys
import wave

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

VISEMES = "sil PP FF TH DD kk CH SS nn RR aa E ih oh ou".split()
JAW, WIDTH, ROUND, PRESS, BITE = 0, 1, 2, 5, 6


def draw_lips(ax, t, mouth, spacing):
    """A schematic mouth: outer lips, and the opening unless they touch."""
    wide = 0.36 * spacing * (1 + 0.35 * mouth[WIDTH] - 0.25 * mouth[ROUND])
    gap = 0.75 * mouth[JAW] * (1 - mouth[PRESS]) + 0.12 * (mouth[3] + mouth[4])
    angle = np.linspace(0, 2 * np.pi, 60)
    lip = 0.16 + 0.08 * mouth[ROUND]
    ax.fill(t + wide * np.cos(angle), (gap + lip) * np.sin(angle), color="#c0605c", lw=0)
    ax.fill(t + 0.82 * wide * np.cos(angle), gap * np.sin(angle), color="#3a1414", lw=0)
    if gap < 0.03:
        ax.plot([t - wide, t + wide], [0, 0], color="#3a1414", lw=0.8)


def main():
    bench, sound, out = sys.argv[1:4]
    with wave.open(sound) as f:
        rate = f.getframerate()
        pcm = np.frombuffer(f.readframes(f.getnframes()), "<i2").astype(float) / 32768
    first = float(sys.argv[4]) if len(sys.argv) > 5 else 0
    last = float(sys.argv[5]) if len(sys.argv) > 5 else len(pcm) / rate
    text = subprocess.run([bench, "poses", sound], stdout=subprocess.PIPE, check=True).stdout.decode()
    rows = np.array([[float(x) for x in line.split()] for line in text.splitlines()])
    t, probability, mouth = rows[:, 0], rows[:, 1:16], rows[:, 16:25]
    fig, axes = plt.subplots(4, 1, sharex=True, figsize=(12, 7), dpi=90,
                             gridspec_kw={"height_ratios": [1, 2.2, 1.6, 0.8], "hspace": 0.06})
    k = slice(int(first * rate), int(last * rate))
    axes[0].plot(np.arange(len(pcm))[k] / rate, pcm[k], lw=0.4, color="#345")
    axes[0].set_ylabel("wave")
    for word in sys.argv[6:]:
        name, at = word.rsplit("@", 1)
        axes[0].text(float(at), 0.97 * np.abs(pcm[k]).max(), name, ha="center", va="top", fontsize=9)
    axes[1].imshow(probability.T, aspect="auto", origin="upper", cmap="Blues", vmin=0, vmax=1, interpolation="nearest",
                   extent=(0, len(t) / 50, 14.5, -0.5))
    axes[1].set_yticks(range(15), VISEMES, fontsize=8)
    for at, name, color in ((JAW, "jaw", "#b33"), (PRESS, "press", "#222"), (BITE, "bite", "#38a"),
                            (ROUND, "round", "#4a4"), (WIDTH, "width", "#c90")):
        axes[2].plot(t, mouth[:, at], label=name, color=color, lw=1.6 if at in (JAW, PRESS) else 0.9)
    axes[2].legend(loc="upper right", fontsize=8, ncol=5)
    axes[2].set_ylim(-0.65, 1.05)
    spacing = (last - first) / 60
    for at in np.arange(first + spacing / 2, last, spacing):
        draw_lips(axes[3], at, mouth[np.abs(t - at).argmin()], spacing)
    axes[3].set_ylim(-1.1, 1.1)
    axes[3].set_yticks([])
    axes[3].set_xlabel("seconds")
    axes[3].set_xlim(first, last)
    fig.savefig(out, bbox_inches="tight")


if __name__ == "__main__":
    main()
