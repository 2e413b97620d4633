/*
 * One sentence of the edge engine: a request for each chunk of its text, sound decoded and passed on while it
 * arrives, the service's words found again in the sentence.
 */
#include "tts/edge_private.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <unicode/uchar.h>

enum {
    WORD_WINDOW = 160, /* bytes: a word that is not near was changed by the service */
    BYTES_A_MS = 6,    /* of the format that is asked for, 48 kbit/s throughout */
};

void edge_take_begin(struct edge_take *t, struct ac_sink *sink, const struct ac_frame *in)
{
    ac_tts_remote_init(&t->out, sink, in, t->cancel);
    t->mp3 = ac_mp3_open();
    t->word_at = t->word_cp = 0;
    t->words = json_array();
}

void edge_take_free(struct edge_take *t)
{
    ac_ws_close(t->spare);
    t->spare = NULL;
    ac_tts_remote_free(&t->out);
    ac_mp3_close(t->mp3);
    t->mp3 = NULL;
    ac_str_free(&t->sound);
    json_decref(t->words);
    t->words = NULL;
}

/* ---- words ---- */

static size_t count_cp(const char *p, size_t n)
{
    const char *end = p + n;
    size_t count = 0;

    for (; p < end; count++)
        ac_utf8_next(&p, end);
    return count;
}

static void place_word(struct edge_take *t, int64_t start_us, int64_t end_us, const char *text)
{
    const struct ac_str *s = &t->clean->s;
    size_t len = strlen(text), left = s->len - t->word_at;
    const char *from = s->p + t->word_at;
    const char *at =
        len ? memmem(from, left < WORD_WINDOW + len ? left : WORD_WINDOW + len, text, len) : NULL;

    if (!at)
        return;
    size_t first = t->word_cp + count_cp(from, (size_t)(at - from)), n = count_cp(at, len);
    struct ac_tts_span span = ac_tts_text_span(t->clean, first, n);
    t->word_at = (size_t)(at - s->p) + len;
    t->word_cp = first + n;
    if (span.end > span.start && end_us > start_us)
        ac_tts_remote_word(&t->out, &(struct ac_word){.start_us = (int32_t)start_us,
                                                      .end_us = (int32_t)end_us,
                                                      .text_start = span.start,
                                                      .text_len = span.end - span.start});
}

static void on_word(void *arg, int64_t start_us, int64_t end_us, const char *text)
{
    struct edge_take *t = arg;

    start_us += t->base_us;
    end_us += t->base_us;
    if (end_us > INT32_MAX)
        return;
    json_array_append_new(t->words, json_pack("[I, I, s]", (json_int_t)start_us, (json_int_t)end_us, text));
    place_word(t, start_us, end_us, text);
}

void edge_take_notes(const struct edge_take *t, struct ac_str *notes)
{
    char *dump = json_dumps(t->words, JSON_COMPACT);

    ac_str_add(notes, dump ? dump : "[]");
    free(dump);
}

/* ---- sound ---- */

static int on_pcm(void *arg, const int16_t *pcm, size_t n, int rate_hz)
{
    return ac_tts_remote_pcm(&((struct edge_take *)arg)->out, pcm, n, rate_hz);
}

int edge_take_replay(struct edge_take *t, const struct ac_str *notes, const struct ac_str *sound)
{
    json_t *list = json_loadb(notes->p ? notes->p : "", notes->len, 0, NULL), *item;
    size_t i;

    json_array_foreach(list, i, item)
    {
        const char *text = json_string_value(json_array_get(item, 2));
        if (text)
            place_word(t, json_integer_value(json_array_get(item, 0)),
                       json_integer_value(json_array_get(item, 1)), text);
    }
    json_decref(list);
    int err = t->mp3 ? 0 : AC_ENOMEM;
    enum { STEP = 8192 }; /* so that the first sound does not wait for the last to be decoded */
    for (size_t at = 0; !err && at < sound->len; at += STEP)
        err = ac_mp3_feed(t->mp3, sound->p + at, sound->len - at < STEP ? sound->len - at : STEP, on_pcm, t);
    return err ? err : ac_tts_remote_finish(&t->out);
}

/* ---- talking to the service ---- */

static struct edge_outcome outcome(int err, bool service, bool again)
{
    return (struct edge_outcome){err, service, again};
}

static struct edge_outcome take_message(struct edge_take *t, const struct ac_ws_message *message, bool *end)
{
    struct ac_edge_message m;
    const char *what = "";
    int err = ac_edge_parse(message->binary, message->data, message->len, &m, &what);

    *end = !err && m.kind == AC_EDGE_END;
    if (!err && m.kind == AC_EDGE_METADATA)
        err = ac_edge_words(m.body, m.len, on_word, t, &what);
    if (err) {
        ac_env_fail(t->env, err, "the speech service sent %s: its protocol may have changed", what);
        return outcome(err, true, false);
    }
    if (m.kind != AC_EDGE_SOUND)
        return outcome(0, false, false);
    t->got_sound = true;
    ac_str_add_n(&t->sound, m.body, m.len);
    err = ac_mp3_feed(t->mp3, m.body, m.len, on_pcm, t);
    if (err == AC_EENGINE)
        ac_env_fail(t->env, err, "the speech service sent sound that cannot be decoded");
    return outcome(err, err == AC_EENGINE, err == AC_EENGINE);
}

static struct edge_outcome lost(struct edge_take *t, int err)
{
    err = err == AC_ECLOSED ? AC_EIO : err;
    if (err == AC_ETIMEDOUT)
        ac_env_fail(t->env, err, "the speech service sent nothing for %d ms",
                    t->got_sound ? t->model->cfg->stall_timeout_ms : t->model->cfg->first_timeout_ms);
    else
        ac_env_fail(t->env, err, "the speech service broke off %s",
                    t->got_sound ? "in the middle of a sentence" : "before it said anything");
    return outcome(err, true, true);
}

static struct edge_outcome no_sound(struct edge_take *t)
{
    ac_env_fail(
        t->env, AC_EENGINE,
        "the speech service gave no sound: the voice '%.60s' may be gone (see avatar-chat voices), or "
        "it had too many requests",
        t->how.voice);
    return outcome(AC_EENGINE, false, true);
}

/* Receives the chunk that was asked for, with its first sound due at first_us. */
static struct edge_outcome receive_chunk(struct edge_take *t, struct ac_ws *ws, int64_t first_us)
{
    for (bool end = false; !end;) {
        struct ac_ws_message m;
        int64_t left_us = first_us - ac_now_us();
        int wait_ms = t->got_sound  ? t->model->cfg->stall_timeout_ms
                      : left_us > 0 ? (int)(left_us / 1000)
                                    : 0;
        int err = ac_ws_receive(ws, &m, wait_ms, t->cancel);
        if (err && ac_cancelled(t->cancel))
            return outcome(AC_ECANCELED, false, false);
        if (err)
            return lost(t, err);
        struct edge_outcome o = take_message(t, &m, &end);
        free(m.data);
        if (o.err)
            return o;
    }
    return t->got_sound ? outcome(0, false, false) : no_sound(t);
}

static struct edge_outcome speak_on(struct edge_take *t, struct ac_ws *ws, int64_t first_us, const char *text,
                                    size_t len)
{
    struct ac_str s = {0};
    int64_t now_s = edge_now_s(t->model);

    /* by the bytes, not by the samples: the decoder keeps the last frame until the next one begins */
    t->base_us = (int64_t)t->sound.len * 1000 / BYTES_A_MS;
    t->got_sound = false;
    ac_edge_add_config(&s, now_s);
    int err = ac_ws_send(ws, s.p, s.len);
    ac_str_clear(&s);
    ac_edge_add_ssml(&s, now_s, &t->how, text, len);
    if (!err)
        err = ac_ws_send(ws, s.p, s.len);
    ac_str_free(&s);
    return err ? lost(t, err) : receive_chunk(t, ws, first_us);
}

static struct edge_outcome speak_chunk(struct edge_take *t, const char *text, size_t len)
{
    for (;;) {
        int64_t first_us = ac_now_us() + (int64_t)t->model->cfg->first_timeout_ms * 1000;
        struct edge_outcome o = {0};
        struct ac_ws *ws = t->spare;
        bool fresh = !ws;
        t->spare = NULL;
        if (fresh)
            o = edge_link_open(t->model, t->env, &ws, t->cancel);
        if (o.err)
            return o;
        o = speak_on(t, ws, first_us, text, len);
        ac_ws_close(ws);
        bool went_stale = !fresh && !t->got_sound && o.err == AC_EIO;
        if (!went_stale)
            return o;
    }
}

static bool is_silent(const char *p, size_t len)
{
    const char *end = p + len;

    while (p < end) {
        if (u_isalnum((UChar32)ac_utf8_next(&p, end)))
            return false;
    }
    return true;
}

struct edge_outcome edge_take_run(struct edge_take *t)
{
    const char *p = t->clean->s.p;
    struct edge_outcome o = {.err = t->mp3 ? 0 : AC_ENOMEM};

    for (size_t left = t->clean->s.len, n; left && !o.err; p += n, left -= n) {
        n = ac_edge_chunk(p, left);
        if (n < t->clean->s.len && is_silent(p, n))
            continue; /* nothing but marks, which gives no sound */
        o = speak_chunk(t, p, n);
    }
    if (!o.err) {
        o.err = ac_tts_remote_finish(&t->out);
        if (o.err == AC_EENGINE)
            ac_env_fail(t->env, o.err, "the speech service sent nothing but silence");
    }
    return o;
}
