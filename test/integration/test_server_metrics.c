/*
 * GET /metrics: the text is parsed by the rules of the format 0.0.4, the numbers are those of what was done,
 * and promtool agrees where Debian's package prometheus is installed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"
#include "core/hub.h"
#include "integration/server_world.h"
#include "integration/turn_checks.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *read_metrics(const struct world *w)
{
    struct http_response r;
    assert_true(http_request_to(w->port, "GET", "/metrics", NULL, &r));
    assert_int_equal(r.status, 200);
    assert_string_equal(http_header(&r, "content-type"), "text/plain; version=0.0.4; charset=utf-8");
    char *text = strdup(r.body);
    http_free(&r);
    return text;
}

/* ---- a small parser of the format ---- */

struct parser {
    char family[128], type[16];
    char seen[200][128]; /* families that are over */
    size_t n_seen, samples;
    double last_bucket; /* of the histogram being read */
    char bucket_of[512];
};

static size_t name_length(const char *p)
{
    size_t n = 0;
    if (!isalpha((unsigned char)*p) && *p != '_' && *p != ':')
        return 0;
    while (isalnum((unsigned char)p[n]) || p[n] == '_' || p[n] == ':')
        n++;
    return n;
}

/* {a="b",c="d"}: its length; 0 where it is wrong. Values may escape \\, \" and \n. */
static size_t labels_length(const char *p)
{
    const char *begin = p;
    if (*p != '{')
        return 0;
    for (p++; *p != '}'; p += *p == ',') {
        size_t n = name_length(p);
        if (!n || p[n] != '=' || p[n + 1] != '"')
            return 0;
        for (p += n + 2; *p && *p != '"'; p++)
            if (*p == '\\' && !strchr("\\\"n", *++p))
                return 0;
        if (*p++ != '"' || (*p != ',' && *p != '}'))
            return 0;
    }
    return (size_t)(p + 1 - begin);
}

static void begin_family(struct parser *ps, const char *name, size_t n)
{
    for (size_t i = 0; i < ps->n_seen; i++)
        if (strlen(ps->seen[i]) == n && !strncmp(ps->seen[i], name, n))
            fail_msg("the family %s comes twice", ps->seen[i]);
    assert_true(n < sizeof ps->family && ps->n_seen < 200);
    snprintf(ps->family, sizeof ps->family, "%.*s", (int)n, name);
    snprintf(ps->seen[ps->n_seen++], sizeof ps->seen[0], "%.*s", (int)n, name);
    ps->type[0] = '\0';
}

static void parse_comment(struct parser *ps, const char *line)
{
    const char *name = line + 7;
    size_t n = name_length(name);
    if (!n || name[n] != ' ' || !name[n + 1])
        fail_msg("not a comment of the format: %s", line);
    if (!strncmp(line, "# HELP ", 7)) {
        begin_family(ps, name, n);
        return;
    }
    assert_int_equal(strncmp(line, "# TYPE ", 7), 0);
    assert_int_equal(strlen(ps->family), n); /* HELP and TYPE of one family follow each other */
    assert_int_equal(strncmp(ps->family, name, n), 0);
    snprintf(ps->type, sizeof ps->type, "%s", name + n + 1);
    if (strcmp(ps->type, "counter") != 0 && strcmp(ps->type, "gauge") != 0 &&
        strcmp(ps->type, "histogram") != 0)
        fail_msg("type %s", ps->type);
    if (!strcmp(ps->type, "counter") && (n < 6 || strncmp(name + n - 6, "_total", 6) != 0))
        fail_msg("the counter %s does not end in _total", ps->family);
}

/* Buckets of one histogram grow, and the last is +Inf. */
static void check_bucket(struct parser *ps, const char *line, double value)
{
    const char *le = strstr(line, "le=\"");
    char series[512];
    if (!le)
        fail_msg("no le: %s", line);
    snprintf(series, sizeof series, "%.*s", (int)(le - line), line);
    if (strcmp(series, ps->bucket_of) != 0)
        ps->last_bucket = 0;
    if (value < ps->last_bucket)
        fail_msg("a bucket is smaller than the one before: %s", line);
    ps->last_bucket = value;
    strcpy(ps->bucket_of, strstr(line, "le=\"+Inf\"") ? "" : series);
}

static void parse_sample(struct parser *ps, const char *line)
{
    static const char *const endings[] = {"_bucket", "_sum", "_count"};
    size_t n = name_length(line), family = strlen(ps->family);
    bool histogram = !strcmp(ps->type, "histogram"), ours = n == family;
    if (n < family || strncmp(line, ps->family, family) != 0)
        fail_msg("a sample of another family than %s: %s", ps->family, line);
    for (size_t i = 0; histogram && i < 3; i++)
        ours |= n == family + strlen(endings[i]) && !strncmp(line + family, endings[i], strlen(endings[i]));
    if (!ours || !*ps->type)
        fail_msg("a sample that does not belong to %s: %s", ps->family, line);
    const char *p = line + n;
    if (*p == '{') {
        size_t labels = labels_length(p);
        if (!labels)
            fail_msg("wrong labels: %s", line);
        p += labels;
    }
    char *end;
    double value = *p == ' ' ? strtod(p + 1, &end) : NAN;
    if (isnan(value) || *end)
        fail_msg("no value: %s", line);
    if (!strcmp(ps->type, "counter") && value < 0)
        fail_msg("a negative counter: %s", line);
    if (histogram && n == family + 7 && !strncmp(line + family, "_bucket", 7))
        check_bucket(ps, line, value);
    ps->samples++;
}

static void parse(const char *text)
{
    struct parser *ps = ac_zalloc(sizeof *ps);
    assert_true(*text && text[strlen(text) - 1] == '\n');
    for (const char *p = text; *p;) {
        char line[1024];
        size_t n = strcspn(p, "\n");
        assert_true(n < sizeof line);
        snprintf(line, sizeof line, "%.*s", (int)n, p);
        if (*line == '#')
            parse_comment(ps, line);
        else if (*line)
            parse_sample(ps, line);
        p += n + 1;
    }
    assert_true(ps->samples > 100);
    assert_string_equal(ps->bucket_of, ""); /* each histogram ended with +Inf */
    free(ps);
}

/* The value of a sample, -1 when it is not there. */
static double sample(const char *text, const char *series)
{
    size_t n = strlen(series);
    for (const char *p = text; (p = strstr(p, series)); p += n)
        if ((p == text || p[-1] == '\n') && p[n] == ' ')
            return strtod(p + n + 1, NULL);
    return -1;
}

/* ---- tests ---- */

static void test_syntax(void **state)
{
    struct world *w = *state;
    char *text = read_metrics(w);
    parse(text);
    free(text);
}

static void test_numbers(void **state)
{
    struct world *w = *state;
    struct ws_client c;
    struct http_response r;
    open_client(&c, w->port, "/ws/counted");
    ws_text(&c, "{\"type\":\"text\",\"text\":\"echo Count this.\"}");
    expect(&c, "turn_done", 0);
    for (int i = 0; i < 3; i++) {
        assert_true(http_request_to(w->port, "GET", "/api/sessions/nobody", NULL, &r));
        http_free(&r);
    }
    assert_true(http_request_to(w->port, "GET", "/no/such/file.js", NULL, &r));
    http_free(&r);
    char *text = read_metrics(w);
    parse(text);
    assert_true(sample(text, "avatar_chat_info{version=\"" AC_VERSION "\"}") == 1);
    assert_true(sample(text, "avatar_chat_sessions") == 1);
    assert_true(sample(text, "avatar_chat_sessions_opened_total") >= 1);
    assert_true(sample(text, "avatar_chat_turns_total{result=\"done\"}") == 1);
    assert_true(sample(text, "avatar_chat_turn_mark_seconds_count{mark=\"first_fragment\"}") == 1);
    assert_true(sample(text, "avatar_chat_messages_total{direction=\"in\"}") == 1);
    assert_true(sample(text, "avatar_chat_bytes_total{direction=\"out\"}") > 1000);
    assert_true(sample(text, "avatar_chat_frames_total{result=\"rendered\"}") > 10);
    assert_true(sample(text, "process_resident_memory_bytes") > 1 << 20);
    assert_true(sample(text, "process_open_fds") > 3);
    assert_true(sample(text, "process_threads") > 1);
    /* by pattern, never by what was asked for */
    assert_true(sample(text, "avatar_chat_http_requests_total{path=\"/api/sessions/{id}\",status=\"404\"}") ==
                3);
    assert_true(sample(text, "avatar_chat_http_requests_total{path=\"/ws/{id}\",status=\"101\"}") == 1);
    assert_true(sample(text, "avatar_chat_http_requests_total{path=\"(page)\",status=\"404\"}") == 1);
    assert_null(strstr(text, "nobody"));
    assert_null(strstr(text, "counted"));
    free(text);
    ws_close(&c);
}

static void test_loop_delay(void **state)
{
    struct world *w = *state;
    struct ws_client c;
    double n = 0;
    open_client(&c, w->port, "/ws");
    for (int i = 0; i < 20 && n < 2; i++) {
        ws_read_for(&c, 500);
        char *text = read_metrics(w);
        n = sample(text, "avatar_chat_event_loop_delay_seconds_count");
        free(text);
    }
    assert_true(n >= 2);
    ws_close(&c);
}

static void test_promtool(void **state)
{
    struct world *w = *state;
    if (system("command -v promtool >/dev/null 2>&1") != 0) {
        print_message("promtool is not there (Debian's package prometheus has it): not asked\n");
        skip();
    }
    char path[] = "/tmp/avatar-chat-metrics-XXXXXX", *text = read_metrics(w);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    char *command = ac_asprintf("promtool check metrics <%s", path);
    int status = system(command);
    unlink(path);
    free(command);
    free(text);
    assert_int_equal(status, 0);
}

/* /readyz: an engine that nobody has used yet is loaded by the first look. */
static void test_ready(void **state)
{
    (void)state;
    struct world w;
    struct http_response r;
    int status = 0;
    world_open(&w, NULL, NULL);
    for (int i = 0; i < 500 && status != 200; i++) {
        assert_true(http_request_to(w.port, "GET", "/readyz", NULL, &r));
        status = r.status;
        json_t *j = json_loads(r.body, 0, NULL);
        bool ready = json_is_true(json_object_get(j, "ready"));
        assert_int_equal(ready, status == 200);
        assert_int_equal(json_array_size(json_object_get(j, "reasons")) == 0, ready);
        json_decref(j);
        http_free(&r);
        usleep(10000);
    }
    assert_int_equal(status, 200);
    ac_hub_drain(w.hub);
    assert_true(http_request_to(w.port, "GET", "/readyz", NULL, &r));
    assert_int_equal(r.status, 503);
    assert_non_null(strstr(r.body, "about to end"));
    http_free(&r);
    assert_true(http_request_to(w.port, "GET", "/healthz", NULL, &r));
    assert_int_equal(r.status, 200);
    http_free(&r);
    world_close(&w);
}

static void test_open_to_all(void **state)
{
    (void)state;
    static const char *const sets[] = {"server.metrics_open=true", NULL};
    struct world w;
    struct http_response r;
    world_open(&w, sets, NULL);
    assert_true(http_request_to(w.port, "GET", "/metrics", "X-Forwarded-For: 192.0.2.1\r\n", &r));
    assert_int_equal(r.status, 200);
    http_free(&r);
    world_close(&w);
}

static struct world shared;

static int setup(void **state)
{
    world_open(&shared, NULL, NULL);
    *state = &shared;
    return 0;
}

static int teardown(void **state)
{
    world_close(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_syntax),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_loop_delay),
        cmocka_unit_test(test_promtool),
    };
    const struct CMUnitTest own[] = {cmocka_unit_test(test_ready), cmocka_unit_test(test_open_to_all)};
    int failed = cmocka_run_group_tests(tests, setup, teardown);
    return failed + cmocka_run_group_tests(own, NULL, NULL);
}
