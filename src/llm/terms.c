/* Terms (see terms.h): folding by ICU, CJK segmentation by us, words and stems by SQLite's tokenizer. */
#include "llm/terms.h"

#include "avatarchat/err.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/utrans.h>

struct ac_terms {
    fts5_tokenizer tokenizer;
    Fts5Tokenizer *instance;
    const UNormalizer2 *fold;
    UTransliterator *simplify;
};

/* ---- words that say little ---- */

static const char *const stop_words[] = {
    "a",         "an",       "the",      "is",        "are",      "am",     "was",    "were",   "be",
    "been",      "being",    "do",       "does",      "did",      "you",    "your",   "yours",  "i",
    "me",        "my",       "it",       "its",       "this",     "that",   "these",  "those",  "what",
    "which",     "can",      "could",    "will",      "would",    "should", "shall",  "may",    "might",
    "must",      "to",       "of",       "in",        "on",       "at",     "for",    "with",   "by",
    "from",      "and",      "or",       "as",        "if",       "there",  "here",   "have",   "has",
    "had",       "s",        "t",        "re",        "ve",       "ll",     "d",      "m",      "please",
    "want",      "just",     "so",       "some",      "any",      "we",     "us",     "our",    "they",
    "them",      "he",       "she",      "his",       "her",      "then",   "than",   "also",   "too",
    "very",      "really",   "now",      "but",       "up",       "out",    "need",   "like",   "let",
    "don",       "didn",     "doesn",    "isn",       "aren",     "won",    "wouldn", "couldn", "support",
    "supported", "supports", "possible", "something", "anything", "today",  "more",   "done",   "way",
    "thing",     "things",   "into",     "about",     "under",    "go",     "going"};
static const char *const ask_words[] = {"how",  "why",  "who",  "whom", "whose", "where",
                                        "when", "much", "many", "not",  "cannot"};

/* Chinese words that part the runs; the longest first. */
static const struct {
    const char *word;
    bool ask;
} cjk_words[] = {
    {"可不可以", false}, {"告诉我", false}, {"能不能", false},   {"是不是", false}, {"有没有", false},
    {"为什么", true},    {"怎么样", true},  {"我想知道", false}, {"请问", false},   {"什么", false},
    {"怎么", true},      {"怎样", true},    {"如何", true},      {"为何", true},    {"哪里", true},
    {"哪儿", true},      {"哪个", false},   {"哪些", false},     {"多少", true},    {"可以", false},
    {"能否", false},     {"是否", false},   {"告诉", false},     {"一下", false},   {"一个", false},
    {"一些", false},     {"这个", false},   {"那个", false},     {"这些", false},   {"那些", false},
    {"我们", false},     {"你们", false},   {"他们", false},     {"需要", false},   {"想要", false},
    {"应该", false},     {"知道", false},   {"现在", false},     {"总是", false},   {"到底", false},
    {"今天", false},
};
static const char cjk_stop_chars[] =
    "的了吗呢吧啊呀是我你您它他她在有会能要想和与跟把被给让对从到就都也还很不没这那哪几个么嘛请为些太";
static const char cjk_ask_chars[] = "谁";

static bool holds(const char *list, uint32_t cp)
{
    for (const char *p = list, *end = list + strlen(list); p < end;)
        if (ac_utf8_next(&p, end) == cp)
            return true;
    return false;
}

static bool listed(const char *w, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(w, list[i]))
            return true;
    return false;
}

/* ---- segmentation ---- */

static bool is_cjk_letter(uint32_t cp)
{
    return (cp >= 0x3400 && cp <= 0x9FFF) || (cp >= 0x3041 && cp <= 0x30FF && cp != 0x30FB) ||
           (cp >= 0xAC00 && cp <= 0xD7A3) || (cp >= 0xF900 && cp <= 0xFAFF) ||
           (cp >= 0x20000 && cp <= 0x3FFFF) || (cp >= 0x3005 && cp <= 0x3007);
}

/* Length of the listed word at p, 0 for none. */
static size_t cjk_word_at(const char *p, const char *end)
{
    size_t best = 0;
    for (size_t i = 0; i < sizeof cjk_words / sizeof *cjk_words; i++) {
        size_t n = strlen(cjk_words[i].word);
        if (n > best && n <= (size_t)(end - p) && !memcmp(p, cjk_words[i].word, n))
            best = n;
    }
    return best;
}

/* One run of CJK letters: listed words as they are, singles and pairs between them. */
static void segment_run(const char *p, const char *end, struct ac_str *out)
{
    const char *prev = NULL;
    while (p < end) {
        size_t word = cjk_word_at(p, end);
        if (word) {
            ac_str_add(out, " ");
            ac_str_add_n(out, p, word);
            p += word;
            prev = NULL;
            continue;
        }
        const char *here = p;
        ac_utf8_next(&p, end);
        ac_str_add(out, " ");
        ac_str_add_n(out, here, (size_t)(p - here));
        if (prev) {
            ac_str_add(out, " ");
            ac_str_add_n(out, prev, (size_t)(p - prev));
        }
        prev = here;
    }
    ac_str_add(out, " ");
}

static void segment(const char *text, size_t len, struct ac_str *out)
{
    const char *p = text, *end = text + len;
    while (p < end) {
        const char *start = p;
        uint32_t cp = ac_utf8_next(&p, end);
        if (!is_cjk_letter(cp)) {
            ac_str_add_n(out, start, (size_t)(p - start));
            continue;
        }
        for (const char *q = p; q < end; p = q)
            if (!is_cjk_letter(ac_utf8_next(&q, end)))
                break;
        segment_run(start, p, out);
    }
}

/* ---- folding ---- */

int ac_terms_segment(struct ac_terms *t, const char *text, struct ac_str *out)
{
    UErrorCode status = U_ZERO_ERROR;
    size_t len = strlen(text);
    int32_t cap = (int32_t)len * 3 + 64, n = 0, folded_len; /* folding makes text longer at times */
    UChar *raw = ac_alloc((size_t)cap * sizeof *raw), *folded = ac_alloc((size_t)cap * sizeof *folded);
    char *utf8 = NULL;
    int32_t utf8_len = 0;
    u_strFromUTF8WithSub(raw, cap, &n, text, (int32_t)len, 0xFFFD, NULL, &status);
    folded_len = unorm2_normalize(t->fold, raw, n, folded, cap, &status);
    if (status ==
        U_BUFFER_OVERFLOW_ERROR) { /* ligatures that grow by more than three: rare, take it as it is */
        status = U_ZERO_ERROR;
        folded_len = n;
        memcpy(folded, raw, (size_t)n * sizeof *raw);
    }
    bool han = false;
    for (int32_t i = 0; i < folded_len && U_SUCCESS(status); i++)
        han = han || folded[i] >= 0x3400;
    if (han) { /* the dear part */
        int32_t limit = folded_len;
        utrans_transUChars(t->simplify, folded, &folded_len, cap, 0, &limit, &status);
    }
    if (U_SUCCESS(status)) {
        utf8 = ac_alloc((size_t)folded_len * 3 + 1);
        u_strToUTF8(utf8, folded_len * 3 + 1, &utf8_len, folded, folded_len, &status);
    }
    if (U_SUCCESS(status))
        segment(utf8, (size_t)utf8_len, out);
    free(raw);
    free(folded);
    free(utf8);
    return U_SUCCESS(status) ? 0 : AC_EENGINE;
}

/* ---- terms ---- */

static enum ac_term_class classify(const char *surface)
{
    const char *p = surface, *end = surface + strlen(surface);
    uint32_t first = ac_utf8_next(&p, end);
    if (!is_cjk_letter(first)) {
        if (listed(surface, stop_words, sizeof stop_words / sizeof *stop_words))
            return AC_TERM_STOP;
        return listed(surface, ask_words, sizeof ask_words / sizeof *ask_words) ? AC_TERM_ASK : AC_TERM_WORD;
    }
    for (size_t i = 0; i < sizeof cjk_words / sizeof *cjk_words; i++)
        if (!strcmp(surface, cjk_words[i].word))
            return cjk_words[i].ask ? AC_TERM_ASK : AC_TERM_STOP;
    if (holds(cjk_ask_chars, first))
        return AC_TERM_ASK;
    bool stop = holds(cjk_stop_chars, first);
    if (p == end)
        return stop ? AC_TERM_STOP : AC_TERM_CHAR;
    bool stop2 = holds(cjk_stop_chars, ac_utf8_next(&p, end));
    return stop && stop2 ? AC_TERM_STOP : stop || stop2 ? AC_TERM_PAIR_STOP : AC_TERM_PAIR;
}

struct collect {
    const char *text;
    size_t max;
    struct ac_term_list *list;
};

static int on_token(void *arg, int flags, const char *token, int n, int start, int end)
{
    struct collect *c = arg;
    struct ac_term_list *l = c->list;
    (void)flags;
    for (size_t i = 0; i < l->n; i++)
        if (strlen(l->terms[i].text) == (size_t)n && !memcmp(l->terms[i].text, token, (size_t)n))
            return SQLITE_OK;
    if (l->n >= c->max)
        return SQLITE_DONE;
    l->terms = ac_realloc_array(l->terms, l->n + 1, sizeof *l->terms);
    char *surface = ac_strndup(c->text + start, (size_t)(end - start));
    l->terms[l->n++] = (struct ac_term){ac_strndup(token, (size_t)n), surface, classify(surface)};
    return SQLITE_OK;
}

int ac_terms_split(struct ac_terms *t, const char *text, size_t max, struct ac_term_list *list)
{
    struct ac_str segmented = {0};
    *list = (struct ac_term_list){0};
    int err = ac_terms_segment(t, text, &segmented);
    if (!err && segmented.len) {
        struct collect c = {segmented.p, max, list};
        int rc = t->tokenizer.xTokenize(t->instance, &c, FTS5_TOKENIZE_DOCUMENT, segmented.p,
                                        (int)segmented.len, on_token);
        if (rc != SQLITE_OK && rc != SQLITE_DONE)
            err = AC_EENGINE;
    }
    ac_str_free(&segmented);
    if (err)
        ac_term_list_free(list);
    return err;
}

void ac_term_list_free(struct ac_term_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free(list->terms[i].text);
        free(list->terms[i].surface);
    }
    free(list->terms);
    *list = (struct ac_term_list){0};
}

/* ---- life ---- */

static fts5_api *fts5_of(sqlite3 *db)
{
    fts5_api *api = NULL;
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(db, "SELECT fts5(?1)", -1, &st, NULL) == SQLITE_OK) {
        sqlite3_bind_pointer(st, 1, &api, "fts5_api_ptr", NULL);
        sqlite3_step(st);
    }
    sqlite3_finalize(st);
    return api;
}

int ac_terms_new(struct ac_terms **out, sqlite3 *db, const char **reason)
{
    struct ac_terms *t = ac_zalloc(sizeof *t);
    UErrorCode status = U_ZERO_ERROR;
    const char *args[] = {"unicode61", "remove_diacritics", "2"};
    void *user = NULL;
    fts5_api *api = fts5_of(db);
    int rc = api ? api->xFindTokenizer(api, "porter", &user, &t->tokenizer) : SQLITE_ERROR;
    if (rc == SQLITE_OK)
        rc = t->tokenizer.xCreate(user, args, 3, &t->instance);
    if (rc != SQLITE_OK) {
        *reason = "this SQLite has no FTS5; install a libsqlite3 that is built with it (Debian's is)";
        goto fail;
    }
    t->fold = unorm2_getNFKCCasefoldInstance(&status);
    t->simplify = utrans_openU(u"Traditional-Simplified", -1, UTRANS_FORWARD, NULL, 0, NULL, &status);
    if (U_FAILURE(status)) {
        *reason = "ICU's data is not complete; install libicu with its full data (Debian's is)";
        goto fail;
    }
    *out = t;
    return 0;
fail:
    ac_terms_free(t);
    return AC_EENGINE;
}

void ac_terms_free(struct ac_terms *t)
{
    if (!t)
        return;
    if (t->simplify)
        utrans_close(t->simplify);
    if (t->instance)
        t->tokenizer.xDelete(t->instance);
    free(t);
}

const char *ac_terms_script_lang(const char *text)
{
    size_t han = 0, kana = 0, hangul = 0, words = 0;
    bool in_word = false;
    for (const char *p = text, *end = text + strlen(text); p < end;) {
        uint32_t cp = ac_utf8_next(&p, end);
        bool letter = (cp | 32) >= 'a' && (cp | 32) <= 'z' && cp < 0x80;
        letter = letter || (cp >= 0xC0 && cp < 0x2000) || (in_word && cp == '\'');
        words += letter && !in_word;
        in_word = letter;
        if (cp >= 0xAC00 && cp <= 0xD7A3)
            hangul++;
        else if (cp >= 0x3041 && cp <= 0x30FF)
            kana++;
        else if (is_cjk_letter(cp))
            han++;
    }
    size_t cjk = han + kana + hangul;
    if (!cjk || cjk < words)
        return "";
    return hangul > han + kana ? "ko" : kana && kana * 5 >= han ? "ja" : "zh-CN";
}
