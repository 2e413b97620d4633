/*
 * Loads the configuration anew while the server runs: when its file has changed, and when it is asked for
 * (SIGHUP). A thread of its own looks once a second. What is wrong, or cannot change while running, is logged
 * line by line, and the old configuration stays.
 */
#ifndef AC_CLI_RELOAD_H
#define AC_CLI_RELOAD_H

#include "core/hub.h"

struct ac_reload;

/* NULL when there is no thread to be had (logged): then nothing is reloaded. hub is borrowed. */
struct ac_reload *ac_reload_start(struct ac_hub *hub);
/* Within a second. Async-signal-safe; NULL is fine. */
void ac_reload_ask(struct ac_reload *r);
void ac_reload_stop(struct ac_reload *r); /* NULL is fine */

#endif
