/*
 * Phrase cache: what a speech service sent for a phrase is kept in a folder, so that a phrase that comes
 * again is spoken at once and is not paid for twice.
 *
 * A file for each phrase, named by the SHA-256 of its key (engine, voice, parameters, text); it holds the
 * key, some notes of the engine (word times) and the sound as it came. Files are written beside and renamed,
 * so that several processes may share the folder; one that is damaged is dropped. When all files together are
 * larger than is allowed, those that were not used for the longest time go. Only its owner can read the
 * folder: it holds what was said.
 *
 * Threads: any. All calls may wait for the disk.
 */
#ifndef AC_TTS_CACHE_H
#define AC_TTS_CACHE_H

#include "avatarchat/handler.h"
#include "base/str.h"

struct ac_tts_cache;

/*
 * Opens the folder (made when missing): dir, "" = phrases in avatar-chat's folder below $XDG_CACHE_HOME or
 * ~/.cache. NULL with max_mb 0, and where there is no place to write (said in the log, once).
 */
struct ac_tts_cache *ac_tts_cache_open(const char *dir, int max_mb, const char *log_name);
void ac_tts_cache_close(struct ac_tts_cache *c); /* NULL is fine */
/* What was kept, appended to notes and sound; false when there is nothing. NULL cache: nothing. */
bool ac_tts_cache_get(struct ac_tts_cache *c, const struct ac_str *key, struct ac_str *notes,
                      struct ac_str *sound);
void ac_tts_cache_put(struct ac_tts_cache *c, const struct ac_str *key, const struct ac_str *notes,
                      const struct ac_str *sound);

/* avatar-chat's folder for what can be made again, malloc'ed; NULL: no home, no $XDG_CACHE_HOME. */
char *ac_tts_cache_home(void);
/* Makes the folder and those above it, for the owner alone. AC_EIO. */
int ac_tts_make_folder(const char *path);
/* Writes a file beside its place and renames it: there is the old one or the new one. AC_EIO. */
int ac_tts_write_file(const char *path, const struct ac_str *data);

#endif
