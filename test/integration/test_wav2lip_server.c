/*
 * A real face through the real program: made by `avatar create`, shown and spoken by the server with a
 * generator of random weights, stopped in mid-sentence; and without weights, where the drawn person speaks
 * and the page is told why.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"
#include "fake/wav2lip_model.h"
#include "integration/command.h"
#include "integration/server_world.h"
#include "integration/turn_checks.h"

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SKIPPED = 77 };

static struct program program; /* pid 0: not running */
static char dir[] = "/tmp/avatar-chat-face-XXXXXX";
static char *model;

static int setup(void **state)
{
    struct ac_env env = {.log_name = "test"};
    struct command_result r;
    (void)state;
    if (!program_exists()) {
        print_error("AVATAR_CHAT_BIN must name the program: build the target avatar-chat\n");
        return -1;
    }
    if (access("models/face_landmark.tflite", R_OK) != 0) {
        print_message("skipped: no face models, run tools/fetch_models.sh\n");
        exit(SKIPPED);
    }
    assert_non_null(mkdtemp(dir));
    char *avatars = ac_asprintf("%s/avatars", dir);
    model = ac_asprintf("%s/wav2lip.onnx", dir);
    const char *const words[] = {
        "avatar", "create", "--id",     "astronaut", "--photo", "test/data/face/astronaut.jpg",
        "--name", "Eileen", "--folder", avatars,     NULL};
    command_run(&r, words, NULL, 0);
    if (r.status != 0)
        print_error("%s\n", r.err);
    int status = r.status;
    command_result_free(&r);
    free(avatars);
    setenv("AVATAR_CHAT_DATA", dir, 1);
    return status == 0 && wav2lip_model_write(model, 96, WAV2LIP_TORCH, 7, &env) == 0 ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static int teardown(void **state)
{
    (void)state;
    free(model);
    return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void start(const char *file)
{
    char *set = ac_asprintf("avatar.wav2lip.model=%s", file);
    const char *const args[] = {
        "--set", "server.web_dir=test/data/page", "--set", set, "--set", "server.workers=2", NULL};
    assert_true(program_start(&program, args));
    free(set);
}

static void stop(void)
{
    int status = program_stop(&program, SIGTERM);
    program.pid = 0;
    assert_int_equal(status, 0);
}

/* A test that failed has left it running. */
static int stop_running(void **state)
{
    (void)state;
    if (program.pid)
        program_stop(&program, SIGTERM);
    program.pid = 0;
    return 0;
}

/* Says it with the face; gives the index of the turn's end. */
static size_t say(struct ws_client *c, const char *text)
{
    size_t from = c->n;
    ws_text(c, "{\"type\":\"say\",\"text\":\"%s\"}", text);
    size_t done = (size_t)expect(c, "turn_done", from);
    check_media(c, from, done, false);
    assert_int_equal(ws_count(c, "error", from), 0);
    return done;
}

/* Another engine took over (and not: every second picture is interpolated), and the reason. */
static const char *replaced_by_character(const struct ws_client *c)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct ws_message *m = &c->messages[i];
        if (strcmp(m->type, "degraded") == 0 && strcmp(ws_string(m, "to"), "character") == 0)
            return ws_string(m, "reason");
    }
    return NULL;
}

static void choose_face(struct ws_client *c)
{
    size_t from = c->n;
    ws_text(c, "{\"type\":\"hello\",\"language\":\"en\",\"avatar\":\"astronaut\"}");
    const struct ws_message *m = &c->messages[expect(c, "session_ready", from)];
    assert_string_equal(ws_string(m, "avatar"), "astronaut");
}

static json_t *listed(int port)
{
    struct http_response r;
    json_t *found = NULL;
    assert_true(http_request_to(port, "GET", "/api/avatars", NULL, &r));
    assert_int_equal(r.status, 200);
    json_t *list = json_loads(r.body, 0, NULL), *a;
    size_t i;
    json_array_foreach(list, i, a)
    {
        const char *id = json_string_value(json_object_get(a, "id"));
        if (i == 0)
            assert_string_equal(id, "lin"); /* who is shown to those who wish for nobody */
        if (strcmp(id, "astronaut") == 0)
            found = json_incref(a);
    }
    json_decref(list);
    http_free(&r);
    assert_non_null(found);
    return found;
}

static void get_poster(int port, json_t *avatar, char **jpeg, size_t *len)
{
    struct http_response r;
    assert_true(http_request_to(port, "GET", json_string_value(json_object_get(avatar, "poster")), NULL, &r));
    assert_int_equal(r.status, 200);
    assert_memory_equal(r.body, "\xff\xd8\xff", 3);
    *jpeg = r.body;
    *len = r.len;
    free(r.head);
}

static void test_speaks(void **state)
{
    struct ws_client c;
    (void)state;
    start(model);
    json_t *avatar = listed(program.port);
    assert_string_equal(json_string_value(json_object_get(avatar, "name")), "Eileen");
    json_decref(avatar);
    open_client(&c, program.port, "/ws/face");
    choose_face(&c);
    say(&c, "Hello.");
    assert_null(replaced_by_character(&c));
    /* stopped in mid-sentence: nothing comes after it, and the next sentence is spoken */
    size_t from = c.n;
    ws_text(&c,
            "{\"type\":\"say\",\"text\":\"This is a long sentence, which nobody will hear to its end.\"}");
    int chunk = expect(&c, "video_chunk_meta", from);
    ws_text(&c, "{\"type\":\"interrupt\"}");
    size_t at = (size_t)expect(&c, "interrupted", (size_t)chunk);
    ws_read_for(&c, 300);
    assert_int_equal(ws_count(&c, "video_chunk_meta", at), 0);
    say(&c, "Bye.");
    assert_null(replaced_by_character(&c));
    ws_close(&c);
    char *log = program_log(&program);
    assert_non_null(strstr(log, "event=wav2lip_opened"));
    free(log);
    stop();
}

static void test_without_weights(void **state)
{
    struct ws_client c;
    char *missing = ac_asprintf("%s/none.onnx", dir), *wrong = ac_asprintf("%s/wrong.onnx", dir);
    const char *const files[] = {missing, wrong};
    (void)state;
    FILE *f = fopen(wrong, "wb");
    assert_non_null(f);
    fputs("these are no weights", f);
    fclose(f);
    for (size_t i = 0; i < 2; i++) {
        start(files[i]);
        open_client(&c, program.port, "/ws/face");
        choose_face(&c);
        say(&c, "Hello.");
        const char *reason = replaced_by_character(&c);
        assert_non_null(reason);
        assert_non_null(strstr(reason, "docs/wav2lip.md#weights"));
        say(&c, "Again.");
        assert_int_equal(ws_count(&c, "degraded", 0), 1); /* once a session */
        ws_close(&c);
        json_t *avatar = listed(program.port);
        assert_non_null(
            strstr(json_string_value(json_object_get(avatar, "note")), "docs/wav2lip.md#weights"));
        if (i == 0) { /* page and speech show the same person */
            char *face, *lin;
            size_t n_face, n_lin;
            get_poster(program.port, avatar, &face, &n_face);
            json_t *drawn = json_pack("{s:s}", "poster", "/api/avatars/lin/poster.jpg");
            get_poster(program.port, drawn, &lin, &n_lin);
            assert_int_equal(n_face, n_lin);
            assert_memory_equal(face, lin, n_lin);
            json_decref(drawn);
            free(face);
            free(lin);
        }
        json_decref(avatar);
        stop();
    }
    free(missing);
    free(wrong);
}

static void test_doctor(void **state)
{
    char *set = ac_asprintf("avatar.wav2lip.model=%s/none.onnx", dir);
    const char *const words[] = {"doctor", "--set", set, "--set", "server.port=0", NULL};
    struct command_result r;
    (void)state;
    command_run(&r, words, NULL, 0);
    const char *line = strstr(r.out, "avatar.wav2lip");
    assert_non_null(line);
    assert_non_null(strstr(line, "1 face, but no mouth for it"));
    assert_non_null(strstr(line, "docs/wav2lip.md#weights"));
    command_result_free(&r);
    free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_without_weights, stop_running),
        cmocka_unit_test_teardown(test_speaks, stop_running),
        cmocka_unit_test(test_doctor),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
