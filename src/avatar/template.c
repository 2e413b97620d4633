/* Reads a template's folder. Nothing in it is trusted: sizes are checked against what the files really hold.
 */
#include "avatar/template.h"

#include "avatar/form.h"
#include "base/mem.h"
#include "base/str.h"
#include "media/photo.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    YAML_MAX_BYTES = 64 * 1024,
    VERSION = 1,
    MIN_BOX = 16,
    PERIOD_PICTURES = AC_IDLE_PERIOD_US / 1000000 * AC_TEMPLATE_FPS,
};

#define REMEDY "make it again with 'avatar-chat avatar create --replace'"

/* ---- what it is ---- */

bool ac_template_is(const char *folder)
{
    char *path = ac_asprintf("%s/avatar.yaml", folder), line[256];
    FILE *f = fopen(path, "r");
    bool is = false, found = false;

    while (f && !found && fgets(line, sizeof line, f)) {
        char engine[16];
        found = sscanf(line, "engine : %15[^ \t\r\n#]", engine) == 1;
        is = found && (strcmp(engine, "wav2lip") == 0 || strcmp(engine, "\"wav2lip\"") == 0 ||
                       strcmp(engine, "'wav2lip'") == 0);
    }
    if (f)
        fclose(f);
    free(path);
    return is;
}

/* ---- avatar.yaml ---- */

static void check_engine(struct ac_form *r)
{
    if (strcmp(ac_form_scalar(r, r->root, "engine"), "wav2lip") != 0)
        ac_form_complain(r, ac_form_child(r, r->root, "engine"), "'engine' must be wav2lip");
    float version = ac_form_number(r, r->root, "version", 1, 1000);
    if (!r->err && version != VERSION)
        ac_form_complain(r, ac_form_child(r, r->root, "version"),
                         "version %g is not known to this program: " REMEDY, (double)version);
}

static void read_words(struct ac_form *r, struct ac_template *t)
{
    const char *name = ac_form_text(r, r->root, "name"), *kind = ac_form_scalar(r, r->root, "kind");

    t->name = ac_strdup(*name ? name : t->id);
    t->detail = ac_strdup(ac_form_text(r, r->root, "detail"));
    t->licence = ac_strdup(ac_form_text(r, r->root, "licence"));
    t->gender = ac_strdup(ac_form_text(r, r->root, "gender"));
    t->video = strcmp(kind, "video") == 0;
    if (!r->err && !t->video && strcmp(kind, "photo") != 0)
        ac_form_complain(r, ac_form_child(r, r->root, "kind"), "'kind' must be photo or video");
    if (!r->err && *t->gender && strcmp(t->gender, "female") != 0 && strcmp(t->gender, "male") != 0)
        ac_form_complain(r, ac_form_child(r, r->root, "gender"), "'gender' must be female, male or \"\"");
}

/* Is the number whole and even, and a side that pictures may have? */
static bool is_side(float v)
{
    return v >= AC_TEMPLATE_MIN_SIDE && v <= AC_TEMPLATE_MAX_SIDE && fmodf(v, 2) == 0;
}

static void read_size(struct ac_form *r, struct ac_template *t)
{
    float size[2] = {0};

    ac_form_numbers(r, r->root, "size", size, 2, true);
    if (!r->err && (!is_side(size[0]) || !is_side(size[1])))
        ac_form_complain(r, ac_form_child(r, r->root, "size"),
                         "'size' must be width and height of the pictures, even, %d to %d",
                         AC_TEMPLATE_MIN_SIDE, AC_TEMPLATE_MAX_SIDE);
    float n = ac_form_number(r, r->root, "pictures", 1, AC_TEMPLATE_MAX_PICTURES);
    if (r->err)
        return;
    t->width = (int)size[0];
    t->height = (int)size[1];
    t->n = (size_t)n;
    yaml_node_t *at = ac_form_child(r, r->root, "pictures");
    if (!t->video && n != 1)
        ac_form_complain(r, at, "'pictures' must be 1 for a photo");
    else if (t->video && (n != floorf(n) || t->n < 2 || PERIOD_PICTURES % (2 * (t->n - 1)) != 0))
        ac_form_complain(
            r, at,
            "'pictures' must be one of 2, 3, 4, 6, 7, 11, 16, 26, 31, 51, 76, 151, so that the loop "
            "fits %d s",
            AC_IDLE_PERIOD_US / 1000000);
}

static void read_box(struct ac_form *r, const struct ac_template *t, yaml_node_t *node,
                     struct ac_template_box *b)
{
    float v[4] = {0};

    ac_form_list(r, node, "boxes", v, 4, true);
    *b = (struct ac_template_box){v[0], v[1], v[2], v[3]};
    if (!r->err && (b->x < 0 || b->y < 0 || b->width < MIN_BOX || b->height < MIN_BOX ||
                    b->x + b->width > (float)t->width || b->y + b->height > (float)t->height))
        ac_form_complain(r, node, "a box is x, y, width, height inside of the picture, sides at least %d",
                         MIN_BOX);
}

static void read_boxes(struct ac_form *r, struct ac_template *t)
{
    yaml_node_t *list = ac_form_child(r, r->root, "boxes");
    size_t i = 0;

    if (!list || r->err)
        return;
    if (list->type != YAML_SEQUENCE_NODE ||
        (size_t)(list->data.sequence.items.top - list->data.sequence.items.start) != t->n) {
        ac_form_complain(r, list, "'boxes' must hold %zu boxes, one a picture", t->n);
        return;
    }
    t->box = ac_zalloc(t->n * sizeof *t->box);
    for (yaml_node_item_t *at = list->data.sequence.items.start; !r->err && i < t->n; at++, i++)
        read_box(r, t, yaml_document_get_node(&r->doc, *at), &t->box[i]);
}

static int read_yaml(struct ac_template *t, struct ac_env *env)
{
    char *path = ac_asprintf("%s/avatar.yaml", t->folder);
    struct ac_form form, *r = &form;
    int err = ac_form_open(r, path, YAML_MAX_BYTES, env);

    if (!err) {
        AC_FORM_KEYS(r, r->root, "engine", "version", "kind", "name", "detail", "gender", "licence", "size",
                     "pictures", "boxes");
        check_engine(r);
        read_words(r, t);
        read_size(r, t);
        read_boxes(r, t);
        err = r->err;
        ac_form_close(r);
    }
    free(path);
    return err;
}

/* ---- the files beside it ---- */

static char *picture_path(const struct ac_template *t, size_t i)
{
    return ac_asprintf("%s/picture-%03zu.jpg", t->folder, i);
}

static int check_pictures(const struct ac_template *t, struct ac_env *env)
{
    int err = 0;

    for (size_t i = 0; !err && i < t->n; i++) {
        char *path = picture_path(t, i);
        if (access(path, R_OK) != 0)
            err = ac_env_fail(env, AC_ENOENT, "%s is missing or cannot be read: " REMEDY, path);
        free(path);
    }
    return err;
}

static int read_picture(const char *path, int width, int height, struct ac_rgb *out, struct ac_env *env)
{
    const struct ac_photo_limits limits = {.max_pixels = (int64_t)width * height};
    char reason[AC_PHOTO_REASON];
    int err = ac_photo_file(path, &limits, out, reason);

    if (err)
        return ac_env_fail(env, err == AC_ENOMEM || err == AC_ENOENT || err == AC_EIO ? err : AC_ECONFIG,
                           "%s: %s; " REMEDY, path, reason);
    if (out->width == width && out->height == height)
        return 0;
    err = ac_env_fail(env, AC_ECONFIG, "%s has %dx%d pixels, not %dx%d: " REMEDY, path, out->width,
                      out->height, width, height);
    ac_rgb_free(out);
    return err;
}

static int read_masks(struct ac_template *t, struct ac_env *env)
{
    char *path = ac_asprintf("%s/masks.png", t->folder);
    struct ac_rgb grey = {0};
    int err = read_picture(path, AC_TEMPLATE_MASK, AC_TEMPLATE_MASK * (int)t->n, &grey, env);

    if (!err) {
        uint8_t *to = t->priv = ac_alloc(t->n * AC_TEMPLATE_MASK_BYTES);
        for (int y = 0; y < grey.height; y++)
            for (int x = 0; x < grey.width; x++)
                *to++ = *ac_rgb_at(&grey, x, y);
    }
    ac_rgb_free(&grey);
    free(path);
    return err;
}

/* ---- the template ---- */

int ac_template_load(struct ac_template **out, const char *folder, const char *id, struct ac_env *env)
{
    struct ac_template *t = ac_zalloc(sizeof *t);

    *out = NULL;
    t->folder = ac_strdup(folder);
    t->id = ac_strdup(id);
    int err = read_yaml(t, env);
    if (!err)
        err = check_pictures(t, env);
    if (!err)
        err = read_masks(t, env);
    if (err)
        ac_template_free(t);
    else
        *out = t;
    return err;
}

void ac_template_free(struct ac_template *t)
{
    if (!t)
        return;
    free(t->folder);
    free(t->id);
    free(t->name);
    free(t->gender);
    free(t->licence);
    free(t->detail);
    free(t->box);
    free(t->priv);
    free(t);
}

int ac_template_picture(const struct ac_template *t, size_t i, struct ac_rgb *out, struct ac_env *env)
{
    char *path = picture_path(t, i);
    int err = read_picture(path, t->width, t->height, out, env);

    free(path);
    return err;
}

void ac_template_mask(const struct ac_template *t, size_t i, uint8_t mask[AC_TEMPLATE_MASK_BYTES])
{
    memcpy(mask, (const uint8_t *)t->priv + i * AC_TEMPLATE_MASK_BYTES, AC_TEMPLATE_MASK_BYTES);
}

size_t ac_template_at(const struct ac_template *t, int64_t idle_us)
{
    /* a picture's time may have been cut to whole microseconds, several times */
    const int64_t slack_us = 1000;

    if (t->n == 1)
        return 0;
    int64_t number = (idle_us + slack_us) * AC_TEMPLATE_FPS / 1000000;
    size_t turn = 2 * (t->n - 1), at = (size_t)(number < 0 ? 0 : number) % turn;
    return at < t->n ? at : turn - at;
}
