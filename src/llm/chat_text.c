/* Repairing and joining (chat_text.h), and messages of services as one line. */
#include "llm/chat_text.h"

#include "llm/chat_stream.h"
#include "net/service_error.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_HALF = 0x10F800, SECOND_HALF = 0x10FC00, HALVES_END = 0x110000 }; /* for U+D800 … U+DFFF */

/* The value of \uXXXX at p, -1 where there is none. */
static int escape_at(const char *p, const char *end)
{
    int v = 0;

    if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
        return -1;
    for (int i = 2; i < 6; i++) {
        int c = p[i] | 0x20, digit = c >= '0' && c <= '9'   ? c - '0'
                                     : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                                            : -1;
        if (digit < 0 || p[i] < '0')
            return -1;
        v = v * 16 + digit;
    }
    return v;
}

/* One escape sequence; gives how many bytes of the JSON it took. */
static size_t repair_escape(const char *p, const char *end, struct ac_str *out)
{
    int v = escape_at(p, end), next = escape_at(p + 6 < end ? p + 6 : end, end);
    size_t n = v >= 0 ? 6 : end - p > 1 && (unsigned char)p[1] < 0x80 ? 2 : 1;

    if (v == 0)
        ac_utf8_add(out, 0xFFFD);
    else if (v >= 0xD800 && v < 0xDC00 && next >= 0xDC00 && next < 0xE000)
        ac_str_add_n(out, p, n = 12);
    else if (v >= 0xD800 && v < 0xE000)
        ac_utf8_add(out, (uint32_t)(FIRST_HALF + v - 0xD800));
    else
        ac_str_add_n(out, p, n);
    return n;
}

void ac_chat_repair(const char *json, size_t len, struct ac_str *out)
{
    const char *p = json, *end = json + len;

    while (p < end) {
        const char *from = p;
        while (p < end && *p != '\\' && (unsigned char)*p < 0x80)
            p++;
        if (p > from)
            ac_str_add_n(out, from, (size_t)(p - from));
        if (p < end && *p == '\\')
            p += repair_escape(p, end, out);
        else if (p < end)
            ac_utf8_add(out, ac_utf8_next(&p, end));
    }
}

void ac_chat_join(const char *text, size_t len, uint32_t *held, struct ac_str *out)
{
    const char *p = text, *end = text + len;

    while (p < end) {
        uint32_t cp = ac_utf8_next(&p, end);
        bool first = cp >= FIRST_HALF && cp < SECOND_HALF, second = cp >= SECOND_HALF && cp < HALVES_END;
        if (*held && second) {
            cp = 0x10000 + ((*held - FIRST_HALF) << 10) + (cp - SECOND_HALF);
            *held = 0;
            second = false;
        } else if (*held) {
            ac_utf8_add(out, 0xFFFD);
            *held = 0;
        }
        if (first)
            *held = cp;
        else
            ac_utf8_add(out, second ? 0xFFFD : cp);
    }
}

/* ---- errors ---- */

void ac_chat_one_line(const char *text, size_t len, char *out, size_t size)
{
    const char *p = text, *end = text + len;
    size_t n = 0, cut = 0; /* where the mark of a cut goes */
    struct ac_str one = {0};

    while (p < end) {
        uint32_t cp = ac_utf8_next(&p, end);
        bool blank = cp <= ' ' || (cp >= 0x7F && cp < 0xA0) || cp == 0x2028 || cp == 0x2029;
        if (blank && (!n || out[n - 1] == ' '))
            continue;
        ac_str_clear(&one);
        ac_utf8_add(&one, blank ? ' ' : cp);
        if (n + one.len + 1 > size) {
            if (cut)
                memcpy(out + cut, "…", sizeof "…");
            n = cut ? cut + sizeof "…" - 1 : n;
            break;
        }
        memcpy(out + n, one.p, one.len);
        n += one.len;
        if (n + sizeof "…" <= size)
            cut = n;
    }
    while (n && out[n - 1] == ' ')
        n--;
    out[n] = '\0';
    ac_str_free(&one);
}

void ac_chat_error_text(const char *body, size_t len, char *out, size_t size)
{
    struct ac_str text = {0};
    json_t *root;
    const char *said;

    ac_chat_repair(body, len, &text);
    root = json_loadb(text.p ? text.p : "", text.len, 0, NULL);
    said = ac_service_error(root);
    if (!said && !root)
        said = text.p ? text.p : "";
    ac_chat_one_line(said ? said : "", said ? strlen(said) : 0, out, size);
    json_decref(root);
    ac_str_free(&text);
}
