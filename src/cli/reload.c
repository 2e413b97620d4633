/* Reloading; see reload.h. A file that has changed is read when it has been the same for one look: whoever
 * writes it may not be at the end. */
#include "cli/reload.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* What tells one state of a file from another; all zero: it is not there. */
struct stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified;
};

struct ac_reload {
    struct ac_hub *hub;
    pthread_t thread;
    atomic_bool asked, stop;
    sem_t wake;
    struct stamp loaded, seen; /* of the file that is in use, and at the last look */
};

static struct stamp stamp_of(const char *path)
{
    struct stamp s = {0};
    struct stat st;

    if (!path || stat(path, &st) != 0)
        return s;
    s.device = st.st_dev;
    s.inode = st.st_ino;
    s.size = st.st_size;
    s.modified = st.st_mtim;
    return s;
}

static bool same(const struct stamp *a, const struct stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->modified.tv_sec == b->modified.tv_sec && a->modified.tv_nsec == b->modified.tv_nsec;
}

static void reload(struct ac_reload *r)
{
    struct ac_config_change change;
    int err = ac_hub_reload(r->hub, NULL, 0, &change); /* logs what is wrong */

    if (!err && !change.changed.len)
        ac_log_info("config", "unchanged");
    ac_config_change_free(&change);
}

static void look(struct ac_reload *r)
{
    struct stamp now = stamp_of(ac_config_file(ac_hub_config(r->hub)));
    bool asked = atomic_exchange(&r->asked, false), there = now.inode != 0;
    bool written = there && !same(&now, &r->loaded) && same(&now, &r->seen);

    r->seen = now;
    if (!asked && !written)
        return;
    r->loaded = now;
    reload(r);
}

static void *reload_main(void *arg)
{
    struct ac_reload *r = arg;
    struct timespec until;

    while (!atomic_load(&r->stop)) {
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec++;
        sem_timedwait(&r->wake, &until);
        if (!atomic_load(&r->stop))
            look(r);
    }
    return NULL;
}

struct ac_reload *ac_reload_start(struct ac_hub *hub)
{
    struct ac_reload *r = ac_zalloc(sizeof *r);

    r->hub = hub;
    r->loaded = r->seen = stamp_of(ac_config_file(ac_hub_config(hub)));
    sem_init(&r->wake, 0, 0);
    int err = pthread_create(&r->thread, NULL, reload_main, r);
    if (!err)
        return r;
    ac_log_warn("config", "not_watched", AC_S("reason", strerror(err)));
    sem_destroy(&r->wake);
    free(r);
    return NULL;
}

void ac_reload_ask(struct ac_reload *r)
{
    if (!r)
        return;
    atomic_store(&r->asked, true);
    sem_post(&r->wake);
}

void ac_reload_stop(struct ac_reload *r)
{
    if (!r)
        return;
    atomic_store(&r->stop, true);
    sem_post(&r->wake);
    pthread_join(r->thread, NULL);
    sem_destroy(&r->wake);
    free(r);
}
