/*
 * REST about sessions (docs/protocol.md): one is reserved by whoever may talk; the list, one's time-line, its
 * history and its end are for administrators.
 */
#include "base/mem.h"
#include "server/private.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

/* ---- what jobs do ---- */

static void note(struct job *job, int err)
{
    job->err = err;
    if (err == AC_ENOENT)
        snprintf(job->reason, sizeof job->reason, "there is no such session");
}

static json_t *session_json(const struct ac_session_info *i)
{
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:f, s:I}", "id",
                     i->id, "state", ac_session_state_name(i->state), "opened_ms", (json_int_t)i->opened_ms,
                     "idle_ms", (json_int_t)i->idle_ms, "turn", (json_int_t)i->turn, "turns",
                     (json_int_t)i->turns, "language", i->language, "avatar", i->avatar, "voice", i->voice,
                     "address", i->address, "bytes_in", (json_int_t)i->bytes_in, "bytes_out",
                     (json_int_t)i->bytes_out, "frames", (json_int_t)i->frames, "late_frames",
                     (json_int_t)i->late_frames, "fps", i->fps, "history", (json_int_t)i->history);
}

static void list_sessions(struct job *job)
{
    struct ac_session_info *list;
    size_t n = ac_hub_sessions(job->server->hub, &list);
    json_t *sessions = json_array(), *queue = json_array();
    for (size_t i = 0; i < n; i++)
        if (list[i].state == AC_SESSION_QUEUED)
            json_array_append_new(queue, json_pack("{s:s, s:I}", "id", list[i].id, "waiting_ms",
                                                   (json_int_t)list[i].waiting_ms));
        else
            json_array_append_new(sessions, session_json(&list[i]));
    free(list);
    api_job_json(job, json_pack("{s:o, s:o}", "sessions", sessions, "queue", queue), JSON_COMPACT);
}

static json_t *turn_json(const struct ac_turn_info *t)
{
    json_t *marks = json_object();
    for (int i = 0; i < AC_TURN_MARKS; i++)
        json_object_set_new(marks, ac_timing_name((enum ac_timing)i),
                            t->has_mark[i] ? json_real(t->marks[i]) : json_null());
    return json_pack("{s:I, s:I, s:I, s:o, s:s}", "turn", (json_int_t)t->turn, "question_chars",
                     (json_int_t)t->question_chars, "started_ms", (json_int_t)t->started_ms, "marks", marks,
                     "result", ac_turn_result_name(t->result));
}

static void read_session(struct job *job)
{
    struct ac_session_info info;
    struct ac_turn_info turns[AC_TIMELINE_TURNS];
    size_t n = 0;
    note(job, ac_hub_session(job->server->hub, job->session, &info, turns, &n));
    if (job->err)
        return;
    json_t *j = session_json(&info), *timeline = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(timeline, turn_json(&turns[i]));
    json_object_set_new(j, "timeline", timeline);
    api_job_json(job, j, JSON_COMPACT);
}

/* Whether the client that asks is the session's own. */
static bool is_own(const struct job *job)
{
    struct ac_session_info info;
    size_t n = strlen(job->client);
    return n && !ac_hub_session(job->server->hub, job->session, &info, NULL, NULL) &&
           strlen(info.client) == n && !CRYPTO_memcmp(info.client, job->client, n);
}

static void read_history(struct job *job)
{
    struct ac_said *said;
    size_t n;
    if (!job->admin && !is_own(job)) { /* whether there is such a session is nobody's business */
        job->err = AC_EDENIED;
        job->status = 403;
        snprintf(job->reason, sizeof job->reason,
                 "this is for administrators, and for the session's own client by its X-Client-Id");
        return;
    }
    note(job, ac_hub_session_history(job->server->hub, job->session, &said, &n));
    if (job->err)
        return;
    json_t *messages = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(messages, json_pack("{s:s, s:s, s:I}", "role", said[i].role, "text",
                                                  said[i].text, "turn", (json_int_t)said[i].turn));
    ac_said_free(said, n);
    api_job_json(job, json_pack("{s:o}", "messages", messages), JSON_COMPACT);
}

static void close_session(struct job *job)
{
    note(job, ac_hub_close_session(job->server->hub, job->session));
    job->nothing = true;
}

static void reserve(struct job *job)
{
    struct ac_reserve r = {json_string_value(json_object_get(job->given, "language")),
                           json_string_value(json_object_get(job->given, "avatar")),
                           json_string_value(json_object_get(job->given, "voice"))};
    char id[AC_TOKEN_SIZE], token[AC_TOKEN_SIZE];
    job->err = ac_hub_reserve(job->server->hub, &r, id, token, job->reason);
    if (job->err) {
        job->status = job->err == AC_ENOENT ? 422 : 0; /* the path is right, the choice is not */
        return;
    }
    job->status = 201;
    api_job_json(
        job, json_pack("{s:s, s:s, s:i}", "session_id", id, "resume_token", token, "expires_s", AC_RESERVE_S),
        JSON_COMPACT);
}

/* ---- handlers ---- */

int api_get_sessions(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    return api_post_job(s, wsi, pss, s->admin, api_new_job(pss, list_sessions));
}

int api_get_session(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    return api_post_job(s, wsi, pss, s->admin, api_new_job(pss, read_session));
}

int api_get_session_history(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    static const char header[] = "x-client-id:";
    struct job *job = api_new_job(pss, read_history);
    if (lws_hdr_custom_copy(wsi, job->client, sizeof job->client, header, sizeof header - 1) < 0)
        job->client[0] = '\0';
    return api_post_job(s, wsi, pss, s->admin, job);
}

int api_delete_session(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    return api_post_job(s, wsi, pss, s->admin, api_new_job(pss, close_session));
}

int api_post_session(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    char length[24] = "";
    struct job *job = api_new_job(pss, reserve);
    /* without a body there are no choices */
    bool empty =
        lws_hdr_copy(wsi, length, sizeof length, WSI_TOKEN_HTTP_CONTENT_LENGTH) <= 0 || !strcmp(length, "0");
    if (empty && lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) <= 0)
        return api_post_job(s, wsi, pss, s->lists, job);
    return http_await_body(wsi, pss, job, MAX_BODY_BYTES);
}

/* The first member that is not one of the choices, or no string; NULL = all are. */
static const char *wrong_member(json_t *given)
{
    static const char *const names[] = {"language", "avatar", "voice"};
    const char *key;
    json_t *value;
    json_object_foreach(given, key, value)
    {
        bool known = false;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            known |= !strcmp(key, names[i]);
        if (!known || !json_is_string(value))
            return key;
    }
    return NULL;
}

int api_post_session_body(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    int result = 0;
    json_t *given = api_body_object(wsi, pss, &result);
    if (!given)
        return result;
    const char *wrong = wrong_member(given);
    if (wrong) {
        result =
            http_send_problem(wsi, pss, 400, NULL,
                              "`%.60s`: the body may have language, avatar and voice, each a string", wrong);
        json_decref(given);
        return result;
    }
    struct job *job = pss->req->draft;
    pss->req->draft = NULL;
    job->given = given;
    return api_post_job(s, wsi, pss, s->lists, job);
}
