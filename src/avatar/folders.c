/* People in folders: folders.h. */
#include "avatar/folders.h"
#include "avatar/template.h"
#include "base/mem.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

bool ac_folders_id_is_safe(const char *id)
{
    size_t n = strlen(id);
    return n > 0 && n <= AC_FOLDERS_MAX_ID && strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n;
}

char *ac_folders_of(const struct ac_env *env, const char *id, enum ac_person *kind)
{
    if (!ac_folders_id_is_safe(id))
        return NULL;
    char *rel = ac_asprintf("avatars/%s/avatar.yaml", id);
    char *path = ac_env_path(env, rel);

    free(rel);
    if (!path)
        return NULL;
    *strrchr(path, '/') = '\0';
    if (kind)
        *kind = ac_template_is(path) ? AC_PERSON_REAL : AC_PERSON_DRAWN;
    return path;
}

static bool is_known(const struct ac_folders *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++)
        if (!strcmp(names->name[i], name))
            return true;
    return false;
}

static void add_folder(struct ac_folders *names, const struct ac_env *env, enum ac_person kind,
                       const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *e;

    while (dir && (e = readdir(dir)) && names->n < AC_FOLDERS_MAX) {
        enum ac_person found;
        if (is_known(names, e->d_name))
            continue;
        char *person = ac_folders_of(env, e->d_name, &found);
        if (person && found == kind)
            names->name[names->n++] = ac_strdup(e->d_name);
        free(person);
    }
    if (dir)
        closedir(dir);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void ac_folders_find(struct ac_folders *names, const struct ac_env *env, enum ac_person kind,
                     const char *first)
{
    names->n = 0;
    add_folder(names, env, kind, "avatars");
    for (const char *const *d = env->data_dirs; d && *d; d++) {
        char *folder = ac_asprintf("%s/avatars", *d);
        add_folder(names, env, kind, folder);
        free(folder);
    }
    qsort(names->name, names->n, sizeof *names->name, by_name);
    for (size_t i = 1; i < names->n; i++) {
        char *name = names->name[i];
        if (strcmp(name, first) != 0)
            continue;
        memmove(names->name + 1, names->name, i * sizeof *names->name);
        names->name[0] = name;
    }
}

void ac_folders_free(struct ac_folders *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->name[i]);
    names->n = 0;
}

int ac_folders_size(struct ac_env *env, int *width, int *height)
{
    const struct ac_prefs *p = &env->prefs;
    int w = p->width ? p->width : AC_FOLDERS_SIDE, h = p->height ? p->height : w;

    if (w < AC_FOLDERS_MIN_SIDE || h < AC_FOLDERS_MIN_SIDE || w > AC_FOLDERS_MAX_SIDE ||
        h > AC_FOLDERS_MAX_SIDE || w % 2 || h % 2 || w > 2 * h || h > 2 * w)
        return ac_env_fail(env, AC_EINVAL,
                           "no picture of %dx%d: sides are even, %d to %d, one at most twice the other", w, h,
                           AC_FOLDERS_MIN_SIDE, AC_FOLDERS_MAX_SIDE);
    *width = w;
    *height = h;
    return 0;
}
