/* The findings of `avatar-chat doctor`, shared by doctor*.c. */
#ifndef AC_CLI_DOCTOR_H
#define AC_CLI_DOCTOR_H

#include <stddef.h>

struct ac_config;
struct ac_models;

enum ac_doctor_status { AC_DOCTOR_OK = 0, AC_DOCTOR_NOTE, AC_DOCTOR_PROBLEM };

struct ac_doctor_finding {
    const char *group;
    char *name, *detail, *remedy;
    enum ac_doctor_status status;
};

struct ac_doctor {
    struct ac_doctor_finding *findings;
    size_t n, problems;
    double render_ms, encode_ms, first_audio_ms, first_fragment_ms; /* 0: not measured */
};

/* Adds a finding; name and remedy (may be NULL) are copied, group is a literal. */
void ac_doctor_add(struct ac_doctor *d, const char *group, const char *name, enum ac_doctor_status status,
                   const char *remedy, const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* The versions of the libraries that are loaded, and whether libav can encode. */
void ac_doctor_libraries(struct ac_doctor *d);
/* Asks each language model outside of this process a short question; waits 20 s at most for each. */
void ac_doctor_answers(struct ac_doctor *d, const struct ac_config *cfg, struct ac_models *models);

#endif
