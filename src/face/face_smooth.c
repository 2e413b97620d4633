/*
 * Smooths the track of a face. Each point becomes the mean of where it is within four pictures before and
 * after, weighted by nearness in time and in place: a bilateral filter (Tomasi and Manduchi 1998) along time.
 * What trembles by a fraction of a percent of the face's width is averaged away; what really moves, a lip or
 * a blink, differs too much from its neighbours to be mixed with them. The weights are the same both ways, so
 * that nothing lags, and a point that moves steadily stays on its way.
 */
#include "face/face_private.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

enum { REACH = 4 };       /* pictures on each side */
#define TIME_SIGMA  2.0F  /* pictures */
#define PLACE_SIGMA 0.01F /* of the face's width */

static float mix(float a, float b, float share)
{
    return a + share * (b - a);
}

/* The pictures from `from` to `to`, which have no face, get what lies between their neighbours. */
static void fill(struct ac_face *faces, size_t from, size_t to, size_t n)
{
    for (size_t t = from; t < to; t++) {
        const struct ac_face *a = &faces[from ? from - 1 : to], *b = &faces[to < n ? to : from - 1];
        float share = (float)(t - from + 1) / (float)(to - from + 1);
        for (int i = 0; i < AC_FACE_POINTS; i++)
            for (int k = 0; k < 3; k++)
                faces[t].point[i][k] = mix(a->point[i][k], b->point[i][k], share);
        faces[t].score = 0;
        ac_face_measure(&faces[t]);
    }
}

static size_t next_face(const struct ac_face *faces, size_t t, size_t n)
{
    while (t < n && !(faces[t].presence > 0))
        t++;
    return t;
}

/* track: the point's places in all pictures; out: the smoothed one of picture t. */
static void smooth_point(const float (*track)[3], size_t t, size_t n, float width, float out[3])
{
    float sum[3] = {0}, total = 0, scale = 1 / (PLACE_SIGMA * width);
    size_t reach = t < REACH ? t : REACH; /* the same on both sides, else the ends of the track would lag */

    if (n - 1 - t < reach)
        reach = n - 1 - t;
    for (size_t s = t - reach; s <= t + reach; s++) {
        float age = ((float)s - (float)t) / TIME_SIGMA, far = 0;
        for (int k = 0; k < 2; k++)
            far += (track[s][k] - track[t][k]) * scale * (track[s][k] - track[t][k]) * scale;
        float weight = expf(-(age * age + far) / 2);
        total += weight;
        for (int k = 0; k < 3; k++)
            sum[k] += weight * track[s][k];
    }
    for (int k = 0; k < 3; k++)
        out[k] = sum[k] / total;
}

void ac_face_smooth(struct ac_face *faces, size_t n)
{
    size_t first = next_face(faces, 0, n);

    if (first == n)
        return;
    for (size_t t = 0; t < n; t++)
        if (!(faces[t].presence > 0)) {
            size_t to = next_face(faces, t, n);
            fill(faces, t, to, n);
            t = to;
        }
    float(*track)[3] = ac_realloc_array(NULL, n, sizeof *track);
    for (int i = 0; i < AC_FACE_POINTS; i++) {
        for (size_t t = 0; t < n; t++)
            for (int k = 0; k < 3; k++)
                track[t][k] = faces[t].point[i][k];
        for (size_t t = 0; t < n; t++)
            smooth_point((const float(*)[3])track, t, n, faces[t].width, faces[t].point[i]);
    }
    free(track);
    for (size_t t = 0; t < n; t++)
        ac_face_measure(&faces[t]);
}
