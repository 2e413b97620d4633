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
 * Threads: the model (index, files) is shared and locked; an instance only counts its answers.
 */
#include "avatarchat/handler.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "llm/faq_files.h"
#include "llm/faq_index.h"
#include "llm/terms.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct faq_cfg {
    char *path, *extra_path;
    double min_score;
    int stream_delay_ms, check_ms;
};

struct faq_model {
    pthread_mutex_t lock;
    bool has_lock;
    const char *log_name;
    char *dirs[2];
    size_t n_dirs;
    /* under the lock */
    struct ac_faq_index *index;
    uint64_t print;     /* of the files that were looked at last */
    int64_t checked_us; /* when */
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

static int add_dir(struct faq_model *m, const char *path, struct ac_env *env)
{
    char *dir = ac_env_path(env, path);
    if (!dir)
        return ac_env_fail(env, AC_ENOENT,
                           "no knowledge folder '%s': create it or set llm.faq.path to where it is", path);
    m->dirs[m->n_dirs++] = dir;
    return 0;
}

/* Reads the files anew. Keeps the index there is where they give none. Under the lock. */
static int load(struct faq_model *m, const char **reason)
{
    struct ac_knowledge k = {0};
    struct ac_faq_index *index;
    size_t files = ac_faq_files_load(m->dirs, m->n_dirs, m->log_name, &k), entries = k.n;
    if (!entries) {
        *reason = "no knowledge file there can be used";
        return AC_EMODEL;
    }
    int err = ac_faq_index_new(&index, &k, reason);
    if (err)
        return err;
    ac_faq_index_free(m->index);
    m->index = index;
    ac_log_info(m->log_name, "knowledge read", AC_I("files", files), AC_I("entries", entries));
    return 0;
}

static int model_open(void *model, const void *config, struct ac_env *env)
{
    struct faq_model *m = model;
    const struct faq_cfg *cfg = config;
    const char *reason = "";
    pthread_mutex_init(&m->lock, NULL);
    m->has_lock = true;
    m->log_name = env->log_name ? env->log_name : "llm.faq";
    int err = add_dir(m, cfg->path && *cfg->path ? cfg->path : "knowledge", env);
    if (!err && cfg->extra_path && *cfg->extra_path)
        err = add_dir(m, cfg->extra_path, env);
    if (err)
        return err;
    m->print = ac_faq_files_print(m->dirs, m->n_dirs);
    m->checked_us = ac_now_us();
    err = load(m, &reason);
    if (err)
        return ac_env_fail(
            env, err,
            "cannot use the knowledge in '%s': %s (see the log; the format is in docs/knowledge.md)",
            m->dirs[0], reason);
    return 0;
}

static void model_close(void *model)
{
    struct faq_model *m = model;
    ac_faq_index_free(m->index);
    for (size_t i = 0; i < m->n_dirs; i++)
        free(m->dirs[i]);
    if (m->has_lock)
        pthread_mutex_destroy(&m->lock);
}

/* Under the lock. */
static void reload_if_changed(struct faq_model *m, int check_ms)
{
    int64_t now = ac_now_us();
    if (now - m->checked_us < (int64_t)check_ms * 1000)
        return;
    m->checked_us = now;
    uint64_t print = ac_faq_files_print(m->dirs, m->n_dirs);
    if (print == m->print)
        return;
    const char *reason = "";
    m->print = print;
    if (load(m, &reason))
        ac_log_warn(m->log_name, "changed knowledge not used, the old stays", AC_S("folder", m->dirs[0]),
                    AC_S("reason", reason));
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
static int find(struct faq *f, const char *question, const char *lang, struct ac_faq_hit *hit, bool *foreign)
{
    struct ac_faq_index *x = f->model->index;
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
static void add_unknown(struct faq *f, const char *lang, struct ac_str *out, char *out_lang)
{
    const struct ac_knowledge *k = ac_faq_index_knowledge(f->model->index);
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
    pthread_mutex_lock(&f->model->lock);
    reload_if_changed(f->model, f->cfg->check_ms);
    int err = find(f, question, lang, &hit, &foreign);
    bool known = !err && hit.entry && hit.score >= f->cfg->min_score;
    if (!err && !known && before && ac_faq_index_weight(f->model->index, question) == 0) {
        char *both = ac_asprintf("%.2000s %.200s", before, question);
        err = find(f, both, lang, &hit, &foreign);
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
        add_unknown(f, lang, out, out_lang);
    }
    pthread_mutex_unlock(&f->model->lock);
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
    pthread_mutex_lock(&m->lock);
    reload_if_changed(m, ((const struct faq_cfg *)cfg)->check_ms);
    const struct ac_knowledge *k = ac_faq_index_knowledge(m->index);
    for (size_t i = 0; i < k->n; i++) {
        const struct ac_entry *e = k->entries[i];
        struct ac_item item = {
            .id = e->questions[0], .name = e->topic, .lang = e->lang, .gender = "", .detail = ""};
        if (e->topic)
            fn(arg, &item);
    }
    pthread_mutex_unlock(&m->lock);
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
