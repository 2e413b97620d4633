/*
 * Jobs: what a request wants that takes time. The loop thread posts it to a strand, and sends the answer when
 * it finds it finished.
 */
#include "base/log.h"
#include "base/mem.h"
#include "server/private.h"

#include <stdlib.h>
#include <string.h>

enum { JOB_TIMEOUT_S = 60 };

void api_free_job(struct job *job)
{
    if (!job)
        return;
    free(job->text);
    free(job->title);
    free(job->file_name);
    free(job->bytes);
    ac_idle_media_unref(job->media);
    json_decref(job->given);
    json_decref(job->extra);
    ac_token_set_free(job->tokens);
    tls_free(job->tls);
    free(job);
}

struct job *api_new_job(struct pss *pss, void (*work)(struct job *job))
{
    struct job *job = ac_zalloc(sizeof *job);
    job->work = work;
    if (pss) {
        job->admin = pss->req->admin;
        lws_strncpy(job->session, pss->req->id, sizeof job->session);
    }
    return job;
}

json_t *api_body_object(struct lws *wsi, struct pss *pss, int *result)
{
    struct request *r = pss->req;
    json_error_t e;
    json_t *j = json_loadb(r->given.p ? r->given.p : "", r->given.len, JSON_REJECT_DUPLICATES, &e);
    if (json_is_object(j))
        return j;
    *result = j ? http_send_problem(wsi, pss, 400, NULL, "the body must be a JSON object")
                : http_send_problem(wsi, pss, 400, NULL, "the body is not JSON: %s", e.text);
    json_decref(j);
    return NULL;
}

void api_job_json(struct job *job, json_t *value, size_t flags)
{
    job->text = value ? json_dumps(value, flags) : NULL;
    json_decref(value);
    if (!job->text) {
        job->err = AC_EINTERNAL;
        snprintf(job->reason, sizeof job->reason, "the answer could not be written as JSON");
    }
}

static void job_task(void *arg)
{
    struct job *job = arg;
    struct ac_server *s = job->server;
    job->work(job);
    atomic_store(&job->finished, true);
    server_wake(s); /* the job may be gone by now, the server waits for its strands */
}

void api_forget(struct job *job)
{
    job->pss = NULL;
}

int api_post_job(struct ac_server *s, struct lws *wsi, struct pss *pss, struct ac_strand *strand,
                 struct job *job)
{
    job->server = s;
    if (s->n_jobs >= MAX_JOBS || ac_strand_post(strand, 0, 0, job_task, job)) {
        api_free_job(job);
        return pss ? http_send_problem(wsi, pss, 503, NULL, "too many requests are being worked on") : 0;
    }
    job->next = s->jobs;
    s->jobs = job;
    s->n_jobs++;
    if (!pss)
        return 0;
    job->wsi = wsi;
    job->pss = pss;
    pss->req->job = job;
    lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, JOB_TIMEOUT_S);
    return 0;
}

static int http_status(int err)
{
    switch (err) {
    case AC_ENOENT:
        return 404;
    case AC_EINVAL:
        return 400;
    case AC_EMODEL:
    case AC_EIO:
    case AC_EBUSY:
    case AC_EFULL:
    case AC_ENOMEM:
        return 503;
    default:
        return 500;
    }
}

static int refuse(struct job *job)
{
    const char *why = *job->reason ? job->reason : ac_err_text(job->err);
    int status = job->status ? job->status : http_status(job->err);
    job->pss->req->extra = job->extra;
    job->extra = NULL;
    if (status >= 500)
        ac_log_warn("server", "request_failed", AC_S("path", job->pss->req->path),
                    AC_S("error", ac_err_name(job->err)), AC_S("reason", why));
    return http_send_problem(job->wsi, job->pss, status, NULL, "%s", why);
}

static int answer(struct job *job)
{
    struct lws *wsi = job->wsi;
    struct pss *pss = job->pss;
    char ms[16];
    pss->req->job = NULL;
    if (job->err)
        return refuse(job);
    if (job->nothing)
        return http_send_nothing(wsi, pss);
    if (job->text) {
        char *text = job->text;
        job->text = NULL;
        return job->file_name ? http_send_file(wsi, pss, job->type, job->file_name, text)
                              : http_send_text(wsi, pss, job->status ? job->status : 200,
                                               job->type ? job->type : "application/json", text);
    }
    snprintf(ms, sizeof ms, "%d", AC_IDLE_PERIOD_US / 1000);
    char *owned = job->bytes;
    pss->req->media = job->media;
    job->bytes = NULL;
    job->media = NULL;
    return http_send_content(wsi, pss, &job->content, job->idle ? "x-idle-ms:" : NULL, ms, owned);
}

void api_finish_jobs(struct ac_server *s)
{
    for (struct job **at = &s->jobs, *job; (job = *at);) {
        if (!atomic_load(&job->finished)) {
            at = &job->next;
            continue;
        }
        *at = job->next;
        s->n_jobs--;
        if (job->apply)
            job->apply(job);
        if (job->pss && answer(job))
            lws_set_timeout(job->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_ASYNC);
        api_free_job(job);
    }
}

void api_drop_jobs(struct ac_server *s)
{
    while (s->jobs) {
        struct job *next = s->jobs->next;
        api_free_job(s->jobs);
        s->jobs = next;
    }
}

/* ---- reading tokens and certificate again ---- */

static void read_again(struct job *job)
{
    const struct ac_server_config *cfg = job->server->cfg;
    job->err = ac_token_set_load(&job->tokens, cfg, job->reason);
    if (!job->err)
        job->err = tls_load(cfg, &job->tls, job->reason);
}

static void use_again(struct job *job)
{
    struct ac_server *s = job->server;
    if (!job->err && job->tls && s->ssl)
        job->err = tls_use(s->ssl, job->tls, job->reason);
    if (job->err) {
        ac_log_error("server", "reload_refused", AC_S("reason", job->reason),
                     AC_S("effect", "the old tokens and certificate stay"));
        return;
    }
    ac_token_set_free(s->guard.tokens);
    s->guard.tokens = job->tokens;
    job->tokens = NULL;
    ac_log_info("server", "reloaded", AC_B("tls", s->ssl != NULL));
}

void api_reload(struct ac_server *s)
{
    struct job *job = api_new_job(NULL, read_again);
    job->apply = use_again;
    api_post_job(s, NULL, NULL, s->admin, job);
}
