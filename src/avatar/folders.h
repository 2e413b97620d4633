/*
 * avatars/ID: where the people of the avatar engines are, and which of them are whose.
 *
 * A folder of that name with an avatar.yaml is a person, below the working directory or a data directory; the
 * first that ac_env_path finds counts. One that is a template (template.h) is a real face and wav2lip's, any
 * other is drawn and character's.
 *
 * Threads: any.
 */
#ifndef AC_AVATAR_FOLDERS_H
#define AC_AVATAR_FOLDERS_H

#include "avatarchat/handler.h"

enum {
    AC_FOLDERS_MAX = 256, /* people of an engine; further ones are not listed */
    AC_FOLDERS_MAX_ID = 63,
    AC_FOLDERS_SIDE = 512, /* of a picture, where a session has no wish */
    AC_FOLDERS_MIN_SIDE = 64,
    AC_FOLDERS_MAX_SIDE = 1920,
};

enum ac_person { AC_PERSON_DRAWN, AC_PERSON_REAL };

struct ac_folders {
    char *name[AC_FOLDERS_MAX];
    size_t n;
};

/* Small letters, digits, _ and -, 63 at most: nothing that leads out of a folder. */
bool ac_folders_id_is_safe(const char *id);
/* The folder of a person, malloc'ed, and which kind it is (may be NULL); NULL where there is none. */
char *ac_folders_of(const struct ac_env *env, const char *id, enum ac_person *kind);
/*
 * All people of the kind by name, in order, but `first` (the configured one) at the head: a page that has no
 * other wish shows the first. Fills names; the caller's (ac_folders_free).
 */
void ac_folders_find(struct ac_folders *names, const struct ac_env *env, enum ac_person kind,
                     const char *first);
void ac_folders_free(struct ac_folders *names);

/* The size of picture that a session asks for, or the usual one; AC_EINVAL, said in env, where none is drawn.
 */
int ac_folders_size(struct ac_env *env, int *width, int *height);

#endif
