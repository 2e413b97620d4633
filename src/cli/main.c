/* avatar-chat: finds the sub-command and runs it. */
#include "base/mem.h"
#include "cli/cli.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
};

static const struct command commands[] = {
    {"serve", ac_cli_serve, "Serve the chat page: open it in a browser and talk"},
    {"say", ac_cli_say, "Text in, a video of the person who says it out"},
    {"animate", ac_cli_animate, "A recording in, a video of a person who speaks it out"},
    {"voices", ac_cli_voices, "List the voices, or speak ahead what is often said"},
    {"avatar", ac_cli_avatar, "List the persons, or make one of a photo or a video"},
    {"transcribe", ac_cli_transcribe, "Write down what is said in a sound file"},
    {"vad", ac_cli_vad, "Find where somebody speaks in a sound file"},
    {"models", ac_cli_models, "List, fetch and check bigger models, make one quick"},
    {"doctor", ac_cli_doctor, "Show what is installed, which engines are used, how fast this machine is"},
    {"bench", ac_cli_bench, "Measure the stages, as JSON"},
    {"config", ac_cli_config, "Print the sample configuration or the reference of all options"},
};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

static void usage(FILE *out)
{
    fprintf(out, "usage: avatar-chat COMMAND [options]\n\n"
                 "A talking person who answers questions, on a plain CPU.\n\ncommands:\n");
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(out, "  %-10s  %s\n", commands[i].name, commands[i].help);
    fprintf(out, "\n'avatar-chat COMMAND --help' tells more. 'avatar-chat --version' prints the version.\n"
                 "Exit status: 0 done, 1 failed, 2 wrong usage or configuration.\n");
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

static int unknown_command(const char *name)
{
    const char *names[N_COMMANDS];

    for (size_t i = 0; i < N_COMMANDS; i++)
        names[i] = commands[i].name;
    const char *near = ac_nearest(name, names, N_COMMANDS);
    if (near)
        return ac_cli_usage_error("", "unknown command '%s': did you mean '%s'?", name, near);
    return ac_cli_usage_error("", "unknown command '%s'", name);
}

int main(int argc, char **argv)
{
    char *help_argv[] = {NULL, "--help", NULL};

    ac_mem_settle();
    signal(SIGPIPE, SIG_IGN); /* a closed pipe or socket is an error of its write, not the end */
    if (argc < 2) {
        usage(stderr);
        return AC_EXIT_USAGE;
    }
    const char *name = argv[1];
    bool is_help = strcmp(name, "help") == 0;
    if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0) {
        puts("avatar-chat " AC_VERSION);
        return AC_EXIT_OK;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || (is_help && argc < 3)) {
        usage(stdout);
        return AC_EXIT_OK;
    }
    if (is_help)
        name = argv[2];
    else if (name[0] == '-')
        return ac_cli_usage_error("", "unknown option '%s'", name);
    const struct command *c = find_command(name);
    if (!c)
        return unknown_command(name);
    if (is_help) {
        help_argv[0] = argv[2];
        return c->run(2, help_argv);
    }
    return c->run(argc - 1, argv + 1);
}
