/* A session's history; see history.h. */
#include "core/history.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ac_history {
    struct ac_message *messages;
    size_t n, max;
};

struct ac_history *ac_history_new(int max_turns)
{
    struct ac_history *h = ac_zalloc(sizeof *h);

    h->max = 2 * (size_t)(max_turns > 0 ? max_turns : 1);
    h->messages = ac_realloc_array(NULL, h->max + 1, sizeof *h->messages);
    return h;
}

void ac_history_free(struct ac_history *h)
{
    if (!h)
        return;
    for (size_t i = 0; i < h->n; i++) {
        free(h->messages[i].role);
        free(h->messages[i].text);
    }
    free(h->messages);
    free(h);
}

static void drop_oldest(struct ac_history *h)
{
    free(h->messages[0].role);
    free(h->messages[0].text);
    memmove(h->messages, h->messages + 1, --h->n * sizeof *h->messages);
}

void ac_history_add(struct ac_history *h, const char *role, const char *text)
{
    if (!text || !text[0])
        return;
    h->messages[h->n++] = (struct ac_message){.role = ac_strdup(role), .text = ac_strdup(text)};
    while (h->n > h->max)
        drop_oldest(h);
    while (h->n && strcmp(h->messages[0].role, "user") != 0 && h->n > 1)
        drop_oldest(h); /* a model wants the conversation to begin with a question */
}

void ac_history_amend(struct ac_history *h, const char *heard)
{
    if (!h->n || strcmp(h->messages[h->n - 1].role, "assistant") != 0)
        return;
    struct ac_message *m = &h->messages[h->n - 1];
    free(m->text);
    m->text = ac_strdup(heard);
    if (heard[0])
        return;
    free(m->role);
    free(m->text);
    h->n--;
}

size_t ac_history_count(const struct ac_history *h)
{
    return h->n;
}

struct ac_frame *ac_history_ask(const struct ac_history *h, const char *lang, const char *question)
{
    struct ac_frame *f = ac_frame_new(AC_FRAME_CHAT);

    snprintf(f->chat.lang, sizeof f->chat.lang, "%s", lang ? lang : "");
    f->chat.messages = ac_realloc_array(NULL, h->n + 1, sizeof *f->chat.messages);
    for (size_t i = 0; i < h->n; i++)
        f->chat.messages[f->chat.n_messages++] = (struct ac_message){.role = ac_strdup(h->messages[i].role),
                                                                     .text = ac_strdup(h->messages[i].text)};
    if (question)
        f->chat.messages[f->chat.n_messages++] =
            (struct ac_message){.role = ac_strdup("user"), .text = ac_strdup(question)};
    return f;
}

struct ac_frame *ac_history_chat(const struct ac_history *h, const char *lang)
{
    return ac_history_ask(h, lang, NULL);
}

void ac_heard_add(struct ac_heard *h, int64_t start_us, const char *text)
{
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
