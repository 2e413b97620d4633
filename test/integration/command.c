/* Running the program in tests (command.h). Its three streams are files, so that no pipe can fill up. */
#include "command.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { MAX_WORDS = 22, MAX_OUTPUT = 16 << 20 };

static FILE *new_file(const char *data, size_t len)
{
    FILE *f = tmpfile();

    assert_non_null(f);
    if (len)
        assert_int_equal(fwrite(data, 1, len, f), len);
    rewind(f);
    return f;
}

/* Reads all of it and closes it. */
static char *take(FILE *f, size_t *len)
{
    struct ac_str s = {0};
    char buf[4096];
    size_t n;

    rewind(f);
    while ((n = fread(buf, 1, sizeof buf, f)) > 0 && s.len < MAX_OUTPUT)
        ac_str_add_n(&s, buf, n);
    fclose(f);
    if (len)
        *len = s.len;
    return ac_str_steal(&s);
}

void command_run(struct command_result *r, const char *const *words, const char *input, size_t input_len)
{
    const char *bin = getenv("AVATAR_CHAT_BIN"), *argv[MAX_WORDS + 2] = {"avatar-chat"};
    FILE *files[3] = {new_file(input, input_len), new_file(NULL, 0), new_file(NULL, 0)};
    int status;

    assert_non_null(bin);
    for (size_t n = 1; *words && n <= MAX_WORDS; n++)
        argv[n] = *words++;
    assert_null(*words);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        for (int i = 0; i < 3; i++) {
            if (dup2(fileno(files[i]), i) < 0)
                _exit(120);
        }
        execv(bin ? bin : "", (char **)argv);
        _exit(121);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    r->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    fclose(files[0]);
    r->out = take(files[1], &r->out_len);
    r->err = take(files[2], NULL);
    if (strstr(r->err, "Sanitizer") || strstr(r->err, "runtime error:"))
        fail_msg("%s", r->err);
}

void command_result_free(struct command_result *r)
{
    free(r->out);
    free(r->err);
}
