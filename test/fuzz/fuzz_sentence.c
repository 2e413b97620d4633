/*
 * The sentence splitter: any text in any pieces. Sentences are sound, and the same however the text came.
 * The first byte of the input chooses the size of the pieces, the second the configuration.
 */
#include "fuzz.h"

#include <string.h>

#include "base/str.h"
#include "core/sentence.h"

static void drain(struct ac_splitter *s, struct ac_str *out)
{
    struct ac_sentence got;
    while (ac_splitter_next(s, &got)) {
        size_t len = strlen(got.text);
        fuzz_check(len > 0);
        fuzz_check(ac_utf8_valid(got.text, len));
        fuzz_check(got.text[0] != ' ' && got.text[len - 1] != ' ');
        fuzz_check((unsigned)got.emotion < AC_EMOTION_COUNT);
        fuzz_check(memchr(got.lang, 0, sizeof got.lang) != NULL);
        ac_str_addf(out, "%s|%d|%s\n", got.text, (int)got.emotion, got.lang);
        free(got.text);
    }
}

static char *split(const char *text, size_t len, size_t piece, const struct ac_splitter_config *cfg)
{
    struct ac_str out = {0};
    struct ac_splitter *s = ac_splitter_new(cfg);
    for (size_t at = 0; at < len; at += piece) {
        ac_splitter_feed(s, text + at, len - at < piece ? len - at : piece);
        drain(s, &out);
    }
    ac_splitter_finish(s);
    drain(s, &out);
    ac_splitter_free(s);
    return ac_str_steal(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct ac_splitter_config configs[] = {{0},
                                                        {.first_words = 2, .first_cjk = 4, .max_chars = 20}};
    if (size < 2)
        return 0;
    size_t piece = (size_t)(data[0] % 16) + 1, len = size - 2;
    const struct ac_splitter_config *cfg = &configs[data[1] % 2];
    const char *text = (const char *)data + 2;

    char *whole = split(text, len, len ? len : 1, cfg), *pieces = split(text, len, piece, cfg);
    fuzz_check(strcmp(whole, pieces) == 0);
    free(whole);
    free(pieces);
    return 0;
}
