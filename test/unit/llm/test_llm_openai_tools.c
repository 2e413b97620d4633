/* Tools that the model calls: calls in pieces, rounds, every failure told to the model, confirmation,
 * fillers. */
#include "openai_engine.h"

static const struct fake_openai_call rain = {"call_a", "weather",
                                             "{\"city\": \"Zürich / 苏州\", \"days\": 2}"},
                                     mail = {"call_b", "send_mail",
                                             "{\"to\": \"ann\", \"text\": \"Hi \\ud83d\\ude00\"}"},
                                     search = {"call_c", "search_knowledge", "{\"query\": \"parking\"}"},
                                     both[] = {{"call_a", "weather", "{\"city\": \"Rome\"}"},
                                               {"call_d", "weather", "{\"city\": \"Oslo\"}"}};

static const char TOOLS[] = "- name: weather\n"
                            "  description: Tells the weather.\n"
                            "  parameters:\n"
                            "    type: object\n"
                            "    properties:\n"
                            "      city: {type: string}\n"
                            "      days: {type: integer}\n"
                            "      unit: {type: string, enum: [c, f]}\n"
                            "    required: [city]\n"
                            "    additionalProperties: false\n"
                            "  url: ORIGIN/weather/{city}?days={days}\n"
                            "  headers: {X-Key: \"key ${TEST_TOOL_KEY}\"}\n"
                            "  timeout_ms: 1500\n"
                            "  max_bytes: 200\n"
                            "HOSTS"
                            "- name: send_mail\n"
                            "  description: Sends a mail.\n"
                            "  method: POST\n"
                            "  url: ORIGIN/mail/{to}\n"
                            "  parameters:\n"
                            "    type: object\n"
                            "    properties: {to: {type: string}, text: {type: string}}\n"
                            "- kind: knowledge\n"
                            "  passages: 1\n";

static char folder[] = "/tmp/openai-tools-XXXXXX";
static char tools_file[64], knowledge_file[64];

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* The text with a word in it replaced. */
static char *replaced(const char *text, const char *word, const char *by)
{
    struct ac_str s = {0};

    for (const char *at; (at = strstr(text, word)); text = at + strlen(word)) {
        ac_str_add_n(&s, text, (size_t)(at - text));
        ac_str_add(&s, by);
    }
    ac_str_add(&s, text);
    return ac_str_steal(&s);
}

static void tools_prepare(struct world *w, const struct fake_openai_config *config, const char *hosts)
{
    world_prepare(w, config);
    char *with_hosts = replaced(TOOLS, "HOSTS", hosts),
         *text = replaced(with_hosts, "ORIGIN", fake_openai_origin(w->server));
    write_text(tools_file, text);
    free(with_hosts);
    free(text);
    set_option(w, "tools", tools_file);
    set_option(w, "knowledge_path", folder);
}

static void tools_start(struct world *w, const struct fake_openai_config *config)
{
    tools_prepare(w, config, "");
    assert_int_equal(world_open(w), 0);
}

/* What the model was told of a call: the text of the n-th tool message from the end of the i-th request. */
static char *told(struct world *w, size_t i, size_t from_end)
{
    json_t *body = body_of(w, i);
    size_t n = json_array_size(json_object_get(body, "messages"));

    assert_string_equal(text_at(body, n - 1 - from_end, "role"), "tool");
    char *text = ac_strdup(text_at(body, n - 1 - from_end, "content"));
    json_decref(body);
    return text;
}

static const struct fake_openai_route sunny = {"GET /weather/", 0, NULL, "{\"sky\": \"sunny\"}", 0};

static void a_call_is_run_and_answered(void **state)
{
    static const struct fake_openai_reply calls[] = {
        {.calls = &rain, .n_calls = 1},
        {.calls = &rain, .n_calls = 1, .piece = 1, .wire = 1},
        {.calls = &rain, .n_calls = 1, .piece = 3, .crlf = true, .reasoning = "Let me see."},
        {.calls = &rain, .n_calls = 1, .no_index = true},
        {.calls = &rain, .n_calls = 1, .no_stream = true},
        {.calls = &rain, .n_calls = 1, .finish = "stop", .no_done = true},
    };
    struct fake_openai_request r;

    (void)state;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        const struct fake_openai_reply script[] = {calls[i], {.text = "It is sunny."}};
        struct world w;
        tools_start(&w,
                    &(struct fake_openai_config){.replies = script, .n = 2, .routes = &sunny, .n_routes = 1});
        assert_int_equal(ask(&w, "How is the weather?"), 0);
        assert_string_equal(w.text.p, "It is sunny.");
        assert_int_equal(w.n_asides, 0);
        assert_true(
            fake_openai_get(w.server, "GET /weather/Z%C3%BCrich%20%2F%20%E8%8B%8F%E5%B7%9E?days=2 ", 0, &r));
        assert_non_null(strstr(r.head, "\r\nX-Key: key of-the-tool\r\n"));
        json_t *body = body_of(&w, 0), *again = body_of(&w, 1);
        assert_int_equal(json_array_size(json_object_get(body, "tools")), 3);
        json_t *call = json_array_get(
            json_object_get(json_array_get(json_object_get(again, "messages"), 1), "tool_calls"), 0);
        assert_string_equal(text_at(again, 1, "role"), "assistant");
        assert_string_equal(text_at(again, 1, "reasoning_content"),
                            calls[i].reasoning ? calls[i].reasoning : "");
        assert_string_equal(json_string_value(json_object_get(call, "id")), "call_a");
        assert_string_equal(
            json_string_value(json_object_get(json_object_get(call, "function"), "arguments")),
            rain.arguments);
        assert_string_equal(text_at(again, 2, "tool_call_id"), "call_a");
        assert_string_equal(text_at(again, 2, "content"), "{\"sky\": \"sunny\"}");
        json_decref(body);
        json_decref(again);
        world_stop(&w);
    }
}

static void several_calls_and_what_was_said_before(void **state)
{
    static const struct fake_openai_reply script[] = {{.text = "Let me look.", .calls = both, .n_calls = 2},
                                                      {.text = "Sunny in both."}};
    static const struct fake_openai_route routes[] = {{"GET /weather/Rome?days= ", 0, NULL, "hot", 0},
                                                      {"GET /weather/Oslo?days= ", 0, NULL, "cold", 0}};
    struct world w;

    (void)state;
    tools_start(&w, &(struct fake_openai_config){.replies = script, .n = 2, .routes = routes, .n_routes = 2});
    assert_int_equal(ask(&w, "Weather?"), 0);
    assert_string_equal(w.text.p, "Let me look.\nSunny in both.");
    json_t *body = body_of(&w, 1);
    assert_string_equal(text_at(body, 1, "content"), "Let me look.");
    assert_string_equal(text_at(body, 2, "content"), "hot");
    assert_string_equal(text_at(body, 3, "content"), "cold");
    assert_string_equal(text_at(body, 3, "tool_call_id"), "call_d");
    json_decref(body);
    world_stop(&w);
}

static void rounds_have_an_end(void **state)
{
    static const struct fake_openai_reply never = {.calls = &rain, .n_calls = 1};
    struct world w;

    (void)state;
    tools_prepare(
        &w, &(struct fake_openai_config){.replies = &never, .n = 1, .routes = &sunny, .n_routes = 1}, "");
    set_option(&w, "max_tool_rounds", "2");
    assert_int_equal(world_open(&w), 0);
    assert_int_equal(ask(&w, "Weather?"), AC_EENGINE);
    assert_non_null(strstr(w.env.reason, "only calls tools"));
    assert_int_equal(fake_openai_count(w.server, CHAT), 3);
    assert_int_equal(fake_openai_count(w.server, "GET /weather/"), 2);
    json_t *last = body_of(&w, 2);
    assert_null(json_object_get(last, "tools"));
    json_decref(last);
    world_stop(&w);
}

static void summaries_use_no_tools(void **state)
{
    static const struct fake_openai_reply reply = {.text = "Ann likes rain."};
    struct world w;

    (void)state;
    tools_start(&w, &(struct fake_openai_config){.replies = &reply, .n = 1});
    w.summarize = true;
    assert_int_equal(ask(&w, "I am Ann and like rain."), 0);
    json_t *body = body_of(&w, 0);
    assert_null(json_object_get(body, "tools"));
    json_decref(body);
    world_stop(&w);
}

/* ---- what goes wrong is told to the model ---- */

static void the_model_is_told_what_failed(void **state)
{
    static char large[300];
    static const struct {
        struct fake_openai_call call;
        struct fake_openai_route route;
        const char *hosts, *told;
    } cases[] = {
        {{"x", "whether", "{}"}, {"GET /weather/", 0, NULL, "", 0}, "", "there is no tool 'whether'"},
        {{"x", "weather", "{\"city\": "}, {"GET /weather/", 0, NULL, "", 0}, "", "no JSON: "},
        {{"x", "weather", "[]"}, {"GET /weather/", 0, NULL, "", 0}, "", "no JSON object"},
        {{"x", "weather", "{}"}, {"GET /weather/", 0, NULL, "", 0}, "", "missing 'city'"},
        {{"x", "weather", "{\"city\": 1}"},
         {"GET /weather/", 0, NULL, "", 0},
         "",
         "city: not of type 'string'"},
        {{"x", "weather", "{\"city\": \"x\", \"unit\": \"k\"}"},
         {"GET /", 0, NULL, "", 0},
         "",
         "unit: not one of"},
        {{"x", "weather", "{\"city\": \"x\", \"a\": 1}"}, {"GET /", 0, NULL, "", 0}, "", "unknown 'a'"},
        {{"x", "weather", "{\"city\": \"..\"}"}, {"GET /", 0, NULL, "", 0}, "", "is empty, '.' or '..'"},
        {{"x", "weather", "{\"city\": \"x\"}"},
         {"GET /weather/", 500, NULL, "{\"error\": \"no data\"}", 0},
         "",
         "HTTP 500: no data"},
        {{"x", "weather", "{\"city\": \"x\"}"}, {"GET /weather/", 0, NULL, "", 6000}, "", "within 1500 ms"},
        {{"x", "weather", "{\"city\": \"x\"}"},
         {"GET /weather/", 0, NULL, large, 0},
         "",
         "larger than 200 bytes"},
        {{"x", "weather", "{\"city\": \"x\"}"}, {"GET /weather/", 0, NULL, "", 0}, "", "(empty answer)"},
        {{"x", "weather", "{\"city\": \"x\"}"},
         {"GET /weather/", 302, "Location: http://localhost:1/elsewhere\r\n", "", 0},
         "",
         "redirects to localhost, which is not allowed"},
    };

    (void)state;
    memset(large, 'x', sizeof large - 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct fake_openai_reply script[] = {{.calls = &cases[i].call, .n_calls = 1},
                                                   {.text = "Sorry."}};
        struct world w;
        tools_start(&w, &(struct fake_openai_config){
                            .replies = script, .n = 2, .routes = &cases[i].route, .n_routes = 1});
        assert_int_equal(ask(&w, "Weather?"), 0);
        assert_string_equal(w.text.p, "Sorry.");
        char *text = told(&w, 1, 0);
        if (!strstr(text, cases[i].told))
            fail_msg("%zu: %s", i, text);
        free(text);
        /* what is no JSON is not sent back as if it were */
        json_t *body = body_of(&w, 1),
               *call = json_array_get(
                   json_object_get(json_array_get(json_object_get(body, "messages"), 1), "tool_calls"), 0);
        json_t *again = json_loads(
            json_string_value(json_object_get(json_object_get(call, "function"), "arguments")), 0, NULL);
        assert_non_null(again);
        json_decref(again);
        json_decref(body);
        world_stop(&w);
    }
}

static void redirects_stay_among_the_hosts(void **state)
{
    static const struct fake_openai_reply script[] = {{.calls = &both[0], .n_calls = 1}, {.text = "Sunny."}};
    struct fake_openai_route routes[] = {{"GET /weather/", 307, NULL, "", 0},
                                         {"GET /moved ", 0, NULL, "sun", 0}};
    struct fake_openai_request r;
    struct world w;
    char head[96];

    (void)state;
    tools_prepare(&w,
                  &(struct fake_openai_config){.replies = script, .n = 2, .routes = routes, .n_routes = 2},
                  "  hosts: [127.0.0.1, LocalHost]\n");
    snprintf(head, sizeof head, "Location: http://localhost:%s/moved\r\n",
             strrchr(fake_openai_origin(w.server), ':') + 1);
    routes[0].head = head;
    assert_int_equal(world_open(&w), 0);
    assert_int_equal(ask(&w, "Weather?"), 0);
    char *text = told(&w, 1, 0);
    assert_string_equal(text, "sun");
    free(text);
    assert_true(fake_openai_get(w.server, "GET /moved ", 0, &r));
    assert_null(strstr(r.head, "X-Key")); /* the key is the first host's alone */
    world_stop(&w);
}

/* ---- confirmation and interruption ---- */

static void what_changes_something_waits_for_confirmation(void **state)
{
    static const struct fake_openai_reply script[] = {{.calls = &mail, .n_calls = 1}, {.text = "Sent."}};
    static const struct fake_openai_route route = {"POST /mail/ann ", 0, NULL, "ok", 0};
    struct fake_openai_request r;
    struct later l;
    struct world w;

    (void)state;
    tools_start(&w, &(struct fake_openai_config){.replies = script, .n = 2, .routes = &route, .n_routes = 1});
    w.confirmed = ac_cancel_new(NULL);
    later_start(&l, &w, w.confirmed, 300);
    assert_int_equal(ask(&w, "Write to Ann."), 0);
    pthread_join(l.thread, NULL);
    assert_int_equal(l.n_requests, 1); /* the model's was the only one until then */
    assert_string_equal(w.text.p, "Sent.");
    assert_true(fake_openai_get(w.server, "POST /mail/ann ", 0, &r));
    assert_string_equal(r.body, "{\"text\":\"Hi 😀\"}"); /* what is not in the address */
    assert_non_null(strstr(r.head, "\r\nContent-Type: application/json\r\n"));
    world_stop(&w);

    /* never confirmed: interrupted, and nothing was sent */
    tools_start(&w, &(struct fake_openai_config){.replies = script, .n = 2, .routes = &route, .n_routes = 1});
    w.confirmed = ac_cancel_new(NULL);
    later_start(&l, &w, w.cancel, 200);
    assert_int_equal(ask(&w, "Write to Ann."), AC_ECANCELED);
    pthread_join(l.thread, NULL);
    assert_int_equal(fake_openai_count(w.server, "POST /mail/"), 0);
    world_stop(&w);
}

static void looking_up_does_not_wait(void **state)
{
    static const struct fake_openai_reply script[] = {{.calls = &rain, .n_calls = 1}, {.text = "Sunny."}};
    struct world w;

    (void)state;
    tools_start(&w, &(struct fake_openai_config){.replies = script, .n = 2, .routes = &sunny, .n_routes = 1});
    w.confirmed = ac_cancel_new(NULL); /* never */
    assert_int_equal(ask(&w, "Weather?"), 0);
    assert_string_equal(w.text.p, "Sunny.");
    world_stop(&w);
}

static void a_slow_tool_is_interrupted(void **state)
{
    static const struct fake_openai_reply script[] = {{.calls = &mail, .n_calls = 1}, {.text = "Sent."}};
    static const struct fake_openai_route slow = {"POST /mail/", 0, NULL, "ok", 4000};
    struct later l;
    struct world w;

    (void)state;
    tools_start(&w, &(struct fake_openai_config){.replies = script, .n = 2, .routes = &slow, .n_routes = 1});
    later_start(&l, &w, w.cancel, 200);
    assert_int_equal(ask(&w, "Write to Ann."), AC_ECANCELED);
    assert_true(ac_now_us() - w.asked_us < 3000000);
    pthread_join(l.thread, NULL);
    world_stop(&w);
}

/* ---- fillers ---- */

static void slow_tools_are_bridged(void **state)
{
    static const struct fake_openai_reply quick[] = {{.calls = &mail, .n_calls = 1}, {.text = "Sent."}},
                                          slow_model[] = {{.calls = &mail, .n_calls = 1},
                                                          {.text = "Sent.", .delay_ms = 600}},
                                          spoken[] = {{.text = "Let me see.", .calls = &mail, .n_calls = 1},
                                                      {.text = "Sent."}},
                                          no_tool[] = {{.text = "Well.", .delay_ms = 600}};
    static const struct fake_openai_route fast = {"POST /mail/", 0, NULL, "ok", 0},
                                          slow = {"POST /mail/", 0, NULL, "ok", 600};
    static const struct {
        const struct fake_openai_reply *script;
        size_t n;
        const struct fake_openai_route *route;
        const char *lang, *question, *aside, *aside_lang;
    } cases[] = {
        {quick, 2, &slow, "", "Write to Ann.", "One moment, please.", "en"},
        {quick, 2, &slow, "zh-CN", "给安写信。", "请稍等一下。", "zh-CN"},
        {quick, 2, &slow, "en", "给安写信。", "请稍等一下。", "zh-CN"},
        {quick, 2, &slow, "de", "Schreib Ann.", "", ""}, /* no words for it */
        {slow_model, 2, &fast, "", "Write to Ann.", "One moment, please.", "en"},
        {quick, 2, &fast, "", "Write to Ann.", "", ""},
        {spoken, 2, &slow, "", "Write to Ann.", "", ""},
        {no_tool, 1, &fast, "", "Hello.", "", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world w;
        tools_prepare(
            &w,
            &(struct fake_openai_config){
                .replies = cases[i].script, .n = cases[i].n, .routes = cases[i].route, .n_routes = 1},
            "");
        set_option(&w, "filler_ms", cases[i].route == &fast && cases[i].script == quick ? "5000" : "200");
        assert_int_equal(world_open(&w), 0);
        w.lang = cases[i].lang;
        assert_int_equal(ask(&w, cases[i].question), 0);
        if (strcmp(w.asides.p, cases[i].aside) != 0 || strcmp(w.aside_lang, cases[i].aside_lang) != 0)
            fail_msg("%zu: '%s' in '%s'", i, w.asides.p, w.aside_lang);
        assert_true(!w.n_asides || w.aside_us >= 200000);
        world_stop(&w);
    }
}

static const struct fake_openai_reply *call_then_answer(void *arg, size_t i, const char *body)
{
    static const struct fake_openai_reply call = {.calls = &mail, .n_calls = 1}, answer = {.text = "Sent."};

    (void)arg, (void)body;
    return i % 2 ? &answer : &call;
}

static void fillers_take_turns(void **state)
{
    static const struct fake_openai_route slow = {"POST /mail/", 0, NULL, "ok", 250};
    static const char *const want[] = {"One.", "Two.", "One."};
    struct world w;

    (void)state;
    tools_prepare(
        &w, &(struct fake_openai_config){.choose = call_then_answer, .routes = &slow, .n_routes = 1}, "");
    set_option(&w, "filler_ms", "50");
    set_option(&w, "filler_en", "One.|Two.");
    assert_int_equal(world_open(&w), 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(ask(&w, "Write to Ann."), 0);
        assert_string_equal(w.asides.p, want[i]);
    }
    world_stop(&w);
}

static void the_knowledge_base_is_a_tool(void **state)
{
    static const struct fake_openai_reply script[] = {{.calls = &search, .n_calls = 1},
                                                      {.text = "Behind the house."}};
    struct world w;

    (void)state;
    tools_start(&w, &(struct fake_openai_config){.replies = script, .n = 2});
    assert_int_equal(ask(&w, "Where can I park?"), 0);
    char *text = told(&w, 1, 0);
    assert_non_null(strstr(text, "Behind the house."));
    assert_null(strstr(text, "tea")); /* one passage */
    free(text);
    world_stop(&w);
}

/* ---- the file ---- */

static void mistakes_in_the_file_are_named(void **state)
{
#define T "- name: a\n  description: b\n"
#define P "  parameters: {type: object, properties: {x: {type: string}}}\n"
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"", ":1: the file must be a list"},
        {"name: a\n", ":1: the file must be a list"},
        {"[]", "the file has no tool"},
        {"- a\n", ":1: a tool is a mapping"},
        {"- name: [\n", ": this is no YAML"},
        {"\n- description: b\n  url: http://h/\n", ":2: a tool needs a name"},
        {"- name: a b\n  description: c\n  url: http://h/\n", "made of letters, digits, _ and -, not 'a b'"},
        {"- name: a\n  url: http://h/\n", "needs a description"},
        {T "", "needs a url, or 'kind: knowledge'"},
        {T "  ulr: http://h/\n", ":1: unknown key 'ulr', did you mean url"},
        {T "  url: http://h/\n" T "  url: http://h/\n", ":4: two tools are called 'a'"},
        {T "  url: ftp://h/\n", "url 'ftp://h/' is no http or https address"},
        {T "  url: http://{x}/\n" P, "may stand in the path and the query only"},
        {T "  url: http://h/{y}\n" P, "{y} is not among the parameters"},
        {T "  url: http://h/{x\n" P, "{ and } do not match"},
        {T "  url: http://h/x}\n" P, "{ and } do not match"},
        {T "  url: http://h/\n  method: get\n", "method must be GET, POST"},
        {T "  url: http://h/\n  timeout_ms: 0\n", "timeout_ms must be a whole number, 1 to 120000"},
        {T "  url: http://h/\n  max_bytes: 1k\n", "max_bytes must be a whole number"},
        {T "  url: http://h/\n  parameters: {type: array}\n", "JSON schema with 'type: object'"},
        {T "  url: http://h/\n  hosts: [other]\n", "hosts does not hold the url's own host, h"},
        {T "  url: http://h/\n  headers: {A: \"${NO_SUCH_VARIABLE}\"}\n",
         "NO_SUCH_VARIABLE, which a header wants"},
        {T "  url: http://h/\n  headers: {A: 1}\n", "header 'A' must be a text"},
        {T "  url: http://h/\n  headers: {\"A\": \"x\\ny\"}\n", "header 'A' has a line break"},
        {T "  url: http://h/\n  url: http://h/\n", "line 4: the key stands there twice"},
        {T "  kind: magic\n", "kind must be http or knowledge"},
        {"- kind: knowledge\n  url: http://h/\n", "a tool of kind knowledge has no url"},
        {T "  url: &u [*u]\n", ""}, /* a loop: refused, not followed for ever */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world w;
        world_prepare(&w, NULL);
        set_option(&w, "base_url", "http://localhost/v1");
        set_option(&w, "tools", tools_file);
        set_option(&w, "knowledge_path", folder);
        write_text(tools_file, cases[i].text);
        int err = world_open(&w);
        if (err != AC_ECONFIG || !strstr(w.env.reason, cases[i].said) || !strstr(w.env.reason, tools_file))
            fail_msg("%zu: %s: %s", i, ac_err_name(err), w.env.reason);
        world_stop(&w);
    }
}

static void schemas_keep_their_types(void **state)
{
    static const char text[] =
        "- name: a\n  description: \"12\"\n  url: http://h/\n  parameters:\n    type: object\n"
        "    properties:\n      n: {type: integer, minimum: 1, maximum: 2.5, default: -3}\n"
        "      s: {type: string, enum: [\"1\", yes, 'true', null, ~, true, 1e3]}\n";
    static const char want[] =
        "{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":2.5,"
        "\"default\":-3},"
        "\"s\":{\"type\":\"string\",\"enum\":[\"1\",\"yes\",\"true\",null,null,true,1000.0]}}}";
    struct world w;

    (void)state;
    world_prepare(&w, &(struct fake_openai_config){.n = 0});
    write_text(tools_file, text);
    set_option(&w, "tools", tools_file);
    assert_int_equal(world_open(&w), 0);
    assert_int_equal(ask(&w, "Hi"), 0);
    json_t *body = body_of(&w, 0), *tool = json_array_get(json_object_get(body, "tools"), 0),
           *function = json_object_get(tool, "function");
    assert_string_equal(json_string_value(json_object_get(tool, "type")), "function");
    assert_string_equal(json_string_value(json_object_get(function, "description")), "12");
    char *schema = json_dumps(json_object_get(function, "parameters"), JSON_COMPACT);
    assert_string_equal(schema, want);
    free(schema);
    json_decref(body);
    world_stop(&w);
}

/* The sample with every tool in it taken out of its comments. */
static void the_sample_is_good(void **state)
{
    struct ac_str all = {0};
    bool in_tool = false;
    struct world w;
    char *text;
    size_t len;

    (void)state;
    assert_int_equal(ac_read_file("config/tools.sample.yaml", 1 << 20, &text, &len), 0);
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
        in_tool = strncmp(line, "#- ", 3) == 0 || (in_tool && strncmp(line, "#  ", 3) == 0);
        ac_str_addf(&all, "%s\n", line + in_tool);
    }
    write_text(tools_file, all.p);
    setenv("CRM_KEY", "x", 1);
    world_prepare(&w, &(struct fake_openai_config){.n = 0});
    set_option(&w, "tools", tools_file);
    int err = world_open(&w);
    if (err)
        fail_msg("%s", w.env.reason);
    assert_int_equal(ask(&w, "Hi"), 0);
    json_t *body = body_of(&w, 0);
    assert_int_equal(json_array_size(json_object_get(body, "tools")), 3);
    json_decref(body);
    world_stop(&w);
    ac_str_free(&all);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_run_and_answered),
        cmocka_unit_test(several_calls_and_what_was_said_before),
        cmocka_unit_test(rounds_have_an_end),
        cmocka_unit_test(summaries_use_no_tools),
        cmocka_unit_test(the_model_is_told_what_failed),
        cmocka_unit_test(redirects_stay_among_the_hosts),
        cmocka_unit_test(what_changes_something_waits_for_confirmation),
        cmocka_unit_test(looking_up_does_not_wait),
        cmocka_unit_test(a_slow_tool_is_interrupted),
        cmocka_unit_test(slow_tools_are_bridged),
        cmocka_unit_test(fillers_take_turns),
        cmocka_unit_test(the_knowledge_base_is_a_tool),
        cmocka_unit_test(mistakes_in_the_file_are_named),
        cmocka_unit_test(schemas_keep_their_types),
        cmocka_unit_test(the_sample_is_good),
    };

    unsetenv("http_proxy");
    unsetenv("TEST_LLM_KEY");
    setenv("TEST_TOOL_KEY", "of-the-tool", 1);
    assert_non_null(mkdtemp(folder));
    snprintf(tools_file, sizeof tools_file, "%s/tools.yaml", folder);
    snprintf(knowledge_file, sizeof knowledge_file, "%s/a.md", folder);
    write_text(knowledge_file,
               "---\nlang: en\n---\n## Is there parking?\n\nBehind the house.\n\n## Do you sell tea?\n\n"
               "No tea.\n");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(tools_file);
    unlink(knowledge_file);
    rmdir(folder);
    return failed;
}
