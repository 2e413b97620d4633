/* Around a request: whether and when to repeat it, what an answer says, the key it needs (http.h). */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/mem.h"
#include "net/http.h"

enum { LOOK_US = 10000, FIRST_WAIT_MS = 250, LONGEST_WAIT_MS = 8000, MAX_KEY = 4096 };

int ac_http_backoff_ms(int attempt, int retry_after_s)
{
    static _Thread_local unsigned seed;
    int wait = FIRST_WAIT_MS;

    if (retry_after_s >= 0)
        return retry_after_s < LONGEST_WAIT_MS / 1000 ? retry_after_s * 1000 : LONGEST_WAIT_MS;
    while (--attempt > 0 && wait < LONGEST_WAIT_MS)
        wait *= 2;
    if (wait > LONGEST_WAIT_MS)
        wait = LONGEST_WAIT_MS;
    if (!seed)
        seed = (unsigned)ac_now_us();
    return wait / 2 + rand_r(&seed) % (wait / 2 + 1);
}

int ac_http_wait(int ms, struct ac_cancel *cancel)
{
    int64_t left_us, until_us = ac_now_us() + (int64_t)ms * 1000;
    int err = ac_cancel_reason(cancel);

    while (!err && (left_us = until_us - ac_now_us()) > 0) {
        ac_sleep_us(left_us < LOOK_US ? left_us : LOOK_US);
        err = ac_cancel_reason(cancel);
    }
    return err;
}

bool ac_http_retryable(int err, const struct ac_http_answer *a)
{
    if (err)
        return (err == AC_EIO || err == AC_ETIMEDOUT) && !a->untrusted;
    return a->status == 408 || a->status == 429 || a->status == 500 || (a->status >= 502 && a->status <= 504);
}

void ac_http_excerpt(const struct ac_http_answer *a, char *out, size_t max)
{
    size_t n = 0;

    for (size_t i = 0; i < a->body.len && n + 1 < max && n < 120; i++) {
        unsigned char c = (unsigned char)a->body.p[i];
        if (isspace(c)) {
            if (n && out[n - 1] != ' ')
                out[n++] = ' ';
        } else {
            out[n++] = c < 0x20 || c >= 0x7f ? '?' : (char)c;
        }
    }
    out[n] = '\0';
}

/* ---- keys ---- */

static bool key_is_bad(const char *key)
{
    for (; *key; key++) {
        if (*key <= ' ' || *key > '~')
            return true;
    }
    return false;
}

int ac_http_find_key(const char *option, const char *key_file, const char *key_env, struct ac_env *env,
                     char **key)
{
    bool filed = key_file && *key_file;
    size_t len;

    *key = NULL;
    if (filed) {
        char *path = ac_env_path(env, key_file);
        int err = path ? ac_read_file(path, MAX_KEY, key, &len) : AC_ENOENT;
        free(path);
        if (err)
            return ac_env_fail(env, AC_ECONFIG, "%s.api_key_file '%s' cannot be read: %s", option, key_file,
                               ac_err_text(err));
        (*key)[strcspn(*key, "\r\n")] = '\0';
    } else if (key_env && *key_env) {
        *key = ac_strdup(getenv(key_env));
    }
    bool bad = *key && key_is_bad(*key);
    if (bad || (*key && !**key)) {
        free(*key);
        *key = NULL;
    }
    return bad ? ac_env_fail(env, AC_ECONFIG,
                             "the key in %s has characters that no key has: blanks or others",
                             filed ? key_file : key_env)
               : 0;
}
