/*
 * Cleaning of sentences, scripts and runs of one script. See text.h.
 *
 * Cleaning is one pass over code points with a small state (was the last one a blank, how long is the
 * unbroken string). Runs are found in a second pass: the run goes on over neutral characters and ends before
 * the first letter of another script.
 */
#include "tts/text.h"

#include "avatarchat/err.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/uscript.h>

enum { MAX_UNBROKEN = 60 };

void ac_tts_text_free(struct ac_tts_text *t)
{
    ac_str_free(&t->s);
    free(t->map);
    *t = (struct ac_tts_text){0};
}

void ac_tts_text_add(struct ac_tts_text *t, uint32_t cp, struct ac_tts_span from)
{
    if (t->n == t->cap) {
        t->cap = t->cap ? 2 * t->cap : 64;
        t->map = ac_realloc_array(t->map, t->cap, sizeof *t->map);
    }
    t->map[t->n++] = from;
    ac_utf8_add(&t->s, cp);
}

void ac_tts_text_add_ascii(struct ac_tts_text *t, const char *ascii, struct ac_tts_span from)
{
    for (; *ascii; ascii++)
        ac_tts_text_add(t, (unsigned char)*ascii, from);
}

/* Code points in the first `bytes` bytes. */
static size_t count_cps(const char *s, size_t bytes)
{
    size_t n = 0;

    for (size_t i = 0; i < bytes; i++)
        n += (s[i] & 0xc0) != 0x80;
    return n;
}

void ac_tts_text_add_part(struct ac_tts_text *t, const struct ac_tts_text *src, size_t at, size_t len)
{
    size_t i = count_cps(src->s.p, at);
    const char *p = src->s.p + at, *end = p + len;

    while (p < end)
        ac_tts_text_add(t, ac_utf8_next(&p, end), src->map[i++]);
}

struct ac_tts_span ac_tts_text_span(const struct ac_tts_text *t, size_t first, size_t n)
{
    struct ac_tts_span span = {0, 0};

    for (size_t i = first; i < t->n && i < first + n; i++) {
        if (i == first || t->map[i].start < span.start)
            span.start = t->map[i].start;
        if (t->map[i].end > span.end)
            span.end = t->map[i].end;
    }
    return span;
}

/* ---- cleaning ---- */

static uint32_t plain_form(uint32_t cp)
{
    if ((cp >= 0xff10 && cp <= 0xff19) || (cp >= 0xff21 && cp <= 0xff3a) || (cp >= 0xff41 && cp <= 0xff5a) ||
        cp == 0xff05 || cp == 0xff0b || cp == 0xff0e)
        return cp - 0xfee0; /* full-width digits, letters, % + . */
    if (cp == '<' || cp == '>' || cp == '|' || cp == 0xfffd || u_isspace((UChar32)cp))
        return ' ';
    return cp;
}

static bool is_dropped(uint32_t cp)
{
    int8_t type = u_charType((UChar32)cp);

    return (type == U_CONTROL_CHAR && !u_isspace((UChar32)cp)) || type == U_FORMAT_CHAR ||
           type == U_UNASSIGNED || type == U_PRIVATE_USE_CHAR || type == U_SURROGATE ||
           (cp >= 0xfe00 && cp <= 0xfe0f);
}

/* Signs that are words when they are spoken. */
static bool is_spoken_sign(uint32_t cp)
{
    return cp == '%' || cp == '&' || cp == '+' || cp == '=' || cp == '@' || cp == '$' || cp == 0x20ac ||
           cp == 0xa3 || cp == 0xa5;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

int ac_tts_clean(struct ac_tts_text *out, const char *text, size_t len)
{
    const char *p = text, *end = text + len;
    size_t unbroken = 0;
    bool speakable = false;

    if (!ac_utf8_valid(text, len))
        return AC_EUTF8;
    while (p < end) {
        const char *from = p;
        uint32_t cp = ac_utf8_next(&p, end);
        bool compares = (cp == '<' || cp == '>') && from > text && p < end &&
                        ((from[-1] == ' ' && *p == ' ') || (is_digit(from[-1]) && is_digit(*p)));
        cp = compares ? cp + 0xfee0 : plain_form(cp); /* "5 < 6": no markup */
        struct ac_tts_span span = {(uint32_t)(from - text), (uint32_t)(p - text)};
        if (is_dropped(cp))
            continue;
        if (cp == ' ') {
            if (out->s.len && out->s.p[out->s.len - 1] != ' ')
                ac_tts_text_add(out, ' ', span);
            unbroken = 0;
            continue;
        }
        if (ac_tts_script(cp) == AC_SCRIPT_LATIN || cp < 0x80) {
            if (++unbroken > MAX_UNBROKEN) {
                ac_tts_text_add(out, ' ', span);
                unbroken = 1;
            }
        } else {
            unbroken = 0;
        }
        speakable = speakable || u_isalnum((UChar32)cp) || u_charType((UChar32)cp) == U_OTHER_NUMBER ||
                    is_spoken_sign(cp);
        ac_tts_text_add(out, cp, span);
    }
    return speakable ? 0 : AC_EEMPTY;
}

/* ---- scripts and runs ---- */

enum ac_script ac_tts_script(uint32_t cp)
{
    UErrorCode err = U_ZERO_ERROR;

    if (cp < 0x80)
        return (cp | 0x20) >= 'a' && (cp | 0x20) <= 'z' ? AC_SCRIPT_LATIN : AC_SCRIPT_NONE;
    if (!u_isalpha((UChar32)cp) && cp != 0x3007) /* 〇 is a numeral that is read as a character */
        return AC_SCRIPT_NONE;
    switch (uscript_getScript((UChar32)cp, &err)) {
    case USCRIPT_LATIN:
        return AC_SCRIPT_LATIN;
    case USCRIPT_HAN:
        return AC_SCRIPT_HAN;
    case USCRIPT_HIRAGANA:
    case USCRIPT_KATAKANA:
        return AC_SCRIPT_KANA;
    case USCRIPT_HANGUL:
        return AC_SCRIPT_HANGUL;
    case USCRIPT_CYRILLIC:
        return AC_SCRIPT_CYRILLIC;
    case USCRIPT_GREEK:
        return AC_SCRIPT_GREEK;
    case USCRIPT_ARABIC:
        return AC_SCRIPT_ARABIC;
    case USCRIPT_HEBREW:
        return AC_SCRIPT_HEBREW;
    case USCRIPT_DEVANAGARI:
        return AC_SCRIPT_DEVANAGARI;
    case USCRIPT_THAI:
        return AC_SCRIPT_THAI;
    case USCRIPT_COMMON:
    case USCRIPT_INHERITED:
        return cp == 0x30fc ? AC_SCRIPT_KANA : AC_SCRIPT_NONE;
    default:
        return AC_SCRIPT_OTHER;
    }
}

/* How good a place after cp is for a cut: 3 sentence, 2 clause, 1 blank, 0 none. `next` follows cp. */
static int cut_rank(uint32_t cp, uint32_t next)
{
    if (cp == 0x3002 || cp == 0xff01 || cp == 0xff1f)
        return 3;
    if (cp == 0xff0c || cp == 0x3001 || cp == 0xff1b || cp == 0xff1a)
        return 2;
    if (next == ' ' && (cp == '.' || cp == '!' || cp == '?'))
        return 3;
    if (next == ' ' && (cp == ',' || cp == ';' || cp == ':'))
        return 2;
    return cp == ' ' ? 1 : 0;
}

/* Where to cut a text that must not go past max bytes. The best place of its last two thirds, else the limit.
 */
static size_t cut_at(const char *s, size_t max)
{
    const char *p = s, *end = s + max;
    size_t best = 0;
    int rank = 0;

    while (p < end) {
        uint32_t cp = ac_utf8_next(&p, end);
        int r = p < end ? cut_rank(cp, (unsigned char)*p) : 0;
        if (r && r >= rank && (size_t)(p - s) > max / 3) {
            best = (size_t)(p - s);
            rank = r;
        }
    }
    if (best)
        return best;
    while (max > 1 && (s[max] & 0xc0) == 0x80)
        max--;
    return max;
}

/* True for what is written as the beginning of the word that follows it. */
static bool leans_forward(uint32_t cp)
{
    return (cp >= '0' && cp <= '9') || cp == '(' || cp == '"' || cp == '\'' || cp == '$' || cp == '#' ||
           cp == '@' || cp == 0x201c || cp == 0x2018 || cp == 0x300c || cp == 0xff08 || cp == 0x300a;
}

bool ac_tts_next_run(const struct ac_tts_text *t, size_t *at, size_t max_bytes, bool merge,
                     struct ac_tts_run *run)
{
    const char *start = t->s.p + *at, *end = t->s.p + t->s.len, *p = start;
    const char *tail = NULL; /* first of the characters that may go with the next run */

    *run = (struct ac_tts_run){.at = *at};
    if (*at >= t->s.len)
        return false;
    while (p < end) {
        const char *here = p;
        uint32_t cp = ac_utf8_next(&p, end);
        enum ac_script script = ac_tts_script(cp);
        if (merge && script == AC_SCRIPT_KANA)
            script = AC_SCRIPT_HAN;
        if (script == AC_SCRIPT_NONE) {
            if (!leans_forward(cp))
                tail = NULL;
            else if (!tail)
                tail = here;
            continue;
        }
        if (run->script != AC_SCRIPT_NONE && script != run->script) {
            p = here;
            if (tail && tail > start && (script == AC_SCRIPT_LATIN || tail[0] < '0' || tail[0] > '9'))
                p = tail;
            break;
        }
        run->script = script;
        tail = NULL;
    }
    run->len = (size_t)(p - start);
    if (run->len > max_bytes)
        run->len = cut_at(start, max_bytes);
    *at += run->len;
    return true;
}

/* ---- ASCII ---- */

static const struct {
    uint32_t cp;
    const char *ascii;
} typed[] = {
    {0x2018, "'"},
    {0x2019, "'"},
    {0x201c, "\""},
    {0x201d, "\""},
    {0x2013, "-"},
    {0x2014, ", "},
    {0x2026, "..."},
    {0x20ac, " euro "},
    {0xa3, " pounds "},
    {0xa5, " yen "},
    {0xb0, " degrees "},
    {0xd7, " times "},
    {0xf7, " by "},
    {0xb1, " plus or minus "},
    {0xdf, "ss"},
    {0xe6, "ae"},
    {0xc6, "Ae"},
    {0xf8, "o"},
    {0xd8, "O"},
    {0x153, "oe"},
    {0x152, "Oe"},
    {0x142, "l"},
    {0x141, "L"},
    {0x131, "i"},
    {0xfe, "th"},
    {0xf0, "th"},
    {0x3002, ". "},
    {0xff0c, ", "},
    {0x3001, ", "},
    {0xff01, "! "},
    {0xff1f, "? "},
    {0xff1b, "; "},
    {0xff1a, ": "},
    {'_', " "},
    {'*', " "},
    {'`', " "},
    {'\\', " "},
    {'~', " "},
    {'^', " "},
    {'{', " "},
    {'}', " "},
    {'[', " "},
    {']', " "},
    {'=', " equals "},
    {'+', " plus "},
    {'%', " percent "},
    {'&', " and "},
    {'@', " at "},
    {0xff1c, " less than "},
    {0xff1e, " greater than "},
};

void ac_tts_to_ascii(struct ac_tts_text *out, const struct ac_tts_text *in, size_t at, size_t len)
{
    UErrorCode err = U_ZERO_ERROR;
    const UNormalizer2 *nfkd = unorm2_getNFKDInstance(&err);
    const char *p = in->s.p + at, *end = p + len;
    size_t i = count_cps(in->s.p, at);

    for (; p < end; i++) {
        UChar parts[32];
        uint32_t cp = ac_utf8_next(&p, end);
        const char *said = NULL;
        for (size_t k = 0; k < sizeof typed / sizeof *typed && !said; k++)
            said = typed[k].cp == cp ? typed[k].ascii : NULL;
        if (said) {
            ac_tts_text_add_ascii(out, said, in->map[i]);
            continue;
        }
        if (cp < 0x80) {
            ac_tts_text_add(out, cp, in->map[i]);
            continue;
        }
        err = U_ZERO_ERROR;
        int32_t n = unorm2_getDecomposition(nfkd, (UChar32)cp, parts, 32, &err);
        for (int32_t k = 0; k < n && U_SUCCESS(err); k++)
            if (parts[k] < 0x80)
                ac_tts_text_add(out, parts[k], in->map[i]);
    }
}
