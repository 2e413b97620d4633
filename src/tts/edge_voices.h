/*
 * Voices of Microsoft's read-aloud service: a table of well-known ones, by which the default of a language
 * and gender is chosen, and the service's own list, kept in a file for a day.
 */
#ifndef AC_TTS_EDGE_VOICES_H
#define AC_TTS_EDGE_VOICES_H

#include "avatarchat/handler.h"
#include "base/str.h"

/* The default voice of the language (BCP 47; its region counts where the table has it), NULL: none is known.
 */
const char *ac_edge_default_voice(const char *lang, bool male);
/* "female", "male", or "" when the table does not have the voice. */
const char *ac_edge_gender(const char *id);
/* A voice speaks the language; multilingual ones speak all. */
bool ac_edge_speaks(const char *id, const char *lang);

/* Gives the voices of a list as the service sends it; how many, or -1 when it is none. */
int ac_edge_parse_list(const char *json, size_t len, ac_item_fn *fn, void *arg);
/* Gives the voices of the table, with a detail that says so. */
void ac_edge_built_in(ac_item_fn *fn, void *arg);

#endif
