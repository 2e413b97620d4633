/* Finding model files (find.h). */
#include "asr/find.h"

#include "base/mem.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

char *ac_asr_remedy(const char *engine, const char *name)
{
    if (strchr(name, '/'))
        return ac_asprintf("asr.%s.model names this folder: put the files there, or name another", engine);
    return ac_asprintf("run 'avatar-chat models pull %s-%s'", engine, name);
}

int ac_asr_find_folder(char **folder, const char *engine, const char *name, const char *remedy,
                       struct ac_env *env)
{
    char *path = strchr(name, '/') ? ac_strdup(name) : ac_asprintf("models/%s-%s", engine, name);
    int err = 0;

    *folder = ac_env_path(env, path);
    if (!*folder)
        err = ac_env_fail(env, AC_EMODEL, "there is no %s: %s", path, remedy);
    free(path);
    return err;
}

/* The file of the folder that fits the pattern, the first by name when there are several. */
static char *first(const char *folder, const char *pattern)
{
    DIR *dir = opendir(folder);
    char *name = NULL, *path = NULL;

    for (const struct dirent *e; dir && (e = readdir(dir));) {
        if (fnmatch(pattern, e->d_name, FNM_PERIOD) != 0 || (name && strcmp(name, e->d_name) < 0))
            continue;
        free(name);
        name = ac_strdup(e->d_name);
    }
    if (dir)
        closedir(dir);
    if (name)
        path = ac_asprintf("%s/%s", folder, name);
    free(name);
    return path;
}

int ac_asr_find_file(char **path, const char *folder, const char *pattern, const char *other,
                     const char *remedy, struct ac_env *env)
{
    *path = first(folder, pattern);
    if (!*path && other)
        *path = first(folder, other);
    if (!*path)
        return ac_env_fail(env, AC_EMODEL, "there is no %s in %s: %s", pattern, folder, remedy);
    return 0;
}
