/*
 * One measured talker for the benchmarks: a speaker whose fragments are counted and timed, not kept. The
 * calling thread drives it and waits; the work is done by the pool.
 */
#ifndef AC_CLI_BENCH_TALK_H
#define AC_CLI_BENCH_TALK_H

#include "core/speaker.h"

struct ac_bench_talk;

struct ac_bench_result {
    struct ac_speaker_times times;
    size_t bytes, fragments;
    int64_t
        late_us; /* how late the worst fragment came for a player that began with the first; 0 = none was */
    int64_t media_us; /* length of the video */
    int errors;
    char reason[256]; /* of the first error */
};

int ac_bench_talk_open(struct ac_bench_talk **t, const struct ac_config *cfg, struct ac_models *models,
                       struct ac_pool *pool, const char *lang, bool paced);
/* Begins a turn: the speaker opens its engines and its encoder in the background. */
int ac_bench_talk_begin(struct ac_bench_talk *t);
/* Gives one sentence to the turn. */
int ac_bench_talk_say(struct ac_bench_talk *t, const char *text);
/* Ends the turn and waits for its last fragment. AC_ETIMEDOUT after a minute, AC_EENGINE where something
 * failed. */
int ac_bench_talk_finish(struct ac_bench_talk *t, struct ac_bench_result *result);
/* Stops the turn where it is and gives what was measured so far. */
void ac_bench_talk_stop(struct ac_bench_talk *t, struct ac_bench_result *result);
void ac_bench_talk_close(struct ac_bench_talk *t); /* waits; NULL is fine */

#endif
