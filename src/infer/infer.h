/*
 * Inference: ONNX models run by ONNX Runtime on the CPU.
 *
 * The library is loaded when the first model is opened (dlopen, so that the program starts without it), and
 * one environment with one pool of threads serves all models of the process. Sharing a model between
 * sessions, counting its users and closing it when idle is the framework's work: an engine opens its files in
 * model_open and closes them in model_close (core/models.h).
 *
 * Threads: any; one model may run in several threads at the same time. The pool has ac_env.threads threads,
 * as the first model opened says. Threads that wait sleep (they do not spin).
 *
 * Errors: AC_EMODEL (library missing, file missing, cut short, not ONNX, not the model expected), AC_EINVAL
 * (inputs that do not fit), AC_EENGINE, AC_ECANCELED, AC_ETIMEDOUT. Each is explained by ac_env_fail with its
 * remedy.
 */
#ifndef AC_INFER_INFER_H
#define AC_INFER_INFER_H

#include "avatarchat/handler.h"

enum ac_tensor_type { AC_TENSOR_OTHER = 0, AC_TENSOR_F32, AC_TENSOR_I32, AC_TENSOR_I64, AC_TENSOR_U8 };

enum { AC_TENSOR_MAX_RANK = 6 };

/*
 * A named array, dense, the last dimension runs fastest. As an input the data is the caller's and is only
 * read. As an output the data belongs to the tensor: free it with ac_tensor_free, or give the tensor (under
 * the input's name) to the next run, which then copies nothing.
 */
struct ac_tensor {
    const char *name; /* borrowed */
    enum ac_tensor_type type;
    size_t rank; /* 0 = a scalar */
    int64_t shape[AC_TENSOR_MAX_RANK];
    void *data;
    void *value; /* set by ac_infer_run in outputs: what holds the data */
};

#define AC_TENSOR(n, t, d, ...)                                                                              \
    {                                                                                                        \
        .name = (n), .type = (t), .rank = sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t),                \
        .shape = {__VA_ARGS__}, .data = (d)                                                                  \
    }

/* How many elements the shape has (1 for a scalar). */
size_t ac_tensor_count(const struct ac_tensor *t);
/*
 * Frees what ac_infer_run put in, before the model is closed; leaves name and nothing else. A zeroed tensor
 * is fine.
 */
void ac_tensor_free(struct ac_tensor *t);

struct ac_infer; /* an opened model */

enum {
    AC_INFER_ONE_THREAD = 1, /* small model: runs on the calling thread only, without the pool */
    AC_INFER_NO_ARENA = 2,   /* gives memory back after each run instead of keeping it for the next */
    AC_INFER_STEPS = 4,      /* runs step by step: products with a single column are made for that */
    AC_INFER_EXACT_INT8 = 8, /* 8-bit products may not saturate on CPUs whose instructions do (no VNNI) */
};

/*
 * Opens a model file (found as ac_env_path finds it). remedy: what to do where the file is missing or broken,
 * as in "run 'avatar-chat models pull whisper-tiny'". env gives the threads and gets the reason.
 */
int ac_infer_open(struct ac_infer **m, const char *path, const char *remedy, unsigned flags,
                  struct ac_env *env);
void ac_infer_close(struct ac_infer *m); /* NULL is fine; no run may be going on */

/* The value of a key of the file's metadata, malloc'ed; NULL when there is none. */
char *ac_infer_meta(const struct ac_infer *m, const char *key);
/* The same as a whole number; AC_EMODEL where the key is missing or no number within min…max. */
int ac_infer_meta_int(const struct ac_infer *m, const char *key, int64_t min, int64_t max, int64_t *value,
                      struct ac_env *env);

/* One input or output as the file declares it; -1 in a shape = any size. */
struct ac_tensor_info {
    const char *name;
    enum ac_tensor_type type;
    size_t rank;
    int64_t shape[AC_TENSOR_MAX_RANK];
};
/*
 * Checks that the model has these inputs and outputs (n_in, n_out of them; others are allowed among the
 * outputs) of these types and ranks, and where a shape here is not -1 and the file declares a size, that they
 * agree. AC_EMODEL names the first difference: the file is another model.
 */
int ac_infer_expect(const struct ac_infer *m, const struct ac_tensor_info *in, size_t n_in,
                    const struct ac_tensor_info *out, size_t n_out, struct ac_env *env);
/* Looks one up; false when there is none of that name. */
bool ac_infer_find(const struct ac_infer *m, bool output, const char *name, struct ac_tensor_info *info);
/* The i-th one, in the file's order; false when there are not that many. The name is the model's. */
bool ac_infer_at(const struct ac_infer *m, bool output, size_t i, struct ac_tensor_info *info);

/*
 * Runs the model. in: name, type, shape and data of each input. out: name of each output wanted, everything
 * else zero; filled on success (free each with ac_tensor_free), zeroed on failure. A run that is cancelled
 * meanwhile ends within a few milliseconds when `cancel` is not NULL. env gets the reason.
 */
int ac_infer_run(struct ac_infer *m, const struct ac_tensor *in, size_t n_in, struct ac_tensor *out,
                 size_t n_out, struct ac_cancel *cancel, struct ac_env *env);

/* ---- the library ---- */

struct ac_infer_runtime {
    char path[4096]; /* as it was loaded */
    char version[32];
};
/*
 * Loads the library when it is not loaded yet and tells which it is. Looked for: the file named by
 * $AVATAR_CHAT_ONNXRUNTIME and nothing else where that is set; else the installed one, that of the source
 * tree (lib/), the system's. AC_EMODEL with the reason in env.
 */
int ac_infer_runtime(struct ac_infer_runtime *r, struct ac_env *env);

#endif
