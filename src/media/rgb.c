/* Memory, orientation and scaling of RGB pictures; see the header. */
#include "media/rgb.h"

#include "avatarchat/err.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* Rows begin at multiples of it, and as much lies behind the last one: vector code writes whole blocks. */
enum { ALIGN = 64, MAX_SIDE = 1 << 16 };

int ac_rgb_new(struct ac_rgb *pic, int width, int height)
{
    *pic = (struct ac_rgb){0};
    if (width < 1 || height < 1 || width > MAX_SIDE || height > MAX_SIDE)
        return AC_EINVAL;
    size_t stride = (3 * (size_t)width + ALIGN - 1) / ALIGN * ALIGN;
    uint8_t *data = ac_try_alloc(stride * (size_t)height + ALIGN);
    if (!data)
        return AC_ENOMEM;
    *pic = (struct ac_rgb){.width = width, .height = height, .stride = stride, .data = data};
    return AC_OK;
}

void ac_rgb_free(struct ac_rgb *pic)
{
    free(pic->data);
    *pic = (struct ac_rgb){0};
}

int ac_rgb_turn(struct ac_rgb *pic, int orientation)
{
    /* What EXIF's numbers mean: rows become columns first, then left and right, top and bottom change. */
    static const struct {
        bool swap, flip_x, flip_y;
    } ways[] = {{false, false, false}, {false, true, false}, {false, true, true}, {false, false, true},
                {true, false, false},  {true, true, false},  {true, true, true},  {true, false, true}};
    struct ac_rgb out;

    if (orientation < 2 || orientation > 8)
        return AC_OK;
    bool swap = ways[orientation - 1].swap;
    int err = ac_rgb_new(&out, swap ? pic->height : pic->width, swap ? pic->width : pic->height);
    if (err)
        return err;
    for (int y = 0; y < out.height; y++) {
        uint8_t *to = out.data + (size_t)y * out.stride;
        int v = ways[orientation - 1].flip_y ? out.height - 1 - y : y;
        for (int x = 0; x < out.width; x++, to += 3) {
            int u = ways[orientation - 1].flip_x ? out.width - 1 - x : x;
            memcpy(to, ac_rgb_at(pic, swap ? v : u, swap ? u : v), 3);
        }
    }
    ac_rgb_free(pic);
    *pic = out;
    return AC_OK;
}
