/*
 * Sentence splitter: the segmenter, and the calls of sentence.h.
 *
 * The scan walks over the clean items of one piece and cuts
 *   - after 。 and ； at once, unless a quote or bracket is open that may close behind it;
 *   - after ！ ？ ! ? and the like once one more character shows that the run is over (closing marks belong
 * to it);
 *   - after a full stop with one character more, two where an abbreviation or a number stands before it;
 *   - at the end of a line, unless the next line goes on in small letters (text wrapped by hand); at every
 * block;
 *   - the first piece of a turn at a comma, colon, dash or ellipsis as soon as it is long enough;
 *   - a piece of max_chars at its last such mark, else at its last space, else right there.
 * An ellipsis never ends a sentence, nor does 、 ever end the first piece.
 */
#include "core/sentence_private.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

struct piece {
    struct piece *next;
    struct ac_sentence sentence;
};

struct ac_splitter {
    size_t first_words, first_cjk, max_chars;
    struct markup markup;
    char partial[4]; /* of a UTF-8 sequence */
    size_t partial_len;
    struct piece *head, **tail;
    enum ac_emotion emotion;
    bool spoken; /* the first piece is out */

    /* Of the piece being scanned; counted from its first item. */
    size_t i; /* next item to look at */
    size_t words, cjk;
    size_t soft, space; /* where it could be cut: after the last comma, after the last space; 0 = nowhere */
    bool in_word;
    bool speakable; /* there is something to say before i */
    /* Open quotes and brackets: before the piece, and at i. */
    int open_before, open;
    bool quote_before, quote; /* ASCII " is open */
};

static uint32_t at(const struct ac_splitter *s, size_t i)
{
    uint32_t cp = cps_at(&s->markup.clean, i, s->markup.finished);
    return cp == CP_END && s->markup.raw.pos < s->markup.raw.n ? CP_MORE : cp;
}

static bool is_gap(uint32_t cp)
{
    return cp == EV_GAP || cp >= EV_EMOTION || cp_is_space(cp);
}

static bool is_break(uint32_t cp)
{
    return cp == EV_BREAK || cp == EV_LINE || cp == CP_END;
}

static bool is_wide(uint32_t cp)
{
    return cp_is_ideographic(cp) || cp_is_wide_punct(cp);
}

/* ---- giving a piece out ---- */

/* Marks that must not begin a piece: what is left of a sentence already given out. */
static bool is_left_over(uint32_t cp, uint32_t next, bool quote_open)
{
    switch (cp) {
    case '.':
        return !(cp_is_speakable(next));
    case '-':
    case '+':
        return next == CP_END || is_gap(next);
    case '"':
        return quote_open;
    case ',':
    case ';':
    case ':':
    case '!':
    case '?':
    case '/':
    case '|':
    case 0x2014:
    case 0x2013:
    case 0x2026:
    case 0xB7:
        return true;
    }
    return cp_is_close(cp) || (cp_is_wide_punct(cp) && !cp_is_open(cp));
}

static void add_item(struct ac_str *text, uint32_t cp, bool *gap)
{
    if (cp == EV_GAP || cp >= EV_EMOTION || cp == EV_LINE || cp == EV_BREAK) {
        *gap = text->len > 0;
        return;
    }
    bool was_gap = *gap;
    *gap = false;
    if (cp_is_space(cp)) {
        if (text->len && text->p[text->len - 1] != ' ')
            ac_str_add(text, " ");
        return;
    }
    bool tight = is_wide(cp) || (cp < 0x80 && strchr(".,!?;:", (int)cp));
    if (was_gap && tight && text->p[text->len - 1] == ' ') /* where an emoji stood before a mark */
        text->p[--text->len] = 0;
    if (was_gap && !tight && text->p[text->len - 1] != ' ') /* where one stood between words */
        ac_str_add(text, " ");
    ac_utf8_add(text, cp);
}

static void give(struct ac_splitter *s, size_t n)
{
    struct ac_str text = {0};
    bool speakable = false, gap = false, last_wide = false;
    enum ac_emotion emotion = s->emotion;
    for (size_t k = 0; k < n; k++) {
        uint32_t cp = at(s, k), next = k + 1 < n ? at(s, k + 1) : CP_END;
        if (cp >= EV_EMOTION) {
            s->emotion = (enum ac_emotion)(cp - EV_EMOTION);
            if (!speakable)
                emotion = s->emotion;
        }
        if (!text.len &&
            (is_gap(cp) || cp == EV_LINE || cp == EV_BREAK || is_left_over(cp, next, s->quote_before)))
            continue;
        if (!(last_wide && (cp == EV_GAP || cp >= EV_EMOTION)))
            add_item(&text, cp, &gap);
        speakable = speakable || cp_is_speakable(cp);
        if (cp < EV_BREAK)
            last_wide = is_wide(cp);
    }
    while (text.len && text.p[text.len - 1] == ' ')
        text.p[--text.len] = 0;
    if (!speakable) {
        ac_str_free(&text);
        return;
    }
    struct piece *p = ac_zalloc(sizeof *p);
    p->sentence.text = ac_str_steal(&text);
    p->sentence.emotion = emotion;
    guess_lang(p->sentence.text, p->sentence.lang);
    *s->tail = p;
    s->tail = &p->next;
    s->spoken = true;
}

static void count_open(uint32_t cp, int *open, bool *quote)
{
    if (cp == 0x2018 || cp == 0x2019) /* also the apostrophe: no pair to count */
        return;
    if (cp_is_open(cp))
        ++*open;
    else if (cp_is_close(cp) && *open)
        --*open;
    else if (cp == '"')
        *quote = !*quote;
}

/* Gives the first n items out as a piece, goes on behind them (and behind `skip` items more). */
static void cut(struct ac_splitter *s, size_t n, size_t skip)
{
    give(s, n);
    for (size_t k = 0; k < n; k++)
        count_open(at(s, k), &s->open_before, &s->quote_before);
    if (skip) { /* the end of a line or block */
        s->open_before = 0;
        s->quote_before = false;
    }
    cps_drop(&s->markup.clean, n + skip);
    s->i = s->words = s->cjk = s->soft = s->space = 0;
    s->in_word = s->speakable = false;
    s->open = s->open_before;
    s->quote = s->quote_before;
}

/* ---- looking at one mark ---- */

/* Passes closing marks from j on. */
static size_t closers(const struct ac_splitter *s, size_t j)
{
    bool quote = s->quote;
    for (;; j++) {
        uint32_t cp = at(s, j);
        if (cp == '"' && quote)
            quote = false;
        else if (cp == '\'' ? cp_is_ascii_alnum(at(s, j + 1)) : !cp_is_close(cp))
            return j;
    }
}

static size_t skip_gaps(const struct ac_splitter *s, size_t j)
{
    while (is_gap(at(s, j)))
        j++;
    return j;
}

static bool is_mark(uint32_t cp)
{
    return cp == '!' || cp == '?' || cp == 0xFF01 || cp == 0xFF1F || cp == 0x061F || cp == 0x06D4 ||
           cp == 0x0964;
}

static bool is_ellipsis(uint32_t cp)
{
    return cp == 0x2026 || cp == 0x22EF;
}

enum verdict { GO_ON = 0, CUT, WAIT };

/* ! ? ！ ？ at i; *end: behind the run and its closing marks. */
static enum verdict at_mark(const struct ac_splitter *s, size_t i, size_t *end)
{
    size_t j = i + 1;
    while (is_mark(at(s, j)) || is_ellipsis(at(s, j)) || at(s, j) == 0x3002 || at(s, j) == '.')
        j++;
    size_t k = closers(s, j);
    uint32_t next = at(s, k);
    *end = k;
    if (next == CP_MORE)
        return WAIT;
    if (is_break(next) || is_wide(next) || cp_is_open(next))
        return CUT;
    if (!is_gap(next))
        return at(s, i) > 0xFF00 ? CUT : GO_ON;
    if (k == j)
        return CUT;
    uint32_t word = at(s, skip_gaps(s, k));
    return word == CP_MORE ? WAIT : cp_is_lower(word) ? GO_ON : CUT;
}

/* 。 ； at i */
static enum verdict at_wide_stop(const struct ac_splitter *s, size_t i, size_t *end)
{
    *end = i + 1;
    if (!s->open && !s->quote)
        return CUT;
    *end = closers(s, i + 1);
    return at(s, *end) == CP_MORE ? WAIT : CUT;
}

/* What an abbreviation before the stop says, with the next word at `word`. */
static enum verdict after_abbreviation(const struct ac_splitter *s, enum abbreviation kind, size_t word)
{
    uint32_t c = at(s, word);
    if (kind == ABBR_NEVER)
        return GO_ON;
    if (c == CP_MORE)
        return WAIT;
    if (is_break(c))
        return CUT;
    if (kind == ABBR_NUMBER)
        return cp_is_digit(c) ? GO_ON : CUT;
    if (kind == ABBR_CAPITAL)
        return cp_is_lower(c) || cp_is_digit(c) ? GO_ON : CUT;
    size_t n = 0;
    while (n < 16 &&
           (cp_is_upper(at(s, word + n)) || cp_is_lower(at(s, word + n)) || at(s, word + n) == '\''))
        n++;
    if (at(s, word + n) == CP_MORE)
        return WAIT;
    return is_starter(s->markup.clean.p + s->markup.clean.pos + word, n) ? CUT : GO_ON;
}

/* A single full stop at i, a gap behind it (and behind its closing marks, from j on). */
static enum verdict at_spaced_stop(const struct ac_splitter *s, size_t i, size_t j)
{
    const uint32_t *items = s->markup.clean.p + s->markup.clean.pos;
    size_t start = i;
    while (start && !is_gap(items[start - 1]) && items[start - 1] < EV_BREAK &&
           !cp_is_open(items[start - 1]) && items[start - 1] != '"' && items[start - 1] != '/' &&
           !is_wide(items[start - 1]))
        start--;
    size_t word = skip_gaps(s, j), n = i - start;
    bool number = n > 0;
    for (size_t k = start; k < i; k++)
        number = number && cp_is_digit(items[k]);
    if (number) { /* "1. item" */
        if (skip_gaps(s, 0) == start && n <= 3)
            return GO_ON;
        return at(s, word) == CP_MORE ? WAIT : cp_is_lower(at(s, word)) ? GO_ON : CUT;
    }
    enum abbreviation kind = abbreviation_of(items + start, n);
    if (kind != ABBR_NONE)
        return after_abbreviation(s, kind, word);
    if (j > i + 1) /* "…the end.) or …" */
        return at(s, word) == CP_MORE ? WAIT : cp_is_lower(at(s, word)) ? GO_ON : CUT;
    return CUT;
}

/* "end.Next": a small word, a capital, a small letter. File and domain names do not look so. */
static enum verdict at_tight_stop(const struct ac_splitter *s, size_t i)
{
    if (!cp_is_upper(at(s, i + 1)) || i < 2)
        return GO_ON;
    size_t k = i;
    while (k && cp_is_lower(at(s, k - 1)))
        k--;
    if (i - k < 2 || (k && !is_gap(at(s, k - 1))))
        return GO_ON;
    if (at(s, i + 2) == CP_MORE)
        return WAIT;
    return cp_is_lower(at(s, i + 2)) || is_gap(at(s, i + 2)) ? CUT : GO_ON;
}

static enum verdict at_stop(const struct ac_splitter *s, size_t i, size_t *end)
{
    size_t j = closers(s, i + 1);
    uint32_t next = at(s, j);
    *end = j;
    if (next == CP_MORE)
        return WAIT;
    if (is_break(next))
        return CUT;
    if (is_wide(next)) { /* "3.第三" is an item, "0。" was not a decimal point */
        bool number = i > 0;
        for (size_t k = skip_gaps(s, 0); k < i; k++)
            number = number && cp_is_digit(at(s, k));
        return number ? GO_ON : CUT;
    }
    if (is_gap(next))
        return at_spaced_stop(s, i, j);
    return j == i + 1 ? at_tight_stop(s, i) : GO_ON;
}

/*
 * A mark at which a long piece may be cut: comma, colon, semicolon, dash, ellipsis. *end is behind it.
 * *first: the first piece may end here.
 */
static enum verdict at_soft(const struct ac_splitter *s, size_t i, size_t *end, bool *first)
{
    uint32_t c = at(s, i);
    size_t j = i + 1;
    *first = c != 0x3001; /* 、 parts the items of a list */
    if (c == 0xFF0C || c == 0xFF1A || c == 0x3001) {
        *end = j;
        if (!s->open && !s->quote)
            return CUT;
        *end = closers(s, j);
        return at(s, *end) == CP_MORE ? WAIT : CUT;
    }
    if (is_ellipsis(c) || c == 0x2014 || c == '.') {
        while (at(s, j) == c)
            j++;
        if (c == '.' && j < i + 2 && at(s, j) != CP_MORE)
            return GO_ON;
        j = closers(s, j);
    } else if (c == ',' || c == ';' || c == ':') {
        /* behind a letter it parts words whatever follows: waiting would cost the time of a token */
        if (c != ':' && i && !s->open && !s->quote && cp_is_speakable(at(s, i - 1)) &&
            !cp_is_digit(at(s, i - 1))) {
            *end = j;
            return CUT;
        }
        j = closers(s, j);
    } else if (c == 0x2013 || c == '-') {
        if (!i || !is_gap(at(s, i - 1)))
            return GO_ON;
    } else {
        return GO_ON;
    }
    *end = j;
    uint32_t next = at(s, j);
    if (next == CP_MORE)
        return WAIT;
    bool dash = c == 0x2014 || is_ellipsis(c);
    return is_gap(next) || is_break(next) || is_wide(next) || (dash && cp_is_speakable(next)) ? CUT : GO_ON;
}

/* ---- the scan ---- */

static void count(struct ac_splitter *s, uint32_t c)
{
    bool letter = cp_is_speakable(c);
    if (cp_is_ideographic(c)) {
        s->cjk++;
        s->in_word = false;
    } else {
        s->words += letter && !s->in_word;
        s->in_word = letter || (s->in_word && (c == '\'' || c == 0x2019 || c == '-' || c == '.'));
    }
    s->speakable = s->speakable || letter;
    count_open(c, &s->open, &s->quote);
}

/* True where the first piece is long enough for a comma to end it. */
static bool long_enough(const struct ac_splitter *s)
{
    return !s->spoken && s->words * s->first_cjk + s->cjk * s->first_words >= s->first_words * s->first_cjk;
}

static size_t best_cut(const struct ac_splitter *s)
{
    if (s->soft > s->max_chars / 3)
        return s->soft;
    if (s->space > s->max_chars / 3)
        return s->space;
    size_t n = s->i;
    while (n > 1 && at(s, n) >= 0x300 && at(s, n) <= 0x36F) /* not between a letter and its accent */
        n--;
    return n;
}

/* The end of a line at i. */
static bool line_end(struct ac_splitter *s)
{
    size_t j = skip_gaps(s, s->i + 1);
    uint32_t next = at(s, j);
    if (next == CP_MORE && s->speakable)
        return false;
    if (s->speakable && cp_is_lower(next)) {
        s->markup.clean.p[s->markup.clean.pos + s->i] = ' ';
        return true;
    }
    cut(s, s->i, 1);
    return true;
}

/* One item; false when more must come first. */
static bool step(struct ac_splitter *s)
{
    uint32_t c = at(s, s->i);
    if (c == CP_MORE)
        return false;
    if (c == EV_BREAK || c == CP_END) {
        cut(s, s->i, c == EV_BREAK);
        return c == EV_BREAK;
    }
    if (c == EV_LINE)
        return line_end(s);
    if (!s->i && (c == EV_GAP || cp_is_space(c))) {
        cps_drop(&s->markup.clean, 1);
        return true;
    }
    size_t end = s->i + 1;
    enum verdict v = GO_ON;
    if (c == 0x3002 || c == 0xFF61 || c == 0xFF1B) {
        v = at_wide_stop(s, s->i, &end);
    } else if (is_mark(c)) {
        v = at_mark(s, s->i, &end);
    } else if (c == '.') {
        if (at(s, s->i + 1) != '.' && (!s->i || at(s, s->i - 1) != '.'))
            v = at_stop(s, s->i, &end);
    }
    if (v == WAIT)
        return false;
    if (v == CUT) {
        cut(s, end, 0);
        return true;
    }
    bool first = false;
    size_t soft = 0;
    v = at_soft(s, s->i, &soft, &first);
    if (v == CUT && first && long_enough(s)) {
        cut(s, soft, 0);
        return true;
    }
    if (v == WAIT)
        return false;
    if (v == CUT)
        s->soft = soft;
    if (is_gap(c))
        s->space = s->i + 1;
    count(s, c);
    s->i++;
    if (s->i >= s->max_chars)
        cut(s, best_cut(s), 0);
    return true;
}

static void run(struct ac_splitter *s)
{
    markup_run(&s->markup);
    while (step(s))
        ;
}

/* ---- public ---- */

struct ac_splitter *ac_splitter_new(const struct ac_splitter_config *cfg)
{
    struct ac_splitter *s = ac_zalloc(sizeof *s);
    s->first_words = cfg && cfg->first_words > 0 ? (size_t)cfg->first_words : 6;
    s->first_cjk = cfg && cfg->first_cjk > 0 ? (size_t)cfg->first_cjk : 12;
    s->max_chars = cfg && cfg->max_chars > 0 ? (size_t)cfg->max_chars : 220;
    s->tail = &s->head;
    markup_init(&s->markup);
    return s;
}

void ac_splitter_free(struct ac_splitter *s)
{
    if (!s)
        return;
    for (struct ac_sentence sentence; ac_splitter_next(s, &sentence);)
        free(sentence.text);
    markup_free(&s->markup);
    free(s);
}

/* Bytes of the UTF-8 sequence that this one begins; 1 also for what cannot begin one. */
static size_t sequence_len(unsigned char lead)
{
    return lead >= 0xF0 && lead <= 0xF4  ? 4
           : lead >= 0xE0 && lead < 0xF0 ? 3
           : lead >= 0xC2 && lead < 0xE0 ? 2
                                         : 1;
}

void ac_splitter_feed(struct ac_splitter *s, const char *text, size_t n)
{
    if (s->markup.finished)
        return;
    for (size_t i = 0; i < n; i++) { /* byte by byte, so that the cuts of the feeding cannot matter */
        s->partial[s->partial_len++] = text[i];
        while (s->partial_len && s->partial_len >= sequence_len((unsigned char)s->partial[0])) {
            const char *p = s->partial;
            cps_add(&s->markup.raw, ac_utf8_next(&p, s->partial + s->partial_len));
            size_t used = (size_t)(p - s->partial);
            s->partial_len -= used;
            memmove(s->partial, p, s->partial_len);
        }
    }
    run(s);
}

void ac_splitter_finish(struct ac_splitter *s)
{
    s->markup.finished = true;
    run(s);
}

bool ac_splitter_next(struct ac_splitter *s, struct ac_sentence *out)
{
    struct piece *p = s->head;
    if (!p)
        return false;
    s->head = p->next;
    if (!s->head)
        s->tail = &s->head;
    *out = p->sentence;
    free(p);
    return true;
}
