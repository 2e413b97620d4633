/*
 * The configuration file: any bytes as YAML. A refusal says why, in whole lines; what is accepted can be
 * printed, and what is printed is accepted.
 */
#include "fuzz.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "avatarchat/err.h"
#include "base/str.h"
#include "core/config.h"
#include "core/registry_table.h"

/* An engine with an option of every kind, in the place of those that are built in. */
struct options {
    bool flag;
    int count, choice;
    double factor;
    char *name, *path, *secret;
};

static const char *const choices[] = {"low", "high", NULL};
static const struct ac_option options[] = {
    AC_OPTION_BOOL(struct options, flag, "flag", "yes", AC_OPT_RUNTIME, "A flag."),
    AC_OPTION_INT(struct options, count, "count", "3", -5, 100, 0, "A count."),
    AC_OPTION_FLOAT(struct options, factor, "factor", "0.5", 0, 2, 0, "A factor."),
    AC_OPTION_STRING(struct options, name, "name", "a name", 0, "A string."),
    AC_OPTION_PATH(struct options, path, "path", "knowledge", 0, "A path."),
    AC_OPTION_STRING(struct options, secret, "secret", "", AC_OPT_SECRET, "A secret."),
    AC_OPTION_CHOICE(struct options, choice, "choice", "low", choices, 0, "A choice."),
    AC_OPTIONS_END,
};

static int process(void *inst, const struct ac_frame *in, struct ac_sink *out, struct ac_cancel *cancel)
{
    (void)inst, (void)in, (void)out, (void)cancel;
    return AC_ENOTSUP;
}

static const struct ac_handler_info first = {.name = "first",
                                             .help = "An engine.",
                                             .stage = AC_STAGE_LLM,
                                             .in = AC_FRAME_CHAT,
                                             .out = AC_FRAME_TEXT,
                                             .cfg_size = sizeof(struct options),
                                             .options = options,
                                             .process = process};
static const struct ac_handler_info second = {.name = "second",
                                              .help = "Another engine.",
                                              .stage = AC_STAGE_TTS,
                                              .in = AC_FRAME_TEXT,
                                              .out = AC_FRAME_SPEECH,
                                              .process = process};
const struct ac_handler_info *const ac_registry_table[] = {&first, &second, NULL};

static int load(const void *data, size_t size, struct ac_config **cfg, struct ac_str *errors)
{
    char path[64];
    int fd = memfd_create("fuzz", 0);
    fuzz_check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int err = ac_config_load(cfg, path, NULL, 0, errors);
    close(fd);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ac_config *cfg = NULL;
    struct ac_str errors = {0}, printed = {0};

    int err = load(data, size, &cfg, &errors);
    if (err) {
        fuzz_check(err == AC_ECONFIG || err == AC_ENOENT);
        fuzz_check(errors.len > 0 && errors.p[errors.len - 1] == '\n');
        fuzz_check(ac_utf8_valid(errors.p, errors.len));
        ac_str_free(&errors);
        return 0;
    }
    fuzz_check(ac_config_server(cfg)->port >= 0 && ac_config_server(cfg)->port <= 65535);
    ac_config_print(cfg, &printed);
    ac_config_free(cfg);
    err = load(printed.p, printed.len, &cfg, &errors);
    if (err)
        fprintf(stderr, "printed:\n%serrors:\n%s", printed.p, errors.p);
    fuzz_check(err == 0);
    ac_config_free(cfg);
    ac_str_free(&printed);
    ac_str_free(&errors);
    return 0;
}
