/* One tool, as the file describes it (tools_file.c) and as it is run (tools.c). Private to tools*.c. */
#ifndef AC_LLM_TOOLS_PRIVATE_H
#define AC_LLM_TOOLS_PRIVATE_H

#include "llm/tools.h"

enum { TOOLS_MAX = 64, TOOLS_MAX_HOSTS = 16 };

struct tool {
    char *name;
    bool knowledge; /* a search in the knowledge base; the rest is unused then, but for passages */
    int passages;
    char *url; /* with {argument} in path and query */
    char *method;
    char **headers; /* NULL-terminated "Name: value" */
    char **hosts;   /* NULL-terminated, lower case: what may be reached */
    json_t *schema; /* of the arguments */
    int timeout_ms;
    size_t max_bytes;
};

struct ac_tools {
    struct tool tools[TOOLS_MAX];
    size_t n;
    json_t *offer;
};

/* The host of an http or https address, lower case, as libcurl reads it; NULL where it is none. Malloc'ed. */
char *tool_host(const char *url, bool *is_https);

#endif
