/* Token tables (tokens.h): all bytes in one block, a place and a length a number. */
#include "asr/tokens.h"

#include "base/mem.h"

#include <libavutil/base64.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FILE_BYTES = 16 << 20, MAX_TOKEN_BYTES = 1024 };

struct ac_tokens {
    struct ac_str bytes;
    size_t n; /* numbers 0 … n-1 */
    struct entry {
        size_t at, len;
        bool known;
    } * entry;
};

void ac_tokens_free(struct ac_tokens *t)
{
    if (!t)
        return;
    ac_str_free(&t->bytes);
    free(t->entry);
    free(t);
}

/* <0xE4> in a SentencePiece table is the byte E4. */
static bool byte_piece(const char *text, char *byte)
{
    char *end;
    unsigned long value;

    if (strncmp(text, "<0x", 3) != 0 || strlen(text) != 6)
        return false;
    value = strtoul(text + 3, &end, 16);
    *byte = (char)value;
    return end == text + 5 && *end == '>' && value > 0;
}

/* text → bytes at the end of the block; false when it is no base64. */
static bool add_bytes(struct ac_tokens *t, const char *text, enum ac_tokens_kind kind)
{
    uint8_t raw[MAX_TOKEN_BYTES];
    char byte;

    if (strlen(text) > MAX_TOKEN_BYTES)
        return false;
    if (kind == AC_TOKENS_PIECES) {
        if (byte_piece(text, &byte))
            ac_str_add_n(&t->bytes, &byte, 1);
        else
            ac_str_add(&t->bytes, text);
        return true;
    }
    int len = av_base64_decode(raw, text, sizeof raw);
    if (len > 0)
        ac_str_add_n(&t->bytes, (const char *)raw, (size_t)len);
    return len >= 0;
}

/* "TEXT NUMBER": the text may hold blanks. line is changed. */
static bool add_line(struct ac_tokens *t, char *line, enum ac_tokens_kind kind, size_t n_max)
{
    char *blank = strrchr(line, ' '), *end;

    if (!blank || blank[1] < '0' || blank[1] > '9')
        return false;
    unsigned long id = strtoul(blank + 1, &end, 10);
    if (*end || id >= n_max || t->entry[id].known)
        return false;
    *blank = '\0';
    size_t at = t->bytes.len;
    if (!add_bytes(t, line, kind))
        return false;
    t->entry[id] = (struct entry){.at = at, .len = t->bytes.len - at, .known = true};
    if (id >= t->n)
        t->n = id + 1;
    return true;
}

int ac_tokens_open(struct ac_tokens **tokens, const char *path, enum ac_tokens_kind kind, size_t n_max,
                   const char *remedy, struct ac_env *env)
{
    struct ac_tokens *t = ac_zalloc(sizeof *t);
    char *data = NULL, *rest;
    size_t len, line_no = 0;
    int err = ac_read_file(path, MAX_FILE_BYTES, &data, &len);

    *tokens = NULL;
    if (err) {
        ac_tokens_free(t);
        return ac_env_fail(env, AC_EMODEL, "cannot read %s (%s): %s", path, ac_err_text(err), remedy);
    }
    t->entry = ac_zalloc((n_max + 1) * sizeof *t->entry);
    rest = data;
    for (char *line; (line = strsep(&rest, "\n"));) {
        line_no++;
        size_t n = strlen(line);
        if (n && line[n - 1] == '\r')
            line[n - 1] = '\0';
        if (*line && !add_line(t, line, kind, n_max)) {
            err = ac_env_fail(env, AC_EMODEL, "%s, line %zu: no token and number of this model: %s", path,
                              line_no, remedy);
            break;
        }
    }
    free(data);
    if (!err && t->n == 0)
        err = ac_env_fail(env, AC_EMODEL, "%s is empty: %s", path, remedy);
    if (err)
        ac_tokens_free(t);
    else
        *tokens = t;
    return err;
}

const char *ac_tokens_bytes(const struct ac_tokens *t, size_t id, size_t *len)
{
    *len = 0;
    if (id >= t->n || !t->entry[id].known)
        return NULL;
    *len = t->entry[id].len;
    return *len ? t->bytes.p + t->entry[id].at : "";
}

long ac_tokens_find(const struct ac_tokens *t, const char *bytes)
{
    size_t len = strlen(bytes);

    for (size_t i = 0; i < t->n; i++)
        if (t->entry[i].known && t->entry[i].len == len &&
            (len == 0 || memcmp(t->bytes.p + t->entry[i].at, bytes, len) == 0))
            return (long)i;
    return -1;
}

void ac_tokens_add_utf8(struct ac_str *s, const char *bytes, size_t n)
{
    const char *p = bytes, *end = bytes + n;

    while (p < end) {
        const char *start = p;
        ac_utf8_next(&p, end);
        if (ac_utf8_valid(start, (size_t)(p - start)) && *start)
            ac_str_add_n(s, start, (size_t)(p - start));
    }
}
