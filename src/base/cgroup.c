/*
 * Bounds of the control group; see cgroup.h. A bound may be set at any level from the process's own group up
 * to the root that it sees: the narrowest counts.
 */
#include "base/cgroup.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROOT "/sys/fs/cgroup"
enum { MAX_BYTES = 1 << 16 };

/* The group of a hierarchy in /proc/self/cgroup ("" = version 2), malloc'ed; NULL when it is not there. */
static char *group_of(const char *controller)
{
    char *text, *save, *found = NULL;
    size_t len;

    if (ac_read_file("/proc/self/cgroup", MAX_BYTES, &text, &len))
        return NULL;
    for (char *line = strtok_r(text, "\n", &save); line && !found; line = strtok_r(NULL, "\n", &save)) {
        char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = '\0';
        names++;
        size_t n = strlen(controller);
        const char *at = strstr(names, controller);
        bool same = n ? at && (at[n] == ',' || !at[n]) && (at == names || at[-1] == ',') : !*names;
        if (same)
            found = ac_strdup(path);
    }
    free(text);
    return found;
}

typedef bool read_bound(const char *text, double *value);

/* The narrowest bound in the files of this name from the group up; false: there is none. */
static bool narrowest(const char *mount, const char *controller, const char *file, read_bound *read,
                      double *value)
{
    char *group = group_of(controller);
    bool found = false;

    while (group) {
        char *path = ac_asprintf("%s%s/%s", mount, strcmp(group, "/") ? group : "", file), *text = NULL;
        size_t len;
        double v;
        if (!ac_read_file(path, MAX_BYTES, &text, &len) && read(text, &v) && (!found || v < *value)) {
            *value = v;
            found = true;
        }
        free(text);
        free(path);
        char *slash = strrchr(group, '/');
        if (!slash || !slash[1])
            break;
        slash[slash == group] = '\0';
    }
    free(group);
    return found;
}

static bool read_number(const char *text, double *value)
{
    char *end;

    *value = strtod(text, &end);
    return end != text && *value > 0;
}

/* "QUOTA PERIOD" or "max PERIOD" */
static bool read_cpu_max(const char *text, double *value)
{
    double quota, period;

    if (sscanf(text, "%lf %lf", &quota, &period) != 2 || quota <= 0 || period <= 0)
        return false;
    *value = quota / period;
    return true;
}

int ac_cgroup_cpus(void)
{
    double cpus, quota, period;

    if (!narrowest(ROOT, "", "cpu.max", read_cpu_max, &cpus)) {
        if (!narrowest(ROOT "/cpu", "cpu", "cpu.cfs_quota_us", read_number, &quota) ||
            !narrowest(ROOT "/cpu", "cpu", "cpu.cfs_period_us", read_number, &period))
            return 0;
        cpus = quota / period;
    }
    int whole = (int)cpus;
    return cpus > whole ? whole + 1 : whole;
}

uint64_t ac_memory_bytes(void)
{
    double machine = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE), bound;

    if (!narrowest(ROOT, "", "memory.max", read_number, &bound) &&
        !narrowest(ROOT "/memory", "memory", "memory.limit_in_bytes", read_number, &bound))
        bound = machine;
    return (uint64_t)(bound < machine ? bound : machine);
}
