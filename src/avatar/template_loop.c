/*
 * Every window of every length is judged by a cost; at most some 1500 windows of 6 lengths, so this takes no
 * time. The lengths are those whose way forth and back, 2 (n - 1) pictures, fits 12 seconds a whole number of
 * times.
 */
#include "avatar/template_loop.h"

#include <math.h>

static const size_t LENGTHS[] = {151, 76, 51, 31, 26, 16};
enum { N_LENGTHS = sizeof LENGTHS / sizeof *LENGTHS, LONGEST_OPEN = 76 };

static const float MAX_BAD = 0.05f, MAX_OPEN = 0.02f; /* shares of a loop */
static const float MAX_WANDER = 0.5f;                 /* heights of the face from the middle of its ways */

static float speed(const struct ac_loop_frame *f, size_t i, size_t first, size_t n)
{
    size_t a = i > first ? i - 1 : i, b = i + 1 < first + n ? i + 1 : i;

    return hypotf(f[b].x - f[a].x, f[b].y - f[a].y) / (float)(b - a);
}

/* What the window costs; false: it cannot be shown. */
static bool judge(const struct ac_loop_frame *f, size_t first, size_t n, float closed, struct ac_loop *loop,
                  float *cost)
{
    float x = 0, y = 0, turn = 0, quality = 0, moving = 0, gap = 0;

    *loop = (struct ac_loop){.first = first, .n = n};
    for (size_t i = first; i < first + n; i++) {
        if (i > first && f[i].cut)
            return false;
        if (f[i].bad) {
            loop->bad++;
            continue;
        }
        x += f[i].x;
        y += f[i].y;
        turn += f[i].turn;
        quality += f[i].quality;
        gap += f[i].open;
        loop->open += f[i].open > closed;
        moving += speed(f, i, first, n);
    }
    float good = (float)(n - loop->bad), all = (float)n;
    if ((float)loop->bad > MAX_BAD * all || f[first].bad || f[first + n - 1].bad)
        return false;
    for (size_t i = first; i < first + n; i++) {
        if (!f[i].bad && hypotf(f[i].x - x / good, f[i].y - y / good) > MAX_WANDER)
            return false;
    }
    loop->closed = (float)loop->open <= MAX_OPEN * all;
    /* Where the loop turns round, what moves seems to bounce. */
    float turning = speed(f, first, first, n) + speed(f, first + n - 1, first, n);
    *cost = 4 * (float)loop->open / all + 2 * gap / good + 12 * turning + 4 * moving / good + turn / good -
            0.5f * quality / good + 2 * (float)loop->bad / all;
    return true;
}

/* The cheapest window of the length; closed_only: in which the mouth is closed. */
static bool best_of(const struct ac_loop_frame *f, size_t count, size_t n, float closed, bool closed_only,
                    struct ac_loop *best)
{
    float least = INFINITY;

    for (size_t first = 0; first + n <= count; first++) {
        struct ac_loop loop;
        float cost;
        if (!judge(f, first, n, closed, &loop, &cost) || (closed_only && !loop.closed) || cost >= least)
            continue;
        least = cost;
        *best = loop;
    }
    return least < INFINITY;
}

bool ac_template_loop(const struct ac_loop_frame *frames, size_t count, float closed, struct ac_loop *loop)
{
    for (size_t i = 0; i < N_LENGTHS; i++) {
        if (best_of(frames, count, LENGTHS[i], closed, true, loop))
            return true;
    }
    for (size_t i = 0; i < N_LENGTHS; i++) {
        if (LENGTHS[i] <= LONGEST_OPEN && best_of(frames, count, LENGTHS[i], closed, false, loop))
            return true;
    }
    return false;
}
