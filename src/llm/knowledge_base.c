/* A locked index that follows its files (knowledge_base.h). */
#include "llm/knowledge_base.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "llm/faq_files.h"

#include <pthread.h>
#include <stdlib.h>

enum { MAX_PASSAGES = 20 };
#define MIN_PASSAGE_SCORE 0.2 /* far below what an answer needs: the language model judges */

struct ac_knowledge_base {
    pthread_mutex_t lock;
    const char *log_name;
    char *dirs[2];
    size_t n_dirs;
    /* under the lock */
    struct ac_faq_index *index;
    uint64_t print;     /* of the files that were looked at last */
    int64_t checked_us; /* when */
};

static int add_dir(struct ac_knowledge_base *b, const char *path, const char *option, struct ac_env *env)
{
    char *dir = ac_env_path(env, path);
    if (!dir)
        return ac_env_fail(env, AC_ENOENT, "no knowledge folder '%.100s': create it or set %s to where it is",
                           path, option);
    b->dirs[b->n_dirs++] = dir;
    return 0;
}

/* Reads the files anew. Keeps the index there is where they give none. Under the lock. */
static int load(struct ac_knowledge_base *b, const char **reason)
{
    struct ac_knowledge k = {0};
    struct ac_faq_index *index;
    size_t files = ac_faq_files_load(b->dirs, b->n_dirs, b->log_name, &k), entries = k.n;
    if (!entries) {
        *reason = "no knowledge file there can be used";
        return AC_EMODEL;
    }
    int err = ac_faq_index_new(&index, &k, reason);
    if (err)
        return err;
    ac_faq_index_free(b->index);
    b->index = index;
    ac_log_info(b->log_name, "knowledge read", AC_I("files", files), AC_I("entries", entries));
    return 0;
}

int ac_knowledge_base_open(struct ac_knowledge_base **base, const struct ac_knowledge_base_options *o,
                           struct ac_env *env)
{
    struct ac_knowledge_base *b = ac_zalloc(sizeof *b);
    const char *reason = "";
    pthread_mutex_init(&b->lock, NULL);
    b->log_name = env->log_name ? env->log_name : "llm";
    int err = add_dir(b, o->path && *o->path ? o->path : "knowledge", o->path_option, env);
    if (!err && o->extra_path && *o->extra_path)
        err = add_dir(b, o->extra_path, o->path_option, env);
    if (!err) {
        b->print = ac_faq_files_print(b->dirs, b->n_dirs);
        b->checked_us = ac_now_us();
        err = load(b, &reason);
        if (err)
            ac_env_fail(
                env, err,
                "cannot use the knowledge in '%.80s': %s (see the log; the format is in docs/knowledge.md)",
                b->dirs[0], reason);
    }
    if (err) {
        ac_knowledge_base_close(b);
        return err;
    }
    *base = b;
    return 0;
}

void ac_knowledge_base_close(struct ac_knowledge_base *b)
{
    if (!b)
        return;
    ac_faq_index_free(b->index);
    for (size_t i = 0; i < b->n_dirs; i++)
        free(b->dirs[i]);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

/* Under the lock. */
static void reload_if_changed(struct ac_knowledge_base *b, int check_ms)
{
    int64_t now = ac_now_us();
    if (now - b->checked_us < (int64_t)check_ms * 1000)
        return;
    b->checked_us = now;
    uint64_t print = ac_faq_files_print(b->dirs, b->n_dirs);
    if (print == b->print)
        return;
    const char *reason = "";
    b->print = print;
    if (load(b, &reason))
        ac_log_warn(b->log_name, "changed knowledge not used, the old stays", AC_S("folder", b->dirs[0]),
                    AC_S("reason", reason));
}

struct ac_faq_index *ac_knowledge_base_lock(struct ac_knowledge_base *b, int check_ms)
{
    pthread_mutex_lock(&b->lock);
    reload_if_changed(b, check_ms);
    return b->index;
}

void ac_knowledge_base_unlock(struct ac_knowledge_base *b)
{
    pthread_mutex_unlock(&b->lock);
}

size_t ac_knowledge_base_search(struct ac_knowledge_base *b, int check_ms, const char *question, size_t max,
                                struct ac_str *out)
{
    struct ac_faq_hit hits[MAX_PASSAGES];
    size_t used = 0, n = 0;
    struct ac_faq_index *index = ac_knowledge_base_lock(b, check_ms);
    if (ac_faq_index_find_all(index, question, "*", hits, max < MAX_PASSAGES ? max : MAX_PASSAGES, &n) == 0)
        for (; used < n && hits[used].score >= MIN_PASSAGE_SCORE; used++)
            ac_str_addf(out, "## %s\n\n%s\n\n", hits[used].entry->questions[0], hits[used].entry->answers[0]);
    ac_knowledge_base_unlock(b);
    return used;
}
