/*
 * The folder of made avatars. see studio.h.
 *
 * What goes is renamed first, to a name that no engine takes for an avatar, so that nobody sees half of it;
 * what a killed process has left under such a name goes at the next start.
 */
#include "core/studio_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MAX_PREVIEW = 16 << 20, MAX_MARK = 4096 };

static const char leaving[] = ".removed-", coming[] = ".upload-";

char *studio_folder_path(void)
{
    const char *data = getenv("AVATAR_CHAT_DATA");

    return data && *data ? ac_asprintf("%s/avatars", data) : ac_strdup("avatars");
}

bool ac_studio_id_valid(const char *id)
{
    size_t n = strlen(id);

    return n && n < 64 && id[0] != '-' && strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n;
}

void studio_slug(const char *name, char slug[41])
{
    size_t n = 0;

    for (; *name && n < 40; name++) {
        char c = *name >= 'A' && *name <= 'Z' ? (char)(*name + ('a' - 'A')) : *name;
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
            slug[n++] = c;
        else if (n && slug[n - 1] != '-')
            slug[n++] = '-';
    }
    while (n && slug[n - 1] == '-')
        n--;
    slug[n] = '\0';
    if (!n)
        strcpy(slug, "avatar");
}

int ac_studio_folder(struct ac_studio *m, char *reason)
{
    const char *folder = studio_folder(m);
    struct stat st;

    errno = 0;
    if (mkdir(folder, 0755) && errno == EEXIST)
        errno = 0;
    if (!errno && !stat(folder, &st)) {
        if (!S_ISDIR(st.st_mode))
            errno = ENOTDIR;
        else if (!access(folder, W_OK | X_OK))
            return 0;
    }
    snprintf(reason, 256,
             "the folder %.120s cannot be written (%s): the server keeps uploaded avatars there, "
             "its administrator can make it or set AVATAR_CHAT_DATA",
             folder, strerror(errno));
    return AC_EIO;
}

int ac_studio_file(struct ac_studio *m)
{
    char *path = ac_asprintf("%s/%sXXXXXX", studio_folder(m), coming);
    int fd = mkostemp(path, O_CLOEXEC), err = errno;

    if (fd >= 0)
        unlink(path);
    free(path);
    errno = err;
    return fd;
}

/* ---- whose it is ---- */

static char *file_of(const char *folder, const char *id, const char *name)
{
    return ac_asprintf("%s/%s/%s", folder, id, name);
}

int studio_mark(const char *folder, const char *id, const char *owner)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    json_t *j = json_pack("{s:I, s:s}", "uploaded_ms", (json_int_t)now.tv_sec * 1000 + now.tv_nsec / 1000000,
                          "owner", owner);
    char *path = file_of(folder, id, "upload.json");
    int err = j && !json_dump_file(j, path, JSON_COMPACT) ? 0 : AC_EIO;

    json_decref(j);
    free(path);
    return err;
}

bool ac_studio_uploaded(struct ac_studio *m, const char *id, char owner[AC_STUDIO_OWNER])
{
    char *text = NULL;
    size_t len;

    if (owner)
        owner[0] = '\0';
    if (!ac_studio_id_valid(id))
        return false;
    char *path = file_of(studio_folder(m), id, "upload.json");
    int err = ac_read_file(path, MAX_MARK, &text, &len);
    free(path);
    if (err)
        return false;
    json_t *j = json_loadb(text, len, 0, NULL);
    const char *of = json_string_value(json_object_get(j, "owner"));
    if (owner && of)
        snprintf(owner, AC_STUDIO_OWNER, "%s", of);
    json_decref(j);
    free(text);
    return true;
}

int ac_studio_preview(struct ac_studio *m, const char *id, char **data, size_t *len)
{
    if (!ac_studio_id_valid(id))
        return AC_ENOENT;
    char *path = file_of(studio_folder(m), id, "preview.jpg");
    int err = ac_read_file(path, MAX_PREVIEW, data, len);
    free(path);
    return err;
}

/* ---- removing ---- */

/* A folder of files, which is all that an avatar is; what else is in it stays, and so does the folder. */
static int remove_folder(const char *path)
{
    DIR *dir = opendir(path);

    for (struct dirent *e; dir && (e = readdir(dir));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            unlinkat(dirfd(dir), e->d_name, 0);
    if (dir)
        closedir(dir);
    return rmdir(path) ? AC_EIO : 0;
}

void studio_sweep(const char *folder)
{
    DIR *dir = opendir(folder);

    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (strncmp(e->d_name, coming, sizeof coming - 1) == 0)
            unlinkat(dirfd(dir), e->d_name, 0);
        if (strncmp(e->d_name, leaving, sizeof leaving - 1) != 0)
            continue;
        char *path = ac_asprintf("%s/%s", folder, e->d_name);
        remove_folder(path);
        free(path);
    }
    if (dir)
        closedir(dir);
}

int ac_studio_remove(struct ac_studio *m, const char *id)
{
    if (!ac_studio_uploaded(m, id, NULL))
        return AC_ENOENT;
    char *from = ac_asprintf("%s/%s", studio_folder(m), id);
    char *to = ac_asprintf("%s/%s%s-%llx", studio_folder(m), leaving, id, (unsigned long long)ac_now_us());
    int err = rename(from, to) ? AC_EIO : 0;

    if (!err && remove_folder(to)) /* it is gone for everybody, but something is left on the disk */
        ac_log_warn("avatars", "leftovers", AC_S("folder", to), AC_S("remedy", "remove it by hand"));
    free(from);
    free(to);
    return err;
}
