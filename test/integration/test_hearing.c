/*
 * Avatars that hear: what the speaker gives them and when, who takes over when one fails, and how work is
 * saved (test/fake/fake_hearing.h notes it).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "core/idle.h"
#include "fake/fake_client.h"
#include "fake/fake_engines.h"
#include "fake/fake_hearing.h"
#include "fake/fake_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FPS = 25 };

struct scene {
    struct fake_world world;
    struct fake_client client;
    struct fake_ear_event events[FAKE_EAR_EVENTS];
    size_t n;
};

static struct scene *scene_open(const char *use, const char *avatar, const char *more)
{
    struct scene *s = calloc(1, sizeof *s);
    char set[64];
    const char *sets[2] = {set, more};

    assert_non_null(s);
    snprintf(set, sizeof set, "avatar.use=[%s]", use);
    fake_world_open(&s->world, sets, more ? 2 : 1);
    fake_client_open(&s->client, s->world.hub, "one");
    assert_true(fake_client_wait(&s->client, "listen", 0) >= 0);
    assert_int_equal(fake_client_send(&s->client, "{\"type\":\"config\",\"avatar\":\"%s\"}", avatar), 0);
    fake_ear_clear();
    return s;
}

static void scene_close(struct scene *s)
{
    fake_client_close(&s->client);
    assert_true(fake_world_close(&s->world));
    free(s);
}

/* One turn to its end; what the avatar was asked meanwhile is in s->events afterwards. */
static size_t say(struct scene *s, const char *text)
{
    size_t from = fake_client_total(&s->client);

    assert_int_equal(fake_client_send(&s->client, "{\"type\":\"say\",\"text\":\"%s\"}", text), 0);
    assert_true(fake_client_wait(&s->client, "turn_done", from) >= 0);
    s->n = fake_ear_events(s->events);
    return from;
}

/* What one engine has done in one sentence. */
struct sentence {
    int64_t heard_us, next_sample, pose, frame;
    bool all;
    size_t pieces, poses;
};

static void check_speech(struct sentence *s, const struct fake_ear_event *e)
{
    assert_false(s->all);
    assert_true(e->start_sample == s->next_sample);
    s->next_sample += (int64_t)e->n_samples;
    s->heard_us += (int64_t)e->n_samples * 1000000 / e->rate_hz;
    s->all = e->last;
    s->pieces++;
}

static void check_pose(struct sentence *s, const struct fake_ear_event *e, int64_t ahead_us)
{
    assert_true(s->pieces > 0);
    if (!s->all)
        assert_true(e->sentence_frame * 1000000 / FPS + ahead_us <= s->heard_us);
    if (s->poses)
        assert_true(e->sentence_frame > s->pose && e->sentence_frame - s->pose == e->frame - s->frame);
    s->pose = e->sentence_frame;
    s->frame = e->frame;
    s->poses++;
}

/*
 * Checks events [from, to) of one engine: speech without gap from 0 on, each pose after the speech that it
 * needs, the end of each sentence told once. Gives the sentences found, the last ones' contents in list.
 */
static size_t check_order(const struct scene *s, size_t from, int engine, struct sentence *list, size_t cap)
{
    int64_t ahead_us = engine == 1 ? FAKE_HEAR_AHEAD_MS * 1000 : 0;
    struct sentence *cur = NULL;
    size_t n = 0;

    for (size_t i = from; i < s->n; i++) {
        const struct fake_ear_event *e = &s->events[i];
        if (e->engine != engine)
            continue;
        if (e->what == FAKE_EAR_SPEECH && e->start_sample == 0 && e->n_samples) {
            assert_true(n < cap);
            cur = &list[n++];
            *cur = (struct sentence){0};
        }
        if (e->what == FAKE_EAR_SPEECH) {
            assert_non_null(cur);
            check_speech(cur, e);
        } else if (e->what == FAKE_EAR_POSE) {
            assert_non_null(cur);
            check_pose(cur, e, ahead_us);
        }
    }
    return n;
}

static size_t count(const struct scene *s, enum fake_ear_what what, int engine)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++)
        n += s->events[i].what == what && s->events[i].engine == engine;
    return n;
}

/* How often another engine took over. That a busy machine was asked to save is another matter. */
static size_t replaced(struct scene *s, size_t from)
{
    size_t n = 0;

    pthread_mutex_lock(&s->client.lock);
    for (size_t i = from; i < s->client.n; i++) {
        const struct fake_message *m = &s->client.messages[i];
        n += !strcmp(m->type, "degraded") && strcmp(fake_string(m, "from"), fake_string(m, "to")) != 0;
    }
    pthread_mutex_unlock(&s->client.lock);
    return n;
}

/* Speech and poses of whole sentences, with the rest that follows; letters × 50 ms of speech each. */
static void test_order(void **state)
{
    static const struct {
        const char *text;
        size_t sentences, errors;
        int64_t letters[3];
    } cases[] = {
        {"Hello dear people.", 1, 0, {18}},
        {"Hello dear people. And goodbye to all.", 2, 0, {18, 19}},
        {"The ttsnolast word.", 1, 0, {19}},
        {"The ttsbreak word. The next one.", 2, 1, {16, 13}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene *s = scene_open("hears,fake", "ear", NULL);
        struct sentence found[4];
        size_t from = say(s, cases[i].text);
        assert_int_equal(fake_client_count(&s->client, "error", from), cases[i].errors);
        assert_int_equal(replaced(s, from), 0);
        assert_int_equal(check_order(s, 0, 1, found, 4), cases[i].sentences);
        for (size_t k = 0; k < cases[i].sentences; k++) {
            assert_true(found[k].all);
            assert_true(found[k].heard_us == cases[i].letters[k] * 50000);
            /* the rest after it counts on: 4 frames, or 10 after the last one */
            int64_t frames = (found[k].heard_us * FPS + 999999) / 1000000;
            int64_t rest = k + 1 == cases[i].sentences ? 10 : 4;
            assert_in_range(found[k].pose, frames, frames + rest - 1);
        }
        scene_close(s);
    }
}

/* After an interruption it is reset, and the next turn's speech begins anew. */
static void test_interrupt(void **state)
{
    struct scene *s = scene_open("hears,fake", "ear", NULL);
    struct sentence found[4];

    (void)state;
    fake_client_send(
        &s->client,
        "{\"type\":\"say\",\"text\":\"A long sentence of so many letters that it takes a while.\"}");
    assert_true(fake_client_wait(&s->client, "video_chunk_meta", 0) >= 0);
    fake_client_send(&s->client, "{\"type\":\"interrupt\"}");
    assert_true(fake_client_wait(&s->client, "interrupted", 0) >= 0);
    say(s, "Another one.");
    size_t reset = 0;
    for (size_t i = 0; i < s->n && !reset; i++)
        reset = s->events[i].what == FAKE_EAR_RESET ? i : 0;
    assert_true(reset > 0);
    assert_int_equal(check_order(s, reset, 1, found, 4), 1);
    assert_true(found[0].all && found[0].heard_us == 12 * 50000);
    scene_close(s);
}

/* An engine that knows no such person is passed over in silence; also where there is none to follow. */
static void test_not_mine(void **state)
{
    struct scene *s = scene_open("hears,fake", "fake", NULL);

    (void)state;
    for (int turn = 0; turn < 2; turn++) {
        size_t from = say(s, "Hello there.");
        assert_true(fake_client_count(&s->client, "video_chunk_meta", from) > 0);
        assert_int_equal(fake_client_count(&s->client, "error", from), 0);
        assert_int_equal(replaced(s, from), 0);
        assert_int_equal(s->n, 0);
    }
    scene_close(s);
    s = scene_open("hears", "ear", NULL);
    fake_client_send(&s->client, "{\"type\":\"config\",\"avatar\":\"\"}");
    size_t from = say(s, "Hello there.");
    assert_int_equal(fake_client_count(&s->client, "video_chunk_meta", from), 0);
    assert_int_equal(fake_client_count(&s->client, "error", from), 1);
    scene_close(s);
}

/* An engine that cannot be opened: the next one shows its own person, which is told once. */
static void test_cannot_open(void **state)
{
    struct scene *s = scene_open("hears,hears2", "earless", NULL);
    struct sentence found[4];

    (void)state;
    for (int turn = 0; turn < 2; turn++) {
        size_t from = say(s, "Hello there.");
        assert_int_equal(fake_client_count(&s->client, "error", from), 0);
        assert_int_equal(replaced(s, 0), 1);
    }
    int at = fake_client_wait(&s->client, "degraded", 0);
    assert_string_equal(fake_string(&s->client.messages[at], "stage"), "avatar");
    assert_string_equal(fake_string(&s->client.messages[at], "from"), "hears");
    assert_string_equal(fake_string(&s->client.messages[at], "to"), "hears2");
    assert_string_equal(fake_string(&s->client.messages[at], "reason"),
                        "the ears are not there: put them on");
    assert_int_equal(s->events[0].what, FAKE_EAR_OPEN);
    assert_string_equal(s->events[0].avatar, "");
    assert_int_equal(check_order(s, 0, 2, found, 4), 2);
    /* another choice is another matter */
    fake_ear_clear();
    fake_client_send(&s->client, "{\"type\":\"config\",\"avatar\":\"ear\"}");
    say(s, "Hello again.");
    assert_int_equal(check_order(s, 0, 1, found, 4), 1);
    assert_int_equal(replaced(s, 0), 1);
    scene_close(s);
}

/* One that fails in the middle is replaced there; the other one has heard the sentence from its start. */
static void test_breaks(void **state)
{
    static const struct {
        const char *use, *avatar;
        bool hears;
    } cases[] = {
        {"hears,hears2", "earbreak", true},
        {"hears,hears2", "eardeaf", true},
        {"hears,fake", "earbreak", false},
        {"hears,fake", "eardeaf", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene *s = scene_open(cases[i].use, cases[i].avatar, NULL);
        struct sentence found[4];
        size_t from = say(s, "A sentence of some length. Another one.");
        assert_int_equal(fake_client_count(&s->client, "error", from), 0);
        assert_int_equal(replaced(s, from), 1);
        size_t first = check_order(s, 0, 1, found, 4);
        assert_int_equal(first, 1);
        assert_true(found[0].poses <= FAKE_EAR_BREAKS);
        assert_int_equal(check_order(s, 0, 2, found, 4), cases[i].hears ? 2 : 0);
        double ms = 0; /* nothing of the picture is missing */
        for (size_t k = from; k < s->client.n; k++)
            if (!strcmp(s->client.messages[k].type, "video_chunk_meta"))
                ms += fake_number(&s->client.messages[k], "duration_ms");
        assert_true(ms >= (26 + 12) * 50);
        say(s, "Here again.");
        assert_int_equal(replaced(s, from), 1);
        scene_close(s);
    }
}

/* Where nobody can take over the sentence is lost, and the next one tries it again. */
static void test_breaks_alone(void **state)
{
    struct scene *s = scene_open("hears", "earbreak", NULL);
    struct sentence found[4];

    (void)state;
    size_t from = say(s, "A sentence of some length. Another one as long. A third.");
    assert_int_equal(fake_client_count(&s->client, "error", from), 3);
    assert_int_equal(replaced(s, from), 0);
    int at = fake_client_wait(&s->client, "error", from);
    assert_string_equal(fake_string(&s->client.messages[at], "message"), "the fake broke in mid-sentence");
    assert_int_equal(check_order(s, 0, 1, found, 4), 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(found[i].poses, FAKE_EAR_BREAKS);
    assert_true(count(s, FAKE_EAR_RESET, 1) >= 3);
    scene_close(s);
}

/* Too slow for full work: it is asked to save before any picture is left out, and that is told once. */
static void test_saving(void **state)
{
    struct scene *s = scene_open("hears,fake", "ear", "avatar.hears.picture_ms=60");

    (void)state;
    for (int turn = 0; turn < 3; turn++)
        say(s, "Words and words and more words again and again.");
    size_t i = 0;
    for (int64_t next = 0; i < s->n && !s->events[i].save; i++)
        if (s->events[i].what == FAKE_EAR_POSE)
            assert_true(s->events[i].sentence_frame == next++);
    assert_true(i < s->n);
    size_t ends = 0;
    for (bool saving = true; i < s->n; i++) { /* it does not go to and fro, and does not end with the turn */
        if (s->events[i].what != FAKE_EAR_POSE)
            continue;
        ends += saving && !s->events[i].save;
        saving = s->events[i].save;
    }
    assert_in_range(ends, 0, 3);
    assert_int_equal(fake_client_count(&s->client, "degraded", 0), 1);
    int at = fake_client_wait(&s->client, "degraded", 0);
    assert_string_equal(fake_string(&s->client.messages[at], "from"), "hears");
    assert_string_equal(fake_string(&s->client.messages[at], "to"), "hears");
    assert_string_equal(fake_string(&s->client.messages[at], "reason"),
                        "this machine cannot draw 25 pictures a second: every second one is interpolated");
    scene_close(s);
}

static void check_poster(struct ac_idle *idle, const char *avatar, const char *same_as, bool same)
{
    struct ac_idle_media *a, *b;
    char reason[256];

    assert_int_equal(ac_idle_poster(idle, avatar, 256, &a, reason), 0);
    assert_int_equal(ac_idle_poster(idle, same_as, 256, &b, reason), 0);
    assert_int_equal(a->len == b->len && !memcmp(a->data, b->data, a->len), same);
    ac_idle_media_unref(a);
    ac_idle_media_unref(b);
}

/* The page's still picture is of the person that will speak, also when that one stands in for another. */
static void test_idle(void **state)
{
    struct scene *s = scene_open("hears,fake", "ear", NULL);
    struct ac_idle *idle = ac_idle_new(ac_hub_models(s->world.hub), s->world.cfg);

    (void)state;
    check_poster(idle, "ear", "fake", false);
    check_poster(idle, "", "fake", true);
    check_poster(idle, "earless", "fake", true);
    check_poster(idle, "earless", "ear", false);
    fake_ear_mend(true); /* it is not kept as that person's */
    check_poster(idle, "earless", "ear", true);
    fake_ear_mend(false);
    s->n = fake_ear_events(s->events);
    for (size_t i = 0; i < s->n; i++)
        assert_true(s->events[i].what != FAKE_EAR_POSE || s->events[i].sentence_frame == -1);
    assert_true(count(s, FAKE_EAR_POSE, 1) > 0);
    ac_idle_free(idle);
    scene_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),    cmocka_unit_test(test_interrupt),
        cmocka_unit_test(test_not_mine), cmocka_unit_test(test_cannot_open),
        cmocka_unit_test(test_breaks),   cmocka_unit_test(test_breaks_alone),
        cmocka_unit_test(test_saving),   cmocka_unit_test(test_idle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
