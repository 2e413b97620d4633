/* A sentence's pictures and sound, made once by the real engines, so that encoders can be compared on them.
 */
#ifndef BENCH_CLIP_H
#define BENCH_CLIP_H

#include "core/config.h"
#include "core/models.h"
#include <stdint.h>

struct clip {
    struct ac_frame **pictures;
    size_t n_pictures, cap_pictures;
    struct ac_str pcm; /* int16_t at AC_FMP4_AUDIO_RATE, as long as the pictures */
    int width, height, fps;
};

/* Speaks and draws the text with the configured engines; reason (256 bytes) says why where it fails. */
int clip_make(struct clip *c, struct ac_models *models, const struct ac_config *cfg, const char *text,
              char *reason);
void clip_free(struct clip *c);
/* All pictures as packed BGR, 3 × width bytes a row. malloc'ed. */
uint8_t *clip_to_bgr(const struct clip *c);

#endif
