/*
 * What the language model knows of a session: who it is to be, and what was said before.
 *
 * A conversation that grows past its budget is shortened between turns: the oldest half is given to the
 * summariser, and when the summary is there it takes that half's place. Where no engine can sum up the oldest
 * turns are dropped.
 */
#include "core/session_private.h"

#include "base/log.h"
#include "base/mem.h"
#include "core/persona.h"

#include <stdlib.h>
#include <string.h>

enum { RETRY_MESSAGES = 8 /* after a summary failed the next is tried when so many more are there */ };

void session_forget_persona(struct ac_session *s)
{
    free(s->persona);
    s->persona = NULL;
}

struct ac_frame *session_ask(struct ac_session *s, const char *question)
{
    const struct ac_prefs *prefs = &s->choices.prefs;
    char name[NAME_SIZE];

    if (!s->persona)
        s->persona = ac_persona_load(s->hub->cfg, prefs->avatar, prefs->lang);
    hub_avatar_name(s->hub, prefs->avatar, name);
    char *system = ac_persona_fill(s->persona, name, prefs->lang, time(NULL));
    const struct ac_ask ask = {.lang = prefs->lang,
                               .system = system,
                               .max_tokens = (size_t)ac_config_session(s->hub->cfg)->context_tokens};
    struct ac_frame *f = ac_history_ask(s->history, &ask, question);
    f->chat.confirmed = ac_cancel_ref(s->confirmed);
    free(system);
    return f;
}

/* ---- summaries ---- */

/* A summary, or why there is none, posted to the session's strand. */
struct summary_task {
    struct session_task head;
    uint64_t tag;
    int err;
    char text[];
};

static void summary_task(void *arg)
{
    struct summary_task *t = arg;
    struct ac_session *s = t->head.s;

    if (s->summary_n && t->tag == s->summary_tag) {
        if (t->err) {
            ac_log_warn("session", "not_summed_up", AC_S("session", s->id),
                        AC_S("error", ac_err_name(t->err)), AC_S("reason", t->text));
            s->summary_failed = ac_history_count(s->history);
        } else {
            ac_history_fold(s->history, s->summary_n, t->text);
            session_remember_summary(s, t->text);
            s->summary_failed = 0;
            ac_log_info("session", "summed_up", AC_S("session", s->id), AC_I("messages", s->summary_n),
                        AC_I("bytes", strlen(t->text)));
        }
        s->summary_n = 0;
    }
    session_task_free(t);
}

static void on_summary(void *arg, uint64_t tag, int err, const char *text)
{
    struct ac_session *s = arg;
    struct summary_task *t = session_task_new(s, sizeof *t + strlen(text) + 1);

    t->tag = tag;
    t->err = err;
    memcpy(t->text, text, strlen(text) + 1);
    session_post(s, summary_task, t);
}

void session_forget_summary(struct ac_session *s)
{
    s->summary_n = s->summary_failed = 0;
    s->summary_tag++;
}

void session_shorten(struct ac_session *s)
{
    const struct ac_prefs *prefs = &s->choices.prefs;
    size_t max = (size_t)ac_config_session(s->hub->cfg)->context_tokens;
    size_t n = s->summary_n ? 0 : ac_history_excess(s->history, max);

    if (!n || (s->summary_failed && ac_history_count(s->history) < s->summary_failed + RETRY_MESSAGES))
        return;
    if (!ac_summarizer_possible(s->hub->cfg)) {
        ac_history_fold(s->history, n, NULL);
        return;
    }
    if (!s->summarizer) {
        atomic_fetch_add(&s->parts, 1);
        s->summarizer =
            ac_summarizer_new(s->hub->pool, s->hub->models, s->hub->cfg, s->cancel, on_summary, s);
    }
    s->summary_n = n;
    ac_summarizer_start(s->summarizer, ++s->summary_tag, ac_history_to_fold(s->history, n, prefs->lang),
                        prefs);
}
