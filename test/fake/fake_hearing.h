/*
 * Fake avatars that hear: "hears" (used only where avatar.use names it) looks 200 ms ahead and saves,
 * "hears2" does so without. Both note what they are asked to do, for a test to look at.
 *
 * What "hears" does goes by the person wanted: "ear" works; "earless" cannot be opened (AC_EMODEL) until
 * fake_ear_mend; "earbreak" fails at picture FAKE_EAR_BREAKS of each sentence; "eardeaf" at the second piece
 * of speech; others, and "", are no business of it. "hears2" shows anybody. A picture takes picture_ms, and a
 * quarter of that where saving is asked for.
 */
#ifndef AC_TEST_FAKE_HEARING_H
#define AC_TEST_FAKE_HEARING_H

#include "avatarchat/handler.h"

enum { FAKE_HEAR_AHEAD_MS = 200, FAKE_EAR_BREAKS = 12, FAKE_EAR_EVENTS = 4096 };

enum fake_ear_what { FAKE_EAR_OPEN, FAKE_EAR_SPEECH, FAKE_EAR_POSE, FAKE_EAR_RESET };

struct fake_ear_event {
    enum fake_ear_what what;
    int engine;      /* 1 or 2 */
    char avatar[16]; /* OPEN: the person wanted */
    /* SPEECH */
    int64_t start_sample;
    size_t n_samples;
    int rate_hz;
    bool last;
    /* POSE */
    int64_t frame, sentence_frame;
    bool save;
};

extern const struct ac_handler_info fake_hears, fake_hears2;

/* Forgets all events; gives a copy of those so far (FAKE_EAR_EVENTS at most fit) and how many they are. */
void fake_ear_clear(void);
size_t fake_ear_events(struct fake_ear_event *events);
void fake_ear_mend(bool mended);

#endif
