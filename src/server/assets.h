/*
 * The files of the page, held in memory: path, type, bytes, the gzip -9 form where it is smaller, entity
 * tags.
 *
 * Loaded once at start; a request is a look-up of its exact path, so no request can reach a file that was not
 * loaded. Read-only afterwards; any thread.
 */
#ifndef AC_SERVER_ASSETS_H
#define AC_SERVER_ASSETS_H

#include <stdbool.h>
#include <stddef.h>

/* Something to serve. Used for files and for anything else that has bytes, a type and a tag. */
struct ac_content {
    const char *type; /* of the Content-Type header */
    const char *data;
    size_t len;
    const char *gzip; /* NULL: not worth it */
    size_t gzip_len;
    char tag[20];      /* of the bytes: 16 hex digits */
    const char *cache; /* of the Cache-Control header */
};

struct ac_assets;

/*
 * Reads every regular file below dir (no hidden ones, no symbolic links). On failure reason (at least 256
 * bytes) says why: AC_ENOENT no folder or no index.html in it, AC_ELIMIT too large, AC_EIO.
 */
int ac_assets_load(struct ac_assets **assets, const char *dir, char *reason);
void ac_assets_free(struct ac_assets *assets); /* NULL is fine */
/* By absolute URL path, decoded ("/assets/x.js"); a folder ("/", "/monitor", "/monitor/") is its index.html.
 * NULL when there is none. */
const struct ac_content *ac_assets_find(const struct ac_assets *assets, const char *path);
size_t ac_assets_count(const struct ac_assets *assets);
size_t ac_assets_bytes(const struct ac_assets *assets);

/* Content-Type by the ending of the path. */
const char *ac_mime_type(const char *path);
/* True for names a bundler made from the file's content ("/assets/index-B1x_2cD4.js", "/monitor/assets/…").
 */
bool ac_path_is_hashed(const char *path);
/* Fills tag from the bytes. */
void ac_content_tag(struct ac_content *c);
/* gzip -9; the result is malloc'ed, NULL when it would not be at least a tenth smaller. */
char *ac_gzip(const char *data, size_t len, size_t *out_len);

#endif
