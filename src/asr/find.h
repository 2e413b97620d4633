/*
 * Where a recogniser's model files are: a folder (models/ENGINE-NAME, as `avatar-chat models pull` makes it,
 * or any other) and in it files by the ends of their names.
 */
#ifndef AC_ASR_FIND_H
#define AC_ASR_FIND_H

#include "avatarchat/handler.h"

/* What to do when a model is missing or broken, malloc'ed: "run 'avatar-chat models pull ENGINE-NAME' …". */
char *ac_asr_remedy(const char *engine, const char *name);
/* name: with a slash a folder, else models/ENGINE-NAME. *folder is malloc'ed. AC_EMODEL, with the remedy. */
int ac_asr_find_folder(char **folder, const char *engine, const char *name, const char *remedy,
                       struct ac_env *env);
/* The first file that fits pattern, else other (may be NULL); *path is malloc'ed. AC_EMODEL, with the remedy.
 */
int ac_asr_find_file(char **path, const char *folder, const char *pattern, const char *other,
                     const char *remedy, struct ac_env *env);

#endif
