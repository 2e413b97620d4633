/*
 * For the normaliser's tests: what is written → what is said. Of each case it is also checked that no digit
 * is left, that the map stays inside of the sentence, in order, and that it begins and ends with characters.
 */
#ifndef TEST_SPOKEN_CASES_H
#define TEST_SPOKEN_CASES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "avatarchat/err.h"
#include "base/str.h"
#include "tts/spoken.h"

#include <string.h>

struct spoken_case {
    const char *in, *spoken;
};

/* Cleans and says; the result is the caller's to free. */
static inline int say(struct ac_tts_text *out, const char *in, const char *lang)
{
    struct ac_tts_text clean = {0};
    int err = ac_tts_clean(&clean, in, strlen(in));

    if (!err)
        err = ac_tts_spoken(out, &clean, lang);
    ac_tts_text_free(&clean);
    return err;
}

static inline const char *map_fault(const struct ac_tts_text *t, const char *in)
{
    size_t len = strlen(in), cps = 0;

    if (!ac_utf8_valid(t->s.p, t->s.len))
        return "not UTF-8";
    for (size_t i = 0; i < t->s.len; i++)
        cps += (t->s.p[i] & 0xc0) != 0x80;
    if (cps != t->n)
        return "a character without span";
    for (size_t i = 0; i < t->n; i++) {
        struct ac_tts_span m = t->map[i];
        if (m.start >= m.end || m.end > len)
            return "span outside of the sentence";
        if ((in[m.start] & 0xc0) == 0x80 || (in[m.end] & 0xc0) == 0x80)
            return "span inside of a character";
        if (i && m.start < t->map[i - 1].start)
            return "spans out of order";
    }
    return NULL;
}

static inline void check_spoken(const struct spoken_case *cases, size_t n, const char *lang)
{
    int failed = 0;

    for (size_t i = 0; i < n; i++) {
        struct ac_tts_text out = {0};
        int err = say(&out, cases[i].in, lang);
        const char *got = out.s.p ? out.s.p : "",
                   *fault = err ? ac_err_text(err) : map_fault(&out, cases[i].in);
        if (strpbrk(got, "0123456789") && strncmp(lang, "de", 2) != 0)
            fault = "a digit is left";
        if (strcmp(got, cases[i].spoken))
            fault = "not what is said";
        if (fault)
            print_error("%s: %s\n  want %s\n  got  %s\n", fault, cases[i].in, cases[i].spoken, got);
        failed += fault != NULL;
        ac_tts_text_free(&out);
    }
    assert_int_equal(failed, 0);
}

#endif
