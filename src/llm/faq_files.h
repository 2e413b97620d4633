/*
 * The knowledge files of the faq engine: DIR/LANG/NAME.md, and DIR/NAME.md that names its language itself.
 * A file that cannot be used is logged by name and left out.
 */
#ifndef AC_LLM_FAQ_FILES_H
#define AC_LLM_FAQ_FILES_H

#include "llm/knowledge.h"

#include <stdint.h>

/* A number that changes when a file is added, removed or changed (names, sizes, times of change). Never 0. */
uint64_t ac_faq_files_print(char *const *dirs, size_t n_dirs);
/* Reads all files in the order of their names; gives how many were used. */
size_t ac_faq_files_load(char *const *dirs, size_t n_dirs, const char *log_name, struct ac_knowledge *k);

#endif
