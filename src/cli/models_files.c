/* Archives with libarchive, checksums of their files (models_files.h). */
#include "cli/models_files.h"

#include "avatarchat/err.h"
#include "base/mem.h"
#include "base/sha256.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK_BYTES = 1 << 16 };

/* ---- unpacking ---- */

static const char *wanted(const struct ac_model_entry *e, const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL, *name = slash ? slash + 1 : path;

    for (size_t i = 0; name && i < e->n_files; i++) {
        if (strcmp(e->files[i], name) == 0)
            return e->files[i];
    }
    return NULL;
}

static int extract(struct archive *a, const char *path, struct ac_str *why)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

    if (fd < 0) {
        ac_str_addf(why, "%s: %s", path, strerror(errno));
        return AC_EIO;
    }
    int got = archive_read_data_into_fd(a, fd);
    if (close(fd) != 0 || got != ARCHIVE_OK) {
        ac_str_addf(why, "%s: %s", path, got != ARCHIVE_OK ? archive_error_string(a) : strerror(errno));
        return AC_EIO;
    }
    return AC_OK;
}

static int extract_all(const struct ac_model_entry *e, struct archive *a, const char *folder,
                       struct ac_str *why)
{
    struct archive_entry *entry;
    size_t found = 0;
    int got = ARCHIVE_OK, err = AC_OK;

    while (!err && found < e->n_files && (got = archive_read_next_header(a, &entry)) == ARCHIVE_OK) {
        const char *name = wanted(e, archive_entry_pathname(entry));
        if (!name || archive_entry_filetype(entry) != AE_IFREG)
            continue;
        char *path = ac_asprintf("%s/%s", folder, name);
        err = extract(a, path, why);
        free(path);
        found++;
    }
    if (err)
        return err;
    if (found < e->n_files) {
        ac_str_addf(why, "%s",
                    got == ARCHIVE_EOF ? "the archive lacks some of the model's files"
                                       : archive_error_string(a));
        return AC_EINVAL;
    }
    return AC_OK;
}

static int write_sums(const struct ac_model_entry *e, const char *folder, struct ac_str *why)
{
    char *path = ac_asprintf("%s/" AC_MODEL_SUMS, folder), hex[65];
    FILE *f = fopen(path, "we");
    bool ok = f != NULL;

    for (size_t i = 0; ok && i < e->n_files; i++) {
        char *file = ac_asprintf("%s/%s", folder, e->files[i]);
        ok = ac_sha256_file(file, hex) == 0 && fprintf(f, "%s  %s\n", hex, e->files[i]) > 0;
        free(file);
    }
    if (f && fclose(f) != 0)
        ok = false;
    if (!ok)
        ac_str_addf(why, "%s: %s", path, strerror(errno));
    free(path);
    return ok ? AC_OK : AC_EIO;
}

/* Whether the last part of the address says that it is a tar archive. */
static bool is_archive(const char *url)
{
    static const char *const ends[] = {".tgz", ".tbz2", ".txz"};
    const char *slash = strrchr(url, '/'), *name = slash ? slash + 1 : url;
    bool yes = strstr(name, ".tar") != NULL;
    size_t n = strlen(name);

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        yes = yes || (n > strlen(ends[i]) && strcmp(name + n - strlen(ends[i]), ends[i]) == 0);
    return yes;
}

static int move_alone(const struct ac_model_entry *e, const char *file, const char *folder,
                      struct ac_str *why)
{
    if (e->n_files != 1) {
        ac_str_addf(why, "the list of models names %zu files of '%s', which is no archive", e->n_files,
                    e->url);
        return AC_EINVAL;
    }
    char *path = ac_asprintf("%s/%s", folder, e->files[0]);
    int err = rename(file, path) == 0 ? AC_OK : AC_EIO;
    if (err)
        ac_str_addf(why, "%s: %s", path, strerror(errno));
    free(path);
    return err;
}

static int unpack_archive(const struct ac_model_entry *e, const char *archive, const char *folder,
                          struct ac_str *why)
{
    struct archive *a = archive_read_new();
    int err = AC_EINVAL;

    archive_read_support_filter_all(a);
    archive_read_support_format_tar(a);
    if (archive_read_open_filename(a, archive, BLOCK_BYTES) == ARCHIVE_OK)
        err = extract_all(e, a, folder, why);
    else
        ac_str_addf(why, "%s", archive_error_string(a));
    archive_read_free(a);
    return err;
}

int ac_model_unpack(const struct ac_model_entry *e, const char *archive, const char *folder,
                    struct ac_str *why)
{
    if (mkdir(folder, 0755) != 0) {
        ac_str_addf(why, "%s: %s", folder, strerror(errno));
        return AC_EIO;
    }
    int err =
        is_archive(e->url) ? unpack_archive(e, archive, folder, why) : move_alone(e, archive, folder, why);
    if (!err)
        err = write_sums(e, folder, why);
    if (err)
        ac_model_remove(e, folder);
    return err;
}

static int move_file(const char *from_folder, const char *folder, const char *name, struct ac_str *why)
{
    char *from = ac_asprintf("%s/%s", from_folder, name), *to = ac_asprintf("%s/%s", folder, name);
    int err = rename(from, to) == 0 ? AC_OK : AC_EIO;

    if (err)
        ac_str_addf(why, "%s: %s", to, strerror(errno));
    free(from);
    free(to);
    return err;
}

int ac_model_replace(const struct ac_model_entry *e, const char *fresh, const char *folder,
                     struct ac_str *why)
{
    int err = AC_OK;

    ac_model_remove(e, folder);
    if (rename(fresh, folder) == 0)
        return AC_OK;
    for (size_t i = 0; i < e->n_files && !err; i++)
        err = move_file(fresh, folder, e->files[i], why);
    if (!err)
        err = move_file(fresh, folder, AC_MODEL_SUMS, why);
    ac_model_remove(e, fresh);
    return err;
}

/* ---- what is there ---- */

/* The checksum that the sums have for the file. */
static bool sum_of(const char *sums, const char *file, char hex[65])
{
    char *line = ac_asprintf("  %s\n", file);
    const char *at = strstr(sums, line);

    free(line);
    if (!at || at - sums < 64)
        return false;
    memcpy(hex, at - 64, 64);
    hex[64] = '\0';
    return true;
}

int ac_model_verify(const struct ac_model_entry *e, const char *folder, struct ac_str *why)
{
    char *path = ac_asprintf("%s/" AC_MODEL_SUMS, folder), *sums = NULL, want[65], have[65];
    size_t len;
    int err = access(folder, F_OK) != 0 ? AC_ENOENT : ac_read_file(path, 1 << 16, &sums, &len);

    if (err == AC_ENOENT && access(folder, F_OK) == 0) {
        ac_str_addf(why, "%s is missing: it was not made by 'avatar-chat models pull'", path);
        err = AC_EINVAL;
    }
    for (size_t i = 0; i < e->n_files && !err; i++) {
        char *file = ac_asprintf("%s/%s", folder, e->files[i]);
        if (!sum_of(sums, e->files[i], want))
            ac_str_addf(why, "%s does not name %s", path, e->files[i]);
        else if (ac_sha256_file(file, have) != 0)
            ac_str_addf(why, "%s cannot be read", file);
        else if (strcmp(want, have) != 0)
            ac_str_addf(why, "%s is not what it was: its checksum is %s", file, have);
        if (why->len)
            err = AC_EINVAL;
        free(file);
    }
    free(sums);
    free(path);
    return err;
}

void ac_model_remove(const struct ac_model_entry *e, const char *folder)
{
    for (size_t i = 0; i <= e->n_files; i++) {
        char *path = ac_asprintf("%s/%s", folder, i < e->n_files ? e->files[i] : AC_MODEL_SUMS);
        unlink(path);
        free(path);
    }
    rmdir(folder);
}
