/*
 * avatar.yaml: a YAML file with fixed keys. libyaml's document tree keeps the line of every value, so that
 * each complaint names file, line and what is expected there. Every key must be present and no other may be:
 * a typing error is never silently a default.
 *
 * The first complaint counts (it is the one to mend first); after it every function gives something harmless.
 * Threads: a form is used by one at a time.
 */
#ifndef AC_AVATAR_FORM_H
#define AC_AVATAR_FORM_H

#include "avatarchat/handler.h"

#include <yaml.h>

struct ac_form {
    yaml_document_t doc;
    yaml_node_t *root;
    const char *path; /* borrowed */
    struct ac_env *env;
    bool loaded;
    int err; /* of the first complaint: AC_ECONFIG, said in env */
};

/* AC_ENOENT, AC_EIO, AC_ELIMIT, AC_ECONFIG (no YAML, empty), all said in env. Closed by itself on failure. */
int ac_form_open(struct ac_form *r, const char *path, size_t max_bytes, struct ac_env *env);
void ac_form_close(struct ac_form *r); /* again is fine */

/* "FILE:LINE: what is wrong", at the value (NULL: the first line). */
void ac_form_complain(struct ac_form *r, const yaml_node_t *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The value of a key that must be there; NULL where it is not. */
yaml_node_t *ac_form_child(struct ac_form *r, yaml_node_t *map, const char *key);
/* Refuses keys that are not among the n known ones. */
void ac_form_check_keys(struct ac_form *r, yaml_node_t *map, const char *const *known, size_t n);
#define AC_FORM_KEYS(r, map, ...)                                                                            \
    do {                                                                                                     \
        static const char *const known_[] = {__VA_ARGS__};                                                   \
        if (map)                                                                                             \
            ac_form_check_keys(r, map, known_, sizeof known_ / sizeof *known_);                              \
    } while (0)
/* A plain value that is not empty; borrowed from the form, "" where there is none. */
const char *ac_form_scalar(struct ac_form *r, yaml_node_t *map, const char *key);
/* The same, but it may be empty. */
const char *ac_form_text(struct ac_form *r, yaml_node_t *map, const char *key);
/* Fills max numbers at most; returns how many there are. exact: any other count is an error. */
int ac_form_numbers(struct ac_form *r, yaml_node_t *map, const char *key, float *out, int max, bool exact);
/* The same for a value that is at hand; key names it in complaints. */
int ac_form_list(struct ac_form *r, yaml_node_t *v, const char *key, float *out, int max, bool exact);
/* A number between lo and hi. */
float ac_form_number(struct ac_form *r, yaml_node_t *map, const char *key, float lo, float hi);

#endif
