/*
 * Loading of the page's files into a sorted table. See assets.h.
 */
#include "server/assets.h"

#include "avatarchat/err.h"
#include "base/mem.h"
#include "base/str.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

enum { FILE_MAX_BYTES = 64 << 20, GZIP_MIN_BYTES = 1024, MAX_DEPTH = 16 };
static const size_t total_max_bytes = 256u << 20;

struct asset {
    char *path;
    char *data, *gzip;
    struct ac_content content;
};

struct ac_assets {
    struct asset *items;
    size_t n, cap, bytes;
};

static const struct {
    const char *ending, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".map", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".svg", "image/svg+xml"},
    {".txt", "text/plain; charset=utf-8"},
    {".md", "text/markdown; charset=utf-8"},
    {".xml", "application/xml"},
    {".wasm", "application/wasm"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".jpeg", "image/jpeg"},
    {".gif", "image/gif"},
    {".webp", "image/webp"},
    {".avif", "image/avif"},
    {".ico", "image/x-icon"},
    {".woff", "font/woff"},
    {".woff2", "font/woff2"},
    {".ttf", "font/ttf"},
    {".mp4", "video/mp4"},
    {".webm", "video/webm"},
    {".m4a", "audio/mp4"},
    {".mp3", "audio/mpeg"},
    {".wav", "audio/wav"},
    {".ogg", "audio/ogg"},
};

const char *ac_mime_type(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *dot = strrchr(slash ? slash : path, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
        if (!strcasecmp(dot, types[i].ending))
            return types[i].type;
    return "application/octet-stream";
}

static bool is_compressible(const char *type)
{
    return !strncmp(type, "text/", 5) || strstr(type, "json") || strstr(type, "xml") || strstr(type, "wasm");
}

bool ac_path_is_hashed(const char *path)
{
    enum { HASH = 8 };
    const char *dot = strrchr(path, '.'), *folder = strstr(path, "/assets/");
    if (!folder || !dot || dot - folder < 8 + HASH + 2 || dot[-HASH - 1] != '-')
        return false;
    bool mixed = false;
    for (const char *p = dot - HASH; p < dot; p++) {
        bool lower = *p >= 'a' && *p <= 'z';
        bool other = (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == '_' || *p == '-';
        if (!lower && !other)
            return false;
        mixed |= other && *p != '-';
    }
    return mixed; /* eight plain letters are a word, not a hash */
}

void ac_content_tag(struct ac_content *c)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < c->len; i++)
        h = (h ^ (unsigned char)c->data[i]) * 0x100000001b3u;
    snprintf(c->tag, sizeof c->tag, "%016" PRIx64, h);
}

char *ac_gzip(const char *data, size_t len, size_t *out_len)
{
    z_stream z = {0};
    char *out = NULL;
    if (deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        return NULL;
    size_t cap = len - len / 10;
    out = ac_try_alloc(cap + 1);
    if (!out)
        goto out;
    z.next_in = (unsigned char *)data;
    z.avail_in = (uInt)len;
    z.next_out = (unsigned char *)out;
    z.avail_out = (uInt)cap;
    if (deflate(&z, Z_FINISH) != Z_STREAM_END) {
        free(out);
        out = NULL;
        goto out;
    }
    *out_len = z.total_out;
out:
    deflateEnd(&z);
    return out;
}

static int add_file(struct ac_assets *a, const char *file, const char *path, char *reason)
{
    char *data = NULL;
    size_t len = 0;
    int err = ac_read_file(file, FILE_MAX_BYTES, &data, &len);
    if (!err && a->bytes + len > total_max_bytes)
        err = AC_ELIMIT;
    if (err) {
        free(data);
        snprintf(reason, 256, "cannot load %s into memory: %s (limit: 64 MB a file, 256 MB in all)", file,
                 ac_err_text(err));
        return err;
    }
    if (a->n == a->cap) {
        a->cap = a->cap ? 2 * a->cap : 64;
        a->items = ac_realloc_array(a->items, a->cap, sizeof *a->items);
    }
    struct asset *it = &a->items[a->n++];
    *it = (struct asset){.path = ac_strdup(path), .data = data};
    struct ac_content *c = &it->content;
    c->type = ac_mime_type(path);
    c->data = data;
    c->len = len;
    c->cache = ac_path_is_hashed(path) ? "public, max-age=31536000, immutable" : "no-cache";
    ac_content_tag(c);
    if (len >= GZIP_MIN_BYTES && is_compressible(c->type))
        c->gzip = it->gzip = ac_gzip(data, len, &c->gzip_len);
    a->bytes += len + c->gzip_len;
    return 0;
}

static int add_folder(struct ac_assets *a, const char *dir, const char *path, int depth, char *reason)
{
    int err = 0;
    DIR *d = opendir(dir);
    if (!d) {
        snprintf(reason, 256, "cannot read the folder %s", dir);
        return AC_EIO;
    }
    struct dirent *e;
    while (!err && (e = readdir(d))) {
        struct stat st;
        if (e->d_name[0] == '.')
            continue;
        char *file = ac_asprintf("%s/%s", dir, e->d_name);
        char *sub = ac_asprintf("%s/%s", path, e->d_name);
        if (lstat(file, &st) == 0) {
            if (S_ISREG(st.st_mode))
                err = add_file(a, file, sub, reason);
            else if (S_ISDIR(st.st_mode) && depth < MAX_DEPTH)
                err = add_folder(a, file, sub, depth + 1, reason);
        }
        free(file);
        free(sub);
    }
    closedir(d);
    return err;
}

static int compare(const void *x, const void *y)
{
    return strcmp(((const struct asset *)x)->path, ((const struct asset *)y)->path);
}

int ac_assets_load(struct ac_assets **assets, const char *dir, char *reason)
{
    int err;
    struct stat st;
    struct ac_assets *a = ac_zalloc(sizeof *a);
    if (stat(dir, &st) || !S_ISDIR(st.st_mode)) {
        snprintf(reason, 256, "there is no folder %s", dir);
        err = AC_ENOENT;
        goto fail;
    }
    err = add_folder(a, dir, "", 0, reason);
    if (err)
        goto fail;
    if (a->n)
        qsort(a->items, a->n, sizeof *a->items, compare);
    if (!ac_assets_find(a, "/")) {
        snprintf(reason, 256, "there is no index.html in %s", dir);
        err = AC_ENOENT;
        goto fail;
    }
    *assets = a;
    return 0;
fail:
    ac_assets_free(a);
    return err;
}

void ac_assets_free(struct ac_assets *a)
{
    if (!a)
        return;
    for (size_t i = 0; i < a->n; i++) {
        free(a->items[i].path);
        free(a->items[i].data);
        free(a->items[i].gzip);
    }
    free(a->items);
    free(a);
}

static const struct ac_content *find_file(const struct ac_assets *a, const char *path)
{
    struct asset key = {.path = (char *)path};
    struct asset *hit = a->n ? bsearch(&key, a->items, a->n, sizeof key, compare) : NULL;
    return hit ? &hit->content : NULL;
}

const struct ac_content *ac_assets_find(const struct ac_assets *a, const char *path)
{
    const struct ac_content *c = find_file(a, path);
    if (c || *path != '/')
        return c;
    char *index = ac_asprintf("%s%sindex.html", path, path[strlen(path) - 1] == '/' ? "" : "/");
    c = find_file(a, index);
    free(index);
    return c;
}

size_t ac_assets_count(const struct ac_assets *a)
{
    return a->n;
}

size_t ac_assets_bytes(const struct ac_assets *a)
{
    return a->bytes;
}
