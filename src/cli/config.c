/* `avatar-chat config`: the sample file and the reference, made from the option tables. */
#include "cli/cli.h"

#include <string.h>

int ac_cli_config(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*make)(struct ac_str *out);
    } kinds[] = {{"sample", ac_config_sample}, {"reference", ac_config_reference}};
    const struct ac_cli_spec spec = {
        .command = "config",
        .usage = "sample | reference",
        .help =
            "Prints the commented sample of a configuration file (YAML), or the reference of all options\n"
            "(Markdown). 'avatar-chat serve --print-config' shows the values that are in effect.",
        .max_words = 1,
    };
    struct ac_cli_list words = {0};
    int status = ac_cli_parse(&spec, argc, argv, &words);

    if (status != AC_CLI_GO)
        goto out;
    if (words.n == 0) {
        status = ac_cli_usage_error("config", "say what to print: sample or reference");
        goto out;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(words.items[0], kinds[i].name) != 0)
            continue;
        struct ac_str text = {0};
        kinds[i].make(&text);
        status = ac_cli_print("config", &text);
        ac_str_free(&text);
        goto out;
    }
    status = ac_cli_usage_error("config", "there is no '%s': print sample or reference", words.items[0]);
out:
    ac_cli_list_free(&words);
    return status;
}
