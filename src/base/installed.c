/* Where this program was installed. See installed.h. */
#include "base/installed.h"

#include "base/mem.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *ac_installed_path(const char *path)
{
    char prefix[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", prefix, sizeof prefix - 1);

    if (n <= 0)
        return NULL;
    prefix[n] = '\0';
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(prefix, '/');
        if (!slash)
            return NULL;
        *slash = '\0';
    }
    char *full = ac_asprintf("%s/%s", prefix, path);
    if (access(full, F_OK) == 0)
        return full;
    free(full);
    return NULL;
}
