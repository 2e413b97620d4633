/*
 * A session's messages and choices. How it comes and goes is in session_open.c, its turns are in
 * session_turn.c, the rules of locking in session_private.h.
 */
#include "core/session_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WAITING_MESSAGES = 64 };

/* ---- out ---- */

int session_port_send(struct ac_session *s, const char *text, size_t len, const char *binary,
                      size_t binary_len)
{
    int err = s->port_open ? s->port.send(s->port.arg, text, len, binary, binary_len) : AC_ECLOSED;

    if (!err) {
        atomic_fetch_add(&s->bytes_out, len + binary_len);
        ac_metrics_add(s->hub->metrics, AC_COUNT_BYTES_OUT, len + binary_len);
        ac_metrics_add(s->hub->metrics, AC_COUNT_MESSAGES_OUT, 1 + (binary != NULL));
    }
    return err;
}

int session_send_locked(struct ac_session *s, const char *type, json_t *data)
{
    size_t len;
    char *text = ac_server_message(type, data, &len);
    int err = session_port_send(s, text, len, NULL, 0);

    free(text);
    return err;
}

int session_send(struct ac_session *s, const char *type, json_t *data)
{
    pthread_mutex_lock(&s->out_lock);
    int err = session_send_locked(s, type, data);
    pthread_mutex_unlock(&s->out_lock);
    return err;
}

void session_error(struct ac_session *s, int err, const char *message, uint32_t turn)
{
    atomic_fetch_add(&s->hub->errors, 1);
    ac_metrics_error(s->hub->metrics, err);
    if (turn) {
        pthread_mutex_lock(&s->out_lock);
        s->turn_failed = true;
        pthread_mutex_unlock(&s->out_lock);
    }
    ac_log_info("session", "error", AC_S("session", s->id), AC_I("turn", turn),
                AC_S("code", ac_err_name(err)), AC_S("reason", message));
    if (turn)
        session_send_of_turn(s, "error", ac_error_data(err, message, turn));
    else
        session_send(s, "error", ac_error_data(err, message, 0));
}

void session_state(struct ac_session *s, const char *state)
{
    session_send(s, "state", json_pack("{s:s, s:i}", "state", state, "turn", (int)s->turn));
}

json_t *session_degraded_data(struct ac_session *s, enum ac_stage stage, const char *from, const char *to,
                              const char *reason)
{
    ac_metrics_degraded(s->hub->metrics, stage, from, to);
    return json_pack("{s:s, s:s, s:s, s:s}", "stage", ac_stage_name(stage), "from", from, "to", to, "reason",
                     reason);
}

static const char *first_engine(const struct ac_session *s, enum ac_stage stage)
{
    const struct ac_handler_info *const *list;

    return ac_config_use(s->hub->cfg, stage, &list) ? list[0]->name : "";
}

void session_send_ready(struct ac_session *s)
{
    const struct ac_video_config *v = ac_config_video(s->hub->cfg);
    const struct ac_prefs *p = &s->choices.prefs;
    char vad[32], asr[32];
    json_t *listen = hub_listen_info(s->hub, s, vad, asr);
    bool resumed = s->resumed;
    json_t *engines =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "vad", vad[0] ? vad : first_engine(s, AC_STAGE_VAD),
                  "asr", asr[0] ? asr : first_engine(s, AC_STAGE_ASR), "llm", first_engine(s, AC_STAGE_LLM),
                  "tts", first_engine(s, AC_STAGE_TTS), "lipsync", first_engine(s, AC_STAGE_LIPSYNC),
                  "avatar", first_engine(s, AC_STAGE_AVATAR));

    s->resumed = false;
    session_send(
        s, "session_ready",
        json_pack("{s:s, s:s, s:i, s:b, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:o, s:o}", "session_id",
                  s->id, "resume_token", s->token, "resume_s", ac_config_server(s->hub->cfg)->resume_s,
                  "resumed", resumed, "version", AC_VERSION, "language", s->language, "avatar", p->avatar,
                  "voice", p->voice, "delivery", s->choices.delivery == AC_DELIVERY_CLIP ? "clip" : "stream",
                  "width", v->width, "height", v->height, "fps", v->fps, "max_text_chars",
                  ac_config_server(s->hub->cfg)->max_text_chars, "engines", engines, "listen", listen));
}

/* ---- choices ---- */

/* Is there such an avatar or voice? Otherwise an error that names some. */
static bool check_item(struct ac_session *s, enum ac_stage stage, const char *what, const char *id)
{
    char why[WHY_SIZE];
    int err = hub_check_item(s->hub, stage, what, id, why);

    if (err)
        session_error(s, err, why, 0);
    return !err;
}

bool session_language_valid(const char *tag)
{
    size_t n = strlen(tag);

    if (!n || n > 15)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-", tag[i]))
            return false;
    return true;
}

void session_set_language(struct ac_session *s, const char *tag)
{
    snprintf(s->language, sizeof s->language, "%s", tag);
    snprintf(s->choices.prefs.lang, sizeof s->choices.prefs.lang, "%s", strcmp(tag, "auto") ? tag : "");
}

static void handle_choices(struct ac_session *s, const struct ac_client_choices *c)
{
    struct ac_speaker_config *cfg = &s->choices;

    if (c->language && !session_language_valid(c->language))
        session_error(s, AC_EINVAL, "`language` must be \"auto\" or a tag like \"en\" or \"zh-CN\"", 0);
    else if (c->language)
        session_set_language(s, c->language);
    if (c->avatar && check_item(s, AC_STAGE_AVATAR, "avatar", c->avatar))
        snprintf(cfg->prefs.avatar, sizeof cfg->prefs.avatar, "%s", c->avatar);
    if (c->voice && check_item(s, AC_STAGE_TTS, "voice", c->voice))
        snprintf(cfg->prefs.voice, sizeof cfg->prefs.voice, "%s", c->voice);
    if (c->delivery)
        cfg->delivery = c->delivery;
    if (c->rate > 0)
        cfg->rate = (float)c->rate;
    if (c->pitch > 0)
        cfg->pitch = (float)c->pitch;
    ac_speaker_set(s->speaker, cfg);
    session_forget_persona(s);
    session_use_language(s, c->threshold);
    session_note_choices(s);
    if (c->client)
        session_note_client(s, c->client);
    session_send_ready(s);
    session_choose_conversation(s, c->client, c->conversation);
}

/* ---- messages ---- */

static size_t count_chars(const char *s)
{
    size_t n = 0;

    for (; *s; s++)
        n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

static void handle_text(struct ac_session *s, const struct ac_client_message *m)
{
    const int max = ac_config_server(s->hub->cfg)->max_text_chars;
    char why[WHY_SIZE];

    if (!m->text[strspn(m->text, " \t\r\n")]) {
        session_error(s, AC_EINVAL, "the text is empty: type something first", 0);
        return;
    }
    size_t chars = count_chars(m->text);
    if (chars > (size_t)max) {
        snprintf(why, sizeof why, "the text has %zu characters, max_text_chars is %d: send it in parts",
                 chars, max);
        session_error(s, AC_ELIMIT, why, 0);
        return;
    }
    session_set_idle(s, m->idle_ms);
    session_begin_turn(s, m->text, m->type == AC_CLIENT_SAY, NULL);
}

struct message_task {
    struct session_task head;
    size_t len;
    char bytes[];
};

static void handle_message(void *arg)
{
    struct message_task *t = arg;
    struct ac_session *s = t->head.s;
    struct ac_client_message m;
    char why[WHY_SIZE] = "";

    if (session_defer(s, handle_message, t))
        return;
    int err = ac_client_parse(t->bytes, t->len, &m, why);
    if (!s->opened && !err && m.type != AC_CLIENT_PING) { /* it waits in line: this waits with it */
        t->head.kept = s->kept;
        s->kept = &t->head;
        ac_client_clear(&m);
        return;
    }
    atomic_fetch_sub(&s->messages, 1);
    if (!err && m.type != AC_CLIENT_PING && m.type != AC_CLIENT_PLAYBACK)
        atomic_store(&s->used_us, ac_now_us());
    if (err) {
        session_error(s, err, why, 0);
    } else {
        switch (m.type) {
        case AC_CLIENT_HELLO:
        case AC_CLIENT_CONFIG:
            handle_choices(s, &m.choices);
            break;
        case AC_CLIENT_TEXT:
        case AC_CLIENT_SAY:
            handle_text(s, &m);
            break;
        case AC_CLIENT_INTERRUPT:
            session_stop_turn(s, "request");
            break;
        case AC_CLIENT_PLAYBACK:
            session_heard(s, m.turn, (int64_t)(m.heard_ms * 1000));
            session_set_idle(s, m.idle_ms);
            break;
        case AC_CLIENT_AUDIO_START:
            session_audio_start(s, &m);
            break;
        case AC_CLIENT_AUDIO_END:
            session_audio_end(s);
            break;
        case AC_CLIENT_AUDIO:
            session_audio_whole(s, &m);
            break;
        case AC_CLIENT_PING:
            session_send(s, "pong", json_incref(m.data));
            break;
        default:
            break;
        }
    }
    ac_client_clear(&m);
    session_task_free(t);
}

void session_handle_kept(struct session_task *task)
{
    handle_message(task);
}

/* ---- life ---- */

void *session_task_new(struct ac_session *s, size_t size)
{
    struct session_task *t = ac_zalloc(size);

    t->s = s;
    pthread_mutex_lock(&s->out_lock);
    t->next = s->tasks;
    if (t->next)
        t->next->prev = t;
    s->tasks = t;
    pthread_mutex_unlock(&s->out_lock);
    return t;
}

void session_task_free(void *task)
{
    struct session_task *t = task;
    struct ac_session *s = t->s;

    pthread_mutex_lock(&s->out_lock);
    if (t->next)
        t->next->prev = t->prev;
    if (t->prev)
        t->prev->next = t->next;
    else
        s->tasks = t->next;
    pthread_mutex_unlock(&s->out_lock);
    free(t);
}

void session_post(struct ac_session *s, ac_task_fn *fn, void *arg)
{
    ac_strand_post(s->strand, 0, 1, fn, arg); /* the actor's own work is tiny and goes first */
}

static void session_gone(void *arg)
{
    struct ac_session *s = arg;
    struct ac_hub *hub = s->hub;

    for (struct session_task *t = s->tasks, *next; t; t = next) {
        next = t->next;
        free(t);
    }
    ac_cancel_unref(s->turn_cancel);
    ac_cancel_unref(s->confirmed);
    ac_cancel_unref(s->cancel);
    ac_history_free(s->history);
    ac_heard_clear(&s->heard);
    free(s->answer_text);
    free(s->unanswered);
    free(s->held_question);
    free(s->floor_text);
    ac_frame_unref(s->floor_chat);
    free(s->persona);
    json_decref(s->held);
    pthread_mutex_destroy(&s->out_lock);
    ac_log_info("session", "closed", AC_S("session", s->id));
    free(s);
    pthread_mutex_lock(&hub->lock);
    hub->sessions--;
    pthread_cond_broadcast(&hub->idle);
    pthread_mutex_unlock(&hub->lock);
}

void session_part_gone(void *arg)
{
    struct ac_session *s = arg;

    if (atomic_fetch_sub(&s->parts, 1) == 1)
        session_gone(s);
}

int ac_session_message(struct ac_session *s, const char *text, size_t len)
{
    ac_metrics_add(s->hub->metrics, AC_COUNT_BYTES_IN, len);
    ac_metrics_add(s->hub->metrics, AC_COUNT_MESSAGES_IN, 1);
    atomic_fetch_add(&s->bytes_in, len);
    if (atomic_fetch_add(&s->messages, 1) >= MAX_WAITING_MESSAGES) {
        atomic_fetch_sub(&s->messages, 1);
        ac_metrics_add(s->hub->metrics, AC_COUNT_DROPPED_MESSAGES, 1);
        return AC_EFULL;
    }
    struct message_task *t = session_task_new(s, sizeof *t + len);
    t->len = len;
    memcpy(t->bytes, text, len);
    session_post(s, handle_message, t);
    return 0;
}

void ac_session_writable(struct ac_session *s)
{
    (void)s; /* the speaker tries again by itself every 40 ms */
}
