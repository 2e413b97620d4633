/*
 * How much of the waiting for a language model is ours. A model on the loopback answers a question word by
 * word, at a model's speed; the real server (real engines, real WebSocket) passes it on. Measured on one
 * clock:
 *
 *   first token   from the moment when the model's first word is on its socket to the `text_chunk` at the
 * client first clause  from the last word of the first clause to the first video fragment at the client
 *
 *     bench_llm [--rounds N] [--word-ms D]
 *
 * Prints JSON, in milliseconds.
 */
#include "base/clock.h"
#include "base/log.h"
#include "fake/fake_openai.h"
#include "integration/ws_client.h"
#include "server/server.h"

#include "cli/bench_stats.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT_MS = 20000, PAUSE_MS = 300, GRACE_MS = 5000 };

static const struct {
    const char *lang, *question, *answer;
    size_t piece;  /* characters in a token; 0 = a word */
    size_t clause; /* token that ends the first clause */
} talks[] = {
    {"en", "Where is the station?",
     "Of course I can show you the way, it is just behind the old town hall. Turn left at the market.", 0, 7},
    {"zh-CN", "车站在哪里？", "当然可以告诉你应该怎么走，车站就在老市政厅的后面。在市场左转。", 1, 12},
};

/* When each piece of the answer went out. */
struct times {
    _Atomic int64_t sent_us[64];
};

static void on_sent(void *arg, size_t piece)
{
    struct times *t = arg;

    if (piece < sizeof t->sent_us / sizeof *t->sent_us)
        atomic_store(&t->sent_us[piece], ac_now_us());
}

static void *run_server(void *arg)
{
    ac_server_run(arg);
    return NULL;
}

static bool round_of(int port, size_t talk, struct times *t, struct ac_samples *token,
                     struct ac_samples *clause)
{
    struct ws_client c;
    bool ok = ws_connect(&c, port, "/ws", NULL) == 101;

    if (ok) {
        ws_text(&c, "{\"type\":\"hello\",\"language\":\"%s\"}", talks[talk].lang);
        ws_read_for(&c, PAUSE_MS); /* the engines are warm, as when somebody types */
        ws_text(&c, "{\"type\":\"text\",\"text\":\"%s\"}", talks[talk].question);
        int text = ws_wait(&c, "text_chunk", 0, WAIT_MS), video = ws_wait(&c, "video_chunk_meta", 0, WAIT_MS);
        int bytes = video >= 0 ? ws_wait(&c, "", (size_t)video, WAIT_MS) : -1;
        ok = text >= 0 && bytes >= 0 && ws_wait(&c, "turn_done", 0, WAIT_MS) >= 0;
        if (ok) {
            ac_samples_add(token, (double)(c.messages[text].at_us - atomic_load(&t->sent_us[0])) / 1000);
            ac_samples_add(clause,
                           (double)(c.messages[bytes].at_us - atomic_load(&t->sent_us[talks[talk].clause])) /
                               1000);
        }
    }
    ws_close(&c);
    return ok;
}

/* All rounds against a server that runs. */
static int measure(int port, size_t talk, int rounds, struct times *t)
{
    struct ac_samples token = {0}, clause = {0};
    bool ok = true;

    for (int i = 0; ok && i <= rounds; i++) {
        ok = round_of(port, talk, t, &token, &clause);
        if (!i) /* loads and fills */
            ac_samples_free(&token), ac_samples_free(&clause), token = clause = (struct ac_samples){0};
    }
    if (ok) {
        json_t *o =
            json_pack("{s:s, s:o, s:o}", "language", talks[talk].lang, "first_token_ms",
                      ac_samples_json(&token), "first_clause_to_fragment_ms", ac_samples_json(&clause));
        char *text = json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
        printf("%s\n", text);
        free(text);
        json_decref(o);
    }
    ac_samples_free(&token);
    ac_samples_free(&clause);
    return ok ? 0 : 1;
}

static int run(size_t talk, int rounds, int word_ms)
{
    struct times t = {0};
    const struct fake_openai_reply reply = {.text = talks[talk].answer,
                                            .piece = talks[talk].piece,
                                            .piece_ms = word_ms,
                                            .first_ms = 20,
                                            .usage = true,
                                            .sent = on_sent,
                                            .sent_arg = &t};
    struct fake_openai *model = fake_openai_start(&(struct fake_openai_config){.replies = &reply, .n = 1});
    char url[128], reason[256] = "";
    const char *sets[] = {"llm.use=openai",     url,
                          "history.store=none", "server.port=0",
                          "log.level=warn",     "llm.openai.model=test"};
    struct ac_config *cfg;
    struct ac_str errors = {0};
    struct ac_hub *hub;
    struct ac_server *server;
    pthread_t thread;

    snprintf(url, sizeof url, "llm.openai.base_url=%s", fake_openai_url(model));
    if (ac_config_load(&cfg, NULL, sets, sizeof sets / sizeof *sets, &errors)) {
        fprintf(stderr, "bench_llm: %s\n", errors.p);
        return 1;
    }
    ac_log_setup(AC_LOG_WARN, AC_LOG_LOGFMT, 2);
    if (ac_hub_new(&hub, cfg) || ac_server_start(&server, hub, NULL, reason)) {
        fprintf(stderr, "bench_llm: %s\n", reason);
        return 1;
    }
    pthread_create(&thread, NULL, run_server, server);
    int result = measure(ac_server_port(server), talk, rounds, &t);
    if (result)
        fprintf(stderr, "bench_llm: an answer did not come within %d s\n", WAIT_MS / 1000);
    ac_server_stop(server);
    pthread_join(thread, NULL);
    ac_server_free(server);
    ac_hub_free(hub, GRACE_MS);
    ac_config_free(cfg);
    fake_openai_stop(model);
    return result;
}

int main(int argc, char **argv)
{
    int rounds = 20, word_ms = 30;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--rounds"))
            rounds = atoi(argv[i + 1]);
        else if (!strcmp(argv[i], "--word-ms"))
            word_ms = atoi(argv[i + 1]);
    }
    for (size_t i = 0; i < sizeof talks / sizeof *talks; i++)
        if (run(i, rounds, word_ms))
            return 1;
    return 0;
}
