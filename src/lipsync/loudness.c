/* The loudness of video frames. See loudness.h. */
#include "lipsync/loudness.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void ac_loudness_add(struct ac_loudness *l, const struct ac_speech *s)
{
    int64_t end = s->start_sample + (int64_t)s->n_samples;
    size_t need = (size_t)(end * l->fps / s->rate_hz + 1);

    if (need > l->cap) {
        size_t cap = need < 256 ? 256 : 2 * need;
        l->frames = ac_realloc_array(l->frames, cap, sizeof *l->frames);
        memset(l->frames + l->cap, 0, (cap - l->cap) * sizeof *l->frames);
        l->cap = cap;
    }
    for (size_t k = 0; k < s->n_samples; k++) {
        struct ac_loudness_sum *f = &l->frames[(s->start_sample + (int64_t)k) * l->fps / s->rate_hz];
        f->sum += (double)s->pcm[k] * s->pcm[k];
        f->n++;
    }
    if (s->n_samples) {
        l->covered = end * l->fps / s->rate_hz;
        l->total = (end * l->fps + s->rate_hz - 1) / s->rate_hz;
    }
}

float ac_loudness_at(const struct ac_loudness *l, int64_t frame)
{
    if (frame < 0 || (size_t)frame >= l->cap || !l->frames[frame].n)
        return 0;
    double db = 10 * log10(l->frames[frame].sum / l->frames[frame].n / (32768.0 * 32768.0) + 1e-12);
    double e = (db + 45) / 33;
    return (float)(e < 0 ? 0 : e > 1 ? 1 : e);
}

int64_t ac_loudness_time_us(const struct ac_loudness *l, int64_t frame)
{
    return (2 * frame + 1) * 1000000 / (2 * l->fps);
}

void ac_loudness_reset(struct ac_loudness *l)
{
    if (l->frames)
        memset(l->frames, 0, l->cap * sizeof *l->frames);
    l->covered = l->total = 0;
}

void ac_loudness_free(struct ac_loudness *l)
{
    free(l->frames);
    l->frames = NULL;
    l->cap = 0;
}
