/* See character_warp.h. Displacements are fixed-point here: 1/128 pixel, weights 0…128, so sums stay below
 * 2^15. */
#include "avatar/character_warp.h"

#include <string.h>

/* The sanitisers' start-up code cannot run before the choice of a clone is made; clang is only used for
 * checks. */
#if defined(__x86_64__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__) &&                           \
    !defined(__SANITIZE_ADDRESS__)
#define CLONES __attribute__((target_clones("avx2", "default")))
#else
#define CLONES
#endif

/* gcc 12 miscompiles the overflow checks of vectors with -fno-sanitize-recover (the sums stay below 2^15, and
 * the same code without recovery switched off passes them). */
#define UNCHECKED __attribute__((no_sanitize("undefined")))

enum { LANES = 16, PAD_CELLS = AC_CHAR_PAD / AC_CHAR_CELL, MAX_NODES = AC_CHAR_MAX_SIDE / AC_CHAR_CELL + 3 };

typedef int16_t vec_i16 __attribute__((vector_size(2 * LANES)));
typedef uint8_t vec_u8 __attribute__((vector_size(LANES)));

/* How one plane is gone through: a cell is always LANES values, 16 of luma or 8 pairs of chroma. */
struct lanes {
    int16_t number[LANES]; /* the pixel in the cell that a value belongs to */
    int width_log2;        /* pixels of a cell */
    int pixel;             /* values of a pixel */
};

static const struct lanes LUMA = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, 4, 1};
static const struct lanes CHROMA = {{0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7}, 3, 2};

/*
 * A row of n cells. The values of a cell lie between taps `step` apart, displaced by 1/128 steps: d[c] at the
 * cell's left, d[c + 1] at its right. Where all fall between the same two taps that is one multiplication;
 * else every tap that any of them needs is added with a hat-shaped weight. The result goes to wide, or as
 * bytes to narrow when that is not NULL.
 */
UNCHECKED CLONES static void row_pass(int16_t *wide, uint8_t *narrow, const int16_t *src, intptr_t step,
                                      const int16_t *d, int n, const struct lanes *l)
{
    vec_i16 number;
    memcpy(&number, l->number, sizeof number);
    for (int c = 0; c < n; c++, src += LANES) {
        /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign): it does not see that all nodes are set */
        int d0 = d[c], d1 = d[c + 1];
        int lo = (d0 < d1 ? d0 : d1) >> 7, hi = (d0 > d1 ? d0 : d1) >> 7;
        const int16_t *tap = src + lo * step;
        vec_i16 in, out;
        memcpy(&in, tap, sizeof in);
        if ((d0 | d1) == 0) {
            out = in;
        } else {
            vec_i16 at = number * (int16_t)(d1 - d0);
            at = (at >> l->width_log2) + (int16_t)(d0 - lo * AC_CHAR_ONE);
            if (lo == hi) {
                memcpy(&out, tap + step, sizeof out);
                out = ((out - in) * at + ((in << 7) + AC_CHAR_ONE / 2)) >> 7;
            } else {
                out = (vec_i16){0} + AC_CHAR_ONE / 2;
                for (int k = lo;;) {
                    vec_i16 far = at < 0;
                    far = (at ^ far) - far;
                    vec_i16 weight = AC_CHAR_ONE - far;
                    weight &= weight > 0;
                    out += weight * in;
                    if (k++ > hi)
                        break;
                    at -= AC_CHAR_ONE;
                    tap += step;
                    memcpy(&in, tap, sizeof in);
                }
                out >>= 7;
            }
        }
        if (narrow) {
            vec_u8 bytes = __builtin_convertvector(out, vec_u8);
            memcpy(narrow + c * LANES, &bytes, sizeof bytes);
        } else {
            memcpy(wide + c * LANES, &out, sizeof out);
        }
    }
}

/* The displacements of one row, t of 1 << cell_log2 rows from the nodes a to the nodes b. */
CLONES static void lerp_nodes(int16_t *restrict out, const int16_t *restrict a, const int16_t *restrict b,
                              int n, int t, int cell_log2, int shift)
{
    for (int i = 0; i < n; i++)
        out[i] = (int16_t)((a[i] * (1 << cell_log2) + (b[i] - a[i]) * t) >> (cell_log2 + shift));
}

CLONES static void part(uint8_t *restrict u, uint8_t *restrict v, const uint8_t *restrict pairs, int n)
{
    for (int i = 0; i < n; i++) {
        /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign): the same for the pieces of a row */
        u[i] = pairs[2 * i];
        v[i] = pairs[2 * i + 1];
    }
}

static void fill(int16_t *d, int first, int end, int16_t v)
{
    for (int i = first; i < end; i++)
        d[i] = v;
}

/* The displacements at the nodes of row y from `first` to before `end`; those beyond the picture's sides are
 * the sides'. */
static void row_nodes(int16_t *out, const int16_t *nodes, int cols, int y, int first, int end,
                      const struct lanes *l)
{
    int from = first > 0 ? first : 0, to = end < cols ? end : cols;
    const int16_t *a = nodes + (y >> l->width_log2) * cols + from;

    lerp_nodes(out + from - first, a, a + cols, to - from, y & ((1 << l->width_log2) - 1), l->width_log2,
               4 - l->width_log2);
    fill(out, 0, from - first, out[from - first]);
    fill(out, to - first, end - first, out[to - first - 1]);
}

/* Row y of the cells from first to before end, as bytes into line. */
static void warp_row(uint8_t *line, const struct ac_char_source *src, const struct ac_char_grid *grid, int y,
                     int first, int end, const struct lanes *l)
{
    int16_t mid[(MAX_NODES + 2 * PAD_CELLS) * LANES], d[MAX_NODES + 2 * PAD_CELLS];
    int n = end - first, from = first - PAD_CELLS;
    const int16_t *in = src->pixels + (intptr_t)y * src->stride + from * LANES;

    row_nodes(d, grid->dy, grid->cols, y, from, end + PAD_CELLS + 1, l);
    row_pass(mid, NULL, in, src->stride, d, n + 2 * PAD_CELLS, l);
    row_nodes(d, grid->dx, grid->cols, y, first, end + 1, l);
    row_pass(NULL, line, mid + PAD_CELLS * LANES, l->pixel, d, n, l);
}

/* What the cells from x0 to before x1 leave of a row. */
static void copy_rest(const struct ac_char_plane *p, int y, int width, int x0, int x1)
{
    uint8_t *out = p->dst + (intptr_t)y * p->dst_stride;
    const uint8_t *in = p->still + (intptr_t)y * p->still_stride;

    if (x0 > 0)
        memcpy(out, in, (size_t)x0);
    if (x1 < width)
        memcpy(out + x1, in + x1, (size_t)(width - x1));
}

void ac_char_warp_luma(const struct ac_char_plane *p, const struct ac_char_source *src, int width, int height,
                       const struct ac_char_grid *grid)
{
    uint8_t line[AC_CHAR_MAX_SIDE];

    for (int y = 0; y < height; y++) {
        int r = y / AC_CHAR_CELL, x0 = grid->first[r] * AC_CHAR_CELL, x1 = grid->end[r] * AC_CHAR_CELL;
        if (x0 < x1)
            warp_row(line, src, grid, y, grid->first[r], grid->end[r], &LUMA);
        else
            x0 = x1 = 0;
        x1 = x1 < width ? x1 : width;
        memcpy(p->dst + (intptr_t)y * p->dst_stride + x0, line, (size_t)(x1 - x0));
        copy_rest(p, y, width, x0, x1);
    }
}

void ac_char_warp_chroma(const struct ac_char_plane p[2], const struct ac_char_source *src, int width,
                         int height, const struct ac_char_grid *grid)
{
    const int cell = AC_CHAR_CELL / 2;
    uint8_t line[AC_CHAR_MAX_SIDE];

    for (int y = 0; y < height; y++) {
        int r = y / cell, x0 = grid->first[r] * cell, x1 = grid->end[r] * cell;
        if (x0 < x1)
            warp_row(line, src, grid, y, grid->first[r], grid->end[r], &CHROMA);
        else
            x0 = x1 = 0;
        x1 = x1 < width ? x1 : width;
        part(p[0].dst + (intptr_t)y * p[0].dst_stride + x0, p[1].dst + (intptr_t)y * p[1].dst_stride + x0,
             line, x1 - x0);
        copy_rest(&p[0], y, width, x0, x1);
        copy_rest(&p[1], y, width, x0, x1);
    }
}
