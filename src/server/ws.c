/*
 * WebSockets: one connection is one session (docs/protocol.md).
 *
 * In: frames are put together up to max_message_kb, checked for UTF-8 and rate, and handed to the session.
 * Out: the session's port copies messages into the outbox on worker threads and wakes the loop, which sends
 * one message a writable callback. A connection that is being closed has no session any more; its last words
 * wait in the outbox.
 *
 * A connection that is lost leaves its session detached for a while; one that says goodbye ends it. Who
 * connects to the id of a session that exists gets it only with a `hello` that carries its token.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/protocol.h"
#include "server/private.h"

#include <stdlib.h>
#include <string.h>

enum { TICK_US = 1000000, GOODBYE_S = 5 };

_Static_assert(AC_OUTBOX_PRE >= LWS_PRE, "room for the frame header");

static const char slow_text[] = "out_soft_kb, out_hard_kb: messages are read too slowly";
static const char stopping_text[] = "the server is stopping";

struct conn {
    struct conn *prev, *next;
    struct ac_server *server;
    struct lws *wsi;
    char id[65];
    struct ac_session *session; /* NULL once closing, and while `asked` */
    bool asked;                 /* a session of this id exists: its token is awaited */
    bool goodbye;               /* the client has closed on purpose */
    int64_t opened_us;
    char address[AC_ADDRESS_TEXT];
    struct ac_visitor *visitor; /* that counts it; NULL where the connection itself is counted, or nothing */
    struct ac_outbox out;
    atomic_bool dirty; /* something was put in or went wrong */
    atomic_int ended;  /* enum ac_end: the session is over, end_text says why; 0 = it is not */
    char end_text[160];
    int close_code; /* 0 = open */
    char close_text[100];

    struct ac_str in;
    bool in_binary;
    struct ac_bucket messages, sound; /* what may come now */
    int64_t scolded_us;               /* last error about the rate */
};

/* ---- out ---- */

static int port_send(void *arg, const char *text, size_t text_len, const char *binary, size_t binary_len)
{
    struct conn *c = arg;
    bool fell_behind = false;
    int err = ac_outbox_put(&c->out, text, text_len, binary, binary_len, &fell_behind);
    if (fell_behind)
        ac_log_warn("server", "slow_reader", AC_S("id", c->id),
                    AC_I("waiting_bytes", ac_outbox_bytes(&c->out)));
    if (err != AC_EFULL) {
        atomic_store(&c->dirty, true);
        server_wake(c->server);
    }
    return err;
}

static void conn_close(struct conn *c, int code, int err, const char *message);

static void port_end(void *arg, enum ac_end why, const char *message)
{
    struct conn *c = arg;
    if (why == AC_END_REPLACED) { /* called by the loop itself; the session is another's now */
        c->session = NULL;
        conn_close(c, WS_CLOSE_REPLACED, AC_ECLOSED, message);
        return;
    }
    lws_strncpy(c->end_text, message, sizeof c->end_text);
    atomic_store(&c->ended, why);
    atomic_store(&c->dirty, true);
    server_wake(c->server);
}

/* The session was ended by the hub. */
static void close_ended(struct conn *c, enum ac_end why)
{
    switch (why) {
    case AC_END_ADMIN:
        conn_close(c, 1008, AC_ECLOSED, c->end_text);
        break;
    case AC_END_IDLE:
        conn_close(c, 1001, AC_ELIMIT, c->end_text);
        break;
    case AC_END_MEMORY:
        conn_close(c, 1013, AC_ENOMEM, c->end_text);
        break;
    default:
        conn_close(c, 1013, AC_ELIMIT, c->end_text);
        break;
    }
}

static char *error_text(int err, const char *message, size_t *len)
{
    return ac_server_message("error", ac_error_data(err, message, 0), len);
}

static void send_error(struct conn *c, int err, const char *message)
{
    size_t len;
    char *text = error_text(err, message, &len);
    ac_outbox_put(&c->out, text, len, NULL, 0, NULL);
    free(text);
    lws_callback_on_writable(c->wsi);
}

/* Ends the session, says why (err 0: nothing), closes with the code. */
static void conn_close(struct conn *c, int code, int err, const char *message)
{
    if (c->close_code)
        return;
    c->close_code = code;
    lws_strncpy(c->close_text, message, sizeof c->close_text);
    if (c->session)
        ac_session_close(c->session);
    c->session = NULL;
    size_t len = 0;
    char *text = err ? error_text(err, message, &len) : NULL;
    ac_outbox_close(&c->out, text, len, true);
    free(text);
    ac_str_clear(&c->in);
    ac_log_info("server", "closing", AC_S("id", c->id), AC_I("code", code), AC_S("why", message));
    lws_callback_on_writable(c->wsi);
    lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_OK, GOODBYE_S);
}

int ws_writable(struct lws *wsi, struct pss *pss)
{
    struct conn *c = pss->conn;
    if (!c)
        return -1;
    bool room = false;
    struct ac_outbox_item *item = ac_outbox_take(&c->out, &room);
    if (item) {
        enum lws_write_protocol kind = item->binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT;
        int n = lws_write(wsi, item->data, item->len, kind);
        bool sent = n >= (int)item->len;
        ac_outbox_item_free(item);
        if (!sent)
            return -1;
    }
    if (!ac_outbox_empty(&c->out)) {
        lws_callback_on_writable(wsi);
    } else if (c->close_code) {
        lws_close_reason(wsi, (enum lws_close_status)c->close_code, (unsigned char *)c->close_text,
                         strlen(c->close_text));
        return -1;
    }
    if (room && c->session)
        ac_session_writable(c->session);
    return 0;
}

void ws_woken(struct ac_server *s)
{
    int64_t slow_us = (int64_t)s->tuning.slow_s * 1000000;
    for (struct conn *c = s->conns; c; c = c->next) {
        if (!atomic_exchange(&c->dirty, false))
            continue;
        if (!c->close_code && ac_outbox_overrun(&c->out, ac_now_us(), slow_us))
            conn_close(c, 1013, AC_ELIMIT, slow_text);
        else if (!c->close_code && atomic_load(&c->ended))
            close_ended(c, (enum ac_end)atomic_load(&c->ended));
        else
            lws_callback_on_writable(c->wsi);
    }
}

int ws_timer(struct pss *pss)
{
    struct conn *c = pss->conn;
    if (!c)
        return -1;
    struct ac_server *s = c->server;
    int64_t now = ac_now_us();
    if (c->close_code)
        return 0;
    if (ac_outbox_overrun(&c->out, now, (int64_t)s->tuning.slow_s * 1000000))
        conn_close(c, 1013, AC_ELIMIT, slow_text);
    else if (c->asked && now - c->opened_us > s->tuning.hello_s * INT64_C(1000000))
        conn_close(c, 1008, AC_EDENIED, ac_session_refusal(AC_EDENIED));
    else if (c->session &&
             ac_session_idle_us(c->session) > server_config(s)->idle_timeout_s * INT64_C(1000000))
        conn_close(c, 1001, AC_ELIMIT, "idle_timeout_s: no message came for too long");
    else
        lws_set_timer_usecs(c->wsi, TICK_US);
    return 0;
}

void ws_goodbye(struct ac_server *s)
{
    for (struct conn *c = s->conns; c; c = c->next)
        conn_close(c, 1001, 0, stopping_text);
}

/* ---- in ---- */

static int open_session(struct conn *c)
{
    struct ac_port port = {.arg = c, .send = port_send, .end = port_end, .address = c->address};
    int err = ac_session_open(&c->session, c->server->hub, c->id, &port);
    c->asked = false;
    if (err) {
        c->session = NULL;
        conn_close(c, 1013, err, ac_session_refusal(err));
    }
    return err;
}

/* The session is this connection's now: who had it has it no more, even where it was about to be closed. */
static void lose_others(const struct conn *c)
{
    for (struct conn *o = c->server->conns; o; o = o->next)
        if (o != c && o->session == c->session) {
            o->session = NULL;
            conn_close(o, WS_CLOSE_REPLACED, AC_ECLOSED, "this session was opened by another connection");
        }
}

/* The first message to a session that exists. False: it is to be handled like any other. */
static bool take_over(struct conn *c)
{
    struct ac_port port = {.arg = c, .send = port_send, .end = port_end, .address = c->address};
    int err = c->in_binary ? AC_EDENIED
                           : ac_session_resume(&c->session, c->server->hub, c->id, c->in.p ? c->in.p : "",
                                               c->in.len, &port);
    if (err == AC_ENOENT) /* it has ended meanwhile */
        return open_session(c) != 0;
    c->asked = false;
    if (err) {
        c->session = NULL;
        conn_close(c, 1008, err, ac_session_refusal(err));
    } else {
        lose_others(c);
    }
    return true;
}

static void handle_message(struct conn *c)
{
    int64_t now = ac_now_us();
    const struct ac_server_config *cfg = server_config(c->server);
    if (!(c->in_binary ? ac_bucket_take(&c->sound, cfg->max_audio_messages_per_s, now)
                       : ac_bucket_take(&c->messages, cfg->max_messages_per_s, now))) {
        ac_metrics_add(c->server->metrics, AC_COUNT_DROPPED_MESSAGES, 1);
        /* one answer a second, or the errors would be a flood of their own */
        if (now - c->scolded_us > 1000000) {
            c->scolded_us = now;
            send_error(c, AC_ELIMIT,
                       c->in_binary ? "max_audio_messages_per_s: too many pieces of sound, some were dropped"
                                    : "max_messages_per_s: too many messages, some were dropped");
        }
        return;
    }
    int err;
    const char *bytes = c->in.p ? c->in.p : "";
    if (c->asked && take_over(c))
        return;
    if (c->in_binary)
        err = ac_session_binary(c->session, bytes, c->in.len);
    else if (!ac_utf8_valid(bytes, c->in.len))
        err = AC_EUTF8;
    else
        err = ac_session_message(c->session, bytes, c->in.len);
    if (err)
        send_error(c, err, ac_err_text(err));
}

int ws_receive(struct lws *wsi, struct pss *pss, const char *bytes, size_t len)
{
    struct conn *c = pss->conn;
    if (!c)
        return -1;
    if (c->close_code)
        return 0;
    if (lws_is_first_fragment(wsi)) {
        ac_str_clear(&c->in);
        c->in_binary = lws_frame_is_binary(wsi);
    }
    if (c->in.len + len + lws_remaining_packet_payload(wsi) >
        (size_t)server_config(c->server)->max_message_kb * 1024) {
        conn_close(c, 1009, AC_ELIMIT, "max_message_kb: the message is too large");
        return 0;
    }
    ac_str_add_n(&c->in, bytes, len);
    if (!lws_is_final_fragment(wsi))
        return 0;
    handle_message(c);
    if (c->in.cap > 64 << 10)
        ac_str_free(&c->in);
    else
        ac_str_clear(&c->in);
    return 0;
}

/* ---- life ---- */

static struct conn *conn_new(struct ac_server *s, struct lws *wsi)
{
    const struct ac_server_config *cfg = server_config(s);
    struct conn *c = ac_zalloc(sizeof *c);
    struct who who;
    struct refusal no;
    char uri[128];
    c->server = s;
    c->wsi = wsi;
    c->opened_us = ac_now_us();
    guard_identify(s, wsi, &who);
    lws_strncpy(c->address, who.address, sizeof c->address);
    c->visitor = guard_proxied(s, &who, &no);
    if (c->visitor)
        ac_visitor_join(c->visitor);
    c->messages = (struct ac_bucket){cfg->max_messages_per_s, c->opened_us};
    c->sound = (struct ac_bucket){cfg->max_audio_messages_per_s, c->opened_us};
    ac_outbox_init(&c->out, (size_t)cfg->out_soft_kb * 1024, (size_t)cfg->out_hard_kb * 1024);
    /* the path was checked before the upgrade: /ws, /ws/ or /ws/ID */
    if (lws_hdr_copy(wsi, uri, sizeof uri, WSI_TOKEN_GET_URI) > 4)
        lws_strncpy(c->id, uri + 4, sizeof c->id);
    return c;
}

int ws_open(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    struct conn *c = conn_new(s, wsi);
    ac_metrics_request(s->metrics, *c->id ? "/ws/{id}" : "/ws", 101);
    if (!*c->id)
        ac_session_id_random(c->id);
    c->next = s->conns;
    if (c->next)
        c->next->prev = c;
    s->conns = c;
    s->n_conns++;
    pss->conn = c;
    lws_set_timer_usecs(wsi, TICK_US);
    if (atomic_load(&s->stopping))
        conn_close(c, 1001, 0, stopping_text);
    else if (ac_session_exists(s->hub, c->id))
        c->asked = true;
    else
        open_session(c);
    return 0;
}

void ws_goodbye_of_peer(struct pss *pss, const unsigned char *payload, size_t len)
{
    if (pss && pss->conn) /* without a code: a page's close() */
        pss->conn->goodbye = len < 2 || (payload[0] << 8 | payload[1]) == LWS_CLOSE_STATUS_NORMAL;
}

void ws_closed(struct pss *pss)
{
    struct conn *c = pss->conn;
    if (!c)
        return;
    pss->conn = NULL;
    if (c->session && c->goodbye)
        ac_session_close(c->session);
    else if (c->session)
        ac_session_detach(c->session);
    if (c->visitor)
        ac_visitor_leave(c->visitor);
    if (c->prev)
        c->prev->next = c->next;
    else
        c->server->conns = c->next;
    if (c->next)
        c->next->prev = c->prev;
    c->server->n_conns--;
    ac_outbox_destroy(&c->out);
    ac_str_free(&c->in);
    free(c);
}
