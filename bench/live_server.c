/* See live_server.h. */
#include "live_server.h"

#include "base/log.h"

#include <stdio.h>

enum { GRACE_MS = 5000, MAX_SETS = 12 };

static void *run(void *arg)
{
    ac_server_run(arg);
    return NULL;
}

int live_server_start(struct live_server *s, const char *const *sets, size_t n)
{
    const char *all[MAX_SETS + 2] = {"history.store=none", "server.port=0"};
    struct ac_str errors = {0};
    char reason[256] = "";

    for (size_t i = 0; i < n && i < MAX_SETS; i++)
        all[i + 2] = sets[i];
    if (ac_config_load(&s->cfg, NULL, all, n + 2, &errors)) {
        fprintf(stderr, "%s\n", errors.p);
        ac_str_free(&errors);
        return 1;
    }
    ac_log_setup(AC_LOG_ERROR, AC_LOG_LOGFMT, 2);
    if (ac_hub_new(&s->hub, s->cfg) || ac_server_start(&s->server, s->hub, NULL, reason)) {
        fprintf(stderr, "the server does not start: %s\n", reason);
        return 1;
    }
    s->port = ac_server_port(s->server);
    return pthread_create(&s->thread, NULL, run, s->server) != 0;
}

void live_server_stop(struct live_server *s)
{
    ac_server_stop(s->server);
    pthread_join(s->thread, NULL);
    ac_server_free(s->server);
    ac_hub_free(s->hub, GRACE_MS);
    ac_config_free(s->cfg);
}
