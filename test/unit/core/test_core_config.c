/*
 * The configuration: defaults, file, environment and --set with their precedence and origins; every error
 * with its place and its remedy. Runs in a folder of its own, with engines of its own in the registry.
 */
#include "core/config.h"
#include "core/registry.h"

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

struct voice_cfg {
    char *voice;
    double rate;
    char *key;
    char *path;
};

#define S struct voice_cfg
static const struct ac_option voice_options[] = {
    AC_OPTION_STRING(S, voice, "voice", "slt", AC_OPT_RUNTIME, "The voice."),
    AC_OPTION_FLOAT(S, rate, "rate", "1", 0.5, 2, 0, "Speed."),
    AC_OPTION_STRING(S, key, "api_key", "", AC_OPT_SECRET, "The key."),
    AC_OPTION_PATH(S, path, "path", "voices", 0, "Where voices are."),
    AC_OPTIONS_END,
};
#undef S

static const struct ac_handler_info flute = {.name = "flute",
                                             .help = "Plays.",
                                             .stage = AC_STAGE_TTS,
                                             .cfg_size = sizeof(struct voice_cfg),
                                             .options = voice_options};
static const struct ac_handler_info oboe = {.name = "oboe",
                                            .help = "Plays too.",
                                            .stage = AC_STAGE_TTS,
                                            .cfg_size = sizeof(struct voice_cfg),
                                            .options = voice_options};
static const struct ac_handler_info plain = {.name = "plain", .help = "No options.", .stage = AC_STAGE_LLM};
static const struct ac_handler_info *const engines[] = {&plain, &flute, &oboe, NULL};

static char folder[] = "/tmp/ac-config-XXXXXX";

static void clear_environment(void)
{
    for (char **p = environ; *p;) {
        if (strncmp(*p, "AVATAR_CHAT_", 12) == 0) {
            char name[128];
            snprintf(name, sizeof name, "%.*s", (int)strcspn(*p, "="), *p);
            unsetenv(name);
            p = environ;
        } else {
            p++;
        }
    }
}

static int group_setup(void **state)
{
    (void)state;
    ac_registry_set(engines);
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int group_teardown(void **state)
{
    char cmd[64];

    (void)state;
    snprintf(cmd, sizeof cmd, "rm -r %s", folder);
    return chdir("/") == 0 && system(cmd) == 0 ? 0 : -1;
}

static int setup(void **state)
{
    (void)state;
    clear_environment();
    return 0;
}

static void write_file(const char *name, const char *text, size_t len)
{
    FILE *f = fopen(name, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static struct ac_config *load_ok(const char *file, const char *const *sets, size_t n_sets)
{
    struct ac_config *cfg = NULL;
    struct ac_str errors = {0};
    int err = ac_config_load(&cfg, file, sets, n_sets, &errors);

    if (err || errors.len)
        fail_msg("%s", errors.len ? errors.p : "no reason");
    ac_str_free(&errors);
    return cfg;
}

static const struct voice_cfg *voice_of(const struct ac_config *cfg, const struct ac_handler_info *info)
{
    const struct voice_cfg *v = ac_config_engine(cfg, info);

    assert_non_null(v);
    return v;
}

/* It is used where it is named, and where there is no other. */
static void test_engine_that_needs_settings(void **state)
{
    static const struct ac_handler_info needy = {
        .name = "needy", .help = "h", .stage = AC_STAGE_LLM, .flags = AC_HANDLER_NEEDS_CONFIG};
    static const struct ac_handler_info *const with[] = {&needy, &plain, NULL}, *const alone[] = {&needy,
                                                                                                  NULL};
    const char *sets[] = {"llm.use=needy,plain"};
    const struct ac_handler_info *const *use;

    (void)state;
    ac_registry_set(with);
    struct ac_config *cfg = load_ok(NULL, NULL, 0);
    assert_int_equal(ac_config_use(cfg, AC_STAGE_LLM, &use), 1);
    assert_ptr_equal(use[0], &plain);
    ac_config_free(cfg);
    cfg = load_ok(NULL, sets, 1);
    assert_int_equal(ac_config_use(cfg, AC_STAGE_LLM, &use), 2);
    assert_ptr_equal(use[0], &needy);
    ac_config_free(cfg);
    ac_registry_set(alone);
    cfg = load_ok(NULL, NULL, 0);
    assert_int_equal(ac_config_use(cfg, AC_STAGE_LLM, &use), 1);
    ac_config_free(cfg);
    ac_registry_set(engines);
}

static void test_defaults(void **state)
{
    struct ac_config *cfg = load_ok(NULL, NULL, 0);
    const struct ac_server_config *server = ac_config_server(cfg);
    const struct ac_session_config *session = ac_config_session(cfg);
    const struct ac_video_config *video = ac_config_video(cfg);
    const struct ac_handler_info *const *use;

    (void)state;
    assert_string_equal(server->host, "127.0.0.1");
    assert_int_equal(server->port, 8000);
    assert_int_equal(server->out_soft_kb, 4096);
    assert_int_equal(server->out_hard_kb, 16384);
    assert_int_equal(ac_config_log(cfg)->level, 2);
    assert_int_equal(ac_config_log(cfg)->format, 0);
    assert_string_equal(session->language, "auto");
    assert_int_equal(session->first_clause_words, 6);
    assert_int_equal(session->first_clause_cjk, 12);
    assert_int_equal(video->width, 512);
    assert_int_equal(video->fps, 25);
    assert_int_equal(video->fragment_frames, 5);
    assert_int_equal(video->first_frames, 7);
    assert_int_equal(ac_config_use(cfg, AC_STAGE_TTS, &use), 2);
    assert_ptr_equal(use[0], &flute);
    assert_ptr_equal(use[1], &oboe);
    assert_int_equal(ac_config_use(cfg, AC_STAGE_LLM, &use), 1);
    assert_int_equal(ac_config_use(cfg, AC_STAGE_VAD, &use), 0);
    assert_string_equal(voice_of(cfg, &oboe)->voice, "slt");
    assert_non_null(ac_config_engine(cfg, &plain));
    ac_config_free(cfg);
    ac_config_free(NULL);
}

static const char good_file[] = "# a comment\n"
                                "server: {host: \"0.0.0.0\", port: 9000}\n"
                                "video:\n"
                                "  width: &size 720\n"
                                "  height: *size\n"
                                "session:\n"
                                "llm:\n"
                                "  plain:\n"
                                "tts:\n"
                                "  use: [oboe, flute]\n"
                                "  oboe:\n"
                                "    voice: 'anna'\n"
                                "    rate: 1.5\n"
                                "    api_key:\n";

static void test_file(void **state)
{
    const struct ac_handler_info *const *use;

    (void)state;
    write_file("good.yaml", good_file, strlen(good_file));
    struct ac_config *cfg = load_ok("good.yaml", NULL, 0);
    assert_string_equal(ac_config_server(cfg)->host, "0.0.0.0");
    assert_int_equal(ac_config_server(cfg)->port, 9000);
    assert_int_equal(ac_config_video(cfg)->height, 720);
    assert_int_equal(ac_config_use(cfg, AC_STAGE_TTS, &use), 2);
    assert_ptr_equal(use[0], &oboe);
    assert_string_equal(voice_of(cfg, &oboe)->voice, "anna");
    assert_true(voice_of(cfg, &oboe)->rate == 1.5);
    assert_string_equal(voice_of(cfg, &oboe)->key, "");
    assert_string_equal(voice_of(cfg, &flute)->voice, "slt");
    ac_config_free(cfg);
}

/* ./avatar-chat.yaml is read when no file is named; an empty one is fine. */
static void test_default_file(void **state)
{
    (void)state;
    write_file("avatar-chat.yaml", "server: {port: 8123}\n", 21);
    struct ac_config *cfg = load_ok(NULL, NULL, 0);
    assert_int_equal(ac_config_server(cfg)->port, 8123);
    ac_config_free(cfg);
    write_file("avatar-chat.yaml", "# nothing\n", 10);
    cfg = load_ok(NULL, NULL, 0);
    assert_int_equal(ac_config_server(cfg)->port, 8000);
    ac_config_free(cfg);
    assert_int_equal(unlink("avatar-chat.yaml"), 0);
}

static void test_precedence(void **state)
{
    const char *sets[] = {"server.port=9002", "tts.use=flute", "tts.flute.voice=a=b", "server.port=9003"};
    struct ac_str out = {0};
    const struct ac_handler_info *const *use;

    (void)state;
    write_file("p.yaml", good_file, strlen(good_file));
    setenv("AVATAR_CHAT_SERVER_PORT", "9001", 1);
    setenv("AVATAR_CHAT_SERVER_HOST", "::1", 1);
    setenv("AVATAR_CHAT_TTS_OBOE_API_KEY", "hush", 1);
    setenv("AVATAR_CHAT_BIN", "/somewhere", 1);
    setenv("AVATAR_CHAT_ONNXRUNTIME", "/somewhere/else", 1);
    struct ac_config *cfg = load_ok("p.yaml", sets, 0);
    assert_int_equal(ac_config_server(cfg)->port, 9001);
    assert_string_equal(ac_config_server(cfg)->host, "::1");
    ac_config_free(cfg);

    cfg = load_ok("p.yaml", sets, 4);
    assert_int_equal(ac_config_server(cfg)->port, 9003);
    assert_int_equal(ac_config_use(cfg, AC_STAGE_TTS, &use), 1);
    assert_ptr_equal(use[0], &flute);
    assert_string_equal(voice_of(cfg, &flute)->voice, "a=b");
    assert_string_equal(voice_of(cfg, &oboe)->key, "hush");

    ac_config_print(cfg, &out);
    static const char *const lines[] = {
        "  port: 9003                                # --set\n",
        "  host: \"::1\"                               # AVATAR_CHAT_SERVER_HOST\n",
        "  width: 720                                # p.yaml:4\n",
        "  fps: 25                                   # default\n",
        "  use: [flute]                              # --set\n",
        "    voice: anna                             # p.yaml:12\n",
        "    api_key: \"***\"                          # AVATAR_CHAT_TTS_OBOE_API_KEY\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        if (!strstr(out.p, lines[i]))
            fail_msg("no line '%s' in:\n%s", lines[i], out.p);
    }
    assert_null(strstr(out.p, "hush"));

    /* what is printed is itself a configuration with the same values */
    write_file("printed.yaml", out.p, out.len);
    clear_environment();
    struct ac_config *again = load_ok("printed.yaml", NULL, 0);
    assert_int_equal(ac_config_server(again)->port, 9003);
    assert_string_equal(voice_of(again, &flute)->voice, "a=b");
    ac_config_free(again);
    ac_config_free(cfg);
    ac_str_free(&out);
}

/* A path of the file means the file's neighbour when there is one; else it is left for the engine's search.
 */
static void test_paths(void **state)
{
    static const char text[] = "tts:\n  flute: {path: mine}\n  oboe: {path: elsewhere}\n";
    const char *sets[] = {"tts.flute.path=mine"};

    (void)state;
    assert_int_equal(mkdir("sub", 0700), 0);
    assert_int_equal(mkdir("sub/mine", 0700), 0);
    write_file("sub/c.yaml", text, strlen(text));
    struct ac_config *cfg = load_ok("sub/c.yaml", NULL, 0);
    assert_string_equal(voice_of(cfg, &flute)->path, "sub/mine");
    assert_string_equal(voice_of(cfg, &oboe)->path, "elsewhere");
    const char *const *dirs = ac_config_data_dirs(cfg);
    assert_string_equal(dirs[0], "sub");
    assert_string_equal(dirs[1], AC_SOURCE_DIR); /* this program is not installed */
    assert_null(dirs[2]);
    ac_config_free(cfg);
    cfg = load_ok("sub/c.yaml", sets, 1);
    assert_string_equal(voice_of(cfg, &flute)->path, "mine");
    ac_config_free(cfg);

    setenv("AVATAR_CHAT_DATA", folder, 1);
    cfg = load_ok(NULL, NULL, 0);
    assert_string_equal(ac_config_data_dirs(cfg)[0], folder);
    ac_config_free(cfg);
}

/* The page of the first data folder that has one. */
static void test_web_dir(void **state)
{
    char expected[128];

    (void)state;
    assert_int_equal(mkdir("data", 0700), 0);
    assert_int_equal(mkdir("data/web", 0700), 0);
    write_file("data/web/index.html", "<html>", 6);
    snprintf(expected, sizeof expected, "%s/data", folder);
    setenv("AVATAR_CHAT_DATA", expected, 1);
    struct ac_config *cfg = load_ok(NULL, NULL, 0);
    snprintf(expected, sizeof expected, "%s/data/web", folder);
    assert_string_equal(ac_config_server(cfg)->web_dir, expected);
    ac_config_free(cfg);
    const char *sets[] = {"server.web_dir=/srv/page"};
    cfg = load_ok(NULL, sets, 1);
    assert_string_equal(ac_config_server(cfg)->web_dir, "/srv/page");
    ac_config_free(cfg);
}

/* expected: the lines of the errors, each with "FILE:LINE" in front where it stands. */
static const struct {
    const char *text, *expected;
} file_errors[] = {
    {"server:\n  prot: 1\n", "e.yaml:2: unknown key 'prot' in 'server'; did you mean 'port'?\n"},
    {"sever:\n  port: 1\n", "e.yaml:1: unknown key 'sever'; did you mean 'server'?\n"},
    {"tts:\n  flut: {}\n", "e.yaml:2: unknown key 'flut' in 'tts'; did you mean 'flute'?\n"},
    {"tts:\n  piano: {}\n", "e.yaml:2: unknown key 'piano' in 'tts'; there is use, flute and oboe\n"},
    {"llm:\n  plain:\n    a: 1\n",
     "e.yaml:3: unknown key 'a' in 'llm.plain'; there is nothing to set here\n"},
    {"server.port: 1\n", "e.yaml:1: unknown key 'server.port'; there is server, log, session, listen, video, "
                         "history, llm and tts\n"},
    {"\n\nserver: {port: 70000}\n", "e.yaml:3: server.port: 70000 is out of range: 0 to 65535\n"},
    {"server: {port: [1, 2]}\n", "e.yaml:1: server.port: it takes one value\n"},
    {"server: {port: {a: 1}}\n", "e.yaml:1: server.port: it takes one value\n"},
    {"server:\n  port:\n", "e.yaml:2: server.port: '' is not a whole number\n"},
    {"log: {level: inof}\n",
     "e.yaml:1: log.level: 'inof' is not one of error, warn, info or debug; did you mean 'info'?\n"},
    {"server:\n  port: 1\n  host: a\n  port: 2\n",
     "e.yaml:4: server.port: it is given twice, first at e.yaml:2; remove one\n"},
    {"server: {port: 1}\nserver: {host: b}\n",
     "e.yaml:2: server: it is given twice; put its options in one place\n"},
    {"server: 8000\n",
     "e.yaml:1: server: it is a group of options; write them below it, indented, as 'name: value'\n"},
    {"tts:\n  use: [flute, obo]\n", "e.yaml:2: tts.use: no engine 'obo' is built in; did you mean 'oboe'?\n"},
    {"tts:\n  use: tuba\n", "e.yaml:2: tts.use: no engine 'tuba' is built in; there is flute and oboe\n"},
    {"tts:\n  use: [oboe, oboe]\n", "e.yaml:2: tts.use: 'oboe' is named twice; name each engine once\n"},
    {"tts:\n  use: []\n",
     "e.yaml:2: tts.use: no engine is named; name at least one, or leave the option out\n"},
    {"tts:\n  use: [[oboe]]\n", "e.yaml:2: tts.use: the list holds names of engines only\n"},
    {"tts:\n  use: {oboe: 1}\n", "e.yaml:2: tts.use: it takes one value, or a list of names\n"},
    {"vad: {use: [x]}\n",
     "e.yaml:1: unknown key 'vad'; there is server, log, session, listen, video, history, llm and tts\n"},
    {"? [a, b]\n: 1\n", "e.yaml:1: a key is a plain word here\n"},
    {"- a\n- b\n", "e.yaml:1: the file is not a list of 'section:' with options below\n"},
    {"just text\n", "e.yaml:1: the file is not a list of 'section:' with options below\n"},
    {"server: {port: 1}\n---\nserver: {port: 2}\n",
     "e.yaml:3: a second document begins; keep all options in one\n"},
    {"video: {width: 513}\n", "e.yaml:1: video.width: it is odd; H.264 wants an even number of pixels\n"},
    {"server: {out_hard_kb: 100}\n",
     "e.yaml:1: server.out_hard_kb: out_soft_kb must not be larger than out_hard_kb\n"},
    {"server: {out_soft_kb: 20000}\n",
     "e.yaml:1: server.out_soft_kb: out_soft_kb must not be larger than out_hard_kb\n"},
    {"session: {language: 'en us'}\n",
     "e.yaml:1: session.language: it is not a language tag; write auto, en, zh-CN or the like\n"},
    {"server: {host: ''}\n",
     "e.yaml:1: server.host: it is empty; write 127.0.0.1, or 0.0.0.0 for every network\n"},
    {"server: {port: x}\nlog:\n  format: xml\n  colour: red\n", /* all of them, not only the first */
     "e.yaml:1: server.port: 'x' is not a whole number\n"
     "e.yaml:3: log.format: 'xml' is not one of logfmt or json\n"
     "e.yaml:4: unknown key 'colour' in 'log'; there is level and format\n"},
};

static void expect_errors(const char *file, const char *const *sets, size_t n_sets, int code,
                          const char *expected)
{
    struct ac_config *cfg = NULL;
    struct ac_str errors = {0};
    int err = ac_config_load(&cfg, file, sets, n_sets, &errors);

    assert_int_equal(err, code);
    assert_null(cfg);
    assert_non_null(errors.p);
    assert_string_equal(errors.p, expected);
    ac_str_free(&errors);
}

static void test_file_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof file_errors / sizeof *file_errors; i++) {
        write_file("e.yaml", file_errors[i].text, strlen(file_errors[i].text));
        expect_errors("e.yaml", NULL, 0, AC_ECONFIG, file_errors[i].expected);
    }
}

/* What is no YAML at all: the line is right, the rest is libyaml's. */
static const struct {
    const char *text;
    size_t len;
    const char *begin;
} syntax_errors[] = {
#define T(s) s, sizeof s - 1
    {T("server:\n  port: 1\n host: a\n"), "e.yaml:3: not valid YAML: "},
    {T("a: [1\n"), "e.yaml:2: not valid YAML: "},
    {T("server:\n\tport: 1\n"), "e.yaml:2: not valid YAML: "},
    {T("a: *nowhere\n"), "e.yaml:1: not valid YAML: "},
    {T("# text\n# \xff\xfe\n"), "e.yaml:2: not valid YAML: "},
    {T("server: {host: \"a\\0b\"}\n"), "e.yaml:1: server.host: it takes one value\n"},
#undef T
};

static void test_syntax_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof syntax_errors / sizeof *syntax_errors; i++) {
        struct ac_config *cfg;
        struct ac_str errors = {0};
        write_file("e.yaml", syntax_errors[i].text, syntax_errors[i].len);
        assert_int_equal(ac_config_load(&cfg, "e.yaml", NULL, 0, &errors), AC_ECONFIG);
        if (strncmp(errors.p, syntax_errors[i].begin, strlen(syntax_errors[i].begin)) != 0)
            fail_msg("case %zu: %s", i, errors.p);
        ac_str_free(&errors);
    }
}

static void test_file_missing(void **state)
{
    (void)state;
    expect_errors("no.yaml", NULL, 0, AC_ENOENT,
                  "no.yaml: there is no such file; 'avatar-chat config sample' prints one to begin with\n");
    char expected[128];
    snprintf(expected, sizeof expected, "%s: it is a folder; name the YAML file in it\n", folder);
    expect_errors(folder, NULL, 0, AC_ECONFIG, expected);
}

static const struct {
    const char *set, *expected;
} set_errors[] = {
    {"server.prot=1", "--set: unknown option 'server.prot'; did you mean 'server.port'?\n"},
    {"server.port", "--set server.port: '=' is missing; write --set server.port=VALUE\n"},
    {"server.port=x", "--set: server.port: 'x' is not a whole number\n"},
    {"=1", "--set: unknown option ''; see 'avatar-chat config reference' for the options\n"},
    {"server=1", "--set: unknown option 'server'; see 'avatar-chat config reference' for the options\n"},
    {"tts.use=flute,tuba", "--set: tts.use: no engine 'tuba' is built in; there is flute and oboe\n"},
};

static void test_set_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof set_errors / sizeof *set_errors; i++)
        expect_errors(NULL, &set_errors[i].set, 1, AC_ECONFIG, set_errors[i].expected);
}

static const struct {
    const char *name, *value, *expected;
} env_errors[] = {
    {"AVATAR_CHAT_SERVER_PROT", "1",
     "AVATAR_CHAT_SERVER_PROT: this variable of the environment matches no option; did you mean "
     "'AVATAR_CHAT_SERVER_PORT'?\n"},
    {"AVATAR_CHAT_ZZZ", "1",
     "AVATAR_CHAT_ZZZ: this variable of the environment matches no option; unset it, or see 'avatar-chat "
     "config "
     "reference' for the options\n"},
    {"AVATAR_CHAT_SERVER_PORT", "-1",
     "AVATAR_CHAT_SERVER_PORT: server.port: -1 is out of range: 0 to 65535\n"},
    {"AVATAR_CHAT_TTS_USE", "oboe flute bell",
     "AVATAR_CHAT_TTS_USE: tts.use: no engine 'bell' is built in; there is flute and oboe\n"},
    {"AVATAR_CHAT_DATA", "/no/such",
     "AVATAR_CHAT_DATA: '/no/such' is not a folder; name one that holds avatars/ and knowledge/\n"},
};

static void test_env_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof env_errors / sizeof *env_errors; i++) {
        setenv(env_errors[i].name, env_errors[i].value, 1);
        expect_errors(NULL, NULL, 0, AC_ECONFIG, env_errors[i].expected);
        unsetenv(env_errors[i].name);
    }
}

static void test_wrong_default(void **state)
{
    static const struct ac_option bad[] = {
        AC_OPTION_FLOAT(struct voice_cfg, rate, "rate", "3", 0.5, 2, 0, "Speed."),
        AC_OPTIONS_END,
    };
    static const struct ac_handler_info broken = {.name = "broken",
                                                  .help = "B.",
                                                  .stage = AC_STAGE_TTS,
                                                  .cfg_size = sizeof(struct voice_cfg),
                                                  .options = bad};
    const struct ac_handler_info *const list[] = {&broken, NULL};

    (void)state;
    ac_registry_set(list);
    expect_errors(NULL, NULL, 0, AC_EINTERNAL,
                  "tts.broken: the default of option 'rate' is wrong: 3 is out of range: 0.5 to 2\n");
    ac_registry_set(engines);
}

/* Drops the # from the sample's option lines ("  #port: 8000"). */
static char *uncomment(const char *sample)
{
    struct ac_str out = {0};

    for (const char *p = sample; *p;) {
        size_t len = strcspn(p, "\n"), indent = strspn(p, " ");
        bool option = p[indent] == '#' && p[indent + 1] >= 'a' && p[indent + 1] <= 'z';
        ac_str_add_n(&out, p, indent);
        p += option ? indent + 1 : indent;
        len -= option ? indent + 1 : indent;
        ac_str_add_n(&out, p, len + (p[len] == '\n'));
        p += len + (p[len] == '\n');
    }
    return ac_str_steal(&out);
}

/* The sample loads as it is and with every option taken in, and either way gives the defaults. */
static void test_sample(void **state)
{
    struct ac_str sample = {0}, expected = {0}, got = {0};

    (void)state;
    ac_config_sample(&sample);
    struct ac_config *cfg = load_ok(NULL, NULL, 0);
    write_file("sample.yaml", sample.p, sample.len);
    struct ac_config *as_is = load_ok("sample.yaml", NULL, 0);
    char *open = uncomment(sample.p);
    write_file("open.yaml", open, strlen(open));
    struct ac_config *all = load_ok("open.yaml", NULL, 0);

    ac_config_print(as_is, &got);
    assert_null(strstr(got.p, "# sample.yaml:"));
    ac_str_clear(&got);
    ac_config_print(all, &got);
    assert_null(strstr(got.p, "# default"));
    ac_config_print(cfg, &expected);
    const char *a = strstr(expected.p, "\nserver:"), *b = strstr(got.p, "\nserver:");
    assert_non_null(a);
    assert_non_null(b);
    while (*a && *b) { /* the same lines up to the origin */
        size_t na = strcspn(a, "#\n"), nb = strcspn(b, "#\n");
        if (!strstr(a, "web_dir") || strstr(a, "web_dir") > a + na) { /* resolved in either case */
            assert_int_equal(na, nb);
            assert_memory_equal(a, b, na);
        }
        a += strcspn(a, "\n");
        b += strcspn(b, "\n");
        a += *a != '\0';
        b += *b != '\0';
    }
    assert_int_equal(*a, *b);
    free(open);
    ac_config_free(cfg);
    ac_config_free(as_is);
    ac_config_free(all);
    ac_str_free(&sample);
    ac_str_free(&expected);
    ac_str_free(&got);
}

static void test_reference(void **state)
{
    static const char *const parts[] = {
        "| `server.port` | whole number, 0 to 65535 | `8000` |",
        "| `tts.use` | list of engines | `[flute, oboe]` |",
        "### `tts.oboe`\n",
        "| `tts.flute.api_key` | text | `\"\"` | The key. Secret: never shown. |\n",
        "### `llm.plain`\n\nNo options.\n\nIt has nothing to set.\n",
    };
    struct ac_str out = {0};

    (void)state;
    ac_config_reference(&out);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (!strstr(out.p, parts[i]))
            fail_msg("lacks %s", parts[i]);
    }
    assert_null(strstr(out.p, "`vad"));
    ac_str_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_defaults, setup),
        cmocka_unit_test_setup(test_engine_that_needs_settings, setup),
        cmocka_unit_test_setup(test_file, setup),
        cmocka_unit_test_setup(test_default_file, setup),
        cmocka_unit_test_setup(test_precedence, setup),
        cmocka_unit_test_setup(test_paths, setup),
        cmocka_unit_test_setup(test_web_dir, setup),
        cmocka_unit_test_setup(test_file_errors, setup),
        cmocka_unit_test_setup(test_syntax_errors, setup),
        cmocka_unit_test_setup(test_file_missing, setup),
        cmocka_unit_test_setup(test_set_errors, setup),
        cmocka_unit_test_setup(test_env_errors, setup),
        cmocka_unit_test_setup(test_wrong_default, setup),
        cmocka_unit_test_setup(test_sample, setup),
        cmocka_unit_test_setup(test_reference, setup),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
