/*
 * flite as a streaming synthesiser. An utterance is analysed as a whole; before the first samples leave, its
 * Segment relation already has all phones with their ends, so the run is announced from the streaming
 * callback's first call and each call hands its samples on.
 *
 * The vocoder's sound is one parameter frame (5 ms) ahead of the segment times, because its first frame gives
 * no samples.
 */
#include "tts/flite_synth.h"

#include "base/log.h"
#include "base/mem.h"
#include "tts/flite_frames.h"
#include "tts/shapes.h"

#include <flite/flite.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

cst_voice *register_cmu_us_slt(const char *voxdir);
void unregister_cmu_us_slt(cst_voice *vox);
cst_voice *register_cmu_us_rms(const char *voxdir);
void unregister_cmu_us_rms(cst_voice *vox);

enum { CHUNK_SAMPLES = 240 };

/* flite registers a voice for the whole process, so this is too. Constant between acquire and release. */
static struct {
    pthread_mutex_t lock;
    int users;
    cst_voice *voices[AC_FLITE_VOICES];
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

int ac_flite_acquire(void)
{
    int err = 0;

    pthread_mutex_lock(&shared.lock);
    if (shared.users++ == 0) {
        flite_init();
        shared.voices[AC_FLITE_SLT] = register_cmu_us_slt(NULL);
        shared.voices[AC_FLITE_RMS] = register_cmu_us_rms(NULL);
    }
    for (int i = 0; i < AC_FLITE_VOICES && !err; i++)
        if (!shared.voices[i] || !ac_flite_frames_fit(shared.voices[i]))
            err = AC_EMODEL;
    if (err)
        shared.users--;
    pthread_mutex_unlock(&shared.lock);
    return err;
}

void ac_flite_release(void)
{
    pthread_mutex_lock(&shared.lock);
    if (--shared.users == 0) {
        unregister_cmu_us_slt(shared.voices[AC_FLITE_SLT]);
        unregister_cmu_us_rms(shared.voices[AC_FLITE_RMS]);
        memset(shared.voices, 0, sizeof shared.voices);
    }
    pthread_mutex_unlock(&shared.lock);
}

/* One call of ac_flite_say. */
struct say {
    struct ac_tts_text ascii;
    struct ac_tts_out *out;
    int tail_ms;
    bool begun;
    int err;
};

static int32_t segment_us(const cst_item *seg)
{
    return seg ? (int32_t)lroundf(item_feat_float(seg, "end") * 1e6f) : 0;
}

/* A vowel of a syllable with lexical stress, in a word that carries meaning. */
static bool is_stressed(const cst_item *seg)
{
    const cst_item *syl = item_parent(item_as(seg, "SylStructure"));

    if (!syl || strcmp(item_feat_string(syl, "stress"), "1") != 0)
        return false;
    return !strcmp(ffeature_string(item_parent(syl), "gpos"), "content");
}

static void collect_phones(const cst_utterance *u, struct ac_phones *phones)
{
    int32_t at = 0;

    for (const cst_item *s = relation_head(utt_relation(u, "Segment")); s; s = item_next(s)) {
        const char *name = item_feat_string(s, "name");
        struct ac_shapes shapes = ac_shapes_flite(name);
        int32_t end = segment_us(s);
        if (!shapes.n)
            ac_log_warn("tts.flite", "unknown_phone", AC_S("name", name));
        if (end > at)
            ac_shapes_add(phones, &shapes, name, at, end, shapes.vowel && is_stressed(s));
        at = end > at ? end : at;
    }
}

static const cst_item *first_segment(const cst_item *word)
{
    return item_daughter(item_daughter(item_as(word, "SylStructure")));
}

static const cst_item *last_segment(const cst_item *word)
{
    return item_last_daughter(item_last_daughter(item_as(word, "SylStructure")));
}

/* One word a token of the sentence, as long as all that is said for it ("$3.50": three dollars fifty). */
static void collect_words(const cst_utterance *u, const struct ac_tts_text *ascii, struct ac_words *words)
{
    const char *at = ascii->s.p;

    for (const cst_item *t = relation_head(utt_relation(u, "Token")); t; t = item_next(t)) {
        const char *name = item_feat_string(t, "name"), *found = strstr(at, name);
        const cst_item *first = item_daughter(t), *last = item_last_daughter(t);
        if (!found || !*name)
            continue;
        struct ac_tts_span span = ac_tts_text_span(ascii, (size_t)(found - ascii->s.p), strlen(name));
        at = found + strlen(name);
        const cst_item *seg = first ? first_segment(first) : NULL, *end = last ? last_segment(last) : NULL;
        if (!seg || !end)
            continue;
        const cst_item *before = item_prev(item_as(seg, "Segment"));
        struct ac_word *last_word = words->n ? &words->v[words->n - 1] : NULL;
        if (last_word && span.start < last_word->text_start + last_word->text_len) {
            last_word->end_us = segment_us(item_as(end, "Segment"));
            if (span.end > last_word->text_start + last_word->text_len)
                last_word->text_len = span.end - last_word->text_start;
            continue;
        }
        struct ac_word *w = ac_words_add(words);
        w->start_us = segment_us(before);
        w->end_us = segment_us(item_as(end, "Segment"));
        w->text_start = span.start;
        w->text_len = span.end - span.start;
    }
}

static int stream(const cst_wave *w, int start, int size, int last, cst_audio_streaming_info *asi)
{
    struct say *say = asi->userdata;

    (void)last;
    if (!say->begun) {
        struct ac_phones phones = {0};
        struct ac_words words = {0};
        collect_phones(asi->utt, &phones);
        collect_words(asi->utt, &say->ascii, &words);
        ac_tts_out_begin_run(say->out, w->sample_rate, &phones, &words, say->tail_ms);
        free(phones.v);
        free(words.v);
        ac_tts_out_skip(say->out, (size_t)utt_feat_int(asi->utt, "samples_left_out"));
        say->begun = true;
    }
    say->err = ac_tts_out_pcm(say->out, w->samples + start, (size_t)size);
    return say->err || ac_tts_out_full(say->out) ? CST_AUDIO_STREAM_STOP : CST_AUDIO_STREAM_CONT;
}

static bool has_words(const char *s)
{
    for (; *s; s++)
        if ((*s >= '0' && *s <= '9') || ((*s | 0x20) >= 'a' && (*s | 0x20) <= 'z'))
            return true;
    return false;
}

int ac_flite_say(enum ac_flite_voice voice, const struct ac_tts_text *text, size_t at, size_t len, float rate,
                 float pitch, int tail_ms, struct ac_tts_out *out)
{
    struct say say = {.out = out, .tail_ms = tail_ms};

    ac_tts_to_ascii(&say.ascii, text, at, len);
    if (!say.ascii.s.len || !has_words(say.ascii.s.p)) {
        ac_tts_text_free(&say.ascii);
        return 0;
    }
    cst_utterance *u = new_utterance();
    cst_audio_streaming_info *asi = new_audio_streaming_info(); /* freed with the utterance */
    asi->min_buffsize = CHUNK_SAMPLES;
    asi->asc = stream;
    asi->userdata = &say;
    utt_set_input_text(u, say.ascii.s.p);
    utt_init(u, shared.voices[voice]);
    feat_set(u->features, "streaming_info", audio_streaming_info_val(asi));
    feat_set(u->features, "wave_synth_func", uttfunc_val(ac_flite_frames_synth));
    feat_set_float(u->features, "duration_stretch", 1 / rate);
    feat_set_float(u->features, "f0_shift", pitch);
    bool ok = utt_synth(u) != NULL;
    delete_utterance(u);
    ac_tts_text_free(&say.ascii);
    if (say.err)
        return say.err;
    if (!ok || !say.begun)
        return AC_EENGINE;
    return ac_tts_out_end_run(out);
}
