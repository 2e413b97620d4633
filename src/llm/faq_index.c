/* Index over a knowledge base (see faq_index.h). */
#include "llm/faq_index.h"

#include "avatarchat/err.h"
#include "base/mem.h"
#include "llm/terms.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_QUERY_TERMS = 64, MAX_ENTRY_TERMS = 4000, CANDIDATES = 40 };

/* Set of vocabulary numbers, sorted. */
struct ids {
    int *p;
    size_t n;
};

struct vocabulary {
    char lang[16];
    struct ac_term *terms; /* sorted by text, once each */
    int *df;               /* in how many entries */
    size_t n, n_entries;
};

/* What is compared of one entry. */
struct indexed {
    struct vocabulary *voc;
    struct ids *questions; /* one a phrasing */
    struct ids asked;      /* all phrasings and keywords */
    struct ids all;        /* and the answer */
};

struct ac_faq_index {
    struct ac_knowledge knowledge;
    struct indexed *entries;
    struct vocabulary *vocs;
    size_t n_vocs;
    sqlite3 *db;
    sqlite3_stmt *find;
    struct ac_terms *terms;
};

/* One term of the question, in one vocabulary. */
struct wanted {
    int id; /* -1: not in the vocabulary */
    double weight;
};

/* ---- vocabularies ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct ac_term *)a)->text, ((const struct ac_term *)b)->text);
}

static int by_value(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static int vocabulary_find(const struct vocabulary *v, const char *text)
{
    struct ac_term key = {.text = (char *)text};
    const struct ac_term *t = v->n ? bsearch(&key, v->terms, v->n, sizeof key, by_text) : NULL;
    return t ? (int)(t - v->terms) : -1;
}

static struct vocabulary *vocabulary_of(struct ac_faq_index *x, const char *lang)
{
    for (size_t i = 0; i < x->n_vocs; i++)
        if (!strcmp(x->vocs[i].lang, lang))
            return &x->vocs[i];
    return NULL;
}

/* Adds the terms to the (still unsorted) vocabulary; takes them over. */
static void vocabulary_add(struct vocabulary *v, struct ac_term_list *list)
{
    v->terms = ac_realloc_array(v->terms, v->n + list->n + 1, sizeof *v->terms);
    memcpy(v->terms + v->n, list->terms, list->n * sizeof *list->terms);
    v->n += list->n;
    free(list->terms);
    *list = (struct ac_term_list){0};
}

static void vocabulary_sort(struct vocabulary *v)
{
    size_t n = 0;
    if (v->n)
        qsort(v->terms, v->n, sizeof *v->terms, by_text);
    v->df = ac_zalloc((v->n + 1) * sizeof *v->df);
    for (size_t i = 0; i < v->n; i++) {
        if (n && !strcmp(v->terms[n - 1].text, v->terms[i].text)) {
            free(v->terms[i].text);
            free(v->terms[i].surface);
        } else {
            v->terms[n++] = v->terms[i];
        }
        v->df[n - 1]++; /* the lists hold each term once an entry */
    }
    v->n = n;
}

static double class_weight(enum ac_term_class kind, bool known)
{
    switch (kind) {
    case AC_TERM_STOP:
        return 0.08;
    case AC_TERM_ASK:
        return 0.25;
    case AC_TERM_CHAR:
        return 0.25;
    case AC_TERM_PAIR:
        return known ? 1 : 0.6; /* an unknown pair may only be the seam of two words */
    case AC_TERM_PAIR_STOP:
        return known ? 0.4 : 0.15;
    case AC_TERM_WORD:
        break;
    }
    return known ? 1 : 0.7;
}

static double idf(const struct vocabulary *v, int id)
{
    double n = (double)v->n_entries, df = id < 0 ? 0 : v->df[id];
    double w = log(1 + (n - df + 0.5) / (df + 0.5));
    return w < 0.5 ? 0.5 : w > 3.5 ? 3.5 : w;
}

static double weight_of(const struct vocabulary *v, int id)
{
    return idf(v, id) * class_weight(v->terms[id].kind, true);
}

/* ---- building ---- */

static int add_text(struct ac_faq_index *x, struct vocabulary *v, const char *text, struct ids *ids)
{
    struct ac_term_list list;
    int err = ac_terms_split(x->terms, text, MAX_ENTRY_TERMS, &list);
    if (err)
        return err;
    ids->p = ac_realloc_array(ids->p, ids->n + list.n + 1, sizeof *ids->p);
    for (size_t i = 0; i < list.n; i++) {
        int id = vocabulary_find(v, list.terms[i].text);
        if (id >= 0)
            ids->p[ids->n++] = id;
    }
    ac_term_list_free(&list);
    size_t n = 0;
    qsort(ids->p, ids->n, sizeof *ids->p, by_value);
    for (size_t i = 0; i < ids->n; i++)
        if (!n || ids->p[n - 1] != ids->p[i])
            ids->p[n++] = ids->p[i];
    ids->n = n;
    return 0;
}

static char *joined(char *const *list, size_t n, const char *more)
{
    struct ac_str s = {0};
    for (size_t i = 0; i < n; i++) {
        ac_str_add(&s, list[i]);
        ac_str_add(&s, "\n");
    }
    ac_str_add(&s, more);
    return ac_str_steal(&s);
}

static int build_vocabularies(struct ac_faq_index *x)
{
    x->vocs = ac_zalloc((x->knowledge.n + 1) * sizeof *x->vocs);
    for (size_t i = 0; i < x->knowledge.n; i++) {
        const struct ac_entry *e = x->knowledge.entries[i];
        struct vocabulary *v = vocabulary_of(x, e->lang);
        if (!v) {
            v = &x->vocs[x->n_vocs++];
            snprintf(v->lang, sizeof v->lang, "%s", e->lang);
        }
        char *asked = joined(e->questions, e->n_questions, e->keywords);
        char *all = joined(e->answers, e->n_answers, asked);
        struct ac_term_list list;
        int err = ac_terms_split(x->terms, all, MAX_ENTRY_TERMS, &list);
        free(asked);
        free(all);
        if (err)
            return err;
        vocabulary_add(v, &list);
        v->n_entries++;
    }
    for (size_t i = 0; i < x->n_vocs; i++)
        vocabulary_sort(&x->vocs[i]);
    return 0;
}

static int bind_segmented(struct ac_faq_index *x, sqlite3_stmt *st, int column, const char *text)
{
    struct ac_str s = {0};
    int err = ac_terms_segment(x->terms, text, &s);
    sqlite3_bind_text(st, column, s.len ? s.p : "", (int)s.len, SQLITE_TRANSIENT);
    ac_str_free(&s);
    return err;
}

static int build_entry(struct ac_faq_index *x, size_t i, sqlite3_stmt *insert)
{
    const struct ac_entry *e = x->knowledge.entries[i];
    struct indexed *in = &x->entries[i];
    in->voc = vocabulary_of(x, e->lang);
    in->questions = ac_zalloc(e->n_questions * sizeof *in->questions);
    char *questions = joined(e->questions, e->n_questions, ""),
         *answers = joined(e->answers, e->n_answers, "");
    int err = 0;
    for (size_t q = 0; q < e->n_questions && !err; q++)
        err = add_text(x, in->voc, e->questions[q], &in->questions[q]);
    if (!err && !(err = add_text(x, in->voc, questions, &in->asked)))
        err = add_text(x, in->voc, e->keywords, &in->asked);
    if (!err && !(err = add_text(x, in->voc, answers, &in->all))) {
        in->all.p = ac_realloc_array(in->all.p, in->all.n + in->asked.n + 1, sizeof *in->all.p);
        memcpy(in->all.p + in->all.n, in->asked.p, in->asked.n * sizeof *in->all.p);
        in->all.n += in->asked.n;
        qsort(in->all.p, in->all.n, sizeof *in->all.p, by_value);
    }
    if (!err) {
        sqlite3_reset(insert);
        sqlite3_bind_int64(insert, 1, (sqlite3_int64)i + 1);
        sqlite3_bind_text(insert, 2, e->lang, -1, SQLITE_STATIC);
        err = bind_segmented(x, insert, 3, questions);
        err = err ? err : bind_segmented(x, insert, 4, e->keywords);
        err = err ? err : bind_segmented(x, insert, 5, answers);
        if (!err && sqlite3_step(insert) != SQLITE_DONE)
            err = AC_EENGINE;
    }
    free(questions);
    free(answers);
    return err;
}

int ac_faq_index_new(struct ac_faq_index **out, struct ac_knowledge *knowledge, const char **reason)
{
    struct ac_faq_index *x = ac_zalloc(sizeof *x);
    sqlite3_stmt *insert = NULL;
    int err = AC_EENGINE;
    x->knowledge = *knowledge;
    *knowledge = (struct ac_knowledge){0};
    x->entries = ac_zalloc((x->knowledge.n + 1) * sizeof *x->entries);
    *reason = "SQLite could not build the full-text index in memory";
    if (sqlite3_open_v2(":memory:", &x->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL))
        goto fail;
    err = ac_terms_new(&x->terms, x->db, reason);
    if (err)
        goto fail;
    err = build_vocabularies(x);
    if (err)
        goto fail;
    err = AC_EENGINE;
    if (sqlite3_exec(x->db,
                     "CREATE VIRTUAL TABLE idx USING fts5(lang UNINDEXED, question, keywords, answer, "
                     "tokenize='" AC_TERMS_TOKENIZE "');"
                     "INSERT INTO idx(idx, rank) VALUES('rank', 'bm25(0, 10, 6, 1)')",
                     NULL, NULL, NULL) ||
        sqlite3_prepare_v2(
            x->db, "INSERT INTO idx(rowid, lang, question, keywords, answer) VALUES(?1, ?2, ?3, ?4, ?5)", -1,
            &insert, NULL) ||
        sqlite3_prepare_v2(
            x->db, "SELECT rowid, rank FROM idx WHERE idx MATCH ?1 AND lang = ?2 ORDER BY rank LIMIT ?3", -1,
            &x->find, NULL))
        goto fail;
    for (size_t i = 0; i < x->knowledge.n; i++)
        if ((err = build_entry(x, i, insert)))
            goto fail;
    sqlite3_finalize(insert);
    *out = x;
    return 0;
fail:
    sqlite3_finalize(insert);
    ac_faq_index_free(x);
    return err;
}

void ac_faq_index_free(struct ac_faq_index *x)
{
    if (!x)
        return;
    for (size_t i = 0; i < x->knowledge.n; i++) {
        struct indexed *in = &x->entries[i];
        for (size_t q = 0; in->questions && q < x->knowledge.entries[i]->n_questions; q++)
            free(in->questions[q].p);
        free(in->questions);
        free(in->asked.p);
        free(in->all.p);
    }
    for (size_t i = 0; i < x->n_vocs; i++) {
        struct ac_term_list list = {x->vocs[i].terms, x->vocs[i].n};
        ac_term_list_free(&list);
        free(x->vocs[i].df);
    }
    free(x->vocs);
    free(x->entries);
    ac_knowledge_free(&x->knowledge);
    sqlite3_finalize(x->find);
    ac_terms_free(x->terms);
    sqlite3_close(x->db);
    free(x);
}

/* ---- finding ---- */

/* Edit distance at most `max` (1 or 2; a swap of neighbours counts as one), for short ASCII words. */
static bool is_near(const char *a, const char *b, int max)
{
    enum { N = 24 };
    int d[N + 1][N + 1];
    int la = (int)strlen(a), lb = (int)strlen(b);
    if (la > N || lb > N || abs(la - lb) > max)
        return false;
    for (int i = 0; i <= la; i++)
        for (int j = 0; j <= lb; j++) {
            if (!i || !j) {
                d[i][j] = i + j;
                continue;
            }
            int best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            best = d[i - 1][j] + 1 < best ? d[i - 1][j] + 1 : best;
            best = d[i][j - 1] + 1 < best ? d[i][j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    return d[la][lb] <= max;
}

/* A known word that the unknown one was probably meant to be; -1 none. */
static int misspelt(const struct vocabulary *v, const struct ac_term *t)
{
    size_t len = strlen(t->surface);
    if (t->kind != AC_TERM_WORD || len < 5 || len > 20 || (unsigned char)*t->surface >= 0x80)
        return -1;
    int best = -1;
    for (size_t i = 0; i < v->n; i++)
        if (v->terms[i].kind == AC_TERM_WORD && v->terms[i].surface[0] == t->surface[0] &&
            is_near(t->surface, v->terms[i].surface, len >= 8 ? 2 : 1) &&
            (best < 0 || v->df[i] > v->df[best]))
            best = (int)i;
    return best;
}

static bool has(const struct ids *ids, int id)
{
    return id >= 0 && ids->n && bsearch(&id, ids->p, ids->n, sizeof id, by_value);
}

static double overlap(const struct wanted *w, size_t n, const struct ids *ids)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        if (has(ids, w[i].id))
            sum += w[i].weight;
    return sum;
}

/* How well the entry covers the question, 0 … 1. */
static double rate(const struct ac_faq_index *x, size_t entry, const struct wanted *w, size_t n)
{
    const struct indexed *in = &x->entries[entry];
    double asked = 1e-9;
    for (size_t i = 0; i < n; i++)
        asked += w[i].weight;
    double covered = overlap(w, n, &in->asked) / asked,
           best = 0.8 * covered; /* keywords alone: a loose heading */
    for (size_t q = 0; q < x->knowledge.entries[entry]->n_questions; q++) {
        double heading = 0, both = overlap(w, n, &in->questions[q]);
        for (size_t i = 0; i < in->questions[q].n; i++)
            heading += weight_of(in->voc, in->questions[q].p[i]);
        double floor =
            asked < 1 ? asked : 1; /* so that a heading of stop words does not fit every question */
        heading = heading < floor ? floor : heading;
        double fit = 0.65 * both / asked + 0.35 * (both > heading ? 1 : both / heading);
        best = fit > best ? fit : best;
    }
    return 0.45 * best + 0.45 * covered + 0.1 * overlap(w, n, &in->all) / asked;
}

/* The question as an FTS5 expression, its terms in this vocabulary as weights. */
static size_t want(const struct vocabulary *v, const struct ac_term_list *list, struct wanted *w,
                   struct ac_str *match)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct ac_term *t = &list->terms[i];
        const char *surface = t->surface;
        w[i].id = vocabulary_find(v, t->text);
        w[i].weight = idf(v, w[i].id) * class_weight(t->kind, w[i].id >= 0);
        if (w[i].id < 0 && (w[i].id = misspelt(v, t)) >= 0) {
            surface = v->terms[w[i].id].surface;
            w[i].weight = weight_of(v, w[i].id);
        }
        if (w[i].id < 0)
            continue;
        ac_str_add(match, match->len ? " OR \"" : "\"");
        for (const char *c = surface; *c; c++)
            ac_str_add_n(match, *c == '"' ? "\"\"" : c, *c == '"' ? 2 : 1);
        ac_str_add(match, "\"");
    }
    return list->n;
}

/* The best hits so far, the best first. */
struct best {
    struct ac_faq_hit *hits;
    size_t n, max;
};

static void keep(struct best *b, const struct ac_entry *entry, double score)
{
    if (score <= 0 || (b->n == b->max && score <= b->hits[b->n - 1].score))
        return;
    size_t i = b->n < b->max ? b->n++ : b->n - 1;
    for (; i > 0 && score > b->hits[i - 1].score; i--)
        b->hits[i] = b->hits[i - 1];
    b->hits[i] = (struct ac_faq_hit){entry, score};
}

static int find_in(struct ac_faq_index *x, const struct vocabulary *v, const struct ac_term_list *list,
                   struct best *best)
{
    struct wanted w[MAX_QUERY_TERMS];
    struct ac_str match = {0};
    size_t n = want(v, list, w, &match);
    if (!match.len)
        return 0;
    sqlite3_reset(x->find);
    sqlite3_bind_text(x->find, 1, match.p, (int)match.len, SQLITE_STATIC);
    sqlite3_bind_text(x->find, 2, v->lang, -1, SQLITE_STATIC);
    sqlite3_bind_int(x->find, 3, CANDIDATES);
    int rc, place = 0;
    while ((rc = sqlite3_step(x->find)) == SQLITE_ROW) {
        size_t entry = (size_t)sqlite3_column_int64(x->find, 0) - 1;
        if (ac_entry_is_unknown(x->knowledge.entries[entry]))
            continue;
        keep(best, x->knowledge.entries[entry],
             rate(x, entry, w, n) * (1 - 0.001 * place++)); /* BM25 decides between equals */
    }
    sqlite3_reset(x->find);
    sqlite3_clear_bindings(x->find);
    ac_str_free(&match);
    return rc == SQLITE_DONE ? 0 : AC_EENGINE;
}

/* "zh" and "zh-CN" are one language here. */
static bool same_lang(const char *a, const char *b)
{
    size_t n = strcspn(a, "-_"), m = strcspn(b, "-_");
    return n == m && !strncmp(a, b, n);
}

static bool is_cjk_lang(const char *lang)
{
    return !strncmp(lang, "zh", 2) || !strncmp(lang, "ja", 2) || !strncmp(lang, "ko", 2);
}

int ac_faq_index_find(struct ac_faq_index *x, const char *question, const char *lang, struct ac_faq_hit *hit)
{
    size_t n;
    *hit = (struct ac_faq_hit){0};
    return ac_faq_index_find_all(x, question, lang, hit, 1, &n);
}

int ac_faq_index_find_all(struct ac_faq_index *x, const char *question, const char *lang,
                          struct ac_faq_hit *hits, size_t max, size_t *n)
{
    struct best best = {.hits = hits, .max = max};
    struct ac_term_list list;
    *n = 0;
    if (!max)
        return 0;
    int err = ac_terms_split(x->terms, question, MAX_QUERY_TERMS, &list);
    for (size_t i = 0; i < x->n_vocs && !err; i++) {
        const char *own = x->vocs[i].lang;
        bool fits = !strcmp(lang, "*") || (*lang ? same_lang(lang, own) : !is_cjk_lang(own));
        if (fits)
            err = find_in(x, &x->vocs[i], &list, &best);
    }
    ac_term_list_free(&list);
    *n = err ? 0 : best.n;
    return err;
}

size_t ac_faq_index_weight(struct ac_faq_index *x, const char *question)
{
    struct ac_term_list list;
    size_t n = 0;
    if (ac_terms_split(x->terms, question, MAX_QUERY_TERMS, &list))
        return 0;
    for (size_t i = 0; i < list.n; i++)
        n += list.terms[i].kind == AC_TERM_WORD || list.terms[i].kind == AC_TERM_PAIR;
    ac_term_list_free(&list);
    return n;
}

const struct ac_knowledge *ac_faq_index_knowledge(const struct ac_faq_index *x)
{
    return &x->knowledge;
}
