/*
 * Making avatars of people's files while the server runs: jobs, one after the other, on a thread of its own
 * at low priority, so that talking sessions do not notice. Who gave the file asks for the job's state by its
 * name, which nobody can guess.
 *
 * Made ones are in the folder `avatars` below $AVATAR_CHAT_DATA, or where that is not set below the working
 * directory: both are places where engines look. Each has a file upload.json, which tells that it came this
 * way and whose it is; only such are removed again.
 *
 * Threads: any, but for the ends (new and free); all that take an id or a wish touch the disk.
 */
#ifndef AC_CORE_STUDIO_H
#define AC_CORE_STUDIO_H

#include "core/models.h"

enum {
    AC_STUDIO_JOB = 37,   /* bytes of a job's name */
    AC_STUDIO_OWNER = 65, /* of an owner's */
    AC_STUDIO_NAME = 161, /* of a person's name in UTF-8 … */
    AC_STUDIO_CHARS = 40, /* … and its characters */
    AC_STUDIO_LICENCE = 401,
    AC_STUDIO_FOUND = 12,  /* lines that are kept */
    AC_STUDIO_WAITING = 4, /* jobs that wait or run */
};

enum ac_making {
    AC_MAKING_WAITING = 1,
    AC_MAKING_RUNNING,
    AC_MAKING_DONE,
    AC_MAKING_FAILED,
    AC_MAKING_CANCELLED,
};
const char *ac_making_name(enum ac_making state); /* "waiting" … */

/* What is to be made. */
struct ac_studio_wish {
    char id[64]; /* "" = made from the name */
    char name[AC_STUDIO_NAME], licence[AC_STUDIO_LICENCE], gender[8];
    char owner[AC_STUDIO_OWNER]; /* may remove it again; "" = nobody but the administrator */
    char visitor[64];            /* whose job it counts as */
};

struct ac_studio_job {
    enum ac_making state;
    double progress; /* 0 … 1 */
    char step[64];
    size_t n_found;
    char found[AC_STUDIO_FOUND][160];
    char avatar[64], name[AC_STUDIO_NAME], gender[8]; /* avatar: its id */
    int err;                                          /* FAILED: why */
    char code[32], reason[256];                       /* "" where the engine gives no code */
};

struct ac_studio;

/*
 * cfg and models are borrowed until the end. timeout_s: what one job may take. Removes what an earlier
 * process left behind.
 */
struct ac_studio *ac_studio_new(struct ac_models *models, const struct ac_config *cfg, int timeout_s);
/*
 * Cancels what runs, waits for its end, forgets the rest. NULL is fine. False: an engine did not stop; what
 * it uses (models, configuration) must stay until the process ends.
 */
bool ac_studio_free(struct ac_studio *m);

/* The folder, made when it is missing. On failure AC_EIO and reason (256 bytes). */
int ac_studio_folder(struct ac_studio *m, char *reason);
/* Whether some engine can make an avatar. */
bool ac_studio_able(const struct ac_studio *m);
/* Jobs that wait or run: of a visitor, of all (NULL). */
size_t ac_studio_busy(struct ac_studio *m, const char *visitor);
/* A nameless file in the folder, so that nothing is left of it whatever happens; -1 and errno. */
int ac_studio_file(struct ac_studio *m);
/*
 * Has an avatar made of the file, whose descriptor it takes over in any case. AC_EFULL too many wait,
 * AC_EBUSY the id is taken (in both cases with a reason), else the job's name is in job.
 */
int ac_studio_add(struct ac_studio *m, const struct ac_studio_wish *wish, int fd, char job[AC_STUDIO_JOB],
                  char *reason);
/* False where there is no such job (any more: the last 32 are kept). */
bool ac_studio_look(struct ac_studio *m, const char *job, struct ac_studio_job *out);
/* Takes it back, or forgets it where it has ended. False where there is none. What is
 * whole by then goes as well. */
bool ac_studio_cancel(struct ac_studio *m, const char *job);

/* Whether it can be an avatar's id: 1 to 63 of a-z 0-9 _ -, not a - first. */
bool ac_studio_id_valid(const char *id);
/* Whether the avatar came by an upload; owner (may be NULL) gets whose it is. */
bool ac_studio_uploaded(struct ac_studio *m, const char *id, char owner[AC_STUDIO_OWNER]);
/* The picture for people to check, malloc'ed; AC_ENOENT. */
int ac_studio_preview(struct ac_studio *m, const char *id, char **data, size_t *len);
/* Removes an uploaded avatar. AC_ENOENT, AC_EIO. */
int ac_studio_remove(struct ac_studio *m, const char *id);

#endif
