/*
 * `avatar-chat animate`: a recording in, talking video out. The recording takes the place of the voice: a
 * speech engine of this command's own says one sentence, which is the recording. Its lips are found by lip
 * sync that listens.
 */
#include "cli/cli.h"
#include "cli/make_video.h"

#include "base/clock.h"
#include "base/mem.h"
#include "core/registry.h"
#include "media/decode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RATE_HZ = 24000 /* the video's */, PIECE = RATE_HZ / 5, MAX_S = 3600, WAIT_US = 20000 };

/* ---- the engine ---- */

static struct ac_pcm recording; /* set before the engine is used */

/* Pushes samples [at, at + n), waiting while as much as there is room for waits to be drawn. */
static int push_piece(struct ac_sink *out, size_t at, size_t n, struct ac_cancel *cancel)
{
    for (;;) {
        struct ac_frame *f = ac_frame_new(AC_FRAME_SPEECH);
        struct ac_speech *s = &f->speech;
        s->rate_hz = RATE_HZ;
        s->start_sample = (int64_t)at;
        s->n_samples = n;
        s->pcm = ac_alloc(n * sizeof *s->pcm);
        memcpy(s->pcm, recording.samples + at, n * sizeof *s->pcm);
        s->last = at + n == recording.n;
        int err = out->push(out, f);
        if (err != AC_EFULL)
            return err;
        if (ac_cancelled(cancel))
            return AC_ECANCELED;
        ac_sleep_us(WAIT_US);
    }
}

static int process(void *inst, const struct ac_frame *in, struct ac_sink *out, struct ac_cancel *cancel)
{
    int err = 0;

    (void)inst;
    for (size_t at = 0; in && !err && at < recording.n; at += PIECE)
        err = push_piece(out, at, recording.n - at < PIECE ? recording.n - at : PIECE, cancel);
    return err;
}

static const struct ac_handler_info recording_engine = {
    .name = "recording",
    .help = "the recording that is animated",
    .stage = AC_STAGE_TTS,
    .in = AC_FRAME_TEXT,
    .out = AC_FRAME_SPEECH,
    .flags = AC_HANDLER_WAITS,
    .process = process,
};

/* The engines that are built in, and this one. The list is borrowed by the registry. */
static const struct ac_handler_info **engines_with_it(void)
{
    size_t n = 0;

    while (ac_registry()[n])
        n++;
    const struct ac_handler_info **list = ac_zalloc((n + 2) * sizeof *list);
    memcpy(list, ac_registry(), n * sizeof *list);
    list[n] = &recording_engine;
    return list;
}

/* ---- the command ---- */

static int read_recording(const char *file)
{
    char reason[AC_DECODE_REASON];

    if (ac_decode_file_at(file, RATE_HZ, MAX_S, &recording, reason) != 0)
        return ac_cli_fail("animate", "%s: %s", file, reason);
    if (recording.damaged)
        fprintf(stderr, "avatar-chat animate: %s: a part of it is damaged or missing; this is what is left\n",
                file);
    return AC_CLI_GO;
}

static int animate(const struct ac_video_choices *c, const char *file, const char *output,
                   const char *cfg_file, struct ac_cli_list *sets)
{
    struct ac_speaker_config scfg = {.delivery = AC_DELIVERY_STREAM};
    struct ac_video_made made = {0};
    struct ac_config *cfg = NULL;
    const struct ac_handler_info **engines = engines_with_it();

    ac_registry_set(engines);
    ac_cli_list_add(sets, "tts.use=[recording]");
    ac_cli_list_add(sets, "session.stage_timeout_s=86400"); /* it is as long as its drawing */
    int status = ac_video_prefs("animate", c, &scfg.prefs);
    if (status == AC_CLI_GO)
        status = ac_video_sets("animate", c, &made, sets);
    if (status == AC_CLI_GO)
        status = ac_cli_load("animate", &cfg, cfg_file, sets, true);
    if (status == AC_CLI_GO)
        status = read_recording(file);
    if (status == AC_CLI_GO) {
        ac_video_prefs_from(cfg, &scfg.prefs);
        status = ac_cli_make_video("animate", cfg, &scfg, output, "recording", strlen("recording"));
    }
    ac_config_free(cfg);
    ac_video_made_free(&made);
    free(recording.samples);
    recording = (struct ac_pcm){0};
    ac_registry_set(NULL);
    free(engines);
    return status;
}

int ac_cli_animate(int argc, char **argv)
{
    struct ac_video_choices c = {0};
    const char *output = "out.mp4", *file = NULL;
    struct ac_cli_list sets = {0}, words = {0};
    const struct ac_cli_option options[] = {
        {'o', "output", "FILE", "Where the MP4 goes (out.mp4); - for standard output.", NULL, &output, NULL},
        {0, "avatar", "ID", "Who says it; 'avatar-chat doctor' lists them.", NULL, &c.avatar, NULL},
        {0, "fps", "N", "Pictures a second (25).", NULL, &c.fps, NULL},
        {0, "size", "N or WxH", "Size of the picture in pixels (512).", NULL, &c.size, NULL},
        AC_CLI_OPTION_FILE(&file),
        AC_CLI_OPTION_SET(&sets),
    };
    const struct ac_cli_spec spec = {
        .command = "animate",
        .usage = "[-o FILE] [options] AUDIO | -",
        .help =
            "Makes a video of a person who says what is said in a sound or video file. Any format, rate and "
            "number of\nchannels that libav reads, up to an hour; - is standard input.",
        .notes = "example: avatar-chat animate speech.mp3 -o speech.mp4",
        .options = options,
        .n_options = sizeof options / sizeof *options,
        .max_words = 1,
    };

    int status = ac_cli_parse(&spec, argc, argv, &words);
    if (status == AC_CLI_GO && words.n != 1)
        status = ac_cli_usage_error("animate", "name the sound file");
    if (status == AC_CLI_GO)
        status = animate(&c, words.items[0], output, file, &sets);
    ac_cli_list_free(&sets);
    ac_cli_list_free(&words);
    return status;
}
