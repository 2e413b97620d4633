/*
 * Loading ONNX Runtime and keeping its environment.
 *
 * The library is loaded once and never unloaded (its threads and static objects would not survive it). The
 * environment, with the pool of threads that all models share, lives as long as models are open.
 */
#include "infer/private.h"

#include "base/log.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOW_TO_GET                                                                                           \
    "run tools/fetch_models.sh, install libonnxruntime-dev, or name the file in AVATAR_CHAT_ONNXRUNTIME"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct ac_ort the; /* lock; fields do not change while there are users */
static const OrtApiBase *base;
static char loaded_path[4096];
static size_t users;

int ac_ort_status(const struct ac_ort *ort, OrtStatus *status, char *text, size_t size)
{
    if (!status)
        return 0;
    if (text)
        snprintf(text, size, "%s", ort->api->GetErrorMessage(status));
    ort->api->ReleaseStatus(status);
    return AC_EENGINE;
}

/* Set once, before anything exists for which it could be asked. */
const OrtApi *ac_ort_api(void)
{
    return the.api;
}

/* ---- the library ---- */

/*
 * The file to load; NULL: leave it to the system's search. Data folders are no place for it: they may be
 * anybody's.
 */
static const char *find_library(void)
{
    static const char *const places[] = {AC_INSTALL_LIB_DIR "/libonnxruntime.so",
                                         AC_SOURCE_DIR "/lib/libonnxruntime.so"};
    const char *named = getenv("AVATAR_CHAT_ONNXRUNTIME");

    if (named && *named)
        return named;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (access(places[i], F_OK) == 0)
            return places[i];
    }
    return NULL;
}

static void *open_system_library(void)
{
    char with_version[64];

    snprintf(with_version, sizeof with_version, "libonnxruntime.so.1.%d", ORT_API_VERSION);
    const char *const names[] = {"libonnxruntime.so", "libonnxruntime.so.1", with_version};
    void *handle = NULL;
    for (size_t i = 0; !handle && i < sizeof names / sizeof *names; i++)
        handle = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    return handle;
}

/* Lock held. A library that does not fit is left loaded: trying again costs nothing. */
static int load(struct ac_env *env)
{
    const OrtApiBase *(*get_base)(void) = NULL;
    const char *path = find_library(), *why;
    Dl_info where;

    if (the.api)
        return 0;
    void *handle = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : open_system_library();
    if (!handle && !path)
        return ac_env_fail(env, AC_EMODEL, "ONNX Runtime is not installed: " HOW_TO_GET);
    if (!handle) {
        why = dlerror();
        return ac_env_fail(env, AC_EMODEL, "ONNX Runtime does not load (%s): " HOW_TO_GET, why ? why : path);
    }
    void *symbol = dlsym(handle, "OrtGetApiBase");
    memcpy(&get_base, &symbol, sizeof get_base); /* ISO C has no cast between the two kinds of pointer */
    if (!symbol)
        return ac_env_fail(env, AC_EMODEL, "%s is not ONNX Runtime: " HOW_TO_GET,
                           path ? path : "libonnxruntime.so");
    snprintf(loaded_path, sizeof loaded_path, "%s",
             path                          ? path
             : dladdr(symbol, &where) != 0 ? where.dli_fname
                                           : "libonnxruntime.so");
    base = get_base();
    the.api = base->GetApi(ORT_API_VERSION);
    if (!the.api)
        return ac_env_fail(env, AC_EMODEL,
                           "%s is ONNX Runtime %s, too old for this program (1.%d): " HOW_TO_GET, loaded_path,
                           base->GetVersionString(), ORT_API_VERSION);
    return 0;
}

int ac_infer_runtime(struct ac_infer_runtime *r, struct ac_env *env)
{
    pthread_mutex_lock(&lock);
    int err = load(env);
    if (!err) {
        snprintf(r->path, sizeof r->path, "%s", loaded_path);
        snprintf(r->version, sizeof r->version, "%s", base->GetVersionString());
    }
    pthread_mutex_unlock(&lock);
    return err;
}

/* ---- the environment ---- */

/* What fails comes back as a status too and is told by the caller, so this is for debugging only. */
static void ORT_API_CALL log_line(void *param, OrtLoggingLevel severity, const char *category, const char *id,
                                  const char *location, const char *message)
{
    (void)param, (void)severity, (void)id;
    ac_log_debug("infer", "onnxruntime", AC_S("category", category), AC_S("at", location),
                 AC_S("message", message));
}

/* Lock held. */
static int make_environment(struct ac_env *env)
{
    const OrtApi *api = the.api;
    OrtThreadingOptions *threading = NULL;
    char why[256] = "";

    int err = ac_ort_status(&the, api->CreateThreadingOptions(&threading), why, sizeof why);
    if (!err)
        err = ac_ort_status(&the,
                            api->SetGlobalIntraOpNumThreads(threading, env->threads > 1 ? env->threads : 1),
                            why, sizeof why);
    if (!err)
        err = ac_ort_status(&the, api->SetGlobalInterOpNumThreads(threading, 1), why, sizeof why);
    if (!err) /* with other work on the cores, threads that spin slow everything down */
        err = ac_ort_status(&the, api->SetGlobalSpinControl(threading, 0), why, sizeof why);
    if (!err)
        err = ac_ort_status(&the,
                            api->CreateEnvWithCustomLoggerAndGlobalThreadPools(
                                log_line, NULL, ORT_LOGGING_LEVEL_ERROR, "avatar-chat", threading, &the.env),
                            why, sizeof why);
    if (threading)
        api->ReleaseThreadingOptions(threading);
    if (!err)
        err =
            ac_ort_status(&the, api->CreateCpuMemoryInfo(OrtDeviceAllocator, OrtMemTypeDefault, &the.memory),
                          why, sizeof why);
    if (err && the.env) {
        api->ReleaseEnv(the.env);
        the.env = NULL;
    }
    return err ? ac_env_fail(env, err, "ONNX Runtime does not start: %s", why) : 0;
}

int ac_ort_get(const struct ac_ort **ort, struct ac_env *env)
{
    pthread_mutex_lock(&lock);
    int err = load(env);
    if (!err && !users)
        err = make_environment(env);
    if (!err)
        users++;
    pthread_mutex_unlock(&lock);
    *ort = err ? NULL : &the;
    return err;
}

void ac_ort_put(void)
{
    pthread_mutex_lock(&lock);
    if (--users == 0) {
        the.api->ReleaseMemoryInfo(the.memory);
        the.api->ReleaseEnv(the.env);
        the.memory = NULL;
        the.env = NULL;
    }
    pthread_mutex_unlock(&lock);
}
