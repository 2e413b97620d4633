/* The optimised folder (wav2lip_folder.h). */
#include "avatar/wav2lip_folder.h"

#include "base/mem.h"
#include "base/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FORMAT = 1, NS = 1000000000 };

static const char *const files[] = {"face.onnx", "mouth.onnx", "optimized.json"};
enum { N_FILES = sizeof files / sizeof *files };

char *ac_w2l_folder_of(const char *export_path)
{
    size_t n = strlen(export_path);

    if (n > 5 && strcmp(export_path + n - 5, ".onnx") == 0)
        n -= 5;
    return ac_asprintf("%.*s.optimized", (int)n, export_path);
}

int ac_w2l_folder_source(struct ac_w2l_folder *f, const char *export_path)
{
    struct stat st;

    if (stat(export_path, &st) != 0)
        return AC_EIO;
    f->source_bytes = st.st_size;
    f->source_mtime_ns = (int64_t)st.st_mtim.tv_sec * NS + st.st_mtim.tv_nsec;
    return 0;
}

/* ---- writing ---- */

static int sync_path(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return AC_EIO;
    int err = fsync(fd) == 0 ? 0 : AC_EIO;
    close(fd);
    return err;
}

static json_t *to_json(const struct ac_w2l_folder *f)
{
    return json_pack("{s:i, s:{s:s, s:I, s:I}, s:i, s:i, s:s, s:f, s:f, s:f, s:I, s:{s:s, s:s}}", "format",
                     FORMAT, "source", "sha256", f->source_sha256, "bytes", (json_int_t)f->source_bytes,
                     "mtime_ns", (json_int_t)f->source_mtime_ns, "side", f->side, "weight_max", f->weight_max,
                     "precision", f->precision, "psnr_db", f->psnr_db, "ms_before", f->ms_before, "ms", f->ms,
                     "bytes", (json_int_t)f->bytes, "sha256", "face.onnx", f->face_sha256, "mouth.onnx",
                     f->mouth_sha256);
}

int ac_w2l_folder_write(struct ac_w2l_folder *f, const char *folder, struct ac_env *env)
{
    char *face = ac_asprintf("%s/face.onnx", folder), *mouth = ac_asprintf("%s/mouth.onnx", folder);
    char *info = ac_asprintf("%s/optimized.json", folder);

    int err = ac_sha256_file(face, f->face_sha256);
    if (!err)
        err = ac_sha256_file(mouth, f->mouth_sha256);
    json_t *json = to_json(f);
    if (!err && (!json || json_dump_file(json, info, JSON_INDENT(2)) != 0))
        err = AC_EIO;
    json_decref(json);
    if (!err && (sync_path(face) || sync_path(mouth) || sync_path(info) || sync_path(folder)))
        err = AC_EIO;
    if (err)
        ac_env_fail(env, err, "cannot write to '%s': %s", folder, errno ? strerror(errno) : ac_err_text(err));
    free(face);
    free(mouth);
    free(info);
    return err;
}

void ac_w2l_folder_remove(const char *folder)
{
    for (size_t i = 0; i < N_FILES; i++) {
        char *path = ac_asprintf("%s/%s", folder, files[i]);
        unlink(path);
        free(path);
    }
    rmdir(folder);
}

int ac_w2l_folder_replace(const char *fresh, const char *folder, struct ac_env *env)
{
    if (rename(fresh, folder) == 0)
        return 0;
    /* one is there: both change places at once, so that there is no time without one */
    if ((errno == ENOTEMPTY || errno == EEXIST) &&
        renameat2(AT_FDCWD, fresh, AT_FDCWD, folder, RENAME_EXCHANGE) == 0) {
        ac_w2l_folder_remove(fresh);
        return 0;
    }
    if (errno == EINVAL || errno == ENOSYS) { /* a file system that cannot */
        ac_w2l_folder_remove(folder);
        if (rename(fresh, folder) == 0)
            return 0;
    }
    return ac_env_fail(env, AC_EIO, "cannot put '%s' in its place: %s", folder, strerror(errno));
}

/* ---- reading ---- */

static int from_json(struct ac_w2l_folder *f, json_t *json, char *why, size_t why_size)
{
    const char *source, *precision, *face, *mouth;
    json_int_t source_bytes, mtime_ns, bytes;
    int format = 0;

    *f = (struct ac_w2l_folder){0};
    if (json_unpack(json, "{s:i}", "format", &format) == 0 && format != FORMAT) {
        snprintf(why, why_size, "is of another version of this program (format %d, not %d)", format, FORMAT);
        return AC_EMODEL;
    }
    if (json_unpack(json, "{s:i, s:{s:s, s:I, s:I}, s:i, s:i, s:s, s:F, s:F, s:F, s:I, s:{s:s, s:s}}",
                    "format", &format, "source", "sha256", &source, "bytes", &source_bytes, "mtime_ns",
                    &mtime_ns, "side", &f->side, "weight_max", &f->weight_max, "precision", &precision,
                    "psnr_db", &f->psnr_db, "ms_before", &f->ms_before, "ms", &f->ms, "bytes", &bytes,
                    "sha256", "face.onnx", &face, "mouth.onnx", &mouth) != 0 ||
        strlen(source) != 64 || strlen(face) != 64 || strlen(mouth) != 64) {
        snprintf(why, why_size, "is damaged: its optimized.json cannot be understood");
        return AC_EMODEL;
    }
    f->source_bytes = source_bytes;
    f->source_mtime_ns = mtime_ns;
    f->bytes = bytes;
    memcpy(f->source_sha256, source, 65);
    memcpy(f->face_sha256, face, 65);
    memcpy(f->mouth_sha256, mouth, 65);
    snprintf(f->precision, sizeof f->precision, "%s", precision);
    return 0;
}

/* Whether it was made of this very export. */
static bool belongs(const struct ac_w2l_folder *f, const char *export_path)
{
    struct ac_w2l_folder now;
    char sum[65];

    if (ac_w2l_folder_source(&now, export_path) != 0 || now.source_bytes != f->source_bytes)
        return false;
    return now.source_mtime_ns == f->source_mtime_ns ||
           (ac_sha256_file(export_path, sum) == 0 && strcmp(sum, f->source_sha256) == 0);
}

static int read_folder(struct ac_w2l_folder *f, const char *folder, const char *export_path, char *why,
                       size_t why_size)
{
    char *info = ac_asprintf("%s/optimized.json", folder), *mouth = ac_asprintf("%s/mouth.onnx", folder);
    char sum[65] = "";
    json_error_t at;
    int err = 0;

    json_t *json = json_load_file(info, 0, &at);
    if (!json) {
        snprintf(why, why_size, "is damaged: its optimized.json cannot be read (%s)", at.text);
        err = AC_EMODEL;
    }
    if (!err)
        err = from_json(f, json, why, why_size);
    if (!err && !belongs(f, export_path)) {
        snprintf(why, why_size, "was made of another export");
        err = AC_EMODEL;
    }
    if (!err && (ac_sha256_file(mouth, sum) != 0 || strcmp(sum, f->mouth_sha256) != 0)) {
        snprintf(why, why_size, "is damaged: its mouth.onnx is not what was written");
        err = AC_EMODEL;
    }
    json_decref(json);
    free(info);
    free(mouth);
    return err;
}

int ac_w2l_folder_read(struct ac_w2l_folder *f, const char *export_path, char *why, size_t why_size)
{
    char *folder = ac_w2l_folder_of(export_path);

    int err = access(folder, F_OK) == 0 ? read_folder(f, folder, export_path, why, why_size) : AC_ENOENT;
    free(folder);
    return err;
}
