#!/usr/bin/python3
"""Finds the phoneme times of recorded English whose words are known, so that bench_lips can judge real speech.

    tools/lips_align.py SOUND.wav "WORDS"      writes SOUND.wav.phones, a line "END_SECONDS STRESSED IPA" a phoneme

PocketSphinx follows the one path that the words allow (a phoneme is a "word" of its grammar); of a word with several
pronunciations the first is taken. SOUND: 16 kHz mono.

Debian packages: pocketsphinx pocketsphinx-en-us.
"""
import os
import subprocess
import sys
import tempfile

from lips_speech import ARPABET

MODEL = "/usr/share/pocketsphinx/model/en-us/"


def pronunciations():
    with open(MODEL + "cmudict-en-us.dict", encoding="utf-8") as f:
        return {w: p.split() for w, p in (line.strip().split(" ", 1) for line in f if " " in line)}


def align(sound, words, known):
    phones = []
    for word in words.lower().split():
        if word not in known:
            sys.exit(f"'{word}' is not in {MODEL}cmudict-en-us.dict")
        phones += known[word]
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/d", "w") as f:
            f.write("".join(f"p_{p.lower()} {p}\n" for p in sorted(set(phones))) + "sil_ SIL\n")
        with open(f"{folder}/fsg", "w") as f:
            n = len(phones)
            f.write(f"FSG_BEGIN x\nNUM_STATES {n + 1}\nSTART_STATE 0\nFINAL_STATE {n}\n")
            f.write("".join(f"TRANSITION {i} {i + 1} 1.0 p_{p.lower()}\n" for i, p in enumerate(phones)))
            f.write("FSG_END\n")
        with open(f"{folder}/ctl", "w") as f:
            f.write(os.path.splitext(os.path.abspath(sound))[0].lstrip("/") + "\n")
        subprocess.run(
            ["pocketsphinx_batch", "-ctl", f"{folder}/ctl", "-cepdir", "/", "-cepext", ".wav", "-adcin", "yes", "-adchdr",
             "44", "-hmm", MODEL + "en-us", "-dict", f"{folder}/d", "-fsg", f"{folder}/fsg", "-hypseg", f"{folder}/seg",
             "-beam", "1e-200", "-wbeam", "1e-150", "-pbeam", "1e-200", "-maxhmmpf", "-1", "-cmn", "batch",
             "-remove_noise", "no", "-remove_silence", "no", "-logfn", "/dev/null"], check=True)
        with open(f"{folder}/seg") as f:
            part = f.read().split()
    # NAME S score T score A score L score, then: start frame, acoustic score, lm score, word …, end frame
    at = part.index("L") + 2
    rows = []
    for k in range(at, len(part) - 1, 4):
        name = part[k + 3]
        rows.append((part[k], name[2:].split("(")[0] if name.startswith("p_") else "pau"))
    ends = [int(r[0]) for r in rows[1:]] + [int(part[-1])]
    rows = [((end + 1) / 100, name) for end, (_, name) in zip(ends, rows)]
    said = [p for _, p in rows if p != "pau"]
    return rows if said == [p.lower() for p in phones] else None


def main():
    sound, words = sys.argv[1:3]
    rows = align(sound, words, pronunciations())
    if rows is None:
        sys.exit(f"{sound}: the words do not fit the sound")
    with open(sound + ".phones", "w", encoding="utf-8") as f:
        for end, phone in rows:
            f.write(f"{end:.3f} 0 {ARPABET.get(phone, phone)}\n")
    print(f"{sound}: {len(rows)} phonemes")


if __name__ == "__main__":
    main()
