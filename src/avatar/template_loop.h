/* Choosing the part of a video that is shown forth and back for ever. No state; any thread. */
#ifndef AC_AVATAR_TEMPLATE_LOOP_H
#define AC_AVATAR_TEMPLATE_LOOP_H

#include <stdbool.h>
#include <stddef.h>

/* One picture of the video, 25 a second. */
struct ac_loop_frame {
    bool bad;      /* no face, or one that cannot be used; a loop may hold few of them */
    bool cut;      /* a jump between it and the picture before: no loop goes over it */
    float x, y;    /* middle of the face, in heights of the face */
    float open;    /* of the mouth, in widths of the mouth */
    float turn;    /* radians away from the camera */
    float quality; /* sharpness, compared with the best picture: 0 … 1 */
};

struct ac_loop {
    size_t first, n; /* n: 151, 76, 51, 31, 26 or 16 */
    size_t bad, open;
    bool closed; /* the mouth is closed all the time, or nearly */
};

/*
 * The longest loop in which the mouth is closed; among those of a length the one that is calm where it turns
 * round, looks into the camera and is sharp. Where the mouth is never closed long enough: the best of at most
 * 76 pictures. A mouth counts as open above `closed`. False: no 16 pictures in a row can be used.
 */
bool ac_template_loop(const struct ac_loop_frame *frames, size_t count, float closed, struct ac_loop *loop);

#endif
