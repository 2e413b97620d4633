/*
 * Jobs of the studio: a list in the order of their arrival, and the thread that works it off. See studio.h.
 *
 * The thread exists from the first job on. What it makes is not touched by anybody else; state is copied
 * under the lock.
 */
#include "core/studio_private.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { KEPT = 32, REASON = 256, NICE = 10, END_S = 10 };

struct making {
    struct making *next;
    struct ac_studio *studio;
    char job[AC_STUDIO_JOB];
    struct ac_studio_wish wish; /* its id is final */
    int fd;                     /* the thread's once it runs; -1 = closed */
    struct ac_cancel *cancel;
    struct ac_studio_job state; /* lock */
};

struct ac_studio {
    struct ac_models *models;
    const struct ac_config *cfg;
    char *folder;
    int timeout_s;
    pthread_mutex_t adding; /* around looking for a free id and taking it; outside of lock */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* lock */
    struct making *list;
    bool ending, started;
    pthread_t thread;
};

const char *ac_making_name(enum ac_making state)
{
    static const char *const names[] = {
        [AC_MAKING_WAITING] = "waiting", [AC_MAKING_RUNNING] = "running",     [AC_MAKING_DONE] = "done",
        [AC_MAKING_FAILED] = "failed",   [AC_MAKING_CANCELLED] = "cancelled",
    };
    return names[state];
}

const char *studio_folder(const struct ac_studio *m)
{
    return m->folder;
}

struct ac_studio *ac_studio_new(struct ac_models *models, const struct ac_config *cfg, int timeout_s)
{
    struct ac_studio *m = ac_zalloc(sizeof *m);

    m->models = models;
    m->cfg = cfg;
    m->timeout_s = timeout_s;
    m->folder = studio_folder_path();
    pthread_mutex_init(&m->adding, NULL);
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->changed, NULL);
    studio_sweep(m->folder);
    return m;
}

static void making_free(struct making *j)
{
    if (j->fd >= 0)
        close(j->fd);
    ac_cancel_unref(j->cancel);
    free(j);
}

bool ac_studio_able(const struct ac_studio *m)
{
    const struct ac_handler_info *const *engines;
    size_t n = ac_config_use(m->cfg, AC_STAGE_AVATAR, &engines);

    for (size_t i = 0; i < n; i++)
        if (engines[i]->make)
            return true;
    return false;
}

/* ---- the thread ---- */

static void on_progress(void *arg, double done, const char *step)
{
    struct making *j = arg;

    pthread_mutex_lock(&j->studio->lock);
    j->state.progress = done < 0 ? 0 : done > 1 ? 1 : done;
    snprintf(j->state.step, sizeof j->state.step, "%s", step ? step : "");
    pthread_mutex_unlock(&j->studio->lock);
}

static void on_found(void *arg, const char *line)
{
    struct making *j = arg;
    struct ac_studio_job *s = &j->state;

    pthread_mutex_lock(&j->studio->lock);
    if (s->n_found < AC_STUDIO_FOUND)
        snprintf(s->found[s->n_found++], sizeof s->found[0], "%s", line);
    pthread_mutex_unlock(&j->studio->lock);
}

static void on_refused(void *arg, const char *code)
{
    struct making *j = arg;

    pthread_mutex_lock(&j->studio->lock);
    snprintf(j->state.code, sizeof j->state.code, "%s", code ? code : "");
    pthread_mutex_unlock(&j->studio->lock);
}

/* What the end of a job means to who waits for it. Lock held. */
static void note_end(struct making *j, int err, const char *reason)
{
    struct ac_studio_job *s = &j->state;
    bool late = ac_cancel_reason(j->cancel) == AC_ETIMEDOUT;

    s->err = err == AC_ECANCELED && late ? AC_ETIMEDOUT : err;
    s->state = !s->err ? AC_MAKING_DONE : s->err == AC_ECANCELED ? AC_MAKING_CANCELLED : AC_MAKING_FAILED;
    snprintf(s->reason, sizeof s->reason, "%s", reason);
    if (s->state == AC_MAKING_DONE)
        s->progress = 1;
    if (s->err == AC_ETIMEDOUT) {
        strcpy(s->code, "slow");
        snprintf(s->reason, sizeof s->reason,
                 "it was not made within %d s: give a shorter video or a smaller picture",
                 j->studio->timeout_s);
    }
    if (s->state == AC_MAKING_FAILED)
        ac_log_info("avatars", "refused", AC_S("avatar", j->wish.id), AC_S("error", ac_err_name(s->err)),
                    AC_S("reason", s->reason));
    else
        ac_log_info("avatars", s->state == AC_MAKING_DONE ? "made" : "cancelled", AC_S("avatar", j->wish.id));
}

static void work_off(struct making *j)
{
    struct ac_studio *m = j->studio;
    char reason[REASON] = "", file[32];
    struct ac_make make = {
        .file = file,
        .folder = m->folder,
        .id = j->wish.id,
        .name = j->wish.name,
        .licence = j->wish.licence,
        .gender = j->wish.gender,
        .progress = on_progress,
        .found = on_found,
        .refused = on_refused,
        .arg = j,
    };

    snprintf(file, sizeof file, "/proc/self/fd/%d", j->fd);
    ac_cancel_set_deadline(j->cancel, ac_now_us() + m->timeout_s * INT64_C(1000000));
    int err = ac_models_make(m->models, AC_STAGE_AVATAR, &make, j->cancel, reason);
    bool unmarked = !err && studio_mark(m->folder, j->wish.id, j->wish.owner);
    if (!err && ac_cancel_reason(j->cancel) == AC_ECANCELED) { /* just too late for the engine to see it */
        err = ac_studio_remove(m, j->wish.id) ? 0 : AC_ECANCELED;
    }
    if (!err && unmarked)
        ac_log_warn("avatars", "unmarked", AC_S("avatar", j->wish.id),
                    AC_S("effect", "it can only be removed by hand"));
    close(j->fd);
    j->fd = -1;
    pthread_mutex_lock(&m->lock);
    note_end(j, err, reason);
    pthread_mutex_unlock(&m->lock);
}

static struct making *next_waiting(struct ac_studio *m)
{
    struct making *j = m->list;

    while (j && j->state.state != AC_MAKING_WAITING)
        j = j->next;
    return j;
}

static void *run(void *arg)
{
    struct ac_studio *m = arg;

    /* of this thread alone, and inherited by those that decoders start */
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
    pthread_mutex_lock(&m->lock);
    while (!m->ending) {
        struct making *j = next_waiting(m);
        if (!j) {
            pthread_cond_wait(&m->changed, &m->lock);
            continue;
        }
        j->state.state = AC_MAKING_RUNNING;
        pthread_mutex_unlock(&m->lock);
        work_off(j);
        pthread_mutex_lock(&m->lock);
    }
    pthread_mutex_unlock(&m->lock);
    return NULL;
}

bool ac_studio_free(struct ac_studio *m)
{
    if (!m)
        return true;
    pthread_mutex_lock(&m->lock);
    m->ending = true;
    for (struct making *j = m->list; j; j = j->next)
        ac_cancel_trigger(j->cancel);
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
    if (m->started) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += END_S;
        if (pthread_timedjoin_np(m->thread, NULL, &until)) {
            ac_log_error("avatars", "stuck",
                         AC_S("effect", "the engine that makes an avatar was left behind"));
            return false;
        }
    }
    for (struct making *j = m->list, *next; j; j = next) {
        next = j->next;
        making_free(j);
    }
    pthread_cond_destroy(&m->changed);
    pthread_mutex_destroy(&m->lock);
    pthread_mutex_destroy(&m->adding);
    free(m->folder);
    free(m);
    return true;
}

/* ---- jobs; lock held where not said otherwise ---- */

static bool is_open(const struct making *j)
{
    return j->state.state == AC_MAKING_WAITING || j->state.state == AC_MAKING_RUNNING;
}

static size_t count_open(const struct ac_studio *m, const char *visitor)
{
    size_t n = 0;

    for (const struct making *j = m->list; j; j = j->next)
        n += is_open(j) && (!visitor || !strcmp(j->wish.visitor, visitor));
    return n;
}

size_t ac_studio_busy(struct ac_studio *m, const char *visitor)
{
    pthread_mutex_lock(&m->lock);
    size_t n = count_open(m, visitor);
    pthread_mutex_unlock(&m->lock);
    return n;
}

static struct making **find(struct ac_studio *m, const char *job)
{
    struct making **at = &m->list;

    while (*at && strcmp((*at)->job, job) != 0)
        at = &(*at)->next;
    return at;
}

static void drop(struct making **at)
{
    struct making *j = *at;

    *at = j->next;
    making_free(j);
}

/* Room for one more: the oldest that has ended goes. */
static void forget_oldest(struct ac_studio *m)
{
    size_t n = 0;
    struct making **oldest = NULL;

    for (struct making **at = &m->list; *at; at = &(*at)->next) {
        n++;
        if (!oldest && !is_open(*at))
            oldest = at;
    }
    if (n >= KEPT && oldest)
        drop(oldest);
}

struct taken {
    const char *id;
    bool found;
};

static void match(void *arg, const struct ac_item *item)
{
    struct taken *t = arg;

    t->found |= !strcmp(item->id, t->id);
}

/* Whether the id is an avatar's, a folder's or a job's. No lock held. */
static bool is_taken(struct ac_studio *m, const char *id)
{
    struct taken t = {id, false};
    struct ac_env env = {.data_dirs = ac_config_data_dirs(m->cfg)};
    char *rel = ac_asprintf("avatars/%s", id), *folder = ac_env_path(&env, rel);
    char *own = ac_asprintf("%s/%s", m->folder, id);

    t.found = folder || !access(own, F_OK);
    free(own);
    free(folder);
    free(rel);
    if (!t.found)
        ac_models_list(m->models, AC_STAGE_AVATAR, match, &t);
    pthread_mutex_lock(&m->lock);
    for (struct making *j = m->list; j; j = j->next)
        t.found |= is_open(j) && !strcmp(j->wish.id, id);
    pthread_mutex_unlock(&m->lock);
    return t.found;
}

/* The wished id, or a free one that is made of the name. No lock held but `adding`. */
static int choose_id(struct ac_studio *m, struct ac_studio_wish *wish, char *reason)
{
    char slug[41];

    if (wish->id[0]) {
        if (!is_taken(m, wish->id))
            return 0;
        snprintf(reason, REASON, "there is an avatar '%.63s' already: choose another id, or none", wish->id);
        return AC_EBUSY;
    }
    studio_slug(wish->name, slug);
    snprintf(wish->id, sizeof wish->id, "%s", slug);
    for (int i = 2; is_taken(m, wish->id); i++)
        snprintf(wish->id, sizeof wish->id, "%s-%d", slug, i);
    return 0;
}

static int append(struct ac_studio *m, struct making *j, char *reason)
{
    int err = 0;

    pthread_mutex_lock(&m->lock);
    if (count_open(m, NULL) >= AC_STUDIO_WAITING || m->ending)
        err = AC_EFULL;
    if (!err && !m->started) {
        m->started = !pthread_create(&m->thread, NULL, run, m);
        err = m->started ? 0 : AC_ENOMEM;
    }
    if (!err) {
        forget_oldest(m);
        struct making **end = &m->list;
        while (*end)
            end = &(*end)->next;
        *end = j;
        pthread_cond_broadcast(&m->changed);
    }
    pthread_mutex_unlock(&m->lock);
    if (err)
        snprintf(reason, REASON, "%s",
                 err == AC_EFULL ? "too many avatars are being made: try again in a minute"
                                 : ac_err_text(err));
    return err;
}

int ac_studio_add(struct ac_studio *m, const struct ac_studio_wish *wish, int fd, char job[AC_STUDIO_JOB],
                  char *reason)
{
    struct making *j = ac_zalloc(sizeof *j);

    j->studio = m;
    j->wish = *wish;
    j->fd = fd;
    j->cancel = ac_cancel_new(NULL);
    ac_store_new_id(j->job);
    pthread_mutex_lock(&m->adding);
    int err = choose_id(m, &j->wish, reason);
    if (!err) {
        struct ac_studio_job *s = &j->state;
        s->state = AC_MAKING_WAITING;
        memcpy(s->avatar, j->wish.id, sizeof s->avatar);
        memcpy(s->name, j->wish.name, sizeof s->name);
        memcpy(s->gender, j->wish.gender, sizeof s->gender);
        memcpy(job, j->job, AC_STUDIO_JOB);
        err = append(m, j, reason);
    }
    pthread_mutex_unlock(&m->adding);
    if (err)
        making_free(j);
    return err;
}

bool ac_studio_look(struct ac_studio *m, const char *job, struct ac_studio_job *out)
{
    pthread_mutex_lock(&m->lock);
    struct making *j = *find(m, job);
    if (j)
        *out = j->state;
    pthread_mutex_unlock(&m->lock);
    return j != NULL;
}

bool ac_studio_cancel(struct ac_studio *m, const char *job)
{
    pthread_mutex_lock(&m->lock);
    struct making **at = find(m, job), *j = *at;
    if (j && j->state.state == AC_MAKING_RUNNING)
        ac_cancel_trigger(j->cancel);
    else if (j)
        drop(at);
    pthread_mutex_unlock(&m->lock);
    return j != NULL;
}
