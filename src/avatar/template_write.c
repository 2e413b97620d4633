/*
 * The folder on the disk. Every file is synced before the folder gets its name, so that a template that is
 * there is whole, also after a power failure. One that replaces another is exchanged with it in one step.
 */
#include "avatar/template_write.h"

#include "avatar/folders.h"
#include "avatar/template_face.h"
#include "base/mem.h"
#include "media/image.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    PHOTO_QUALITY = 97,
    VIDEO_QUALITY = 92,
    PREVIEW_QUALITY = 88,
    MAX_NAME = 200,
    MAX_LICENCE = 500,
    STALE_S = 3600,
};
#define HIDDEN ".new-avatar-"

static int fail_errno(struct ac_template_writer *w, const char *path, const char *what)
{
    int e = errno;

    return ac_env_fail(w->env, e == ENOENT ? AC_ENOENT : AC_EIO, "%s cannot be %s: %s", path, what,
                       strerror(e));
}

/* ---- files ---- */

static int sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = fd < 0 ? -1 : fsync(fd);

    if (fd >= 0)
        close(fd);
    return failed;
}

static int write_file(struct ac_template_writer *w, const char *name, const struct ac_str *bytes)
{
    char *path = ac_asprintf("%s/%s", w->hidden, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), err = 0;
    size_t at = 0;

    if (fd < 0)
        err = fail_errno(w, path, "written");
    while (!err && at < bytes->len) {
        ssize_t n = write(fd, bytes->p + at, bytes->len - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            err = fail_errno(w, path, "written");
        else
            at += (size_t)n;
    }
    if (!err && fsync(fd) != 0)
        err = fail_errno(w, path, "written");
    if (fd >= 0)
        close(fd);
    free(path);
    return err;
}

/* Removes a folder of plain files. */
static void remove_folder(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *e;

    while (dir && (e = readdir(dir))) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            unlinkat(dirfd(dir), e->d_name, 0);
    }
    if (dir)
        closedir(dir);
    rmdir(path);
}

/* Those that a program that was killed could not remove. */
static void remove_stale(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *e;
    struct stat st;

    while (dir && (e = readdir(dir))) {
        if (strncmp(e->d_name, HIDDEN, strlen(HIDDEN)) != 0)
            continue;
        char *path = ac_asprintf("%s/%s", folder, e->d_name);
        if (stat(path, &st) == 0 && st.st_mtime < time(NULL) - STALE_S)
            remove_folder(path);
        free(path);
    }
    if (dir)
        closedir(dir);
}

/* ---- beginning ---- */

static int check_text(struct ac_template_writer *w, const char *what, const char *text, size_t max)
{
    size_t n = text ? strlen(text) : 0;

    if (n > max)
        return ac_env_fail(w->env, AC_EINVAL, "the %s is longer than %zu bytes; shorten it", what, max);
    if (n && !ac_utf8_valid(text, n))
        return ac_env_fail(w->env, AC_EINVAL, "the %s is no valid UTF-8 text", what);
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return ac_env_fail(w->env, AC_EINVAL, "the %s holds control characters; leave them out", what);
    }
    return 0;
}

static int check_make(struct ac_template_writer *w)
{
    const struct ac_make *m = w->make;

    if (!m->id || !ac_folders_id_is_safe(m->id))
        return ac_env_fail(w->env, AC_EINVAL,
                           "the id must be 1 to 63 of the letters a-z, digits, '-' and '_'");
    if (m->gender && *m->gender && strcmp(m->gender, "female") != 0 && strcmp(m->gender, "male") != 0)
        return ac_env_fail(w->env, AC_EINVAL, "the gender must be female, male or not told");
    int err = check_text(w, "name", m->name, MAX_NAME);
    return err ? err : check_text(w, "licence", m->licence, MAX_LICENCE);
}

int ac_template_writer_begin(struct ac_template_writer *w, const struct ac_make *make, struct ac_env *env)
{
    struct stat st;

    *w = (struct ac_template_writer){.make = make, .env = env};
    int err = check_make(w);
    if (err)
        return err;
    w->target = ac_asprintf("%s/%s", make->folder, make->id);
    bool there = lstat(w->target, &st) == 0;
    if (there && !make->replace)
        return ac_env_fail(env, AC_EBUSY, "there is an avatar '%s' already: choose another id, or replace it",
                           make->id);
    if (there && !ac_template_is(w->target))
        return ac_env_fail(env, AC_EBUSY, "%s is no avatar made of a photo or video: choose another id",
                           w->target);
    remove_stale(make->folder);
    w->hidden = ac_asprintf("%s/" HIDDEN "XXXXXX", make->folder);
    if (!mkdtemp(w->hidden)) {
        err = fail_errno(w, make->folder, "written to");
        free(w->hidden);
        w->hidden = NULL;
    } else {
        chmod(w->hidden, 0755);
    }
    return err;
}

/* ---- pictures ---- */

/* The box cut to the picture: at its edge it may reach a little beyond. */
static struct ac_template_box inside(struct ac_template_box b, const struct ac_rgb *pic)
{
    float right = b.x + b.width, low = b.y + b.height, w = (float)pic->width, h = (float)pic->height;

    b.x = b.x < 0 ? 0 : b.x;
    b.y = b.y < 0 ? 0 : b.y;
    b.width = (right > w ? w : right) - b.x;
    b.height = (low > h ? h : low) - b.y;
    return b;
}

int ac_template_writer_add(struct ac_template_writer *w, const struct ac_rgb *pic, const struct ac_face *face,
                           bool video)
{
    struct ac_str jpeg = {0};
    uint8_t mask[AC_TEMPLATE_MASK_BYTES];
    char name[32];

    if (w->n == AC_TEMPLATE_MAX_PICTURES)
        return AC_EINTERNAL;
    w->width = pic->width;
    w->height = pic->height;
    ac_template_face_box(face, &w->box[w->n]);
    w->box[w->n] = inside(w->box[w->n], pic);
    ac_template_face_mask(face, &w->box[w->n], mask);
    ac_str_add_n(&w->masks, (const char *)mask, sizeof mask);
    int err = ac_image_jpeg_rgb(pic, video ? VIDEO_QUALITY : PHOTO_QUALITY, !video, &jpeg);
    snprintf(name, sizeof name, "picture-%03zu.jpg", w->n);
    if (!err)
        err = write_file(w, name, &jpeg);
    ac_str_free(&jpeg);
    w->n++;
    return err;
}

int ac_template_writer_preview(struct ac_template_writer *w, const struct ac_rgb *pic,
                               const struct ac_face *face, size_t i)
{
    struct ac_str jpeg = {0};

    ac_template_draw(pic, face, &w->box[i], (const uint8_t *)w->masks.p + i * AC_TEMPLATE_MASK_BYTES);
    int err = ac_image_jpeg_rgb(pic, PREVIEW_QUALITY, true, &jpeg);
    if (!err)
        err = write_file(w, "preview.jpg", &jpeg);
    ac_str_free(&jpeg);
    return err;
}

/* ---- the end ---- */

/* As a YAML string in double quotes; the text holds no control characters. */
static void add_text(struct ac_str *out, const char *key, const char *text)
{
    ac_str_addf(out, "%s: \"", key);
    for (; text && *text; text++)
        ac_str_addf(out, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
    ac_str_add(out, "\"\n");
}

static void write_yaml(const struct ac_template_writer *w, bool video, const char *detail, struct ac_str *out)
{
    const struct ac_make *m = w->make;

    ac_str_add(out,
               "# A real face, made by 'avatar-chat avatar create'; docs/avatar.md tells what is what.\n");
    ac_str_addf(out, "engine: wav2lip\nversion: 1\nkind: %s\n", video ? "video" : "photo");
    add_text(out, "name", m->name && *m->name ? m->name : m->id);
    add_text(out, "detail", detail);
    add_text(out, "gender", m->gender);
    add_text(out, "licence", m->licence);
    ac_str_addf(out, "size: [%d, %d]\npictures: %zu\nboxes:\n", w->width, w->height, w->n);
    for (size_t i = 0; i < w->n; i++) {
        const struct ac_template_box *b = &w->box[i];
        ac_str_addf(out, "  - [%.2f, %.2f, %.2f, %.2f]\n", (double)b->x, (double)b->y, (double)b->width,
                    (double)b->height);
    }
}

static int publish(struct ac_template_writer *w)
{
    bool replace = w->make->replace && access(w->target, F_OK) == 0;
    int failed =
        renameat2(AT_FDCWD, w->hidden, AT_FDCWD, w->target, replace ? RENAME_EXCHANGE : RENAME_NOREPLACE);

    if (failed && errno == EEXIST)
        return ac_env_fail(w->env, AC_EBUSY,
                           "there is an avatar '%s' by now: choose another id, or replace it", w->make->id);
    if (failed)
        return fail_errno(w, w->target, replace ? "replaced" : "made");
    if (replace)
        remove_folder(w->hidden); /* the old one, by now */
    free(w->hidden);
    w->hidden = NULL;
    if (sync_folder(w->make->folder) != 0)
        return fail_errno(w, w->make->folder, "written");
    return 0;
}

int ac_template_writer_finish(struct ac_template_writer *w, bool video, const char *detail)
{
    struct ac_str png = {0}, yaml = {0};
    int err =
        ac_image_png_grey((const uint8_t *)w->masks.p, AC_TEMPLATE_MASK, AC_TEMPLATE_MASK * (int)w->n, &png);

    if (!err)
        err = write_file(w, "masks.png", &png);
    write_yaml(w, video, detail, &yaml);
    if (!err)
        err = write_file(w, "avatar.yaml", &yaml);
    ac_str_free(&png);
    ac_str_free(&yaml);
    if (!err && sync_folder(w->hidden) != 0)
        err = fail_errno(w, w->hidden, "written");
    return err ? err : publish(w);
}

void ac_template_writer_end(struct ac_template_writer *w)
{
    if (w->hidden)
        remove_folder(w->hidden);
    free(w->hidden);
    free(w->target);
    ac_str_free(&w->masks);
    *w = (struct ac_template_writer){0};
}
