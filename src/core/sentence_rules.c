/*
 * What the sentence splitter knows of characters, abbreviations and languages. Tables only, no state.
 */
#include "core/sentence_private.h"

#include "base/str.h"

#include <stdio.h>
#include <string.h>

struct range {
    uint32_t lo, hi;
};

static bool in_ranges(uint32_t cp, const struct range *r, size_t n)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (cp > r[mid].hi)
            lo = mid + 1;
        else if (cp < r[mid].lo)
            hi = mid;
        else
            return true;
    }
    return false;
}
#define IN(cp, table) in_ranges(cp, table, sizeof(table) / sizeof *(table))

bool cp_is_space(uint32_t cp)
{
    return cp == ' ' || cp == '\t' || cp == 0xA0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200A) ||
           cp == 0x202F || cp == 0x205F || cp == 0x3000;
}

bool cp_is_newline(uint32_t cp)
{
    return cp == '\n' || cp == '\r' || cp == 0x0B || cp == 0x0C || cp == 0x85 || cp == 0x2028 || cp == 0x2029;
}

bool cp_is_digit(uint32_t cp)
{
    return (cp >= '0' && cp <= '9') || (cp >= 0xFF10 && cp <= 0xFF19);
}

bool cp_is_ascii_alnum(uint32_t cp)
{
    return (cp >= '0' && cp <= '9') || (cp >= 'a' && cp <= 'z') || (cp >= 'A' && cp <= 'Z');
}

bool cp_is_lower(uint32_t cp)
{
    if (cp < 0x80)
        return cp >= 'a' && cp <= 'z';
    if (cp >= 0x100 && cp <= 0x17F) /* Latin Extended-A alternates, with the parity turned in two stretches */
        return ((cp >= 0x139 && cp <= 0x148) || (cp >= 0x179 && cp <= 0x17E)) ? !(cp & 1) : cp & 1;
    return (cp >= 0xDF && cp <= 0xFF && cp != 0xF7) || (cp >= 0x3AC && cp <= 0x3CE) ||
           (cp >= 0x430 && cp <= 0x45F);
}

bool cp_is_upper(uint32_t cp)
{
    if (cp < 0x80)
        return cp >= 'A' && cp <= 'Z';
    if (cp >= 0x100 && cp <= 0x17F)
        return !cp_is_lower(cp);
    return (cp >= 0xC0 && cp <= 0xDE && cp != 0xD7) || (cp >= 0x386 && cp <= 0x3AB && cp != 0x390) ||
           (cp >= 0x400 && cp <= 0x42F);
}

bool cp_is_ideographic(uint32_t cp)
{
    static const struct range table[] = {
        {0x1100, 0x11FF}, {0x3005, 0x3007}, {0x3021, 0x3029}, {0x3041, 0x3096}, {0x309D, 0x309F},
        {0x30A1, 0x30FA}, {0x30FC, 0x30FF}, {0x3105, 0x318E}, {0x31F0, 0x31FF}, {0x3400, 0x4DBF},
        {0x4E00, 0x9FFF}, {0xAC00, 0xD7A3}, {0xF900, 0xFAFF}, {0xFF66, 0xFF9D}, {0x20000, 0x3FFFF},
    };
    return IN(cp, table);
}

bool cp_is_wide_punct(uint32_t cp)
{
    static const struct range table[] = {
        {0x3001, 0x3003}, {0x3008, 0x3011}, {0x3014, 0x301F}, {0x30FB, 0x30FB}, {0xFE30, 0xFE4F},
        {0xFF01, 0xFF0F}, {0xFF1A, 0xFF20}, {0xFF3B, 0xFF40}, {0xFF5B, 0xFF65},
    };
    return IN(cp, table);
}

bool cp_is_speakable(uint32_t cp)
{
    static const struct range table[] = {
        {'0', '9'},         {'A', 'Z'},         {'a', 'z'},         {0xAA, 0xAA},     {0xB2, 0xB3},
        {0xB5, 0xB5},       {0xB9, 0xBA},       {0xBC, 0xBE},       {0xC0, 0xD6},     {0xD8, 0xF6},
        {0xF8, 0x2C1},      {0x370, 0x373},     {0x376, 0x377},     {0x37B, 0x37D},   {0x37F, 0x37F},
        {0x386, 0x386},     {0x388, 0x559},     {0x560, 0x588},     {0x5D0, 0x5F2},   {0x620, 0x669},
        {0x66E, 0x6D3},     {0x6D5, 0x6FF},     {0x710, 0x963},     {0x966, 0x96F},   {0x971, 0x166C},
        {0x166F, 0x167F},   {0x1681, 0x1FFF},   {0x2070, 0x209C},   {0x2102, 0x2121}, {0x2123, 0x218B},
        {0x2460, 0x24FF},   {0x2C00, 0x2DFF},   {0x3005, 0x3007},   {0x3021, 0x3029}, {0x3041, 0x3096},
        {0x309D, 0x309F},   {0x30A1, 0x30FA},   {0x30FC, 0x4DBF},   {0x4E00, 0xD7FB}, {0xF900, 0xFDFF},
        {0xFE70, 0xFEFC},   {0xFF10, 0xFF19},   {0xFF21, 0xFF3A},   {0xFF41, 0xFF5A}, {0xFF66, 0xFFDC},
        {0x10000, 0x1CFFF}, {0x1D400, 0x1EFFF}, {0x1FBF0, 0x3FFFF},
    };
    return IN(cp, table);
}

bool cp_is_emoji(uint32_t cp)
{
    static const struct range table[] = {
        {0xA9, 0xA9},     {0xAE, 0xAE},     {0x2122, 0x2122}, {0x2139, 0x2139}, {0x2190, 0x21FF},
        {0x2300, 0x23FF}, {0x25A0, 0x27BF}, {0x2900, 0x297F}, {0x2B00, 0x2BFF}, {0x3030, 0x3030},
        {0x303D, 0x303D}, {0x3297, 0x3297}, {0x3299, 0x3299}, {0xE000, 0xF8FF}, {0x1F000, 0x1FAFF},
    };
    return IN(cp, table);
}

bool cp_is_ignorable(uint32_t cp)
{
    static const struct range table[] = {
        {0, 8},           {0xE, 0x1F},      {0x7F, 0x84},       {0x86, 0x9F},     {0xAD, 0xAD},
        {0x200B, 0x200F}, {0x202A, 0x202E}, {0x2060, 0x206F},   {0x20E3, 0x20E3}, {0xFE00, 0xFE0F},
        {0xFEFF, 0xFEFF}, {0xFFF0, 0xFFFF}, {0xE0000, 0xE0FFF},
    };
    return IN(cp, table);
}

bool cp_is_open(uint32_t cp)
{
    switch (cp) {
    case '(':
    case '[':
    case '{':
    case 0x201C: /* “ */
    case 0x2018: /* ‘ */
    case 0x300A: /* 《 */
    case 0x3008: /* 〈 */
    case 0x300C: /* 「 */
    case 0x300E: /* 『 */
    case 0x3010: /* 【 */
    case 0xFF08: /* （ */
    case 0xFF3B: /* ［ */
    case 0xAB:   /* « */
        return true;
    }
    return false;
}

bool cp_is_close(uint32_t cp)
{
    switch (cp) {
    case ')':
    case ']':
    case '}':
    case 0x201D: /* ” */
    case 0x2019: /* ’ */
    case 0x300B: /* 》 */
    case 0x3009: /* 〉 */
    case 0x300D: /* 」 */
    case 0x300F: /* 』 */
    case 0x3011: /* 】 */
    case 0xFF09: /* ） */
    case 0xFF3D: /* ］ */
    case 0xBB:   /* » */
        return true;
    }
    return false;
}

/* ASCII copy in small letters; false where the word is not ASCII or too long. */
static bool ascii_lower(const uint32_t *word, size_t n, char *out, size_t size)
{
    if (n + 1 > size)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (word[i] >= 0x80)
            return false;
        out[i] = (char)(word[i] >= 'A' && word[i] <= 'Z' ? word[i] + 32 : word[i]);
    }
    out[n] = 0;
    return true;
}

static bool listed(const char *word, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(word, list[i]))
            return true;
    return false;
}
#define LISTED(w, list) listed(w, list, sizeof(list) / sizeof *(list))

/* Single letters with dots between them: "U.S", "a.m", "J". */
static bool is_dotted(const uint32_t *word, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (i & 1 ? word[i] != '.' : !(cp_is_upper(word[i]) || cp_is_lower(word[i])))
            return false;
    return n & 1;
}

enum abbreviation abbreviation_of(const uint32_t *word, size_t n)
{
    static const char *const never[] = {
        "dr",   "mr",     "mrs",    "ms",   "prof", "st",   "mt",   "vs",   "e.g", "i.e", "eg",  "ie",  "cf",
        "al",   "gen",    "sen",    "rep",  "gov",  "capt", "cmdr", "col",  "lt",  "sgt", "rev", "hon", "mme",
        "mlle", "messrs", "approx", "dept", "est",  "viz",  "resp", "incl", "z.b", "d.h", "u.a", "bzw",
    };
    static const char *const number[] = {"no", "nos", "fig", "figs", "vol", "p",  "pp",
                                         "eq", "ch",  "sec", "ver",  "v",   "op", "nr"};
    static const char *const capital[] = {"etc", "usw", "ff",  "ca",  "art",  "jan", "feb", "mar", "apr",
                                          "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec"};
    static const char *const starter[] = {
        "inc", "ltd",  "co", "corp", "jr",  "sr",   "bros", "ph.d",
        "ave", "blvd", "rd", "esq",  "llc", "m.sc", "b.sc",
    };
    char w[16];
    if (n && ascii_lower(word, n, w, sizeof w)) {
        if (LISTED(w, never))
            return ABBR_NEVER;
        if (LISTED(w, number))
            return ABBR_NUMBER;
        if (LISTED(w, capital))
            return ABBR_CAPITAL;
        if (LISTED(w, starter))
            return ABBR_STARTER;
    }
    if (n > 1 && is_dotted(word, n))
        return ABBR_STARTER;
    if (n == 1 && cp_is_upper(word[0]))
        return ABBR_STARTER;
    return ABBR_NONE;
}

bool is_starter(const uint32_t *word, size_t n)
{
    static const char *const list[] = {
        "the",     "a",       "an",   "it",   "its",    "it's",   "i",        "i'm",     "i'll",      "in",
        "on",      "at",      "he",   "she",  "we",     "they",   "you",      "your",    "my",        "our",
        "their",   "his",     "her",  "this", "that",   "these",  "those",    "there",   "here",      "but",
        "and",     "or",      "so",   "if",   "when",   "while",  "what",     "who",     "where",     "why",
        "how",     "however", "then", "also", "after",  "before", "as",       "for",     "from",      "to",
        "with",    "is",      "are",  "was",  "do",     "did",    "does",     "can",     "let",       "let's",
        "yes",     "no",      "not",  "now",  "once",   "since",  "today",    "some",    "many",      "most",
        "all",     "each",    "one",  "two",  "please", "thanks", "although", "because", "meanwhile", "next",
        "finally", "first",
    };
    char w[16];
    return n && cp_is_upper(word[0]) && ascii_lower(word, n, w, sizeof w) && LISTED(w, list);
}

static bool is_kana(uint32_t cp)
{
    return (cp >= 0x3041 && cp <= 0x30FF && cp != 0x30FB) || (cp >= 0x31F0 && cp <= 0x31FF) ||
           (cp >= 0xFF66 && cp <= 0xFF9D);
}

static bool is_hangul(uint32_t cp)
{
    return (cp >= 0xAC00 && cp <= 0xD7A3) || (cp >= 0x1100 && cp <= 0x11FF) || (cp >= 0x3131 && cp <= 0x318E);
}

void guess_lang(const char *text, char lang[16])
{
    size_t han = 0, kana = 0, hangul = 0, words = 0;
    bool in_word = false;
    const char *p = text, *end = text + strlen(text);
    while (p < end) {
        uint32_t cp = ac_utf8_next(&p, end);
        bool letter = false;
        if (is_kana(cp))
            kana++;
        else if (is_hangul(cp))
            hangul++;
        else if (cp_is_ideographic(cp))
            han++;
        else
            letter = (cp_is_speakable(cp) && !cp_is_digit(cp)) || (in_word && (cp == '\'' || cp == 0x2019));
        words += letter && !in_word;
        in_word = letter;
    }
    const char *l = "";
    size_t cjk = han + kana + hangul;
    if (cjk && cjk >= words) {
        if (hangul > han + kana)
            l = "ko";
        else if (kana && kana * 5 >= han)
            l = "ja";
        else
            l = "zh-CN";
    }
    snprintf(lang, 16, "%s", l);
}

const char *block_text(uint32_t event, bool zh)
{
    static const char *const texts[][2] = {{"The code is shown on screen.", "代码显示在屏幕上。"},
                                           {"The table is shown on screen.", "表格显示在屏幕上。"},
                                           {"The formula is shown on screen.", "公式显示在屏幕上。"}};
    return texts[event - EV_CODE][zh];
}
