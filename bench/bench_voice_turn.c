/*
 * How long the picture waits for a voice that comes over the network: the edge engine against the service on
 * the loopback, the real server (lip sync by the sound, the drawn person, H.264), a WebSocket client. From
 * the first MP3 bytes leaving the service to the first video fragment at the client, on one clock. Prints
 * JSON.
 *
 *     bench_voice_turn [ROUNDS]
 *
 * `burst`: the service sends as fast as it can; `paced`: 120 ms of sound every 30 ms, four times playing
 * speed.
 */
#include "base/clock.h"
#include "cli/bench_stats.h"
#include "fake/fake_edge.h"
#include "integration/ws_client.h"
#include "live_server.h"

#include <stdio.h>
#include <stdlib.h>

enum { WAIT_MS = 20000, PAUSE_MS = 300 };

static bool round_of(struct live_server *live, struct fake_edge *service, int i, struct ac_samples *ms)
{
    struct ws_client c;
    bool ok = ws_connect(&c, live->port, "/ws", NULL) == 101;

    if (ok) {
        ws_read_for(&c, PAUSE_MS);
        ws_text(&c, "{\"type\":\"say\",\"text\":\"This is sentence number %d of them.\"}", i);
        int video = ws_wait(&c, "video_chunk_meta", 0, WAIT_MS);
        int bytes = video >= 0 ? ws_wait(&c, "", (size_t)video, WAIT_MS) : -1;
        ok = bytes >= 0;
        if (ok && i > 0) /* the first one loads and fills */
            ac_samples_add(ms, (double)(c.messages[bytes].at_us - fake_edge_first_us(service)) / 1000);
    }
    ws_close(&c);
    return ok;
}

static int run(const char *name, int frame_ms, int rounds)
{
    struct fake_edge *service = fake_edge_start(&(struct fake_edge_config){.frame_ms = frame_ms});
    struct ac_samples ms = {0};
    struct live_server live;
    char url[160], set[200];
    const char *sets[] = {"tts.use=edge", set, "tts.edge.cache_mb=0"};

    fake_edge_url(service, url, sizeof url);
    snprintf(set, sizeof set, "tts.edge.url=%s", url);
    int result = live_server_start(&live, sets, sizeof sets / sizeof *sets);
    if (!result) {
        for (int i = 0; !result && i <= rounds; i++)
            result = !round_of(&live, service, i, &ms);
        if (result)
            fprintf(stderr, "bench_voice_turn: no picture came within %d s\n", WAIT_MS / 1000);
        live_server_stop(&live);
    }
    json_t *o = json_pack("{s:s, s:o}", "service", name, "first_mp3_to_fragment_ms", ac_samples_json(&ms));
    char *text = json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    printf("%s\n", text);
    free(text);
    json_decref(o);
    ac_samples_free(&ms);
    fake_edge_stop(service);
    return result;
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 20;

    return run("burst", 0, rounds) || run("paced", 30, rounds);
}
