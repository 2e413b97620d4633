/* The YAML file of tools, read and checked (tools.h): what would only fail in a conversation fails here. */
#include "llm/tools_private.h"

#include "base/mem.h"
#include "llm/yaml_json.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    MAX_FILE_BYTES = 1 << 20,
    MAX_NAME = 64,
    MAX_HEADERS = 32,
    TIMEOUT_MS = 5000,
    LONGEST_TIMEOUT_MS = 120000,
    ANSWER_BYTES = 65536,
    LONGEST_ANSWER_BYTES = 1 << 20,
    PASSAGES = 3,
    MOST_PASSAGES = 20,
};

/* The tool that is being read. */
struct reader {
    struct ac_tools *tools;
    struct tool *tool;
    struct ac_env *env;
    const char *file;
    size_t line;
    const json_t *o; /* its mapping */
};

__attribute__((format(printf, 2, 3))) static int wrong(struct reader *r, const char *fmt, ...)
{
    char what[160];
    va_list args;

    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    return ac_env_fail(r->env, AC_ECONFIG, "%.60s:%zu: %s", r->file, r->line, what);
}

static const char *text_of(const struct reader *r, const char *key, const char *otherwise)
{
    const json_t *v = json_object_get(r->o, key);

    return json_is_string(v) ? json_string_value(v) : otherwise;
}

static int check_keys(struct reader *r)
{
    static const char *const keys[] = {"name",    "description", "parameters", "kind",  "url",     "method",
                                       "headers", "timeout_ms",  "max_bytes",  "hosts", "passages"};
    static const char *const texts[] = {"name", "description", "kind", "url", "method"};
    size_t n = sizeof keys / sizeof *keys;
    const char *key;
    json_t *v;

    json_object_foreach((json_t *)r->o, key, v)
    {
        size_t i = 0;
        while (i < n && strcmp(key, keys[i]) != 0)
            i++;
        const char *near = i < n ? NULL : ac_nearest(key, keys, n);
        if (i == n)
            return wrong(r, "unknown key '%.40s'%s%s", key, near ? ", did you mean " : "", near ? near : "");
        for (size_t t = 0; t < sizeof texts / sizeof *texts; t++)
            if (strcmp(key, texts[t]) == 0 && !json_is_string(v))
                return wrong(r, "%s must be a text", key);
    }
    return 0;
}

static int read_number(struct reader *r, const char *key, long otherwise, long max, long *out)
{
    const json_t *v = json_object_get(r->o, key);

    *out = otherwise;
    if (!v)
        return 0;
    *out = json_is_integer(v) ? (long)json_integer_value(v) : 0;
    return *out >= 1 && *out <= max ? 0 : wrong(r, "%s must be a whole number, 1 to %ld", key, max);
}

static int read_name(struct reader *r)
{
    const char *name = text_of(r, "name", r->tool->knowledge ? "search_knowledge" : "");

    for (const char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '_' && *p != '-')
            return wrong(r, "a tool's name is made of letters, digits, _ and -, not '%.40s'", name);
    if (!*name || strlen(name) > MAX_NAME)
        return wrong(r, "a tool needs a name of 1 to %d characters", MAX_NAME);
    for (size_t i = 0; i + 1 < r->tools->n; i++)
        if (strcmp(r->tools->tools[i].name, name) == 0)
            return wrong(r, "two tools are called '%s'", name);
    r->tool->name = ac_strdup(name);
    return 0;
}

static int read_schema(struct reader *r)
{
    json_t *given = json_object_get(r->o, "parameters");
    const char *type = json_string_value(json_object_get(given, "type"));

    if (r->tool->knowledge && given)
        return wrong(r, "a tool of kind knowledge has its own parameters");
    if (r->tool->knowledge)
        r->tool->schema =
            json_pack("{s:s, s:{s:{s:s, s:s}}, s:[s]}", "type", "object", "properties", "query", "type",
                      "string", "description", "What is looked for, in a few words.", "required", "query");
    else if (!given)
        r->tool->schema = json_pack("{s:s, s:{}}", "type", "object", "properties");
    else if (type && strcmp(type, "object") == 0)
        r->tool->schema = json_incref(given);
    return r->tool->schema ? 0 : wrong(r, "parameters must be a JSON schema with 'type: object'");
}

/* The places of the address: in path or query, each a parameter. */
static int check_places(struct reader *r, const char *url)
{
    const json_t *properties = json_object_get(r->tool->schema, "properties");
    const char *path = strstr(url, "://");

    path = path ? path + 3 + strcspn(path + 3, "/?#") : url;
    if (strcspn(url, "{}") < (size_t)(path - url))
        return wrong(r, "url: an {argument} may stand in the path and the query only");
    for (const char *p = path; (p = strpbrk(p, "{}")); p++) {
        size_t n = *p == '{' ? strcspn(p + 1, "{}") : 0;
        if (*p == '}' || p[n + 1] != '}')
            return wrong(r, "url: { and } do not match");
        char *name = ac_strndup(p + 1, n);
        bool known = json_object_get(properties, name);
        free(name);
        if (!known)
            return wrong(r, "url: {%.*s} is not among the parameters", (int)(n < 40 ? n : 40), p + 1);
        p += n + 1;
    }
    return 0;
}

static int read_url(struct reader *r)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    const char *url = text_of(r, "url", ""), *method = text_of(r, "method", "GET");
    bool known = false, is_https;

    if (!*url)
        return wrong(r, "a tool needs a url, or 'kind: knowledge'");
    int err = check_places(r, url);
    if (err)
        return err;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        known = known || strcmp(method, methods[i]) == 0;
    if (!known)
        return wrong(r, "method must be GET, POST, PUT, PATCH or DELETE");
    char *plain = ac_strdup(url); /* the places would be no address */
    for (char *p = plain; *p; p++)
        *p = *p == '{' || *p == '}' ? '_' : *p;
    char *host = tool_host(plain, &is_https);
    free(plain);
    if (!host)
        return wrong(r, "url '%.80s' is no http or https address", url);
    r->tool->hosts = ac_zalloc((TOOLS_MAX_HOSTS + 2) * sizeof *r->tool->hosts);
    r->tool->hosts[0] = host;
    r->tool->url = ac_strdup(url);
    r->tool->method = ac_strdup(method);
    return 0;
}

static int read_hosts(struct reader *r)
{
    json_t *list = json_object_get(r->o, "hosts"), *v;
    bool own = false;
    size_t i;

    if (!list)
        return 0;
    if (!json_is_array(list) || json_array_size(list) > TOOLS_MAX_HOSTS)
        return wrong(r, "hosts must be a list of at most %d names", TOOLS_MAX_HOSTS);
    json_array_foreach(list, i, v)
    {
        if (!json_is_string(v))
            return wrong(r, "hosts must be a list of names");
        char *host = ac_strdup(json_string_value(v));
        for (char *p = host; *p; p++)
            *p = (char)tolower((unsigned char)*p);
        own = own || strcmp(host, r->tool->hosts[0]) == 0;
        r->tool->hosts[i + 1] = host;
    }
    return own ? 0 : wrong(r, "hosts does not hold the url's own host, %.80s", r->tool->hosts[0]);
}

/* ${NAME} in a header's value becomes the variable of the environment. */
static int expand(struct reader *r, const char *value, struct ac_str *out)
{
    for (const char *p = value; *p;) {
        const char *end = strncmp(p, "${", 2) == 0 ? strchr(p, '}') : NULL;
        if (!end) {
            ac_str_add_n(out, p++, 1);
            continue;
        }
        char *name = ac_strndup(p + 2, (size_t)(end - p - 2));
        const char *given = getenv(name);
        int err = given ? 0 : wrong(r, "the variable %.60s, which a header wants, is not set", name);
        free(name);
        if (err)
            return err;
        ac_str_add(out, given);
        p = end + 1;
    }
    return 0;
}

static int read_headers(struct reader *r)
{
    json_t *given = json_object_get(r->o, "headers"), *v;
    bool has_type = strcmp(r->tool->method, "GET") == 0;
    const char *name;
    size_t n = 0;

    if (given && (!json_is_object(given) || json_object_size(given) > MAX_HEADERS))
        return wrong(r, "headers must be a mapping of at most %d names to texts", MAX_HEADERS);
    r->tool->headers = ac_zalloc((MAX_HEADERS + 2) * sizeof *r->tool->headers);
    json_object_foreach(given, name, v)
    {
        struct ac_str text = {0};
        if (!json_is_string(v) || !*name || strpbrk(name, " :\r\n\t"))
            return wrong(r, "header '%.40s' must be a text (quoted where it looks like a number)", name);
        ac_str_addf(&text, "%s: ", name);
        int err = expand(r, json_string_value(v), &text);
        r->tool->headers[n++] = ac_str_steal(&text);
        if (!err && strpbrk(r->tool->headers[n - 1], "\r\n"))
            err = wrong(r, "header '%.40s' has a line break in it", name);
        if (err)
            return err;
        has_type = has_type || strcasecmp(name, "content-type") == 0;
    }
    if (!has_type)
        r->tool->headers[n] = ac_strdup("Content-Type: application/json");
    return 0;
}

static int read_tool(struct reader *r)
{
    const char *kind = text_of(r, "kind", "http");
    long timeout, bytes, passages;
    int err = check_keys(r);

    if (err)
        return err;
    r->tool->knowledge = strcmp(kind, "knowledge") == 0;
    if (!r->tool->knowledge && strcmp(kind, "http") != 0)
        return wrong(r, "kind must be http or knowledge");
    if (!r->tool->knowledge && !*text_of(r, "description", ""))
        return wrong(r, "a tool needs a description: the model chooses by it");
    if ((err = read_name(r)) || (err = read_schema(r)) ||
        (err = read_number(r, "timeout_ms", TIMEOUT_MS, LONGEST_TIMEOUT_MS, &timeout)) ||
        (err = read_number(r, "max_bytes", ANSWER_BYTES, LONGEST_ANSWER_BYTES, &bytes)) ||
        (err = read_number(r, "passages", PASSAGES, MOST_PASSAGES, &passages)))
        return err;
    r->tool->timeout_ms = (int)timeout;
    r->tool->max_bytes = (size_t)bytes;
    r->tool->passages = (int)passages;
    if (r->tool->knowledge)
        return text_of(r, "url", NULL) ? wrong(r, "a tool of kind knowledge has no url") : 0;
    if ((err = read_url(r)) || (err = read_hosts(r)))
        return err;
    return read_headers(r);
}

static void offer(struct reader *r)
{
    const char *description =
        text_of(r, "description", "Searches the knowledge base for facts that you do not know for certain.");

    json_array_append_new(r->tools->offer, json_pack("{s:s, s:{s:s, s:s, s:O}}", "type", "function",
                                                     "function", "name", r->tool->name, "description",
                                                     description, "parameters", r->tool->schema));
}

static int read_document(struct reader *r, yaml_document_t *doc)
{
    const yaml_node_t *root = yaml_document_get_root_node(doc);
    char why[120];
    int err = 0;

    if (!root || root->type != YAML_SEQUENCE_NODE)
        return wrong(r, "the file must be a list of tools, each beginning with '- name:'");
    for (const yaml_node_item_t *i = root->data.sequence.items.start;
         !err && i < root->data.sequence.items.top; i++) {
        const yaml_node_t *node = yaml_document_get_node(doc, *i);
        r->line = node->start_mark.line + 1;
        if (r->tools->n == TOOLS_MAX)
            return wrong(r, "more than %d tools", TOOLS_MAX);
        json_t *o = ac_yaml_json(doc, node, why, sizeof why);
        if (!o)
            return wrong(r, "%s", why);
        r->o = o;
        r->tool = &r->tools->tools[r->tools->n++];
        err = json_is_object(o) ? read_tool(r) : wrong(r, "a tool is a mapping, beginning with 'name:'");
        if (!err)
            offer(r);
        json_decref(o);
    }
    return err || r->tools->n ? err : wrong(r, "the file has no tool");
}

int ac_tools_load(struct ac_tools **tools, const char *path, struct ac_env *env)
{
    struct reader r = {.env = env, .file = path, .line = 1};
    char *found = ac_env_path(env, path), *text = NULL;
    yaml_document_t doc;
    yaml_parser_t parser;
    size_t len;
    int err = found ? ac_read_file(found, MAX_FILE_BYTES, &text, &len) : AC_ENOENT;

    free(found);
    if (err)
        return ac_env_fail(env, AC_ECONFIG, "llm.openai.tools '%.120s' cannot be read: %s", path,
                           ac_err_text(err));
    if (!yaml_parser_initialize(&parser)) {
        free(text);
        return AC_ENOMEM;
    }
    r.tools = ac_zalloc(sizeof *r.tools);
    r.tools->offer = json_array();
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    if (yaml_parser_load(&parser, &doc)) {
        err = read_document(&r, &doc);
        yaml_document_delete(&doc);
    } else {
        r.line = parser.problem_mark.line + 1;
        err = wrong(&r, "this is no YAML: %.100s", parser.problem ? parser.problem : "");
    }
    yaml_parser_delete(&parser);
    free(text);
    if (err)
        ac_tools_free(r.tools);
    else
        *tools = r.tools;
    return err;
}

static void free_list(char **list)
{
    for (char **p = list; p && *p; p++)
        free(*p);
    free(list);
}

void ac_tools_free(struct ac_tools *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n; i++) {
        struct tool *tool = &t->tools[i];
        free(tool->name);
        free(tool->url);
        free(tool->method);
        free_list(tool->headers);
        free_list(tool->hosts);
        json_decref(tool->schema);
    }
    json_decref(t->offer);
    free(t);
}
