/*
 * Reads avatar.yaml into the rig. libyaml's document tree keeps the line of every value, so that each
 * complaint names file, line and what is expected there. Every key must be present and no other may be: a
 * typing error is never silently a default.
 */
#include "avatar/character_rig.h"

#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { RIG_MAX_BYTES = 256 * 1024 };

struct reader {
    yaml_document_t doc;
    const char *path;
    struct ac_env *env;
    int err;
};

static const char *const PART_NAMES[AC_CHAR_PARTS] = {
    [AC_CHAR_EYEBALL] = "eyeball",
    [AC_CHAR_IRIS] = "iris",
    [AC_CHAR_SHINE] = "shine",
    [AC_CHAR_LID] = "lid",
    [AC_CHAR_LASH_UPPER] = "lash_upper",
    [AC_CHAR_LASH_LOWER] = "lash_lower",
    [AC_CHAR_TONGUE] = "tongue",
    [AC_CHAR_TEETH_LOWER] = "teeth_lower",
    [AC_CHAR_TEETH_UPPER] = "teeth_upper",
    [AC_CHAR_LIP_UPPER] = "lip_upper",
    [AC_CHAR_LIP_LOWER] = "lip_lower",
};

const char *ac_char_part_name(enum ac_char_part part)
{
    return PART_NAMES[part];
}

__attribute__((format(printf, 3, 4))) static void complain(struct reader *r, const yaml_node_t *at,
                                                           const char *fmt, ...)
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

static yaml_node_t *child(struct reader *r, yaml_node_t *map, const char *key)
{
    if (r->err)
        return NULL;
    if (map->type != YAML_MAPPING_NODE) {
        complain(r, map, "expected keys with values, among them '%s'", key);
        return NULL;
    }
    for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++) {
        yaml_node_t *k = yaml_document_get_node(&r->doc, p->key);
        if (k->type == YAML_SCALAR_NODE && strcmp((char *)k->data.scalar.value, key) == 0)
            return yaml_document_get_node(&r->doc, p->value);
    }
    complain(r, map, "the key '%s' is missing here", key);
    return NULL;
}

/* Refuses keys that are not among the n known ones. */
static void check_keys(struct reader *r, yaml_node_t *map, const char *const *known, size_t n)
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
        complain(r, k, "unknown key '%s'%s%s", name, near ? ", did you mean " : "", near ? near : "");
    }
}
#define CHECK_KEYS(r, map, ...)                                                                              \
    do {                                                                                                     \
        static const char *const known_[] = {__VA_ARGS__};                                                   \
        if (map)                                                                                             \
            check_keys(r, map, known_, sizeof known_ / sizeof *known_);                                      \
    } while (0)

static const char *scalar(struct reader *r, yaml_node_t *map, const char *key)
{
    yaml_node_t *v = child(r, map, key);
    if (!v)
        return "";
    if (v->type != YAML_SCALAR_NODE || v->data.scalar.length == 0) {
        complain(r, v, "'%s' must be a plain value", key);
        return "";
    }
    return (char *)v->data.scalar.value;
}

static float number_of(struct reader *r, yaml_node_t *v, const char *key)
{
    if (v->type == YAML_SCALAR_NODE) {
        char *end;
        errno = 0;
        float f = strtof((char *)v->data.scalar.value, &end);
        if (end != (char *)v->data.scalar.value && *end == '\0' && isfinite(f) && fabsf(f) <= 10000)
            return f;
    }
    complain(r, v, "'%s' must hold numbers between -10000 and 10000", key);
    return 0;
}

/* Fills max numbers at most; returns how many there are. exact: any other count is an error. */
static int numbers(struct reader *r, yaml_node_t *map, const char *key, float *out, int max, bool exact)
{
    yaml_node_t *v = child(r, map, key);
    if (!v)
        return 0;
    if (v->type != YAML_SEQUENCE_NODE) {
        complain(r, v, "'%s' must be a list [a, b, …]", key);
        return 0;
    }
    int n = 0;
    for (yaml_node_item_t *i = v->data.sequence.items.start; i < v->data.sequence.items.top; i++, n++)
        if (n < max)
            out[n] = number_of(r, yaml_document_get_node(&r->doc, *i), key);
    if (n > max || (exact && n != max))
        complain(r, v, "'%s' must hold %s%d numbers, not %d", key, exact ? "" : "at most ", max, n);
    return n > max ? max : n;
}

static float number(struct reader *r, yaml_node_t *map, const char *key, float lo, float hi)
{
    yaml_node_t *v = child(r, map, key);
    if (!v)
        return lo;
    float f = number_of(r, v, key);
    if (f < lo || f > hi)
        complain(r, v, "'%s' must be between %g and %g", key, (double)lo, (double)hi);
    return f;
}

static uint32_t colour(struct reader *r, yaml_node_t *map, const char *key)
{
    const char *s = scalar(r, map, key);
    if (r->err)
        return 0;
    char *end;
    unsigned long v = *s == '#' ? strtoul(s + 1, &end, 16) : 0;
    if (*s != '#' || strlen(s) != 7 || *end)
        complain(r, child(r, map, key), "'%s' must be a colour like \"#3a1517\"", key);
    return (uint32_t)v;
}

static void contour(struct reader *r, yaml_node_t *map, const char *key, struct ac_char_contour *c)
{
    float v[2 * AC_CHAR_MAX_POINTS];
    int n = numbers(r, map, key, v, 2 * AC_CHAR_MAX_POINTS, false);
    if (r->err)
        return;
    if (n < 4 || n % 2) {
        complain(r, child(r, map, key), "'%s' must hold x and y of at least two points", key);
        return;
    }
    c->n = n / 2;
    for (int i = 0; i < c->n; i++) {
        c->x[i] = v[2 * i];
        c->y[i] = v[2 * i + 1];
        if (i && c->x[i] <= c->x[i - 1]) {
            complain(r, child(r, map, key), "the points of '%s' must go from left to right", key);
            return;
        }
    }
}

static void box(struct reader *r, yaml_node_t *map, const char *key, struct ac_char_box *b)
{
    float v[4] = {0};
    numbers(r, map, key, v, 4, true);
    *b = (struct ac_char_box){v[0], v[1], v[2], v[3]};
    if (!r->err && (b->w < 8 || b->h < 8 || b->w > 512 || b->h > 512))
        complain(r, child(r, map, key), "'%s' must be x, y, width, height with sides of 8 to 512", key);
}

static void pair(struct reader *r, yaml_node_t *map, const char *key, float *a, float *b)
{
    float v[2] = {0};
    numbers(r, map, key, v, 2, true);
    *a = v[0];
    *b = v[1];
}

static void read_eye(struct reader *r, yaml_node_t *map, struct ac_char_eye_rig *e)
{
    float v[3] = {0};
    CHECK_KEYS(r, map, "box", "iris", "brow", "open", "closed", "low", "crease");
    box(r, map, "box", &e->box);
    numbers(r, map, "iris", v, 3, true);
    e->iris_x = v[0];
    e->iris_y = v[1];
    e->iris_r = v[2];
    numbers(r, map, "brow", v, 3, true);
    e->brow_x = v[0];
    e->brow_y = v[1];
    e->brow_r = v[2];
    contour(r, map, "open", &e->open);
    contour(r, map, "closed", &e->closed);
    contour(r, map, "low", &e->low);
    contour(r, map, "crease", &e->crease);
}

static void read_mouth(struct reader *r, yaml_node_t *map, struct ac_char_mouth_rig *m)
{
    CHECK_KEYS(r, map, "box", "top", "line", "low", "open", "dark", "deep", "seam");
    box(r, map, "box", &m->box);
    contour(r, map, "top", &m->top);
    contour(r, map, "line", &m->line);
    contour(r, map, "low", &m->low);
    m->open = number(r, map, "open", 1, 200);
    m->dark = colour(r, map, "dark");
    m->deep = colour(r, map, "deep");
    m->seam = colour(r, map, "seam");
}

static void read_layers(struct reader *r, yaml_node_t *map, struct ac_char_rig *rig)
{
    CHECK_KEYS(r, map, "base", "eyeball", "iris", "shine", "lid", "lash_upper", "lash_lower", "tongue",
               "teeth_lower", "teeth_upper", "lip_upper", "lip_lower");
    yaml_node_t *base = child(r, map, "base");
    if (!base)
        return;
    if (base->type != YAML_SEQUENCE_NODE) {
        complain(r, base, "'base' must be a list of layers");
        return;
    }
    for (yaml_node_item_t *i = base->data.sequence.items.start; i < base->data.sequence.items.top; i++) {
        yaml_node_t *v = yaml_document_get_node(&r->doc, *i);
        if (v->type != YAML_SCALAR_NODE || rig->n_base == AC_CHAR_MAX_LAYERS) {
            complain(r, v, "'base' must hold at most %d names of layers", AC_CHAR_MAX_LAYERS);
            return;
        }
        rig->base[rig->n_base++] = ac_strdup((char *)v->data.scalar.value);
    }
    for (int p = 0; p < AC_CHAR_PARTS; p++)
        rig->part[p] = ac_strdup(scalar(r, map, PART_NAMES[p]));
}

static char *both_languages(struct reader *r, yaml_node_t *map, const char *key, const char *between)
{
    yaml_node_t *v = child(r, map, key);
    if (!v)
        return NULL;
    CHECK_KEYS(r, v, "en", "zh");
    const char *en = scalar(r, v, "en"), *zh = scalar(r, v, "zh");
    return strcmp(en, zh) == 0 ? ac_strdup(en) : ac_asprintf("%s%s%s", en, between, zh);
}

static void read_head(struct reader *r, yaml_node_t *map, struct ac_char_rig *rig)
{
    CHECK_KEYS(r, map, "center", "radius", "face", "face_radius", "pivot", "chin", "neck", "chest",
               "liveliness");
    pair(r, map, "center", &rig->head_x, &rig->head_y);
    pair(r, map, "radius", &rig->head_rx, &rig->head_ry);
    pair(r, map, "face", &rig->face_x, &rig->face_y);
    pair(r, map, "face_radius", &rig->face_rx, &rig->face_ry);
    pair(r, map, "pivot", &rig->pivot_x, &rig->pivot_y);
    rig->chin_y = number(r, map, "chin", 0, 5000);
    rig->neck_y = number(r, map, "neck", 0, 5000);
    rig->breath_y = number(r, map, "chest", 0, 5000);
    rig->liveliness = number(r, map, "liveliness", 0, 2);
    if (!r->err && (rig->head_rx < 8 || rig->head_ry < 8 || rig->face_rx < 8 || rig->face_ry < 8))
        complain(r, child(r, map, "radius"), "the radii of head and face must be at least 8");
    if (!r->err && rig->neck_y < rig->chin_y + 8)
        complain(r, child(r, map, "neck"), "'neck' must be below 'chin'");
}

static void read_rig(struct reader *r, yaml_node_t *root, struct ac_char_rig *rig, const char *folder)
{
    CHECK_KEYS(r, root, "name", "gender", "detail", "drawing", "frame", "head", "layers", "eyes", "mouth");
    rig->name = both_languages(r, root, "name", " ");
    rig->detail = both_languages(r, root, "detail", " · ");
    rig->gender = ac_strdup(scalar(r, root, "gender"));
    if (!r->err && strcmp(rig->gender, "female") != 0 && strcmp(rig->gender, "male") != 0)
        complain(r, child(r, root, "gender"), "'gender' must be female or male");
    const char *drawing = scalar(r, root, "drawing");
    if (!r->err && (strchr(drawing, '/') || *drawing == '.'))
        complain(r, child(r, root, "drawing"), "'drawing' must be a file in the same folder");
    rig->drawing = ac_asprintf("%s/%s", folder, drawing);
    float f[3] = {0};
    numbers(r, root, "frame", f, 3, true);
    rig->frame_x = f[0];
    rig->frame_y = f[1];
    rig->frame_size = f[2];
    if (!r->err && rig->frame_size < 64)
        complain(r, child(r, root, "frame"), "'frame' must be x, y and a side of at least 64");
    yaml_node_t *v;
    if ((v = child(r, root, "head")))
        read_head(r, v, rig);
    if ((v = child(r, root, "layers")))
        read_layers(r, v, rig);
    if ((v = child(r, root, "eyes"))) {
        CHECK_KEYS(r, v, "left", "right");
        for (int i = 0; i < 2; i++) {
            yaml_node_t *e = child(r, v, i ? "right" : "left");
            if (e)
                read_eye(r, e, &rig->eye[i]);
        }
    }
    if ((v = child(r, root, "mouth")))
        read_mouth(r, v, &rig->mouth);
}

int ac_char_rig_load(struct ac_char_rig **out, const char *folder, const char *id, struct ac_env *env)
{
    *out = NULL;
    char *path = ac_asprintf("%s/avatar.yaml", folder), *text = NULL;
    size_t len = 0;
    struct ac_char_rig *rig = NULL;
    struct reader r = {.path = path, .env = env};
    yaml_parser_t parser;
    bool have_doc = false;

    int err = ac_read_file(path, RIG_MAX_BYTES, &text, &len);
    if (err) {
        err = ac_env_fail(env, err, "cannot read %s: %s", path, ac_err_text(err));
        goto out;
    }
    if (!yaml_parser_initialize(&parser)) {
        err = AC_ENOMEM;
        goto out;
    }
    yaml_parser_set_input_string(&parser, (unsigned char *)text, len);
    have_doc = yaml_parser_load(&parser, &r.doc);
    if (!have_doc)
        err = ac_env_fail(env, AC_ECONFIG, "%s:%zu: not YAML: %s", path, parser.problem_mark.line + 1,
                          parser.problem ? parser.problem : "broken");
    yaml_parser_delete(&parser);
    if (err)
        goto out;
    rig = ac_zalloc(sizeof *rig);
    rig->id = ac_strdup(id);
    yaml_node_t *root = yaml_document_get_root_node(&r.doc);
    if (root)
        read_rig(&r, root, rig, folder);
    else
        complain(&r, NULL, "the file is empty");
    err = r.err;
out:
    if (have_doc)
        yaml_document_delete(&r.doc);
    free(text);
    free(path);
    if (err)
        ac_char_rig_free(rig);
    else
        *out = rig;
    return err;
}

void ac_char_rig_free(struct ac_char_rig *rig)
{
    if (!rig)
        return;
    for (int i = 0; i < rig->n_base; i++)
        free(rig->base[i]);
    for (int i = 0; i < AC_CHAR_PARTS; i++)
        free(rig->part[i]);
    free(rig->id);
    free(rig->name);
    free(rig->gender);
    free(rig->detail);
    free(rig->drawing);
    free(rig);
}

float ac_char_contour_y(const struct ac_char_contour *c, float x)
{
    if (x <= c->x[0])
        return c->y[0];
    for (int i = 1; i < c->n; i++)
        if (x <= c->x[i])
            return c->y[i - 1] + (c->y[i] - c->y[i - 1]) * (x - c->x[i - 1]) / (c->x[i] - c->x[i - 1]);
    return c->y[c->n - 1];
}
