/*
 * The persona: what a language model is told first. Who it is, that its words are spoken by a person on a
 * screen, in which language, and how its face is moved.
 *
 * The text is the configured one (session.system_prompt_file, session.system_prompt) or the built-in one, and
 * behind it the avatar's own, avatars/ID/persona.LANG.md (else persona.md), where there is one. {name},
 * {language}, {date} and {time} are filled in when a question is asked; what changes from one question to the
 * next stands last in the built-in text, so that servers which keep a prompt's beginning can use it again.
 */
#ifndef AC_CORE_PERSONA_H
#define AC_CORE_PERSONA_H

#include "core/config.h"

#include <time.h>

/*
 * The text with its places still open, malloc'ed. lang: BCP 47 or "" (that of the question). A file that
 * cannot be read is left out with a warning in the log. Any thread; reads small files.
 */
char *ac_persona_load(const struct ac_config *cfg, const char *avatar, const char *lang);
/* Fills the places in; malloc'ed. name: the avatar's, for people. now: local time is said. */
char *ac_persona_fill(const char *persona, const char *name, const char *lang, time_t now);

#endif
