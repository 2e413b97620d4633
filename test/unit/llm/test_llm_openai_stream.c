/* The answers of services as bytes: any cut gives the same, every shape is understood, halves are joined. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the above, as it asks for them */
#include <cmocka.h>

#include "avatarchat/err.h"
#include "llm/chat_stream.h"
#include "llm/chat_text.h"

#define D(json)    "data: {\"choices\":[{\"index\":0,\"delta\":{" json "}}]}\n\n"
#define C(text)    D("\"content\":\"" text "\"")
#define END        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
#define CALL(json) D("\"tool_calls\":[{" json "}]")

struct outcome {
    struct ac_chat_stream s;
    struct ac_str text;
    int err;
};

static int on_text(void *arg, const char *text, size_t n)
{
    struct outcome *o = arg;

    assert_true(n > 0 && ac_utf8_valid(text, n));
    ac_str_add_n(&o->text, text, n);
    return 0;
}

/* Feeds the bytes in pieces of one to `most` bytes, by the seed. */
static void run(struct outcome *o, const char *bytes, size_t most, unsigned seed)
{
    size_t len = strlen(bytes);

    *o = (struct outcome){.err = 0};
    ac_chat_stream_init(&o->s, on_text, o);
    ac_str_add(&o->text, "");
    for (size_t i = 0, n; i < len && !o->err; i += n) {
        n = 1 + (size_t)rand_r(&seed) % most;
        n = n < len - i ? n : len - i;
        o->err = ac_chat_stream_feed(&o->s, bytes + i, n);
    }
    if (!o->err)
        o->err = ac_chat_stream_finish(&o->s);
}

static void outcome_free(struct outcome *o)
{
    ac_chat_stream_free(&o->s);
    ac_str_free(&o->text);
}

static const struct {
    const char *bytes;
    int err;
    const char *text;  /* or the reason */
    const char *calls; /* "id name arguments;" each */
    const char *finish;
} cases[] = {
    {C("Hel") C("lo.") END, 0, "Hello.", "", "stop"},
    {"\xEF\xBB\xBF: hi\r\n\r\ndata:{\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\r\n\r\n" END, 0, "a", "",
     "stop"},
    {"data: {\"choices\":\ndata: [{\"delta\":{\"content\":\"a\"}}]}\n\n" END, 0, "a", "", "stop"},
    {C("a \\ud83d") C("\\ude00 b") END, 0, "a 😀 b", "", "stop"},
    {C("a \\ud83d") D("\"role\":\"assistant\"") C("") C("\\ude00") END, 0, "a 😀", "", "stop"},
    {C("\\ud83d\\ude00\\uD83D") C("\\uDE00") END, 0, "😀😀", "", "stop"},
    {C("a \\ud83d") C("b") END, 0,
     "a \xEF\xBF\xBD"
     "b",
     "", "stop"},
    {C("\\ude00") C("\\ud83d\\ud83d") C("\\ude00") END, 0, "\xEF\xBF\xBD\xEF\xBF\xBD😀", "", "stop"},
    {C("end \\ud83d") END, 0, "end \xEF\xBF\xBD", "", "stop"},
    {C("no pair: \\\\ud83d \\u00e9") END, 0, "no pair: \\ud83d é", "", "stop"},
    {C("nul\\u0000, \\ud8") END, AC_EPROTO, "not JSON", "", ""},
    {C("nul\\u0000 and raw \xff\xc3 bytes") END, 0, "nul\xEF\xBF\xBD and raw \xEF\xBF\xBD\xEF\xBF\xBD bytes",
     "", "stop"},
    {D("\"reasoning_content\":\"Hm\",\"content\":null") D("\"reasoning\":\"Hm\"") C("So.") END, 0, "So.", "",
     "stop"},
    {D("\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"thinking\",\"thinking\":\"b\"}]") END, 0,
     "a", "", "stop"},
    {D("\"refusal\":\"I cannot.\"") END, 0, "I cannot.", "", "stop"},
    {"data: {\"choices\":[],\"prompt_filter_results\":[]}\n\n" C("a") END C("after the end"), 0, "a", "",
     "stop"},
    {"data: {\"choices\":[{\"message\":{\"content\":\"whole\"},\"finish_reason\":\"length\"}]}\n\n", 0,
     "whole", "", "length"},
    {"{\n \"choices\": [{\"message\": {\"content\": \"whole\"}, \"finish_reason\": \"stop\"}]\n}\n", 0,
     "whole", "", "stop"},
    {C("cut off at the e") "data: {\"choices\":[{\"ind", AC_EIO, "broke off", "", ""},
    {C("last line") "data: [DONE]", 0, "last line", "", ""},
    {"", AC_EIO, "broke off", "", ""},
    {": nothing\n\n: but comments\n\n", AC_EIO, "broke off", "", ""},
    {"data: {\"error\":{\"message\":\"Server\\noverloaded\",\"code\":529}}\n\n", AC_EENGINE,
     "Server overloaded", "", ""},
    {"event: error\ndata: no JSON at all\n\n", AC_EENGINE, "error: no JSON at all", "", ""},
    {"data: {\"object\":\"error\",\"message\":\"too long\"}\n\n", AC_EENGINE, "too long", "", ""},
    {"{\"detail\":\"Not Found\"}", AC_EENGINE, "Not Found", "", ""},
    {"data: [1]\n\n", AC_EENGINE, "it does not say which", "", ""},
    {"<html><body>502</body></html>", AC_EPROTO, "a web page", "", ""},
    {CALL("\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}")
         CALL("\"index\":0,\"function\":{\"arguments\":\"{\\\"x\\\"\"}")
             CALL("\"index\":1,\"id\":\"b\",\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}")
                 CALL("\"index\":0,\"function\":{\"arguments\":\":1}\"}") END,
     0, "", "a f {\"x\":1};b g {};", "stop"},
    {CALL("\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}")
         CALL("\"index\":0,\"id\":\"b\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}") END,
     0, "", "a f {};b f {};", "stop"}, /* always index 0 */
    {CALL("\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":{\"x\":[1]}}") END, 0, "",
     "a f {\"x\":[1]};", "stop"},
    {CALL("\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}")
         CALL("\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"}\"}") END,
     0, "", "a f {};", "stop"}, /* name and id in every piece */
};

static void check(size_t i, const struct outcome *o, size_t most)
{
    struct ac_str calls = {0};

    ac_str_add(&calls, "");
    for (size_t k = 0; k < o->s.n_calls; k++) {
        const struct ac_chat_call *c = &o->s.calls[k];
        ac_str_addf(&calls, "%s %s %s;", c->id.p ? c->id.p : "", c->name.p ? c->name.p : "",
                    c->arguments.p ? c->arguments.p : "");
    }
    bool same = o->err ? strstr(o->s.reason, cases[i].text) != NULL : strcmp(o->text.p, cases[i].text) == 0;
    if (o->err != cases[i].err || !same || strcmp(calls.p, cases[i].calls) != 0 ||
        strcmp(o->s.finish, cases[i].finish) != 0)
        fail_msg("%zu, pieces of %zu: %s, '%s', '%s', calls '%s', finish '%s'", i, most, ac_err_name(o->err),
                 o->text.p, o->s.reason, calls.p, o->s.finish);
    ac_str_free(&calls);
}

static void any_cut_gives_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (unsigned round = 0; round < 60; round++) {
            size_t most = round == 0 ? 1 << 20 : round == 1 ? 1 : 1 + round;
            struct outcome o;
            run(&o, cases[i].bytes, most, round);
            check(i, &o, most);
            outcome_free(&o);
        }
    }
}

static void usage_and_reasoning_are_counted(void **state)
{
    struct outcome o;

    (void)state;
    run(&o,
        D("\"reasoning_content\":\"abc\"") C("x") "data: "
                                                  "{\"model\":\"m\\n1\",\"choices\":[],\"usage\":{\"prompt_"
                                                  "tokens\":11,\"completion_tokens\":7}}\n\n" END,
        5, 1);
    assert_int_equal(o.err, 0);
    assert_int_equal(o.s.tokens_in, 11);
    assert_int_equal(o.s.tokens_out, 7);
    assert_int_equal(o.s.n_reasoning, 3);
    assert_string_equal(o.s.model, "m 1");
    assert_true(o.s.done);
    outcome_free(&o);
}

static void sizes_have_limits(void **state)
{
    struct ac_str s = {0};
    struct outcome o;

    (void)state;
    for (int i = 0; i < 17; i++)
        ac_str_addf(
            &s,
            "data: "
            "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":%d,\"function\":{\"name\":\"f\"}}]}}]}\n\n",
            i);
    run(&o, s.p, 100, 1);
    assert_int_equal(o.err, AC_ELIMIT);
    assert_non_null(strstr(o.s.reason, "more than 16 tools"));
    outcome_free(&o);
    ac_str_clear(&s);
    for (int i = 0; i < 70; i++) {
        ac_str_add(
            &s,
            "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"");
        for (int k = 0; k < 100; k++)
            ac_str_add(&s, "0123456789");
        ac_str_add(&s, "\"}}]}}]}\n\n");
    }
    run(&o, s.p, 1000, 1);
    assert_int_equal(o.err, AC_ELIMIT);
    assert_non_null(strstr(o.s.reason, "call of a tool is longer than 64 kB"));
    outcome_free(&o);
    ac_str_clear(&s);
    ac_str_add(&s, "{\"x\": \"");
    for (int i = 0; i < 3000; i++)
        for (int k = 0; k < 100; k++)
            ac_str_add(&s, "0123456789");
    run(&o, s.p, 70000, 1);
    assert_int_equal(o.err, AC_ELIMIT);
    assert_non_null(strstr(o.s.reason, "longer than 2 MB"));
    outcome_free(&o);
    ac_str_free(&s);
}

static void errors_are_one_line(void **state)
{
    static const struct {
        const char *body, *line;
    } texts[] = {
        {"{\"error\":{\"message\":\"a\",\"code\":1}}", "a"},
        {"{\"error\":\"a\"}", "a"},
        {"[{\"error\":{\"message\":\"a\"}}]", "a"},
        {"{\"error_msg\":\"a\"}", "a"},
        {"{\"error\":{\"code\":\"rate_limit\"}}", "rate_limit"},
        {"{\"other\":1}", ""},
        {"  plain\r\n\ttext \x01 here ", "plain text here"},
        {"\xff", "\xEF\xBF\xBD"},
        {"", ""},
        {"exactly twenty bytes", "exactly twenty b…"},
        {"exactly nineteen by", "exactly nineteen by"},
        {"语言模型的服务出错了", "语言模型的…"},
    };
    char out[20];

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ac_chat_error_text(texts[i].body, strlen(texts[i].body), out, sizeof out);
        assert_string_equal(out, texts[i].line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_cut_gives_the_same),
        cmocka_unit_test(usage_and_reasoning_are_counted),
        cmocka_unit_test(sizes_have_limits),
        cmocka_unit_test(errors_are_one_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
