#!/usr/bin/python3
"""Training data for lipsync/acoustic: speech of tools/lips_speech.py made to sound like all kinds of speakers, rooms,
microphones and codecs, as features with their targets.

    tools/lips_data.py CLIPS.pickle OUT.npz [PASSES [PROCESSES]]

Streams of 6 s: utterances of one voice with pauses between. Each pass disturbs all of them anew: speed (pitch and
formants with it), a slow wow, the frequency axis stretched, filters, reverberation, noise and babble, loudness,
clipping, MP3 at 32 to 64 kbit/s. Streams of held-out voices are disturbed in the same way ("test").

Features are computed as in src/lipsync/acoustic_mel.c; `features` below is the reference for its test.

Debian packages: python3-numpy python3-scipy ffmpeg.
"""
import multiprocessing
import os
import pickle
import subprocess
import sys
import tempfile

import numpy as np
import scipy.signal

RATE, HOP, WINDOW, N_FFT, N_BANDS = 16000, 160, 400, 512, 40
LOW_HZ, HIGH_HZ = 60, 7600
FLOOR = 1e-4            # of a band's energy, samples in +-1
PRIOR = -1.0            # a band's mean before anything was heard
PRIOR_FRAMES, MEAN_FRAMES = 30, 200
GATE, LEAST, DECAY = 3.0, -8.0, 0.01  # which frames count for the mean, see normalise()
SCALE = 0.25
STEP = 2 * HOP          # the network's step, 20 ms
DELAY_STEPS = 4         # its answer is for 80 ms ago
SECONDS = 6
STEPS = SECONDS * RATE // STEP


def mel_filters(warp=1.0):
    mel = lambda hz: 1127 * np.log(1 + hz / 700)
    edges = np.linspace(mel(LOW_HZ), mel(HIGH_HZ), N_BANDS + 2)
    bins = mel(np.minimum(np.arange(N_FFT // 2 + 1) * RATE / N_FFT * warp, RATE / 2))
    left, mid, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    return np.maximum(0, np.minimum((bins - left) / (mid - left), (right - bins) / (right - mid)))


def log_mel(audio, filters):
    """A row for each whole 10 ms: the 25 ms that end with it (silence before the start), log of the bands' energy."""
    count = len(audio) // HOP
    padded = np.concatenate([np.zeros(WINDOW - HOP), audio])
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:count]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    power = np.abs(np.fft.rfft(frames * window, N_FFT)) ** 2
    return np.log(power @ filters.T + FLOOR)


def normalise(rows):
    """Takes off the running mean of each band over what is loud enough to be speech."""
    mean, seen, peak = np.full(N_BANDS, PRIOR), PRIOR_FRAMES, LEAST
    out = np.empty_like(rows)
    for i, row in enumerate(rows):
        level = row.mean()
        peak = max(level, peak - DECAY)
        if level > peak - GATE and level > LEAST:
            seen = min(seen + 1, MEAN_FRAMES)
            mean += (row - mean) / seen
        out[i] = (row - mean) * SCALE
    return out


def features(audio, filters=None):
    return normalise(log_mel(audio, mel_filters() if filters is None else filters))


# ---- what is done to the sound ----

def resample_at(values, at):
    """values at fractional places, linear; values may have columns."""
    low = np.clip(at.astype(int), 0, len(values) - 2)
    part = np.clip(at - low, 0, 1)
    if values.ndim > 1:
        part = part[:, None]
    return values[low] * (1 - part) + values[low + 1] * part


def change_speed(pcm, rows, r):
    """Speed with pitch, wow; the rows follow."""
    n = len(pcm)
    speed = np.exp(r.normal(0, 0.09))
    length = int(n / speed)
    if length < RATE // 5:
        return pcm, rows
    audio = np.asarray(scipy.signal.resample_poly(pcm, 2, 1))  # so that linear interpolation does no harm
    t = np.arange(length) / RATE
    depth, hz = r.uniform(0, 0.006), r.uniform(0.5, 3)
    at = t * speed + depth * speed * np.sin(2 * np.pi * hz * t) * np.minimum(1, t)
    audio = resample_at(audio, at * 2 * RATE)
    rows_t = (np.arange(int(length / RATE * 100)) + 0.5) / 100
    source = (rows_t * speed + depth * speed * np.sin(2 * np.pi * hz * rows_t) * np.minimum(1, rows_t)) * 100 - 0.5
    moved = resample_at(rows, np.maximum(source, 0))
    moved[:, 0] = rows[np.clip(np.round(source).astype(int), 0, len(rows) - 1), 0]
    if rows[0, 10] < 0:
        moved[:, 10] = -1
    return audio, moved


def noise(n, r):
    kind = r.integers(0, 4)
    white = r.normal(size=n)
    if kind == 0:
        return white
    spectrum = np.fft.rfft(white)
    f = np.maximum(np.arange(len(spectrum)), 20 * n / RATE)
    spectrum /= f ** (0.5 if kind == 1 else 1.0)
    out = np.fft.irfft(spectrum, n)
    if kind == 3:  # hum
        hz = r.choice([50, 60])
        t = np.arange(n) / RATE
        out = out / out.std() + sum(np.sin(2 * np.pi * hz * k * t + r.uniform(0, 6)) / k for k in range(1, 6))
    return out


def babble(n, clips, r):
    out = np.zeros(n)
    for _ in range(r.integers(2, 6)):
        pcm = clips[r.integers(len(clips))]["pcm"].astype(float)
        out += np.resize(np.roll(pcm / (pcm.std() + 1), r.integers(len(pcm))), n)
    return out


def equalise(audio, r):
    n = len(audio)
    hz = np.fft.rfftfreq(n, 1 / RATE)
    points = np.log([40, 150, 400, 1000, 2500, 5000, 8000])
    gains = r.normal(0, 3.5, len(points)) + r.uniform(-4, 4) * np.linspace(-1, 1, len(points))
    db = np.interp(np.log(np.maximum(hz, 40)), points, gains)
    if r.random() < 0.3:
        edge = r.choice([3400, 4000, 5500, 6500, 7000])
        db -= 60 * np.clip((hz - edge) / (0.1 * edge), 0, 1)
    if r.random() < 0.3:
        edge = r.uniform(60, 300)
        db -= 24 * np.clip(1 - hz / edge, 0, 1)
    return np.fft.irfft(np.fft.rfft(audio) * 10 ** (db / 20), n)


def reverberate(audio, r):
    rt = r.uniform(0.08, 0.6)
    n = int(rt * RATE)
    tail = r.normal(size=n) * 10 ** (-3 * np.arange(n) / n)
    tail[: int(r.uniform(0.001, 0.008) * RATE)] = 0
    tail = scipy.signal.lfilter([1], [1, -r.uniform(0, 0.6)], tail)
    tail *= 10 ** (-r.uniform(0, 14) / 20) / np.sqrt((tail ** 2).sum())
    tail[0] = 1
    return scipy.signal.fftconvolve(audio, tail)[: len(audio)]


def disturb(audio, clips, r):
    level = np.sqrt((audio ** 2).mean()) + 1e-9
    if r.random() < 0.7:
        audio = equalise(audio, r)
    if r.random() < 0.4:
        audio = reverberate(audio, r)
    level = np.sqrt((audio ** 2).mean()) + 1e-9
    if r.random() < 0.55:
        extra = babble(len(audio), clips, r) if r.random() < 0.25 else noise(len(audio), r)
        audio = audio + extra / (extra.std() + 1e-9) * level * 10 ** (-r.uniform(6, 40) / 20)
    wanted = 10 ** (r.uniform(-36, -14) / 20)
    audio = audio * wanted / level
    if r.random() < 0.04:
        audio = audio * r.uniform(4, 10)
    return np.clip(audio, -1, 1)


def through_mp3(streams, r):
    """One file through the codec and back; the decoder takes the codec's delay off again."""
    kbit = r.choice([32, 48, 64])
    rate = r.choice([16000, 24000, 24000])
    pcm = (np.concatenate(streams) * 32767).astype("<i2")
    with tempfile.TemporaryDirectory() as folder:
        mp3 = os.path.join(folder, "x.mp3")
        quiet = ["ffmpeg", "-v", "error", "-y", "-threads", "1"]
        raw = ["-f", "s16le", "-ac", "1", "-ar", str(RATE)]
        subprocess.run(quiet + raw + ["-i", "-", "-ar", str(rate), "-b:a", f"{kbit}k", mp3], input=pcm.tobytes(),
                       check=True)
        back = subprocess.run(quiet + ["-i", mp3] + raw + ["-"], stdout=subprocess.PIPE, check=True).stdout
    back = np.frombuffer(back, "<i2").astype(float) / 32768
    back = np.resize(np.pad(back, (0, max(0, len(pcm) - len(back)))), len(pcm))
    return np.split(back, len(streams))


# ---- streams ----

def make_stream(clips, voice_clips, r):
    """6 s of sound in +-1 and its rows."""
    n = SECONDS * RATE
    audio, rows, at = np.zeros(n), np.zeros((SECONDS * 100, 11)), 0
    at = int(r.choice([0, r.uniform(0, 1)]) * RATE) // HOP * HOP
    while at < n - RATE // 2:
        clip = voice_clips[r.integers(len(voice_clips))]
        pcm, part = change_speed(clip["pcm"].astype(float) / 32768, clip["rows"].astype(float), r)
        pcm = pcm * 10 ** (r.uniform(-2, 2) / 20)
        k = min(len(pcm), n - at)
        audio[at:at + k] += pcm[:k]
        m = min(len(part), SECONDS * 100 - at // HOP)
        rows[at // HOP:at // HOP + m] = part[:m]
        at += (len(pcm) + int(abs(r.normal(0, 0.35)) * RATE)) // HOP * HOP
    return audio, rows


def targets(rows):
    """A row a step: the truth at the time that the network's answer is for; class -1 outside of the stream."""
    out = np.zeros((STEPS, 11), np.float32)
    out[:, 0] = -1
    for k in range(STEPS):
        at = 2 * (k + 1 - DELAY_STEPS)  # in rows; row n is at (n + 0.5) * 10 ms
        if at < 0 or at >= len(rows):
            continue
        out[k] = (rows[at - 1] + rows[at]) / 2 if at else rows[at] / 2
        out[k, 0] = rows[at, 0]
        if rows[at, 10] < 0:
            out[k, 10] = -1
    return out


CLIPS = {}  # held out: clips; the processes inherit it


def work(job):
    held_out, order, seed = job
    clips = CLIPS[held_out]
    r = np.random.default_rng(seed)
    voices = {}
    for c in clips:
        voices.setdefault(c["voice"], []).append(c)
    made, mp3 = [], []
    for voice in order:
        audio, rows = make_stream(clips, voices[voice], r)
        made.append([disturb(audio, clips, r), rows])
        if r.random() < 0.35:
            mp3.append(len(made) - 1)
    for start in range(0, len(mp3), 20):
        group = mp3[start:start + 20]
        for i, audio in zip(group, through_mp3([made[i][0] for i in group], r)):
            made[i][0] = audio
    x = np.empty((len(made), STEPS * 2, N_BANDS), np.float16)
    y = np.empty((len(made), STEPS, 11), np.float16)
    for i, (audio, rows) in enumerate(made):
        warp = np.exp(r.normal(0, 0.07)) if r.random() < 0.8 else 1.0
        audio = np.round(audio * 32767) / 32768
        x[i] = features(audio, mel_filters(warp))
        y[i] = targets(rows)
    return x, y


def jobs(held_out, passes, seed):
    seconds = {}
    for c in CLIPS[held_out]:
        seconds[c["voice"]] = seconds.get(c["voice"], 0) + len(c["pcm"]) / RATE
    for p in range(passes):
        order = [v for v, s in seconds.items() for _ in range(max(1, round(s * 1.05 / SECONDS)))]
        np.random.default_rng(seed + p).shuffle(order)
        for i in range(0, len(order), 100):
            yield held_out, order[i:i + 100], [seed, p, i]


def main():
    source, out = sys.argv[1:3]
    passes = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    processes = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    with open(source, "rb") as f:
        clips = pickle.load(f)
    for held_out in (False, True):
        CLIPS[held_out] = [c for c in clips if c["held_out"] == held_out]
    result = {}
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        for name, held_out, n in (("train", False, passes), ("test", True, 1)):
            parts = pool.map(work, list(jobs(held_out, n, 7 + held_out)), chunksize=1)
            result["x_" + name] = np.concatenate([p[0] for p in parts])
            result["y_" + name] = np.concatenate([p[1] for p in parts])
            print(name, result["x_" + name].shape, flush=True)
    np.savez(out, **result)


if __name__ == "__main__":
    main()
