/* `avatar-chat say`: text in, talking video out. */
#include "cli/cli.h"
#include "cli/make_video.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_INPUT_BYTES = 16 << 20 };

struct choices {
    struct ac_video_choices video;
    const char *rate, *pitch, *output, *file;
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
    return ac_talk_pieces(text, len) ? 0 : ac_cli_fail("say", AC_NOTHING_TO_SAY);
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

static int make_prefs(const struct choices *c, struct ac_speaker_config *scfg)
{
    int status = ac_video_prefs("say", &c->video, &scfg->prefs);

    if (status == AC_CLI_GO)
        status = parse_factor("rate", c->rate, &scfg->rate);
    if (status == AC_CLI_GO)
        status = parse_factor("pitch", c->pitch, &scfg->pitch);
    return status;
}

/* ---- the command ---- */

static int say_with(const struct choices *c, struct ac_cli_list *sets, const struct ac_cli_list *words)
{
    const struct ac_config *cfg = NULL;
    struct ac_config *loaded = NULL;
    struct ac_speaker_config scfg = {.delivery = AC_DELIVERY_STREAM};
    struct ac_str text = {0};
    struct ac_video_made made = {0};

    int status = make_prefs(c, &scfg);
    if (status == AC_CLI_GO)
        status = ac_video_sets("say", &c->video, &made, sets);
    if (status == AC_CLI_GO)
        status = ac_cli_load("say", &loaded, c->file, sets, true);
    if (status != AC_CLI_GO)
        goto out;
    cfg = loaded;
    ac_video_prefs_from(cfg, &scfg.prefs);
    if (!c->video.lang && strcmp(ac_config_session(cfg)->language, "auto") != 0)
        snprintf(scfg.prefs.lang, sizeof scfg.prefs.lang, "%s", ac_config_session(cfg)->language);
    status = read_text(words, &text);
    if (!status)
        status = check_text(cfg, text.p ? text.p : "", text.len);
    if (!status)
        status = ac_cli_make_video("say", cfg, &scfg, c->output ? c->output : "out.mp4", text.p ? text.p : "",
                                   text.len);
out:
    ac_config_free(loaded);
    ac_str_free(&text);
    ac_video_made_free(&made);
    return status;
}

int ac_cli_say(int argc, char **argv)
{
    struct choices c = {0};
    struct ac_cli_list sets = {0}, words = {0};
    const struct ac_cli_option options[] = {
        {'o', "output", "FILE", "Where the MP4 goes (out.mp4); - for standard output.", NULL, &c.output,
         NULL},
        {0, "voice", "ID", "Voice; 'avatar-chat voices' lists them.", NULL, &c.video.voice, NULL},
        {0, "lang", "TAG", "Language of the text (en, zh-CN …); else it is guessed.", NULL, &c.video.lang,
         NULL},
        {0, "avatar", "ID", "Who says it; 'avatar-chat doctor' lists them.", NULL, &c.video.avatar, NULL},
        {0, "fps", "N", "Pictures a second (25).", NULL, &c.video.fps, NULL},
        {0, "size", "N or WxH", "Size of the picture in pixels (512).", NULL, &c.video.size, NULL},
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
