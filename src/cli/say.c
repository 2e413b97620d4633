/*
 * `avatar-chat say`: text in, talking video out. Fragments go to FILE.part, which becomes an ordinary MP4 of
 * the name asked for when all is said, so that a file of that name is always a whole one. A pipe or a device
 * gets the fragments as they come, which play as well.
 */
#include "cli/cli.h"
#include "cli/remux.h"
#include "cli/talk.h"

#include "base/clock.h"
#include "base/mem.h"
#include "core/registry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_INPUT_BYTES = 16 << 20, GRACE_MS = 5000 };

struct choices {
    const char *voice, *lang, *avatar, *fps, *size, *rate, *pitch, *output, *file;
};

/* ---- input ---- */

/* The text: the word given, or standard input. malloc'ed. */
static int read_text(const struct ac_cli_list *words, struct ac_str *text)
{
    char buf[65536];
    ssize_t n;

    if (words->n && strcmp(words->items[0], "-") != 0) {
        ac_str_add(text, words->items[0]);
        return 0;
    }
    if (isatty(STDIN_FILENO))
        fprintf(stderr, "avatar-chat say: type the text, then end it with Ctrl-D on a line of its own\n");
    while ((n = read(STDIN_FILENO, buf, sizeof buf)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ac_cli_fail("say", "cannot read standard input: %s", strerror(errno));
        ac_str_add_n(text, buf, (size_t)n);
        if (text->len > MAX_INPUT_BYTES)
            return ac_cli_fail("say", "the text is larger than %d MB; give it in parts",
                               MAX_INPUT_BYTES >> 20);
    }
    return 0;
}

/* Byte at which the text stops being UTF-8. */
static size_t first_bad_byte(const char *text, size_t len)
{
    const char *p = text, *end = text + len;

    while (p < end) {
        const char *from = p;
        if (ac_utf8_next(&p, end) == 0xFFFD && !ac_utf8_valid(from, (size_t)(p - from)))
            return (size_t)(from - text);
    }
    return len;
}

static int nothing_to_say(void)
{
    return ac_cli_fail("say",
                       "there is nothing to say in the text: give words, not only emoji, signs or code");
}

static int check_text(const struct ac_config *cfg, const char *text, size_t len)
{
    int max = ac_config_server(cfg)->max_text_chars;
    size_t chars = 0;

    if (memchr(text, '\0', len))
        return ac_cli_fail("say", "the text is not valid UTF-8: it holds a NUL byte");
    if (!ac_utf8_valid(text, len))
        return ac_cli_fail(
            "say", "the text is not valid UTF-8 (byte %zu); convert it, for instance with iconv -t UTF-8",
            first_bad_byte(text, len));
    for (size_t i = 0; i < len; i++)
        chars += ((unsigned char)text[i] & 0xC0) != 0x80;
    if (chars > (size_t)max)
        return ac_cli_fail(
            "say",
            "the text has %zu characters, the limit is %d; shorten it, or raise the limit with --set "
            "server.max_text_chars=%zu",
            chars, max, chars);
    return ac_talk_pieces(text, len) ? 0 : nothing_to_say();
}

/* ---- choices ---- */

static int parse_factor(const char *name, const char *text, float *out)
{
    char *end;

    if (!text)
        return AC_CLI_GO;
    float v = strtof(text, &end);
    if (end == text || *end || !(v >= 0.5f && v <= 2.0f))
        return ac_cli_usage_error("say", "--%s %s: give a number from 0.5 to 2; 1 is normal", name, text);
    *out = v;
    return AC_CLI_GO;
}

static int copy_pref(const char *name, const char *text, char *out, size_t size)
{
    if (!text)
        return AC_CLI_GO;
    if (strlen(text) >= size || !ac_utf8_valid(text, strlen(text)))
        return ac_cli_usage_error("say", "--%s '%s': this cannot be a name", name, text);
    snprintf(out, size, "%s", text);
    return AC_CLI_GO;
}

/* "512" or "640x480" → --set video.width=… and video.height=…, which check the range. */
static int add_size(const char *size, char **sets, struct ac_cli_list *list)
{
    unsigned w, h;
    int end = 0;

    if (!size)
        return AC_CLI_GO;
    if (sscanf(size, "%5ux%5u%n", &w, &h, &end) == 2 && !size[end]) {
        ;
    } else if (sscanf(size, "%5u%n", &w, &end) == 1 && !size[end]) {
        h = w;
    } else {
        return ac_cli_usage_error("say", "--size %s: give pixels, as 512 or 640x480", size);
    }
    sets[0] = ac_asprintf("video.width=%u", w);
    sets[1] = ac_asprintf("video.height=%u", h);
    ac_cli_list_add(list, sets[0]);
    ac_cli_list_add(list, sets[1]);
    return AC_CLI_GO;
}

static int make_prefs(const struct choices *c, struct ac_speaker_config *scfg)
{
    int status = copy_pref("lang", c->lang && strcmp(c->lang, "auto") == 0 ? NULL : c->lang, scfg->prefs.lang,
                           sizeof scfg->prefs.lang);

    if (status == AC_CLI_GO)
        status = copy_pref("voice", c->voice, scfg->prefs.voice, sizeof scfg->prefs.voice);
    if (status == AC_CLI_GO)
        status = copy_pref("avatar", c->avatar, scfg->prefs.avatar, sizeof scfg->prefs.avatar);
    if (status == AC_CLI_GO)
        status = parse_factor("rate", c->rate, &scfg->rate);
    if (status == AC_CLI_GO)
        status = parse_factor("pitch", c->pitch, &scfg->pitch);
    return status;
}

/* ---- checking engines before anything is written ---- */

/*
 * Opens the engines of a stage in order until one takes the choices; says why when none does. The first
 * engine's sentence is given: it is the preferred one.
 */
static int try_stage(const struct ac_config *cfg, struct ac_models *models, enum ac_stage stage,
                     const struct ac_prefs *prefs)
{
    const struct ac_handler_info *const *engines;
    size_t n = ac_config_use(cfg, stage, &engines);
    char reason[256], last[256] = "";

    for (size_t i = 0; i < n; i++) {
        struct ac_instance *inst;
        if (ac_instance_open(&inst, models, engines[i], prefs, reason) == 0) {
            ac_instance_close(inst);
            return AC_CLI_GO;
        }
        if (!last[0] || strlen(reason) > strlen(last))
            snprintf(last, sizeof last, "%s", reason);
    }
    if (n == 0)
        return ac_cli_fail("say", "no engine of stage '%s' is built in; see AC_ENGINES in CMakeLists.txt",
                           ac_stage_name(stage));
    return ac_cli_fail("say", "%s", last);
}

/* ---- output ---- */

static atomic_bool interrupted;

/* The work ends in order, so that no half file is left. */
static void interrupt(void)
{
    atomic_store(&interrupted, true);
}

struct output {
    const char *path;
    char *part; /* NULL: written as it is */
    int fd;
    int error; /* errno of the first failed write */
};

static int output_open(struct output *o, const char *path)
{
    struct stat st;

    *o = (struct output){.path = path, .fd = STDOUT_FILENO};
    if (strcmp(path, "-") == 0) {
        if (isatty(STDOUT_FILENO))
            return ac_cli_usage_error("say",
                                      "the video would go to the terminal; send it to a file or a pipe");
        return AC_CLI_GO;
    }
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return ac_cli_fail("say", "cannot write '%s': it is a folder; name a file in it", path);
    if (stat(path, &st) != 0 || S_ISREG(st.st_mode))
        o->part = ac_asprintf("%s.part", path);
    o->fd = open(o->part ? o->part : path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (o->fd >= 0)
        return AC_CLI_GO;
    int status =
        ac_cli_fail("say", "cannot write '%s': %s; choose another place with -o FILE", path, strerror(errno));
    free(o->part);
    o->part = NULL;
    return status;
}

static int output_write(void *arg, const char *data, size_t n)
{
    struct output *o = arg;

    if (atomic_load(&interrupted))
        return AC_ECANCELED;
    while (n) {
        ssize_t done = write(o->fd, data, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0) {
            o->error = errno;
            return AC_EIO;
        }
        data += done;
        n -= (size_t)done;
    }
    return 0;
}

/* FILE.part becomes FILE, as an ordinary MP4. */
static int output_publish(const struct output *o)
{
    char *whole = ac_asprintf("%s.tmp", o->part), reason[256];
    int status = AC_EXIT_OK;

    if (ac_remux(o->part, whole, reason) != 0)
        status = ac_cli_fail("say", "cannot write '%s': %s", o->path, reason);
    else if (rename(whole, o->path) != 0)
        status = ac_cli_fail("say", "cannot write '%s': %s", o->path, strerror(errno));
    if (status != AC_EXIT_OK)
        unlink(whole);
    free(whole);
    return status;
}

/* keep: all was written. Gives the exit status. */
static int output_close(struct output *o, bool keep)
{
    int status = AC_EXIT_OK;

    if (o->fd != STDOUT_FILENO && close(o->fd) != 0 && keep)
        status = ac_cli_fail("say", "cannot write '%s': %s", o->path, strerror(errno));
    if (o->part && keep && status == AC_EXIT_OK)
        status = output_publish(o);
    if (o->part)
        unlink(o->part);
    free(o->part);
    return status;
}

/* ---- the command ---- */

static int report(const struct output *o, int err, const struct ac_talk_result *r, int64_t took_us)
{
    if (o->error)
        return ac_cli_fail("say", "cannot write '%s': %s", o->path, strerror(o->error));
    if (err == AC_ECANCELED)
        return ac_cli_fail("say", "interrupted; nothing was written");
    if (err == AC_EEMPTY)
        return nothing_to_say();
    if (err)
        return ac_cli_fail("say", "%s", r->reason[0] ? r->reason : ac_err_text(err));
    fprintf(stderr, "%s: %.1f s of video, made in %.2f s\n",
            strcmp(o->path, "-") == 0 ? "standard output" : o->path, (double)r->duration_us / 1e6,
            (double)took_us / 1e6);
    if (r->errors)
        return ac_cli_fail("say", "%zu of %zu sentences failed: %s", r->errors, r->sentences, r->reason);
    return AC_EXIT_OK;
}

static int say(const struct ac_config *cfg, struct ac_speaker_config *scfg, const char *path,
               const struct ac_str *text)
{
    struct ac_models *models = ac_models_new(cfg);
    struct ac_pool *pool = NULL;
    struct ac_pool_config pcfg = {.workers = ac_config_server(cfg)->workers};
    struct ac_talk_result result;
    struct output out;
    int64_t start_us = ac_now_us();

    int status = try_stage(cfg, models, AC_STAGE_AVATAR, &scfg->prefs);
    if (status == AC_CLI_GO)
        status = try_stage(cfg, models, AC_STAGE_TTS, &scfg->prefs);
    if (status == AC_CLI_GO)
        status = output_open(&out, path);
    if (status != AC_CLI_GO)
        goto out;
    ac_cli_on_signal(interrupt);
    int err = ac_pool_new(&pool, &pcfg);
    if (!err)
        err =
            ac_talk(cfg, models, pool, scfg, text->p ? text->p : "", text->len, output_write, &out, &result);
    else
        result = (struct ac_talk_result){0};
    int closed = output_close(&out, !err);
    status = report(&out, err, &result, ac_now_us() - start_us);
    status = status ? status : closed;
    if (pool)
        ac_pool_free(pool, GRACE_MS);
out:
    ac_models_free(models);
    return status;
}

static int say_with(const struct choices *c, struct ac_cli_list *sets, const struct ac_cli_list *words)
{
    const struct ac_config *cfg = NULL;
    struct ac_config *loaded = NULL;
    struct ac_speaker_config scfg = {.delivery = AC_DELIVERY_STREAM};
    struct ac_str text = {0};
    char *made[3] = {NULL, NULL, NULL};

    int status = make_prefs(c, &scfg);
    if (status == AC_CLI_GO)
        status = add_size(c->size, made, sets);
    if (status == AC_CLI_GO && c->fps) {
        made[2] = ac_asprintf("video.fps=%s", c->fps);
        ac_cli_list_add(sets, made[2]);
    }
    if (status == AC_CLI_GO)
        status = ac_cli_load("say", &loaded, c->file, sets, true);
    if (status != AC_CLI_GO)
        goto out;
    cfg = loaded;
    scfg.prefs.width = ac_config_video(cfg)->width;
    scfg.prefs.height = ac_config_video(cfg)->height;
    scfg.prefs.fps = ac_config_video(cfg)->fps;
    if (!c->lang && strcmp(ac_config_session(cfg)->language, "auto") != 0)
        snprintf(scfg.prefs.lang, sizeof scfg.prefs.lang, "%s", ac_config_session(cfg)->language);
    status = read_text(words, &text);
    if (!status)
        status = check_text(cfg, text.p ? text.p : "", text.len);
    if (!status)
        status = say(cfg, &scfg, c->output ? c->output : "out.mp4", &text);
out:
    ac_config_free(loaded);
    ac_str_free(&text);
    for (size_t i = 0; i < 3; i++)
        free(made[i]);
    return status;
}

int ac_cli_say(int argc, char **argv)
{
    struct choices c = {0};
    struct ac_cli_list sets = {0}, words = {0};
    const struct ac_cli_option options[] = {
        {'o', "output", "FILE", "Where the MP4 goes (out.mp4); - for standard output.", NULL, &c.output,
         NULL},
        {0, "voice", "ID", "Voice; 'avatar-chat doctor' lists them.", NULL, &c.voice, NULL},
        {0, "lang", "TAG", "Language of the text (en, zh-CN …); else it is guessed.", NULL, &c.lang, NULL},
        {0, "avatar", "ID", "Who says it; 'avatar-chat doctor' lists them.", NULL, &c.avatar, NULL},
        {0, "fps", "N", "Pictures a second (25).", NULL, &c.fps, NULL},
        {0, "size", "N or WxH", "Size of the picture in pixels (512).", NULL, &c.size, NULL},
        {0, "rate", "X", "Speed of the speech, 0.5 to 2.", NULL, &c.rate, NULL},
        {0, "pitch", "X", "Pitch of the voice, 0.5 to 2.", NULL, &c.pitch, NULL},
        AC_CLI_OPTION_FILE(&c.file),
        AC_CLI_OPTION_SET(&sets),
    };
    const struct ac_cli_spec spec = {
        .command = "say",
        .usage = "[-o FILE] [options] [TEXT | -]",
        .help =
            "Makes a video of a person who says the text. Without TEXT, or with -, it is read from "
            "standard input.\n"
            "Markdown marks and emoji are left out, code, tables and formulas are only mentioned; [happy],\n"
            "[sad], [surprised], [thinking] and [neutral] change the face for what follows.",
        .notes = "example: avatar-chat say -o hello.mp4 \"Hello! How are you?\"",
        .options = options,
        .n_options = sizeof options / sizeof *options,
        .max_words = 1,
    };

    int status = ac_cli_parse(&spec, argc, argv, &words);
    if (status == AC_CLI_GO)
        status = say_with(&c, &sets, &words);
    ac_cli_list_free(&sets);
    ac_cli_list_free(&words);
    return status;
}
