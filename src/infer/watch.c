/*
 * Ends runs that are cancelled meanwhile. ONNX Runtime looks between two nodes of the graph whether its run
 * options say so; cancel tokens have no call-back, so one thread asks them every few milliseconds, only while
 * runs go on. It ends with the last run, so nothing is left when the models are closed.
 */
#include "infer/private.h"

#include "base/clock.h"

#include <pthread.h>

enum { LOOK_US = 5000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct ac_infer_watch *runs; /* lock */
static bool watching;               /* lock: the thread is there */

static void *watch(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    while (runs) {
        for (struct ac_infer_watch *w = runs; w; w = w->next) {
            if (ac_cancelled(w->cancel))
                ac_ort_status(w->ort, w->ort->api->RunOptionsSetTerminate(w->options), NULL, 0);
        }
        pthread_mutex_unlock(&lock);
        ac_sleep_us(LOOK_US);
        pthread_mutex_lock(&lock);
    }
    watching = false;
    pthread_mutex_unlock(&lock);
    return NULL;
}

static int start_thread(void)
{
    pthread_attr_t attr;
    pthread_t thread;

    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int err = pthread_create(&thread, &attr, watch, NULL);
    pthread_attr_destroy(&attr);
    return err ? AC_EENGINE : 0;
}

int ac_infer_watch_begin(struct ac_infer_watch *w)
{
    int err = 0;

    pthread_mutex_lock(&lock);
    if (!watching)
        err = start_thread();
    if (!err) {
        watching = true;
        w->next = runs;
        w->link = &runs;
        if (runs)
            runs->link = &w->next;
        runs = w;
    }
    pthread_mutex_unlock(&lock);
    return err;
}

void ac_infer_watch_end(struct ac_infer_watch *w)
{
    pthread_mutex_lock(&lock);
    *w->link = w->next;
    if (w->next)
        w->next->link = w->link;
    pthread_mutex_unlock(&lock);
}
