/* A hub with the fake engines, for tests of sessions. */
#ifndef AC_TEST_FAKE_WORLD_H
#define AC_TEST_FAKE_WORLD_H

#include "core/session.h"

struct fake_world {
    struct ac_config *cfg;
    struct ac_hub *hub;
};

/* Small pictures, short time-outs, nothing kept; more settings ("a.b=c", at most 8) may follow. Must succeed.
 */
void fake_world_open(struct fake_world *w, const char *const *more, size_t n_more);
/* Lets go what sticks and ends the hub; false when something is still open afterwards. */
bool fake_world_close(struct fake_world *w);

#endif
