/* Strings: the growable buffer, UTF-8, edit distance, file reading. */
#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "avatarchat/err.h"
#include "base/mem.h"

/* ---- growable buffer ---- */

static void reserve(struct ac_str *s, size_t more)
{
    if (s->cap - s->len > more)
        return;
    size_t cap = s->cap ? s->cap : 32;
    while (cap - s->len <= more) {
        if (cap > SIZE_MAX / 2)
            cap = SIZE_MAX; /* ac_realloc_array stops here */
        else
            cap *= 2;
    }
    s->p = ac_realloc_array(s->p, cap, 1);
    s->cap = cap;
}

void ac_str_add(struct ac_str *s, const char *text)
{
    ac_str_add_n(s, text, strlen(text));
}

void ac_str_add_n(struct ac_str *s, const char *bytes, size_t n)
{
    reserve(s, n);
    if (n)
        memcpy(s->p + s->len, bytes, n);
    s->len += n;
    s->p[s->len] = '\0';
}

void ac_str_addf(struct ac_str *s, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n > 0) {
        reserve(s, (size_t)n);
        vsnprintf(s->p + s->len, (size_t)n + 1, fmt, again);
        s->len += (size_t)n;
    }
    va_end(again);
}

void ac_str_clear(struct ac_str *s)
{
    s->len = 0;
    if (s->p)
        s->p[0] = '\0';
}

void ac_str_free(struct ac_str *s)
{
    free(s->p);
    *s = (struct ac_str){0};
}

char *ac_str_steal(struct ac_str *s)
{
    reserve(s, 0);
    s->p[s->len] = '\0';
    char *p = s->p;
    *s = (struct ac_str){0};
    return p;
}

/* ---- UTF-8 (RFC 3629) ---- */

/* Length of the well-formed sequence at s, 0 where there is none. */
static size_t decode(const unsigned char *s, size_t n, uint32_t *cp)
{
    static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len;

    if (n == 0)
        return 0;
    if (s[0] < 0x80) {
        *cp = s[0];
        return 1;
    }
    if (s[0] >= 0xc2 && s[0] < 0xe0)
        len = 2;
    else if (s[0] >= 0xe0 && s[0] < 0xf0)
        len = 3;
    else if (s[0] >= 0xf0 && s[0] < 0xf5)
        len = 4;
    else
        return 0;
    if (n < len)
        return 0;
    uint32_t c = s[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (s[i] & 0x3fu);
    }
    if (c < smallest[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return 0;
    *cp = c;
    return len;
}

bool ac_utf8_valid(const char *s, size_t n)
{
    uint32_t cp;
    for (size_t i = 0; i < n;) {
        size_t len = decode((const unsigned char *)s + i, n - i, &cp);
        if (len == 0)
            return false;
        i += len;
    }
    return true;
}

uint32_t ac_utf8_next(const char **p, const char *end)
{
    uint32_t cp;
    size_t len = decode((const unsigned char *)*p, (size_t)(end - *p), &cp);
    *p += len ? len : 1;
    return len ? cp : 0xfffd;
}

void ac_utf8_add(struct ac_str *s, uint32_t cp)
{
    unsigned char b[4];
    size_t n;
    if (cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
        cp = 0xfffd;
    if (cp < 0x80) {
        b[0] = (unsigned char)cp;
        n = 1;
    } else if (cp < 0x800) {
        b[0] = (unsigned char)(0xc0 | cp >> 6);
        n = 2;
    } else if (cp < 0x10000) {
        b[0] = (unsigned char)(0xe0 | cp >> 12);
        n = 3;
    } else {
        b[0] = (unsigned char)(0xf0 | cp >> 18);
        n = 4;
    }
    for (size_t i = n; i-- > 1; cp >>= 6)
        b[i] = (unsigned char)(0x80 | (cp & 0x3f));
    ac_str_add_n(s, (const char *)b, n);
}

bool ac_cp_is_cjk(uint32_t cp)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0x1100, 0x11ff},   /* Hangul Jamo */
        {0x2e80, 0x2fdf},   /* radicals */
        {0x3000, 0x30ff},   /* punctuation, Hiragana, Katakana */
        {0x3100, 0x4dbf},   /* Bopomofo, compatibility Jamo, enclosed, extension A */
        {0x4e00, 0x9fff},   /* Han */
        {0xa960, 0xa97f},   /* Hangul Jamo extended A */
        {0xac00, 0xd7ff},   /* Hangul */
        {0xf900, 0xfaff},   /* compatibility Han */
        {0xfe30, 0xfe4f},   /* compatibility forms */
        {0xff00, 0xffef},   /* full-width and half-width forms */
        {0x1b000, 0x1b16f}, /* kana supplement */
        {0x20000, 0x3ffff}, /* Han, extensions B and on */
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (cp >= ranges[i].first && cp <= ranges[i].last)
            return true;
    return false;
}

/* ---- nearest name ---- */

enum { NAME_MAX_BYTES = 63 };

static size_t min2(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Optimal string alignment distance: insert, delete, replace, swap neighbours; case does not count. */
static size_t distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
    size_t rows[3][NAME_MAX_BYTES + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];

    for (size_t j = 0; j <= n_b; j++)
        last[j] = j;
    for (size_t i = 1; i <= n_a; i++) {
        row[0] = i;
        for (size_t j = 1; j <= n_b; j++) {
            int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
            row[j] = min2(min2(last[j], row[j - 1]) + 1, last[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
                y == tolower((unsigned char)a[i - 2]))
                row[j] = min2(row[j], before[j - 2] + 1);
        }
        size_t *free_row = before;
        before = last;
        last = row;
        row = free_row;
    }
    return last[n_b];
}

const char *ac_nearest(const char *name, const char *const *names, size_t n)
{
    const char *best = NULL;
    size_t len = strlen(name), best_distance = 0;

    if (len == 0 || len > NAME_MAX_BYTES)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        size_t other = strlen(names[i]);
        if (other > NAME_MAX_BYTES)
            continue;
        size_t d = distance(name, len, names[i], other);
        size_t longer = len > other ? len : other;
        size_t near = longer / 3 ? longer / 3 : 1;
        if (d <= near && d < longer && (!best || d < best_distance)) {
            best = names[i];
            best_distance = d;
        }
    }
    return best;
}

/* ---- files ---- */

int ac_read_file(const char *path, size_t max, char **data, size_t *len)
{
    char *buf = NULL;
    size_t n = 0, cap = 4096;
    struct stat st;
    int err = AC_OK;

    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? AC_ENOENT : AC_EIO;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        if ((uintmax_t)st.st_size > max) {
            err = AC_ELIMIT;
            goto out;
        }
        if (st.st_size) /* files of /proc say 0 and have content */
            cap = (size_t)st.st_size;
    }
    for (;;) {
        /* one byte more than wanted, to see the end or the excess, and one for the NUL */
        char *bigger = realloc(buf, cap + 2);
        if (!bigger) {
            err = AC_ENOMEM;
            goto out;
        }
        buf = bigger;
        ssize_t got = 1;
        while (n <= cap && got > 0) {
            got = read(fd, buf + n, cap + 1 - n);
            if (got < 0 && errno == EINTR)
                got = 1;
            else if (got > 0)
                n += (size_t)got;
        }
        if (got < 0)
            err = AC_EIO;
        else if (n > max)
            err = AC_ELIMIT;
        if (err || got == 0)
            break;
        cap = cap > max / 2 ? max : cap * 2;
    }
    if (!err) {
        buf[n] = '\0';
        *data = buf;
        *len = n;
        buf = NULL;
    }
out:
    free(buf);
    close(fd);
    return err;
}
