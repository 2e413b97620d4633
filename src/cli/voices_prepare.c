/* Speaking ahead (voices_prepare.h): questions → answers → sentences, cut as a session cuts them → speech. */
#include "cli/voices_prepare.h"
#include "cli/cli.h"

#include "base/cancel.h"
#include "base/mem.h"
#include "core/sentence.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_ALTERNATIVES = 16, MAX_FAILED = 3 /* in a row */ };

struct phrase {
    char *text;
    char lang[16];
};

struct job {
    const struct ac_config *cfg;
    struct ac_models *models;
    struct ac_prefs prefs; /* those of a session that chooses nothing */
    struct phrase *questions, *phrases;
    size_t n_questions, n_phrases;
    size_t done, failed;
    struct ac_cancel *cancel;
};

static volatile sig_atomic_t interrupted;

static void interrupt(void)
{
    interrupted = 1;
}

/* ---- what is said ---- */

/* Adds it, unless it is there. */
static void add(struct phrase **list, size_t *n, const char *text, const char *lang)
{
    for (size_t i = 0; i < *n; i++) {
        if (strcmp((*list)[i].text, text) == 0 && strcmp((*list)[i].lang, lang) == 0)
            return;
    }
    *list = ac_realloc_array(*list, *n + 1, sizeof **list);
    struct phrase *p = &(*list)[(*n)++];
    p->text = ac_strdup(text);
    snprintf(p->lang, sizeof p->lang, "%s", lang);
}

static void add_question(void *arg, const struct ac_item *item)
{
    struct job *j = arg;

    add(&j->questions, &j->n_questions, item->id, item->lang);
}

struct answer {
    struct ac_sink sink;
    struct ac_str text;
};

static int take_text(struct ac_sink *sink, struct ac_frame *f)
{
    ac_str_add(&((struct answer *)sink)->text, f->text.text);
    ac_frame_unref(f);
    return 0;
}

static void add_sentences(struct job *j, const char *text)
{
    const struct ac_session_config *c = ac_config_session(j->cfg);
    struct ac_splitter *splitter = ac_splitter_new(
        &(struct ac_splitter_config){.first_words = c->first_clause_words, .first_cjk = c->first_clause_cjk});
    struct ac_sentence s;

    ac_splitter_feed(splitter, text, strlen(text));
    ac_splitter_finish(splitter);
    while (ac_splitter_next(splitter, &s)) {
        add(&j->phrases, &j->n_phrases, s.text, s.lang[0] ? s.lang : j->prefs.lang);
        free(s.text);
    }
    ac_splitter_free(splitter);
}

/* All answers to a question: those that are given in turn too. */
static int ask(struct job *j, struct ac_instance *inst, const struct phrase *question)
{
    char *seen[MAX_ALTERNATIVES];
    size_t n = 0;
    bool again = true;
    int err = 0;

    while (!err && again && n < MAX_ALTERNATIVES) {
        struct answer a = {.sink = {take_text}};
        struct ac_frame *f = ac_frame_new(AC_FRAME_CHAT);
        f->chat.messages = ac_zalloc(sizeof *f->chat.messages);
        f->chat.messages[0] = (struct ac_message){ac_strdup("user"), ac_strdup(question->text)};
        f->chat.n_messages = 1;
        snprintf(f->chat.lang, sizeof f->chat.lang, "%s", question->lang);
        err = ac_instance_process(inst, f, &a.sink, j->cancel);
        ac_frame_unref(f);
        for (size_t i = 0; i < n && a.text.p; i++)
            again = again && strcmp(seen[i], a.text.p) != 0;
        again = again && a.text.p && a.text.len;
        if (!err && again)
            add_sentences(j, a.text.p);
        seen[n++] = ac_str_steal(&a.text);
    }
    for (size_t i = 0; i < n; i++)
        free(seen[i]);
    return err;
}

/* From the responders that answer by themselves: others would be asked for money, and answer otherwise. */
static int collect(struct job *j)
{
    const struct ac_handler_info *const *engines;
    size_t n = ac_config_use(j->cfg, AC_STAGE_LLM, &engines);
    char reason[256] = "";

    for (size_t i = 0; i < n; i++) {
        struct ac_instance *inst;
        size_t first = j->n_questions;
        if ((engines[i]->flags & AC_HANDLER_WAITS) ||
            ac_models_list_engine(j->models, engines[i], add_question, j) == 0)
            continue;
        int err = ac_instance_open(&inst, j->models, engines[i], &j->prefs, reason);
        for (size_t q = first; !err && q < j->n_questions; q++) {
            err = ask(j, inst, &j->questions[q]);
            if (err)
                snprintf(reason, sizeof reason, "%s", ac_instance_reason(inst));
        }
        if (err)
            return ac_cli_fail("voices", "llm.%s: %s", engines[i]->name, reason);
        ac_instance_close(inst);
    }
    if (j->n_phrases == 0)
        return ac_cli_fail("voices",
                           "no responder of llm.use suggests questions: add faq, with topics in its "
                           "knowledge files (docs/knowledge.md)");
    return AC_CLI_GO;
}

/* ---- speaking it ---- */

static int drop(struct ac_sink *sink, struct ac_frame *f)
{
    (void)sink;
    ac_frame_unref(f);
    return interrupted ? AC_ECANCELED : 0;
}

static void show_progress(const struct job *j)
{
    bool tty = isatty(STDERR_FILENO);

    if (tty)
        fprintf(stderr, "\r%zu of %zu phrases", j->done, j->n_phrases);
    if (tty ? j->done == j->n_phrases : j->done * 10 / j->n_phrases != (j->done - 1) * 10 / j->n_phrases)
        fprintf(stderr, tty ? "\n" : "%zu of %zu phrases\n", j->done, j->n_phrases);
}

static int speak(const struct job *j, struct ac_instance *inst, const struct phrase *p)
{
    struct ac_sink nowhere = {drop};
    struct ac_frame *f = ac_frame_new_text(p->text, strlen(p->text));

    snprintf(f->text.lang, sizeof f->text.lang, "%s", p->lang);
    snprintf(f->text.gender, sizeof f->text.gender, "%s", j->prefs.gender);
    int err = ac_instance_process(inst, f, &nowhere, j->cancel);
    ac_frame_unref(f);
    return err;
}

static int speak_all(struct job *j, struct ac_instance *inst)
{
    size_t in_a_row = 0;

    for (size_t i = 0; i < j->n_phrases; i++) {
        int err = speak(j, inst, &j->phrases[i]);
        if (interrupted)
            return ac_cli_fail("voices", "interrupted; %zu phrases are kept", j->done - j->failed);
        bool bad = err && err != AC_EEMPTY;
        in_a_row = bad ? in_a_row + 1 : 0;
        j->failed += bad;
        if (bad)
            ac_cli_fail("voices", "'%.60s': %s", j->phrases[i].text, ac_instance_reason(inst));
        if (in_a_row == MAX_FAILED)
            return ac_cli_fail("voices", "%d phrases in a row failed; %zu are kept", MAX_FAILED,
                               j->done + 1 - j->failed);
        j->done++;
        show_progress(j);
    }
    return j->failed ? ac_cli_fail("voices", "%zu of %zu phrases failed", j->failed, j->n_phrases)
                     : AC_EXIT_OK;
}

static void note_gender(void *arg, const struct ac_item *item)
{
    struct job *j = arg;

    if (!j->prefs.avatar[0]) { /* the first one is the one that is configured */
        snprintf(j->prefs.avatar, sizeof j->prefs.avatar, "%s", item->id);
        snprintf(j->prefs.gender, sizeof j->prefs.gender, "%s", item->gender);
    }
}

/* The first voice of the configuration that comes over the network. */
static const struct ac_handler_info *find_engine(const struct ac_config *cfg)
{
    const struct ac_handler_info *const *engines;
    size_t n = ac_config_use(cfg, AC_STAGE_TTS, &engines);

    for (size_t i = 0; i < n; i++) {
        if (engines[i]->flags & AC_HANDLER_WAITS)
            return engines[i];
    }
    return NULL;
}

int ac_voices_prepare(const struct ac_config *cfg, struct ac_models *models)
{
    const struct ac_handler_info *engine = find_engine(cfg);
    const char *lang = ac_config_session(cfg)->language;
    struct job j = {.cfg = cfg, .models = models};
    struct ac_instance *inst = NULL;
    char reason[256];

    if (!engine)
        return ac_cli_fail("voices",
                           "no engine of tts.use comes over the network, so there is nothing to keep: "
                           "name edge or openai there");
    if (strcmp(lang, "auto") != 0)
        snprintf(j.prefs.lang, sizeof j.prefs.lang, "%s", lang);
    ac_models_list(models, AC_STAGE_AVATAR, note_gender, &j);
    j.cancel = ac_cancel_new(NULL);
    ac_cli_on_signal(interrupt);
    int status = collect(&j);
    if (status == AC_CLI_GO && ac_instance_open(&inst, models, engine, &j.prefs, reason) != 0)
        status = ac_cli_fail("voices", "%s", reason);
    if (status == AC_CLI_GO)
        status = speak_all(&j, inst);
    ac_instance_close(inst);
    for (size_t i = 0; i < j.n_questions; i++)
        free(j.questions[i].text);
    for (size_t i = 0; i < j.n_phrases; i++)
        free(j.phrases[i].text);
    free(j.questions);
    free(j.phrases);
    ac_cancel_unref(j.cancel);
    return status;
}
