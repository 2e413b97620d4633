/*
 * Server-Sent Events: a stream gives the same events whole and byte by byte, and no event or line passes the
 * limit.
 */
#include "fuzz.h"

#include <string.h>

#include "avatarchat/err.h"
#include "net/sse.h"

enum { MAX_BYTES = 64 };

static int note(void *arg, const char *event, const char *data, size_t len)
{
    struct ac_str *seen = arg;

    fuzz_check(len <= MAX_BYTES && data[len] == '\0' && strlen(event) < 32);
    ac_str_addf(seen, "%s|%zu|", event, len);
    ac_str_add_n(seen, data, len);
    return 0;
}

static int parse(const uint8_t *data, size_t size, size_t piece, struct ac_str *seen)
{
    struct ac_sse s = {.max_bytes = MAX_BYTES};
    int err = 0;

    for (size_t at = 0; at < size && !err; at += piece)
        err = ac_sse_feed(&s, (const char *)data + at, size - at < piece ? size - at : piece, note, seen);
    if (!err)
        err = ac_sse_finish(&s, note, seen);
    ac_sse_free(&s);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ac_str whole = {0}, cut = {0};
    int err = parse(data, size, size + 1, &whole);

    fuzz_check(err == 0 || err == AC_ELIMIT);
    fuzz_check(parse(data, size, 1, &cut) == err);
    fuzz_check(whole.len == cut.len && (whole.len == 0 || memcmp(whole.p, cut.p, whole.len) == 0));
    ac_str_free(&whole);
    ac_str_free(&cut);
    return 0;
}
