/* A small validator of JSON Schema. See json_schema.h. */
#include "integration/json_schema.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *schema_resolve(json_t *root, json_t *value)
{
    const char *ref = json_string_value(json_object_get(value, "$ref"));
    char path[256], *save = NULL;

    if (!ref)
        return value;
    snprintf(path, sizeof path, "%s", ref + (ref[0] == '#'));
    value = root;
    for (char *part = strtok_r(path, "/", &save); part; part = strtok_r(NULL, "/", &save))
        value = json_object_get(value, part);
    return value ? schema_resolve(root, value) : NULL;
}

static bool is_type(const char *type, json_t *v)
{
    return !strcmp(type, "object")    ? json_is_object(v)
           : !strcmp(type, "array")   ? json_is_array(v)
           : !strcmp(type, "string")  ? json_is_string(v)
           : !strcmp(type, "integer") ? json_is_integer(v)
           : !strcmp(type, "number")  ? json_is_number(v)
           : !strcmp(type, "boolean") ? json_is_boolean(v)
           : !strcmp(type, "null")    ? json_is_null(v)
                                      : false;
}

static bool has_type(json_t *type, json_t *v)
{
    size_t i;
    json_t *one;

    if (json_is_string(type))
        return is_type(json_string_value(type), v);
    json_array_foreach(type, i, one)
    {
        if (is_type(json_string_value(one), v))
            return true;
    }
    return false;
}

static bool fails(char why[SCHEMA_WHY], const char *what, json_t *v)
{
    char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);

    snprintf(why, SCHEMA_WHY, "%s: %.150s", what, text ? text : "?");
    free(text);
    return false;
}

static bool check_enum(json_t *list, json_t *v)
{
    size_t i;
    json_t *one;

    json_array_foreach(list, i, one)
    {
        if (json_equal(one, v))
            return true;
    }
    return false;
}

static bool check_pattern(json_t *pattern, json_t *v)
{
    regex_t r;

    if (!json_is_string(v) || regcomp(&r, json_string_value(pattern), REG_EXTENDED | REG_NOSUB))
        return false;
    bool found = !regexec(&r, json_string_value(v), 0, NULL, 0);
    regfree(&r);
    return found;
}

/* Puts the place before what is wrong there. */
static bool at(char why[SCHEMA_WHY], const char *place)
{
    char rest[SCHEMA_WHY];

    memcpy(rest, why, sizeof rest);
    snprintf(why, SCHEMA_WHY, "%s.%.200s", place, rest);
    return false;
}

static bool check_members(json_t *root, json_t *schema, json_t *v, char why[SCHEMA_WHY])
{
    json_t *known = json_object_get(schema, "properties"),
           *more = json_object_get(schema, "additionalProperties"),
           *required = json_object_get(schema, "required"), *member;
    const char *key;
    size_t i;

    if (!json_is_object(v)) /* where it may be null */
        return true;
    json_array_foreach(required, i, member)
    {
        if (!json_object_get(v, json_string_value(member)))
            return fails(why, "a required member is missing", member);
    }
    json_object_foreach(v, key, member)
    {
        json_t *s = json_object_get(known, key);
        if (!s && json_is_false(more))
            return fails(why, "an unknown member", v);
        if (!s && json_is_object(more))
            s = more;
        if (s && !schema_check(root, s, member, why))
            return at(why, key);
    }
    return true;
}

static bool check_items(json_t *root, json_t *items, json_t *v, char why[SCHEMA_WHY])
{
    size_t i;
    json_t *one;

    json_array_foreach(v, i, one)
    {
        if (!schema_check(root, items, one, why))
            return at(why, "[]");
    }
    return true;
}

static bool check_keyword(json_t *root, json_t *schema, const char *key, json_t *want, json_t *v,
                          char why[SCHEMA_WHY])
{
    static const char *const notes[] = {"description", "default", "example", "required",
                                        "additionalProperties"};

    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++)
        if (!strcmp(key, notes[i]))
            return true;
    if (!strcmp(key, "type"))
        return has_type(want, v) || fails(why, "wrong type", v);
    if (!strcmp(key, "properties"))
        return check_members(root, schema, v, why);
    if (!strcmp(key, "items"))
        return check_items(root, want, v, why);
    if (!strcmp(key, "enum"))
        return check_enum(want, v) || fails(why, "not one of those that may be", v);
    if (!strcmp(key, "pattern"))
        return check_pattern(want, v) || fails(why, "not of the pattern", v);
    if (!strcmp(key, "minimum"))
        return json_number_value(v) >= json_number_value(want) || fails(why, "too small", v);
    if (!strcmp(key, "maximum"))
        return json_number_value(v) <= json_number_value(want) || fails(why, "too large", v);
    if (!strcmp(key, "minLength"))
        return json_string_length(v) >= (size_t)json_integer_value(want) || fails(why, "too short", v);
    if (!strcmp(key, "maxLength"))
        return json_string_length(v) <= (size_t)json_integer_value(want) || fails(why, "too long", v);
    if (!strcmp(key, "maxItems"))
        return json_array_size(v) <= (size_t)json_integer_value(want) || fails(why, "too many", v);
    if (!strcmp(key, "minProperties"))
        return json_object_size(v) >= (size_t)json_integer_value(want) || fails(why, "too few members", v);
    return fails(why, "a keyword of the schema that the test does not know", schema);
}

bool schema_check(json_t *root, json_t *schema, json_t *v, char why[SCHEMA_WHY])
{
    const char *key;
    json_t *want, *s = schema_resolve(root, schema);

    if (!s)
        return fails(why, "the schema's $ref leads nowhere", schema);
    json_object_foreach(s, key, want)
    {
        if (!check_keyword(root, s, key, want, v, why))
            return false;
    }
    if (!json_object_get(s, "properties") && json_is_object(v))
        return check_members(root, s, v, why);
    return true;
}
