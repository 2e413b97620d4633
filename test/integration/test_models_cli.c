/*
 * `avatar-chat models`, the real program against a web server that breaks off in the middle, sends something
 * else, is slow to come up or knows no ranges.
 */
#include "base/str.h"
#include "command.h"
#include "fake/fake_http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { BIG = 300000 };

static char folder[] = "/tmp/ac-models-XXXXXX";
static char list_path[64], dir_path[96], part_path[160], model_path[128];
static struct ac_str archive; /* a tar of two model files, one of them big, and one that nobody wants */
static char archive_sum[65];

/* ---- the archive ---- */

static void tar_add(struct ac_str *tar, const char *name, const char *data, size_t n)
{
    char head[512] = "", zeros[512] = "";
    unsigned sum = 0;

    snprintf(head, 100, "%s", name);
    memcpy(head + 100,
           "0000644\0"
           "0000000\0"
           "0000000",
           24);
    snprintf(head + 124, 12, "%011zo", n);
    memcpy(head + 136, "00000000000", 12);
    memset(head + 148, ' ', 8);
    head[156] = '0';
    memcpy(head + 257, "ustar\00000", 8);
    for (size_t i = 0; i < sizeof head; i++)
        sum += (unsigned char)head[i];
    snprintf(head + 148, 8, "%06o", sum);
    ac_str_add_n(tar, head, sizeof head);
    ac_str_add_n(tar, data, n);
    ac_str_add_n(tar, zeros, (512 - n % 512) % 512);
}

static void make_archive(struct ac_str *tar, bool whole)
{
    static char big[BIG], zeros[1024];

    for (size_t i = 0; i < BIG; i++)
        big[i] = (char)(i * 2654435761u >> 13);
    tar_add(tar, "some-model/README.md", "not wanted", 10);
    tar_add(tar, "some-model/big.onnx", big, BIG);
    if (whole)
        tar_add(tar, "some-model/tokens.txt", "a 1\nb 2\n", 8);
    ac_str_add_n(tar, zeros, sizeof zeros);
}

/* The checksum by another program. */
static void sum_of(const struct ac_str *data, char sum[65])
{
    char path[80], command[128];

    snprintf(path, sizeof path, "%s/data", folder);
    FILE *f = fopen(path, "wb");
    assert_int_equal(fwrite(data->p, 1, data->len, f), data->len);
    fclose(f);
    snprintf(command, sizeof command, "sha256sum %s", path);
    f = popen(command, "r");
    assert_non_null(f);
    assert_int_equal(fread(sum, 1, 64, f), 64);
    sum[64] = '\0';
    pclose(f);
    unlink(path);
}

/* ---- running ---- */

static void write_list(const char *text)
{
    FILE *f = fopen(list_path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void list_model(const char *base, const char *sum)
{
    char text[1024];

    snprintf(text, sizeof text,
             "models:\n  - name: test-small\n    engine: asr.test\n    help: for tests\n    license: MIT\n"
             "    license_url: http://127.0.0.1/licence\n    url: %s/releases/test.tar\n"
             "    files: [big.onnx, tokens.txt]\n%s%s\n",
             base, *sum ? "    sha256: " : "", sum);
    write_list(text);
}

static void models(struct command_result *r, const char *verb, const char *name, const char *option,
                   const char *value)
{
    const char *words[12] = {"models", verb, "--list", list_path, "--dir", dir_path};
    size_t n = 6;

    if (name)
        words[n++] = name;
    if (option)
        words[n++] = option;
    if (value)
        words[n++] = value;
    command_run(r, words, NULL, 0);
}

static void expect(struct command_result *r, int status, const char *said)
{
    if (r->status != status || !strstr(r->err, said))
        fail_msg("status %d, not %d, or no '%s' in: %s", r->status, status, said, r->err);
    command_result_free(r);
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static void clean(void)
{
    char command[160];

    snprintf(command, sizeof command, "rm -rf %s", dir_path);
    assert_int_equal(system(command), 0);
}

static void expect_whole(void)
{
    struct command_result r;
    char *data, path[192];
    size_t len;

    snprintf(path, sizeof path, "%s/tokens.txt", model_path);
    assert_int_equal(ac_read_file(path, 100, &data, &len), 0);
    assert_string_equal(data, "a 1\nb 2\n");
    free(data);
    snprintf(path, sizeof path, "%s/README.md", model_path);
    assert_false(exists(path));
    assert_false(exists(part_path));
    models(&r, "verify", NULL, NULL, NULL);
    assert_string_equal(r.out, "test-small: ok\n");
    expect(&r, 0, "");
}

/* ---- tests ---- */

static const char anew[] = "";

static void test_pull(void **state)
{
    const struct fake_reply whole = {.status = 200, .body = archive.p, .len = archive.len, .ranges = true};
    struct fake_reply broken = whole, no_ranges = whole, dumb = whole;
    const struct fake_reply busy = {.status = 503, .head = "Retry-After: 1\r\n", .body = "later"};
    const struct fake_reply silent = {0};

    broken.break_at = 100000;
    dumb.ranges = no_ranges.ranges = false;
    dumb.break_at = 200000;
    const struct {
        const char *what;
        struct fake_reply script[4];
        size_t n, requests;
        const char *range; /* of the second request; anew: none */
    } cases[] = {
        {"at once", {whole}, 1, 1, NULL},
        {"breaks off in the middle", {broken, whole}, 2, 2, "Range: bytes=100000-"},
        {"breaks off twice", {broken, broken, whole}, 3, 3, "Range: bytes=100000-"},
        {"no ranges", {dumb, no_ranges}, 2, 2, "Range: bytes=200000-"},
        {"busy first", {busy, whole}, 2, 2, anew},
        {"hangs up first", {silent, whole}, 2, 2, anew},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct command_result r;
        struct fake_http *s = fake_http_start(cases[i].script, cases[i].n);
        size_t len;
        print_message("%s\n", cases[i].what);
        list_model(fake_http_url(s), archive_sum);
        models(&r, "pull", "test-small", "--yes", NULL);
        assert_non_null(strstr(r.err, "licence  MIT, http://127.0.0.1/licence"));
        expect(&r, 0, "is ready");
        assert_int_equal(fake_http_count(s), cases[i].requests);
        assert_memory_equal(fake_http_request(s, 0, &len), "GET /releases/test.tar HTTP/1.1\r\n", 33);
        const char *second = fake_http_request(s, 1, &len);
        if (cases[i].range && *cases[i].range)
            assert_non_null(strstr(second, cases[i].range));
        else if (cases[i].range)
            assert_null(strstr(second, "Range:"));
        fake_http_stop(s);
        expect_whole();
        models(&r, "pull", "test-small", NULL, NULL); /* the server is gone, and not needed */
        expect(&r, 0, "there already");
        clean();
    }
}

static void test_pull_fails(void **state)
{
    struct ac_str lacking = {0};
    char lacking_sum[65], text_sum[65];
    struct ac_str text = {0};

    (void)state;
    make_archive(&lacking, false);
    sum_of(&lacking, lacking_sum);
    ac_str_add(&text, "<html>Please log in</html>");
    sum_of(&text, text_sum);
    const struct {
        struct fake_reply reply;
        const char *sum, *said;
    } cases[] = {
        {{.status = 404, .body = "nope"}, archive_sum, "it is not there (HTTP 404)"},
        {{.status = 403, .body = "keep\nout"}, archive_sum, "HTTP 403: keep out"},
        {{.status = 200, .body = lacking.p, .len = lacking.len}, archive_sum, "it was damaged on the way"},
        {{.status = 200, .body = text.p, .len = text.len}, text_sum, "nrecognized archive format"},
        {{.status = 200, .body = lacking.p, .len = lacking.len},
         lacking_sum,
         "lacks some of the model's files"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct command_result r;
        struct fake_http *s = fake_http_start(&cases[i].reply, 1);
        list_model(fake_http_url(s), cases[i].sum);
        models(&r, "pull", "test-small", "--yes", NULL);
        expect(&r, 1, cases[i].said);
        assert_int_equal(fake_http_count(s), 1);
        assert_false(exists(model_path));
        models(&r, "verify", "test-small", NULL, NULL);
        expect(&r, 1, "run 'avatar-chat models pull test-small'");
        fake_http_stop(s);
        clean();
    }
    ac_str_free(&lacking);
    ac_str_free(&text);
}

/* A server that is gone leaves what came; the next call goes on from there. */
static void test_go_on_later(void **state)
{
    const struct fake_reply broken[] = {
        {.status = 200, .body = archive.p, .len = archive.len, .ranges = true, .break_at = 123456},
        {.status = 404}};
    const struct fake_reply whole = {.status = 200, .body = archive.p, .len = archive.len, .ranges = true};
    struct command_result r;
    struct stat st;
    size_t len;

    (void)state;
    struct fake_http *s = fake_http_start(broken, 2);
    list_model(fake_http_url(s), archive_sum);
    models(&r, "pull", "test-small", "--yes", NULL);
    expect(&r, 1, "not there");
    fake_http_stop(s);
    assert_int_equal(stat(part_path, &st), 0);
    assert_int_equal(st.st_size, 123456);
    s = fake_http_start(&whole, 1);
    models(&r, "pull", "test-small", "--yes", "--mirror"); /* its value is missing */
    expect(&r, 2, "needs a value");
    char mirror[128];
    snprintf(mirror, sizeof mirror, "--mirror=%s/elsewhere", fake_http_url(s));
    models(&r, "pull", "test-small", "--yes", mirror);
    expect(&r, 0, "is ready");
    const char *request = fake_http_request(s, 0, &len);
    assert_memory_equal(request, "GET /elsewhere/test.tar ", 24);
    assert_non_null(strstr(request, "Range: bytes=123456-"));
    fake_http_stop(s);
    expect_whole();
    clean();
}

static void test_no_checksum_known(void **state)
{
    const struct fake_reply whole = {.status = 200, .body = archive.p, .len = archive.len, .ranges = true};
    struct command_result r;
    size_t len;

    (void)state;
    struct fake_http *s = fake_http_start(&whole, 1);
    list_model(fake_http_url(s), "");
    models(&r, "pull", "test-small", "--yes", NULL);
    assert_non_null(strstr(r.err, "--accept-unverified"));
    expect(&r, 1, archive_sum);
    assert_false(exists(model_path));
    models(&r, "pull", "test-small", "--yes", "--accept-unverified");
    expect(&r, 0, archive_sum);
    assert_int_equal(fake_http_count(s), 2);
    char range[64];
    snprintf(range, sizeof range, "Range: bytes=%zu-", archive.len); /* nothing comes twice */
    assert_non_null(strstr(fake_http_request(s, 1, &len), range));
    fake_http_stop(s);
    expect_whole();
    clean();
}

static void test_damaged_files(void **state)
{
    const struct fake_reply whole = {.status = 200, .body = archive.p, .len = archive.len};
    struct command_result r;
    char path[192];

    (void)state;
    struct fake_http *s = fake_http_start(&whole, 1);
    list_model(fake_http_url(s), archive_sum);
    models(&r, "pull", "test-small", "--yes", NULL);
    expect(&r, 0, "is ready");
    snprintf(path, sizeof path, "%s/tokens.txt", model_path);
    assert_int_equal(truncate(path, 5), 0);
    models(&r, "verify", NULL, NULL, NULL);
    expect(&r, 1, "tokens.txt is not what it was");
    models(&r, "pull", "test-small", "--yes", NULL); /* mends it */
    expect(&r, 0, "is ready");
    fake_http_stop(s);
    expect_whole();
    clean();
}

/* A file that is no archive, in a folder where something else lies already; what the user put there stays. */
static void test_file_alone(void **state)
{
    const struct fake_reply file = {.status = 200, .body = archive.p, .len = archive.len}; /* any bytes */
    struct command_result r;
    char text[1024], path[192], other[192], *data;
    size_t len;

    (void)state;
    struct fake_http *s = fake_http_start(&file, 1);
    snprintf(text, sizeof text,
             "models:\n  - name: test-small\n    url: %s/releases/net_96.onnx\n    files: [net.onnx]\n"
             "    sha256: %s\n",
             fake_http_url(s), archive_sum);
    write_list(text);
    snprintf(path, sizeof path, "%s/net.onnx", model_path);
    snprintf(other, sizeof other, "%s/made-of-it", model_path);
    assert_int_equal(mkdir(dir_path, 0755), 0);
    assert_int_equal(mkdir(model_path, 0755), 0);
    fclose(fopen(other, "w"));

    fclose(fopen(path, "w"));
    models(&r, "pull", "test-small", "--yes", NULL);
    expect(&r, 1, "move them away first");
    assert_true(exists(path));
    unlink(path);

    models(&r, "pull", "test-small", "--yes", NULL);
    expect(&r, 0, "is ready");
    fake_http_stop(s);
    assert_int_equal(ac_read_file(path, archive.len, &data, &len), 0);
    assert_int_equal(len, archive.len);
    assert_memory_equal(data, archive.p, len);
    free(data);
    assert_true(exists(other));
    assert_false(exists(part_path));
    models(&r, "verify", NULL, NULL, NULL);
    expect(&r, 0, "");
    clean();
}

static void test_usage(void **state)
{
    static const struct {
        const char *verb, *name, *option;
        int status;
        const char *said;
    } cases[] = {
        {"pull", NULL, NULL, 2, "name the model to pull"},
        {"pull", "test-smal", NULL, 2, "did you mean 'test-small'?"},
        {"pull", "test-small", NULL, 1, "read it, then say --yes"},
        {"fetch", "test-small", NULL, 2, "say list, pull NAME"},
        {"verify", "other", NULL, 2, "there is no model 'other'"},
        {"pull", "test-small", "--yes", 1, "127.0.0.1"}, /* nobody listens */
        {"list", NULL, NULL, 0, ""},
    };

    (void)state;
    list_model("http://127.0.0.1:9", archive_sum);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct command_result r;
        models(&r, cases[i].verb, cases[i].name, cases[i].option, NULL);
        expect(&r, cases[i].status, cases[i].said);
    }
    clean();
}

static void test_optimize(void **state)
{
    static const struct {
        const char *words[6];
        int status;
        const char *said;
    } cases[] = {
        {{"models", "optimize"}, 2, "name the model's file"},
        {{"models", "optimize", "a.onnx", "b.onnx"}, 2, "b.onnx"},
        {{"models", "optimize", "a.onnx", "--precision", "int4"}, 2, "auto, int8 or fp32, not 'int4'"},
        {{"models", "optimize", "a.onnx", "--psnr", "many"}, 2, "decibels"},
        {{"models", "optimize", "missing.onnx", "--precision", "fp32"}, 1, "missing.onnx"},
        {{"models", "optimize", "missing.onnx", "--set", "avatar.use=[character]"}, 1, "add wav2lip there"},
        {{"models", "optimize", "a.onnx", "--speech", "test/data/nothing.wav"}, 1, "nothing.wav"},
        {{"models", "optimize", "README.md", "--precision", "fp32"}, 1, "README.md"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct command_result r;
        const char *words[8] = {NULL};
        memcpy(words, cases[i].words, sizeof cases[i].words);
        command_run(&r, words, NULL, 0);
        expect(&r, cases[i].status, cases[i].said);
    }
}

static void test_bad_lists(void **state)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"", "'models:' and a list"},
        {"models: {}\n", "'models:' and a list"},
        {"models:\n  - name: a\n", ":2: a model has a url and files: a"},
        {"models:\n  - name: ../a\n    url: http://x/y\n    files: [f]\n", "that of a folder: ../a"},
        {"models:\n  - name: a\n    url: http://x/y\n    files: [/etc/passwd]\n",
         ":4: this is not the name of a file"},
        {"models:\n  - name: a\n    colour: red\n", ":3: there is no such field: colour"},
        {"models:\n  - name: a\n    bytes: many\n", ":3: this is not a number of bytes: many"},
        {"models:\n  - name: a\n    url: u\n    files: [f]\n    sha256: abc\n", "64 digits"},
        {"models: [\n", ":2: "},
    };
    struct command_result r;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_list(cases[i].text);
        models(&r, "list", NULL, NULL, NULL);
        expect(&r, 1, cases[i].said);
    }
    command_run(&r, (const char *const[]){"models", "list", NULL}, NULL, 0); /* the program's own */
    assert_non_null(strstr(r.out, "whisper-base"));
    expect(&r, 0, "");
}

static int setup(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(list_path, sizeof list_path, "%s/models.yaml", folder);
    snprintf(dir_path, sizeof dir_path, "%s/models", folder);
    snprintf(model_path, sizeof model_path, "%s/test-small", dir_path);
    snprintf(part_path, sizeof part_path, "%s.part", model_path);
    make_archive(&archive, true);
    sum_of(&archive, archive_sum);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    clean();
    unlink(list_path);
    ac_str_free(&archive);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pull),          cmocka_unit_test(test_pull_fails),
        cmocka_unit_test(test_go_on_later),   cmocka_unit_test(test_no_checksum_known),
        cmocka_unit_test(test_damaged_files), cmocka_unit_test(test_file_alone),
        cmocka_unit_test(test_usage),         cmocka_unit_test(test_optimize),
        cmocka_unit_test(test_bad_lists),
    };

    unsetenv("http_proxy"); /* the servers of the tests are on this machine */
    return cmocka_run_group_tests(tests, setup, teardown);
}
