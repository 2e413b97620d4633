/* Checked reading of a YAML file with fixed keys; see the header. */
#include "avatar/form.h"

#include "base/str.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int ac_form_open(struct ac_form *r, const char *path, size_t max_bytes, struct ac_env *env)
{
    char *text = NULL;
    size_t len = 0;
    yaml_parser_t parser;

    *r = (struct ac_form){.path = path, .env = env};
    int err = ac_read_file(path, max_bytes, &text, &len);
    if (err)
        return ac_env_fail(env, err, "cannot read %s: %s", path, ac_err_text(err));
    if (!yaml_parser_initialize(&parser)) {
        free(text);
        return AC_ENOMEM;
    }
    yaml_parser_set_input_string(&parser, (unsigned char *)text, len);
    r->loaded = yaml_parser_load(&parser, &r->doc);
    if (!r->loaded)
        r->err = ac_env_fail(env, AC_ECONFIG, "%s:%zu: not YAML: %s", path, parser.problem_mark.line + 1,
                             parser.problem ? parser.problem : "broken");
    yaml_parser_delete(&parser);
    free(text);
    r->root = r->loaded ? yaml_document_get_root_node(&r->doc) : NULL;
    if (!r->err && !r->root)
        ac_form_complain(r, NULL, "the file is empty");
    if (r->err)
        ac_form_close(r);
    return r->err;
}

void ac_form_close(struct ac_form *r)
{
    if (r->loaded)
        yaml_document_delete(&r->doc);
    r->loaded = false;
    r->root = NULL;
}

void ac_form_complain(struct ac_form *r, const yaml_node_t *at, const char *fmt, ...)
{
    if (r->err)
        return; /* the first complaint is the one to mend first */
    char what[160];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    size_t line = at ? at->start_mark.line + 1 : 1;
    r->err = ac_env_fail(r->env, AC_ECONFIG, "%s:%zu: %s", r->path, line, what);
}

yaml_node_t *ac_form_child(struct ac_form *r, yaml_node_t *map, const char *key)
{
    if (r->err)
        return NULL;
    if (map->type != YAML_MAPPING_NODE) {
        ac_form_complain(r, map, "expected keys with values, among them '%s'", key);
        return NULL;
    }
    for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++) {
        yaml_node_t *k = yaml_document_get_node(&r->doc, p->key);
        if (k->type == YAML_SCALAR_NODE && strcmp((char *)k->data.scalar.value, key) == 0)
            return yaml_document_get_node(&r->doc, p->value);
    }
    ac_form_complain(r, map, "the key '%s' is missing here", key);
    return NULL;
}

void ac_form_check_keys(struct ac_form *r, yaml_node_t *map, const char *const *known, size_t n)
{
    if (r->err || map->type != YAML_MAPPING_NODE)
        return;
    for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++) {
        yaml_node_t *k = yaml_document_get_node(&r->doc, p->key);
        const char *name = k->type == YAML_SCALAR_NODE ? (char *)k->data.scalar.value : "?";
        size_t i = 0;
        while (i < n && strcmp(known[i], name) != 0)
            i++;
        if (i < n)
            continue;
        const char *near = ac_nearest(name, known, n);
        ac_form_complain(r, k, "unknown key '%s'%s%s", name, near ? ", did you mean " : "", near ? near : "");
    }
}
const char *ac_form_scalar(struct ac_form *r, yaml_node_t *map, const char *key)
{
    yaml_node_t *v = ac_form_child(r, map, key);
    if (!v)
        return "";
    if (v->type != YAML_SCALAR_NODE || v->data.scalar.length == 0) {
        ac_form_complain(r, v, "'%s' must be a plain value", key);
        return "";
    }
    return (char *)v->data.scalar.value;
}

const char *ac_form_text(struct ac_form *r, yaml_node_t *map, const char *key)
{
    yaml_node_t *v = ac_form_child(r, map, key);
    if (!v)
        return "";
    if (v->type != YAML_SCALAR_NODE) {
        ac_form_complain(r, v, "'%s' must be a plain value", key);
        return "";
    }
    return (char *)v->data.scalar.value;
}

static float number_of(struct ac_form *r, yaml_node_t *v, const char *key)
{
    if (v->type == YAML_SCALAR_NODE) {
        char *end;
        errno = 0;
        float f = strtof((char *)v->data.scalar.value, &end);
        if (end != (char *)v->data.scalar.value && *end == '\0' && isfinite(f) && fabsf(f) <= 10000)
            return f;
    }
    ac_form_complain(r, v, "'%s' must hold numbers between -10000 and 10000", key);
    return 0;
}

int ac_form_list(struct ac_form *r, yaml_node_t *v, const char *key, float *out, int max, bool exact)
{
    if (r->err)
        return 0;
    if (v->type != YAML_SEQUENCE_NODE) {
        ac_form_complain(r, v, "'%s' must be a list [a, b, …]", key);
        return 0;
    }
    int n = 0;
    for (yaml_node_item_t *i = v->data.sequence.items.start; i < v->data.sequence.items.top; i++, n++)
        if (n < max)
            out[n] = number_of(r, yaml_document_get_node(&r->doc, *i), key);
    if (n > max || (exact && n != max))
        ac_form_complain(r, v, "'%s' must hold %s%d numbers, not %d", key, exact ? "" : "at most ", max, n);
    return n > max ? max : n;
}

int ac_form_numbers(struct ac_form *r, yaml_node_t *map, const char *key, float *out, int max, bool exact)
{
    yaml_node_t *v = ac_form_child(r, map, key);
    return v ? ac_form_list(r, v, key, out, max, exact) : 0;
}

float ac_form_number(struct ac_form *r, yaml_node_t *map, const char *key, float lo, float hi)
{
    yaml_node_t *v = ac_form_child(r, map, key);
    if (!v)
        return lo;
    float f = number_of(r, v, key);
    if (f < lo || f > hi)
        ac_form_complain(r, v, "'%s' must be between %g and %g", key, (double)lo, (double)hi);
    return f;
}
