/*
 * Inside of the normaliser: what its files share.
 *
 *     spoken.c         language of each stretch, the walk over the text, single signs
 *     spoken_scan.c    looking at the text, saying a token
 *     spoken_en.c      numbers in English words        spoken_zh.c   in Chinese characters
 *     spoken_date.c    dates and times                 spoken_phone.c  what is read digit by digit
 *     spoken_number.c  fractions, ranges, money, units (tables: spoken_units.c)
 *     spoken_word.c    abbreviations, acronyms, codes  spoken_web.c  addresses and file names
 *
 * A recogniser looks at the characters from i on and, where its construct begins there, says it whole and
 * gives the index behind it; else 0. All are asked in turn, the most particular one first.
 */
#ifndef AC_TTS_SPOKEN_PRIVATE_H
#define AC_TTS_SPOKEN_PRIVATE_H

#include "tts/spoken.h"

enum { SPOKEN_DIGITS = 64, SPOKEN_WORD = 24 };

/* One call. */
struct spoken {
    const uint32_t *c; /* the characters; wide forms that stand among numbers are plain */
    const struct ac_tts_span *map;
    size_t n;
    struct ac_tts_text *out;
    bool zh;     /* the language here */
    bool joint;  /* a token was said right before */
    bool number; /* … and it was a number */
};

/* "1,234.50": digits without the marks, not terminated. */
struct spoken_number {
    char whole[SPOKEN_DIGITS], part[SPOKEN_DIGITS];
    size_t n_whole, n_part;
    bool grouped; /* had thousands separators */
    size_t end;   /* behind it */
};

/* ---- looking ---- */

static inline uint32_t spoken_at(const struct spoken *s, size_t i)
{
    return i < s->n ? s->c[i] : 0;
}
static inline bool spoken_is_digit(uint32_t cp)
{
    return cp >= '0' && cp <= '9';
}
static inline bool spoken_is_letter(uint32_t cp)
{
    return (cp | 0x20) >= 'a' && (cp | 0x20) <= 'z';
}
static inline bool spoken_is_upper(uint32_t cp)
{
    return cp >= 'A' && cp <= 'Z';
}
static inline bool spoken_is_lower(uint32_t cp)
{
    return cp >= 'a' && cp <= 'z';
}
static inline bool spoken_is_alnum(uint32_t cp)
{
    return spoken_is_digit(cp) || spoken_is_letter(cp);
}
static inline bool spoken_is_dash(uint32_t cp) /* - ‐ ‑ – — ~ 〜 − */
{
    return cp == '-' || cp == '~' || (cp >= 0x2010 && cp <= 0x2014) || cp == 0x301c || cp == 0x2212;
}
bool spoken_is_han(uint32_t cp);
/* i, or i + 1 where a blank stands at i. */
static inline size_t spoken_past_blank(const struct spoken *s, size_t i)
{
    return i + (spoken_at(s, i) == ' ');
}
/* Characters of `text` (UTF-8) if it stands at i, else 0. */
size_t spoken_is(const struct spoken *s, size_t i, const char *text);
/* The same for a whole word: no letter or digit follows. */
size_t spoken_is_word(const struct spoken *s, size_t i, const char *text);
/* One of the characters of a string. */
bool spoken_in(uint32_t cp, const char *set);
size_t spoken_digits(const struct spoken *s, size_t i);       /* how many from i on */
int spoken_value(const struct spoken *s, size_t i, size_t n); /* of at most 9 digits */
/* An equals sign stands within 20 characters. */
bool spoken_equation_near(const struct spoken *s, size_t i);
/* The number that begins with a digit at i. */
bool spoken_number_at(const struct spoken *s, size_t i, struct spoken_number *num);
bool spoken_is_one(const struct spoken_number *num);
/* The ASCII word before i (behind at most a blank and an opening bracket), or from i on, in small letters;
 * "" when there is none or it is long. */
void spoken_word_before(const struct spoken *s, size_t i, char word[SPOKEN_WORD]);
void spoken_word_at(const struct spoken *s, size_t i, char word[SPOKEN_WORD]);
/* word is among the blank-separated ones of `list`. */
bool spoken_listed(const char *word, const char *list);
/* One of the blank-separated strings stands within the `reach` characters before i, in the same clause. */
bool spoken_cue(const struct spoken *s, size_t i, size_t reach, const char *list);
/* One of the blank-separated strings stands at i; the length of it. */
size_t spoken_any(const struct spoken *s, size_t i, const char *list);

/* ---- saying ---- */

/* Says the words for the characters [from, to) and frees them. Gives `to`. */
size_t spoken_say(struct spoken *s, size_t from, size_t to, struct ac_str *words);
size_t spoken_say_text(struct spoken *s, size_t from, size_t to, const char *words);

/* English: words are parted by blanks. Digits are plain ASCII, n of them. */
void spoken_en_add(struct ac_str *w, const char *word);
void spoken_en_cardinal(struct ac_str *w, const char *digits, size_t n);
void spoken_en_ordinal(struct ac_str *w, const char *digits, size_t n);
void spoken_en_number(struct ac_str *w, const struct spoken_number *num);
void spoken_en_digits(struct ac_str *w, const char *digits, size_t n);
void spoken_en_int(struct ac_str *w, int value);
void spoken_en_int_ordinal(struct ac_str *w, int value);
void spoken_en_year(struct ac_str *w, int year);
/* By pairs, as rooms and aeroplanes are named: 305 three oh five, 380 three eighty, 4090 forty ninety. */
void spoken_en_code(struct ac_str *w, const char *digits, size_t n);
/* The last word in the plural: nineties, quarters. */
void spoken_en_plural(struct ac_str *w);

void spoken_zh_integer(struct ac_str *w, const char *digits, size_t n);
void spoken_zh_number(struct ac_str *w, const struct spoken_number *num);
/* The same, but a lone 2 is 两. */
void spoken_zh_count(struct ac_str *w, const struct spoken_number *num);
/* phone: 1 is 幺 */
void spoken_zh_digits(struct ac_str *w, const char *digits, size_t n, bool phone);
void spoken_zh_int(struct ac_str *w, int value);
/* A measure word at i, before which 2 is 两. */
bool spoken_zh_measure(const struct spoken *s, size_t i);

/* ---- recognisers ---- */

size_t spoken_date(struct spoken *s, size_t i);  /* at a digit */
size_t spoken_month(struct spoken *s, size_t i); /* at a letter: March 15, 2024 */
size_t spoken_time(struct spoken *s, size_t i);
/* a.m. or p.m. at i; the length, and which. */
size_t spoken_am_pm(const struct spoken *s, size_t i, bool *pm);
size_t spoken_phone(struct spoken *s, size_t i); /* at a digit, + or ( */
size_t spoken_dotted(struct spoken *s, size_t i);
size_t spoken_code(struct spoken *s, size_t i);
size_t spoken_slash(struct spoken *s, size_t i);
size_t spoken_amount(struct spoken *s, size_t i); /* at a digit, a sign or a currency */
size_t spoken_web(struct spoken *s, size_t i);
size_t spoken_word(struct spoken *s, size_t i);
size_t spoken_sign(struct spoken *s, size_t i);
/* The letters one by one, or as a word where that is how it is said. */
void spoken_acronym(struct ac_str *w, const char *letters, size_t n);
void spoken_spell(struct ac_str *w, const char *letters, size_t n);

/* ---- tables ---- */

struct spoken_unit {
    const char *sign;
    const char *one, *many;
    const char *zh_before, *zh; /* 每小时 … 公里 */
};
/* The unit written at i (longest first), its length; NULL when there is none. */
const struct spoken_unit *spoken_unit_at(const struct spoken *s, size_t i, size_t *len);
bool spoken_unit_is_degree(const struct spoken_unit *u);

struct spoken_money {
    const char *sign;
    const char *one, *many;
    const char *cent, *cents; /* NULL: decimals are read as such */
    const char *zh;
};
/* The currency written at i: before: "$", "US$", "RMB"; else behind the number: "USD", "€". */
const struct spoken_money *spoken_money_at(const struct spoken *s, size_t i, bool before, size_t *len);

#endif
