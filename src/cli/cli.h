/*
 * What the sub-commands share: their table, the option parser, loading the configuration, messages.
 *
 * Exit status: 0 done, 1 failed, 2 wrong usage or wrong configuration. Results go to standard output,
 * everything else to standard error. One thread.
 */
#ifndef AC_CLI_CLI_H
#define AC_CLI_CLI_H

#include "core/config.h"

enum { AC_EXIT_OK = 0, AC_EXIT_FAILED = 1, AC_EXIT_USAGE = 2 };

/* ---- the commands; argv[0] is the command's name ---- */

int ac_cli_serve(int argc, char **argv);
int ac_cli_say(int argc, char **argv);
int ac_cli_animate(int argc, char **argv);
int ac_cli_voices(int argc, char **argv);
int ac_cli_avatar(int argc, char **argv);
int ac_cli_transcribe(int argc, char **argv);
int ac_cli_models(int argc, char **argv);
int ac_cli_vad(int argc, char **argv);
int ac_cli_doctor(int argc, char **argv);
int ac_cli_bench(int argc, char **argv);
int ac_cli_config(int argc, char **argv);

/* ---- options of a command ---- */

/* Words in the order given; borrowed from argv. Start from {0}, end with ac_cli_list_free. */
struct ac_cli_list {
    const char **items;
    size_t n;
};
void ac_cli_list_add(struct ac_cli_list *list, const char *item);
void ac_cli_list_free(struct ac_cli_list *list);

/* Exactly one of flag, value and list is set: a switch, the last one counts, all count. */
struct ac_cli_option {
    char letter;      /* 0 = none */
    const char *name; /* without dashes */
    const char *arg;  /* what the value is called in the help; NULL for a switch */
    const char *help;
    bool *flag;
    const char **value;
    struct ac_cli_list *list;
};

struct ac_cli_spec {
    const char *command;
    const char *usage; /* "[-o FILE] TEXT" */
    const char *help;  /* one paragraph */
    const char *notes; /* after the options; may be NULL */
    const struct ac_cli_option *options;
    size_t n_options;
    size_t max_words; /* words that are no options */
};

enum { AC_CLI_GO = -1 };
/*
 * Reads argv[1…]: -x VALUE, -xVALUE, --name VALUE, --name=VALUE, words, `--` (only words follow), --help.
 * Gives AC_CLI_GO, or the exit status when all is said: 0 after --help, 2 after wrong usage (named on
 * standard error with the nearest option).
 */
int ac_cli_parse(const struct ac_cli_spec *spec, int argc, char **argv, struct ac_cli_list *words);
/* "avatar-chat say: …; see 'avatar-chat say --help'" on standard error; gives 2. */
int ac_cli_usage_error(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "avatar-chat say: …" on standard error; gives 1. */
int ac_cli_fail(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- configuration ---- */

/*
 * Checks the registry, loads the configuration, sets up the log; prints what is wrong. quiet: the log says no
 * more than warnings unless it is asked for debug. Gives AC_CLI_GO with *cfg, or the exit status.
 */
int ac_cli_load(const char *command, struct ac_config **cfg, const char *file, const struct ac_cli_list *sets,
                bool quiet);
/* The two options that every command with a configuration has. */
#define AC_CLI_OPTION_FILE(v)                                                                                \
    {                                                                                                        \
        'c', "config", "FILE", "Configuration file; else ./avatar-chat.yaml when it is there.", NULL, v,     \
            NULL                                                                                             \
    }
#define AC_CLI_OPTION_SET(l)                                                                                 \
    {                                                                                                        \
        0, "set", "KEY=VALUE", "Set an option of the configuration; may be given again.", NULL, NULL, l      \
    }

/* Of lists that are printed as a table or as JSON: a text of a row, "" where it has none; how wide ids are.
 */
struct json_t;
const char *ac_cli_text(const struct json_t *row, const char *key);
int ac_cli_id_width(const struct json_t *list);

/* Writes all of the text to standard output; gives 0 or 1 (said on standard error). */
int ac_cli_print(const char *command, const struct ac_str *text);

/*
 * Calls stop at the first SIGTERM or SIGINT, from the signal handler: it may only do what is
 * async-signal-safe. One that comes more than half a second later ends the program at once (wrappers often
 * pass the first one on twice).
 */
void ac_cli_on_signal(void (*stop)(void));

#endif
