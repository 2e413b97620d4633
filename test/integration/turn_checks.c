/* What a turn looks like on the wire. See turn_checks.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "integration/turn_checks.h"

#include <stdlib.h>
#include <string.h>

void open_client(struct ws_client *c, int port, const char *path)
{
    assert_int_equal(ws_connect(c, port, path, NULL), 101);
    assert_true(ws_wait(c, "session_ready", 0, WAIT) >= 0);
}

int expect(struct ws_client *c, const char *type, size_t from)
{
    int at = ws_wait(c, type, from, WAIT);
    if (at < 0) {
        for (size_t i = c->n > from + 20 ? c->n - 20 : from; i < c->n; i++) {
            char *data = json_dumps(c->messages[i].data, JSON_COMPACT | JSON_ENCODE_ANY);
            print_error("%s %.60s\n", c->messages[i].type, data ? data : "");
            free(data);
        }
        fail_msg("no `%s` came", type);
    }
    return at;
}

void expect_error(struct ws_client *c, const char *code, size_t from)
{
    int at = expect(c, "error", from);
    assert_string_equal(ws_string(&c->messages[at], "code"), code);
    assert_true(*ws_string(&c->messages[at], "message"));
}

void check_alive(struct ws_client *c)
{
    size_t from = c->n;
    ws_text(c, "{\"type\":\"ping\",\"data\":{\"n\":%d}}", (int)from);
    int at = expect(c, "pong", from);
    assert_int_equal((int)ws_number(&c->messages[at], "n"), (int)from);
}

/* The message is a row of whole MP4 boxes, and the first is this one. */
static bool is_boxes(const struct ws_message *m, const char *first)
{
    size_t at = 0;
    while (at + 8 <= m->len) {
        const unsigned char *b = (const unsigned char *)m->bytes + at;
        size_t size = (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
        if (size < 8 || size > m->len - at)
            return false;
        at += size;
    }
    return at == m->len && !memcmp(m->bytes + 4, first, 4);
}

void check_media(const struct ws_client *c, size_t from, size_t to, bool clip)
{
    int chunk = 0, seq = 0;
    double end_ms = 0;
    bool open = false;
    for (size_t i = from; i < to; i++) {
        const struct ws_message *m = &c->messages[i];
        if (strcmp(m->type, "video_chunk_meta") != 0) {
            assert_string_not_equal(m->type, ""); /* bytes without a meta */
            continue;
        }
        const struct ws_message *b = &c->messages[++i];
        assert_string_equal(b->type, "");
        assert_int_equal((size_t)ws_number(m, "size"), b->len);
        assert_int_equal((int)ws_number(m, "chunk"), chunk);
        assert_string_equal(ws_string(m, "mime"), "video/mp4");
        assert_int_equal(ws_bool(m, "init"), clip || chunk == 0);
        assert_true(is_boxes(b, ws_bool(m, "init") ? "ftyp" : "moof"));
        if (open)
            assert_int_equal((int)ws_number(m, "seq"), seq);
        assert_int_equal(ws_bool(m, "first"), !open);
        seq = (int)ws_number(m, "seq");
        open = !ws_bool(m, "last");
        if (!clip)
            assert_true(ws_number(m, "start_ms") >= end_ms - 1);
        end_ms = ws_number(m, "start_ms") + ws_number(m, "duration_ms");
        assert_true(ws_number(m, "duration_ms") > 0);
        chunk++;
    }
    assert_true(chunk > 0);
    assert_false(open);
}
