/* The list of models that can be fetched (config/models.yaml), and where they are. One thread. */
#ifndef AC_CLI_MODELS_LIST_H
#define AC_CLI_MODELS_LIST_H

#include "base/str.h"

enum { AC_MODEL_FILES = 8 };

/* All strings are owned by the list; "" where the list does not say. */
struct ac_model_entry {
    char *name, *engine, *help, *license, *license_url, *url, *sha256;
    int64_t bytes; /* of the archive, 0 = not said */
    char *files[AC_MODEL_FILES];
    size_t n_files;
};

struct ac_model_list {
    struct ac_model_entry *items;
    size_t n;
};

/* Reads the list. AC_ENOENT, AC_EIO, AC_ECONFIG with *why: "FILE:LINE: what is wrong". */
int ac_model_list_read(struct ac_model_list *list, const char *path, struct ac_str *why);
void ac_model_list_free(struct ac_model_list *list);
/* NULL when there is none of that name. */
const struct ac_model_entry *ac_model_list_find(const struct ac_model_list *list, const char *name);

#endif
