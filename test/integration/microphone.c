/* A person at a session's microphone; see microphone.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "integration/microphone.h"

#include <stdlib.h>
#include <string.h>

void send_pcm(struct fake_client *c, const int16_t *pcm, size_t n, int rate_hz)
{
    size_t frame = (size_t)rate_hz / 50;

    for (size_t at = 0; at < n; at += frame)
        assert_int_equal(ac_session_binary(c->session, (const char *)(pcm + at),
                                           (n - at < frame ? n - at : frame) * sizeof *pcm),
                         0);
}

void say_at(struct fake_client *c, const char *text, int rate_hz)
{
    size_t n = fake_code(text, rate_hz, LETTER_MS, NULL);
    int16_t *pcm = ac_alloc(n * sizeof *pcm);

    fake_code(text, rate_hz, LETTER_MS, pcm);
    send_pcm(c, pcm, n, rate_hz);
    free(pcm);
}

void say(struct fake_client *c, const char *text)
{
    say_at(c, text, RATE);
}

void send_level(struct fake_client *c, int16_t level, int ms, int rate_hz)
{
    size_t n = (size_t)rate_hz / 1000 * (size_t)ms;
    int16_t *pcm = ac_alloc(n * sizeof *pcm);

    for (size_t i = 0; i < n; i++)
        pcm[i] = level;
    send_pcm(c, pcm, n, rate_hz);
    free(pcm);
}

void hush(struct fake_client *c, int ms)
{
    send_level(c, 0, ms, RATE);
}

int wait_for(struct fake_client *c, const char *type, size_t from)
{
    int at = fake_client_wait(c, type, from);

    if (at < 0)
        fail_msg("no `%s` came", type);
    return at;
}

int wait_state(struct fake_client *c, const char *state, size_t from)
{
    int at = wait_for(c, "state", from);

    while (strcmp(fake_string(&c->messages[at], "state"), state) != 0)
        at = wait_for(c, "state", (size_t)at + 1);
    return at;
}

void mic_on(struct fake_client *c, const char *fields)
{
    size_t from = fake_client_total(c);

    assert_int_equal(fake_client_send(c, "{\"type\":\"audio_start\"%s%s}", *fields ? "," : "", fields), 0);
    wait_state(c, "listening", from);
}

int ask_aloud(struct fake_client *c, const char *text)
{
    size_t from = fake_client_total(c);

    hush(c, 320);
    say(c, text);
    hush(c, 640);
    int at = fake_client_wait(c, "asr_result", from);
    assert_true(at >= 0);
    return at;
}

const char *text_of(struct fake_client *c, int at)
{
    return fake_string(&c->messages[at], "text");
}

double mark(struct fake_client *c, int at, const char *name)
{
    json_t *v = json_object_get(json_object_get(c->messages[at].data, "marks"), name);

    assert_true(json_is_number(v));
    return json_number_value(v);
}

void send_file(struct fake_client *c, const char *path, size_t piece)
{
    char *data;
    size_t len;

    assert_int_equal(ac_read_file(path, 1 << 20, &data, &len), 0);
    for (size_t at = 0; at < len; at += piece)
        ac_session_binary(c->session, data + at, len - at < piece ? len - at : piece);
    free(data);
}

void open_scene(struct scene *s, const char *set)
{
    fake_world_open(&s->w, &set, set ? 1 : 0);
    fake_client_open(&s->c, s->w.hub, "one");
}

void close_scene(struct scene *s)
{
    fake_client_close(&s->c);
    assert_true(fake_world_close(&s->w));
}
