/* Where speech is in a recording: voice activity engine and end-point rules over the whole of it. One thread.
 */
#ifndef AC_CLI_SEGMENTS_H
#define AC_CLI_SEGMENTS_H

#include "core/models.h"

struct ac_segment {
    int64_t start_sample, end_sample; /* first voice and behind the last one, at AC_LISTEN_RATE_HZ */
    bool cut;                         /* it ends because it was too long; the next one goes on */
};

struct ac_segments {
    struct ac_segment *items;
    size_t n;
    const char *engine; /* that was used; borrowed from the registry */
};

/*
 * Finds them, with the first engine of the configuration that opens; which ones do not is said on standard
 * error. pcm is borrowed. On failure the reason (256 bytes) is filled. Free with ac_segments_free.
 */
int ac_segments_find(struct ac_segments *out, const struct ac_config *cfg, struct ac_models *models,
                     const int16_t *pcm, size_t n, char *reason);
void ac_segments_free(struct ac_segments *s);

#endif
