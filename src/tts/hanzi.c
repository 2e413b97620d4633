/*
 * Chinese characters to pinyin. See hanzi.h.
 *
 *   characters → readings (longest word of the table, else ICU's Han-Latin) → words (the table's, else ICU's
 *   word borders) → tones of 一 and 不 → text
 *
 * The tone of a third tone before another third tone is eSpeak NG's own work (inside of a word).
 */
#include "tts/hanzi.h"

#include "avatarchat/err.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/ubrk.h>
#include <unicode/ustring.h>
#include <unicode/utrans.h>

enum { MAX_WORD = 4, SYLLABLE = 8 };

/* ICU's transliterator is costly to build and not safe for several threads: one, behind a lock. */
static struct {
    pthread_mutex_t lock;
    int users;
    UTransliterator *readings;
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* One character of the text with its reading. */
struct unit {
    uint32_t cp;
    struct ac_tts_span span;
    char syllable[SYLLABLE]; /* with tone digit; "" for what is no character */
    bool from_table;
    bool joined; /* belongs to the same word as the one before */
};

int ac_hanzi_acquire(void)
{
    int err = 0;

    pthread_mutex_lock(&shared.lock);
    if (!shared.readings) {
        UErrorCode e = U_ZERO_ERROR;
        shared.readings =
            utrans_openU(u"Han-Latin; Latin-NumericPinyin", -1, UTRANS_FORWARD, NULL, 0, NULL, &e);
        if (U_FAILURE(e))
            err = AC_EMODEL;
    }
    if (!err)
        shared.users++;
    pthread_mutex_unlock(&shared.lock);
    return err;
}

void ac_hanzi_release(void)
{
    pthread_mutex_lock(&shared.lock);
    if (--shared.users == 0) {
        utrans_close(shared.readings);
        shared.readings = NULL;
    }
    pthread_mutex_unlock(&shared.lock);
}

/* ---- readings ---- */

/* ICU's reading of one character as ASCII ("lü4" becomes "lv4"); "" when it has none. */
static void icu_reading(uint32_t cp, char out[SYLLABLE])
{
    UChar buf[32];
    UErrorCode err = U_ZERO_ERROR;
    int32_t len = 0, limit;
    size_t n = 0;

    U16_APPEND_UNSAFE(buf, len, (UChar32)cp);
    limit = len;
    pthread_mutex_lock(&shared.lock);
    utrans_transUChars(shared.readings, buf, &len, 32, 0, &limit, &err);
    pthread_mutex_unlock(&shared.lock);
    out[0] = '\0';
    if (U_FAILURE(err) || len >= SYLLABLE)
        return;
    for (int32_t i = 0; i < len; i++) {
        UChar c = buf[i] == 0xfc ? 'v' : buf[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '1' && c <= '5')))
            return;
        out[n++] = (char)c;
    }
    if (n && out[n - 1] > '5') /* a light syllable is written without a digit */
        out[n++] = '5';
    out[n] = '\0';
}

static int compare_words(const void *key, const void *row)
{
    return strcmp(key, ((const struct ac_hanzi_word *)row)->word);
}

/* Longest word of the table that begins at i; NULL when there is none. n gets its characters. */
static const struct ac_hanzi_word *find_word(const struct unit *u, size_t i, size_t end, size_t *n)
{
    size_t n_words;
    const struct ac_hanzi_word *words = ac_hanzi_words(&n_words), *found = NULL;
    struct ac_str key = {0};

    for (size_t k = 1; k <= MAX_WORD + 1 && i + k <= end; k++) {
        ac_utf8_add(&key, u[i + k - 1].cp);
        const struct ac_hanzi_word *w = bsearch(key.p, words, n_words, sizeof *words, compare_words);
        if (w) {
            found = w;
            *n = k;
        }
    }
    ac_str_free(&key);
    return found;
}

/* Gives the syllables of a row to the units; the last one stays without where 儿 melts into the syllable
 * before. */
static void apply_word(struct unit *u, size_t n, const char *pinyin)
{
    for (size_t k = 0; k < n; k++) {
        size_t len = strcspn(pinyin, " ");
        if (len < SYLLABLE)
            memcpy(u[k].syllable, pinyin, len);
        u[k].from_table = n > 1;
        u[k].joined = k > 0;
        pinyin += pinyin[len] ? len + 1 : len;
    }
}

static void read_characters(struct unit *u, size_t n)
{
    for (size_t i = 0, k = 1; i < n; i += k) {
        k = 1;
        if (ac_tts_script(u[i].cp) != AC_SCRIPT_HAN)
            continue;
        const struct ac_hanzi_word *w = find_word(u, i, n, &k);
        if (w)
            apply_word(u + i, k, w->pinyin);
        else
            icu_reading(u[i].cp == 0x3007 ? 0x96f6 : u[i].cp, u[i].syllable);
    }
}

/* Marks where ICU sees no word border; the table's words stay as they are. */
static void join_words(struct unit *u, size_t n)
{
    UErrorCode err = U_ZERO_ERROR;
    UChar *text = ac_alloc((2 * n + 1) * sizeof *text);
    size_t *at = ac_alloc((2 * n + 1) * sizeof *at); /* UTF-16 index → unit */
    int32_t len = 0;

    for (size_t i = 0; i < n; i++) {
        at[len] = i;
        U16_APPEND_UNSAFE(text, len, (UChar32)u[i].cp);
        at[len] = i + 1;
    }
    UBreakIterator *it = ubrk_open(UBRK_WORD, "zh", text, len, &err);
    if (U_SUCCESS(err)) {
        int32_t from = ubrk_first(it), to;
        while ((to = ubrk_next(it)) != UBRK_DONE) {
            for (size_t i = at[from] + 1; i < at[to] && i - at[from] < MAX_WORD; i++)
                if (!u[i].from_table && !u[i - 1].from_table)
                    u[i].joined = true;
            from = to;
        }
        ubrk_close(it);
    }
    free(text);
    free(at);
}

/* ---- tones ---- */

static char tone_of(const struct unit *u)
{
    size_t n = strlen(u->syllable);

    return n ? u->syllable[n - 1] : '\0';
}

static void set_tone(struct unit *u, char tone)
{
    u->syllable[strlen(u->syllable) - 1] = tone;
}

static bool is_numeral(uint32_t cp)
{
    static const uint32_t numerals[] = {0x96f6, 0x4e00, 0x4e8c, 0x4e09, 0x56db, 0x4e94, 0x516d, 0x4e03,
                                        0x516b, 0x4e5d, 0x5341, 0x70b9, 0x7b2c, 0x5e7a}; /* 零一…九十点第幺 */

    for (size_t i = 0; i < sizeof numerals / sizeof *numerals; i++)
        if (numerals[i] == cp)
            return true;
    return false;
}

/* 一 counts or names: 一月, 一号, 第一, 十一, 三分之一 keep the first tone. */
static bool keeps_first_tone(const struct unit *u, size_t i, size_t n)
{
    static const uint32_t after[] = {0x6708, 0x65e5, 0x53f7, 0x697c,
                                     0x70b9, 0x7ea7, 0x5230, 0x81f3}; /* 月日号楼点级到至 */

    if ((i && (is_numeral(u[i - 1].cp) || u[i - 1].cp == 0x4e4b)) || (i + 1 < n && is_numeral(u[i + 1].cp)))
        return true;
    for (size_t k = 0; k < sizeof after / sizeof *after; k++)
        if (i + 1 < n && u[i + 1].cp == after[k])
            return true;
    return false;
}

static void change_tones(struct unit *u, size_t n)
{
    for (size_t i = 0; i + 1 < n; i++) {
        char next = tone_of(&u[i + 1]);
        if (u[i].from_table || !tone_of(&u[i]) || !next)
            continue;
        if (u[i].cp == 0x4e0d && next == '4') /* 不 */
            set_tone(&u[i], '2');
        else if (u[i].cp == 0x4e00 && !keeps_first_tone(u, i, n)) /* 一 */
            set_tone(&u[i], next == '4' || next == '5' ? '2' : '4');
    }
}

/* ---- text ---- */

/* What eSpeak NG understands for a mark or sign; NULL: nothing. */
static const char *plain_mark(uint32_t cp)
{
    switch (cp) {
    case 0x3002: /* 。 */
    case 0xff0e:
        return ". ";
    case 0xff0c: /* ， */
    case 0x3001: /* 、 */
    case 0x2014: /* — */
    case 0x2026: /* … */
    case ',':
        return ", ";
    case 0xff1b: /* ； */
    case ';':
        return "; ";
    case 0xff1a: /* ： */
    case ':':
        return ": ";
    case 0xff01: /* ！ */
    case '!':
        return "! ";
    case 0xff1f: /* ？ */
    case '?':
        return "? ";
    case '.':
        return ". ";
    case '%':
        return " bai3fen1hao4 ";
    case '+':
        return " jia1 ";
    case '=':
        return " deng3yu2 ";
    case '&':
        return " he2 ";
    case 0xd7:
        return " cheng2 ";
    case 0xf7:
        return " chu2yi3 ";
    case 0x2103: /* ℃ */
        return " she4shi4du4 ";
    case 0xb0:
        return " du4 ";
    default:
        return " ";
    }
}

static void write_units(struct ac_tts_text *out, const struct unit *u, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (u[i].syllable[0]) {
            if (!u[i].joined && out->s.len && out->s.p[out->s.len - 1] != ' ')
                ac_tts_text_add(out, ' ', u[i].span);
            ac_tts_text_add_ascii(out, u[i].syllable, u[i].span);
        } else if (ac_tts_script(u[i].cp) != AC_SCRIPT_HAN) {
            const char *mark = plain_mark(u[i].cp);
            if (mark)
                ac_tts_text_add_ascii(out, mark, u[i].span);
        }
    }
}

/* The character for a digit. */
static uint32_t digit_character(uint32_t cp)
{
    static const uint32_t digits[] = {0x96f6, 0x4e00, 0x4e8c, 0x4e09, 0x56db,
                                      0x4e94, 0x516d, 0x4e03, 0x516b, 0x4e5d}; /* 零一二三四五六七八九 */

    return cp >= '0' && cp <= '9' ? digits[cp - '0'] : cp;
}

void ac_hanzi_to_pinyin(struct ac_tts_text *out, const struct ac_tts_text *in, size_t at, size_t len)
{
    struct unit *u = ac_zalloc((len + 1) * sizeof *u);
    size_t n = 0;
    struct ac_tts_text part = {0};

    ac_tts_text_add_part(&part, in, at, len);
    for (const char *p = part.s.p, *end = p + part.s.len; p && p < end; n++) {
        u[n].cp = digit_character(ac_utf8_next(&p, end));
        u[n].span = part.map[n];
    }
    read_characters(u, n);
    join_words(u, n);
    change_tones(u, n);
    write_units(out, u, n);
    free(u);
    ac_tts_text_free(&part);
}
