/*
 * Tools that a language model may call ("function calling"): read from a YAML file, offered with their JSON
 * schemas, their arguments checked, run as requests to web services or as a search in the knowledge base.
 *
 *     - name: weather
 *       description: Tells the weather of a city today.
 *       parameters: {type: object, properties: {city: {type: string}}, required: [city]}
 *       url: https://weather.example/v1/{city}
 *     - kind: knowledge
 *
 * What a tool may reach is set by whoever wrote the file, not by the model: the host of its address, and the
 * hosts of its list; arguments only fill the places in path and query, encoded. The format is in docs/llm.md.
 *
 * Threads: any; after ac_tools_load nothing changes.
 */
#ifndef AC_LLM_TOOLS_H
#define AC_LLM_TOOLS_H

#include "avatarchat/handler.h"
#include "base/str.h"
#include "llm/knowledge_base.h"

#include <jansson.h>

struct ac_tools;

/* What calls need; borrowed. */
struct ac_tool_world {
    struct ac_knowledge_base *knowledge;
    const char *proxy, *ca_file;
    struct ac_cancel *confirmed; /* a tool that changes something waits for it; NULL = it is certain */
    void (*idle)(void *arg);     /* called about every 10 ms while a tool is waited for */
    void *arg;
    const char *log_name;
};

/* Reads the file. AC_ECONFIG with ac_env_fail: file, line and what is wrong. */
int ac_tools_load(struct ac_tools **tools, const char *path, struct ac_env *env);
void ac_tools_free(struct ac_tools *t); /* NULL is fine */
/* Whether one of them searches the knowledge base. */
bool ac_tools_want_knowledge(const struct ac_tools *t);
/* The list as a request's "tools"; borrowed. */
json_t *ac_tools_offer(const struct ac_tools *t);
/*
 * Runs one call; adds what the model is told of it: the answer, or {"error": why}. 0 also where the tool
 * failed; otherwise the reason of cancel.
 */
int ac_tools_call(const struct ac_tools *t, const char *name, const char *arguments,
                  const struct ac_tool_world *world, struct ac_cancel *cancel, struct ac_str *result);

/*
 * Whether the value fits the JSON schema, as far as that is looked at: type, enum, required, properties,
 * items, additionalProperties: false. Else why says what does not, with the path to it.
 */
bool ac_tool_fits(const json_t *schema, const json_t *value, char *why, size_t size);

#endif
