/*
 * The configuration file: YAML read by libyaml's document interface, whose nodes know their lines, and walked
 * into the tree. A key is either an option, a group of options, or an error that names the nearest key.
 */
#include "core/config_private.h"

#include "base/mem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <yaml.h>

enum { MAX_FILE_BYTES = 1 << 20 };

struct walk {
    struct ac_config *cfg;
    yaml_document_t *doc;
    struct ac_str *errors;
    char **groups; /* those seen, to find duplicates */
    size_t n_groups;
    int err;
};

__attribute__((format(printf, 3, 4))) static void complain(struct walk *w, size_t line, const char *fmt, ...)
{
    va_list ap;
    char *text;

    va_start(ap, fmt);
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    ac_str_addf(w->errors, "%s:%zu: %s", w->cfg->file, line, n >= 0 ? text : fmt);
    if (n >= 0)
        free(text);
    w->err = AC_ECONFIG;
}

static size_t line_of(const yaml_node_t *node)
{
    return node->start_mark.line + 1;
}

/* The scalar's text; NULL for other nodes and for text with a NUL in it. */
static const char *scalar(const yaml_node_t *node)
{
    const char *text = (const char *)node->data.scalar.value;

    if (node->type != YAML_SCALAR_NODE || strlen(text) != node->data.scalar.length)
        return NULL;
    return text;
}

static bool is_null(const yaml_node_t *node)
{
    const char *text = scalar(node);

    return text && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (!*text || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
}

static void set_list(struct walk *w, struct config_entry *e, const yaml_node_t *value, const char *where)
{
    size_t n = 0, max = (size_t)(value->data.sequence.items.top - value->data.sequence.items.start);
    const char **names = ac_zalloc((max + 1) * sizeof *names);
    bool ok = true;

    for (const yaml_node_item_t *i = value->data.sequence.items.start; i < value->data.sequence.items.top;
         i++) {
        const yaml_node_t *node = yaml_document_get_node(w->doc, *i);
        const char *text = scalar(node);
        if (text) {
            names[n++] = text;
        } else {
            complain(w, line_of(node), "%s: the list holds names of engines only\n", e->path);
            ok = false;
        }
    }
    if (ok && config_set_use(w->cfg, e, names, n, AC_ORIGIN_FILE, where, w->errors) != 0)
        w->err = AC_ECONFIG;
    free(names);
}

static void set_entry(struct walk *w, struct config_entry *e, size_t line, const yaml_node_t *value)
{
    if (e->origin == AC_ORIGIN_FILE) {
        complain(w, line, "%s: it is given twice, first at %s; remove one\n", e->path, e->where);
        return;
    }
    char *where = ac_asprintf("%s:%zu", w->cfg->file, line);
    if (!e->option && value->type == YAML_SEQUENCE_NODE)
        set_list(w, e, value, where);
    else if (!scalar(value))
        complain(w, line, "%s: it takes one value%s\n", e->path, e->option ? "" : ", or a list of names");
    else if (config_set(w->cfg, e, is_null(value) ? "" : scalar(value), AC_ORIGIN_FILE, where, w->errors) !=
             0)
        w->err = AC_ECONFIG;
    free(where);
}

static bool seen_group(struct walk *w, const char *path)
{
    for (size_t i = 0; i < w->n_groups; i++) {
        if (strcmp(w->groups[i], path) == 0)
            return true;
    }
    w->groups = ac_realloc_array(w->groups, w->n_groups + 1, sizeof *w->groups);
    w->groups[w->n_groups++] = ac_strdup(path);
    return false;
}

static void unknown_key(struct walk *w, const char *group, const char *key, size_t line)
{
    char **names;
    size_t n = config_children(w->cfg, group, &names);

    if (*group == '\0')
        complain(w, line, "unknown key '%s'", key);
    else
        complain(w, line, "unknown key '%s' in '%s'", key, group);
    config_suggest(w->errors, key, (const char *const *)names, n);
    config_names_free(names, n);
}

static void walk_mapping(struct walk *w, const char *group, const yaml_node_t *map);

static void walk_pair(struct walk *w, const char *group, const yaml_node_t *key_node,
                      const yaml_node_t *value)
{
    const char *key = scalar(key_node);
    size_t line = line_of(key_node);

    if (!key) {
        complain(w, line, "a key is a plain word here\n");
        return;
    }
    char *path = *group ? ac_asprintf("%s.%s", group, key) : ac_strdup(key);
    struct config_entry *e = config_find(w->cfg, path);
    bool one_key = !strchr(key, '.'); /* "server.port: 1" is not a path here: nested groups are */
    if (e && one_key)
        set_entry(w, e, line, value);
    else if (!one_key || !config_is_group(w->cfg, path))
        unknown_key(w, group, key, line);
    else if (seen_group(w, path))
        complain(w, line, "%s: it is given twice; put its options in one place\n", path);
    else if (value->type == YAML_MAPPING_NODE)
        walk_mapping(w, path, value);
    else if (!is_null(value))
        complain(w, line, "%s: it is a group of options; write them below it, indented, as 'name: value'\n",
                 path);
    free(path);
}

static void walk_mapping(struct walk *w, const char *group, const yaml_node_t *map)
{
    for (const yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++)
        walk_pair(w, group, yaml_document_get_node(w->doc, p->key), yaml_document_get_node(w->doc, p->value));
}

/* Why libyaml gave up. Its mark is not set for bytes that are no text: those are found by their offset. */
static void parse_error(struct walk *w, const yaml_parser_t *parser, const char *data, size_t len)
{
    size_t line = parser->problem_mark.line + 1;

    if (parser->error == YAML_READER_ERROR) {
        line = 1;
        for (size_t i = 0; i < parser->problem_offset && i < len; i++)
            line += data[i] == '\n';
    }
    complain(w, line, "not valid YAML: %s%s%s\n", parser->problem ? parser->problem : "out of memory",
             parser->context ? " " : "", parser->context ? parser->context : "");
}

static void walk_documents(struct walk *w, const char *data, size_t len)
{
    yaml_parser_t parser;
    yaml_document_t doc;
    bool first = true;

    if (!yaml_parser_initialize(&parser)) {
        w->err = AC_ENOMEM;
        return;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)data, len);
    for (;;) {
        if (!yaml_parser_load(&parser, &doc)) {
            parse_error(w, &parser, data, len);
            break;
        }
        yaml_node_t *root = yaml_document_get_root_node(&doc);
        bool end = !root;
        w->doc = &doc;
        if (root && !first)
            complain(w, line_of(root), "a second document begins; keep all options in one\n");
        else if (root && root->type == YAML_MAPPING_NODE)
            walk_mapping(w, "", root);
        else if (root && !is_null(root))
            complain(w, line_of(root), "the file is not a list of 'section:' with options below\n");
        yaml_document_delete(&doc);
        if (end || !first)
            break;
        first = false;
    }
    yaml_parser_delete(&parser);
}

int config_read_yaml(struct ac_config *cfg, struct ac_str *errors)
{
    struct walk w = {.cfg = cfg, .errors = errors};
    struct stat st;
    char *data = NULL;
    size_t len;

    if (stat(cfg->file, &st) == 0 && S_ISDIR(st.st_mode)) {
        ac_str_addf(errors, "%s: it is a folder; name the YAML file in it\n", cfg->file);
        return AC_ECONFIG;
    }
    errno = 0;
    int err = ac_read_file(cfg->file, MAX_FILE_BYTES, &data, &len);
    if (err == AC_ENOENT)
        ac_str_addf(errors,
                    "%s: there is no such file; 'avatar-chat config sample' prints one to begin with\n",
                    cfg->file);
    else if (err == AC_ELIMIT)
        ac_str_addf(errors, "%s: it is larger than %d kB; this is not a configuration file\n", cfg->file,
                    MAX_FILE_BYTES / 1024);
    else if (err)
        ac_str_addf(errors, "%s: cannot be read: %s\n", cfg->file,
                    errno ? strerror(errno) : ac_err_text(err));
    if (err)
        return err == AC_ENOENT ? AC_ENOENT : AC_ECONFIG;
    walk_documents(&w, data, len);
    config_names_free(w.groups, w.n_groups);
    free(data);
    return w.err;
}
