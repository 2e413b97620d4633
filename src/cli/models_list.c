/* Reads config/models.yaml with libyaml's document tree; every fault is named with its line (models_list.h).
 */
#include "cli/models_list.h"

#include "avatarchat/err.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { MAX_FILE = 1 << 20, MAX_MODELS = 1000 };

struct reader {
    const char *path;
    yaml_document_t doc;
    struct ac_str *why;
};

static int fault(struct reader *r, const yaml_node_t *at, const char *what, const char *which)
{
    ac_str_addf(r->why, "%s:%zu: %s%s%s", r->path, at ? at->start_mark.line + 1 : 1, what, *which ? ": " : "",
                which);
    return AC_ECONFIG;
}

static const char *text_of(const yaml_node_t *n)
{
    return n && n->type == YAML_SCALAR_NODE ? (const char *)n->data.scalar.value : NULL;
}

/* A name that can be a file's or a folder's, and nothing else. */
static bool is_plain_name(const char *s)
{
    return *s && *s != '.' && !strchr(s, '/') && strlen(s) < 128;
}

static int read_files(struct reader *r, const yaml_node_t *node, struct ac_model_entry *e)
{
    if (node->type != YAML_SEQUENCE_NODE)
        return fault(r, node, "files is a list of names", "");
    for (yaml_node_item_t *i = node->data.sequence.items.start; i < node->data.sequence.items.top; i++) {
        const yaml_node_t *item = yaml_document_get_node(&r->doc, *i);
        const char *name = text_of(item);
        if (!name || !is_plain_name(name))
            return fault(r, item, "this is not the name of a file", name ? name : "");
        if (e->n_files == AC_MODEL_FILES)
            return fault(r, item, "there are too many files", "");
        e->files[e->n_files++] = ac_strdup(name);
    }
    return AC_OK;
}

static int read_field(struct reader *r, const yaml_node_t *key, const yaml_node_t *value,
                      struct ac_model_entry *e)
{
    const struct {
        const char *name;
        char **field;
    } fields[] = {{"name", &e->name},       {"engine", &e->engine},           {"help", &e->help},
                  {"license", &e->license}, {"license_url", &e->license_url}, {"url", &e->url},
                  {"sha256", &e->sha256}};
    const char *name = text_of(key), *text = text_of(value);

    if (!name)
        return fault(r, key, "this is not the name of a field", "");
    if (strcmp(name, "files") == 0)
        return read_files(r, value, e);
    if (!text)
        return fault(r, value, "this takes a text", name);
    if (strcmp(name, "bytes") == 0) {
        char *end;
        e->bytes = strtoll(text, &end, 10);
        return *end || e->bytes < 0 ? fault(r, value, "this is not a number of bytes", text) : AC_OK;
    }
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (strcmp(fields[i].name, name) == 0) {
            free(*fields[i].field);
            *fields[i].field = ac_strdup(text);
            return AC_OK;
        }
    }
    return fault(r, key, "there is no such field", name);
}

static int check(struct reader *r, const yaml_node_t *at, struct ac_model_entry *e)
{
    char **fields[] = {&e->name, &e->engine, &e->help, &e->license, &e->license_url, &e->url, &e->sha256};

    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (!*fields[i])
            *fields[i] = ac_strdup("");
    }
    if (!is_plain_name(e->name))
        return fault(r, at, "the name of a model is that of a folder", e->name);
    if (!*e->url || !e->n_files)
        return fault(r, at, "a model has a url and files", e->name);
    if (*e->sha256 && (strlen(e->sha256) != 64 || strspn(e->sha256, "0123456789abcdef") != 64))
        return fault(r, at, "sha256 is 64 digits of 0-9a-f", e->sha256);
    return AC_OK;
}

static int read_model(struct reader *r, const yaml_node_t *node, struct ac_model_list *list)
{
    if (node->type != YAML_MAPPING_NODE || list->n == MAX_MODELS)
        return fault(r, node, "a model is a mapping of its fields", "");
    list->items = ac_realloc_array(list->items, list->n + 1, sizeof *list->items);
    struct ac_model_entry *e = &list->items[list->n++];
    *e = (struct ac_model_entry){0};
    int err = AC_OK;
    for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top && !err; p++)
        err = read_field(r, yaml_document_get_node(&r->doc, p->key),
                         yaml_document_get_node(&r->doc, p->value), e);
    return err ? err : check(r, node, e);
}

static int read_models(struct reader *r, struct ac_model_list *list)
{
    const yaml_node_t *root = yaml_document_get_root_node(&r->doc), *models = NULL;
    int err = AC_OK;

    if (root && root->type == YAML_MAPPING_NODE &&
        root->data.mapping.pairs.top == root->data.mapping.pairs.start + 1) {
        const char *key = text_of(yaml_document_get_node(&r->doc, root->data.mapping.pairs.start->key));
        if (key && strcmp(key, "models") == 0)
            models = yaml_document_get_node(&r->doc, root->data.mapping.pairs.start->value);
    }
    if (!models || models->type != YAML_SEQUENCE_NODE)
        return fault(r, root, "the file is 'models:' and a list", "");
    for (yaml_node_item_t *i = models->data.sequence.items.start; i < models->data.sequence.items.top && !err;
         i++)
        err = read_model(r, yaml_document_get_node(&r->doc, *i), list);
    return err;
}

int ac_model_list_read(struct ac_model_list *list, const char *path, struct ac_str *why)
{
    struct reader r = {.path = path, .why = why};
    yaml_parser_t parser;
    char *text;
    size_t len;
    int err = ac_read_file(path, MAX_FILE, &text, &len);

    *list = (struct ac_model_list){0};
    if (err) {
        ac_str_addf(why, "%s: %s", path, ac_err_text(err));
        return err;
    }
    yaml_parser_initialize(&parser);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    if (!yaml_parser_load(&parser, &r.doc)) {
        ac_str_addf(why, "%s:%zu: %s", path, parser.problem_mark.line + 1, parser.problem);
        err = AC_ECONFIG;
    } else {
        err = read_models(&r, list);
        yaml_document_delete(&r.doc);
    }
    yaml_parser_delete(&parser);
    free(text);
    if (err)
        ac_model_list_free(list);
    return err;
}

void ac_model_list_free(struct ac_model_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        struct ac_model_entry *e = &list->items[i];
        char *owned[] = {e->name, e->engine, e->help, e->license, e->license_url, e->url, e->sha256};
        for (size_t k = 0; k < sizeof owned / sizeof *owned; k++)
            free(owned[k]);
        for (size_t k = 0; k < e->n_files; k++)
            free(e->files[k]);
    }
    free(list->items);
    *list = (struct ac_model_list){0};
}

const struct ac_model_entry *ac_model_list_find(const struct ac_model_list *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++) {
        if (strcmp(list->items[i].name, name) == 0)
            return &list->items[i];
    }
    return NULL;
}
