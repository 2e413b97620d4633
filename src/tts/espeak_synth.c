/*
 * eSpeak NG as a synthesiser of short runs. See espeak_synth.h.
 *
 * Events come with the buffer that holds their sound: a phoneme lasts until the next one begins, one with an
 * empty name is a pause. Words are named by code points of the text that was spoken and mapped back to the
 * sentence.
 *
 * eSpeak NG does not tell stress, so it is heard: of each word of two syllables or more the vowel that
 * carries the most energy counts as stressed.
 */
#include "tts/espeak_synth.h"

#include "base/log.h"
#include "base/mem.h"
#include "tts/shapes.h"

#include <espeak-ng/speak_lib.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { BUFFER_MS = 200, BASE_WPM = 175, MAX_SAMPLES = 22050 * 600 };

/* One event that matters: a phoneme, or a word (n > 0) that begins. */
struct mark {
    int sample;
    char ipa[9];
    int first, n; /* word: code points */
};

/* What one synthesis gives. */
struct take {
    int16_t *pcm;
    size_t n, cap;
    struct mark *marks;
    size_t n_marks, cap_marks;
    struct ac_cancel *cancel;
    bool stopped;
};

/* The library is one for the process, so this is too. Guarded by lock; langs and files stay once started. */
static struct {
    pthread_mutex_t lock;
    int rate_hz;           /* 0 = not started */
    char voice[64];        /* that is set now */
    struct take *take;     /* of the synthesis in progress */
    char **langs, **files; /* code and voice file of each language: "en-gb", "gmw/en" */
    size_t n_langs;
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct mark *add_mark(struct take *t)
{
    if (t->n_marks == t->cap_marks) {
        t->cap_marks = t->cap_marks ? 2 * t->cap_marks : 128;
        t->marks = ac_realloc_array(t->marks, t->cap_marks, sizeof *t->marks);
    }
    t->marks[t->n_marks] = (struct mark){0};
    return &t->marks[t->n_marks++];
}

static int on_sound(short *wav, int n, espeak_EVENT *events)
{
    struct take *t = shared.take;

    for (; events->type != espeakEVENT_LIST_TERMINATED; events++) {
        if (events->type == espeakEVENT_PHONEME) {
            struct mark *m = add_mark(t);
            m->sample = events->sample;
            memcpy(m->ipa, events->id.string, 8);
        } else if (events->type == espeakEVENT_WORD && events->length > 0) {
            struct mark *m = add_mark(t);
            m->sample = events->sample;
            m->first = events->text_position - 1;
            m->n = events->length;
        }
    }
    if (!wav || n <= 0)
        return 0;
    if (t->n + (size_t)n > MAX_SAMPLES || ac_cancelled(t->cancel)) {
        t->stopped = true;
        return 1;
    }
    while (t->n + (size_t)n > t->cap) {
        t->cap = t->cap ? 2 * t->cap : 32768;
        t->pcm = ac_realloc_array(t->pcm, t->cap, sizeof *t->pcm);
    }
    memcpy(t->pcm + t->n, wav, (size_t)n * sizeof *wav);
    t->n += (size_t)n;
    return 0;
}

/*
 * True where the dictionary that the language's voice file names is there, and as large as the file wants it:
 * packages leave out the large ones of some languages (be), which are then misread.
 */
static bool has_dictionary(const espeak_VOICE *voice, const char *code)
{
    const char *data;
    char dictionary[40], line[256];
    long least = 1;
    struct stat st;

    espeak_Info(&data);
    snprintf(dictionary, sizeof dictionary, "%.*s", (int)strcspn(code, "-"), code);
    char *path = ac_asprintf("%s/lang/%s", data, voice->identifier);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) {
        sscanf(line, "dictionary %39s", dictionary);
        sscanf(line, "dict_min %ld", &least);
    }
    if (f)
        fclose(f);
    free(path);
    path = ac_asprintf("%s/%s_dict", data, dictionary);
    bool ok = stat(path, &st) == 0 && st.st_size >= least;
    free(path);
    return ok;
}

static void read_langs(void)
{
    const espeak_VOICE **list = espeak_ListVoices(NULL);

    for (; list && *list; list++) {
        const char *code = (*list)->languages + 1; /* the first byte is a priority */
        bool skip = !has_dictionary(*list, code);
        for (size_t i = 0; i < shared.n_langs; i++)
            skip = skip || !strcmp(shared.langs[i], code);
        if (skip)
            continue;
        shared.langs = ac_realloc_array(shared.langs, shared.n_langs + 1, sizeof *shared.langs);
        shared.files = ac_realloc_array(shared.files, shared.n_langs + 1, sizeof *shared.files);
        shared.files[shared.n_langs] = ac_strdup((*list)->identifier);
        shared.langs[shared.n_langs++] = ac_strdup(code);
    }
}

int ac_espeak_start(const char *data_path)
{
    int err = 0;

    pthread_mutex_lock(&shared.lock);
    if (!shared.rate_hz) {
        const char *path = data_path && *data_path ? data_path : NULL;
        int options =
            espeakINITIALIZE_PHONEME_EVENTS | espeakINITIALIZE_PHONEME_IPA | espeakINITIALIZE_DONT_EXIT;
        int rate_hz = espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, BUFFER_MS, path, options);
        if (rate_hz > 0) {
            espeak_SetSynthCallback(on_sound);
            read_langs();
        }
        if (shared.n_langs)
            shared.rate_hz = rate_hz;
        else
            err = AC_EMODEL;
    }
    pthread_mutex_unlock(&shared.lock);
    return err;
}

size_t ac_espeak_langs(const char *const **codes)
{
    *codes = (const char *const *)shared.langs;
    return shared.n_langs;
}

/* With the lock held. Loading a voice reads files; the one that is set stays. */
static int set_voice(const char *voice)
{
    if (!strcmp(shared.voice, voice))
        return 0;
    size_t n = strcspn(voice, "+");
    char name[128] = "";
    for (size_t i = 0; i < shared.n_langs && !*name; i++)
        if (strlen(shared.langs[i]) == n && !strncmp(shared.langs[i], voice, n))
            snprintf(name, sizeof name, "%s%s", shared.files[i], voice + n);
    shared.voice[0] = '\0';
    if (!*name || espeak_SetVoiceByName(name) != EE_OK)
        return AC_ENOENT;
    snprintf(shared.voice, sizeof shared.voice, "%s", voice);
    return 0;
}

/* Pitch 50 is the voice's own; eSpeak NG doubles or halves the frequency over 50 steps. */
static int pitch_steps(float pitch)
{
    int steps = (int)lroundf(50 + 50 * log2f(pitch));

    return steps < 0 ? 0 : steps > 99 ? 99 : steps;
}

static int synth(const struct ac_espeak_how *how, const struct ac_tts_text *text, struct take *t)
{
    int err;

    pthread_mutex_lock(&shared.lock);
    err = set_voice(how->voice);
    if (!err) {
        espeak_SetParameter(espeakRATE, (int)lroundf(BASE_WPM * how->rate), 0);
        espeak_SetParameter(espeakPITCH, pitch_steps(how->pitch), 0);
        shared.take = t;
        if (espeak_Synth(text->s.p, text->s.len + 1, 0, POS_CHARACTER, 0, espeakCHARS_UTF8, NULL, NULL) !=
            EE_OK)
            err = AC_EENGINE;
        shared.take = NULL;
    }
    pthread_mutex_unlock(&shared.lock);
    if (!err && t->stopped)
        err = ac_cancelled(t->cancel) ? AC_ECANCELED : AC_EENGINE;
    return err;
}

static int32_t to_us(int64_t sample)
{
    return (int32_t)(sample * 1000000 / shared.rate_hz);
}

static double energy(const struct take *t, int32_t start_us, int32_t end_us)
{
    size_t from = (size_t)((int64_t)start_us * shared.rate_hz / 1000000);
    size_t to = (size_t)((int64_t)end_us * shared.rate_hz / 1000000);
    double sum = 0;

    for (size_t i = from; i < to && i < t->n; i++)
        sum += (double)t->pcm[i] * t->pcm[i];
    return sum;
}

/* The phones from `first` on are a word; its strongest vowel, if it is not the only one of a short word. */
static void mark_stress(const struct take *t, struct ac_phones *phones, size_t first)
{
    struct ac_phone *best = NULL;
    double best_energy = 0;
    size_t vowels = 0;

    for (size_t i = first; i < phones->n; i++) {
        struct ac_phone *p = &phones->v[i];
        if (p->openness <= 0)
            continue;
        double e = energy(t, p->start_us, p->end_us);
        vowels++;
        if (e > best_energy) {
            best = p;
            best_energy = e;
        }
    }
    if (best && (vowels > 1 || phones->n - first > 2))
        best->stressed = true;
}

static void end_word(const struct take *t, struct ac_phones *phones, struct ac_words *words, size_t first,
                     int32_t at)
{
    mark_stress(t, phones, first);
    if (words->n && words->v[words->n - 1].end_us == 0)
        words->v[words->n - 1].end_us = at;
}

/* Begins a word, or goes on with the last one where both come from the same place ("25%": several are said).
 */
static void begin_word(struct ac_words *words, struct ac_tts_span span, int32_t at)
{
    struct ac_word *last = words->n ? &words->v[words->n - 1] : NULL;

    if (last && span.start < last->text_start + last->text_len) {
        if (span.end > last->text_start + last->text_len)
            last->text_len = span.end - last->text_start;
        last->end_us = 0;
        return;
    }
    last = ac_words_add(words);
    last->start_us = at;
    last->text_start = span.start;
    last->text_len = span.end - span.start;
}

static void collect(const struct take *t, const struct ac_tts_text *text, struct ac_phones *phones,
                    struct ac_words *words)
{
    size_t word_first = 0;

    for (size_t i = 0; i < t->n_marks; i++) {
        const struct mark *m = &t->marks[i];
        int32_t at = to_us(m->sample);
        if (m->n > 0) {
            end_word(t, phones, words, word_first, at);
            word_first = phones->n;
            begin_word(words, ac_tts_text_span(text, (size_t)m->first, (size_t)m->n), at);
            continue;
        }
        size_t next = i + 1;
        while (next < t->n_marks && t->marks[next].n > 0)
            next++;
        int32_t end = next < t->n_marks ? to_us(t->marks[next].sample) : to_us((int64_t)t->n);
        struct ac_shapes shapes = ac_shapes_ipa(m->ipa, sizeof m->ipa - 1);
        if (!shapes.n)
            ac_log_warn("tts.espeak", "unknown_phoneme", AC_S("name", m->ipa));
        if (shapes.n && shapes.v[0].viseme == AC_VIS_SIL && words->n && words->v[words->n - 1].end_us == 0)
            words->v[words->n - 1].end_us = at;
        if (end > at)
            ac_shapes_add(phones, &shapes, m->ipa, at, end, false);
    }
    end_word(t, phones, words, word_first, to_us((int64_t)t->n));
}

static void amplify(struct take *t, float gain)
{
    for (size_t i = 0; i < t->n; i++) {
        float v = gain * t->pcm[i];
        t->pcm[i] = (int16_t)(v > 32767 ? 32767 : v < -32768 ? -32768 : lrintf(v));
    }
}

int ac_espeak_say(const struct ac_espeak_how *how, const struct ac_tts_text *text, struct ac_tts_out *out)
{
    struct take t = {.cancel = out->cancel};
    struct ac_phones phones = {0};
    struct ac_words words = {0};
    int err = text->s.len ? synth(how, text, &t) : 0;

    if (!err && t.n) {
        collect(&t, text, &phones, &words);
        amplify(&t, how->gain);
        ac_tts_out_begin_run(out, shared.rate_hz, &phones, &words, how->tail_ms);
        err = ac_tts_out_pcm(out, t.pcm, t.n);
        if (!err)
            err = ac_tts_out_end_run(out);
    }
    free(t.pcm);
    free(t.marks);
    free(phones.v);
    free(words.v);
    return err;
}
