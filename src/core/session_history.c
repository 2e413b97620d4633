/*
 * The session's side of the store: what is said goes there, and what was said comes back.
 *
 * Nothing here waits: writing and reading are posted, in order, to the hub's history strand. What is posted
 * holds the record below, which outlives the session, and not the session. A conversation is made by its
 * first question. Where it was deleted meanwhile the next question begins another, so its id belongs to the
 * history strand. While an old conversation is being loaded the client's messages wait, else a question might
 * be asked without what it refers to.
 */
#include "core/session_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t load_limit_us = 10000000; /* a disk that takes longer is given up */

/* One conversation of a client. */
struct kept {
    atomic_int refs;
    char client[AC_CLIENT_ID_MAX + 1];
    /* history strand, once something was posted */
    char id[AC_CONVERSATION_ID_MAX + 1];
    uint32_t before; /* turns before its first one */
    bool failed;     /* the client was told that it is not kept */
};

struct deferred {
    struct deferred *next;
    ac_task_fn *fn;
    void *arg;
};

struct session_record {
    atomic_int refs; /* the session's, and one of each task */
    pthread_mutex_t lock;
    struct ac_session *s; /* lock: NULL once it ends */
    /* lock: what was loaded, until the session takes it */
    struct ac_stored_conversation loaded;
    int loaded_err;
    unsigned loaded_number; /* which load it is of */

    /* strand of the session */
    char client[AC_CLIENT_ID_MAX + 1]; /* "" = not named: nothing is kept */
    struct kept *kept;                 /* NULL: the next question begins one */
    uint32_t turn;                     /* number of its last question */
    uint32_t session_turn;             /* the same question's turn in the session; 0 = none */
    uint32_t turns_before;             /* turns of the session's history before its first one */
    size_t answer_bytes;            /* of what is kept as heard of that turn's answer; 0 = nothing, or all */
    unsigned loads, loading;        /* number of the last load, and of the one awaited; 0 = none is */
    struct deferred *first, **last; /* messages that wait for it */
};

static void kept_unref(struct kept *k)
{
    if (k && atomic_fetch_sub(&k->refs, 1) == 1)
        free(k);
}

static struct kept *kept_new(const char *client, const char *id)
{
    struct kept *k = ac_zalloc(sizeof *k);

    atomic_init(&k->refs, 1);
    snprintf(k->client, sizeof k->client, "%s", client);
    if (id)
        snprintf(k->id, sizeof k->id, "%s", id);
    else
        ac_store_new_id(k->id);
    return k;
}

static void record_unref(struct session_record *r)
{
    if (atomic_fetch_sub(&r->refs, 1) != 1)
        return;
    while (r->first) { /* the messages themselves are the session's */
        struct deferred *next = r->first->next;
        free(r->first);
        r->first = next;
    }
    ac_stored_clear(&r->loaded);
    kept_unref(r->kept);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

void session_history_open(struct ac_session *s)
{
    struct session_record *r = s->record = ac_zalloc(sizeof *r);

    atomic_init(&r->refs, 1);
    pthread_mutex_init(&r->lock, NULL);
    r->s = s;
    r->last = &r->first;
}

void session_history_close(struct ac_session *s)
{
    struct session_record *r = s->record;

    pthread_mutex_lock(&r->lock);
    r->s = NULL;
    pthread_mutex_unlock(&r->lock);
    s->record = NULL;
    record_unref(r);
}

/* ---- writing, on the history strand ---- */

struct keep_task {
    struct session_record *record;
    struct ac_store *store;
    struct kept *kept;
    uint32_t turn; /* of the conversation, as the session counts */
    int64_t at_ms;
    bool interrupted;
    char text[];
};

/* Tells the client, if it is still there; takes the reference to data. */
static void tell(struct session_record *r, const char *type, json_t *data)
{
    pthread_mutex_lock(&r->lock);
    if (r->s)
        session_send(r->s, type, data);
    else
        json_decref(data);
    pthread_mutex_unlock(&r->lock);
}

static void tell_begun(struct keep_task *t)
{
    char *title = ac_store_title(t->text);

    tell(t->record, "conversation",
         json_pack("{s:s, s:s, s:[]}", "id", t->kept->id, "title", title, "messages"));
    free(title);
}

/* Once, until it goes well again: each message would say the same. */
static void tell_failed(struct keep_task *t, int err)
{
    struct ac_store_state state;
    char why[AC_STORE_REASON + 64];

    if (t->kept->failed)
        return;
    t->kept->failed = true;
    ac_store_state(t->store, &state);
    snprintf(why, sizeof why, "what is said is not kept: %s", state.err ? state.reason : ac_err_text(err));
    tell(t->record, "error", ac_error_data(err, why, 0));
}

static int add(struct keep_task *t, const char *role)
{
    struct ac_stored_message m = {.role = (char *)role,
                                  .text = t->text,
                                  .turn = t->turn - t->kept->before,
                                  .at_ms = t->at_ms,
                                  .interrupted = t->interrupted};

    return ac_store_add(t->store, t->kept->client, t->kept->id, &m);
}

static void keep_question(struct keep_task *t)
{
    struct kept *k = t->kept;
    int err = add(t, "user");

    if (err == AC_ENOENT) { /* it was deleted: begin another */
        ac_store_new_id(k->id);
        k->before = t->turn - 1;
        err = add(t, "user");
    }
    if (err) {
        tell_failed(t, err);
        return;
    }
    k->failed = false;
    if (t->turn - k->before == 1)
        tell_begun(t);
}

static void keep_answer(struct keep_task *t)
{
    struct kept *k = t->kept;
    int err;

    if (t->turn <= k->before)
        return;
    if (t->text[0])
        err = add(t, "assistant");
    else
        err = ac_store_remove_answer(t->store, k->client, k->id, t->turn - k->before);
    if (err && err != AC_ENOENT) /* gone with its conversation, or never there */
        tell_failed(t, err);
}

static void keep_summary(struct keep_task *t)
{
    const struct kept *k = t->kept;

    if (t->turn > k->before) /* a failure is logged there; all messages are kept anyhow */
        ac_store_summarize(t->store, k->client, k->id, t->text, t->turn - k->before);
}

static void keep_done(struct keep_task *t)
{
    kept_unref(t->kept);
    record_unref(t->record);
    free(t);
}

static void question_task(void *arg)
{
    keep_question(arg);
    keep_done(arg);
}

static void answer_task(void *arg)
{
    keep_answer(arg);
    keep_done(arg);
}

static void summary_task(void *arg)
{
    keep_summary(arg);
    keep_done(arg);
}

static void post(struct ac_session *s, ac_task_fn *fn, uint32_t turn, const char *text, bool interrupted)
{
    struct session_record *r = s->record;
    size_t size = strlen(text) + 1;
    struct keep_task *t = ac_zalloc(sizeof *t + size);

    t->record = r;
    t->store = s->hub->store;
    t->kept = r->kept;
    t->turn = turn;
    t->at_ms = ac_unix_ms();
    t->interrupted = interrupted;
    memcpy(t->text, text, size);
    atomic_fetch_add(&r->refs, 1);
    atomic_fetch_add(&r->kept->refs, 1);
    hub_history_post(s->hub, fn, t);
}

/* ---- what is said, on the session's strand ---- */

void session_remember_question(struct ac_session *s, const char *text)
{
    struct session_record *r = s->record;

    r->session_turn = s->turn;
    r->answer_bytes = 0;
    if (!s->hub->store || !r->client[0])
        return;
    if (!r->kept) {
        r->kept = kept_new(r->client, NULL);
        r->turn = 0;
        r->turns_before = ac_history_turns(s->history) - 1;
    }
    post(s, question_task, ++r->turn, text, false);
}

void session_remember_answer(struct ac_session *s, uint32_t turn, const char *text, bool interrupted)
{
    struct session_record *r = s->record;

    if (!text || turn != r->session_turn)
        return; /* not an answer to what was asked last */
    r->answer_bytes = interrupted ? strlen(text) : 0;
    if (r->kept)
        post(s, answer_task, r->turn, text, interrupted);
}

void session_heard_less(struct ac_session *s, uint32_t turn, int64_t heard_us)
{
    struct session_record *r = s->record;

    if (!r->answer_bytes || turn != r->session_turn)
        return;
    pthread_mutex_lock(&s->out_lock);
    char *text = ac_heard_text(&s->heard, heard_us);
    pthread_mutex_unlock(&s->out_lock);
    if (strlen(text) < r->answer_bytes) {
        ac_history_amend(s->history, text);
        session_remember_answer(s, turn, text, true);
    }
    free(text);
}

void session_remember_summary(struct ac_session *s, const char *summary)
{
    struct session_record *r = s->record;
    uint32_t folded = ac_history_folded(s->history);

    if (r->kept && folded > r->turns_before)
        post(s, summary_task, folded - r->turns_before, summary, false);
}

/* ---- going on with a conversation ---- */

/* What is said from here on belongs to another conversation (NULL: to one that the next question begins). */
static void turn_to(struct ac_session *s, struct kept *k)
{
    struct session_record *r = s->record;

    session_drop_held(s);
    if (s->running || session_is_audible(s))
        session_stop_turn(s, "request");
    session_forget_summary(s);
    s->in_history = false;
    kept_unref(r->kept);
    r->kept = k;
    r->turn = r->session_turn = r->turns_before = 0;
}

static void begin_new(struct ac_session *s)
{
    turn_to(s, NULL);
    ac_history_restart(s->history, NULL, 0);
}

static void go_on_with(struct ac_session *s, const struct ac_stored_conversation *c)
{
    struct session_record *r = s->record;

    turn_to(s, kept_new(r->client, c->id));
    r->turn = c->turns;
    ac_history_restart(s->history, c->summary, c->summary ? c->summary_turns : 0);
    for (size_t i = 0; i < c->n_messages; i++)
        if (!c->summary || c->messages[i].turn > c->summary_turns)
            ac_history_add(s->history, c->messages[i].role, c->messages[i].text);
    session_send(
        s, "conversation",
        json_pack("{s:s, s:s, s:o}", "id", c->id, "title", c->title, "messages", ac_messages_data(c)));
}

/* What waited for the conversation is handled now, in order; it may itself ask for another one. */
static void handle_deferred(struct session_record *r)
{
    struct deferred *list = r->first;

    r->first = NULL;
    r->last = &r->first;
    while (list) {
        struct deferred *next = list->next;
        list->fn(list->arg);
        free(list);
        list = next;
    }
}

static void end_load(struct ac_session *s, int err, const struct ac_stored_conversation *c)
{
    struct session_record *r = s->record;

    r->loading = 0;
    if (!err) {
        go_on_with(s, c);
    } else {
        session_error(s, err,
                      err == AC_ENOENT ? "there is no such conversation: the next question begins another"
                      : err == AC_ETIMEDOUT
                          ? "the conversation could not be read in time: the next question begins another"
                          : "the conversation could not be read: the next question begins another",
                      0);
        begin_new(s);
    }
    handle_deferred(r);
}

struct load_task {
    struct session_record *record;
    struct ac_store *store;
    unsigned number;
    char client[AC_CLIENT_ID_MAX + 1], id[AC_CONVERSATION_ID_MAX + 1];
};

static void loaded_task(void *arg)
{
    struct ac_session *s = arg;
    struct session_record *r = s->record;
    struct ac_stored_conversation c;

    pthread_mutex_lock(&r->lock);
    int err = r->loaded_err;
    bool awaited = r->loading && r->loaded_number == r->loading;
    c = r->loaded;
    memset(&r->loaded, 0, sizeof r->loaded);
    r->loaded_number = 0;
    pthread_mutex_unlock(&r->lock);
    if (awaited)
        end_load(s, err, &c);
    ac_stored_clear(&c);
}

/* On the history strand. */
static void load_task(void *arg)
{
    struct load_task *t = arg;
    struct session_record *r = t->record;
    struct ac_stored_conversation c;
    int err = ac_store_load(t->store, t->client, t->id, &c);

    pthread_mutex_lock(&r->lock);
    if (r->s) {
        ac_stored_clear(&r->loaded);
        r->loaded = c;
        r->loaded_err = err;
        r->loaded_number = t->number;
        session_post(r->s, loaded_task, r->s);
    } else {
        ac_stored_clear(&c);
    }
    pthread_mutex_unlock(&r->lock);
    record_unref(r);
    free(t);
}

struct late_task {
    struct session_task head;
    unsigned number;
};

static void late_task(void *arg)
{
    struct late_task *t = arg;
    struct ac_session *s = t->head.s;

    if (s->record->loading == t->number)
        end_load(s, AC_ETIMEDOUT, NULL);
    session_task_free(t);
}

void session_open_conversation(struct ac_session *s, const char *client, const char *id)
{
    struct session_record *r = s->record;
    struct load_task *t = ac_zalloc(sizeof *t);
    struct late_task *late = session_task_new(s, sizeof *late);

    r->loading = late->number = t->number = ++r->loads;
    t->record = r;
    t->store = s->hub->store;
    snprintf(t->client, sizeof t->client, "%s", client);
    snprintf(t->id, sizeof t->id, "%s", id);
    atomic_fetch_add(&r->refs, 1);
    hub_history_post(s->hub, load_task, t);
    ac_strand_post(s->strand, ac_now_us() + load_limit_us, 1, late_task, late);
}

bool session_defer(struct ac_session *s, ac_task_fn *fn, void *arg)
{
    struct session_record *r = s->record;

    if (!r->loading)
        return false;
    struct deferred *d = ac_zalloc(sizeof *d);
    *d = (struct deferred){.fn = fn, .arg = arg};
    *r->last = d;
    r->last = &d->next;
    return true;
}

void session_choose_conversation(struct ac_session *s, const char *client, const char *conversation)
{
    struct session_record *r = s->record;
    char why[AC_STORE_REASON + 64];

    if (client && strcmp(client, r->client) != 0) {
        if (r->client[0]) /* somebody else: what was said before is none of theirs */
            begin_new(s);
        snprintf(r->client, sizeof r->client, "%s", client);
    }
    if (!conversation)
        return;
    if (!strcmp(conversation, "new")) {
        begin_new(s);
    } else if (!r->client[0]) {
        session_error(s, AC_EINVAL, "`conversation` needs `client`, the name whose conversation it is", 0);
    } else if (!s->hub->store) {
        snprintf(why, sizeof why, "conversations are not kept here: %s",
                 s->hub->store_reason[0] ? s->hub->store_reason : "history.store is none");
        session_error(s, AC_ENOENT, why, 0);
        begin_new(s);
    } else {
        session_open_conversation(s, r->client, conversation);
    }
}
