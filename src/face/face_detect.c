/*
 * Detection: BlazeFace (Bazarevsky et al. 2019, https://arxiv.org/abs/1907.05047), MediaPipe's short-range
 * model.
 *
 * The net sees 128 × 128 pixels and gives 896 guesses of a box, six points (eyes, nose, mouth, ears) and a
 * score, each relative to an anchor: two anchors in each cell of a 16 × 16 grid, then six in each of 8 × 8.
 * Guesses that overlap are averaged by their scores. A face must fill about an eighth of the 128 pixels to be
 * seen, so that the picture is looked at whole and then in smaller and smaller overlapping squares.
 */
#include "face/face_private.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

enum {
    MIN_TILE = 64, /* pixels: a face in a smaller square would be none to work with */
    MAX_ASPECT = 3 /* long strips are not cut into squares of their width, which would be many */
};
#define MIN_SCORE   0.5F
#define MAX_OVERLAP 0.3F /* of two different faces: intersection over union */

/* A guess's box and eyes, from the net's numbers and its anchor, as fractions of the square. */
static struct ac_face_box decode(const float *raw, float anchor_x, float anchor_y, float score)
{
    const float unit = AC_FACE_DETECT_SIDE;
    float x = anchor_x + raw[0] / unit, y = anchor_y + raw[1] / unit, w = raw[2] / unit, h = raw[3] / unit;

    return (struct ac_face_box){
        .score = score,
        .left = x - w / 2,
        .right = x + w / 2,
        .top = y - h / 2,
        .bottom = y + h / 2,
        .eye = {{anchor_x + raw[4] / unit, anchor_y + raw[5] / unit},
                {anchor_x + raw[6] / unit, anchor_y + raw[7] / unit}},
    };
}

/* Where anchor i lies, as fractions of the square. */
static void anchor(int i, float *x, float *y)
{
    int cell = i < 512 ? i / 2 : (i - 512) / 6, cells = i < 512 ? 16 : 8;

    int column = cell % cells, row = cell / cells;

    *x = ((float)column + 0.5F) / (float)cells;
    *y = ((float)row + 0.5F) / (float)cells;
}

static void add(struct ac_face_boxes *boxes, struct ac_face_box b, const struct ac_face_region *square)
{
    float x0 = square->x - square->side / 2, y0 = square->y - square->side / 2, s = square->side;

    b.left = x0 + b.left * s;
    b.right = x0 + b.right * s;
    b.top = y0 + b.top * s;
    b.bottom = y0 + b.bottom * s;
    for (int e = 0; e < 2; e++) {
        b.eye[e][0] = x0 + b.eye[e][0] * s;
        b.eye[e][1] = y0 + b.eye[e][1] * s;
    }
    boxes->list = ac_realloc_array(boxes->list, boxes->n + 1, sizeof *boxes->list);
    boxes->list[boxes->n++] = b;
}

static int surest_first(const void *a, const void *b)
{
    float x = ((const struct ac_face_box *)a)->score, y = ((const struct ac_face_box *)b)->score;

    return (x < y) - (x > y);
}

static float overlap(const struct ac_face_box *a, const struct ac_face_box *b)
{
    float w = fminf(a->right, b->right) - fmaxf(a->left, b->left),
          h = fminf(a->bottom, b->bottom) - fmaxf(a->top, b->top);

    if (w <= 0 || h <= 0)
        return 0;
    return w * h /
           ((a->right - a->left) * (a->bottom - a->top) + (b->right - b->left) * (b->bottom - b->top) -
            w * h);
}

static void add_weighted(struct ac_face_box *sum, const struct ac_face_box *b, float weight)
{
    sum->left += weight * b->left;
    sum->right += weight * b->right;
    sum->top += weight * b->top;
    sum->bottom += weight * b->bottom;
    for (int e = 0; e < 2; e++)
        for (int i = 0; i < 2; i++)
            sum->eye[e][i] += weight * b->eye[e][i];
}

/* Each box from `first` on becomes one with all that overlap it; the surest first. */
static void merge(struct ac_face_boxes *boxes, size_t first)
{
    struct ac_face_box *list = boxes->list;
    size_t n = boxes->n, kept = first;

    if (n > first)
        qsort(list + first, n - first, sizeof *list, surest_first);
    for (size_t i = first; i < n; i++) {
        if (list[i].score < 0) /* became part of another */
            continue;
        struct ac_face_box top = list[i], mean = {.score = top.score};
        float weight = 0;
        for (size_t k = i; k < n; k++)
            if (list[k].score > 0 && (k == i || overlap(&top, &list[k]) > MAX_OVERLAP)) {
                add_weighted(&mean, &list[k], list[k].score);
                weight += list[k].score;
                list[k].score = -1;
            }
        list[kept] = (struct ac_face_box){.score = top.score};
        add_weighted(&list[kept++], &mean, 1 / weight);
    }
    boxes->n = kept;
}

void ac_face_detect(struct ac_faces *f, const struct ac_rgb *pic, const struct ac_face_region *square,
                    struct ac_face_boxes *boxes)
{
    size_t first = boxes->n;

    ac_face_crop(pic, square, AC_FACE_DETECT_SIDE, -1, 1, true, ac_tflite_input(f->detector)->data);
    ac_tflite_run(f->detector);
    const float *raw = ac_tflite_output(f->detector, f->out_boxes)->data,
                *scores = ac_tflite_output(f->detector, f->out_scores)->data;
    for (int i = 0; i < AC_FACE_ANCHORS; i++) {
        float x, y, score = 1 / (1 + expf(-fminf(fmaxf(scores[i], -100), 100)));
        anchor(i, &x, &y);
        struct ac_face_box b = decode(raw + AC_FACE_RAW * i, x, y, score);
        if (score >= MIN_SCORE && b.right > b.left && b.bottom > b.top)
            add(boxes, b, square);
    }
    merge(boxes, first);
}

/* Squares of this side all over the picture; neighbours share at least a third. */
static int detect_in_tiles(struct ac_faces *f, const struct ac_rgb *pic, float side,
                           struct ac_face_boxes *boxes, struct ac_cancel *cancel)
{
    float w = (float)pic->width, h = (float)pic->height;
    int columns = 1 + (int)ceilf(fmaxf(w - side, 0) / side * 1.5F),
        rows = 1 + (int)ceilf(fmaxf(h - side, 0) / side * 1.5F);

    for (int i = 0; i < rows * columns; i++) {
        int column = i % columns, row = i / columns;
        float u = columns > 1 ? (float)column / (float)(columns - 1) : 0.5F,
              v = rows > 1 ? (float)row / (float)(rows - 1) : 0.5F;
        struct ac_face_region square = {
            .x = side / 2 + u * (w - side), .y = side / 2 + v * (h - side), .side = side};
        if (ac_cancelled(cancel))
            return AC_ECANCELED;
        ac_face_detect(f, pic, &square, boxes);
    }
    return 0;
}

int ac_face_detect_all(struct ac_faces *f, const struct ac_rgb *pic, bool tiles, struct ac_face_boxes *boxes,
                       struct ac_cancel *cancel)
{
    static const float parts[] = {1, 2, 3};
    float w = (float)pic->width, h = (float)pic->height, longer = fmaxf(w, h),
          shorter = fmaxf(fminf(w, h), longer / MAX_ASPECT);
    struct ac_face_region whole = {.x = w / 2, .y = h / 2, .side = longer};
    int err = ac_cancelled(cancel) ? AC_ECANCELED : 0;

    if (!err)
        ac_face_detect(f, pic, &whole, boxes);
    for (size_t i = 0; i < sizeof parts / sizeof *parts && tiles && !err; i++)
        if ((parts[i] > 1 || shorter < longer) && shorter / parts[i] >= MIN_TILE)
            err = detect_in_tiles(f, pic, shorter / parts[i], boxes, cancel);
    merge(boxes, 0);
    return err;
}
