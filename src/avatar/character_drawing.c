/* See character_drawing.h. The file is parsed once; a style sheet that moves and scales the svg element then
 * brings the wanted part of the drawing into the area, which is all that librsvg gets to see. */
#include "avatar/character_drawing.h"

#include "base/mem.h"
#include "base/str.h"

#include <librsvg/rsvg.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DRAWING_MAX_BYTES = 16 * 1024 * 1024, COARSE_WIDTH = 128 };

struct ac_char_drawing {
    RsvgHandle *handle;
    RsvgRectangle box; /* the viewBox */
    char *path;
    char style[160]; /* the sheet that is set */
    struct ac_env *env;
};

int ac_char_drawing_open(struct ac_char_drawing **out, const char *path, struct ac_env *env)
{
    struct ac_char_drawing *d = ac_zalloc(sizeof *d);
    char *text = NULL;
    size_t len = 0;
    GError *gerr = NULL;
    gboolean has_width, has_height, has_box = FALSE;
    RsvgLength width, height;

    *out = NULL;
    d->path = ac_strdup(path);
    d->env = env;
    int err = ac_read_file(path, DRAWING_MAX_BYTES, &text, &len);
    if (err) {
        ac_env_fail(env, err, "cannot read %s: %s", path, ac_err_text(err));
        goto out;
    }
    d->handle = rsvg_handle_new_from_data((const guint8 *)text, len, &gerr);
    if (!d->handle) {
        err = ac_env_fail(env, AC_ECONFIG, "%s: not a drawing: %s", path, gerr ? gerr->message : "broken");
        goto out;
    }
    rsvg_handle_get_intrinsic_dimensions(d->handle, &has_width, &width, &has_height, &height, &has_box,
                                         &d->box);
    if (!has_box || d->box.width <= 0 || d->box.height <= 0)
        err = ac_env_fail(env, AC_ECONFIG, "%s: the svg element needs a viewBox", path);
out:
    g_clear_error(&gerr);
    free(text);
    if (err)
        ac_char_drawing_close(d);
    else
        *out = d;
    return err;
}

void ac_char_drawing_close(struct ac_char_drawing *d)
{
    if (!d)
        return;
    if (d->handle)
        g_object_unref(d->handle);
    free(d->path);
    free(d);
}

static int render(struct ac_char_drawing *d, const char *layer, cairo_surface_t *surface,
                  const RsvgRectangle *view)
{
    char *id = ac_asprintf("#%s", layer);
    GError *gerr = NULL;
    int err = 0;

    if (!rsvg_handle_has_sub(d->handle, id)) {
        err = ac_env_fail(d->env, AC_ECONFIG,
                          "%s: there is no layer with the id '%s', which avatar.yaml names", d->path, layer);
    } else {
        cairo_t *cr = cairo_create(surface);
        if (!rsvg_handle_render_layer(d->handle, cr, id, view, &gerr))
            err = ac_env_fail(d->env, AC_ECONFIG, "%s: layer '%s' cannot be drawn: %s", d->path, layer,
                              gerr ? gerr->message : "unknown reason");
        g_clear_error(&gerr);
        cairo_destroy(cr);
        cairo_surface_flush(surface);
    }
    free(id);
    return err;
}

/* Drawn small: what is not empty there. librsvg's own answer, rsvg_handle_get_geometry_for_layer, counts in
 * every filter's region and, under a clip path, the origin. */
int ac_char_drawing_bounds(struct ac_char_drawing *d, const char *layer, struct ac_char_box *box)
{
    double pixel = d->box.width / COARSE_WIDTH;
    int w = COARSE_WIDTH, h = (int)ceil(d->box.height / pixel);
    int x0 = w, y0 = h, x1 = -1, y1 = -1;
    cairo_surface_t *small = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, w, h);
    RsvgRectangle view = {0, 0, w, d->box.height / pixel};

    *box = (struct ac_char_box){0};
    int err =
        cairo_surface_status(small) == CAIRO_STATUS_SUCCESS ? render(d, layer, small, &view) : AC_ENOMEM;
    for (int y = 0; !err && y < h; y++) {
        const uint8_t *row =
            cairo_image_surface_get_data(small) + (intptr_t)y * cairo_image_surface_get_stride(small);
        for (int x = 0; x < w; x++) {
            if (!row[4 * x] && !row[4 * x + 1] && !row[4 * x + 2] && !row[4 * x + 3])
                continue;
            x0 = x < x0 ? x : x0;
            x1 = x > x1 ? x : x1;
            y0 = y < y0 ? y : y0;
            y1 = y;
        }
    }
    cairo_surface_destroy(small);
    if (!err && x1 >= 0) /* and one around, for what is too faint in the small */
        *box =
            (struct ac_char_box){(float)(d->box.x + (x0 - 1) * pixel), (float)(d->box.y + (y0 - 1) * pixel),
                                 (float)((x1 - x0 + 3) * pixel), (float)((y1 - y0 + 3) * pixel)};
    return err;
}

int ac_char_drawing_layer(struct ac_char_drawing *d, const char *layer, cairo_surface_t *surface,
                          const struct ac_char_area *area, double origin_x, double origin_y, double unit)
{
    RsvgRectangle view = {area->x, area->y, area->w, area->h};
    GError *gerr = NULL;
    char style[sizeof d->style];
    /* librsvg fits the viewBox into the area: p goes to (p - box) · fit + margin. The sheet goes on from
     * there to (p - origin) · unit - area. */
    double fit = fmin(area->w / d->box.width, area->h / d->box.height), scale = unit / fit;
    double margin_x = (area->w - d->box.width * fit) / 2, margin_y = (area->h - d->box.height * fit) / 2;

    snprintf(style, sizeof style, "svg { transform: translate(%.6fpx, %.6fpx) scale(%.9f); }",
             (d->box.x - origin_x) * unit - area->x - margin_x * scale,
             (d->box.y - origin_y) * unit - area->y - margin_y * scale, scale);
    if (strcmp(style, d->style) != 0) {
        if (!rsvg_handle_set_stylesheet(d->handle, (const guint8 *)style, strlen(style), &gerr)) {
            int err = ac_env_fail(d->env, AC_ECONFIG, "%s: cannot be scaled: %s", d->path, gerr->message);
            g_clear_error(&gerr);
            return err;
        }
        memcpy(d->style, style, sizeof style);
    }
    return render(d, layer, surface, &view);
}
