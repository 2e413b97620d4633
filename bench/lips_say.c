/* Speech with its true mouth movements. See lips_say.h. */
#include "lips_say.h"

#include "base/mem.h"
#include "media/decode.h"
#include "media/resample.h"
#include "tts/shapes.h"

#include <flite/flite.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct ac_handler_info ac_handler_tts_flite, ac_handler_tts_espeak, ac_handler_lipsync_phoneme;
cst_voice *register_cmu_us_awb(const char *voxdir);
cst_voice *register_cmu_us_kal(const char *voxdir);
cst_voice *register_cmu_us_kal16(const char *voxdir);

/* One lips_say. */
struct say {
    struct ac_sink from_tts, from_lips;
    struct lips_clip *out;
    struct ac_phones phones;
    struct lips_engine *lips;
    struct ac_resampler *resampler;
    int rate_hz, fps;
};

static const char *const dirs[] = {AC_SOURCE_DIR, NULL};

int lips_engine_open(struct lips_engine *e, const struct ac_handler_info *info, int fps)
{
    *e = (struct lips_engine){.info = info,
                              .env = {.log_name = info->name, .data_dirs = dirs, .prefs = {.fps = fps}}};
    e->cfg = ac_zalloc(info->cfg_size + 1);
    e->model = ac_zalloc(info->model_size + 1);
    e->inst = ac_zalloc(info->inst_size + 1);
    for (const struct ac_option *o = info->options; o && o->type; o++) {
        if (o->type == AC_OPT_FLOAT)
            *(double *)(void *)((char *)e->cfg + o->offset) = atof(o->def);
        else if (o->type == AC_OPT_STRING)
            *(const char **)(void *)((char *)e->cfg + o->offset) = o->def;
    }
    int err = info->model_open ? info->model_open(e->model, e->cfg, &e->env) : 0;
    return err || !info->open ? err : info->open(e->inst, e->model, e->cfg, &e->env);
}

static int take_pose(struct ac_sink *sink, struct ac_frame *f)
{
    struct say *c = (struct say *)((char *)sink - offsetof(struct say, from_lips));
    int64_t t = (2 * (int64_t)c->out->n_rows + 1) * 1000000 / (2 * c->fps);
    const struct ac_mouth *m = &f->pose.mouth;
    float row[LIPS_VALUES] = {0,        m->jaw,  m->width, m->round,  m->upper,      m->lower,
                              m->press, m->bite, m->teeth, m->tongue, f->pose.stress};

    for (size_t i = 0; i < c->phones.n; i++)
        if (c->phones.v[i].start_us <= t && t < c->phones.v[i].end_us)
            row[0] = (float)c->phones.v[i].viseme;
    ac_str_add_n(&c->out->rows, (const char *)row, sizeof row);
    c->out->n_rows++;
    ac_frame_unref(f);
    return 0;
}

static int take_sound(struct say *c, const struct ac_speech *s)
{
    int err = 0;

    if (c->rate_hz != s->rate_hz) {
        if (c->resampler)
            err = ac_resampler_run(c->resampler, NULL, 0, &c->out->pcm);
        ac_resampler_close(c->resampler);
        c->resampler = NULL;
        if (!err)
            err = ac_resampler_open(&c->resampler, s->rate_hz, AC_LISTEN_RATE_HZ);
        c->rate_hz = s->rate_hz;
    }
    return err || !s->n_samples ? err : ac_resampler_run(c->resampler, s->pcm, s->n_samples, &c->out->pcm);
}

static int take_speech(struct ac_sink *sink, struct ac_frame *f)
{
    struct say *c = (struct say *)((char *)sink - offsetof(struct say, from_tts));
    int err = take_sound(c, &f->speech);

    for (size_t i = 0; i < f->speech.n_phones; i++)
        *ac_phones_add(&c->phones) = f->speech.phones[i];
    if (!err)
        err = c->lips->info->process(c->lips->inst, f, &c->from_lips, NULL);
    ac_frame_unref(f);
    return err;
}

/* Hands over a whole sentence of sound and phonemes. */
static int give(struct say *c, const int16_t *pcm, size_t n, int rate_hz, const struct ac_phones *phones)
{
    struct ac_frame *f = ac_frame_new(AC_FRAME_SPEECH);
    struct ac_speech *s = &f->speech;

    s->rate_hz = rate_hz;
    s->n_samples = n;
    s->pcm = ac_alloc((n + 1) * sizeof *s->pcm);
    memcpy(s->pcm, pcm, n * sizeof *pcm);
    s->n_phones = phones->n;
    s->phones = ac_alloc((phones->n + 1) * sizeof *s->phones);
    if (phones->n)
        memcpy(s->phones, phones->v, phones->n * sizeof *s->phones);
    s->phones_known = true;
    s->last = true;
    return take_speech(&c->from_tts, f);
}

static bool is_stressed(const cst_item *seg)
{
    const cst_item *syl = item_parent(item_as(seg, "SylStructure"));

    return syl && !strcmp(item_feat_string(syl, "stress"), "1") &&
           !strcmp(ffeature_string(item_parent(syl), "gpos"), "content");
}

static int say_flite(struct say *c, const char *name, float rate, float pitch, const char *text)
{
    static cst_voice *awb, *kal, *kal16;
    struct ac_phones phones = {0};
    int32_t at = 0;

    if (!awb) {
        flite_init();
        awb = register_cmu_us_awb(NULL);
        kal = register_cmu_us_kal(NULL);
        kal16 = register_cmu_us_kal16(NULL);
    }
    cst_voice *voice = !strcmp(name, "awb") ? awb : !strcmp(name, "kal") ? kal : kal16;
    cst_utterance *u = new_utterance();
    utt_set_input_text(u, text);
    utt_init(u, voice);
    feat_set_float(u->features, "duration_stretch", 1 / rate);
    feat_set_float(u->features, "f0_shift", pitch);
    int err = utt_synth(u) ? 0 : AC_EENGINE;
    for (const cst_item *s = err ? NULL : relation_head(utt_relation(u, "Segment")); s; s = item_next(s)) {
        const char *phone = item_feat_string(s, "name");
        struct ac_shapes shapes = ac_shapes_flite(phone);
        int32_t end = (int32_t)(item_feat_float(s, "end") * 1e6F);
        if (end > at)
            ac_shapes_add(&phones, &shapes, phone, at, end, shapes.vowel && is_stressed(s));
        at = end > at ? end : at;
    }
    if (!err) {
        cst_wave *w = utt_wave(u);
        err = give(c, w->samples, (size_t)w->num_samples, w->sample_rate, &phones);
    }
    delete_utterance(u);
    free(phones.v);
    return err;
}

static int say_file(struct say *c, const char *path)
{
    struct ac_phones phones = {0};
    struct ac_pcm pcm = {0};
    char line[256], ipa[64], *name = ac_asprintf("%s.phones", path);
    FILE *f = fopen(name, "r");
    int err = f ? ac_decode_file(path, 600, &pcm, NULL) : AC_ENOENT, stressed;
    int32_t at = 0;
    double end_s;

    while (!err && fgets(line, sizeof line, f)) {
        ipa[0] = '\0';
        if (sscanf(line, "%lf %d %63s", &end_s, &stressed, ipa) < 2)
            continue;
        struct ac_shapes shapes = ac_shapes_ipa(ipa, sizeof ipa);
        int32_t end = (int32_t)(end_s * 1e6);
        if (!shapes.n)
            fprintf(stderr, "%s: unknown phoneme '%s'\n", name, ipa);
        if (end > at)
            ac_shapes_add(&phones, &shapes, ipa, at, end, stressed);
        at = end > at ? end : at;
    }
    if (!err)
        err = give(c, pcm.samples, pcm.n, AC_LISTEN_RATE_HZ, &phones);
    if (f)
        fclose(f);
    free(pcm.samples);
    free(phones.v);
    free(name);
    return err;
}

static int say_engine(struct say *c, struct lips_engine *tts, const struct ac_frame *text)
{
    int err = tts->info->process(tts->inst, text, &c->from_tts, NULL);

    if (err)
        fprintf(stderr, "%s: %s\n", text->text.voice, tts->env.reason);
    return err;
}

int lips_say(struct lips_mouths *m, const char *voice, const char *lang, float rate, float pitch,
             const char *text, struct lips_clip *out)
{
    struct say c = {
        .from_tts = {take_speech}, .from_lips = {take_pose}, .out = out, .lips = &m->phoneme, .fps = m->fps};
    struct ac_frame *f = ac_frame_new_text(text, strlen(text));
    int err;

    *out = (struct lips_clip){0};
    snprintf(f->text.voice, sizeof f->text.voice, "%s", voice);
    snprintf(f->text.lang, sizeof f->text.lang, "%s", lang);
    f->text.rate = rate;
    f->text.pitch = pitch;
    if (!strncmp(voice, "file:", 5))
        err = say_file(&c, voice + 5);
    else if (!strncmp(voice, "flite:", 6))
        err = say_flite(&c, voice + 6, rate, pitch, text);
    else
        err = say_engine(&c, strncmp(voice, "espeak:", 7) ? &m->flite : &m->espeak, f);
    if (!err)
        err = m->phoneme.info->process(m->phoneme.inst, NULL, &c.from_lips, NULL);
    if (!err && c.resampler)
        err = ac_resampler_run(c.resampler, NULL, 0, &out->pcm);
    m->phoneme.info->reset(m->phoneme.inst);
    ac_resampler_close(c.resampler);
    ac_frame_unref(f);
    free(c.phones.v);
    if (err)
        lips_clip_free(out);
    return err;
}

void lips_clip_free(struct lips_clip *c)
{
    ac_str_free(&c->pcm);
    ac_str_free(&c->rows);
    c->n_rows = 0;
}

void lips_engine_close(struct lips_engine *e)
{
    if (e->info && e->info->close)
        e->info->close(e->inst);
    if (e->info && e->info->model_close)
        e->info->model_close(e->model);
    free(e->cfg);
    free(e->model);
    free(e->inst);
    *e = (struct lips_engine){0};
}

int lips_mouths_open(struct lips_mouths *m, int fps)
{
    *m = (struct lips_mouths){.fps = fps};
    if (lips_engine_open(&m->phoneme, &ac_handler_lipsync_phoneme, fps) ||
        lips_engine_open(&m->flite, &ac_handler_tts_flite, fps) ||
        lips_engine_open(&m->espeak, &ac_handler_tts_espeak, fps)) {
        fprintf(stderr, "an engine does not open: %s%s%s\n", m->phoneme.env.reason, m->flite.env.reason,
                m->espeak.env.reason);
        return AC_EENGINE;
    }
    return 0;
}

void lips_mouths_close(struct lips_mouths *m)
{
    lips_engine_close(&m->phoneme);
    lips_engine_close(&m->flite);
    lips_engine_close(&m->espeak);
}
