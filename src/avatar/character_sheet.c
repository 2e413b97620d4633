/*
 * Making a sheet with librsvg. The drawing's viewBox is rewritten to the region that is wanted, so that
 * librsvg's filters work on surfaces of that region's size only; layers are rendered one by one by their ids.
 */
#include "avatar/character_sheet.h"

#include "base/mem.h"
#include "base/str.h"

#include <cairo.h>
#include <librsvg/rsvg.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DRAWING_MAX_BYTES = 16 * 1024 * 1024 };

struct drawing {
    char *text;
    size_t len;
    const char *head_end; /* text up to the number list of viewBox="…" */
    const char *tail;     /* from its closing quote */
    const char *path;
    struct ac_env *env;
};

static uint8_t clamp_u8(float v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v + 0.5f);
}

/* Limited-range BT.709 of a premultiplied colour with coverage a, all 0…255. */
static uint32_t texel(float r, float g, float b, float a)
{
    uint32_t y = clamp_u8(0.1826f * r + 0.6142f * g + 0.0620f * b + 16 * a / 255);
    uint32_t u = clamp_u8(-0.1006f * r - 0.3386f * g + 0.4392f * b + 128 * a / 255);
    uint32_t v = clamp_u8(0.4392f * r - 0.3989f * g - 0.0403f * b + 128 * a / 255);
    return y | u << 8 | v << 16 | (uint32_t)clamp_u8(a) << 24;
}

uint32_t ac_char_texel_rgb(uint32_t rgb)
{
    return texel((float)(rgb >> 16 & 255), (float)(rgb >> 8 & 255), (float)(rgb & 255), 255);
}

static int drawing_load(struct drawing *d, const char *path, struct ac_env *env)
{
    *d = (struct drawing){.path = path, .env = env};
    int err = ac_read_file(path, DRAWING_MAX_BYTES, &d->text, &d->len);
    if (err)
        return ac_env_fail(env, err, "cannot read %s: %s", path, ac_err_text(err));
    const char *box = strstr(d->text, "viewBox=\"");
    if (!box || !(d->tail = strchr(box + 9, '"')))
        return ac_env_fail(env, AC_ECONFIG, "%s: the svg element needs a viewBox", path);
    d->head_end = box + 9;
    return 0;
}

/* A librsvg handle whose whole picture is the region of the drawing. */
static int drawing_open(const struct drawing *d, const struct ac_char_box *region, RsvgHandle **handle)
{
    struct ac_str s = {0};
    GError *gerr = NULL;
    ac_str_add_n(&s, d->text, (size_t)(d->head_end - d->text));
    ac_str_addf(&s, "%.6f %.6f %.6f %.6f", (double)region->x, (double)region->y, (double)region->w,
                (double)region->h);
    ac_str_add(&s, d->tail);
    *handle = rsvg_handle_new_from_data((const guint8 *)s.p, s.len, &gerr);
    ac_str_free(&s);
    if (*handle)
        return 0;
    int err =
        ac_env_fail(d->env, AC_ECONFIG, "%s: not a drawing: %s", d->path, gerr ? gerr->message : "broken");
    g_clear_error(&gerr);
    return err;
}

static int render_layer(const struct drawing *d, RsvgHandle *handle, const char *layer,
                        cairo_surface_t *surface)
{
    char *id = ac_asprintf("#%s", layer);
    GError *gerr = NULL;
    RsvgRectangle all = {0, 0, cairo_image_surface_get_width(surface),
                         cairo_image_surface_get_height(surface)};
    int err = 0;
    if (!rsvg_handle_has_sub(handle, id)) {
        err = ac_env_fail(d->env, AC_ECONFIG,
                          "%s: there is no layer with the id '%s', which avatar.yaml names", d->path, layer);
    } else {
        cairo_t *cr = cairo_create(surface);
        if (!rsvg_handle_render_layer(handle, cr, id, &all, &gerr))
            err = ac_env_fail(d->env, AC_ECONFIG, "%s: layer '%s' cannot be drawn: %s", d->path, layer,
                              gerr ? gerr->message : "unknown reason");
        g_clear_error(&gerr);
        cairo_destroy(cr);
    }
    free(id);
    return err;
}

static int surface_new(cairo_surface_t **surface, int w, int h)
{
    *surface = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, w, h);
    return cairo_surface_status(*surface) == CAIRO_STATUS_SUCCESS ? 0 : AC_ENOMEM;
}

static const uint32_t *surface_row(cairo_surface_t *surface, int y)
{
    return (const uint32_t *)(const void *)(cairo_image_surface_get_data(surface) +
                                            (intptr_t)y * cairo_image_surface_get_stride(surface));
}

/* ---- the still picture ---- */

static void fill_planes(struct ac_char_sheet *s, cairo_surface_t *surface, uint8_t *y0, uint8_t *u0,
                        uint8_t *v0)
{
    int w = s->width + 2 * AC_CHAR_PAD, h = s->height + 2 * AC_CHAR_PAD;
    for (int y = 0; y < h; y += 2) {
        const uint32_t *row[2] = {surface_row(surface, y), surface_row(surface, y + 1)};
        for (int x = 0; x < w; x += 2) {
            float r = 0, g = 0, b = 0;
            for (int k = 0; k < 4; k++) {
                uint32_t p = row[k >> 1][x + (k & 1)];
                float pr = (float)(p >> 16 & 255), pg = (float)(p >> 8 & 255), pb = (float)(p & 255);
                y0[(intptr_t)(y + (k >> 1)) * s->stride[0] + x + (k & 1)] = (uint8_t)texel(pr, pg, pb, 255);
                r += pr / 4;
                g += pg / 4;
                b += pb / 4;
            }
            uint32_t t = texel(r, g, b, 255);
            u0[(intptr_t)(y / 2) * s->stride[1] + x / 2] = (uint8_t)(t >> 8);
            v0[(intptr_t)(y / 2) * s->stride[2] + x / 2] = (uint8_t)(t >> 16);
        }
    }
}

static int draw_base(struct ac_char_sheet *s, const struct drawing *d)
{
    int w = s->width + 2 * AC_CHAR_PAD, h = s->height + 2 * AC_CHAR_PAD, err;
    struct ac_char_box region = {
        s->origin_x - AC_CHAR_PAD / s->unit,
        s->origin_y - AC_CHAR_PAD / s->unit,
        (float)w / s->unit,
        (float)h / s->unit,
    };
    RsvgHandle *handle = NULL;
    cairo_surface_t *surface = NULL;

    err = drawing_open(d, &region, &handle);
    if (err)
        goto out;
    err = surface_new(&surface, w, h);
    for (int i = 0; !err && i < s->rig->n_base; i++)
        err = render_layer(d, handle, s->rig->base[i], surface);
    if (err)
        goto out;
    cairo_surface_flush(surface);
    s->stride[0] = w + 32 - w % 32;
    s->stride[1] = s->stride[2] = s->stride[0] / 2;
    size_t luma = (size_t)s->stride[0] * (size_t)h, chroma = luma / 4;
    s->block = ac_try_alloc(luma + 2 * chroma + 64);
    if (!s->block) {
        err = AC_ENOMEM;
        goto out;
    }
    uint8_t *y0 = s->block, *u0 = y0 + luma, *v0 = u0 + chroma;
    fill_planes(s, surface, y0, u0, v0);
    s->plane[0] = y0 + (intptr_t)AC_CHAR_PAD * s->stride[0] + AC_CHAR_PAD;
    s->plane[1] = u0 + (intptr_t)(AC_CHAR_PAD / 2) * s->stride[1] + AC_CHAR_PAD / 2;
    s->plane[2] = v0 + (intptr_t)(AC_CHAR_PAD / 2) * s->stride[2] + AC_CHAR_PAD / 2;
out:
    if (surface)
        cairo_surface_destroy(surface);
    if (handle)
        g_object_unref(handle);
    return err;
}

/* ---- the textures ---- */

/* Mean of the AC_CHAR_OVERSAMPLE² texels around each: what one output pixel sees. */
static uint32_t *filter_texture(cairo_surface_t *surface, int w, int h)
{
    uint32_t *out = ac_try_alloc((size_t)w * (size_t)h * sizeof *out);
    if (!out)
        return NULL;
    const int reach = AC_CHAR_OVERSAMPLE / 2;
    for (int y = 0; y < h; y++) {
        for (int x = 0; x < w; x++) {
            float sum[4] = {0};
            for (int j = -reach; j <= reach; j++) {
                int yy = y + j < 0 ? 0 : y + j >= h ? h - 1 : y + j;
                const uint32_t *row = surface_row(surface, yy);
                for (int i = -reach; i <= reach; i++) {
                    uint32_t p = row[x + i < 0 ? 0 : x + i >= w ? w - 1 : x + i];
                    for (int c = 0; c < 4; c++)
                        sum[c] += (float)(p >> (24 - 8 * c) & 255);
                }
            }
            float k = 1.0f / (AC_CHAR_OVERSAMPLE * AC_CHAR_OVERSAMPLE);
            out[(size_t)y * (size_t)w + (size_t)x] = texel(sum[1] * k, sum[2] * k, sum[3] * k, sum[0] * k);
        }
    }
    return out;
}

static void find_ends(struct ac_char_patch *p, int part)
{
    p->first[part] = ac_alloc((size_t)p->w * sizeof(int16_t));
    p->last[part] = ac_alloc((size_t)p->w * sizeof(int16_t));
    for (int x = 0; x < p->w; x++) {
        int first = 0, last = p->h - 1;
        while (first < p->h && !p->part[part][first * p->w + x])
            first++;
        while (last >= 0 && !p->part[part][last * p->w + x])
            last--;
        p->first[part][x] = (int16_t)first;
        p->last[part][x] = (int16_t)last;
    }
}

static int draw_patch(struct ac_char_sheet *s, const struct drawing *d, struct ac_char_patch *p,
                      const struct ac_char_box *box, int first_part, int last_part)
{
    RsvgHandle *handle = NULL;
    p->texels = s->unit * AC_CHAR_OVERSAMPLE;
    p->w = (int)ceilf(box->w * p->texels);
    p->h = (int)ceilf(box->h * p->texels);
    p->box = (struct ac_char_box){box->x, box->y, (float)p->w / p->texels, (float)p->h / p->texels};
    int err = drawing_open(d, &p->box, &handle);
    for (int i = first_part; !err && i <= last_part; i++) {
        cairo_surface_t *surface = NULL;
        err = surface_new(&surface, p->w, p->h);
        if (!err)
            err = render_layer(d, handle, s->rig->part[i], surface);
        if (!err) {
            cairo_surface_flush(surface);
            p->part[i] = filter_texture(surface, p->w, p->h);
            err = p->part[i] ? 0 : AC_ENOMEM;
            if (!err)
                find_ends(p, i);
        }
        cairo_surface_destroy(surface);
    }
    if (handle)
        g_object_unref(handle);
    return err;
}

static void fill_line(struct ac_char_patch *p, int i, const struct ac_char_contour *c)
{
    p->line[i] = ac_alloc((size_t)p->w * sizeof(float));
    for (int x = 0; x < p->w; x++)
        p->line[i][x] =
            (ac_char_contour_y(c, p->box.x + ((float)x + 0.5f) / p->texels) - p->box.y) * p->texels;
}

/* ---- the whole ---- */

static int alloc_fields(struct ac_char_sheet *s)
{
    s->cols = (s->width + AC_CHAR_CELL - 1) / AC_CHAR_CELL + 1;
    s->rows = (s->height + AC_CHAR_CELL - 1) / AC_CHAR_CELL + 1;
    size_t values = 2 * (size_t)s->cols * (size_t)s->rows;
    for (int f = 0; f < AC_CHAR_FIELDS; f++) {
        s->field[f] = ac_try_alloc(values * sizeof(float));
        if (!s->field[f])
            return AC_ENOMEM;
    }
    s->first = ac_zalloc((size_t)s->rows * sizeof *s->first);
    s->end = ac_zalloc((size_t)s->rows * sizeof *s->end);
    ac_char_fields_fill(s);
    return 0;
}

int ac_char_sheet_new(struct ac_char_sheet **out, const struct ac_char_rig *rig, int width, int height,
                      struct ac_env *env)
{
    struct ac_char_sheet *s = ac_zalloc(sizeof *s);
    struct drawing d = {0};
    int side = width < height ? width : height;

    *out = NULL;
    s->rig = rig;
    s->width = width;
    s->height = height;
    s->unit = (float)side / rig->frame_size;
    s->origin_x = rig->frame_x - 0.5f * (float)(width - side) / s->unit;
    s->origin_y = rig->frame_y - (float)(height - side) / s->unit;
    int err = alloc_fields(s);
    if (!err)
        err = drawing_load(&d, rig->drawing, env);
    if (!err)
        err = draw_base(s, &d);
    for (int i = 0; !err && i < 2; i++) {
        const struct ac_char_eye_rig *e = &rig->eye[i];
        err = draw_patch(s, &d, &s->eye[i], &e->box, AC_CHAR_EYEBALL, AC_CHAR_LASH_LOWER);
        fill_line(&s->eye[i], AC_CHAR_EYE_OPEN, &e->open);
        fill_line(&s->eye[i], AC_CHAR_EYE_CLOSED, &e->closed);
        fill_line(&s->eye[i], AC_CHAR_EYE_LOW, &e->low);
        fill_line(&s->eye[i], AC_CHAR_EYE_CREASE, &e->crease);
    }
    if (!err) {
        err = draw_patch(s, &d, &s->mouth, &rig->mouth.box, AC_CHAR_TONGUE, AC_CHAR_LIP_LOWER);
        fill_line(&s->mouth, AC_CHAR_LIP_TOP, &rig->mouth.top);
        fill_line(&s->mouth, AC_CHAR_LIP_LINE, &rig->mouth.line);
        fill_line(&s->mouth, AC_CHAR_LIP_LOW, &rig->mouth.low);
    }
    free(d.text);
    if (err == AC_ENOMEM)
        ac_env_fail(env, err, "memory is too short for avatar '%s' at %dx%d", rig->id, width, height);
    if (err)
        ac_char_sheet_free(s);
    else
        *out = s;
    return err;
}

static void free_patch(struct ac_char_patch *p)
{
    for (int i = 0; i < AC_CHAR_PARTS; i++) {
        free(p->part[i]);
        free(p->first[i]);
        free(p->last[i]);
    }
    for (int i = 0; i < AC_CHAR_LINES; i++)
        free(p->line[i]);
}

void ac_char_sheet_free(struct ac_char_sheet *s)
{
    if (!s)
        return;
    for (int f = 0; f < AC_CHAR_FIELDS; f++)
        free(s->field[f]);
    free_patch(&s->eye[0]);
    free_patch(&s->eye[1]);
    free_patch(&s->mouth);
    free(s->first);
    free(s->end);
    free(s->block);
    free(s);
}
