/* From sound to SPEECH frames. See out.h. */
#include "tts/out.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { LEAD_US = 30000, STEP_US = 20000 };
/* Until a first fragment can be made (five pictures' sound and what the sound coder holds back) pieces are
 * small, so that it does not wait for sound it does not need. */
enum { EARLY_MS = 320, EARLY_PIECE_MS = 80, PIECE_MS = 200 };

struct ac_phone *ac_phones_add(struct ac_phones *list)
{
    if (list->n == list->cap) {
        list->cap = list->cap ? 2 * list->cap : 64;
        list->v = ac_realloc_array(list->v, list->cap, sizeof *list->v);
    }
    list->v[list->n] = (struct ac_phone){0};
    return &list->v[list->n++];
}

struct ac_word *ac_words_add(struct ac_words *list)
{
    if (list->n == list->cap) {
        list->cap = list->cap ? 2 * list->cap : 32;
        list->v = ac_realloc_array(list->v, list->cap, sizeof *list->v);
    }
    list->v[list->n] = (struct ac_word){0};
    return &list->v[list->n++];
}

void ac_tts_out_init(struct ac_tts_out *o, struct ac_sink *sink, const struct ac_frame *in,
                     struct ac_cancel *cancel)
{
    *o = (struct ac_tts_out){.sink = sink, .in = in, .cancel = cancel};
}

static int64_t to_samples(int64_t us, int rate_hz)
{
    return (us * rate_hz + 500000) / 1000000;
}

static int32_t clamp_us(int64_t us, int64_t lo, int64_t hi)
{
    return (int32_t)(us < lo ? lo : us > hi ? hi : us);
}

static size_t piece_samples(const struct ac_tts_out *o)
{
    bool early = o->next_sample < to_samples(EARLY_MS * 1000, o->rate_hz);

    return (size_t)o->rate_hz * (early ? EARLY_PIECE_MS : PIECE_MS) / 1000;
}

/* Copies the phones and words into sentence time: what lies in [cut, cut + length) of the run. */
static void place(struct ac_tts_out *o, const struct ac_phones *phones, const struct ac_words *words,
                  int64_t cut, int64_t length)
{
    int64_t end = o->pos_us + length, shift = o->pos_us - cut;

    if (length && phones->v[0].start_us > cut) { /* the phones cover the run without hole */
        struct ac_phone *p = ac_phones_add(&o->phones);
        *p = (struct ac_phone){.start_us = (int32_t)o->pos_us, .name = "pau"};
        p->end_us = clamp_us(phones->v[0].start_us + shift, o->pos_us, end);
    }
    for (size_t i = 0; i < phones->n; i++) {
        struct ac_phone p = phones->v[i];
        p.start_us = clamp_us(p.start_us + shift, o->pos_us, end);
        p.end_us = clamp_us(p.end_us + shift, o->pos_us, end);
        if (p.end_us > p.start_us)
            *ac_phones_add(&o->phones) = p;
    }
    for (size_t i = 0; i < words->n; i++) {
        struct ac_word w = words->v[i];
        w.start_us = clamp_us(w.start_us + shift, o->pos_us, end);
        w.end_us = clamp_us(w.end_us + shift, o->pos_us, end);
        if (w.end_us > w.start_us)
            *ac_words_add(&o->words) = w;
    }
}

/* The last phone, or a silence added to it, lasts to the end of the run. */
static void fill_to_end(struct ac_tts_out *o, int64_t end_us)
{
    struct ac_phone *last = o->phones.n ? &o->phones.v[o->phones.n - 1] : NULL;

    if (last && last->viseme == AC_VIS_SIL) {
        last->end_us = (int32_t)end_us;
    } else if (!last || last->end_us < end_us) {
        int32_t from = last ? last->end_us : (int32_t)o->pos_us;
        struct ac_phone *p = ac_phones_add(&o->phones);
        *p = (struct ac_phone){.start_us = from, .end_us = (int32_t)end_us, .name = "pau"};
    }
}

void ac_tts_out_begin_run(struct ac_tts_out *o, int rate_hz, const struct ac_phones *phones,
                          const struct ac_words *words, int tail_ms)
{
    size_t first = 0, last = phones->n;

    while (first < phones->n && phones->v[first].viseme == AC_VIS_SIL)
        first++;
    while (last > first && phones->v[last - 1].viseme == AC_VIS_SIL)
        last--;
    int64_t cut = 0, length = 0;
    if (first < last) {
        int64_t end = phones->v[last - 1].end_us, sound_end = phones->v[phones->n - 1].end_us;
        cut = phones->v[first].start_us > LEAD_US ? phones->v[first].start_us - LEAD_US : 0;
        end += tail_ms * 1000 < sound_end - end ? tail_ms * 1000 : sound_end - end;
        length = (end - cut + STEP_US - 1) / STEP_US * STEP_US;
    }
    o->rate_hz = rate_hz;
    o->skip = to_samples(cut, rate_hz);
    o->left = to_samples(length, rate_hz);
    o->next_sample = to_samples(o->pos_us, rate_hz);
    o->piece = piece_samples(o);
    place(o, phones, words, cut, length);
    o->pos_us += length;
    if (length)
        fill_to_end(o, o->pos_us);
}

static int push_piece(struct ac_tts_out *o, bool last)
{
    struct ac_frame *f = ac_frame_new(AC_FRAME_SPEECH);
    struct ac_speech *s = &f->speech;

    f->turn = o->in->turn;
    s->seq = o->in->text.seq;
    s->emotion = o->in->text.emotion;
    s->rate_hz = o->rate_hz;
    s->start_sample = o->next_sample;
    s->pcm = o->buf;
    s->n_samples = o->n_buf;
    s->phones = o->phones.v;
    s->n_phones = o->phones.n;
    s->phones_known = true;
    s->words = o->words.v;
    s->n_words = o->words.n;
    s->last = last;
    o->next_sample += (int64_t)o->n_buf;
    o->buf = NULL;
    o->n_buf = o->cap_buf = 0;
    o->phones = (struct ac_phones){0};
    o->words = (struct ac_words){0};
    o->piece = piece_samples(o);
    o->any = true;
    return o->sink->push(o->sink, f);
}

/* Adds n samples (NULL: silence) to the piece and pushes it when it is full. */
static int add(struct ac_tts_out *o, const int16_t *pcm, size_t n)
{
    while (n) {
        if (!o->buf) {
            o->cap_buf = o->piece;
            o->buf = ac_alloc(o->cap_buf * sizeof *o->buf);
        }
        size_t k = o->cap_buf - o->n_buf < n ? o->cap_buf - o->n_buf : n;
        if (pcm)
            memcpy(o->buf + o->n_buf, pcm, k * sizeof *pcm);
        else
            memset(o->buf + o->n_buf, 0, k * sizeof *pcm);
        o->n_buf += k;
        o->left -= (int64_t)k;
        pcm = pcm ? pcm + k : NULL;
        n -= k;
        if (o->n_buf == o->cap_buf) {
            int err = ac_cancelled(o->cancel) ? AC_ECANCELED : push_piece(o, false);
            if (err)
                return err;
        }
    }
    return 0;
}

void ac_tts_out_skip(struct ac_tts_out *o, size_t n)
{
    o->skip -= (int64_t)n;
}

int ac_tts_out_pcm(struct ac_tts_out *o, const int16_t *pcm, size_t n)
{
    size_t skip = o->skip < (int64_t)n ? (size_t)o->skip : n;

    if (ac_cancelled(o->cancel))
        return AC_ECANCELED;
    o->skip -= (int64_t)skip;
    pcm += skip;
    n -= skip;
    return add(o, pcm, (int64_t)n < o->left ? n : (size_t)o->left);
}

bool ac_tts_out_full(const struct ac_tts_out *o)
{
    return o->left == 0;
}

int ac_tts_out_end_run(struct ac_tts_out *o)
{
    int err = add(o, NULL, (size_t)o->left);

    if (!err && o->n_buf)
        err = push_piece(o, false);
    return err;
}

int ac_tts_out_finish(struct ac_tts_out *o)
{
    if (!o->any)
        return AC_EEMPTY;
    return push_piece(o, true);
}

void ac_tts_out_free(struct ac_tts_out *o)
{
    free(o->buf);
    free(o->phones.v);
    free(o->words.v);
    *o = (struct ac_tts_out){0};
}
