/* A session's history; see history.h. */
#include "core/history.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEPT_FACTOR = 4,     /* messages are held up to so many times the limit while a summary is on its way */
    TOKENS_A_MESSAGE = 4 /* role and separators */
};

struct ac_history {
    pthread_mutex_t lock; /* held over changes */
    struct ac_message *messages;
    size_t n, max_turns;
    char *summary;   /* of what was folded; NULL = none */
    uint32_t folded; /* turns that are no longer among the messages */
};

static void message_clear(struct ac_message *m)
{
    free(m->role);
    free(m->text);
}

static bool is_question(const struct ac_message *m)
{
    return !strcmp(m->role, "user");
}

struct ac_history *ac_history_new(int max_turns)
{
    struct ac_history *h = ac_zalloc(sizeof *h);

    pthread_mutex_init(&h->lock, NULL);
    h->max_turns = max_turns > 0 ? (size_t)max_turns : 1;
    h->messages = ac_realloc_array(NULL, 2 * KEPT_FACTOR * h->max_turns + 1, sizeof *h->messages);
    return h;
}

void ac_history_free(struct ac_history *h)
{
    if (!h)
        return;
    ac_history_restart(h, NULL, 0);
    free(h->messages);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

void ac_history_restart(struct ac_history *h, const char *summary, uint32_t folded)
{
    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < h->n; i++)
        message_clear(&h->messages[i]);
    h->n = 0;
    free(h->summary);
    h->summary = summary && summary[0] ? ac_strdup(summary) : NULL;
    h->folded = folded;
    pthread_mutex_unlock(&h->lock);
}

static void drop_oldest(struct ac_history *h)
{
    h->folded += is_question(&h->messages[0]);
    message_clear(&h->messages[0]);
    memmove(h->messages, h->messages + 1, --h->n * sizeof *h->messages);
}

void ac_history_add(struct ac_history *h, const char *role, const char *text)
{
    if (!text || !text[0])
        return;
    pthread_mutex_lock(&h->lock);
    h->messages[h->n++] = (struct ac_message){.role = ac_strdup(role), .text = ac_strdup(text)};
    while (h->n > 2 * KEPT_FACTOR * h->max_turns)
        drop_oldest(h);
    while (h->n > 1 && !is_question(&h->messages[0]))
        drop_oldest(h); /* a model wants the conversation to begin with a question */
    pthread_mutex_unlock(&h->lock);
}

void ac_history_amend(struct ac_history *h, const char *heard)
{
    if (!h->n || is_question(&h->messages[h->n - 1]))
        return;
    struct ac_message *m = &h->messages[h->n - 1];
    pthread_mutex_lock(&h->lock);
    free(m->text);
    m->text = ac_strdup(heard);
    if (!heard[0]) {
        message_clear(m);
        h->n--;
    }
    pthread_mutex_unlock(&h->lock);
}

size_t ac_history_count(const struct ac_history *h)
{
    return h->n;
}

uint32_t ac_history_folded(const struct ac_history *h)
{
    return h->folded;
}

static size_t count_questions(const struct ac_history *h, size_t from)
{
    size_t n = 0;

    for (size_t i = from; i < h->n; i++)
        n += is_question(&h->messages[i]);
    return n;
}

uint32_t ac_history_turns(const struct ac_history *h)
{
    return h->folded + (uint32_t)count_questions(h, 0);
}

/* ---- what a model is given ---- */

size_t ac_estimate_tokens(const char *text)
{
    size_t cjk = 0, ascii = 0, other = 0;
    const char *p = text, *end = text + strlen(text);

    while (p < end) {
        uint32_t cp = ac_utf8_next(&p, end);
        if (cp < 0x80)
            ascii++;
        else if (ac_cp_is_cjk(cp))
            cjk++;
        else
            other++;
    }
    return cjk + (ascii + 3) / 4 + (2 * other + 2) / 3;
}

static size_t message_tokens(const struct ac_message *m)
{
    return ac_estimate_tokens(m->text) + TOKENS_A_MESSAGE;
}

static void give(struct ac_frame *f, const char *role, const char *text)
{
    f->chat.messages[f->chat.n_messages++] =
        (struct ac_message){.role = ac_strdup(role), .text = ac_strdup(text)};
}

/* Index of the first message that is given, so that those from there on take at most so many tokens. */
static size_t first_that_fits(const struct ac_history *h, size_t max_turns, size_t max_tokens)
{
    size_t first = h->n, tokens = 0, turns = 0;

    for (size_t i = h->n; i-- > 0 && turns < max_turns;) {
        tokens += message_tokens(&h->messages[i]);
        if (max_tokens && tokens > max_tokens)
            break;
        if (!is_question(&h->messages[i])) /* an answer alone is no beginning */
            continue;
        first = i;
        turns++;
    }
    return first;
}

static char *system_text(const struct ac_history *h, const struct ac_ask *ask)
{
    bool zh = ask->lang && !strncmp(ask->lang, "zh", 2);
    const char *system = ask->system ? ask->system : "";

    if (!h->summary)
        return ac_strdup(system);
    return ac_asprintf("%s%s%s%s", system, system[0] ? "\n\n" : "",
                       zh ? "此前对话的摘要：" : "What was said before, in short: ", h->summary);
}

struct ac_frame *ac_history_ask(const struct ac_history *h, const struct ac_ask *ask, const char *question)
{
    struct ac_frame *f = ac_frame_new(AC_FRAME_CHAT);
    char *system = system_text(h, ask);
    size_t fixed = ac_estimate_tokens(system) + ac_estimate_tokens(question) + 2 * TOKENS_A_MESSAGE;
    size_t room = ask->max_tokens > fixed ? ask->max_tokens - fixed : 1;

    snprintf(f->chat.lang, sizeof f->chat.lang, "%s", ask->lang ? ask->lang : "");
    f->chat.messages = ac_realloc_array(NULL, h->n + 2, sizeof *f->chat.messages);
    if (system[0])
        give(f, "system", system);
    for (size_t i = first_that_fits(h, h->max_turns, ask->max_tokens ? room : 0); i < h->n; i++)
        give(f, h->messages[i].role, h->messages[i].text);
    give(f, "user", question);
    free(system);
    return f;
}

/* ---- folding ---- */

size_t ac_history_excess(const struct ac_history *h, size_t max_tokens)
{
    size_t tokens = 0;

    for (size_t i = 0; i < h->n; i++)
        tokens += message_tokens(&h->messages[i]);
    if (count_questions(h, 0) <= h->max_turns && (!max_tokens || tokens <= max_tokens - max_tokens / 4))
        return 0;
    size_t first = first_that_fits(h, (h->max_turns + 1) / 2, max_tokens / 2);
    for (size_t i = h->n; first == h->n && i-- > 0;) /* the last turn stays, however long it is */
        if (is_question(&h->messages[i]))
            first = i;
    return first == h->n ? 0 : first;
}

struct ac_frame *ac_history_to_fold(const struct ac_history *h, size_t n, const char *lang)
{
    struct ac_frame *f = ac_frame_new(AC_FRAME_CHAT);

    snprintf(f->chat.lang, sizeof f->chat.lang, "%s", lang ? lang : "");
    f->chat.summarize = true;
    f->chat.messages = ac_realloc_array(NULL, n + 1, sizeof *f->chat.messages);
    if (h->summary)
        give(f, "system", h->summary);
    for (size_t i = 0; i < n && i < h->n; i++)
        give(f, h->messages[i].role, h->messages[i].text);
    return f;
}

void ac_history_fold(struct ac_history *h, size_t n, const char *summary)
{
    pthread_mutex_lock(&h->lock);
    while (n-- && h->n)
        drop_oldest(h);
    if (summary && summary[0]) {
        free(h->summary);
        h->summary = ac_strdup(summary);
    }
    pthread_mutex_unlock(&h->lock);
}

size_t ac_history_size(struct ac_history *h)
{
    pthread_mutex_lock(&h->lock);
    size_t n = h->n;
    pthread_mutex_unlock(&h->lock);
    return n;
}

struct ac_frame *ac_history_copy(struct ac_history *h, uint32_t *turn)
{
    struct ac_frame *f = ac_frame_new(AC_FRAME_CHAT);

    pthread_mutex_lock(&h->lock);
    *turn = h->folded;
    f->chat.messages = ac_realloc_array(NULL, h->n + 1, sizeof *f->chat.messages);
    for (size_t i = 0; i < h->n; i++)
        give(f, h->messages[i].role, h->messages[i].text);
    pthread_mutex_unlock(&h->lock);
    return f;
}

void ac_heard_add(struct ac_heard *h, int64_t start_us, const char *text)
{
    if (h->n && h->list[h->n - 1].start_us == start_us)
        return; /* more of its words are known */
    if (h->n == h->cap) {
        h->cap = h->cap ? h->cap * 2 : 16;
        h->list = ac_realloc_array(h->list, h->cap, sizeof *h->list);
    }
    h->list[h->n].start_us = start_us;
    h->list[h->n++].text = ac_strdup(text);
}

void ac_heard_clear(struct ac_heard *h)
{
    for (size_t i = 0; i < h->n; i++)
        free(h->list[i].text);
    free(h->list);
    memset(h, 0, sizeof *h);
}

char *ac_heard_text(const struct ac_heard *h, int64_t heard_us)
{
    struct ac_str s = {0};

    for (size_t i = 0; i < h->n && h->list[i].start_us < heard_us; i++) {
        size_t len = strlen(h->list[i].text);
        const char *p = h->list[i].text, *end = p + len;
        if (s.len && len && !ac_cp_is_cjk(ac_utf8_next(&p, end)))
            ac_str_add(&s, " ");
        ac_str_add_n(&s, h->list[i].text, len);
    }
    return ac_str_steal(&s);
}
