/* Inside of the studio, shared by studio.c (jobs) and studio_files.c (the folder). */
#ifndef AC_CORE_STUDIO_PRIVATE_H
#define AC_CORE_STUDIO_PRIVATE_H

#include "core/studio.h"

/* The folder for $AVATAR_CHAT_DATA as it is, malloc'ed. */
char *studio_folder_path(void);
/* Notes beside a made avatar whose it is; AC_EIO. */
int studio_mark(const char *folder, const char *id, const char *owner);
/* Removes what was on its way out, or in, when an earlier process was killed. */
void studio_sweep(const char *folder);
/* A name to begin with: what of the person's name is ASCII, in lower case; "avatar" where nothing is. */
void studio_slug(const char *name, char slug[41]);

/* The folder of m, "avatars" or below a data directory. */
const char *studio_folder(const struct ac_studio *m);

#endif
