/*
 * REST for those who look after the server (docs/protocol.md): one snapshot for a panel, the metrics for
 * Prometheus, and whether it lives and is ready.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "server/private.h"

#include <stdlib.h>
#include <string.h>

/* ---- the snapshot ---- */

static json_t *turns_json(struct ac_metrics *m)
{
    uint64_t done = ac_metrics_count(m, AC_COUNT_TURNS_DONE),
             interrupted = ac_metrics_count(m, AC_COUNT_TURNS_INTERRUPTED),
             failed = ac_metrics_count(m, AC_COUNT_TURNS_FAILED);
    uint64_t total = done + interrupted + failed;
    return json_pack("{s:I, s:I, s:I, s:I}", "total", (json_int_t)total, "done", (json_int_t)done,
                     "interrupted", (json_int_t)interrupted, "failed", (json_int_t)failed);
}

/* Those that came up. */
static json_t *errors_json(struct ac_metrics *m)
{
    static const int codes[] = {
#define X(sym, num, name, text, retry) sym,
        AC_ERR_MAP(X)
#undef X
    };
    json_t *j = json_object();
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        uint64_t n = ac_metrics_errors(m, codes[i]);
        if (n)
            json_object_set_new(j, ac_err_name(codes[i]), json_integer((json_int_t)n));
    }
    return j;
}

static void add_degraded(void *arg, const char *stage, const char *from, const char *to, uint64_t n)
{
    json_array_append_new(
        arg, json_pack("{s:s, s:s, s:s, s:I}", "stage", stage, "from", from, "to", to, "n", (json_int_t)n));
}

static json_t *latency_json(struct ac_metrics *m)
{
    json_t *j = json_object();
    for (int t = 0; t < AC_TIME_LOOP_DELAY; t++) {
        struct ac_percentiles p = ac_metrics_percentiles(m, (enum ac_timing)t);
        json_object_set_new(j, ac_timing_name((enum ac_timing)t),
                            json_pack("{s:f, s:f, s:f, s:I}", "p50", p.p50, "p90", p.p90, "p99", p.p99, "n",
                                      (json_int_t)p.n));
    }
    return j;
}

static json_t *queue_json(struct ac_metrics *m, const char *name, enum ac_gauge depth, int dropped)
{
    return json_pack("{s:s, s:I, s:I}", "name", name, "depth", (json_int_t)ac_metrics_gauge(m, depth),
                     "dropped",
                     dropped < 0 ? (json_int_t)0 : (json_int_t)ac_metrics_count(m, (enum ac_counter)dropped));
}

static json_t *queues_json(struct ac_metrics *m)
{
    json_t *j = json_array();
    json_array_append_new(j, queue_json(m, "sessions", AC_GAUGE_QUEUE_SESSIONS, AC_COUNT_REFUSED_FULL));
    json_array_append_new(j, queue_json(m, "turns", AC_GAUGE_QUEUE_TURNS, -1));
    json_array_append_new(j, queue_json(m, "tasks", AC_GAUGE_QUEUE_TASKS, -1));
    json_array_append_new(
        j, queue_json(m, "microphone", AC_GAUGE_QUEUE_MICROPHONE, AC_COUNT_DROPPED_MICROPHONE));
    json_array_append_new(j, queue_json(m, "recognizer", AC_GAUGE_QUEUE_RECOGNIZER, -1));
    json_array_append_new(j,
                          queue_json(m, "sentences", AC_GAUGE_QUEUE_SENTENCES, AC_COUNT_DROPPED_SENTENCES));
    return j;
}

static json_t *models_json(struct ac_models *models)
{
    struct ac_model_info *infos;
    size_t n = ac_models_infos(models, &infos);
    json_t *j = json_array();
    for (size_t i = 0; i < n; i++) {
        const struct ac_model_info *m = &infos[i];
        json_t *one = json_pack("{s:s, s:b, s:I, s:I, s:I}", "engine", m->name, "open", m->open, "users",
                                (json_int_t)m->users, "idle_s", (json_int_t)(m->idle_us / 1000000), "loads",
                                (json_int_t)m->loads);
        if (m->err)
            json_object_set_new(one, "error", json_string(m->reason[0] ? m->reason : ac_err_text(m->err)));
        json_array_append_new(j, one);
    }
    free(infos);
    return j;
}

static json_t *history_json(struct ac_metrics *m)
{
    struct ac_metrics_sample *samples = ac_alloc(AC_METRICS_SAMPLES * sizeof *samples);
    size_t n = ac_metrics_samples(m, samples, AC_METRICS_SAMPLES);
    json_t *j = json_array();
    for (size_t i = 0; i < n; i++) {
        const struct ac_metrics_sample *x = &samples[i];
        json_array_append_new(j, json_pack("{s:I, s:i, s:i, s:I, s:f, s:f, s:f}", "t_ms", (json_int_t)x->t_ms,
                                           "talking", x->talking, "sessions", x->sessions, "rss_bytes",
                                           (json_int_t)x->rss_bytes, "cpu", x->cpu, "turns_per_min",
                                           x->turns_per_min, "first_fragment_p50", x->first_fragment_p50));
    }
    free(samples);
    return j;
}

/* Sets a member, which is taken over. */
static void put(json_t *j, const char *key, json_t *value)
{
    json_object_set_new(j, key, value);
}

static void put_count(json_t *j, const char *key, uint64_t value)
{
    put(j, key, json_integer((json_int_t)value));
}

static void read_monitor(struct job *job)
{
    struct ac_server *s = job->server;
    struct ac_metrics *m = ac_hub_metrics(s->hub);
    struct ac_hub_status st = ac_hub_status(s->hub);
    struct ac_process_stats p = ac_process_stats();
    struct ac_percentiles delay = ac_metrics_percentiles(m, AC_TIME_LOOP_DELAY);
    json_t *degraded = json_array(), *j = json_object();
    ac_metrics_each_degraded(m, add_degraded, degraded);
    put_count(j, "at_ms", (uint64_t)ac_unix_ms());
    put_count(j, "uptime_s", (uint64_t)(ac_now_us() - s->start_us) / 1000000);
    put(j, "version", json_string(AC_VERSION));
    put_count(j, "sessions", st.sessions);
    put_count(j, "detached", st.detached);
    put_count(j, "talking", st.talking);
    put_count(j, "queue", st.queued);
    put_count(j, "waiting_turns", st.waiting_turns);
    put(j, "limits", json_pack("{s:i, s:i}", "max_sessions", st.max_sessions, "max_talking", st.max_talking));
    put(j, "turns", turns_json(m));
    put(j, "errors", errors_json(m));
    put(j, "degraded", degraded);
    put(j, "latency", latency_json(m));
    put(j, "frames",
        json_pack("{s:I, s:I, s:I}", "rendered", (json_int_t)ac_metrics_count(m, AC_COUNT_FRAMES_RENDERED),
                  "late", (json_int_t)ac_metrics_count(m, AC_COUNT_FRAMES_LATE), "dropped",
                  (json_int_t)ac_metrics_count(m, AC_COUNT_FRAMES_DROPPED)));
    put(j, "bytes",
        json_pack("{s:I, s:I}", "in", (json_int_t)ac_metrics_count(m, AC_COUNT_BYTES_IN), "out",
                  (json_int_t)ac_metrics_count(m, AC_COUNT_BYTES_OUT)));
    put_count(j, "rss_bytes", p.rss_bytes);
    put(j, "cpu_s", json_real(p.cpu_s));
    put(j, "cores", json_integer(ac_cores()));
    put(j, "loop_delay_ms",
        json_pack("{s:f, s:f, s:f}", "p50", delay.p50, "p99", delay.p99, "max", delay.max));
    put(j, "queues", queues_json(m));
    put(j, "models", models_json(ac_hub_models(s->hub)));
    put(j, "memory", api_memory_json(&st));
    put(j, "history", history_json(m));
    put(j, "draining", json_boolean(st.draining));
    api_job_json(job, j, JSON_COMPACT);
}

int api_get_monitor(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    return api_post_job(s, wsi, pss, s->admin, api_new_job(pss, read_monitor));
}

/* ---- Prometheus, life ---- */

static void write_metrics(struct job *job)
{
    struct ac_str out = {0};
    ac_metrics_write(ac_hub_metrics(job->server->hub), &out);
    job->text = ac_str_steal(&out);
    job->type = "text/plain; version=0.0.4; charset=utf-8";
}

int api_get_metrics(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    return api_post_job(s, wsi, pss, s->admin, api_new_job(pss, write_metrics));
}

int api_get_health(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    (void)s;
    return http_send_text(wsi, pss, 200, "text/plain; charset=utf-8", ac_strdup("ok\n"));
}

static void look_ready(struct job *job)
{
    struct ac_str reasons = {0};
    bool ready = ac_hub_ready(job->server->hub, &reasons);
    json_t *list = json_array();
    for (const char *p = reasons.p; p && *p;) {
        size_t n = strcspn(p, "\n");
        json_array_append_new(list, json_stringn(p, n));
        p += n + (p[n] == '\n');
    }
    ac_str_free(&reasons);
    if (!ready) /* on a server that nobody has used yet: the next look finds them loaded, or why they are not
                 */
        ac_hub_warm_up(job->server->hub);
    job->status = ready ? 200 : 503;
    api_job_json(job, json_pack("{s:b, s:o}", "ready", ready, "reasons", list), JSON_COMPACT);
}

int api_get_ready(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    return api_post_job(s, wsi, pss, s->admin, api_new_job(pss, look_ready));
}
