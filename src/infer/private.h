/* What the files of src/infer share: the loaded library, its environment, the run watcher. */
#ifndef AC_INFER_PRIVATE_H
#define AC_INFER_PRIVATE_H

#include "infer/infer.h"

#include <onnxruntime_c_api.h>

/* The library and its environment while at least one user holds it. Read-only between get and put. */
struct ac_ort {
    const OrtApi *api;
    OrtEnv *env;
    OrtMemoryInfo *memory; /* plain CPU memory */
};

/* Takes a use of the library, loading it and making the environment on the first one. AC_EMODEL, AC_EENGINE.
 */
int ac_ort_get(const struct ac_ort **ort, struct ac_env *env);
/* Gives the use back; the environment (its threads, its memory) goes with the last one, the library stays. */
void ac_ort_put(void);
/* The library's functions; only after a successful ac_ort_get. */
const OrtApi *ac_ort_api(void);
/* Consumes the status: 0 when NULL, else its text into text (may be NULL) and AC_EENGINE. */
int ac_ort_status(const struct ac_ort *ort, OrtStatus *status, char *text, size_t size);

/*
 * Looks whether a file has the outer shape of an ONNX model (a protobuf ModelProto with a graph, whole). NULL
 * when it has, else what is wrong as the end of a sentence ("is cut short: …"), written to text.
 */
const char *ac_onnx_file_fault(const char *path, char *text, size_t size);

/* A run that a thread watches: when cancel is triggered it terminates the run. */
struct ac_infer_watch {
    const struct ac_ort *ort;
    OrtRunOptions *options;
    const struct ac_cancel *cancel;
    struct ac_infer_watch *next, **link;
};
/* Begins and ends watching; w stays where it is in between. AC_EENGINE when no thread can be had. */
int ac_infer_watch_begin(struct ac_infer_watch *w);
void ac_infer_watch_end(struct ac_infer_watch *w);

#endif
