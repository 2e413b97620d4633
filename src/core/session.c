/*
 * A session's life, its messages and choices. Its turns are in session_turn.c, the rules of locking in
 * session_private.h.
 */
#include "core/session_private.h"

#include "base/log.h"
#include "base/mem.h"
#include "core/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WAITING_MESSAGES = 64 };

/* ---- out ---- */

int session_send_locked(struct ac_session *s, const char *type, json_t *data)
{
    size_t len;
    char *text = ac_server_message(type, data, &len);
    int err = s->port_open ? s->port.send(s->port.arg, text, len, NULL, 0) : AC_ECLOSED;

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

json_t *session_degraded_data(enum ac_stage stage, const char *from, const char *to, const char *reason)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "stage", ac_stage_name(stage), "from", from, "to", to, "reason",
                     reason);
}

static const char *first_engine(const struct ac_session *s, enum ac_stage stage)
{
    const struct ac_handler_info *const *list;

    return ac_config_use(s->hub->cfg, stage, &list) ? list[0]->name : "";
}

static void send_ready(struct ac_session *s)
{
    const struct ac_video_config *v = ac_config_video(s->hub->cfg);
    const struct ac_prefs *p = &s->choices.prefs;
    char vad[32], asr[32];
    json_t *listen = hub_listen_info(s->hub, s, vad, asr);
    json_t *engines =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "vad", vad[0] ? vad : first_engine(s, AC_STAGE_VAD),
                  "asr", asr[0] ? asr : first_engine(s, AC_STAGE_ASR), "llm", first_engine(s, AC_STAGE_LLM),
                  "tts", first_engine(s, AC_STAGE_TTS), "lipsync", first_engine(s, AC_STAGE_LIPSYNC),
                  "avatar", first_engine(s, AC_STAGE_AVATAR));

    session_send(
        s, "session_ready",
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:o, s:o}", "session_id", s->id,
                  "version", AC_VERSION, "language", s->language, "avatar", p->avatar, "voice", p->voice,
                  "delivery", s->choices.delivery == AC_DELIVERY_CLIP ? "clip" : "stream", "width", v->width,
                  "height", v->height, "fps", v->fps, "max_text_chars",
                  ac_config_server(s->hub->cfg)->max_text_chars, "engines", engines, "listen", listen));
}

/* ---- choices ---- */

struct find_item {
    const char *id;
    bool found;
    struct ac_str known;
};

static void match_item(void *arg, const struct ac_item *item)
{
    struct find_item *f = arg;

    f->found |= !strcmp(item->id, f->id);
    if (f->known.len < 120)
        ac_str_addf(&f->known, "%s%s", f->known.len ? ", " : "", item->id);
}

/* Is there such an avatar or voice? Otherwise an error that names some. */
static bool check_item(struct ac_session *s, enum ac_stage stage, const char *what, const char *id)
{
    struct find_item f = {.id = id};
    char why[WHY_SIZE];

    if (!id || !id[0])
        return true;
    ac_models_list(s->hub->models, stage, match_item, &f);
    if (!f.found) {
        snprintf(why, sizeof why, "no %s \"%.60s\"; there are %.150s", what, id,
                 f.known.p ? f.known.p : "none");
        session_error(s, AC_ENOENT, why, 0);
    }
    ac_str_free(&f.known);
    return f.found;
}

static bool valid_language(const char *tag)
{
    size_t n = strlen(tag);

    if (!n || n > 15)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-", tag[i]))
            return false;
    return true;
}

static void set_language(struct ac_session *s, const char *tag)
{
    snprintf(s->language, sizeof s->language, "%s", tag);
    snprintf(s->choices.prefs.lang, sizeof s->choices.prefs.lang, "%s", strcmp(tag, "auto") ? tag : "");
}

static void handle_choices(struct ac_session *s, const struct ac_client_choices *c)
{
    struct ac_speaker_config *cfg = &s->choices;

    if (c->language && !valid_language(c->language))
        session_error(s, AC_EINVAL, "`language` must be \"auto\" or a tag like \"en\" or \"zh-CN\"", 0);
    else if (c->language)
        set_language(s, c->language);
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
    send_ready(s);
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
    atomic_fetch_sub(&s->messages, 1);
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

static void open_task(void *arg)
{
    struct ac_session *s = arg;

    send_ready(s);
}

int ac_session_open(struct ac_session **out, struct ac_hub *hub, const char *id, const struct ac_port *port)
{
    size_t max = (size_t)ac_config_server(hub->cfg)->max_sessions;

    pthread_mutex_lock(&hub->lock);
    bool room = hub->open < max;
    hub->open += room;
    hub->sessions += room;
    pthread_mutex_unlock(&hub->lock);
    if (!room)
        return AC_ELIMIT;

    struct ac_session *s = ac_zalloc(sizeof *s);
    s->hub = hub;
    snprintf(s->id, sizeof s->id, "%s", id);
    s->port = *port;
    s->port_open = true;
    s->cancel = ac_cancel_new(hub->cancel);
    s->strand = ac_strand_new(hub->pool, s->id, false);
    s->history = ac_history_new(ac_config_session(hub->cfg)->history_turns);
    s->choices.delivery = AC_DELIVERY_STREAM;
    s->choices.paced = true;
    set_language(s, ac_config_session(hub->cfg)->language);
    pthread_mutex_init(&s->out_lock, NULL);
    atomic_init(&s->parts, 1); /* the strand */
    session_history_open(s);
    session_open_engines(s);
    session_open_listener(s);
    hub_warm_up(hub);
    ac_log_info("session", "opened", AC_S("session", s->id));
    session_post(s, open_task, s);
    *out = s;
    return 0;
}

int ac_session_message(struct ac_session *s, const char *text, size_t len)
{
    if (atomic_fetch_add(&s->messages, 1) >= MAX_WAITING_MESSAGES) {
        atomic_fetch_sub(&s->messages, 1);
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

static void close_task(void *arg)
{
    struct ac_session *s = arg;
    struct ac_strand *strand = s->strand;

    session_stop_turn(s, NULL);
    session_history_close(s);
    hub_listen_forget(s->hub, s);
    ac_answer_free(s->answer, session_part_gone, s);
    ac_speaker_free(s->speaker, session_part_gone, s);
    ac_listener_free(s->listener, session_part_gone, s);
    if (s->summarizer)
        ac_summarizer_free(s->summarizer, session_part_gone, s);
    ac_strand_free(strand, session_part_gone, s);
}

void ac_session_close(struct ac_session *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->out_lock);
    s->port_open = false;
    pthread_mutex_unlock(&s->out_lock);
    ac_cancel_trigger(s->cancel);
    pthread_mutex_lock(&s->hub->lock);
    s->hub->open--;
    pthread_mutex_unlock(&s->hub->lock);
    session_post(s, close_task, s);
}
