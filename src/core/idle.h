/*
 * Idle life: one period of an avatar's idle motion as an ordinary MP4 that loops without a jump, and a
 * poster. Made on first use, kept in memory, shared. Blocks for up to a second on first use: call it from a
 * worker, not the loop thread. Any thread.
 */
#ifndef AC_CORE_IDLE_H
#define AC_CORE_IDLE_H

#include "core/models.h"

#include <stdatomic.h>

struct ac_idle;

struct ac_idle *ac_idle_new(struct ac_models *models, const struct ac_config *cfg);
void ac_idle_free(struct ac_idle *idle);
/* A clip or a poster. Who was given one holds it. */
struct ac_idle_media {
    char *data;
    size_t len;
    atomic_int users;
};
void ac_idle_media_unref(struct ac_idle_media *media); /* NULL is fine; any thread */
/*
 * The clip (video/mp4, silent) or the poster (image/jpeg) of an avatar ("" = the configured one) at size×size
 * (256, 360, 512, 720 or 1080, else AC_EINVAL). Where its engine fails it is of the one that stands in, as in
 * speech. AC_ENOENT for an unknown avatar; reason as in ac_instance_open.
 */
int ac_idle_clip(struct ac_idle *idle, const char *avatar, int size, struct ac_idle_media **media,
                 char *reason);
int ac_idle_poster(struct ac_idle *idle, const char *avatar, int size, struct ac_idle_media **media,
                   char *reason);
/* The avatar is gone, or is another one now. */
void ac_idle_forget(struct ac_idle *idle, const char *avatar);

#endif
