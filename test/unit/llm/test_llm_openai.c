/* The openai engine when all goes well: requests, streams of every kind, summaries, retrieval, warming up. */
#include "openai_engine.h"

static const char STORY[] =
    "Once upon a time, 从前有座山 😀👩‍🚀, there was naïve café №5: \"quoted\" \\ "
    "and\nlines.";

static void expect(struct world *w, const char *question, const char *want)
{
    int err = ask(w, question);

    if (err)
        fail_msg("%s: %s: %s", question, ac_err_name(err), w->env.reason);
    assert_string_equal(w->text.p, want);
}

static void every_stream_gives_the_same_text(void **state)
{
    static const struct fake_openai_reply streams[] = {
        {.text = STORY},
        {.text = STORY, .piece = 1},
        {.text = STORY, .piece = 1000},
        {.text = STORY, .wire = 1},
        {.text = STORY, .piece = 1, .wire = 7, .crlf = true},
        {.text = STORY, .comments = true, .usage = true, .wire = 3},
        {.text = STORY, .split_pairs = true},
        {.text = STORY, .split_pairs = true, .wire = 1, .crlf = true, .comments = true},
        {.text = STORY, .no_done = true},
        {.text = STORY, .no_done = true, .finish = ""},
        {.text = STORY, .no_stream = true},
        {.text = STORY, .no_stream = true, .reasoning = "Hm."},
        {.text = STORY, .reasoning = "They want a story. I must not say this.", .piece = 3},
        {.text = STORY, .type = "text/plain", .head = "X-Accel-Buffering: no\r\n"},
        {.text = STORY, .finish = "length"},
    };
    struct world w;

    (void)state;
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
        world_start(&w, &streams[i], 1);
        expect(&w, "Tell me a story.", STORY);
        world_stop(&w);
    }
}

static void text_is_pushed_as_it_comes(void **state)
{
    static const struct fake_openai_reply slow = {.text = "one two three four", .piece_ms = 200};
    struct world w;

    (void)state;
    world_start(&w, &slow, 1);
    expect(&w, "Count.", "one two three four");
    assert_int_equal(w.n_pieces, 4);
    assert_true(ac_now_us() - w.asked_us - w.first_us > 100000); /* the first was there long before the end */
    world_stop(&w);
}

/* A server that leaves the connection open after [DONE] holds nothing up. */
static void done_is_the_end(void **state)
{
    static const struct fake_openai_reply lingers = {.text = "That is all.", .linger = true};
    struct world w;

    (void)state;
    world_start(&w, &lingers, 1);
    expect(&w, "Well?", "That is all.");
    assert_true(ac_now_us() - w.asked_us < 3000000);
    world_stop(&w);
}

static void connections_are_kept(void **state)
{
    struct fake_openai_request r;
    struct world w;

    (void)state;
    world_start(&w, NULL, 0);
    expect(&w, "first", "1: first");
    expect(&w, "second", "2: second");
    expect(&w, "third", "3: third");
    assert_true(fake_openai_get(w.server, CHAT, 2, &r));
    assert_int_equal(r.connection, 0);
    world_stop(&w);
}

static void the_request_says_what_is_configured(void **state)
{
    static const char *const lines[] = {"system: You are Lin.", "user: Hi", "assistant: Hello.",
                                        "user: Who\xff are you?"};
    struct fake_openai_request r;
    struct world w;

    (void)state;
    setenv("TEST_LLM_KEY", "sk-secret", 1);
    world_prepare(&w, &(struct fake_openai_config){.key = "sk-secret", .model = "test"});
    set_option(&w, "temperature", "0.7");
    set_option(&w, "top_p", "0.9");
    set_option(&w, "max_tokens", "300");
    set_option(&w, "max_tokens_field", "max_completion_tokens");
    set_option(&w, "stop", "END|\n\nUser:||x|y|too many");
    set_option(&w, "extra_body", "{\"top_p\": 0.5, \"chat_template_kwargs\": {\"enable_thinking\": false}}");
    set_option(&w, "headers", "{\"X-Team\": \"avatars\"}");
    assert_int_equal(world_open(&w), 0);
    assert_int_equal(ask_lines(&w, lines, 4), 0);
    json_t *body = body_of(&w, 0);
    assert_string_equal(json_string_value(json_object_get(body, "model")), "test");
    assert_true(json_is_true(json_object_get(body, "stream")));
    assert_true(json_real_value(json_object_get(body, "temperature")) == 0.7);
    assert_true(json_real_value(json_object_get(body, "top_p")) == 0.5);
    assert_int_equal(json_integer_value(json_object_get(body, "max_completion_tokens")), 300);
    assert_null(json_object_get(body, "max_tokens"));
    assert_null(json_object_get(body, "tools"));
    assert_int_equal(json_array_size(json_object_get(body, "stop")), 4);
    assert_string_equal(json_string_value(json_array_get(json_object_get(body, "stop"), 1)), "\n\nUser:");
    assert_true(
        json_is_false(json_object_get(json_object_get(body, "chat_template_kwargs"), "enable_thinking")));
    assert_int_equal(json_array_size(json_object_get(body, "messages")), 4);
    assert_string_equal(text_at(body, 0, "role"), "system");
    assert_string_equal(text_at(body, 2, "content"), "Hello.");
    assert_string_equal(text_at(body, 3, "content"), "Who\xEF\xBF\xBD are you?");
    json_decref(body);
    assert_true(fake_openai_get(w.server, CHAT, 0, &r));
    assert_non_null(strstr(r.head, "\r\nAuthorization: Bearer sk-secret\r\n"));
    assert_non_null(strstr(r.head, "\r\nX-Team: avatars\r\n"));
    assert_non_null(strstr(r.head, "\r\nContent-Type: application/json\r\n"));
    world_stop(&w);
    unsetenv("TEST_LLM_KEY");
}

static void azure_has_its_own_address_and_header(void **state)
{
    struct fake_openai_request r;
    struct world w;

    (void)state;
    setenv("TEST_LLM_KEY", "azure-key", 1);
    world_prepare(&w, &(struct fake_openai_config){.key = "azure-key"});
    char *url = ac_asprintf("%s/openai/deployments/my-model/", fake_openai_origin(w.server));
    set_option(&w, "base_url", url);
    set_option(&w, "api_version", "2024-10-21");
    free(url);
    assert_int_equal(world_open(&w), 0);
    expect(&w, "Hi", "1: Hi");
    assert_true(fake_openai_get(
        w.server, "POST /openai/deployments/my-model/chat/completions?api-version=2024-10-21 ", 0, &r));
    assert_non_null(strstr(r.head, "\r\napi-key: azure-key\r\n"));
    assert_null(strstr(r.head, "Authorization"));
    world_stop(&w);
    unsetenv("TEST_LLM_KEY");
}

static void a_summary_is_asked_for(void **state)
{
    static const char *const lines[] = {"system: Ann has a dog.", "user: It is called Rex.",
                                        "assistant: Nice name!"};
    static const struct fake_openai_reply reply = {.text = "Ann has a dog, Rex."};
    struct world w;

    (void)state;
    world_start(&w, &reply, 1);
    w.summarize = true;
    w.lang = "zh-CN";
    assert_int_equal(ask_lines(&w, lines, 3), 0);
    assert_string_equal(w.text.p, "Ann has a dog, Rex.");
    json_t *body = body_of(&w, 0);
    assert_int_equal(json_array_size(json_object_get(body, "messages")), 2);
    assert_non_null(strstr(text_at(body, 0, "content"), "zh-CN"));
    assert_non_null(strstr(text_at(body, 1, "content"), "notes: Ann has a dog."));
    assert_non_null(strstr(text_at(body, 1, "content"), "user: It is called Rex."));
    assert_non_null(strstr(text_at(body, 1, "content"), "assistant: Nice name!"));
    json_decref(body);
    assert_true(w.info->flags & AC_HANDLER_SUMMARIZES);
    world_stop(&w);
}

static void a_long_answer_is_ended(void **state)
{
    static const struct fake_openai_reply endless = {
        .text = "字", .fault = FAKE_OPENAI_ENDLESS, .fault_after = 1};
    struct world w;

    (void)state;
    world_prepare(&w, &(struct fake_openai_config){.replies = &endless, .n = 1});
    set_option(&w, "max_answer_chars", "100");
    assert_int_equal(world_open(&w), 0);
    assert_int_equal(ask(&w, "Talk."), 0);
    assert_int_equal(w.text.len, 3 + 99);
    assert_int_equal(ask(&w, "Again."), 0); /* it is no failure: the service is not left alone */
    world_stop(&w);
}

static void write_knowledge(char folder[32])
{
    char path[64];

    strcpy(folder, "/tmp/openai-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a.md", folder);
    FILE *f = fopen(path, "w");
    fputs("---\nlang: en\n---\n## When do you open?\n\nWe open at nine.\n\n## Is there parking?\n\nBehind "
          "the house.\n\n"
          "## What does parking cost?\n\nParking costs two euros.\n\n## Do you sell tea?\n\nNo tea.\n",
          f);
    fclose(f);
}

static void remove_knowledge(const char *folder)
{
    char path[64];

    snprintf(path, sizeof path, "%s/a.md", folder);
    unlink(path);
    rmdir(folder);
}

static void fitting_passages_go_before_the_question(void **state)
{
    static const char *const lines[] = {"system: You are Lin.", "user: Hi", "assistant: Hello.",
                                        "user: What does parking cost?"};
    char folder[32];
    struct world w;

    (void)state;
    write_knowledge(folder);
    world_prepare(&w, &(struct fake_openai_config){.n = 0});
    set_option(&w, "knowledge_passages", "2");
    set_option(&w, "knowledge_path", folder);
    assert_int_equal(world_open(&w), 0);
    assert_int_equal(ask_lines(&w, lines, 4), 0);
    json_t *body = body_of(&w, 0);
    assert_int_equal(json_array_size(json_object_get(body, "messages")), 5);
    assert_string_equal(text_at(body, 3, "role"), "system");
    const char *facts = text_at(body, 3, "content"), *best = strstr(facts, "Parking costs two euros.");
    assert_non_null(best);
    assert_non_null(strstr(best, "Behind the house.")); /* the second best after it */
    assert_null(strstr(facts, "We open at nine."));
    assert_string_equal(text_at(body, 4, "content"), "What does parking cost?");
    json_decref(body);
    assert_int_equal(ask(&w, "Quantum chromodynamics"), 0); /* nothing fits: nothing is added */
    body = body_of(&w, 1);
    assert_int_equal(json_array_size(json_object_get(body, "messages")), 1);
    json_decref(body);
    world_stop(&w);
    remove_knowledge(folder);
}

/* Answers as newer models' templates do: system messages at the beginning only. */
static const struct fake_openai_reply *strict_template(void *arg, size_t i, const char *body)
{
    static const struct fake_openai_reply
        refusal =
            {.status = 500,
             .body =
                 "{\"error\": {\"message\": \"Jinja Exception: System message must be at the beginning.\"}}"},
        answer = {.text = "Fine."};
    json_t *root = json_loads(body, 0, NULL), *m;
    bool bad = false;
    size_t k;

    (void)arg, (void)i;
    json_array_foreach(json_object_get(root, "messages"), k, m)
    {
        bad = bad || (k > 0 && !strcmp(json_string_value(json_object_get(m, "role")), "system"));
    }
    json_decref(root);
    return bad ? &refusal : &answer;
}

static void a_strict_template_is_obeyed(void **state)
{
    static const char *const lines[] = {"system: You are Lin.", "system: Ann has a dog.",   "user: Hi",
                                        "assistant: Hello.",    "system: Parking is free.", "user: Is it?"};
    struct world w;

    (void)state;
    world_prepare(&w, &(struct fake_openai_config){.choose = strict_template});
    assert_int_equal(world_open(&w), 0);
    assert_int_equal(ask_lines(&w, lines, 6), 0);
    assert_string_equal(w.text.p, "Fine.");
    assert_int_equal(ask_lines(&w, lines, 6), 0);
    assert_int_equal(fake_openai_count(w.server, CHAT), 3); /* once it was refused, then it is known */
    for (size_t i = 1; i < 3; i++) {
        json_t *body = body_of(&w, i);
        assert_int_equal(json_array_size(json_object_get(body, "messages")), 4);
        assert_string_equal(text_at(body, 0, "role"), "system");
        assert_string_equal(text_at(body, 0, "content"), "You are Lin.\n\nAnn has a dog.");
        assert_string_equal(text_at(body, 1, "content"), "Hi");
        assert_string_equal(text_at(body, 3, "content"), "Parking is free.\n\nIs it?");
        json_decref(body);
    }
    world_stop(&w);
}

static void warming_up_opens_the_connection(void **state)
{
    struct fake_openai_request warm, chat;
    struct world w;

    (void)state;
    setenv("TEST_LLM_KEY", "sk-secret", 1);
    world_start(&w, NULL, 0);
    w.info->warm(w.inst, w.cancel);
    w.info->warm(w.inst, w.cancel); /* not again so soon */
    expect(&w, "Hi", "1: Hi");
    assert_int_equal(fake_openai_count(w.server, "GET /v1/models "), 1);
    assert_true(fake_openai_get(w.server, "GET /v1/models ", 0, &warm));
    assert_non_null(strstr(warm.head, "\r\nAuthorization: Bearer sk-secret\r\n"));
    assert_true(fake_openai_get(w.server, CHAT, 0, &chat));
    assert_int_equal(warm.connection, chat.connection);
    world_stop(&w);
    unsetenv("TEST_LLM_KEY");
}

/* ---- sessions at the same time ---- */

struct session {
    struct world *shared;
    struct world own;
    int number;
    pthread_t thread;
};

static void *converse(void *arg)
{
    struct session *s = arg;
    char question[32];

    for (int i = 0; i < 5; i++) {
        snprintf(question, sizeof question, "session %d question %d", s->number, i);
        if (ask(&s->own, question) != 0 || !strstr(s->own.text.p, question))
            return s->own.env.reason;
    }
    return NULL;
}

static void sessions_share_the_model(void **state)
{
    enum { N = 8 };
    static struct session sessions[N];
    struct world w;

    (void)state;
    world_start(&w, NULL, 0);
    for (int i = 0; i < N; i++) {
        struct session *s = &sessions[i];
        *s = (struct session){.shared = &w, .number = i};
        s->own = (struct world){.sink.push = on_push, .info = w.info, .env = w.env, .lang = ""};
        s->own.inst = ac_zalloc(w.info->inst_size);
        s->own.cancel = ac_cancel_new(NULL);
        assert_int_equal(w.info->open(s->own.inst, w.model, w.cfg, &s->own.env), 0);
        assert_int_equal(pthread_create(&s->thread, NULL, converse, s), 0);
    }
    for (int i = 0; i < N; i++) {
        void *failed;
        pthread_join(sessions[i].thread, &failed);
        assert_null(failed);
        free(sessions[i].own.inst);
        ac_cancel_unref(sessions[i].own.cancel);
        ac_str_free(&sessions[i].own.text);
        ac_str_free(&sessions[i].own.asides);
    }
    assert_int_equal(fake_openai_count(w.server, CHAT), 5 * N);
    world_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_stream_gives_the_same_text),
        cmocka_unit_test(text_is_pushed_as_it_comes),
        cmocka_unit_test(done_is_the_end),
        cmocka_unit_test(connections_are_kept),
        cmocka_unit_test(the_request_says_what_is_configured),
        cmocka_unit_test(azure_has_its_own_address_and_header),
        cmocka_unit_test(a_summary_is_asked_for),
        cmocka_unit_test(a_long_answer_is_ended),
        cmocka_unit_test(fitting_passages_go_before_the_question),
        cmocka_unit_test(a_strict_template_is_obeyed),
        cmocka_unit_test(warming_up_opens_the_connection),
        cmocka_unit_test(sessions_share_the_model),
    };

    unsetenv("http_proxy");
    unsetenv("TEST_LLM_KEY");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
