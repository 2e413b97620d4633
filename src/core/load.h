/*
 * What talking costs on this machine, and so how many may talk at once.
 *
 * Every slice of rendering tells how long it took: for its pictures, and for all the rest (speech, lip sync,
 * AAC). From both follows what one who talks takes of a worker at a given frame rate; how many fit is the
 * workers' time, but for a reserve, divided by that. Times are those of the clock and not of the CPU: what
 * other programs, or this one's own recognisers, take away shows as costlier slices. Averages forget within a
 * few seconds of rendering.
 *
 * The limit reckons with the lowered frame rate (one picture in two): those who talk share what there is, and
 * only where that does not do somebody waits. After a slice that came too late nobody is let in for a while.
 *
 * Threads: any.
 */
#ifndef AC_CORE_LOAD_H
#define AC_CORE_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One slice of rendering. */
struct ac_slice {
    int frames;                   /* of video that it covers */
    int pictures;                 /* that were drawn for them; the others repeat the one before */
    int late;                     /* frames that were ready after they should have been shown */
    int64_t media_us;             /* that it covers */
    int64_t picture_us, other_us; /* time it took; other: with the speech made since the last slice */
    int64_t render_cpu_us, encode_cpu_us;
};

struct ac_load;

/* workers: threads that compute. */
struct ac_load *ac_load_new(int workers);
void ac_load_free(struct ac_load *l);
void ac_load_note(struct ac_load *l, const struct ac_slice *slice);
/* How many may talk at once at so many frames a second (the configured ones), at least one a worker. */
int ac_load_limit(struct ac_load *l, int fps);
/* Whether one more than `talking` may begin now. */
bool ac_load_room(struct ac_load *l, int fps, size_t talking);

#endif
