/* A hub with the fake engines; see fake_world.h. */
#include "fake/fake_world.h"

#include "core/registry.h"
#include "fake/fake_engines.h"

#include <stdio.h>
#include <stdlib.h>

void fake_world_open(struct fake_world *w, const char *const *more, size_t n_more)
{
    const char *sets[16] = {"video.width=128",           "video.height=128",      "session.stage_timeout_s=1",
                            "session.turn_timeout_s=20", "server.max_sessions=4", "log.level=error",
                            "server.workers=2",          "history.store=none"};
    struct ac_str errors = {0};
    size_t n = 8;

    for (size_t i = 0; i < n_more; i++)
        sets[n++] = more[i];
    ac_registry_set(fake_registry);
    if (ac_config_load(&w->cfg, NULL, sets, n, &errors) || ac_hub_new(&w->hub, w->cfg)) {
        fprintf(stderr, "%s\n", errors.p ? errors.p : "no hub");
        abort();
    }
    ac_str_free(&errors);
}

bool fake_world_close(struct fake_world *w)
{
    fake_release(true);
    ac_hub_free(w->hub, 10000);
    ac_config_free(w->cfg);
    ac_registry_set(NULL);
    bool clean = fake_open_count() == 0;
    fake_release(false);
    return clean;
}
