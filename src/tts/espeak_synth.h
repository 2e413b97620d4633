/*
 * eSpeak NG behind one lock: the library is not thread-safe and keeps one voice for the process, so each call
 * chooses voice, speed and pitch and speaks its run to the end while it holds the lock (about 1 ms a second
 * of speech; runs are short). The sound leaves after the lock is given back.
 *
 * The same text does not give the same sound twice: random flutter adds or drops a pitch period of a vowel,
 * and version 1.51 keeps the closure before a stop of the sentence before, so a pause may be 40 ms longer.
 */
#ifndef AC_TTS_ESPEAK_SYNTH_H
#define AC_TTS_ESPEAK_SYNTH_H

#include "tts/out.h"
#include "tts/text.h"

/*
 * Starts eSpeak NG on first use, from data_path (folder that holds espeak-ng-data, NULL or "" = the
 * system's); AC_EMODEL when the data is not there. From then on it stays for the life of the process with
 * that data: espeak_Terminate() of 1.51 can wait for ever for its own idle thread. Any thread.
 */
int ac_espeak_start(const char *data_path);

/* The codes of its languages ("de", "en-us", "cmn-latn-pinyin" …), constant once it is started. */
size_t ac_espeak_langs(const char *const **codes);

struct ac_espeak_how {
    const char *voice; /* "de", "cmn-latn-pinyin+f2" */
    float rate, pitch; /* 1 = normal, 0.5 … 2 */
    float gain;        /* of the samples */
    int tail_ms;
};

/*
 * Speaks the whole text as one run of `out`. 0, AC_ECANCELED, AC_ENOENT (no such voice), AC_EENGINE, or what
 * out's push returned. A text without sounds gives no run.
 */
int ac_espeak_say(const struct ac_espeak_how *how, const struct ac_tts_text *text, struct ac_tts_out *out);

#endif
