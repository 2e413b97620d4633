/* See yaml_json.h. */
#include "llm/yaml_json.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_DEPTH = 32,
    MAX_NODES = 10000 /* with anchors counted each time: they can blow up a small file */
};

struct walk {
    yaml_document_t *doc;
    char *why;
    size_t size, nodes;
};

static json_t *refuse(struct walk *w, const yaml_node_t *node, const char *what)
{
    snprintf(w->why, w->size, "line %zu: %s", node->start_mark.line + 1, what);
    return NULL;
}

static bool is_one_of(const char *text, const char *a, const char *b, const char *c)
{
    return strcmp(text, a) == 0 || strcmp(text, b) == 0 || strcmp(text, c) == 0;
}

/* A number as the core schema has it, NULL where the text is none. */
static json_t *number(const char *text)
{
    const char *digits = text + (*text == '-' || *text == '+');
    char *end;

    if (digits[strspn(digits, "0123456789.eE+-")] || !strpbrk(digits, "0123456789") || strchr("eE", *digits))
        return NULL;
    errno = 0;
    long long whole = strtoll(text, &end, 10);
    if (!*end && !errno)
        return json_integer(whole);
    double real = strtod(text, &end);
    return *end || !isfinite(real) ? NULL : json_real(real);
}

static json_t *scalar(struct walk *w, const yaml_node_t *node)
{
    const char *text = (const char *)node->data.scalar.value;
    json_t *v = NULL;

    if (node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
        if (!*text || strcmp(text, "~") == 0 || is_one_of(text, "null", "Null", "NULL"))
            return json_null();
        if (is_one_of(text, "true", "True", "TRUE"))
            return json_true();
        if (is_one_of(text, "false", "False", "FALSE"))
            return json_false();
        v = number(text);
    }
    if (!v && strlen(text) == node->data.scalar.length)
        v = json_string(text);
    return v ? v : refuse(w, node, "this text cannot be used");
}

static json_t *convert(struct walk *w, const yaml_node_t *node, int depth);

static json_t *mapping(struct walk *w, const yaml_node_t *node, int depth)
{
    json_t *o = json_object();

    for (const yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top; p++) {
        const yaml_node_t *key = yaml_document_get_node(w->doc, p->key);
        const char *name = key->type == YAML_SCALAR_NODE ? (const char *)key->data.scalar.value : NULL;
        json_t *v = NULL;
        if (!name || strlen(name) != key->data.scalar.length)
            refuse(w, key, "a key must be a text");
        else if (json_object_get(o, name))
            refuse(w, key, "the key stands there twice");
        else
            v = convert(w, yaml_document_get_node(w->doc, p->value), depth + 1);
        if (!v || json_object_set_new(o, name, v) != 0) {
            json_decref(o);
            return NULL;
        }
    }
    return o;
}

static json_t *sequence(struct walk *w, const yaml_node_t *node, int depth)
{
    json_t *a = json_array();

    for (const yaml_node_item_t *i = node->data.sequence.items.start; i < node->data.sequence.items.top;
         i++) {
        json_t *v = convert(w, yaml_document_get_node(w->doc, *i), depth + 1);
        if (!v) {
            json_decref(a);
            return NULL;
        }
        json_array_append_new(a, v);
    }
    return a;
}

static json_t *convert(struct walk *w, const yaml_node_t *node, int depth)
{
    if (depth > MAX_DEPTH || ++w->nodes > MAX_NODES)
        return refuse(w, node, "this is too deep or too large");
    return node->type == YAML_SCALAR_NODE     ? scalar(w, node)
           : node->type == YAML_MAPPING_NODE  ? mapping(w, node, depth)
           : node->type == YAML_SEQUENCE_NODE ? sequence(w, node, depth)
                                              : refuse(w, node, "this cannot be used");
}

json_t *ac_yaml_json(yaml_document_t *doc, const yaml_node_t *node, char *why, size_t size)
{
    struct walk w = {.doc = doc, .why = why, .size = size};

    return convert(&w, node, 0);
}
