/* `avatar-chat vad`: where somebody speaks in a sound file. */
#include "cli/cli.h"
#include "cli/segments.h"

#include "base/mem.h"
#include "media/decode.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_S = 4 * 3600 };

static double seconds(int64_t samples)
{
    return round((double)samples * 1000 / AC_LISTEN_RATE_HZ) / 1000;
}

static void print_json(const char *file, size_t n_samples, const struct ac_segments *s, struct ac_str *out)
{
    json_t *list = json_array();

    for (size_t i = 0; i < s->n; i++)
        json_array_append_new(list,
                              json_pack("{s:f, s:f, s:b}", "start_s", seconds(s->items[i].start_sample),
                                        "end_s", seconds(s->items[i].end_sample), "cut", s->items[i].cut));
    json_t *root = json_pack("{s:s, s:s, s:f, s:o}", "file", file, "engine", s->engine, "duration_s",
                             seconds((int64_t)n_samples), "segments", list);
    char *text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(8));
    ac_str_addf(out, "%s\n", text);
    free(text);
    json_decref(root);
}

static void print_text(const struct ac_segments *s, struct ac_str *out)
{
    for (size_t i = 0; i < s->n; i++)
        ac_str_addf(out, "%9.3f %9.3f\n", seconds(s->items[i].start_sample), seconds(s->items[i].end_sample));
    if (!s->n)
        fprintf(stderr, "avatar-chat vad: nobody speaks in it\n");
}

static int vad(const struct ac_config *cfg, const char *file, bool json)
{
    struct ac_models *models = NULL;
    struct ac_segments segments = {0};
    struct ac_pcm pcm = {0};
    struct ac_str out = {0};
    char reason[AC_DECODE_REASON];

    if (ac_decode_file(file, MAX_S, &pcm, reason) != 0)
        return ac_cli_fail("vad", "%s: %s", file, reason);
    if (pcm.damaged)
        fprintf(stderr, "avatar-chat vad: %s: a part of it is damaged or missing; this is what is left\n",
                file);
    models = ac_models_new(cfg);
    int status = AC_EXIT_OK;
    if (ac_segments_find(&segments, cfg, models, pcm.samples, pcm.n, reason) != 0) {
        status = ac_cli_fail("vad", "%s", reason);
    } else {
        if (json)
            print_json(file, pcm.n, &segments, &out);
        else
            print_text(&segments, &out);
        status = out.len ? ac_cli_print("vad", &out) : AC_EXIT_OK;
    }
    ac_segments_free(&segments);
    ac_str_free(&out);
    free(pcm.samples);
    ac_models_free(models);
    return status;
}

int ac_cli_vad(int argc, char **argv)
{
    const char *file = NULL;
    bool json = false;
    struct ac_cli_list sets = {0}, words = {0};
    struct ac_config *cfg = NULL;
    const struct ac_cli_option options[] = {
        {0, "json", NULL, "Print JSON instead of two columns.", &json, NULL, NULL},
        AC_CLI_OPTION_FILE(&file),
        AC_CLI_OPTION_SET(&sets),
    };
    const struct ac_cli_spec spec = {
        .command = "vad",
        .usage = "[--json] [options] FILE | -",
        .help =
            "Prints where somebody speaks in a sound or video file: start and end of each segment in "
            "seconds, one a\nline. Any format, rate and number of channels that libav reads; - is standard "
            "input.",
        .notes =
            "The section 'listen' of the configuration says what a segment is: --set listen.silence_ms=300",
        .options = options,
        .n_options = sizeof options / sizeof *options,
        .max_words = 1,
    };

    int status = ac_cli_parse(&spec, argc, argv, &words);
    if (status == AC_CLI_GO && words.n != 1)
        status = ac_cli_usage_error("vad", "name the file");
    if (status == AC_CLI_GO)
        status = ac_cli_load("vad", &cfg, file, &sets, true);
    if (status == AC_CLI_GO)
        status = vad(cfg, words.items[0], json);
    ac_config_free(cfg);
    ac_cli_list_free(&sets);
    ac_cli_list_free(&words);
    return status;
}
