/*
 * Sample-rate conversion with libsoxr: constant rate, 16-bit in and out, no dither (the same input gives the
 * same output however it is cut). soxr takes its own delay off the start and gives the rest when it is
 * drained, so the output lines up with the input and has its length.
 */
#include "media/resample.h"
#include "avatarchat/err.h"
#include "base/log.h"
#include "base/mem.h"
#include <soxr.h>
#include <stdlib.h>

enum { MIN_HZ = 4000, MAX_HZ = 192000, BLOCK_SAMPLES = 2048 };

struct ac_resampler {
    soxr_t soxr; /* NULL: rates are equal */
};

int ac_resampler_open(struct ac_resampler **out, int in_hz, int out_hz)
{
    soxr_io_spec_t io = soxr_io_spec(SOXR_INT16_I, SOXR_INT16_I);
    soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ, 0);
    soxr_runtime_spec_t runtime = soxr_runtime_spec(1);
    soxr_error_t err = NULL;
    soxr_t soxr = NULL;

    if (in_hz < MIN_HZ || in_hz > MAX_HZ || out_hz < MIN_HZ || out_hz > MAX_HZ)
        return AC_EINVAL;
    io.flags = SOXR_NO_DITHER;
    if (in_hz != out_hz) {
        soxr = soxr_create(in_hz, out_hz, 1, &err, &io, &quality, &runtime);
        if (!soxr) {
            ac_log_warn("media", "resampler_failed", AC_S("reason", err));
            return AC_ENOMEM;
        }
    }
    *out = ac_zalloc(sizeof **out);
    (*out)->soxr = soxr;
    return AC_OK;
}

void ac_resampler_close(struct ac_resampler *r)
{
    if (!r)
        return;
    soxr_delete(r->soxr);
    free(r);
}

int ac_resampler_run(struct ac_resampler *r, const int16_t *pcm, size_t n, struct ac_str *out)
{
    int16_t block[BLOCK_SAMPLES];
    size_t used, made;

    if (!r->soxr) {
        ac_str_add_n(out, (const char *)pcm, n * sizeof *pcm);
        return AC_OK;
    }
    do {
        soxr_error_t err = soxr_process(r->soxr, pcm, n, &used, block, BLOCK_SAMPLES, &made);

        if (err) {
            ac_log_warn("media", "resampling_failed", AC_S("reason", err));
            return AC_EINTERNAL;
        }
        ac_str_add_n(out, (const char *)block, made * sizeof *block);
        if (pcm) {
            pcm += used;
            n -= used;
        }
    } while (n > 0 || made == BLOCK_SAMPLES);
    return AC_OK;
}

void ac_resampler_reset(struct ac_resampler *r)
{
    if (r->soxr)
        soxr_clear(r->soxr);
}
