#!/usr/bin/python3
"""Speech whose mouth movements are known, from every free synthetic voice at hand: the texts, the voices, and how
they are spoken. tools/lips_data.py makes training data of it.

    tools/lips_speech.py LIPS_DUMP OUT.pickle [SCALE]

LIPS_DUMP: the program bench/lips_dump. Speaks with flite and eSpeak NG and, where they are installed, with the
diphone, unit selection and HTS voices of Festival, which are cut from or trained on recordings. SCALE: how many
utterances, 1 = about 6,000.

Debian packages: python3-numpy; for the texts wamerican wbritish wngerman wfrench wspanish witalian wportuguese
wdutch wswedish wdanish wnorwegian wpolish wbulgarian wukrainian wcatalan wesperanto hunspell-cs hunspell-tr
hunspell-hu hunspell-ro hunspell-ru; festival festvox-kdlpc16k festvox-us-slt-hts festvox-italp16k
festvox-itapc16k festvox-czech-dita festvox-czech-krb festvox-czech-machac festvox-czech-ph festvox-ru
festvox-suopuhe-lj festvox-suopuhe-mv festvox-ca-ona-hts.
"""
import glob
import os
import pickle
import random
import re
import subprocess
import sys
import tempfile

import numpy as np

DICT = "/usr/share/dict/"
HUNSPELL = "/usr/share/hunspell/"
WORDS = {  # language: word list, encoding
    "en": (DICT + "american-english", "utf-8"), "en-gb": (DICT + "british-english", "utf-8"),
    "de": (DICT + "ngerman", "utf-8"), "fr": (DICT + "french", "utf-8"), "es": (DICT + "spanish", "utf-8"),
    "it": (DICT + "italian", "utf-8"), "pt": (DICT + "portuguese", "utf-8"),
    "nl": (DICT + "dutch", "utf-8"), "sv": (DICT + "swedish", "utf-8"), "da": (DICT + "danish", "utf-8"),
    "nb": (DICT + "bokmaal", "utf-8"), "pl": (DICT + "polish", "utf-8"), "bg": (DICT + "bulgarian", "utf-8"),
    "uk": (DICT + "ukrainian", "utf-8"), "ca": (DICT + "catalan", "utf-8"),
    "eo": (DICT + "esperanto", "utf-8"), "cs": (HUNSPELL + "cs_CZ.dic", "utf-8"),
    "tr": (HUNSPELL + "tr_TR.dic", "utf-8"), "hu": (HUNSPELL + "hu_HU.dic", "utf-8"),
    "ro": (HUNSPELL + "ro_RO.dic", "utf-8"), "ru": (HUNSPELL + "ru_RU.dic", "utf-8"),
}
# syllables for languages without a word list, and how many a word
SYLLABLES = {
    "ja": "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわがぎぐげござじずぜぞだでどばびぶべぼぱぴぷぺぽん",
    "ko": "가나다라마바사아자차카타파하고노도로모보소오조구누두루무부수우주기니디리미비시이지간난만반산안잔감남담람삼암각낙막박작",
    "hi": "का की कु के को खा गा गी गो चा ची जा जी टा ता ती तो था दा दी दो ना नी नो पा पी पो फा बा बी बो भा मा मी मो या रा री रो ला ली लो वा वी शा सा सी सो हा ही हो".split(),
    "fi": "ka ki ko ku kä la li lo lu lä ma mi mo mu mä na ni no nu pa pi po pu pää raa rii roo ruu sa si so su ta ti to tu tä va vi vo vu vy ha hi ho hu hy yö ai au ei eu oi uo ie".split(),
}
HELD_OUT_VOICES = {"rms", "festival:pc_diphone", "festival:czech_machac"}
HELD_OUT_LANGS = {"it", "sv"}        # of eSpeak NG
HELD_OUT_VARIANTS = {"m7", "f4"}
VARIANTS = ["f1", "f2", "f3", "f5", "m1", "m2", "m3", "m4", "m5", "m6", "m8", ""]

# name in Festival: language, encoding, utterances
FESTIVAL = {
    "ked_diphone": ("en", "latin-1", 350), "cmu_us_slt_arctic_hts": ("en", "latin-1", 150),
    "lp_diphone": ("it", "latin-1", 300), "pc_diphone": ("it", "latin-1", 80),
    "czech_dita": ("cs", "iso8859-2", 220), "czech_krb": ("cs", "iso8859-2", 220),
    "czech_machac": ("cs", "iso8859-2", 80), "czech_ph": ("cs", "iso8859-2", 220),
    "msu_ru_nsh_clunits": ("ru", "utf-8", 450), "suo_fi_lj_diphone": ("fi", "latin-1", 250),
    "hy_fi_mv_diphone": ("fi", "latin-1", 250), "upc_ca_ona_hts": ("ca", "latin-1", 200),
}
ARPABET = {
    "pau": "", "h#": "", "brth": "", "aa": "ɑ", "ae": "æ", "ah": "ʌ", "ao": "ɔ", "aw": "aʊ", "ax": "ə", "axr": "ɚ",
    "ay": "aɪ", "eh": "ɛ", "er": "ɝ", "ey": "eɪ", "ih": "ɪ", "iy": "i", "ow": "oʊ", "oy": "ɔɪ", "uh": "ʊ",
    "uw": "u", "em": "m", "th": "θ", "dh": "ð", "dx": "ɾ", "ng": "ŋ", "hh": "h", "hv": "h", "ch": "tʃ",
    "jh": "dʒ", "sh": "ʃ", "zh": "ʒ", "en": "n", "nx": "n", "el": "l", "y": "j", "g": "ɡ",
}
RUSSIAN = {
    "pau": "", "ii": "i", "yy": "ɨ", "uu": "u", "ee": "e", "oo": "o", "aa": "a", "ay": "ə", "ae": "ə", "y": "ɨ",
    "ur": "u", "ch": "tɕ", "c": "ts", "sh": "ʂ", "sch": "ɕ", "zh": "ʐ", "h": "x", "hh": "x", "g": "ɡ", "gg": "ɡ",
    "j": "j", "l": "l", "cl": "", "psh": "ɕ", "ry": "r", "i": "i",
}
OTHERS = {
    "#": "", "##": "", "pau": "", "h#": "", "g": "ɡ", "sil": "",
    "it": {"S": "ʃ", "tS": "tʃ", "dZ": "dʒ", "J": "ɲ", "ts": "ts", "dz": "dz", "L": "ʎ", "ng": "ŋ", "nf": "ɱ", "SS": "ʃ",
           "E": "ɛ", "O": "ɔ", "y": "j", "r": "r"},
    "cs": {"c~": "tʃ", "s~": "ʃ", "z~": "ʒ", "r~": "ʒ", "r~*": "ʃ", "d~": "dʒ", "t~": "tʃ", "n~": "ɲ", "ch": "x", "dz": "dz",
           "dz~": "dʒ", "n*": "ŋ", "m*": "ɱ", "@": "ə", "o~": "o", "u~": "u", "c": "ts", "C": "ts"},
    "fi": {"aa": "a", "@": "æ", "@:": "æ", "OE": "ø", "N": "ŋ", "A": "æ", "O": "ø", "y": "y", "q": "ø", "v": "ʋ"},
    "ca": {"ax": "ə", "E": "ɛ", "O": "ɔ", "S": "ʃ", "Z": "ʒ", "L": "ʎ", "J": "ɲ", "y": "j", "rr": "r", "N": "ŋ", "D": "ð",
           "B": "β", "G": "ɣ", "tS": "tʃ", "dZ": "dʒ", "uw": "w"},
}


def ipa_of(lang, phone):
    """The phonetic sign of a phone of a Festival voice."""
    if lang == "en":
        return ARPABET.get(phone, phone)
    if lang == "ru":
        if phone in RUSSIAN:
            return RUSSIAN[phone]
        return phone[0] if len(phone) == 2 and phone[0] == phone[1] else phone  # soft consonants are doubled
    own = OTHERS[lang]
    plain = phone.rstrip("1:")  # stress and length
    for name in (phone, plain):
        if name in own:
            return own[name]
    return OTHERS.get(plain, plain)


def load_words():
    lists = {}
    for lang, (path, encoding) in WORDS.items():
        if not os.path.exists(path):
            sys.exit(f"no word list {path}: install the packages named at the head of this file")
        with open(path, encoding=encoding, errors="ignore") as f:
            words = [line.strip().split("/")[0].split("\t")[0] for line in f]
        lists[lang] = [w for w in words if 2 <= len(w) <= 14 and re.fullmatch(r"[^\W\d_]+", w) and not w.isupper()]
    return lists


def load_sentences(folder):
    """Sentences of the project's own knowledge files."""
    found = []
    for path in sorted(glob.glob(f"knowledge/{folder}/*.md")):
        for line in open(path, encoding="utf-8"):
            line = re.sub(r"^#+ *|^\[\w+\] *|`", "", line.strip())
            if line and not line.startswith(("keywords:", "***", "How these", "|", "-")):
                found += [s for s in re.split(r"(?<=[.!?。！？])\s*", line) if len(s) > 3]
    return found


class Texts:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.words = load_words()
        self.sentences = {"en": load_sentences("en"), "cmn": load_sentences("zh-CN")}

    def word(self, lang):
        r = self.random
        if lang in SYLLABLES:
            return "".join(r.choice(SYLLABLES[lang]) for _ in range(r.randint(2, 4)))
        return r.choice(self.words[lang])

    def line(self, lang):
        r = self.random
        own = self.sentences.get(lang)
        if own and (lang == "cmn" or r.random() < 0.4):
            return r.choice(own).replace("\t", " ")
        words = [self.word(lang) for _ in range(r.randint(2, 9))]
        for i in range(len(words) - 1):
            if r.random() < 0.15:
                words[i] += ","
        return " ".join(words) + r.choice("....?!")


def make_lines(texts, scale):
    """(held out, VOICE, LANGUAGE, RATE, PITCH, TEXT) of what lips_dump speaks by itself."""
    r = texts.random
    lines = []

    def add(n, held_out, voice, lang, text_lang=None):
        for _ in range(max(1, round(n * scale))):
            rate, pitch = r.uniform(0.8, 1.3), 2 ** r.uniform(-0.35, 0.35)
            lines.append((held_out, voice() if callable(voice) else voice, lang, f"{rate:.2f}", f"{pitch:.2f}",
                          texts.line(text_lang or lang)))

    for voice, n in [("slt", 450), ("flite:awb", 450), ("flite:kal16", 350), ("flite:kal", 120), ("rms", 120)]:
        add(n, voice in HELD_OUT_VOICES, voice, "en")
    for lang in [x for x in WORDS if x not in ("eo", "ru")] + ["eo", "ja", "ko", "hi", "cmn"]:
        held_out = lang in HELD_OUT_LANGS
        among = sorted(HELD_OUT_VARIANTS) if held_out else VARIANTS
        add(40 if held_out else 75, held_out,
            lambda lang=lang, among=among: "+".join(filter(None, [f"espeak:{lang}", r.choice(among)])),
            {"cmn": "zh"}.get(lang, lang), lang)
    return lines


def run_festival(voice, texts, folder, scale):
    """Speaks with a Festival voice into the folder; gives lines for lips_dump."""
    lang, encoding, n = FESTIVAL[voice]
    script, lines = [f"(voice_{voice})"], []
    for i in range(max(1, round(n * scale))):
        text = re.sub(r'["\\()«»]', " ", texts.line(lang))
        wav = f"{folder}/{voice}_{i}.wav"
        stretch = texts.random.uniform(0.8, 1.25)
        script.append(f"(Parameter.set 'Duration_Stretch {stretch:.2f})")
        script.append(f'(unwind-protect (begin (set! u (utt.synth (Utterance Text "{text}")))'
                      f' (utt.wave.resample u 16000) (utt.save.wave u "{wav}" \'riff)'
                      f' (utt.save.segs u "{wav}.segs")) nil)')
        lines.append((f"festival:{voice}" in HELD_OUT_VOICES, f"file:{wav}", lang, "1", "1", "-"))
    path = f"{folder}/{voice}.scm"
    with open(path, "wb") as f:
        f.write("\n".join(script).encode(encoding, errors="ignore"))
    subprocess.run(["festival", "-b", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    good = []
    for line in lines:
        wav = line[1][5:]
        if os.path.exists(wav + ".segs") and write_phones(wav, lang):
            good.append(line)
    print(f"festival {voice}: {len(good)} of {len(lines)}", flush=True)
    return good


def write_phones(wav, lang):
    with open(wav + ".segs", encoding="latin-1") as f:
        rows = [x.split() for x in f.read().split("#\n", 1)[-1].splitlines()]
    rows = [x for x in rows if len(x) == 3]
    with open(wav + ".phones", "w", encoding="utf-8") as f:
        for end, _, phone in rows:
            f.write(f"{end} 0 {ipa_of(lang, phone)}\n")
    return len(rows) > 3


def read_clips(data):
    at = 0
    while at < len(data):
        n, poses = np.frombuffer(data, "<i4", 2, at)
        at += 8
        pcm = np.frombuffer(data, "<i2", n, at).copy()
        at += 2 * n
        rows = np.frombuffer(data, "<f4", 11 * poses, at).reshape(-1, 11).copy()
        at += 44 * poses
        yield pcm, rows


def speak(dump, lines):
    text = "".join("\t".join(x[1:]) + "\n" for x in lines)
    done = subprocess.run([dump], input=text.encode(), stdout=subprocess.PIPE, check=True)
    clips = []
    for line, (pcm, rows) in zip(lines, read_clips(done.stdout)):
        if len(rows) < 20 or np.abs(pcm).max() < 300:
            continue
        voice = line[1]
        if voice.startswith("file:"):
            voice = "festival:" + re.sub(r"_\d+\.wav$", "", os.path.basename(voice))
            rows[:, 10] = -1  # it does not tell stress
        clips.append({"held_out": line[0], "voice": voice, "lang": line[2], "pcm": pcm, "rows": rows})
    return clips


def main():
    dump, out = sys.argv[1:3]
    scale = float(sys.argv[3]) if len(sys.argv) > 3 else 1
    texts = Texts(1)
    clips = speak(dump, make_lines(texts, scale))
    print(f"{len(clips)} utterances of flite and eSpeak NG", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for voice in FESTIVAL:
            clips += speak(dump, run_festival(voice, texts, folder, scale))
    with open(out, "wb") as f:
        pickle.dump(clips, f)
    seconds = sum(len(c["pcm"]) for c in clips) / 16000
    print(f"{len(clips)} utterances, {seconds / 3600:.2f} hours, {len({c['voice'] for c in clips})} voices")


if __name__ == "__main__":
    main()
