/*
 * Tells the service manager how it goes, by systemd's protocol: datagrams of assignments to the socket that
 * NOTIFY_SOCKET names (https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html). Without one
 * nothing is sent.
 */
#ifndef AC_CLI_NOTIFY_H
#define AC_CLI_NOTIFY_H

#include <stdint.h>

/* "READY=1", "STOPPING=1" … Async-signal-safe. */
void ac_notify(const char *state);

/*
 * Sends WATCHDOG=1 three times in WATCHDOG_USEC as long as alive_us(arg), the time (ac_now_us) at which what
 * is watched last moved, is not older than that; a thread of its own. NULL where no watchdog is wanted.
 */
struct ac_watchdog;
struct ac_watchdog *ac_watchdog_start(int64_t (*alive_us)(void *arg), void *arg);
void ac_watchdog_stop(struct ac_watchdog *w); /* NULL is fine */

#endif
