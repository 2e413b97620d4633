/*
 * Answers of language-model services: any bytes give valid text or an error with a reason, and the same
 * however they are cut. The first two bytes say how.
 */
#include "fuzz.h"

#include <string.h>

#include "avatarchat/err.h"
#include "llm/chat_stream.h"

struct outcome {
    struct ac_chat_stream s;
    struct ac_str text;
    int err;
};

static int on_text(void *arg, const char *text, size_t n)
{
    struct outcome *o = arg;

    fuzz_check(n > 0 && ac_utf8_valid(text, n));
    ac_str_add_n(&o->text, text, n);
    return 0;
}

static void run(struct outcome *o, const char *data, size_t size, size_t first, size_t step)
{
    *o = (struct outcome){.err = 0};
    ac_chat_stream_init(&o->s, on_text, o);
    for (size_t i = 0, n = first; i < size && !o->err; i += n, n = step) {
        n = n < size - i ? n : size - i;
        o->err = ac_chat_stream_feed(&o->s, data + i, n);
    }
    if (!o->err)
        o->err = ac_chat_stream_finish(&o->s);
    fuzz_check(o->err == 0 || o->err == AC_ELIMIT || o->err == AC_EPROTO || o->err == AC_EENGINE ||
               o->err == AC_EIO);
    fuzz_check(o->err == 0 || o->s.reason[0] != '\0');
    fuzz_check(ac_utf8_valid(o->s.reason, strlen(o->s.reason)));
    fuzz_check(o->s.n_calls <= AC_CHAT_MAX_CALLS && o->s.n_text == o->text.len);
}

static void check_same(const struct outcome *a, const struct outcome *b)
{
    fuzz_check(a->err == b->err && a->text.len == b->text.len && a->s.n_calls == b->s.n_calls);
    fuzz_check(a->text.len == 0 || memcmp(a->text.p, b->text.p, a->text.len) == 0);
    fuzz_check(strcmp(a->s.finish, b->s.finish) == 0 && strcmp(a->s.reason, b->s.reason) == 0);
    for (size_t i = 0; i < a->s.n_calls; i++) {
        const struct ac_str *x = &a->s.calls[i].arguments, *y = &b->s.calls[i].arguments;
        fuzz_check(x->len == y->len && (x->len == 0 || memcmp(x->p, y->p, x->len) == 0));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome whole, cut;
    char said[64];

    if (size < 2)
        return 0;
    const char *bytes = (const char *)data + 2;
    run(&whole, bytes, size - 2, size, size);
    run(&cut, bytes, size - 2, data[0] + 1u, data[1] + 1u);
    check_same(&whole, &cut);
    ac_chat_error_text(bytes, size - 2, said, sizeof said);
    fuzz_check(memchr(said, 0, sizeof said) && ac_utf8_valid(said, strlen(said)));
    ac_chat_stream_free(&whole.s);
    ac_chat_stream_free(&cut.s);
    ac_str_free(&whole.text);
    ac_str_free(&cut.text);
    return 0;
}
