/*
 * Normaliser: web addresses, e-mail addresses, domain and file names. See spoken_private.h.
 *
 * A path of one short part is said, a longer one is "link to" its host.
 */
#include "tts/spoken_private.h"

#include <string.h>

enum { MAX_SHORT_PATH = 16 };

static bool is_label(uint32_t c)
{
    return spoken_is_alnum(c) || c == '-' || c == '_';
}

static bool is_path(uint32_t c)
{
    return is_label(c) || (c && c < 0x80 && strchr("./~?#&=%+:@!$'(*,;)", (int)c));
}

static void add(const struct spoken *s, struct ac_str *w, const char *en, const char *zh)
{
    if (s->zh)
        ac_str_add(w, zh);
    else
        spoken_en_add(w, en);
}

/* A run of letters: capitals as an acronym; spell: one by one. */
static void add_letters(const struct spoken *s, struct ac_str *w, size_t i, size_t n, bool spell)
{
    char letters[SPOKEN_DIGITS];
    bool upper = true;

    n = n < SPOKEN_DIGITS ? n : SPOKEN_DIGITS - 1;
    for (size_t k = 0; k < n; k++) {
        letters[k] = (char)spoken_at(s, i + k);
        upper = upper && spoken_is_upper(spoken_at(s, i + k));
    }
    if (w->len && spoken_is_alnum((unsigned char)w->p[w->len - 1]))
        ac_str_add(w, " ");
    for (size_t k = 0; k < n && spell; k++)
        letters[k] = (char)(letters[k] & ~0x20);
    if (spell && n == 3 && !memcmp(letters, "TXT", 3))
        spoken_en_add(w, "text");
    else if (spell)
        spoken_spell(w, letters, n);
    else if (upper && n > 1)
        spoken_acronym(w, letters, n);
    else
        ac_str_add_n(w, letters, n);
}

static void add_digits(const struct spoken *s, struct ac_str *w, size_t i, size_t n)
{
    char digits[SPOKEN_DIGITS];

    for (size_t k = 0; k < n; k++)
        digits[k] = (char)spoken_at(s, i + k);
    if (s->zh)
        n <= 2 && digits[0] != '0' ? spoken_zh_integer(w, digits, n) : spoken_zh_digits(w, digits, n, false);
    else
        spoken_en_code(w, digits, n);
}

/* A domain, file name or the like; its last `tail` characters are spelled. file: dashes are silent. */
static void add_name(const struct spoken *s, struct ac_str *w, size_t i, size_t end, size_t tail, bool file)
{
    while (i < end) {
        uint32_t c = spoken_at(s, i);
        size_t n = 1;
        if (spoken_is_letter(c)) {
            while (i + n < end && spoken_is_letter(spoken_at(s, i + n)))
                n++;
            add_letters(s, w, i, n, i >= end - tail);
        } else if (spoken_is_digit(c)) {
            n = spoken_digits(s, i);
            n = n < end - i ? n : end - i;
            add_digits(s, w, i, n);
        } else if (c == '.') {
            add(s, w, "dot", "点");
        } else if (c == '/') {
            add(s, w, "slash", "斜杠");
        } else if (c == '+') {
            add(s, w, "plus", "加");
        } else if (c == '-' && !file) {
            add(s, w, "dash", "横杠");
        } else if (c == '_' && !file) {
            add(s, w, "underscore", "下划线");
        } else if (c == ':') {
            add(s, w, "colon", "冒号");
        }
        i += n;
    }
}

/* The word from the last dot on, in small letters. */
static void last_label(const struct spoken *s, size_t i, size_t end, char word[SPOKEN_WORD], size_t *at)
{
    *at = end;
    while (*at > i && spoken_at(s, *at - 1) != '.')
        --*at;
    word[0] = '\0';
    if (*at > i && end - *at < SPOKEN_WORD - 1) {
        size_t n = 0;
        for (size_t k = *at; k < end; k++) {
            uint32_t c = spoken_at(s, k);
            word[n++] = (char)(spoken_is_upper(c) ? c | 0x20 : c);
        }
        word[n] = '\0';
    }
}

/* The end of the labels with dots between them that begin at i. */
static size_t labels_end(const struct spoken *s, size_t i)
{
    size_t at = i;

    while (is_label(spoken_at(s, at)) ||
           (at > i && spoken_at(s, at) == '.' && spoken_is_alnum(spoken_at(s, at + 1)) &&
            spoken_at(s, at - 1) != '.'))
        at++;
    return at;
}

static bool is_domain(const struct spoken *s, size_t i, size_t end, size_t *tail)
{
    static const char known[] =
        "com org net edu gov mil io ai dev app cn uk de jp fr eu tv info xyz site tech "
        "cloud co";
    static const char words[] = "com org net gov info dev app site tech cloud";
    char word[SPOKEN_WORD];
    size_t at;

    last_label(s, i, end, word, &at);
    if (at <= i + 1 || !spoken_listed(word, known) || spoken_is_upper(spoken_at(s, at)))
        return false;
    *tail = spoken_listed(word, words) ? 0 : end - at;
    return true;
}

static bool is_file(const struct spoken *s, size_t i, size_t end, size_t *tail)
{
    static const char known[] =
        "md txt pdf py js ts c h cpp hpp json yaml yml csv xml html css png jpg jpeg gif svg mp3 mp4 wav "
        "webm zip "
        "tar gz sh exe doc docx xls xlsx ppt pptx log ini cfg toml go rs java bat ipynb sql db";
    static const char words[] = "zip tar log bat ini java json doc yaml toml jpeg go";
    char word[SPOKEN_WORD];
    size_t at;

    last_label(s, i, end, word, &at);
    if (at <= i || !spoken_listed(word, known) || spoken_is_upper(spoken_at(s, at)))
        return false;
    *tail = spoken_listed(word, words) ? 0 : end - at;
    return true;
}

static size_t mail(struct spoken *s, size_t i)
{
    size_t at = i, tail;
    struct ac_str w = {0};

    while (is_label(spoken_at(s, at)) || spoken_in(spoken_at(s, at), ".+%"))
        at++;
    if (at == i || spoken_at(s, at) != '@')
        return 0;
    size_t end = labels_end(s, at + 1);
    char word[SPOKEN_WORD];
    size_t last;
    last_label(s, at + 1, end, word, &last);
    if (!*word || !spoken_is_letter((unsigned char)*word))
        return 0;
    if (!is_domain(s, at + 1, end, &tail))
        tail = end - last <= 3 ? end - last : 0;
    add_name(s, &w, i, at, 0, false);
    add(s, &w, "at", "艾特");
    add_name(s, &w, at + 1, end, tail, false);
    return spoken_say(s, i, end, &w);
}

/* The end of the address; marks at its end are the sentence's. */
static size_t path_end(const struct spoken *s, size_t i)
{
    size_t at = i, open = 0;

    for (; is_path(spoken_at(s, at)); at++) {
        uint32_t c = spoken_at(s, at);
        if (c == ')' && !open)
            break;
        open += (c == '(') - (c == ')');
    }
    while (at > i && spoken_in(spoken_at(s, at - 1), ".,!?;:'"))
        at--;
    return at;
}

/* An address from i on, its host from `host` on. */
static size_t address(struct spoken *s, size_t i, size_t host, size_t host_end, size_t tail)
{
    size_t end = host_end, last = host_end;
    struct ac_str w = {0};

    if (spoken_at(s, end) == ':' && spoken_is_digit(spoken_at(s, end + 1)))
        last = end = end + 1 + spoken_digits(s, end + 1);
    if (spoken_in(spoken_at(s, end), "/?#"))
        last = path_end(s, end);
    bool simple = true;
    for (size_t k = end + 1; k < last; k++)
        simple = simple && spoken_is_alnum(spoken_at(s, k));
    size_t path = last > end + 1 ? last - end : 0;
    bool far = path && (!simple || path > MAX_SHORT_PATH || spoken_at(s, end) != '/');
    if (far && !s->zh)
        spoken_en_add(&w, "link to");
    add_name(s, &w, host, host_end, tail, false);
    if (end > host_end) {
        add(s, &w, "port", "端口");
        add_digits(s, &w, host_end + 1, end - host_end - 1);
    }
    if (far && s->zh)
        ac_str_add(&w, "的链接");
    else if (path && !far)
        add_name(s, &w, end, last, 0, false);
    return spoken_say(s, i, last > end ? last : end, &w);
}

size_t spoken_web(struct spoken *s, size_t i)
{
    static const char *const schemes[] = {"https://www.", "http://www.", "https://",
                                          "http://",      "ftp://",      "www."};
    size_t tail = 0, end, n = 0;

    for (size_t k = 0; k < sizeof schemes / sizeof *schemes && !n; k++)
        n = spoken_is(s, i, schemes[k]);
    if (n && spoken_is_alnum(spoken_at(s, i + n))) {
        end = labels_end(s, i + n);
        is_domain(s, i + n, end, &tail);
        return address(s, i, i + n, end, tail);
    }
    if ((end = mail(s, i)))
        return end;
    end = labels_end(s, i);
    if (is_domain(s, i, end, &tail))
        return address(s, i, i, end, tail);
    size_t at = end; /* src/main.c */
    while (spoken_at(s, at) == '/' && is_label(spoken_at(s, at + 1)))
        at = labels_end(s, at + 1);
    if (!is_file(s, i, at, &tail) || is_label(spoken_at(s, at)))
        return 0;
    struct ac_str w = {0};
    add_name(s, &w, i, at, tail, true);
    return spoken_say(s, i, at, &w);
}
