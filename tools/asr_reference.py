#!/usr/bin/python3
"""Writes the reference values that test_asr_frontend compares src/asr/mel.c and src/asr/fbank.c with.

    tools/asr_reference.py [CLIP.wav [FOLDER]]     (needs Debian's python3-numpy)

An implementation of its own, in double precision and written after the published definitions (Whisper's
log_mel_spectrogram with librosa's Slaney filters; Kaldi's compute-fbank-feats; FunASR's apply_lfr), not after
the C code. Little-endian float32, row by row.
"""
import sys
import wave

import numpy as np

RATE = 16000
FROM, TO = 5600, 5600 + RATE  # the first second of speech of the clip


def slaney_filters(n_mels, n_fft):
    """librosa.filters.mel(sr=16000, n_fft, n_mels, norm='slaney', htk=False)"""
    def to_hz(mel):
        mel = np.asarray(mel, dtype=float)
        return np.where(mel >= 15, 1000 * np.exp(np.log(6.4) / 27 * (mel - 15)), mel * 200 / 3)

    top = 15 + np.log(8000 / 1000) / (np.log(6.4) / 27)
    edges = to_hz(np.linspace(0, top, n_mels + 2))
    freqs = np.linspace(0, RATE / 2, n_fft // 2 + 1)
    ramps = edges[:, None] - freqs[None, :]
    width = np.diff(edges)
    lower = -ramps[:-2] / width[:-1, None]
    upper = ramps[2:] / width[1:, None]
    return np.maximum(0, np.minimum(lower, upper)) * (2 / (edges[2:] - edges[:-2]))[:, None]


def whisper_mel(audio, n_mels, n_frames):
    """torch.stft(n_fft=400, hop=160, hann, center=True, pad_mode='reflect') of the clip padded with zeros"""
    padded = np.concatenate([audio, np.zeros((n_frames + 10) * 160 - len(audio))])
    padded = np.pad(padded, 200, mode="reflect")
    window = np.hanning(401)[:-1]
    frames = np.stack([padded[i * 160:i * 160 + 400] * window for i in range(n_frames)])
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    log = np.log10(np.maximum(power @ slaney_filters(n_mels, 400).T, 1e-10))
    return ((np.maximum(log, log.max() - 8) + 4) / 4).T


def kaldi_fbank(audio):
    """80 bins, 25/10 ms, hamming, no dither, snip_edges, samples in +-32768"""
    audio = audio * 32768
    count = 1 + (len(audio) - 400) // 160
    frames = np.stack([audio[i * 160:i * 160 + 400] for i in range(count)])
    frames = frames - frames.mean(axis=1, keepdims=True)
    frames = frames - 0.97 * np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    frames = frames * np.hamming(400)
    power = np.abs(np.fft.rfft(frames, 512, axis=1))[:, :256] ** 2
    mel = lambda hz: 1127 * np.log(1 + hz / 700)
    low, high = mel(20.0), mel(8000.0)
    step = (high - low) / 81
    bins = mel(np.arange(256) * RATE / 512)
    filters = np.zeros((80, 256))
    for i in range(80):
        left, centre, right = low + i * step, low + (i + 1) * step, low + (i + 2) * step
        up = (bins > left) & (bins <= centre)
        down = (bins > centre) & (bins < right)
        filters[i, up] = (bins[up] - left) / (centre - left)
        filters[i, down] = (right - bins[down]) / (right - centre)
    return np.log(np.maximum(power @ filters.T, np.finfo(np.float32).eps))


def lfr(frames, m=7, n=6):
    out = []
    padded = np.vstack([np.tile(frames[0], ((m - 1) // 2, 1)), frames])
    for i in range(-(-len(frames) // n)):
        part = padded[i * n:i * n + m]
        part = np.vstack([part, np.tile(padded[-1], (m - len(part), 1))])
        out.append(part.reshape(-1))
    return np.stack(out)


def main():
    clip = sys.argv[1] if len(sys.argv) > 1 else "test/data/jfk.wav"
    folder = sys.argv[2] if len(sys.argv) > 2 else "test/data/asr"
    with wave.open(clip) as f:
        assert f.getframerate() == RATE and f.getnchannels() == 1 and f.getsampwidth() == 2, clip
        audio = np.frombuffer(f.readframes(f.getnframes()), dtype="<i2").astype(float) / 32768
    audio = audio[FROM:TO]
    stacks = lfr(kaldi_fbank(audio))
    for name, values in [("mel80", whisper_mel(audio, 80, 120)), ("mel128", whisper_mel(audio, 128, 120)),
                         ("lfr", stacks)]:
        values.astype("<f4").tofile(f"{folder}/{name}.f32")
        print(name, values.shape, values.min(), values.max())


if __name__ == "__main__":
    main()
