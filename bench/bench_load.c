/*
 * bench_load: many people at once, with the real engines. Prints JSON.
 *
 *     bench_load talk SESSIONS ROUNDS [KEY=VALUE…]     all talk at once, each ROUNDS answers
 *     bench_load churn TOTAL AT_ONCE [KEY=VALUE…]      so many sessions come, talk shortly and go
 *     bench_load idle CONNECTIONS PROGRAM [KEY=VALUE…] WebSockets to `PROGRAM serve` that do nothing
 *
 * Each session is played as a page would do it: it begins 80 ms after the first fragment, and a fragment that
 * comes after the one before has been played is an underrun; then it waits and goes on. KEY=VALUE: options of
 * the configuration. The hub is in this process, so that CPU and memory are those of both; the players take
 * little.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/bench_stats.h"
#include "core/hub.h"
#include "load_idle.h"

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BEGIN_US = 80000,
    MAX_SETS = 32,
    GRACE_MS = 20000,
    PATIENCE_US = 300000000,
    SETTLE_US = 3000000,
    SAMPLES = 10
};

static const char *const texts[] = {
    "Good morning. I am glad that you are here today. We have a lot to talk about, and all the time that we "
    "need "
    "for it. Let us begin with the first of your questions, and then see where it leads us.",
    "The library opens at nine in the morning. You can borrow up to ten books at a time, and keep them for "
    "four "
    "weeks. If somebody else is waiting for one of them, we will send you a message.",
    "Rain is likely in the afternoon, so take a coat with you. Towards the evening it will clear up, and "
    "tomorrow "
    "is going to be sunny and warm. At night the temperature falls to twelve degrees.",
};

/* What all players have seen. */
struct tally {
    pthread_mutex_t lock;
    struct ac_samples first_ms, late_ms;
    uint64_t fragments, underruns, errors, refused, done, queued;
    char reason[200];
};

struct player {
    struct tally *tally;
    struct ac_session *session;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int64_t asked_us, play_us; /* lock: play_us: when media time 0 is shown; 0 = not begun */
    bool over;                 /* lock: the turn */
    int number, rounds;
    const char *text;
    pthread_t thread;
    struct ac_hub *hub;
};

/* ---- playing ---- */

static double number_after(const char *text, const char *key)
{
    const char *at = strstr(text, key);

    return at ? strtod(at + strlen(key), NULL) : 0;
}

static void hear(struct player *p, const char *text)
{
    int64_t now = ac_now_us();
    int64_t start = (int64_t)(number_after(text, "\"start_ms\":") * 1000);
    int64_t late = p->play_us ? now - p->play_us - start : 0;
    struct tally *t = p->tally;

    pthread_mutex_lock(&t->lock);
    t->fragments++;
    if (!p->play_us)
        ac_samples_add(&t->first_ms, (double)(now - p->asked_us) / 1000);
    if (late > 0) {
        t->underruns++;
        ac_samples_add(&t->late_ms, (double)late / 1000);
    }
    pthread_mutex_unlock(&t->lock);
    if (!p->play_us)
        p->play_us = now + BEGIN_US - start;
    else if (late > 0)
        p->play_us += late + BEGIN_US;
}

static void fault(struct player *p, const char *text)
{
    pthread_mutex_lock(&p->tally->lock);
    if (!p->tally->errors++)
        snprintf(p->tally->reason, sizeof p->tally->reason, "%s", text);
    pthread_mutex_unlock(&p->tally->lock);
}

static bool is(const char *text, const char *type)
{
    char head[64];

    snprintf(head, sizeof head, "\"type\":\"%s\"", type);
    return strstr(text, head) != NULL;
}

static int on_message(void *arg, const char *text, size_t len, const char *binary, size_t n)
{
    struct player *p = arg;

    (void)len, (void)n;
    pthread_mutex_lock(&p->lock);
    if (binary) {
        hear(p, text);
    } else if (is(text, "turn_done") || is(text, "interrupted")) {
        p->over = true;
        pthread_cond_signal(&p->changed);
    } else if (is(text, "queued")) {
        pthread_mutex_lock(&p->tally->lock);
        p->tally->queued++;
        pthread_mutex_unlock(&p->tally->lock);
    } else if (is(text, "error") || is(text, "degraded")) {
        if (!strstr(text, "\"code\":\"busy\""))
            fault(p, text);
    }
    pthread_mutex_unlock(&p->lock);
    return 0;
}

/* One answer, heard to its end; how long that takes is its length. False: it did not come. */
static bool one_turn(struct player *p, const char *text, bool listen)
{
    char message[1024];
    int n = snprintf(message, sizeof message, "{\"type\":\"say\",\"text\":\"%s\"}", text);
    struct timespec until;

    pthread_mutex_lock(&p->lock);
    p->over = false;
    p->play_us = 0;
    p->asked_us = ac_now_us();
    pthread_mutex_unlock(&p->lock);
    ac_session_message(p->session, message, (size_t)n);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_US / 1000000;
    pthread_mutex_lock(&p->lock);
    while (!p->over && pthread_cond_timedwait(&p->changed, &p->lock, &until) == 0)
        ;
    bool over = p->over;
    pthread_mutex_unlock(&p->lock);
    if (listen)
        ac_sleep_us(1000000); /* the rest is played */
    if (!over)
        fault(p, "an answer did not come to its end");
    return over;
}

static bool open_player(struct player *p)
{
    struct ac_port port = {.arg = p, .send = on_message};
    char id[32];

    snprintf(id, sizeof id, "load-%d", p->number);
    int err = ac_session_open(&p->session, p->hub, id, &port);
    if (err) {
        pthread_mutex_lock(&p->tally->lock);
        p->tally->refused++;
        pthread_mutex_unlock(&p->tally->lock);
    }
    return !err;
}

static void *talk_main(void *arg)
{
    struct player *p = arg;
    const size_t n = sizeof texts / sizeof *texts;

    ac_sleep_us(p->number * 37000 % 2000000); /* people do not all begin at once */
    for (int i = 0; p->session && i < p->rounds; i++) {
        bool done = one_turn(p, texts[(size_t)(p->number + i) % n], true);
        pthread_mutex_lock(&p->tally->lock);
        p->tally->done += done;
        pthread_mutex_unlock(&p->tally->lock);
    }
    return NULL;
}

static struct player *new_players(struct ac_hub *hub, struct tally *t, int n, int rounds)
{
    struct player *list = ac_zalloc((size_t)n * sizeof *list);

    for (int i = 0; i < n; i++) {
        list[i] = (struct player){.tally = t, .number = i, .rounds = rounds, .hub = hub};
        pthread_mutex_init(&list[i].lock, NULL);
        pthread_cond_init(&list[i].changed, NULL);
    }
    return list;
}

static int start(pthread_t *thread, void *(*fn)(void *), void *arg)
{
    pthread_attr_t attr;

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 256 << 10);
    int err = pthread_create(thread, &attr, fn, arg);
    pthread_attr_destroy(&attr);
    return err;
}

static json_t *mb(uint64_t bytes)
{
    uint64_t hundredths = bytes / 10486;

    return json_real((double)hundredths / 100);
}

/* ---- talk ---- */

/* The engines are loaded and drawn before anything is measured. */
static void warm_up(struct ac_hub *hub, struct tally *t)
{
    struct player *p = new_players(hub, t, 1, 1);

    p->number = 1000000;
    if (open_player(p)) {
        one_turn(p, "Hello.", false);
        ac_session_close(p->session);
    }
    free(p);
    t->fragments = t->underruns = 0;
    ac_samples_free(&t->first_ms);
    ac_samples_free(&t->late_ms);
    ac_sleep_us(SETTLE_US); /* what else the first session has loaded */
    malloc_trim(0);
}

static json_t *talk_result(struct ac_hub *hub, struct tally *t, int64_t us, int64_t cpu_us, uint64_t rss,
                           uint64_t idle_rss, int n)
{
    struct ac_metrics *m = ac_hub_metrics(hub);
    struct ac_percentiles wait = ac_metrics_percentiles(m, AC_TIME_QUEUED);

    return json_pack(
        "{s:i, s:I, s:I, s:I, s:f, s:o, s:f, s:I, s:I, s:I, s:f, s:o, s:o, s:i, s:I, s:f, s:I, s:I, s:s}",
        "sessions", n, "turns", (json_int_t)t->done, "fragments", (json_int_t)t->fragments, "underruns",
        (json_int_t)t->underruns, "worst_late_ms", ac_samples_quantile(&t->late_ms, 1), "first_fragment_ms",
        ac_samples_json(&t->first_ms), "first_fragment_p99_ms", ac_samples_quantile(&t->first_ms, 0.99),
        "pictures", (json_int_t)ac_metrics_count(m, AC_COUNT_FRAMES_RENDERED), "late_frames",
        (json_int_t)ac_metrics_count(m, AC_COUNT_FRAMES_LATE), "left_out",
        (json_int_t)ac_metrics_count(m, AC_COUNT_FRAMES_DROPPED), "cores", (double)cpu_us / (double)us,
        "rss_mb", mb(rss), "mb_a_session", mb(rss > idle_rss ? (rss - idle_rss) / (uint64_t)n : 0),
        "talking_limit", (int)ac_metrics_gauge(m, AC_GAUGE_TALK_LIMIT), "turns_waited",
        (json_int_t)ac_metrics_count(m, AC_COUNT_TURNS_WAITED), "wait_p90_ms", wait.p90, "refused",
        (json_int_t)t->refused, "errors", (json_int_t)t->errors, "first_error", t->reason);
}

static json_t *talk(struct ac_hub *hub, struct tally *t, int n, int rounds)
{
    uint64_t idle_rss, rss = 0;

    warm_up(hub, t);
    idle_rss = ac_rss_bytes();
    struct player *list = new_players(hub, t, n, rounds);
    for (int i = 0; i < n; i++)
        open_player(&list[i]);
    int64_t begin = ac_now_us(), cpu = ac_process_cpu_us();
    for (int i = 0; i < n; i++)
        start(&list[i].thread, talk_main, &list[i]);
    for (int i = 0; i < n; i++) {
        pthread_join(list[i].thread, NULL);
        uint64_t now = ac_rss_bytes();
        rss = now > rss ? now : rss;
    }
    json_t *result = talk_result(hub, t, ac_now_us() - begin, ac_process_cpu_us() - cpu, rss, idle_rss, n);
    for (int i = 0; i < n; i++)
        ac_session_close(list[i].session);
    ac_sleep_us(500000);
    free(list);
    return result;
}

/* ---- churn ---- */

struct churn {
    atomic_int left, next, done;
    struct ac_hub *hub;
    struct tally *tally;
};

/* Sessions one after another, each used in one of the ways that people have. */
static void *churn_main(void *arg)
{
    static const char never[] = "{\"type\":\"say\",\"text\":\"Never mind.\"}";
    struct churn *c = arg;
    struct player *p = new_players(c->hub, c->tally, 1, 1);

    while (atomic_fetch_sub(&c->left, 1) > 0) {
        p->number = atomic_fetch_add(&c->next, 1);
        if (open_player(p)) {
            switch (p->number % 4) {
            case 0: /* interrupted */
                ac_session_message(p->session, never, sizeof never - 1);
                ac_sleep_us(20000);
                break;
            default:
                one_turn(p, "Hi.", false);
            }
            if (p->number % 4 == 1)
                ac_session_detach(p->session);
            else
                ac_session_close(p->session);
        }
        atomic_fetch_add(&c->done, 1);
    }
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->changed);
    free(p);
    return NULL;
}

static json_t *sample(int done)
{
    struct ac_process_stats p = ac_process_stats();

    return json_pack("{s:i, s:o, s:i, s:i}", "sessions", done, "rss_mb", mb(p.rss_bytes), "fds", p.fds,
                     "threads", p.threads);
}

static json_t *churn(struct ac_hub *hub, struct tally *t, int total, int at_once)
{
    struct churn c = {.left = total, .hub = hub, .tally = t};
    pthread_t *threads = ac_zalloc((size_t)at_once * sizeof *threads);
    json_t *samples = json_array();
    int taken = 0;

    warm_up(hub, t);
    json_array_append_new(samples, sample(0));
    int64_t begin = ac_now_us();
    for (int i = 0; i < at_once; i++)
        start(&threads[i], churn_main, &c);
    while (atomic_load(&c.done) < total) {
        ac_sleep_us(100000);
        if (atomic_load(&c.done) < (taken + 1) * (total / SAMPLES) || taken + 1 >= SAMPLES)
            continue;
        taken++;
        json_array_append_new(samples, sample(atomic_load(&c.done)));
    }
    for (int i = 0; i < at_once; i++)
        pthread_join(threads[i], NULL);
    double seconds = (double)(ac_now_us() - begin) / 1e6;
    ac_sleep_us(7000000); /* waiting threads end after a while, and so do detached sessions */
    malloc_trim(0);
    json_array_append_new(samples, sample(total));
    free(threads);
    return json_pack("{s:i, s:i, s:f, s:I, s:I, s:s, s:i, s:o}", "total", total, "at_once", at_once,
                     "seconds", seconds, "refused", (json_int_t)t->refused, "errors", (json_int_t)t->errors,
                     "first_error", t->reason, "sessions_left", (int)ac_hub_status(hub).sessions, "samples",
                     samples);
}

/* ---- */

static int load_config(struct ac_config **cfg, char **sets, int n)
{
    const char *all[MAX_SETS] = {"history.store=none", "log.level=error", "server.max_sessions=20000",
                                 "server.resume_s=2"};
    size_t count = 4;
    struct ac_str errors = {0};

    for (int i = 0; i < n && count < MAX_SETS; i++)
        all[count++] = sets[i];
    int err = ac_config_load(cfg, NULL, all, count, &errors);
    if (err)
        fprintf(stderr, "%s", errors.p);
    ac_str_free(&errors);
    return err;
}

static int usage(void)
{
    fputs("bench_load talk SESSIONS ROUNDS [KEY=VALUE…]\n"
          "bench_load churn TOTAL AT_ONCE [KEY=VALUE…]\n"
          "bench_load idle CONNECTIONS PROGRAM [KEY=VALUE…]\n",
          stderr);
    return 2;
}

int main(int argc, char **argv)
{
    struct ac_config *cfg;
    struct ac_hub *hub;
    struct tally t = {.lock = PTHREAD_MUTEX_INITIALIZER};
    json_t *result;

    ac_mem_settle(); /* as the program does */
    if (argc < 4 || atoi(argv[2]) < 1)
        return usage();
    if (!strcmp(argv[1], "idle"))
        return load_idle(atoi(argv[2]), argv[3], argv + 4, argc - 4);
    bool talks = !strcmp(argv[1], "talk");
    if (atoi(argv[3]) < 1 || (!talks && strcmp(argv[1], "churn") != 0))
        return usage();
    ac_log_setup(AC_LOG_ERROR, AC_LOG_LOGFMT, 2);
    if (load_config(&cfg, argv + 4, argc - 4) || ac_hub_new(&hub, cfg))
        return 1;
    result =
        talks ? talk(hub, &t, atoi(argv[2]), atoi(argv[3])) : churn(hub, &t, atoi(argv[2]), atoi(argv[3]));
    json_dumpf(result, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    puts("");
    json_decref(result);
    ac_hub_free(hub, GRACE_MS);
    ac_config_free(cfg);
    ac_samples_free(&t.first_ms);
    ac_samples_free(&t.late_ms);
    return t.errors ? 1 : 0;
}
