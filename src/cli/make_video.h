/*
 * Talking video from the command line: what `say` and `animate` share. Fragments go to FILE.part, which
 * becomes an ordinary MP4 of the name asked for when all is there, so that a file of that name is always a
 * whole one. A pipe or a device gets the fragments as they come, which play as well.
 */
#ifndef AC_CLI_MAKE_VIDEO_H
#define AC_CLI_MAKE_VIDEO_H

#include "cli/cli.h"
#include "cli/talk.h"

#define AC_NOTHING_TO_SAY "there is nothing to say in the text: give words, not only emoji, signs or code"

/* As they were given; NULL = not. */
struct ac_video_choices {
    const char *voice, *lang, *avatar, *fps, *size;
};
/* Settings that were made from them, to be freed after the configuration is loaded. Start from {0}. */
struct ac_video_made {
    char *sets[3];
};

/* Adds --set's for size and pictures a second. AC_CLI_GO, or 2 (said). */
int ac_video_sets(const char *command, const struct ac_video_choices *c, struct ac_video_made *made,
                  struct ac_cli_list *sets);
void ac_video_made_free(struct ac_video_made *made);
/* Language, voice and avatar. AC_CLI_GO, or 2 (said). */
int ac_video_prefs(const char *command, const struct ac_video_choices *c, struct ac_prefs *prefs);
/* Size and pictures a second, from the loaded configuration. */
void ac_video_prefs_from(const struct ac_config *cfg, struct ac_prefs *prefs);

/* Says the text into the file ("-": standard output). Gives the exit status; all is said on standard error.
 */
int ac_cli_make_video(const char *command, const struct ac_config *cfg, const struct ac_speaker_config *scfg,
                      const char *path, const char *text, size_t len);

#endif
