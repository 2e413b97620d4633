/*
 * For the splitter's tests: text → pieces, joined by '|'. Each case runs whole, byte by byte and in random
 * pieces, and must give the same; a piece must never be empty, nor untrimmed, nor invalid UTF-8.
 */
#ifndef TEST_SENTENCE_CASES_H
#define TEST_SENTENCE_CASES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the above, as it asks for them */
#include <cmocka.h>

#include "base/str.h"
#include "core/sentence.h"

struct sentence_case {
    const char *text, *pieces;
};

static inline void take_pieces(struct ac_splitter *s, struct ac_str *out)
{
    for (struct ac_sentence p; ac_splitter_next(s, &p); free(p.text)) {
        size_t n = strlen(p.text);
        assert_true(n > 0);
        assert_true(ac_utf8_valid(p.text, n));
        assert_true(p.text[0] != ' ' && p.text[n - 1] != ' ');
        if (out->len)
            ac_str_add(out, "|");
        ac_str_add(out, p.text);
    }
}

/* chunk 0: whole; n: n bytes at a time; -n: random pieces with n as the seed */
static inline char *split_in(const char *text, int chunk, const struct ac_splitter_config *cfg)
{
    struct ac_splitter *s = ac_splitter_new(cfg);
    struct ac_str out = {0};
    size_t len = strlen(text);
    unsigned seed = (unsigned)-chunk;
    for (size_t pos = 0; pos < len;) {
        size_t n = chunk == 0 ? len : chunk > 0 ? (size_t)chunk : (size_t)(rand_r(&seed) % 9 + 1);
        n = n > len - pos ? len - pos : n;
        ac_splitter_feed(s, text + pos, n);
        take_pieces(s, &out);
        pos += n;
    }
    ac_splitter_finish(s);
    take_pieces(s, &out);
    ac_splitter_free(s);
    return ac_str_steal(&out);
}

static inline void check_cases(const struct sentence_case *cases, size_t n,
                               const struct ac_splitter_config *cfg)
{
    static const int chunks[] = {0, 1, 2, 3, 7, -1, -2, -3, -4, -5, -6, -7, -8};
    int failed = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < sizeof chunks / sizeof *chunks; k++) {
            char *got = split_in(cases[i].text, chunks[k], cfg);
            if (strcmp(got, cases[i].pieces)) {
                print_error("case %zu, chunk %d: %s\n  want %s\n  got  %s\n", i, chunks[k], cases[i].text,
                            cases[i].pieces, got);
                failed++;
                k = sizeof chunks / sizeof *chunks;
            }
            free(got);
        }
    }
    assert_int_equal(failed, 0);
}

#endif
