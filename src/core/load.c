/* What talking costs; see load.h. */
#include "core/load.h"

#include "base/clock.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    SLICES = 128,    /* that are remembered */
    FEW_SLICES = 10, /* until so many were measured, the limit is a cautious guess */
    GUESS_A_WORKER = 4,
    CALM_US = 1500000, /* after a late slice */
    STEP = 2,          /* pictures are repeated once at the lowered frame rate */
};
static const double share = 0.85; /* of the workers' time that is given out */

struct cost {
    double of[SLICES]; /* a ring */
    uint64_t n;        /* ever added */
};

struct ac_load {
    int workers;
    pthread_mutex_t lock;
    struct cost picture_us; /* one picture takes */
    struct cost other;      /* time for a time of media */
    int64_t late_us;        /* when a slice was late last; 0 = never */
};

struct ac_load *ac_load_new(int workers)
{
    struct ac_load *l = ac_zalloc(sizeof *l);

    l->workers = workers;
    pthread_mutex_init(&l->lock, NULL);
    return l;
}

void ac_load_free(struct ac_load *l)
{
    if (!l)
        return;
    pthread_mutex_destroy(&l->lock);
    free(l);
}

static void add(struct cost *c, double value)
{
    c->of[c->n++ % SLICES] = value;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

/* The mean, where no slice counts for more than four times the middle one: an engine that was just loaded is
 * no measure. */
static double mean(const struct cost *c)
{
    double sorted[SLICES], sum = 0;
    size_t n = c->n < SLICES ? (size_t)c->n : SLICES;

    if (!n)
        return 0;
    memcpy(sorted, c->of, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_value);
    double most = 4 * sorted[n / 2];
    for (size_t i = 0; i < n; i++)
        sum += sorted[i] < most ? sorted[i] : most;
    return sum / (double)n;
}

void ac_load_note(struct ac_load *l, const struct ac_slice *s)
{
    if (!s->frames || !s->media_us)
        return;
    pthread_mutex_lock(&l->lock);
    if (s->pictures)
        add(&l->picture_us, (double)s->picture_us / s->pictures);
    add(&l->other, (double)s->other_us / (double)s->media_us);
    if (s->late)
        l->late_us = ac_now_us();
    pthread_mutex_unlock(&l->lock);
}

/* Lock held. */
static int limit(const struct ac_load *l, int fps)
{
    double one = mean(&l->other) + mean(&l->picture_us) * fps / STEP / 1e6;

    if (l->other.n < FEW_SLICES || one <= 0)
        return GUESS_A_WORKER * l->workers;
    double n = share * l->workers / one;
    return n < l->workers ? l->workers : n > 100000 ? 100000 : (int)n;
}

int ac_load_limit(struct ac_load *l, int fps)
{
    pthread_mutex_lock(&l->lock);
    int n = limit(l, fps);
    pthread_mutex_unlock(&l->lock);
    return n;
}

bool ac_load_room(struct ac_load *l, int fps, size_t talking)
{
    pthread_mutex_lock(&l->lock);
    bool calm = !l->late_us || ac_now_us() - l->late_us > CALM_US;
    bool room = talking < (size_t)l->workers || (calm && talking < (size_t)limit(l, fps));
    pthread_mutex_unlock(&l->lock);
    return room;
}
