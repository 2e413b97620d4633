/* Talking video from the command line (make_video.h). */
#include "cli/make_video.h"
#include "cli/cli.h"
#include "cli/remux.h"

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

enum { GRACE_MS = 5000 };

/* ---- choices ---- */

static int copy_pref(const char *command, const char *name, const char *text, char *out, size_t size)
{
    if (!text)
        return AC_CLI_GO;
    if (strlen(text) >= size || !ac_utf8_valid(text, strlen(text)))
        return ac_cli_usage_error(command, "--%s '%s': this cannot be a name", name, text);
    snprintf(out, size, "%s", text);
    return AC_CLI_GO;
}

/* "512" or "640x480" → --set video.width=… and video.height=…, which check the range. */
static int add_size(const char *command, const char *size, char **sets, struct ac_cli_list *list)
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
        return ac_cli_usage_error(command, "--size %s: give pixels, as 512 or 640x480", size);
    }
    sets[0] = ac_asprintf("video.width=%u", w);
    sets[1] = ac_asprintf("video.height=%u", h);
    ac_cli_list_add(list, sets[0]);
    ac_cli_list_add(list, sets[1]);
    return AC_CLI_GO;
}

int ac_video_sets(const char *command, const struct ac_video_choices *c, struct ac_video_made *made,
                  struct ac_cli_list *sets)
{
    int status = add_size(command, c->size, made->sets, sets);

    if (status == AC_CLI_GO && c->fps) {
        made->sets[2] = ac_asprintf("video.fps=%s", c->fps);
        ac_cli_list_add(sets, made->sets[2]);
    }
    return status;
}

void ac_video_made_free(struct ac_video_made *made)
{
    for (size_t i = 0; i < sizeof made->sets / sizeof *made->sets; i++)
        free(made->sets[i]);
}

int ac_video_prefs(const char *command, const struct ac_video_choices *c, struct ac_prefs *prefs)
{
    const char *lang = c->lang && strcmp(c->lang, "auto") == 0 ? NULL : c->lang;
    int status = copy_pref(command, "lang", lang, prefs->lang, sizeof prefs->lang);

    if (status == AC_CLI_GO)
        status = copy_pref(command, "voice", c->voice, prefs->voice, sizeof prefs->voice);
    if (status == AC_CLI_GO)
        status = copy_pref(command, "avatar", c->avatar, prefs->avatar, sizeof prefs->avatar);
    return status;
}

void ac_video_prefs_from(const struct ac_config *cfg, struct ac_prefs *prefs)
{
    prefs->width = ac_config_video(cfg)->width;
    prefs->height = ac_config_video(cfg)->height;
    prefs->fps = ac_config_video(cfg)->fps;
}

/* ---- checking engines before anything is written ---- */

/*
 * Opens the engines of a stage in order until one takes the choices; says why when none does. The first
 * engine's sentence is given: it is the preferred one.
 */
static int try_stage(const char *command, const struct ac_config *cfg, struct ac_models *models,
                     enum ac_stage stage, const struct ac_prefs *prefs)
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
        return ac_cli_fail(command, "no engine of stage '%s' is built in; see AC_ENGINES in CMakeLists.txt",
                           ac_stage_name(stage));
    return ac_cli_fail(command, "%s", last);
}

/* ---- output ---- */

static atomic_bool interrupted;

/* The work ends in order, so that no half file is left. */
static void interrupt(void)
{
    atomic_store(&interrupted, true);
}

struct output {
    const char *command;
    const char *path;
    char *part; /* NULL: written as it is */
    int fd;
    int error; /* errno of the first failed write */
};

static int output_open(struct output *o, const char *command, const char *path)
{
    struct stat st;

    *o = (struct output){.command = command, .path = path, .fd = STDOUT_FILENO};
    if (strcmp(path, "-") == 0) {
        if (isatty(STDOUT_FILENO))
            return ac_cli_usage_error(command,
                                      "the video would go to the terminal; send it to a file or a pipe");
        return AC_CLI_GO;
    }
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return ac_cli_fail(command, "cannot write '%s': it is a folder; name a file in it", path);
    if (stat(path, &st) != 0 || S_ISREG(st.st_mode))
        o->part = ac_asprintf("%s.part", path);
    o->fd = open(o->part ? o->part : path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (o->fd >= 0)
        return AC_CLI_GO;
    int status = ac_cli_fail(command, "cannot write '%s': %s; choose another place with -o FILE", path,
                             strerror(errno));
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
    const char *command = o->command;
    char *whole = ac_asprintf("%s.tmp", o->part), reason[256];
    int status = AC_EXIT_OK;

    if (ac_remux(o->part, whole, reason) != 0)
        status = ac_cli_fail(command, "cannot write '%s': %s", o->path, reason);
    else if (rename(whole, o->path) != 0)
        status = ac_cli_fail(command, "cannot write '%s': %s", o->path, strerror(errno));
    if (status != AC_EXIT_OK)
        unlink(whole);
    free(whole);
    return status;
}

/* keep: all was written. Gives the exit status. */
static int output_close(struct output *o, bool keep)
{
    const char *command = o->command;
    int status = AC_EXIT_OK;

    if (o->fd != STDOUT_FILENO && close(o->fd) != 0 && keep)
        status = ac_cli_fail(command, "cannot write '%s': %s", o->path, strerror(errno));
    if (o->part && keep && status == AC_EXIT_OK)
        status = output_publish(o);
    if (o->part)
        unlink(o->part);
    free(o->part);
    return status;
}

static int report(const struct output *o, int err, const struct ac_talk_result *r, int64_t took_us)
{
    const char *command = o->command;

    if (o->error)
        return ac_cli_fail(command, "cannot write '%s': %s", o->path, strerror(o->error));
    if (err == AC_ECANCELED)
        return ac_cli_fail(command, "interrupted; nothing was written");
    if (err == AC_EEMPTY)
        return ac_cli_fail(command, AC_NOTHING_TO_SAY);
    if (err)
        return ac_cli_fail(command, "%s", r->reason[0] ? r->reason : ac_err_text(err));
    fprintf(stderr, "%s: %.1f s of video, made in %.2f s\n",
            strcmp(o->path, "-") == 0 ? "standard output" : o->path, (double)r->duration_us / 1e6,
            (double)took_us / 1e6);
    if (r->errors)
        return ac_cli_fail(command, "%zu of %zu sentences failed: %s", r->errors, r->sentences, r->reason);
    return AC_EXIT_OK;
}

int ac_cli_make_video(const char *command, const struct ac_config *cfg, const struct ac_speaker_config *scfg,
                      const char *path, const char *text, size_t len)
{
    struct ac_models *models = ac_models_new(cfg);
    struct ac_pool *pool = NULL;
    struct ac_pool_config pcfg = {.workers = ac_config_server(cfg)->workers};
    struct ac_talk_result result;
    struct output out;
    int64_t start_us = ac_now_us();

    int status = try_stage(command, cfg, models, AC_STAGE_AVATAR, &scfg->prefs);
    if (status == AC_CLI_GO)
        status = try_stage(command, cfg, models, AC_STAGE_TTS, &scfg->prefs);
    if (status == AC_CLI_GO)
        status = output_open(&out, command, path);
    if (status != AC_CLI_GO)
        goto out;
    ac_cli_on_signal(interrupt);
    int err = ac_pool_new(&pool, &pcfg);
    if (!err)
        err = ac_talk(cfg, models, pool, scfg, text, len, output_write, &out, &result);
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
