/* What engines get from the framework: saying why they fail, finding their files. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "avatarchat/handler.h"
#include "base/mem.h"

int ac_env_fail(struct ac_env *env, int err, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(env->reason, sizeof env->reason, fmt, args);
    va_end(args);
    return err;
}

char *ac_env_path(const struct ac_env *env, const char *path)
{
    if (!path || !*path)
        return NULL;
    if (access(path, F_OK) == 0)
        return ac_strdup(path);
    if (path[0] == '/' || !env || !env->data_dirs)
        return NULL;
    for (const char *const *dir = env->data_dirs; *dir; dir++) {
        char *full = ac_asprintf("%s/%s", *dir, path);
        if (access(full, F_OK) == 0)
            return full;
        free(full);
    }
    return NULL;
}
