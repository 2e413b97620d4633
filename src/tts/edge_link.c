/*
 * Connections of the edge engine: at most so many at once, in line; the token and the correction of the clock
 * behind it; one that is opened ahead.
 */
#include "tts/edge_private.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LOOK_US = 20000, SPARE_US = 8000000 };

/* ---- the line ---- */

void edge_line_init(struct edge_model *m)
{
    pthread_condattr_t attr;

    pthread_mutex_init(&m->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&m->freed, &attr);
    pthread_condattr_destroy(&attr);
}

void edge_line_destroy(struct edge_model *m)
{
    ac_ws_close(m->spare);
    m->spare = NULL;
    pthread_cond_destroy(&m->freed);
    pthread_mutex_destroy(&m->lock);
}

static void step_out(struct edge_model *m, struct edge_waiter *w)
{
    struct edge_waiter **at = &m->first, *before = NULL;

    for (; *at != w; at = &(*at)->next)
        before = *at;
    *at = w->next;
    if (m->last == w)
        m->last = before;
    pthread_cond_broadcast(&m->freed); /* the next one may look */
}

static bool is_stale(const struct edge_model *m)
{
    return ac_now_us() - m->spare_since_us >= SPARE_US || !ac_ws_is_open(m->spare);
}

int edge_line_enter(struct edge_model *m, struct ac_ws **spare, struct ac_cancel *cancel)
{
    struct edge_waiter w = {NULL};
    struct ac_ws *stale = NULL;
    int err;

    *spare = NULL;
    pthread_mutex_lock(&m->lock);
    if (m->last)
        m->last->next = &w;
    else
        m->first = &w;
    m->last = &w;
    for (;;) {
        err = ac_cancel_reason(cancel);
        if (err || (m->first == &w && (m->used < m->cfg->max_connections || m->spare)))
            break;
        int64_t at = ac_now_us() + LOOK_US;
        struct timespec ts = {.tv_sec = at / 1000000, .tv_nsec = at % 1000000 * 1000};
        pthread_cond_timedwait(&m->freed, &m->lock, &ts);
    }
    step_out(m, &w);
    if (!err && m->spare) { /* its place comes with it */
        if (is_stale(m))
            stale = m->spare;
        else
            *spare = m->spare;
        m->spare = NULL;
    } else if (!err) {
        m->used++;
    }
    pthread_mutex_unlock(&m->lock);
    ac_ws_close(stale);
    return err;
}

void edge_line_leave(struct edge_model *m)
{
    pthread_mutex_lock(&m->lock);
    m->used--;
    pthread_cond_broadcast(&m->freed);
    pthread_mutex_unlock(&m->lock);
}

/* ---- opening ---- */

int64_t edge_now_s(struct edge_model *m)
{
    pthread_mutex_lock(&m->lock);
    int64_t now = (int64_t)time(NULL) + m->skew_s;
    pthread_mutex_unlock(&m->lock);
    return now;
}

static int connect_once(struct edge_model *m, struct ac_ws **ws, struct ac_ws_refusal *refusal,
                        struct ac_cancel *cancel)
{
    const struct edge_config *c = m->cfg;
    char token[AC_EDGE_TOKEN], id[AC_EDGE_ID], muid[AC_EDGE_ID];

    ac_edge_token(token, edge_now_s(m), c->trusted_client_token);
    ac_edge_random_id(id, false);
    ac_edge_random_id(muid, true);
    char *url = ac_asprintf("%s?TrustedClientToken=%s&ConnectionId=%s&Sec-MS-GEC=%s&Sec-MS-GEC-Version=%s",
                            c->url, c->trusted_client_token, id, token, c->gec_version);
    char *origin = ac_asprintf("Origin: %s", c->origin),
         *agent = ac_asprintf("User-Agent: %s", c->user_agent);
    char *cookie = ac_asprintf("Cookie: muid=%s;", muid);
    /* Pragma and Cache-Control: libwebsockets sends them by itself */
    const char *const headers[] = {
        origin, agent, "Accept-Encoding: gzip, deflate, br, zstd", "Accept-Language: en-US,en;q=0.9",
        cookie, NULL};
    struct ac_ws_request r = {.url = url,
                              .headers = headers,
                              .connect_ms = c->connect_timeout_ms,
                              .proxy = c->proxy,
                              .ca_file = c->ca_file};
    int err = ac_ws_connect(ws, &r, refusal, cancel);
    free(url);
    free(origin);
    free(agent);
    free(cookie);
    return err;
}

/* A refusal that shows what time the service has: the token is made of it. */
static bool correct_clock(struct edge_model *m, const struct ac_ws_refusal *r)
{
    int64_t theirs;

    if (r->status != 403 || !ac_edge_parse_date(r->date, &theirs))
        return false;
    pthread_mutex_lock(&m->lock);
    m->skew_s += theirs - ((int64_t)time(NULL) + m->skew_s);
    int64_t skew = m->skew_s;
    pthread_mutex_unlock(&m->lock);
    ac_log_info("tts.edge", "clock_corrected", AC_I("seconds", skew));
    return true;
}

static struct edge_outcome judge(int err, const struct ac_ws_refusal *r, struct ac_env *env)
{
    if (!err || err == AC_ECANCELED)
        return (struct edge_outcome){.err = err};
    if (r->status == 403) {
        ac_env_fail(env, AC_EENGINE,
                    "the speech service lets nobody in with this token (403): set tts.edge.gec_version and "
                    "user_agent to those of the present Edge");
        return (struct edge_outcome){.err = AC_EENGINE, .service = true};
    }
    if (r->status == 429) {
        ac_env_fail(env, AC_EENGINE,
                    "the speech service has had too many requests from here (429): wait some minutes");
        return (struct edge_outcome){.err = AC_EENGINE, .service = true};
    }
    err = err == AC_ENOTSUP ? AC_ECONFIG : err; /* of the proxy: nothing that would be passed on in silence */
    ac_env_fail(env, err, "the speech service cannot be reached: %.180s", r->reason);
    bool other = err == AC_EIO && (r->untrusted || (r->status && r->status < 500));
    return (struct edge_outcome){
        .err = err, .service = true, .again = (err == AC_EIO || err == AC_ETIMEDOUT) && !other};
}

struct edge_outcome edge_link_open(struct edge_model *m, struct ac_env *env, struct ac_ws **ws,
                                   struct ac_cancel *cancel)
{
    struct ac_ws_refusal refusal;
    int err = connect_once(m, ws, &refusal, cancel);

    if (err && correct_clock(m, &refusal))
        err = connect_once(m, ws, &refusal, cancel);
    if (err && ac_cancelled(cancel))
        err = AC_ECANCELED;
    return judge(err, &refusal, env);
}

void edge_link_warm(struct edge_model *m, struct ac_cancel *cancel)
{
    struct ac_env unheard = {0};
    struct ac_ws *ws = NULL;

    pthread_mutex_lock(&m->lock);
    if (m->spare && is_stale(m)) {
        ac_ws_close(m->spare);
        m->spare = NULL;
        m->used--;
    }
    bool go = !m->spare && !m->first && m->used < m->cfg->max_connections;
    m->used += go;
    pthread_mutex_unlock(&m->lock);
    if (!go)
        return;
    bool open = edge_link_open(m, &unheard, &ws, cancel).err == 0;
    pthread_mutex_lock(&m->lock);
    if (open && !m->spare) {
        m->spare = ws;
        m->spare_since_us = ac_now_us();
        ws = NULL;
    } else {
        m->used--;
    }
    pthread_cond_broadcast(&m->freed);
    pthread_mutex_unlock(&m->lock);
    ac_ws_close(ws);
}
