/*
 * The command line, tried from outside: the real binary (AVATAR_CHAT_BIN) is run with good and bad input, in
 * a folder of its own, and its exit status, output and messages are looked at.
 */
#include "base/str.h"
#include "fake/fake_openai.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/ac-cli-XXXXXX";

struct run {
    int status; /* exit status, or -1 when it did not exit by itself */
    char *out, *err;
    size_t out_len;
};

/* ---- running ---- */

static void write_file(const char *name, const char *data, size_t len)
{
    FILE *f = fopen(name, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static void redirect(const char *name, int flags, int to)
{
    int fd = open(name, flags, 0600);

    if (fd < 0 || dup2(fd, to) < 0)
        _exit(120);
    close(fd);
}

/* Starts the program with args (after the program's name, NULL-terminated) and these bytes as standard input.
 */
static pid_t start(const char *const *args, const char *input, size_t input_len)
{
    const char *bin = getenv("AVATAR_CHAT_BIN");
    const char *argv[24] = {"avatar-chat"};
    size_t n = 1;

    assert_non_null(bin);
    while (*args && n < 23)
        argv[n++] = *args++;
    write_file("stdin", input, input_len);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        redirect("stdin", O_RDONLY, 0);
        redirect("stdout", O_WRONLY | O_CREAT | O_TRUNC, 1);
        redirect("stderr", O_WRONLY | O_CREAT | O_TRUNC, 2);
        execv(bin ? bin : "", (char **)argv);
        _exit(121);
    }
    return pid;
}

/* Waits for its end. */
static struct run finish(pid_t pid)
{
    struct run r;
    int wstatus;
    size_t n;

    assert_int_equal(waitpid(pid, &wstatus, 0), pid);
    r.status = WIFEXITED(wstatus) ? WEXITSTATUS(wstatus) : -1;
    assert_int_equal(ac_read_file("stdout", 64 << 20, &r.out, &r.out_len), 0);
    assert_int_equal(ac_read_file("stderr", 1 << 20, &r.err, &n), 0);
    if (strstr(r.err, "Sanitizer") || strstr(r.err, "runtime error:"))
        fail_msg("%s", r.err);
    return r;
}

static struct run run_with(const char *const *args, const char *input, size_t input_len)
{
    return finish(start(args, input, input_len));
}

static void run_free(struct run *r)
{
    free(r->out);
    free(r->err);
}

static void expect(const struct run *r, int status, const char *out, const char *err)
{
    if (r->status != status)
        fail_msg("status %d, not %d; stderr: %s", r->status, status, r->err);
    if (out && !strstr(r->out, out))
        fail_msg("no '%s' in: %s", out, r->out);
    if (err && !strstr(r->err, err))
        fail_msg("no '%s' in: %s", err, r->err);
}

/* ---- usage ---- */

static const struct {
    const char *args[8];
    int status;
    const char *out, *err;
} usage_cases[] = {
    {{NULL}, 2, NULL, "usage: avatar-chat COMMAND"},
    {{"--help"}, 0, "usage: avatar-chat COMMAND", NULL},
    {{"help"}, 0, "doctor", NULL},
    {{"help", "say"}, 0, "usage: avatar-chat say", NULL},
    {{"--version"}, 0, "avatar-chat 0", NULL},
    {{"serve", "--help"}, 0, "--print-config", NULL},
    {{"say", "--help"}, 0, "--avatar ID", NULL},
    {{"doctor", "-h"}, 0, "--json", NULL},
    {{"bench", "--help"}, 0, "usage: avatar-chat bench", NULL},
    {{"config", "--help"}, 0, "sample | reference", NULL},
    {{"sevre"}, 2, NULL, "unknown command 'sevre': did you mean 'serve'?"},
    {{"xyzzy"}, 2, NULL, "unknown command 'xyzzy'; see 'avatar-chat --help'"},
    {{"help", "sya"}, 2, NULL, "did you mean 'say'?"},
    {{"--verbose"}, 2, NULL, "unknown option '--verbose'"},
    {{"say", "--voise", "x", "hi"}, 2, NULL, "unknown option '--voise': did you mean '--voice'?"},
    {{"say", "-x", "hi"}, 2, NULL, "unknown option '-x'"},
    {{"say", "hi", "there"}, 2, NULL, "'there' is one word too many"},
    {{"say", "hi", "-o"}, 2, NULL, "option '-o' needs a value"},
    {{"say", "hi", "--lang"}, 2, NULL, "option '--lang' needs a value"},
    {{"say", "--size", "big", "hi"}, 2, NULL, "--size big: give pixels, as 512 or 640x480"},
    {{"say", "--size", "513", "hi"}, 2, NULL, "even number of pixels"},
    {{"say", "--size", "8x8", "hi"}, 2, NULL, "8 is out of range: 64 to 1920"},
    {{"say", "--fps", "0", "hi"}, 2, NULL, "0 is out of range: 5 to 60"},
    {{"say", "--rate", "fast", "hi"}, 2, NULL, "--rate fast: give a number from 0.5 to 2"},
    {{"say", "--pitch", "2.5", "hi"}, 2, NULL, "--pitch 2.5: give a number from 0.5 to 2"},
    {{"serve", "--check=yes"}, 2, NULL, "option '--check' takes no value"},
    {{"serve", "now"}, 2, NULL, "'now' is one word too many"},
    {{"config"}, 2, NULL, "sample or reference"},
    {{"config", "smaple"}, 2, NULL, "there is no 'smaple'"},
    {{"config", "sample"}, 0, "#port: 8000", NULL},
    {{"config", "reference"}, 0, "| `server.port` |", NULL},
};

static void test_usage(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof usage_cases / sizeof *usage_cases; i++) {
        struct run r = run_with(usage_cases[i].args, "", 0);
        expect(&r, usage_cases[i].status, usage_cases[i].out, usage_cases[i].err);
        if (usage_cases[i].status == 0)
            assert_string_equal(r.err, "");
        else
            assert_string_equal(r.out, "");
        run_free(&r);
    }
}

/* ---- configuration ---- */

static void test_configuration(void **state)
{
    static const char broken[] = "server:\n  prot: 9000\ntts:\n  use: [flit]\nlog: {level: loud}\n";
    static const char good[] = "server:\n  port: 9123\n";
    struct run r;

    (void)state;
    write_file("broken.yaml", broken, strlen(broken));
    r = run_with((const char *[]){"serve", "-c", "broken.yaml", NULL}, "", 0);
    expect(&r, 2, NULL, "broken.yaml:2: unknown key 'prot' in 'server'; did you mean 'port'?");
    expect(&r, 2, NULL, "broken.yaml:4: tts.use: no engine 'flit' is built in; did you mean 'flite'?");
    expect(&r, 2, NULL, "broken.yaml:5: log.level: 'loud' is not one of");
    run_free(&r);
    r = run_with((const char *[]){"say", "--config=broken.yaml", "hi", NULL}, "", 0);
    expect(&r, 2, NULL, "broken.yaml:2:");
    run_free(&r);
    r = run_with((const char *[]){"serve", "-c", "none.yaml", NULL}, "", 0);
    expect(&r, 2, NULL, "none.yaml: there is no such file");
    run_free(&r);
    r = run_with((const char *[]){"serve", "--port", "99999", NULL}, "", 0);
    expect(&r, 2, NULL, "server.port: 99999 is out of range: 0 to 65535");
    run_free(&r);

    write_file("good.yaml", good, strlen(good));
    r = run_with((const char *[]){"serve", "-cgood.yaml", "--check", NULL}, "", 0);
    expect(&r, 0, "the configuration is good", NULL);
    run_free(&r);
    r = run_with((const char *[]){"serve", "-c", "good.yaml", "--host=::1", "--set", "video.fps=30",
                                  "--print-config", NULL},
                 "", 0);
    expect(&r, 0, "port: 9123", NULL);
    expect(&r, 0, "# good.yaml:2\n", NULL);
    expect(&r, 0, "host: \"::1\"", NULL);
    expect(&r, 0, "fps: 30", NULL);
    run_free(&r);
}

static void test_port_in_use(void **state)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    char port[8];

    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    snprintf(port, sizeof port, "%d", ntohs(a.sin_port));
    struct run r = run_with((const char *[]){"serve", "--port", port, NULL}, "", 0);
    expect(&r, 1, NULL, port);
    expect(&r, 1, NULL, "in use");
    expect(&r, 1, NULL, "--port");
    run_free(&r);
    r = run_with((const char *[]){"serve", "--host", "192.0.2.1", "--port", "0", NULL}, "", 0);
    expect(&r, 1, NULL, "192.0.2.1");
    run_free(&r);
    close(fd);
}

/* ---- say: bad input ---- */

static void expect_no_file(const char *name)
{
    struct stat st;

    assert_int_not_equal(stat(name, &st), 0);
}

static const struct {
    const char *text;
    size_t len;
    const char *err;
} bad_texts[] = {
#define T(s) s, sizeof s - 1
    {T(""), "there is nothing to say in the text"},
    {T(" \n\t \n"), "there is nothing to say in the text"},
    {T("😀 👩‍👩‍👧 🇨🇳 ❤️\n"), "there is nothing to say in the text"},
    {T("---\n😀\n"), "there is nothing to say in the text"},
    {T("<speak><break time=\"1s\"/></speak>"), "there is nothing to say in the text"},
    {T("abc\xff\xfe"), "not valid UTF-8 (byte 3)"},
    {T("\xe4\xbd\xa0\xe5\xa5"), "not valid UTF-8 (byte 3)"},
    {T("\xed\xa0\x80"), "not valid UTF-8 (byte 0)"},
    {T("a\0b"), "holds a NUL byte"},
#undef T
};

static void test_bad_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_texts / sizeof *bad_texts; i++) {
        struct run r =
            run_with((const char *[]){"say", "-o", "bad.mp4", NULL}, bad_texts[i].text, bad_texts[i].len);
        expect(&r, 1, NULL, bad_texts[i].err);
        run_free(&r);
        expect_no_file("bad.mp4");
        expect_no_file("bad.mp4.part");
    }
}

static void test_long_text(void **state)
{
    enum { SIZE = 100 * 1024 };
    char *text = malloc(SIZE);

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < SIZE; i++)
        text[i] = "words and "[i % 10];
    struct run r = run_with((const char *[]){"say", "-o", "long.mp4", NULL}, text, SIZE);
    expect(&r, 1, NULL, "the text has 102400 characters, the limit is 4000");
    expect(&r, 1, NULL, "--set server.max_text_chars=102400");
    run_free(&r);
    expect_no_file("long.mp4");
    free(text);
}

static void test_bad_choices(void **state)
{
    struct dirent *e;
    bool any = false;

    (void)state;
    struct run r = run_with((const char *[]){"say", "--avatar", "nobody", "hi", NULL}, "", 0);
    expect(&r, 1, NULL, "nobody");
    DIR *d = opendir(AC_SOURCE_DIR "/avatars");
    assert_non_null(d);
    while ((e = readdir(d)) != NULL) { /* every avatar that there is, is named */
        char *yaml = NULL;
        if (e->d_name[0] == '.' || asprintf(&yaml, AC_SOURCE_DIR "/avatars/%s/avatar.yaml", e->d_name) < 0)
            continue;
        if (access(yaml, R_OK) == 0) {
            expect(&r, 1, NULL, e->d_name);
            any = true;
        }
        free(yaml);
    }
    closedir(d);
    assert_true(any);
    run_free(&r);
    r = run_with((const char *[]){"say", "--voice", "sltt", "hi", NULL}, "", 0);
    expect(&r, 1, NULL, "sltt");
    expect(&r, 1, NULL, "slt");
    run_free(&r);
    expect_no_file("out.mp4");
}

static void test_unwritable(void **state)
{
    struct run r;

    (void)state;
    r = run_with((const char *[]){"say", "-o", "no/such/folder/x.mp4", "hi", NULL}, "", 0);
    expect(&r, 1, NULL, "cannot write 'no/such/folder/x.mp4': No such file or directory");
    run_free(&r);
    r = run_with((const char *[]){"say", "-o", ".", "hi", NULL}, "", 0);
    expect(&r, 1, NULL, "cannot write '.': it is a folder");
    run_free(&r);
    r = run_with((const char *[]){"say", "--size", "128", "-o", "/dev/full", "hi", NULL}, "", 0);
    expect(&r, 1, NULL, "cannot write '/dev/full': No space left on device");
    run_free(&r);
}

/* ---- say: good input ---- */

/* Stream of the type: its start and end in seconds, from its packets; checks the codec. */
static void stream_span(const char *file, enum AVMediaType type, enum AVCodecID codec, double *start,
                        double *end, AVCodecParameters *par)
{
    AVFormatContext *f = NULL;
    AVPacket *p = av_packet_alloc();

    assert_int_equal(avformat_open_input(&f, file, NULL, NULL), 0);
    assert_true(avformat_find_stream_info(f, NULL) >= 0);
    int i = av_find_best_stream(f, type, -1, -1, NULL, 0);
    assert_true(i >= 0);
    assert_int_equal(f->streams[i]->codecpar->codec_id, codec);
    assert_true(avcodec_parameters_copy(par, f->streams[i]->codecpar) >= 0);
    double unit = av_q2d(f->streams[i]->time_base);
    *start = 1e9;
    *end = -1e9;
    while (av_read_frame(f, p) == 0) {
        if (p->stream_index == i) {
            double t = (double)p->pts * unit;
            *start = t < *start ? t : *start;
            *end = t + (double)p->duration * unit > *end ? t + (double)p->duration * unit : *end;
        }
        av_packet_unref(p);
    }
    av_packet_free(&p);
    avformat_close_input(&f);
}

/* A playable MP4: H.264 and AAC that begin and end together; gives its length. */
static double expect_video(const char *file, int width, int height)
{
    AVCodecParameters *par = avcodec_parameters_alloc();
    double v0, v1, a0, a1;

    stream_span(file, AVMEDIA_TYPE_VIDEO, AV_CODEC_ID_H264, &v0, &v1, par);
    assert_int_equal(par->width, width);
    assert_int_equal(par->height, height);
    stream_span(file, AVMEDIA_TYPE_AUDIO, AV_CODEC_ID_AAC, &a0, &a1, par);
    assert_int_equal(par->sample_rate, 24000);
    avcodec_parameters_free(&par);
    if (v0 < -0.001 || v0 > 0.041 || a0 < -0.1 || a0 > 0.041 || v1 - a1 > 0.1 || a1 - v1 > 0.1)
        fail_msg("video %.3f to %.3f, audio %.3f to %.3f", v0, v1, a0, a1);
    return v1 - v0;
}

static void test_say(void **state)
{
    struct run r;

    (void)state;
    r = run_with((const char *[]){"say", "Hello there, how are you today?", NULL}, "", 0);
    expect(&r, 0, NULL, "out.mp4: ");
    run_free(&r);
    double normal = expect_video("out.mp4", 512, 512);
    assert_true(normal > 0.8 && normal < 5);
    expect_no_file("out.mp4.part");

    r = run_with(
        (const char *[]){"say", "--rate", "2", "--size=320x240", "--fps", "30", "-ofast.mp4", "-", NULL},
        "Hello there, how are you today?", 31);
    expect(&r, 0, NULL, "fast.mp4: ");
    run_free(&r);
    double fast = expect_video("fast.mp4", 320, 240);
    assert_true(fast < 0.8 * normal);

    r = run_with((const char *[]){"say", "--size", "128", "-o", "zh.mp4", "你好，很高兴见到你。", NULL}, "",
                 0);
    expect(&r, 0, NULL, "zh.mp4: ");
    run_free(&r);
    assert_true(expect_video("zh.mp4", 128, 128) > 1);

    r = run_with((const char *[]){"say", "--size", "128", "-o", "-", "Hi.", NULL}, "", 0);
    expect(&r, 0, NULL, "standard output: ");
    write_file("piped.mp4", r.out, r.out_len);
    run_free(&r);
    expect_video("piped.mp4", 128, 128);
}

/* Tags are not spoken: the video is as short as the word. */
static void test_ssml(void **state)
{
    (void)state;
    struct run r = run_with((const char *[]){"say", "--size", "128", "-o", "ssml.mp4", NULL},
                            "<speak><break time=\"9s\"/>hi</speak>", 35);
    expect(&r, 0, NULL, "ssml.mp4: ");
    run_free(&r);
    assert_true(expect_video("ssml.mp4", 128, 128) < 2);
}

/* A run that fails leaves the file that was there. */
static void test_keeps_old_file(void **state)
{
    char *data;
    size_t len;

    (void)state;
    write_file("old.mp4", "precious", 8);
    struct run r = run_with((const char *[]){"say", "-o", "old.mp4", "😀", NULL}, "", 0);
    expect(&r, 1, NULL, "nothing to say");
    run_free(&r);
    assert_int_equal(ac_read_file("old.mp4", 100, &data, &len), 0);
    assert_string_equal(data, "precious");
    free(data);
    expect_no_file("old.mp4.part");
}

/* The first signal ends it in order: no half file stays. */
static void test_interrupted(void **state)
{
    char text[3600]; /* three minutes of speech: time enough to be interrupted in */
    struct stat st;

    (void)state;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = "words words words done. "[i % 24];
    pid_t pid = start((const char *[]){"say", "--size", "256", "-o", "stopped.mp4", NULL}, text, sizeof text);
    for (int i = 0; i < 30000 && (stat("stopped.mp4.part", &st) != 0 || st.st_size == 0); i++)
        usleep(2000); /* until it writes */
    assert_int_equal(kill(pid, SIGINT), 0);
    struct run r = finish(pid);
    expect(&r, 1, NULL, "interrupted; nothing was written");
    run_free(&r);
    expect_no_file("stopped.mp4");
    expect_no_file("stopped.mp4.part");
}

static void test_doctor(void **state)
{
    json_error_t error;
    struct run r;

    (void)state;
    r = run_with(
        (const char *[]){"doctor", "--set", "server.port=0", "--set", "history.path=kept/h.db", NULL}, "", 0);
    expect(&r, 0, "Everything that is needed is there.", NULL);
    expect(&r, 0, "will be made at kept/h.db", NULL);
    expect_no_file("kept");
    expect(&r, 0, "tts.flite", NULL);
    expect(&r, 0, "voices in", NULL); /* one line for the many of espeak */
    assert_null(strstr(r.out, "espeak:de+f2"));
    expect(&r, 0, "onnxruntime        1.", NULL);
    expect(&r, 0, "vad.silero         used", NULL);
    run_free(&r);
    write_file("rubbish.db", "no database", 11);
    r = run_with((const char *[]){"doctor", "--json", "--set=video.width=128", "--set=video.height=128",
                                  "--set=history.path=rubbish.db", NULL},
                 "", 0);
    expect(&r, 0, "conversations will not be kept: ", NULL); /* all else works */
    json_t *root = json_loads(r.out, 0, &error);
    assert_non_null(root);
    assert_true(json_is_true(json_object_get(root, "ok")));
    json_t *speed = json_object_get(root, "speed");
    assert_true(json_real_value(json_object_get(speed, "render_ms_per_frame")) > 0);
    assert_true(json_real_value(json_object_get(speed, "first_fragment_ms")) > 0);
    assert_true(json_array_size(json_object_get(root, "findings")) > 20);
    assert_non_null(strstr(r.out, "espeak:de+f2"));
    json_decref(root);
    run_free(&r);
    r = run_with((const char *[]){"doctor", "--set", "avatar.character.id=nobody", NULL}, "", 0);
    expect(&r, 1, "problem", NULL);
    expect(&r, 1, "nobody", NULL);
    run_free(&r);
}

/* A program that was installed finds the data beside it, wherever PREFIX is: bin/avatar-chat,
 * share/avatar-chat. */
/* A language model is asked, and what it says instead of an answer is told. */
static void test_doctor_answers(void **state)
{
    static const struct fake_openai_reply reply = {.text = "Yes."};
    struct fake_openai *model =
        fake_openai_start(&(struct fake_openai_config){.replies = &reply, .n = 1, .key = "right"});
    char url[128];

    (void)state;
    snprintf(url, sizeof url, "llm.openai.base_url=%s", fake_openai_url(model));
    for (int good = 0; good < 2; good++) {
        setenv("OPENAI_API_KEY", good ? "right" : "wrong", 1);
        struct run r =
            run_with((const char *[]){"doctor", "--set", "server.port=0", "--set", "llm.use=openai", "--set",
                                      url, "--set", "llm.openai.model=m", NULL},
                     "", 0);
        expect(&r, good ? 0 : 1, good ? "begins to answer after" : "refuses the key", NULL);
        run_free(&r);
    }
    unsetenv("OPENAI_API_KEY");
    fake_openai_stop(model);
}

static void test_installed(void **state)
{
    char bin[256], cmd[600], own[128];

    (void)state;
    snprintf(bin, sizeof bin, "%s", getenv("AVATAR_CHAT_BIN"));
    snprintf(cmd, sizeof cmd, "mkdir -p prefix/bin prefix/share/avatar-chat/avatars && cp '%s' prefix/bin/",
             bin);
    assert_int_equal(system(cmd), 0);
    assert_int_equal(setenv("AVATAR_CHAT_BIN", "prefix/bin/avatar-chat", 1), 0);
    struct run r = run_with((const char *[]){"doctor", "--set", "server.port=0", NULL}, "", 0);
    assert_int_equal(setenv("AVATAR_CHAT_BIN", bin, 1), 0);
    snprintf(own, sizeof own, "%s/prefix/share/avatar-chat\n", folder);
    expect(&r, r.status, own, NULL);
    run_free(&r);
}

/* ---- frame ---- */

static int group_setup(void **state)
{
    (void)state;
    for (char **p = environ; *p;) { /* the developer's own settings stay out, but for the binary's path */
        char name[128];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(*p, "="), *p);
        if (strncmp(name, "AVATAR_CHAT_", 12) == 0 && strcmp(name, "AVATAR_CHAT_BIN") != 0) {
            unsetenv(name);
            p = environ;
        } else {
            p++;
        }
    }
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int group_teardown(void **state)
{
    char cmd[64];

    (void)state;
    snprintf(cmd, sizeof cmd, "rm -r %s", folder);
    return chdir("/") == 0 && system(cmd) == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usage),          cmocka_unit_test(test_configuration),
        cmocka_unit_test(test_port_in_use),    cmocka_unit_test(test_bad_texts),
        cmocka_unit_test(test_long_text),      cmocka_unit_test(test_bad_choices),
        cmocka_unit_test(test_unwritable),     cmocka_unit_test(test_say),
        cmocka_unit_test(test_ssml),           cmocka_unit_test(test_keeps_old_file),
        cmocka_unit_test(test_interrupted),    cmocka_unit_test(test_doctor),
        cmocka_unit_test(test_doctor_answers), cmocka_unit_test(test_installed),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
