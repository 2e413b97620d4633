/* The text as it is shown (see sentence.h): without the emotion tags. */
#include "core/sentence.h"

#include <string.h>

static void pass(struct ac_shown *s, const char *text, size_t n, struct ac_str *out)
{
    if (n) {
        ac_str_add_n(out, text, n);
        s->in_line = text[n - 1] != '\n' && text[n - 1] != ' ';
    }
}

static void release(struct ac_shown *s, struct ac_str *out)
{
    pass(s, s->held, s->n_held, out);
    s->n_held = 0;
}

/* The held "[word]" is a tag. */
static bool is_tag(const struct ac_shown *s)
{
    char name[16];
    size_t n = s->n_held - 2;
    for (size_t i = 0; i < n; i++)
        name[i] = (char)(s->held[i + 1] | 0x20);
    name[n] = 0;
    return ac_emotion_from_name(name) >= 0;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

void ac_shown_feed(struct ac_shown *s, const char *text, size_t n, struct ac_str *out)
{
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (s->n_held) {
            bool fits = s->n_held < sizeof s->held - 1 && (is_letter(c) || c == ']');
            if (fits) {
                s->held[s->n_held++] = c;
                if (c != ']')
                    continue;
                if (is_tag(s)) {
                    s->n_held = 0;
                    s->after_tag = true;
                } else {
                    release(s, out);
                }
                continue;
            }
            release(s, out);
        }
        if (s->after_tag && c == ' ' && !s->in_line) /* the space that belonged to the tag */
            continue;
        s->after_tag = false;
        if (c == '[')
            s->held[s->n_held++] = c;
        else
            pass(s, &c, 1, out);
    }
}

void ac_shown_finish(struct ac_shown *s, struct ac_str *out)
{
    release(s, out);
}
