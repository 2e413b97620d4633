/* Arguments against their JSON schema (tools.h). */
#include "llm/tools.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_DEPTH = 16, WHERE = 96 };

struct check {
    char *why;
    size_t size;
};

static bool is_type(const json_t *v, const char *type)
{
    if (strcmp(type, "integer") == 0)
        return json_is_integer(v) || (json_is_real(v) && floor(json_real_value(v)) == json_real_value(v));
    return strcmp(type, "string") == 0    ? json_is_string(v)
           : strcmp(type, "number") == 0  ? json_is_number(v)
           : strcmp(type, "boolean") == 0 ? json_is_boolean(v)
           : strcmp(type, "array") == 0   ? json_is_array(v)
           : strcmp(type, "object") == 0  ? json_is_object(v)
           : strcmp(type, "null") == 0    ? json_is_null(v)
                                          : true; /* unknown to us: not for us to refuse */
}

static bool type_fits(const json_t *type, const json_t *v)
{
    const json_t *one;
    size_t i;

    if (!json_is_array(type))
        return !json_is_string(type) || is_type(v, json_string_value(type));
    json_array_foreach(type, i, one)
    {
        if (!json_is_string(one) || is_type(v, json_string_value(one)))
            return true;
    }
    return false;
}

static bool enum_fits(const json_t *list, const json_t *v)
{
    const json_t *one;
    size_t i;

    json_array_foreach(list, i, one)
    {
        if (json_equal(one, v))
            return true;
    }
    return !json_is_array(list);
}

static bool bad(const struct check *c, const char *where, const char *what, const char *name)
{
    snprintf(c->why, c->size, "%.90s: %s%s%.60s%s", *where ? where : "the arguments", what, *name ? " '" : "",
             name, *name ? "'" : "");
    return false;
}

static bool fits(const struct check *c, const json_t *schema, const json_t *v, const char *where, int depth);

static bool object_fits(const struct check *c, const json_t *schema, const json_t *v, const char *where,
                        int depth)
{
    json_t *required = json_object_get(schema, "required"),
           *properties = json_object_get(schema, "properties"), *one;
    bool closed = json_is_false(json_object_get(schema, "additionalProperties"));
    char path[WHERE];
    const char *name;
    size_t i;

    json_array_foreach(required, i, one)
    {
        if (json_is_string(one) && !json_object_get(v, json_string_value(one)))
            return bad(c, where, "missing", json_string_value(one));
    }
    json_object_foreach((json_t *)v, name, one)
    {
        const json_t *of = json_object_get(properties, name);
        if (!of && closed)
            return bad(c, where, "unknown", name);
        snprintf(path, sizeof path, "%.60s%s%.30s", where, *where ? "." : "", name);
        if (of && !fits(c, of, one, path, depth + 1))
            return false;
    }
    return true;
}

static bool fits(const struct check *c, const json_t *schema, const json_t *v, const char *where, int depth)
{
    const json_t *items = json_object_get(schema, "items"), *one;
    const char *type = json_string_value(json_object_get(schema, "type"));
    char path[WHERE];
    size_t i;

    if (depth > MAX_DEPTH)
        return bad(c, where, "too deep", "");
    if (!type_fits(json_object_get(schema, "type"), v))
        return bad(c, where, "not of type", type ? type : "that the schema names");
    if (!enum_fits(json_object_get(schema, "enum"), v))
        return bad(c, where, "not one of the values that the schema names", "");
    if (json_is_object(v))
        return object_fits(c, schema, v, where, depth);
    json_array_foreach(v, i, one)
    {
        snprintf(path, sizeof path, "%.70s[%zu]", where, i);
        if (json_is_object(items) && !fits(c, items, one, path, depth + 1))
            return false;
    }
    return true;
}

bool ac_tool_fits(const json_t *schema, const json_t *value, char *why, size_t size)
{
    struct check c = {why, size};

    return fits(&c, schema, value, "", 0);
}
