/* The openai engine when something is wrong: every fault of a service, limits, repeating, interruptions. */
#include "openai_engine.h"

struct fault {
    const char *what;
    struct fake_openai_reply replies[4];
    size_t n;
    const char *option[4]; /* name, value … */
    int err;
    const char *said; /* in the reason, or the text */
    size_t requests;
};

static const struct fault faults[] = {
    {.what = "wrong key",
     .replies = {{.status = 401, .body = "{\"error\": {\"message\": \"Incorrect API key: sk-secret\"}}"}},
     .err = AC_ECONFIG,
     .said = "refuses the key (HTTP 401): check the one in TEST_LLM_KEY: Incorrect API key: *********"},
    {.what = "not allowed",
     .replies = {{.status = 403, .body = "<html>Forbidden</html>"}},
     .err = AC_ECONFIG,
     .said = "refuses the key (HTTP 403)"},
    {.what = "no such model",
     .replies = {{.status = 404,
                  .body = "{\"error\": {\"message\": \"model \\\"test\\\" not found, try pulling it\"}}"}},
     .err = AC_ECONFIG,
     .said = "check llm.openai.base_url and model 'test': model \"test\" not found, try pulling it"},
    {.what = "bad request",
     .replies = {{.status = 400,
                  .body = "{\"object\": \"error\", \"message\": \"temperature\\nis too\\u0007 high\"}"}},
     .option = {"retries", "2"},
     .err = AC_EENGINE,
     .said = "(HTTP 400): temperature is too high",
     .requests = 1},
    {.what = "a validator's list",
     .replies = {{.status = 422,
                  .body = "{\"detail\": [{\"loc\": [\"body\"], \"msg\": \"field required\"}]}"}},
     .err = AC_EENGINE,
     .said = "(HTTP 422): field required"},
    {.what = "too long for the model",
     .replies =
         {{.status = 400,
           .body =
               "{\"error\": {\"message\": \"This model's maximum context length is 4096 tokens.\", \"code\": "
               "\"context_length_exceeded\"}}"}},
     .err = AC_EENGINE,
     .said = "the conversation is too long for the model"},
    {.what = "too many requests, then well",
     .replies = {{.status = 429, .head = "Retry-After: 1\r\n", .body = "{}"}, {.text = "Here I am."}},
     .n = 2,
     .option = {"retries", "1"},
     .said = "Here I am.",
     .requests = 2},
    {.what = "asks to wait for too long",
     .replies = {{.status = 429, .head = "Retry-After: 60\r\n", .body = "{\"error\": \"slow down\"}"}},
     .option = {"retries", "2"},
     .err = AC_EBUSY,
     .said = "asks to wait 60 s (HTTP 429): slow down",
     .requests = 1},
    {.what = "no money",
     .replies = {{.status = 429,
                  .body = "{\"error\": {\"message\": \"You exceeded your current quota\", \"code\": "
                          "\"insufficient_quota\"}}"}},
     .option = {"retries", "2"},
     .err = AC_EBUSY,
     .said = "You exceeded your current quota",
     .requests = 1},
    {.what = "busy for ever",
     .replies = {{.status = 503, .body = "<h1>Service\nunavailable</h1>"}},
     .option = {"retries", "2"},
     .err = AC_EENGINE,
     .said = "(HTTP 503), try later: <h1>Service unavailable</h1>",
     .requests = 3},
    {.what = "500, then well",
     .replies = {{.status = 500, .body = ""}, {.text = "Fine."}},
     .n = 2,
     .option = {"retries", "1"},
     .said = "Fine.",
     .requests = 2},
    {.what = "hangs up at once, then well",
     .replies = {{.text = "x", .fault = FAKE_OPENAI_HANG_UP}, {.text = "Fine."}},
     .n = 2,
     .option = {"retries", "1"},
     .said = "Fine.",
     .requests = 2},
    {.what = "hangs up in the middle",
     .replies = {{.text = "one two three", .fault = FAKE_OPENAI_HANG_UP, .fault_after = 2}},
     .option = {"retries", "2"},
     .err = AC_EIO,
     .said = "the answer broke off in the middle",
     .requests = 1},
    {.what = "says nothing",
     .replies = {{.text = "x", .fault = FAKE_OPENAI_BREAK_OFF}},
     .err = AC_EIO,
     .said = "the answer broke off"},
    {.what = "an error in the stream",
     .replies = {{.text = "one two",
                  .fault = FAKE_OPENAI_ERROR_DATA,
                  .fault_after = 1,
                  .fault_text = "CUDA out of memory"}},
     .option = {"retries", "2"},
     .err = AC_EENGINE,
     .said = "the service broke off with an error: CUDA out of memory",
     .requests = 1},
    {.what = "an error event",
     .replies = {{.text = "one two", .fault = FAKE_OPENAI_ERROR_EVENT, .fault_text = "no slot"}},
     .err = AC_EENGINE,
     .said = "the service broke off with an error: no slot"},
    {.what = "an error as the answer",
     .replies = {{.body = "{\"error\": \"model is loading\"}"}},
     .err = AC_EENGINE,
     .said = "model is loading"},
    {.what = "half of an object",
     .replies = {{.text = "one two", .fault = FAKE_OPENAI_MALFORMED}},
     .err = AC_EENGINE,
     .said = "not JSON: {\"choices\""},
    {.what = "a web page",
     .replies = {{.type = "text/html", .body = "<!doctype html><title>Welcome</title>"}},
     .err = AC_EENGINE,
     .said = "web page, not with JSON or events: check llm.openai.base_url http://127.0.0.1"},
    {.what = "a line of 1 MB",
     .replies = {{.text = "x", .fault = FAKE_OPENAI_LONG_LINE}},
     .err = AC_ELIMIT,
     .said = "a line longer than 512 kB"},
    {.what = "stalls before it begins",
     .replies = {{.text = "one two", .fault = FAKE_OPENAI_STALL}},
     .option = {"first_token_timeout_s", "1", "retries", "2"},
     .err = AC_ETIMEDOUT,
     .said = "llm.openai.first_token_timeout_s (1 s)",
     .requests = 1},
    {.what = "comments instead of an answer",
     .replies = {{.text = "one two", .fault = FAKE_OPENAI_COMMENTS}},
     .option = {"first_token_timeout_s", "1"},
     .err = AC_ETIMEDOUT,
     .said = "llm.openai.first_token_timeout_s (1 s)"},
    {.what = "stalls in the middle",
     .replies = {{.text = "one two", .fault = FAKE_OPENAI_STALL, .fault_after = 1}},
     .option = {"idle_timeout_s", "1"},
     .err = AC_ETIMEDOUT,
     .said = "llm.openai.idle_timeout_s (1 s)"},
    {.what = "takes too long",
     .replies = {{.text = "a", .fault = FAKE_OPENAI_ENDLESS, .fault_after = 1}},
     .option = {"timeout_s", "1", "max_answer_chars", "16000"},
     .err = AC_ETIMEDOUT,
     .said = "llm.openai.timeout_s (1 s)"},
    {.what = "withheld",
     .replies = {{.text = "", .finish = "content_filter"}},
     .err = AC_EENGINE,
     .said = "content filter withheld the answer"},
    {.what = "cut off by the filter",
     .replies = {{.text = "Well, ", .finish = "content_filter"}},
     .err = AC_EENGINE,
     .said = "content filter cut off the answer"},
    {.what = "only thinks",
     .replies = {{.text = "", .reasoning = "Hm.", .finish = "length"}},
     .err = AC_EENGINE,
     .said = "only thought and did not answer: raise llm.openai.max_tokens"},
    {.what = "empty", .replies = {{.text = ""}}, .err = AC_EENGINE, .said = "an empty answer"},
    {.what = "redirects",
     .replies = {{.status = 301,
                  .head = "Location: https://api.example.com/v1/chat/completions\r\n",
                  .body = ""}},
     .err = AC_ECONFIG,
     .said = "set llm.openai.base_url to https://api.example.com/v1"},
    {.what = "redirects to a log-in",
     .replies = {{.status = 302, .head = "Location: /login?next=x\r\n", .body = ""}},
     .err = AC_ECONFIG,
     .said = "is not the address of its API"},
};

static void every_fault_is_named(void **state)
{
    (void)state;
    setenv("TEST_LLM_KEY", "sk-secret", 1);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        const struct fault *f = &faults[i];
        struct world w;
        world_prepare(&w, &(struct fake_openai_config){.replies = f->replies, .n = f->n ? f->n : 1});
        for (size_t o = 0; o < 4 && f->option[o]; o += 2)
            set_option(&w, f->option[o], f->option[o + 1]);
        assert_int_equal(world_open(&w), 0);
        int err = ask(&w, "Hello?");
        if (err != f->err || !strstr(err ? w.env.reason : w.text.p, f->said))
            fail_msg("%s: %s: %s (%s)", f->what, ac_err_name(err), w.env.reason, w.text.p);
        assert_null(strstr(w.env.reason, "sk-secret"));
        if (f->requests && fake_openai_count(w.server, CHAT) != f->requests)
            fail_msg("%s: %zu requests", f->what, fake_openai_count(w.server, CHAT));
        world_stop(&w);
    }
    unsetenv("TEST_LLM_KEY");
}

static void what_came_before_a_fault_stands(void **state)
{
    static const struct fake_openai_reply breaks = {
        .text = "one two three", .fault = FAKE_OPENAI_HANG_UP, .fault_after = 2};
    struct world w;

    (void)state;
    world_start(&w, &breaks, 1);
    assert_int_equal(ask(&w, "Count."), AC_EIO);
    assert_string_equal(w.text.p, "one two");
    world_stop(&w);
}

static void nobody_is_there(void **state)
{
    struct world w;

    (void)state;
    world_prepare(&w, NULL);
    set_option(&w, "base_url", "http://127.0.0.1:9/v1");
    assert_int_equal(world_open(&w), 0);
    assert_int_equal(ask(&w, "Hello?"), AC_EIO);
    assert_non_null(strstr(w.env.reason, "no connection to http://127.0.0.1:9/v1: is the server running?"));
    w.info->warm(w.inst, w.cancel);
    world_stop(&w);
}

static void a_failing_service_is_left_alone(void **state)
{
    static const struct fake_openai_reply fails = {.status = 500, .body = "{}"};
    struct world w;

    (void)state;
    world_start(&w, &fails, 1);
    for (int i = 0; i < 5; i++)
        assert_int_equal(ask(&w, "Hello?"), AC_EENGINE);
    assert_int_equal(ask(&w, "Hello?"), AC_EBUSY);
    assert_non_null(strstr(w.env.reason, "failed several times in a row and is left alone for another"));
    assert_int_equal(fake_openai_count(w.server, CHAT), 5);
    world_stop(&w);
}

/* A wrong request is the asker's failure, and an interruption nobody's. */
static void only_the_services_failures_count(void **state)
{
    static const struct fake_openai_reply replies[] = {
        {.status = 400, .body = "{}"}, {.status = 400, .body = "{}"}, {.status = 404, .body = "{}"},
        {.status = 401, .body = "{}"}, {.status = 400, .body = "{}"}, {.text = "Still here."}};
    struct world w;

    (void)state;
    world_start(&w, replies, 6);
    for (int i = 0; i < 5; i++)
        assert_int_not_equal(ask(&w, "Hello?"), 0);
    assert_int_equal(ask(&w, "Hello?"), 0);
    assert_string_equal(w.text.p, "Still here.");
    world_stop(&w);
}

static void an_interruption_is_heard_at_once(void **state)
{
    static const struct fake_openai_reply replies[] = {
        {.text = "late", .delay_ms = 5000},
        {.text = "one two", .fault = FAKE_OPENAI_STALL, .fault_after = 1},
        {.status = 503, .head = "Retry-After: 8\r\n", .body = "later"},
    };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct later l;
        struct world w;
        world_prepare(&w, &(struct fake_openai_config){.replies = &replies[i], .n = 1});
        set_option(&w, "retries", "2");
        assert_int_equal(world_open(&w), 0);
        later_start(&l, &w, w.cancel, 200);
        assert_int_equal(ask(&w, "Hello?"), AC_ECANCELED);
        assert_true(ac_now_us() - w.asked_us < 3000000);
        pthread_join(l.thread, NULL);
        world_stop(&w);
    }
}

static void the_sinks_refusal_is_given_back(void **state)
{
    static const struct fake_openai_reply reply = {.text = "one two three four five", .piece_ms = 20};
    struct world w;

    (void)state;
    world_start(&w, &reply, 1);
    w.cancel_after = 2;
    assert_int_equal(ask(&w, "Count."), AC_ECANCELED);
    assert_string_equal(w.text.p, "one two");
    world_stop(&w);
    world_start(&w, &reply, 1);
    w.refuse_with = AC_ECLOSED;
    assert_int_equal(ask(&w, "Count."), AC_ECLOSED);
    assert_int_equal(w.n_pieces, 1);
    world_stop(&w);
}

static void a_deadline_is_a_time_out(void **state)
{
    static const struct fake_openai_reply reply = {.text = "late", .delay_ms = 5000};
    struct world w;

    (void)state;
    world_start(&w, &reply, 1);
    ac_cancel_set_deadline(w.cancel, ac_now_us() + 100000);
    assert_int_equal(ask(&w, "Hello?"), AC_ETIMEDOUT);
    world_stop(&w);
}

static void a_wrong_configuration_is_said(void **state)
{
    static const struct {
        const char *option, *value, *said;
    } cases[] = {
        {"base_url", "", "base_url is not set: name a service"},
        {"base_url", "localhost:8000/v1", "does not begin with http://"},
        {"base_url", "http://me:secret@localhost/v1", "holds more than an address"},
        {"base_url", "http://x/v1?api-version=1", "a version into api_version"},
        {"model", "", "llm.openai.model is not set"},
        {"api_version", "2024&x=1", "api_version '2024&x=1' is none"},
        {"api_key_file", "/no/such/key", "'/no/such/key'"},
        {"extra_body", "[1]", "llm.openai.extra_body is no JSON object"},
        {"extra_body", "{\"a\": }", "llm.openai.extra_body is no JSON object"},
        {"headers", "{\"X-A\": 1}", "'X-A' cannot be a header"},
        {"headers", "{\"X A\": \"1\"}", "'X A' cannot be a header"},
        {"headers", "{\"X-A\": \"1\\r\\nX-B: 2\"}", "'X-A' cannot be a header"},
        {"tools", "/no/such/tools.yaml", "llm.openai.tools '/no/such/tools.yaml' cannot be read"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world w;
        world_prepare(&w, NULL);
        set_option(&w, "base_url", "http://localhost/v1");
        set_option(&w, cases[i].option, cases[i].value);
        int err = world_open(&w);
        if (err != AC_ECONFIG || !strstr(w.env.reason, cases[i].said) || strstr(w.env.reason, "secret"))
            fail_msg("%s %s: %s: %s", cases[i].option, cases[i].value, ac_err_name(err), w.env.reason);
        world_stop(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_fault_is_named),
        cmocka_unit_test(what_came_before_a_fault_stands),
        cmocka_unit_test(nobody_is_there),
        cmocka_unit_test(a_failing_service_is_left_alone),
        cmocka_unit_test(only_the_services_failures_count),
        cmocka_unit_test(an_interruption_is_heard_at_once),
        cmocka_unit_test(the_sinks_refusal_is_given_back),
        cmocka_unit_test(a_deadline_is_a_time_out),
        cmocka_unit_test(a_wrong_configuration_is_said),
    };

    unsetenv("http_proxy");
    unsetenv("TEST_LLM_KEY");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
