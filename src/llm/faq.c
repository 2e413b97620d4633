/*
 * LLM engine `faq`, the built-in responder: answers from Markdown files, with no model and no network.
 *
 *     llm: {use: [faq], faq: {path: knowledge, extra_path: /srv/my-knowledge}}
 *
 * The last question is looked up in the index (faq_index.h) among the entries in its own language, and the
 * answer is given out in small pieces as a language model would. A very short question that means nothing
 * alone ("why?") is read together with the one before. What is not known is said to be not known, with what
 * can be asked instead. Files may be changed while it runs: they are looked at on a question, at most once in
 * check_ms.
 *
 * Threads: the model (knowledge_base.h) is shared and locked; an instance only counts its answers.
 */
#include "avatarchat/handler.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "llm/knowledge_base.h"
#include "llm/terms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct faq_cfg {
    char *path, *extra_path;
    double min_score;
    int stream_delay_ms, check_ms;
};

struct faq_model {
    struct ac_knowledge_base *base;
};

struct faq {
    struct faq_model *model;
    const struct faq_cfg *cfg;
    struct ac_env *env;
    unsigned asked; /* answers given so far: turns alternatives and topics */
};

static const struct ac_option options[] = {
    AC_OPTION_PATH(struct faq_cfg, path, "path", "knowledge", 0,
                   "Folder of the knowledge files, LANG/NAME.md."),
    AC_OPTION_PATH(struct faq_cfg, extra_path, "extra_path", "", 0,
                   "A further such folder, for example your own."),
    AC_OPTION_FLOAT(struct faq_cfg, min_score, "min_score", "0.45", 0, 1, AC_OPT_RUNTIME,
                    "How well an entry must fit a question to be its answer (0 to 1)."),
    AC_OPTION_INT(struct faq_cfg, stream_delay_ms, "stream_delay_ms", "0", 0, 1000, AC_OPT_RUNTIME,
                  "Pause after each piece of an answer, to imitate a slower model."),
    AC_OPTION_INT(struct faq_cfg, check_ms, "check_ms", "1000", 0, 3600000, AC_OPT_RUNTIME,
                  "How often, at most, a question looks for changed files."),
    AC_OPTIONS_END,
};

/* ---- model ---- */

static int model_open(void *model, const void *config, struct ac_env *env)
{
    struct faq_model *m = model;
    const struct faq_cfg *cfg = config;
    struct ac_knowledge_base_options o = {cfg->path, cfg->extra_path, "llm.faq.path"};

    return ac_knowledge_base_open(&m->base, &o, env);
}

static void model_close(void *model)
{
    ac_knowledge_base_close(((struct faq_model *)model)->base);
}

/* ---- finding the answer ---- */

static bool starts_cjk(const char *lang)
{
    return !strncmp(lang, "zh", 2) || !strncmp(lang, "ja", 2) || !strncmp(lang, "ko", 2);
}

static size_t count_words(const char *s)
{
    size_t n = 0;
    for (s += strspn(s, " \t\r\n"); *s; s += strspn(s, " \t\r\n"), n++)
        s += strcspn(s, " \t\r\n");
    return n;
}

/*
 * The language in which a question is answered: that of its script; between languages in Latin letters that
 * of the session. A word or two in Latin letters ("Ollama?") are no reason to leave the session's Chinese.
 */
static const char *answer_lang(const char *question, const char *session)
{
    const char *script = ac_terms_script_lang(question);
    if (*script)
        return script;
    return starts_cjk(session) && count_words(question) > 2 ? "" : session;
}

/* Looks in the language, then in all. Under the lock. */
static int find(struct faq *f, struct ac_faq_index *x, const char *question, const char *lang,
                struct ac_faq_hit *hit, bool *foreign)
{
    *foreign = false;
    int err = ac_faq_index_find(x, question, lang, hit);
    if (err || (hit->entry && hit->score >= f->cfg->min_score))
        return err;
    struct ac_faq_hit any;
    err = ac_faq_index_find(x, question, "*", &any);
    if (!err && any.entry && any.score >= f->cfg->min_score) {
        /* Between languages in Latin letters the question itself has just shown which one it is in. */
        *foreign = (starts_cjk(any.entry->lang) || starts_cjk(lang)) && strncmp(any.entry->lang, lang, 2);
        *hit = any;
    }
    return err;
}

static const char *last_question(const struct ac_chat *chat, size_t back)
{
    for (size_t i = chat->n_messages; i-- > 0;)
        if (chat->messages[i].role && !strcmp(chat->messages[i].role, "user") && chat->messages[i].text &&
            !back--)
            return chat->messages[i].text;
    return NULL;
}

/* Up to three topics in the language, others each time. */
static void add_topics(const struct ac_knowledge *k, const char *lang, unsigned turn, struct ac_str *out)
{
    const char *topics[3];
    size_t n = 0, total = 0, seen = 0;
    bool zh = !strncmp(lang, "zh", 2);
    for (size_t i = 0; i < k->n; i++)
        total += k->entries[i]->topic && !strncmp(k->entries[i]->lang, lang, 2);
    for (size_t pass = 0; pass < 2 && total; pass++) /* from the turn's place on, then from the start */
        for (size_t i = 0; i < k->n && n < 3 && n < total; i++)
            if (k->entries[i]->topic && !strncmp(k->entries[i]->lang, lang, 2) && seen++ >= turn * 3 % total)
                topics[n++] = k->entries[i]->topic;
    for (size_t i = 0; i < n; i++) {
        if (i)
            ac_str_add(out, i + 1 < n ? (zh ? "、" : ", ") : zh ? "和" : " and ");
        ac_str_add(out, topics[i]);
    }
}

/* What is said when nothing fits: the entry "## *" of the language, else of English, else this. */
static void add_unknown(struct faq *f, const struct ac_knowledge *k, const char *lang, struct ac_str *out,
                        char *out_lang)
{
    const char *text = NULL, *langs[] = {*lang ? lang : "en", "en"};
    const char *own = strncmp(lang, "zh", 2) ? "en" : "zh-CN";
    for (size_t l = 0; l < 2 && !text; l++)
        for (size_t i = 0; i < k->n && !text; i++)
            if (ac_entry_is_unknown(k->entries[i]) && !strncmp(k->entries[i]->lang, langs[l], 2)) {
                text = k->entries[i]->answers[f->asked % k->entries[i]->n_answers];
                own = k->entries[i]->lang;
            }
    if (!text)
        text = strncmp(own, "zh", 2)
                   ? "I do not know that, as I am only the built-in responder. Ask me about {topics}."
                   : "这个我不知道，我只是内置的应答程序。你可以问我{topics}。";
    const char *mark = strstr(text, "{topics}");
    ac_str_add_n(out, text, mark ? (size_t)(mark - text) : strlen(text));
    if (mark) {
        add_topics(k, own, f->asked, out);
        ac_str_add(out, mark + strlen("{topics}"));
    }
    snprintf(out_lang, 16, "%s", own);
}

/* The whole answer to the last question. */
static int answer(struct faq *f, const struct ac_chat *chat, struct ac_str *out, char *out_lang)
{
    const char *question = last_question(chat, 0), *before = last_question(chat, 1);
    struct ac_faq_hit hit;
    bool foreign;
    if (!question)
        return ac_env_fail(f->env, AC_EINVAL, "the conversation holds no question of the user");
    const char *lang = answer_lang(question, chat->lang);
    struct ac_faq_index *x = ac_knowledge_base_lock(f->model->base, f->cfg->check_ms);
    int err = find(f, x, question, lang, &hit, &foreign);
    bool known = !err && hit.entry && hit.score >= f->cfg->min_score;
    if (!err && !known && before && ac_faq_index_weight(x, question) == 0) {
        char *both = ac_asprintf("%.2000s %.200s", before, question);
        err = find(f, x, both, lang, &hit, &foreign);
        known = !err && hit.entry && hit.score >= f->cfg->min_score;
        free(both);
    }
    if (known) {
        if (foreign)
            ac_str_add(out, strncmp(lang, "zh", 2) ? "I have this answer in another language only. "
                                                   : "这个问题我只有另一种语言的答案。");
        ac_str_add(out, hit.entry->answers[f->asked % hit.entry->n_answers]);
        snprintf(out_lang, 16, "%s", foreign ? "" : hit.entry->lang);
    } else if (!err) {
        add_unknown(f, ac_faq_index_knowledge(x), lang, out, out_lang);
    }
    ac_knowledge_base_unlock(f->model->base);
    ac_log_debug(f->env->log_name, "answered", AC_B("known", known), AC_F("score", err ? 0 : hit.score));
    f->asked++;
    return err ? ac_env_fail(f->env, err,
                             "the full-text index failed on this question; ask it in other words")
               : 0;
}

/* ---- giving it out ---- */

/* Bytes of the next piece: three words, or four characters of CJK text. */
static size_t piece_len(const char *text)
{
    const char *p = text, *end = text + strlen(text);
    size_t words = 0, cjk = 0;
    bool in_word = false;
    while (p < end && words < 3 && cjk < 4) {
        uint32_t cp = ac_utf8_next(&p, end);
        bool space = cp == ' ' || cp == '\n';
        words += space && in_word;
        cjk += ac_cp_is_cjk(cp);
        in_word = !space;
    }
    return (size_t)(p - text);
}

static int pause_ms(int ms, struct ac_cancel *cancel)
{
    for (int64_t end = ac_now_us() + (int64_t)ms * 1000, now; (now = ac_now_us()) < end;) {
        if (ac_cancelled(cancel))
            return AC_ECANCELED;
        ac_sleep_us(end - now < 10000 ? end - now : 10000);
    }
    return 0;
}

static int process(void *inst, const struct ac_frame *in, struct ac_sink *out, struct ac_cancel *cancel)
{
    struct faq *f = inst;
    struct ac_str text = {0};
    char lang[16] = "";
    if (!in)
        return 0;
    if (in->type != AC_FRAME_CHAT)
        return ac_env_fail(f->env, AC_EINVAL, "faq takes conversations, not frames of type %d",
                           (int)in->type);
    int err = answer(f, &in->chat, &text, lang);
    for (size_t pos = 0; !err && pos < text.len;) {
        if (ac_cancelled(cancel)) {
            err = AC_ECANCELED;
            break;
        }
        size_t n = piece_len(text.p + pos);
        struct ac_frame *piece = ac_frame_new_text(text.p + pos, n);
        piece->turn = in->turn;
        snprintf(piece->text.lang, sizeof piece->text.lang, "%s", lang);
        pos += n;
        err = out->push(out, piece);
        if (!err && pos < text.len)
            err = pause_ms(f->cfg->stream_delay_ms, cancel);
    }
    ac_str_free(&text);
    return err;
}

static int open_instance(void *inst, void *model, const void *cfg, struct ac_env *env)
{
    *(struct faq *)inst = (struct faq){.model = model, .cfg = cfg, .env = env};
    return 0;
}

/* Topics: id is the question to suggest, name its short form. */
static int list(void *model, const void *cfg, struct ac_env *env, ac_item_fn *fn, void *arg)
{
    struct faq_model *m = model;
    (void)env;
    const struct ac_knowledge *k = ac_faq_index_knowledge(
        ac_knowledge_base_lock(m->base, ((const struct faq_cfg *)cfg)->check_ms));
    for (size_t i = 0; i < k->n; i++) {
        const struct ac_entry *e = k->entries[i];
        struct ac_item item = {
            .id = e->questions[0], .name = e->topic, .lang = e->lang, .gender = "", .detail = ""};
        if (e->topic)
            fn(arg, &item);
    }
    ac_knowledge_base_unlock(m->base);
    return 0;
}

const struct ac_handler_info ac_handler_llm_faq = {
    .name = "faq",
    .help = "Built-in responder: answers from Markdown files by full-text search.",
    .stage = AC_STAGE_LLM,
    .in = AC_FRAME_CHAT,
    .out = AC_FRAME_TEXT,
    .cfg_size = sizeof(struct faq_cfg),
    .model_size = sizeof(struct faq_model),
    .inst_size = sizeof(struct faq),
    .options = options,
    .model_open = model_open,
    .model_close = model_close,
    .open = open_instance,
    .process = process,
    .list = list,
};
