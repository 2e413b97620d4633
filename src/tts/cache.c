/* The phrase cache (cache.h). A file: head, key, notes, sound, SHA-256 of all before it. */
#include "tts/cache.h"

#include "base/log.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HASH = 32, NAME = 2 * HASH + 1, KEEP_PERCENT = 90 };
static const char suffix[] = ".phrase";

struct head {
    char magic[8];
    uint32_t key_len, notes_len, sound_len, zero;
};
static const char magic[8] = "acphras1";

struct ac_tts_cache {
    char *dir;
    const char *log_name;
    int64_t max_bytes;
    pthread_mutex_t lock;
    int64_t bytes; /* lock: of all files, as far as this process knows */
};

/* ---- files ---- */

char *ac_tts_cache_home(void)
{
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

    if (xdg && *xdg == '/')
        return ac_asprintf("%s/avatar-chat", xdg);
    return home && *home == '/' ? ac_asprintf("%s/.cache/avatar-chat", home) : NULL;
}

int ac_tts_make_folder(const char *path)
{
    char *p = ac_strdup(path);
    struct stat st;

    for (char *slash = strchr(p + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(p, 0700);
        *slash = '/';
    }
    bool made = mkdir(p, 0700) == 0 || errno == EEXIST;
    int err = made && stat(p, &st) == 0 && S_ISDIR(st.st_mode) && access(p, W_OK | X_OK) == 0 ? 0 : AC_EIO;
    free(p);
    return err;
}

int ac_tts_write_file(const char *path, const struct ac_str *data)
{
    static atomic_uint number;
    char *beside = ac_asprintf("%s.%ld-%u", path, (long)getpid(), atomic_fetch_add(&number, 1));
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), err = fd < 0 ? AC_EIO : 0;

    for (size_t at = 0; !err && at < data->len;) {
        ssize_t n = write(fd, data->p + at, data->len - at);
        if (n > 0)
            at += (size_t)n;
        else if (n == 0 || errno != EINTR)
            err = AC_EIO;
    }
    if (fd >= 0 && close(fd) != 0)
        err = AC_EIO;
    if (!err && rename(beside, path) != 0)
        err = AC_EIO;
    if (err && fd >= 0)
        unlink(beside);
    free(beside);
    return err;
}

static void hash(const char *data, size_t n, unsigned char out[HASH])
{
    EVP_Digest(data, n, out, NULL, EVP_sha256(), NULL);
}

static char *path_of(const struct ac_tts_cache *c, const struct ac_str *key)
{
    unsigned char digest[HASH];
    char name[NAME];

    hash(key->p, key->len, digest);
    for (size_t i = 0; i < HASH; i++)
        snprintf(name + 2 * i, 3, "%02x", digest[i]);
    return ac_asprintf("%s/%s%s", c->dir, name, suffix);
}

/* ---- keeping to the size ---- */

struct kept {
    char *path;
    int64_t bytes;
    struct timespec used;
};

/* The latest first. */
static int by_use(const void *a, const void *b)
{
    const struct timespec *x = &((const struct kept *)a)->used, *y = &((const struct kept *)b)->used;

    if (x->tv_sec != y->tv_sec)
        return x->tv_sec < y->tv_sec ? 1 : -1;
    return x->tv_nsec < y->tv_nsec ? 1 : x->tv_nsec > y->tv_nsec ? -1 : 0;
}

static bool is_ours(const char *name)
{
    return strstr(name, suffix) != NULL; /* those that were never renamed as well */
}

/* Sums up what is there, and deletes from the one that was used last on what goes over the size. */
static void tidy(struct ac_tts_cache *c, int64_t max_bytes)
{
    DIR *d = opendir(c->dir);
    struct kept *list = NULL;
    size_t n = 0, cap = 0;
    int64_t sum = 0;

    for (struct dirent *e; d && (e = readdir(d));) {
        struct stat st;
        if (!is_ours(e->d_name) || fstatat(dirfd(d), e->d_name, &st, 0) != 0 || !S_ISREG(st.st_mode))
            continue;
        if (n == cap) {
            cap = cap ? 2 * cap : 64;
            list = ac_realloc_array(list, cap, sizeof *list);
        }
        list[n++] = (struct kept){ac_asprintf("%s/%s", c->dir, e->d_name), st.st_size, st.st_mtim};
    }
    if (d)
        closedir(d);
    if (n)
        qsort(list, n, sizeof *list, by_use);
    for (size_t i = 0; i < n; i++) {
        if (sum + list[i].bytes > max_bytes)
            unlink(list[i].path);
        else
            sum += list[i].bytes;
        free(list[i].path);
    }
    free(list);
    c->bytes = sum;
}

/* ---- the calls ---- */

struct ac_tts_cache *ac_tts_cache_open(const char *dir, int max_mb, const char *log_name)
{
    char *home = *dir ? NULL : ac_tts_cache_home();
    char *path = *dir ? ac_strdup(dir) : home ? ac_asprintf("%s/phrases", home) : NULL;
    struct ac_tts_cache *c = NULL;

    free(home);
    if (max_mb == 0) {
        free(path);
        return NULL;
    }
    if (!path || ac_tts_make_folder(path) != 0) {
        ac_log_warn(log_name, "no_phrase_cache", AC_S("dir", path ? path : ""),
                    AC_S("reason", "the folder cannot be made or written; set cache_dir, or cache_mb to 0"));
        free(path);
        return NULL;
    }
    c = ac_zalloc(sizeof *c);
    c->dir = path;
    c->log_name = log_name;
    c->max_bytes = (int64_t)max_mb << 20;
    pthread_mutex_init(&c->lock, NULL);
    tidy(c, c->max_bytes);
    return c;
}

void ac_tts_cache_close(struct ac_tts_cache *c)
{
    if (!c)
        return;
    pthread_mutex_destroy(&c->lock);
    free(c->dir);
    free(c);
}

static bool is_whole(const char *data, size_t len, const struct ac_str *key)
{
    unsigned char digest[HASH];
    struct head h;

    if (len < sizeof h + HASH)
        return false;
    memcpy(&h, data, sizeof h);
    if (memcmp(h.magic, magic, sizeof magic) != 0 || h.key_len != key->len ||
        sizeof h + (uint64_t)h.key_len + h.notes_len + h.sound_len + HASH != len)
        return false;
    hash(data, len - HASH, digest);
    return memcmp(digest, data + len - HASH, HASH) == 0 && memcmp(data + sizeof h, key->p, key->len) == 0;
}

bool ac_tts_cache_get(struct ac_tts_cache *c, const struct ac_str *key, struct ac_str *notes,
                      struct ac_str *sound)
{
    char *data = NULL;
    size_t len;

    if (!c)
        return false;
    char *path = path_of(c, key);
    bool found = ac_read_file(path, (size_t)c->max_bytes, &data, &len) == 0;
    if (found && !is_whole(data, len, key)) {
        ac_log_warn(c->log_name, "damaged_phrase_dropped", AC_S("file", path));
        unlink(path);
        found = false;
    }
    if (found) {
        struct head h;
        memcpy(&h, data, sizeof h);
        const char *at = data + sizeof h + h.key_len;
        ac_str_add_n(notes, at, h.notes_len);
        ac_str_add_n(sound, at + h.notes_len, h.sound_len);
        utimensat(AT_FDCWD, path, NULL, 0); /* used now */
    }
    free(data);
    free(path);
    return found;
}

void ac_tts_cache_put(struct ac_tts_cache *c, const struct ac_str *key, const struct ac_str *notes,
                      const struct ac_str *sound)
{
    struct head h = {
        .key_len = (uint32_t)key->len, .notes_len = (uint32_t)notes->len, .sound_len = (uint32_t)sound->len};
    struct ac_str data = {0};
    unsigned char digest[HASH];

    if (!c || (int64_t)(sizeof h + key->len + notes->len + sound->len + HASH) > c->max_bytes / 4)
        return; /* nothing that would push most of the others out */
    memcpy(h.magic, magic, sizeof magic);
    ac_str_add_n(&data, (const char *)&h, sizeof h);
    ac_str_add_n(&data, key->p, key->len);
    if (notes->len)
        ac_str_add_n(&data, notes->p, notes->len);
    ac_str_add_n(&data, sound->p, sound->len);
    hash(data.p, data.len, digest);
    ac_str_add_n(&data, (const char *)digest, HASH);
    char *path = path_of(c, key);
    if (ac_tts_write_file(path, &data) != 0)
        ac_log_warn(c->log_name, "phrase_not_kept", AC_S("file", path),
                    AC_S("reason", "the disk is full, or "
                                   "the folder is gone"));
    pthread_mutex_lock(&c->lock);
    c->bytes += (int64_t)data.len;
    if (c->bytes > c->max_bytes)
        tidy(c, c->max_bytes * KEEP_PERCENT / 100);
    pthread_mutex_unlock(&c->lock);
    free(path);
    ac_str_free(&data);
}
