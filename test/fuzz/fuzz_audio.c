/*
 * Sound from strangers: any bytes as a file and, cut in two, as a browser's stream, either decode to less
 * than the limit or give an error with a reason.
 */
#include "fuzz.h"

#include "avatarchat/err.h"
#include "avatarchat/frame.h"
#include "media/decode.h"
#include "media/decode_run.h"

#include <string.h>

enum { MAX_S = 2 };

struct source {
    const uint8_t *data;
    size_t size, at, given;
};

/* In two pieces: what comes at a time must not matter. */
static int read_piece(void *arg, uint8_t *to, int size)
{
    struct source *s = arg;
    size_t left = s->size - s->at, n = s->at < s->size / 2 ? s->size / 2 - s->at : left;

    if (n > (size_t)size)
        n = (size_t)size;
    if (n)
        memcpy(to, s->data + s->at, n);
    s->at += n;
    return (int)n;
}

static int count(void *arg, const int16_t *pcm, size_t n)
{
    struct source *s = arg;

    fuzz_check(pcm && n > 0);
    s->given += n;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const formats[] = {"matroska", "ogg", "mov"};
    char reason[AC_DECODE_REASON];
    struct ac_pcm pcm;
    int err = ac_decode_memory(data, size, MAX_S, &pcm, reason);

    if (err)
        fuzz_check(!pcm.samples && pcm.n == 0 && reason[0]);
    else
        fuzz_check(pcm.n > 0 && pcm.n <= (size_t)MAX_S * AC_LISTEN_RATE_HZ);
    free(pcm.samples);
    struct source s = {.data = data, .size = size};
    struct ac_decode_run run = {
        .read = read_piece, .pcm = count, .arg = &s, .format = formats[size % 3], .max_s = MAX_S};
    err = ac_decode_run(&run);
    fuzz_check(err ? run.reason[0] != '\0' : s.given > 0);
    return 0;
}
