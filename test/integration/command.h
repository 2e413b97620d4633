/* Running the real program (AVATAR_CHAT_BIN) in a test, in the working directory. */
#ifndef AC_TEST_COMMAND_H
#define AC_TEST_COMMAND_H

#include <stddef.h>

struct command_result {
    int status; /* exit status, or -1 when it did not exit by itself */
    char *out, *err;
    size_t out_len;
};

/* Runs it to its end with the words (after the program's name, NULL-terminated, at most 22). input may be
 * NULL. */
void command_run(struct command_result *r, const char *const *words, const char *input, size_t input_len);
void command_result_free(struct command_result *r);

#endif
