/* Fetching one model: download with resume, checksum, unpacking. Blocks. One thread. */
#ifndef AC_CLI_MODELS_PULL_H
#define AC_CLI_MODELS_PULL_H

#include "cli/models_list.h"

#include <stdbool.h>

struct ac_model_pull {
    const char *dir;        /* models are folders below */
    const char *mirror;     /* NULL, or an address that has the archives under their names */
    bool accept_unverified; /* use an archive for which the list has no checksum */
    bool bar;               /* draw a progress bar on standard error */
};

/*
 * Fetches the model into DIR/NAME. What was downloaded stays as DIR/NAME.part until it is unpacked, and a
 * later call goes on from there. AC_EIO, AC_ETIMEDOUT, AC_EINVAL (wrong checksum, no archive), AC_ECONFIG (no
 * checksum and not accepted); *why says it with the remedy.
 */
int ac_model_pull(const struct ac_model_entry *e, const struct ac_model_pull *p, struct ac_str *why);

#endif
