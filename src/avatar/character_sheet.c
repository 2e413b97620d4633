/*
 * Making a sheet: the layers of the still picture are drawn one over the other, each on the part of the
 * picture that it covers, and turned into YUV; those of eyes and mouth become textures, a few texels a pixel.
 */
#include "avatar/character_sheet.h"

#include "avatar/character_drawing.h"
#include "base/mem.h"

#include <cairo.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* luma, chroma: where the padded picture begins. */
static void fill_sources(const struct ac_char_sheet *s, cairo_surface_t *surface, int16_t *luma,
                         int16_t *chroma)
{
    int w = s->width + 2 * AC_CHAR_PAD, h = s->height + 2 * AC_CHAR_PAD;
    for (int y = 0; y < h; y += 2) {
        const uint32_t *row[2] = {surface_row(surface, y), surface_row(surface, y + 1)};
        for (int x = 0; x < w; x += 2) {
            float r = 0, g = 0, b = 0;
            for (int k = 0; k < 4; k++) {
                uint32_t p = row[k >> 1][x + (k & 1)];
                float pr = (float)(p >> 16 & 255), pg = (float)(p >> 8 & 255), pb = (float)(p & 255);
                luma[(intptr_t)(y + (k >> 1)) * s->luma.stride + x + (k & 1)] =
                    (int16_t)(texel(pr, pg, pb, 255) & 255);
                r += pr / 4;
                g += pg / 4;
                b += pb / 4;
            }
            uint32_t t = texel(r, g, b, 255);
            int16_t *pair = chroma + (intptr_t)(y / 2) * s->chroma.stride + x;
            pair[0] = (int16_t)(t >> 8 & 255);
            pair[1] = (int16_t)(t >> 16 & 255);
        }
    }
}

static int copy_planes(struct ac_char_sheet *s)
{
    int w = s->width, h = s->height;

    for (int p = 0; p < 3; p++) {
        int pw = w >> (p > 0), ph = h >> (p > 0);
        s->plane[p] = ac_try_alloc((size_t)pw * (size_t)ph);
        if (!s->plane[p])
            return AC_ENOMEM;
        const struct ac_char_source *src = p ? &s->chroma : &s->luma;
        for (int y = 0; y < ph; y++)
            for (int x = 0; x < pw; x++)
                s->plane[p][y * pw + x] =
                    (uint8_t)(src->pixels[(intptr_t)y * src->stride + (p ? 2 * x + p - 1 : x)]);
    }
    return 0;
}

/* The part of the surface that a layer covers, with its pad. */
static struct ac_char_area area_of(const struct ac_char_sheet *s, const struct ac_char_box *box, int w, int h)
{
    float x0 = (box->x - s->origin_x) * s->unit + AC_CHAR_PAD,
          y0 = (box->y - s->origin_y) * s->unit + AC_CHAR_PAD;
    float x1 = x0 + box->w * s->unit, y1 = y0 + box->h * s->unit;
    struct ac_char_area a = {(int)fmaxf(floorf(x0), 0), (int)fmaxf(floorf(y0), 0), 0, 0};
    a.w = (int)fminf(ceilf(x1), (float)w) - a.x;
    a.h = (int)fminf(ceilf(y1), (float)h) - a.y;
    return a;
}

static int draw_layers(struct ac_char_sheet *s, struct ac_char_drawing *d, cairo_surface_t *surface, int w,
                       int h)
{
    struct ac_char_box box[AC_CHAR_MAX_LAYERS];
    int err = 0;

    for (int i = 0; !err && i < s->rig->n_base; i++)
        err = ac_char_drawing_bounds(d, s->rig->base[i], &box[i]);
    for (int i = 0; !err && i < s->rig->n_base; i++) {
        struct ac_char_area a = area_of(s, &box[i], w, h);
        if (a.w > 0 && a.h > 0)
            err = ac_char_drawing_layer(d, s->rig->base[i], surface, &a, s->origin_x - AC_CHAR_PAD / s->unit,
                                        s->origin_y - AC_CHAR_PAD / s->unit, s->unit);
    }
    return err;
}

static int draw_base(struct ac_char_sheet *s, struct ac_char_drawing *d)
{
    int w = s->width + 2 * AC_CHAR_PAD, h = s->height + 2 * AC_CHAR_PAD;
    cairo_surface_t *surface = NULL;

    int err = surface_new(&surface, w, h);
    if (!err)
        err = draw_layers(s, d, surface, w, h);
    if (err)
        goto out;
    s->luma.stride = s->chroma.stride = (w + 31) / 16 * 16; /* a vector more than the picture is wide */
    size_t luma = (size_t)s->luma.stride * (size_t)h;
    s->block = ac_try_alloc((luma + luma / 2 + 16) * sizeof *s->block);
    if (!s->block) {
        err = AC_ENOMEM;
        goto out;
    }
    fill_sources(s, surface, s->block, s->block + luma);
    s->luma.pixels = s->block + (intptr_t)AC_CHAR_PAD * s->luma.stride + AC_CHAR_PAD;
    s->chroma.pixels = s->block + luma + (intptr_t)(AC_CHAR_PAD / 2) * s->chroma.stride + AC_CHAR_PAD;
    err = copy_planes(s);
out:
    cairo_surface_destroy(surface);
    return err;
}

/* ---- the textures ---- */

/* Sums over the rows around y, two channels a number: blue and red, green and coverage. */
static void sum_rows(uint32_t *br, uint32_t *ga, cairo_surface_t *surface, int w, int h, int y)
{
    const int reach = AC_CHAR_OVERSAMPLE / 2;
    const uint32_t even = 0x00ff00ff;

    memset(br, 0, (size_t)w * sizeof *br);
    memset(ga, 0, (size_t)w * sizeof *ga);
    for (int j = -reach; j <= reach; j++) {
        const uint32_t *row = surface_row(surface, y + j < 0 ? 0 : y + j >= h ? h - 1 : y + j);
        for (int x = 0; x < w; x++) {
            br[x] += row[x] & even;
            ga[x] += row[x] >> 8 & even;
        }
    }
}

/* Mean of the AC_CHAR_OVERSAMPLE² texels around each: what one output pixel sees. */
static uint32_t *filter_texture(cairo_surface_t *surface, int w, int h)
{
    const int reach = AC_CHAR_OVERSAMPLE / 2;
    const float k = 1.0f / (AC_CHAR_OVERSAMPLE * AC_CHAR_OVERSAMPLE);
    uint32_t *out = ac_try_alloc((size_t)w * (size_t)h * sizeof *out);
    uint32_t *br = ac_try_alloc(2 * (size_t)w * sizeof *br), *ga = br + w;

    for (int y = 0; out && br && y < h; y++) {
        sum_rows(br, ga, surface, w, h, y);
        for (int x = 0; x < w; x++) {
            uint32_t b = 0, g = 0;
            for (int i = -reach; i <= reach; i++) {
                int xx = x + i < 0 ? 0 : x + i >= w ? w - 1 : x + i;
                b += br[xx];
                g += ga[xx];
            }
            out[(size_t)y * (size_t)w + (size_t)x] =
                g >> 16 ? texel((float)(b >> 16) * k, (float)(g & 0xffff) * k, (float)(b & 0xffff) * k,
                                (float)(g >> 16) * k)
                        : 0;
        }
    }
    if (!br) {
        free(out);
        out = NULL;
    }
    free(br);
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

static int draw_patch(struct ac_char_sheet *s, struct ac_char_drawing *d, struct ac_char_patch *p,
                      const struct ac_char_box *box, int first_part, int last_part)
{
    p->texels = s->unit * AC_CHAR_OVERSAMPLE;
    p->w = (int)ceilf(box->w * p->texels);
    p->h = (int)ceilf(box->h * p->texels);
    p->box = (struct ac_char_box){box->x, box->y, (float)p->w / p->texels, (float)p->h / p->texels};
    const struct ac_char_area all = {0, 0, p->w, p->h};
    int err = 0;
    for (int i = first_part; !err && i <= last_part; i++) {
        cairo_surface_t *surface = NULL;
        err = surface_new(&surface, p->w, p->h);
        if (!err)
            err = ac_char_drawing_layer(d, s->rig->part[i], surface, &all, box->x, box->y, p->texels);
        if (!err) {
            p->part[i] = filter_texture(surface, p->w, p->h);
            err = p->part[i] ? 0 : AC_ENOMEM;
            if (!err)
                find_ends(p, i);
        }
        cairo_surface_destroy(surface);
    }
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
    s->face_first = ac_zalloc((size_t)s->rows * sizeof *s->face_first);
    s->face_end = ac_zalloc((size_t)s->rows * sizeof *s->face_end);
    ac_char_fields_fill(s);
    return 0;
}

int ac_char_sheet_new(struct ac_char_sheet **out, const struct ac_char_rig *rig, int width, int height,
                      struct ac_env *env)
{
    struct ac_char_sheet *s = ac_zalloc(sizeof *s);
    struct ac_char_drawing *d = NULL;
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
        err = ac_char_drawing_open(&d, rig->drawing, env);
    if (!err)
        err = draw_base(s, d);
    for (int i = 0; !err && i < 2; i++) {
        const struct ac_char_eye_rig *e = &rig->eye[i];
        err = draw_patch(s, d, &s->eye[i], &e->box, AC_CHAR_EYEBALL, AC_CHAR_LASH_LOWER);
        fill_line(&s->eye[i], AC_CHAR_EYE_OPEN, &e->open);
        fill_line(&s->eye[i], AC_CHAR_EYE_CLOSED, &e->closed);
        fill_line(&s->eye[i], AC_CHAR_EYE_LOW, &e->low);
        fill_line(&s->eye[i], AC_CHAR_EYE_CREASE, &e->crease);
    }
    if (!err) {
        err = draw_patch(s, d, &s->mouth, &rig->mouth.box, AC_CHAR_TONGUE, AC_CHAR_LIP_LOWER);
        fill_line(&s->mouth, AC_CHAR_LIP_TOP, &rig->mouth.top);
        fill_line(&s->mouth, AC_CHAR_LIP_LINE, &rig->mouth.line);
        fill_line(&s->mouth, AC_CHAR_LIP_LOW, &rig->mouth.low);
    }
    ac_char_drawing_close(d);
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
    free(s->face_first);
    free(s->face_end);
    for (int p = 0; p < 3; p++)
        free(s->plane[p]);
    free(s->block);
    free(s);
}
