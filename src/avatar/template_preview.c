/*
 * The picture that people check: Wav2Lip's box in yellow, where the mask lets the generated face through
 * tinted green, the landmarks as dots.
 */
#include "avatar/template_write.h"

#include <math.h>

static void blend(const struct ac_rgb *pic, int x, int y, const uint8_t colour[3], int weight)
{
    if (x < 0 || y < 0 || x >= pic->width || y >= pic->height)
        return;
    uint8_t *p = ac_rgb_at(pic, x, y);
    for (int i = 0; i < 3; i++)
        p[i] = (uint8_t)((p[i] * (255 - weight) + colour[i] * weight) / 255);
}

static void draw_mask(const struct ac_rgb *pic, const struct ac_template_box *b, const uint8_t *mask)
{
    static const uint8_t green[3] = {40, 220, 90};

    for (int y = (int)b->y; y < (int)(b->y + b->height); y++) {
        for (int x = (int)b->x; x < (int)(b->x + b->width); x++) {
            int col = (int)(((float)x + 0.5f - b->x) / b->width * AC_TEMPLATE_MASK);
            int row = (int)(((float)y + 0.5f - b->y) / b->height * AC_TEMPLATE_MASK);
            if (col >= 0 && row >= 0 && col < AC_TEMPLATE_MASK && row < AC_TEMPLATE_MASK)
                blend(pic, x, y, green, mask[row * AC_TEMPLATE_MASK + col] * 2 / 5);
        }
    }
}

static void draw_box(const struct ac_rgb *pic, const struct ac_template_box *b, int thick)
{
    static const uint8_t yellow[3] = {255, 210, 0};
    int x0 = (int)b->x, y0 = (int)b->y, x1 = (int)(b->x + b->width) - 1, y1 = (int)(b->y + b->height) - 1;

    for (int t = 0; t < thick; t++) {
        for (int x = x0; x <= x1; x++) {
            blend(pic, x, y0 + t, yellow, 255);
            blend(pic, x, y1 - t, yellow, 255);
        }
        for (int y = y0; y <= y1; y++) {
            blend(pic, x0 + t, y, yellow, 255);
            blend(pic, x1 - t, y, yellow, 255);
        }
    }
}

void ac_template_draw(const struct ac_rgb *pic, const struct ac_face *face, const struct ac_template_box *box,
                      const uint8_t *mask)
{
    static const uint8_t cyan[3] = {0, 230, 255};
    int dot = box->width > 150 ? 2 : 1;

    draw_mask(pic, box, mask);
    for (int i = 0; i < AC_FACE_POINTS; i++) {
        int x = (int)floorf(face->point[i][0]), y = (int)floorf(face->point[i][1]);
        for (int k = 0; k < dot * dot; k++)
            blend(pic, x + k % dot, y + k / dot, cyan, 200);
    }
    draw_box(pic, box, dot);
}
