/*
 * Says a text from beginning to end for the commands that do not serve: splitter → speaker, as fast as the
 * machine can, fragments of one MP4 to a callback.
 */
#ifndef AC_CLI_TALK_H
#define AC_CLI_TALK_H

#include "core/speaker.h"

struct ac_talk_result {
    size_t sentences;    /* pieces that the text had */
    size_t errors;       /* of them, those that failed */
    char reason[256];    /* of the first error */
    int64_t begin_us;    /* monotonic, when the first sentence was given to the speaker */
    int64_t duration_us; /* of the video */
    size_t bytes;
    struct ac_speaker_times times;
};

/* How many pieces there are to speak in a UTF-8 text; 0: only emoji or signs. */
size_t ac_talk_pieces(const char *text, size_t len);

/* Takes the next bytes of the MP4; called from a worker, one call at a time. Non-zero ends it all. */
typedef int ac_talk_write(void *arg, const char *data, size_t n);

/*
 * Blocks until all is said. 0 also when some sentences failed (result->errors); AC_EUTF8 the text is not
 * UTF-8; AC_EEMPTY nothing in it can be said; what write gave; AC_EENGINE nothing could be said
 * (result->reason).
 */
int ac_talk(const struct ac_config *cfg, struct ac_models *models, struct ac_pool *pool,
            const struct ac_speaker_config *scfg, const char *text, size_t len, ac_talk_write *write,
            void *arg, struct ac_talk_result *result);

#endif
