/*
 * Voices: which engine and voice says a run of text, given what the sentence asks for. Constant tables; any
 * thread.
 *
 * Ids: "slt" and "rms" are flite's; "espeak:LANG" and "espeak:LANG+VARIANT" eSpeak NG's (LANG as in its voice
 * files, "cmn" for Mandarin; VARIANT f1 … f5, m1 … m8 or another of its voice variants); "" = the default of
 * each language. A voice of another language than the run's gives the default voice of the same gender.
 */
#ifndef AC_TTS_VOICES_H
#define AC_TTS_VOICES_H

#include "avatarchat/handler.h"
#include "tts/text.h"

enum {
    AC_TTS_MAX_RUN = 240,       /* bytes that are synthesised at once */
    AC_TTS_MAX_US = 1800000000, /* of one sentence: times are 32-bit microseconds */
    AC_TTS_TAIL_MS = 120,       /* silence that is left after a sentence */
    AC_TTS_INNER_TAIL_MS = 30,  /* and between runs of different scripts */
};

/* A voice that was chosen for a run. */
struct ac_tts_voice {
    bool flite; /* use flite's slt or rms by gender */
    bool male;
    bool pinyin;     /* the text must be transliterated */
    char espeak[64]; /* voice name for espeak_SetVoiceByName */
};

/* True where the BCP 47 tag's first part is `primary` ("en-US" is "en"). */
bool ac_tts_lang_is(const char *tag, const char *primary);
/* 0.5 … 2; 0 (unset) gives 1. */
float ac_tts_factor(float f);
/* "rms" and the male eSpeak variants. */
bool ac_tts_voice_is_male(const char *id);

/* The voice id that a text asks for: its own, else one that stands for the gender's default voices, else "".
 */
const char *ac_tts_voice_wanted(const struct ac_text *t);

/*
 * Checks an espeak engine's voice id: 0, or AC_ENOENT with the reason noted.
 */
int ac_tts_voice_check(const char *id, struct ac_env *env);

/*
 * The voice for a run of the script in a sentence with this language tag and voice id. english_by_flite:
 * flite's voices are there for English. AC_ENOTSUP with the reason when no voice can read the script.
 */
int ac_tts_voice_for(struct ac_tts_voice *v, const char *id, const char *lang, enum ac_script script,
                     bool english_by_flite, struct ac_env *env);

/* Calls fn with each eSpeak voice id that can be chosen. */
void ac_tts_voice_list(ac_item_fn *fn, void *arg);

#endif
