/* Reads avatar.yaml into the rig (form.h). */
#include "avatar/character_rig.h"

#include "avatar/form.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RIG_MAX_BYTES = 256 * 1024 };

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

static uint32_t colour(struct ac_form *r, yaml_node_t *map, const char *key)
{
    const char *s = ac_form_scalar(r, map, key);
    if (r->err)
        return 0;
    char *end;
    unsigned long v = *s == '#' ? strtoul(s + 1, &end, 16) : 0;
    if (*s != '#' || strlen(s) != 7 || *end)
        ac_form_complain(r, ac_form_child(r, map, key), "'%s' must be a colour like \"#3a1517\"", key);
    return (uint32_t)v;
}

static void contour(struct ac_form *r, yaml_node_t *map, const char *key, struct ac_char_contour *c)
{
    float v[2 * AC_CHAR_MAX_POINTS];
    int n = ac_form_numbers(r, map, key, v, 2 * AC_CHAR_MAX_POINTS, false);
    if (r->err)
        return;
    if (n < 4 || n % 2) {
        ac_form_complain(r, ac_form_child(r, map, key), "'%s' must hold x and y of at least two points", key);
        return;
    }
    c->n = n / 2;
    for (int i = 0; i < c->n; i++) {
        c->x[i] = v[2 * i];
        c->y[i] = v[2 * i + 1];
        if (i && c->x[i] <= c->x[i - 1]) {
            ac_form_complain(r, ac_form_child(r, map, key), "the points of '%s' must go from left to right",
                             key);
            return;
        }
    }
}

static void box(struct ac_form *r, yaml_node_t *map, const char *key, struct ac_char_box *b)
{
    float v[4] = {0};
    ac_form_numbers(r, map, key, v, 4, true);
    *b = (struct ac_char_box){v[0], v[1], v[2], v[3]};
    if (!r->err && (b->w < 8 || b->h < 8 || b->w > 512 || b->h > 512))
        ac_form_complain(r, ac_form_child(r, map, key),
                         "'%s' must be x, y, width, height with sides of 8 to 512", key);
}

static void pair(struct ac_form *r, yaml_node_t *map, const char *key, float *a, float *b)
{
    float v[2] = {0};
    ac_form_numbers(r, map, key, v, 2, true);
    *a = v[0];
    *b = v[1];
}

static void read_eye(struct ac_form *r, yaml_node_t *map, struct ac_char_eye_rig *e)
{
    float v[3] = {0};
    AC_FORM_KEYS(r, map, "box", "iris", "brow", "open", "closed", "low", "crease");
    box(r, map, "box", &e->box);
    ac_form_numbers(r, map, "iris", v, 3, true);
    e->iris_x = v[0];
    e->iris_y = v[1];
    e->iris_r = v[2];
    ac_form_numbers(r, map, "brow", v, 3, true);
    e->brow_x = v[0];
    e->brow_y = v[1];
    e->brow_r = v[2];
    contour(r, map, "open", &e->open);
    contour(r, map, "closed", &e->closed);
    contour(r, map, "low", &e->low);
    contour(r, map, "crease", &e->crease);
}

static void read_mouth(struct ac_form *r, yaml_node_t *map, struct ac_char_mouth_rig *m)
{
    AC_FORM_KEYS(r, map, "box", "top", "line", "low", "open", "dark", "deep", "seam");
    box(r, map, "box", &m->box);
    contour(r, map, "top", &m->top);
    contour(r, map, "line", &m->line);
    contour(r, map, "low", &m->low);
    m->open = ac_form_number(r, map, "open", 1, 200);
    m->dark = colour(r, map, "dark");
    m->deep = colour(r, map, "deep");
    m->seam = colour(r, map, "seam");
}

static void read_layers(struct ac_form *r, yaml_node_t *map, struct ac_char_rig *rig)
{
    AC_FORM_KEYS(r, map, "base", "eyeball", "iris", "shine", "lid", "lash_upper", "lash_lower", "tongue",
                 "teeth_lower", "teeth_upper", "lip_upper", "lip_lower");
    yaml_node_t *base = ac_form_child(r, map, "base");
    if (!base)
        return;
    if (base->type != YAML_SEQUENCE_NODE) {
        ac_form_complain(r, base, "'base' must be a list of layers");
        return;
    }
    for (yaml_node_item_t *i = base->data.sequence.items.start; i < base->data.sequence.items.top; i++) {
        yaml_node_t *v = yaml_document_get_node(&r->doc, *i);
        if (v->type != YAML_SCALAR_NODE || rig->n_base == AC_CHAR_MAX_LAYERS) {
            ac_form_complain(r, v, "'base' must hold at most %d names of layers", AC_CHAR_MAX_LAYERS);
            return;
        }
        rig->base[rig->n_base++] = ac_strdup((char *)v->data.scalar.value);
    }
    for (int p = 0; p < AC_CHAR_PARTS; p++)
        rig->part[p] = ac_strdup(ac_form_scalar(r, map, PART_NAMES[p]));
}

static char *both_languages(struct ac_form *r, yaml_node_t *map, const char *key, const char *between)
{
    yaml_node_t *v = ac_form_child(r, map, key);
    if (!v)
        return NULL;
    AC_FORM_KEYS(r, v, "en", "zh");
    const char *en = ac_form_scalar(r, v, "en"), *zh = ac_form_scalar(r, v, "zh");
    return strcmp(en, zh) == 0 ? ac_strdup(en) : ac_asprintf("%s%s%s", en, between, zh);
}

static void read_head(struct ac_form *r, yaml_node_t *map, struct ac_char_rig *rig)
{
    AC_FORM_KEYS(r, map, "center", "radius", "face", "face_radius", "pivot", "chin", "neck", "chest",
                 "liveliness");
    pair(r, map, "center", &rig->head_x, &rig->head_y);
    pair(r, map, "radius", &rig->head_rx, &rig->head_ry);
    pair(r, map, "face", &rig->face_x, &rig->face_y);
    pair(r, map, "face_radius", &rig->face_rx, &rig->face_ry);
    pair(r, map, "pivot", &rig->pivot_x, &rig->pivot_y);
    rig->chin_y = ac_form_number(r, map, "chin", 0, 5000);
    rig->neck_y = ac_form_number(r, map, "neck", 0, 5000);
    rig->breath_y = ac_form_number(r, map, "chest", 0, 5000);
    rig->liveliness = ac_form_number(r, map, "liveliness", 0, 2);
    if (!r->err && (rig->head_rx < 8 || rig->head_ry < 8 || rig->face_rx < 8 || rig->face_ry < 8))
        ac_form_complain(r, ac_form_child(r, map, "radius"), "the radii of head and face must be at least 8");
    if (!r->err && rig->neck_y < rig->chin_y + 8)
        ac_form_complain(r, ac_form_child(r, map, "neck"), "'neck' must be below 'chin'");
}

static void read_rig(struct ac_form *r, yaml_node_t *root, struct ac_char_rig *rig, const char *folder)
{
    AC_FORM_KEYS(r, root, "name", "gender", "detail", "drawing", "frame", "head", "layers", "eyes", "mouth");
    rig->name = both_languages(r, root, "name", " ");
    rig->detail = both_languages(r, root, "detail", " · ");
    rig->gender = ac_strdup(ac_form_scalar(r, root, "gender"));
    if (!r->err && strcmp(rig->gender, "female") != 0 && strcmp(rig->gender, "male") != 0)
        ac_form_complain(r, ac_form_child(r, root, "gender"), "'gender' must be female or male");
    const char *drawing = ac_form_scalar(r, root, "drawing");
    if (!r->err && (strchr(drawing, '/') || *drawing == '.'))
        ac_form_complain(r, ac_form_child(r, root, "drawing"), "'drawing' must be a file in the same folder");
    rig->drawing = ac_asprintf("%s/%s", folder, drawing);
    float f[3] = {0};
    ac_form_numbers(r, root, "frame", f, 3, true);
    rig->frame_x = f[0];
    rig->frame_y = f[1];
    rig->frame_size = f[2];
    if (!r->err && rig->frame_size < 64)
        ac_form_complain(r, ac_form_child(r, root, "frame"),
                         "'frame' must be x, y and a side of at least 64");
    yaml_node_t *v;
    if ((v = ac_form_child(r, root, "head")))
        read_head(r, v, rig);
    if ((v = ac_form_child(r, root, "layers")))
        read_layers(r, v, rig);
    if ((v = ac_form_child(r, root, "eyes"))) {
        AC_FORM_KEYS(r, v, "left", "right");
        for (int i = 0; i < 2; i++) {
            yaml_node_t *e = ac_form_child(r, v, i ? "right" : "left");
            if (e)
                read_eye(r, e, &rig->eye[i]);
        }
    }
    if ((v = ac_form_child(r, root, "mouth")))
        read_mouth(r, v, &rig->mouth);
}

int ac_char_rig_load(struct ac_char_rig **out, const char *folder, const char *id, struct ac_env *env)
{
    char *path = ac_asprintf("%s/avatar.yaml", folder);
    struct ac_form form;
    int err = ac_form_open(&form, path, RIG_MAX_BYTES, env);

    *out = NULL;
    if (!err) {
        struct ac_char_rig *rig = ac_zalloc(sizeof *rig);
        rig->id = ac_strdup(id);
        read_rig(&form, form.root, rig, folder);
        err = form.err;
        ac_form_close(&form);
        if (err)
            ac_char_rig_free(rig);
        else
            *out = rig;
    }
    free(path);
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
