/* Model files on disk: checksums, taking files out of an archive. One thread. */
#ifndef AC_CLI_MODELS_FILES_H
#define AC_CLI_MODELS_FILES_H

#include "cli/models_list.h"

#define AC_MODEL_SUMS "SHA256SUMS" /* in each model's folder, as sha256sum -c reads it */

/*
 * Takes the model's files out of the archive into the new folder and writes AC_MODEL_SUMS there. Where the
 * model's address names no tar archive, the file itself is moved there, as its only file. AC_EINVAL it is no
 * archive or lacks a file, AC_EIO; *why says it. What was written is removed on failure.
 */
int ac_model_unpack(const struct ac_model_entry *e, const char *archive, const char *folder,
                    struct ac_str *why);
/* Checks the files against AC_MODEL_SUMS. AC_ENOENT not there; AC_EINVAL with *why: which file is wrong. */
int ac_model_verify(const struct ac_model_entry *e, const char *folder, struct ac_str *why);
/*
 * Puts the new folder in the place of one that may be there; what else lies in that one stays. AC_EIO with
 * *why.
 */
int ac_model_replace(const struct ac_model_entry *e, const char *fresh, const char *folder,
                     struct ac_str *why);
/* Removes the model's files, and the folder where nothing else is in it. */
void ac_model_remove(const struct ac_model_entry *e, const char *folder);

#endif
