/* The option parser and what else the sub-commands share (cli.h). */
#include "cli/cli.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/registry.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ac_cli_list_add(struct ac_cli_list *list, const char *item)
{
    list->items = ac_realloc_array(list->items, list->n + 1, sizeof *list->items);
    list->items[list->n++] = item;
}

void ac_cli_list_free(struct ac_cli_list *list)
{
    free(list->items);
    *list = (struct ac_cli_list){0};
}

/* ---- messages ---- */

static void say_error(const char *command, const char *fmt, va_list ap)
{
    fprintf(stderr, "avatar-chat%s%s: ", *command ? " " : "", command);
    vfprintf(stderr, fmt, ap);
}

int ac_cli_usage_error(const char *command, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say_error(command, fmt, ap);
    va_end(ap);
    fprintf(stderr, "; see 'avatar-chat%s%s --help'\n", *command ? " " : "", command);
    return AC_EXIT_USAGE;
}

int ac_cli_fail(const char *command, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say_error(command, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    return AC_EXIT_FAILED;
}

const char *ac_cli_text(const struct json_t *row, const char *key)
{
    const char *s = json_string_value(json_object_get(row, key));

    return s ? s : "";
}

int ac_cli_id_width(const struct json_t *list)
{
    int width = 4;
    const json_t *row;
    size_t i;

    json_array_foreach(list, i, row)
    {
        int n = (int)strlen(ac_cli_text(row, "id"));
        width = n > width ? n : width;
    }
    return width;
}

int ac_cli_print(const char *command, const struct ac_str *text)
{
    if (fwrite(text->p, 1, text->len, stdout) != text->len || fflush(stdout) != 0)
        return ac_cli_fail(command, "cannot write to standard output: %s", strerror(errno));
    return AC_EXIT_OK;
}

/* ---- options ---- */

static void print_help(const struct ac_cli_spec *spec)
{
    printf("usage: avatar-chat %s %s\n\n%s\n\noptions:\n", spec->command, spec->usage, spec->help);
    for (size_t i = 0; i < spec->n_options; i++) {
        const struct ac_cli_option *o = &spec->options[i];
        char names[64];
        int n = o->letter ? snprintf(names, sizeof names, "-%c, ", o->letter)
                          : snprintf(names, sizeof names, "    ");
        snprintf(names + n, sizeof names - (size_t)n, "--%s%s%s", o->name, o->arg ? " " : "",
                 o->arg ? o->arg : "");
        printf("  %-24s  %s\n", names, o->help);
    }
    printf("      %-20s  %s\n", "--help", "Show this help.");
    if (spec->notes)
        printf("\n%s\n", spec->notes);
}

static int unknown_option(const struct ac_cli_spec *spec, const char *name, size_t len)
{
    const char **names = ac_zalloc((spec->n_options + 1) * sizeof *names);
    char *given = ac_strndup(name, len);
    size_t n = 0;

    for (size_t i = 0; i < spec->n_options; i++)
        names[n++] = spec->options[i].name;
    names[n++] = "help";
    const char *near = ac_nearest(given, names, n);
    int status =
        near ? ac_cli_usage_error(spec->command, "unknown option '--%s': did you mean '--%s'?", given, near)
             : ac_cli_usage_error(spec->command, "unknown option '--%s'", given);
    free(given);
    free(names);
    return status;
}

static void store(const struct ac_cli_option *o, const char *value)
{
    if (o->flag)
        *o->flag = true;
    else if (o->list)
        ac_cli_list_add(o->list, value);
    else
        *o->value = value;
}

/* "--name", "--name=value"; *i moves on when the value is the next word. */
static int parse_long(const struct ac_cli_spec *spec, int argc, char **argv, int *i)
{
    const char *name = argv[*i] + 2;
    size_t len = strcspn(name, "=");
    const char *value = name[len] == '=' ? name + len + 1 : NULL;

    for (size_t k = 0; k < spec->n_options; k++) {
        const struct ac_cli_option *o = &spec->options[k];
        if (strlen(o->name) != len || strncmp(o->name, name, len) != 0)
            continue;
        if (!o->arg && value)
            return ac_cli_usage_error(spec->command, "option '--%s' takes no value", o->name);
        if (o->arg && !value && *i + 1 >= argc)
            return ac_cli_usage_error(spec->command, "option '--%s' needs a value: --%s %s", o->name, o->name,
                                      o->arg);
        if (o->arg && !value)
            value = argv[++*i];
        store(o, value);
        return AC_CLI_GO;
    }
    return unknown_option(spec, name, len);
}

/* "-x", "-x value", "-xvalue" */
static int parse_short(const struct ac_cli_spec *spec, int argc, char **argv, int *i)
{
    const char *arg = argv[*i];

    for (size_t k = 0; k < spec->n_options; k++) {
        const struct ac_cli_option *o = &spec->options[k];
        if (o->letter != arg[1])
            continue;
        if (!o->arg && arg[2])
            break;
        if (o->arg && !arg[2] && *i + 1 >= argc)
            return ac_cli_usage_error(spec->command, "option '-%c' needs a value: -%c %s", arg[1], arg[1],
                                      o->arg);
        store(o, !o->arg ? NULL : arg[2] ? arg + 2 : argv[++*i]);
        return AC_CLI_GO;
    }
    return ac_cli_usage_error(spec->command, "unknown option '%s'", arg);
}

int ac_cli_parse(const struct ac_cli_spec *spec, int argc, char **argv, struct ac_cli_list *words)
{
    bool only_words = false;

    for (int i = 1; i < argc; i++) {
        int status = AC_CLI_GO;
        if (only_words || argv[i][0] != '-' || !argv[i][1]) {
            if (words->n >= spec->max_words)
                return ac_cli_usage_error(spec->command, "'%s' is one word too many", argv[i]);
            ac_cli_list_add(words, argv[i]);
        } else if (strcmp(argv[i], "--") == 0) {
            only_words = true;
        } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help(spec);
            return AC_EXIT_OK;
        } else if (argv[i][1] == '-') {
            status = parse_long(spec, argc, argv, &i);
        } else {
            status = parse_short(spec, argc, argv, &i);
        }
        if (status != AC_CLI_GO)
            return status;
    }
    return AC_CLI_GO;
}

/* ---- signals ---- */

enum { SAME_SIGNAL_US = 500000 };

static void (*signal_stop)(void); /* set before the handler is */
static _Atomic int64_t signalled_us;

static void on_signal(int sig)
{
    int64_t now = ac_now_us(), first = 0;

    if (atomic_compare_exchange_strong(&signalled_us, &first, now)) {
        signal_stop();
    } else if (now - first > SAME_SIGNAL_US) {
        signal(sig, SIG_DFL);
        raise(sig);
    }
}

void ac_cli_on_signal(void (*stop)(void))
{
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    signal_stop = stop;
    sigemptyset(&sa.sa_mask);
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGINT, &sa, NULL);
}

/* ---- configuration ---- */

int ac_cli_load(const char *command, struct ac_config **cfg, const char *file, const struct ac_cli_list *sets,
                bool quiet)
{
    struct ac_str errors = {0};

    if (ac_registry_verify() != 0)
        return ac_cli_fail(
            command, "an engine that was built in breaks the contract (see above); fix it or leave it out "
                     "of AC_ENGINES");
    int err = ac_config_load(cfg, file, sets->items, sets->n, &errors);
    if (err) {
        fprintf(stderr, "avatar-chat %s: the configuration is wrong:\n%s", command, errors.p ? errors.p : "");
        ac_str_free(&errors);
        return AC_EXIT_USAGE;
    }
    ac_str_free(&errors);
    const struct ac_log_config *log = ac_config_log(*cfg);
    enum ac_log_level level = (enum ac_log_level)(log->level + 1);
    if (quiet && level == AC_LOG_INFO)
        level = AC_LOG_WARN;
    ac_log_setup(level, (enum ac_log_format)(log->format + 1), 2);
    return AC_CLI_GO;
}
