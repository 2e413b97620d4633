/* Cutting the generator in two graphs (wav2lip_graph.h). */
#include "avatar/wav2lip_graph.h"

#include "avatar/wav2lip_layers.h"
#include "avatar/wav2lip_mel.h"

#include <stdio.h>

enum { OPSET = 13 };

size_t ac_w2l_parts(const struct ac_w2l_weights *w)
{
    return (size_t)w->n_decoder + 2;
}

void ac_w2l_part_name(const struct ac_w2l_weights *w, size_t part, char name[AC_W2L_PART_NAME])
{
    if (part == 0)
        snprintf(name, AC_W2L_PART_NAME, "audio");
    else if (part == (size_t)w->n_decoder + 1)
        snprintf(name, AC_W2L_PART_NAME, "output");
    else
        snprintf(name, AC_W2L_PART_NAME, "d%zu", part - 1);
}

/* ---- which rows are needed ---- */

/* Of each of the decoder's levels: its side, and the first row of it that is needed. */
struct rows {
    int side[AC_W2L_MAX_BLOCKS], first[AC_W2L_MAX_BLOCKS];
};

static int half_down(int n)
{
    return n > 0 ? n / 2 : 0;
}

static void find_rows(const struct ac_w2l_weights *w, bool whole, struct rows *r)
{
    int last = w->n_decoder - 1;

    r->side[0] = 1;
    for (int i = 1; i <= last; i++)
        r->side[i] = i == 1 ? w->decoder[1].conv[0].kernel[0] : 2 * r->side[i - 1];
    r->first[last] = whole ? 0 : w->side / 2 - 1; /* the output's convolution looks one row up */
    for (int i = last; i > 0; i--) /* each convolution after the transposed one looks one row up */
        r->first[i - 1] = i == 1 ? 0 : half_down(r->first[i] - (w->decoder[i].n - 1));
}

/* ---- the face encoder ---- */

/* The encoder's block that decoder block i is joined with. */
static int partner(const struct ac_w2l_weights *w, int i)
{
    return w->n_face - 1 - i;
}

static bool maps_in_bytes(const struct ac_w2l_plan *plan, int i)
{
    return plan->int8[i + 2]; /* the part after decoder block i, which is part i + 1 */
}

static void face_output(struct ac_w2l_builder *b, int i, struct ac_w2l_value v)
{
    const char *name = ac_onnx_name(b->g, "map%d", i);
    int type = v.bytes ? AC_ONNX_U8 : AC_ONNX_F32;

    ac_onnx_node(b->g, "Identity", name, v.name, NULL);
    ac_onnx_output(b->g, name, type, 4, (int64_t[]){1, v.channels, v.rows, v.columns});
}

/* points: the ranges of the maps, by decoder block. */
static struct ac_onnx *face_graph(const struct ac_w2l_weights *w, const struct ac_w2l_plan *plan,
                                  const struct rows *rows, const int points[AC_W2L_MAX_BLOCKS])
{
    const char *unused[AC_W2L_MAX_POINTS];
    /* its own points are nobody's: the encoder is in floats, its time does not matter */
    struct ac_w2l_plan floats = {0};
    struct ac_w2l_builder b = {.g = ac_onnx_new("face", OPSET), .points = unused};
    struct ac_w2l_value v = {"face", false, 0, AC_W2L_FACE_PLANES, w->side, w->side};

    ac_onnx_input(b.g, v.name, AC_ONNX_F32, 4, (int64_t[]){1, AC_W2L_FACE_PLANES, w->side, w->side});
    for (int k = 0; k < w->n_face; k++) {
        b.plan = &floats;
        b.int8 = false;
        for (int i = 0; i < w->face[k].n; i++)
            ac_w2l_conv(&b, &w->face[k].conv[i], w->face[k].conv[i].pad[0], &v);
        int level = partner(w, k);
        struct ac_w2l_value map = v;
        map.point = points[level];
        ac_w2l_drop_rows(&b, rows->first[level], &map);
        b.plan = plan;
        b.int8 = maps_in_bytes(plan, level);
        map = ac_w2l_enter(&b, &map);
        face_output(&b, level, map);
    }
    return b.g;
}

/* ---- the mouth generator ---- */

/* An input of the graph, and its point. */
static struct ac_w2l_value map_input(struct ac_w2l_builder *b, const struct ac_w2l_weights *w, int i,
                                     const struct rows *rows, int *point)
{
    const struct ac_w2l_block *block = &w->face[partner(w, i)];
    struct ac_w2l_value v = {.name = ac_onnx_name(b->g, "map%d", i),
                             .bytes = b->int8,
                             .channels = block->conv[block->n - 1].out,
                             .rows = rows->side[i] - rows->first[i],
                             .columns = rows->side[i]};

    ac_onnx_input(b->g, v.name, b->int8 ? AC_ONNX_U8 : AC_ONNX_F32, 4,
                  (int64_t[]){1, v.channels, v.rows, v.columns});
    v.point = *point = b->n_points++;
    b->points[v.point] = v.name;
    if (b->plan->watch) {
        b->points[v.point] = ac_w2l_fresh(b, "map");
        ac_onnx_node(b->g, "Identity", b->points[v.point], v.name, NULL);
        ac_onnx_output(b->g, b->points[v.point], AC_ONNX_F32, 4,
                       (int64_t[]){1, v.channels, v.rows, v.columns});
    }
    return v;
}

static struct ac_w2l_value audio_encoder(struct ac_w2l_builder *b, const struct ac_w2l_weights *w)
{
    struct ac_w2l_value v = {"mel", false, 0, 1, AC_W2L_BANDS, AC_W2L_COLUMNS};

    ac_onnx_input(b->g, v.name, AC_ONNX_F32, 4, (int64_t[]){1, 1, AC_W2L_BANDS, AC_W2L_COLUMNS});
    b->int8 = b->plan->int8[0];
    v.name = ac_w2l_fresh(b, "mel");
    ac_onnx_node(b->g, "Identity", v.name, "mel", NULL);
    ac_w2l_point(b, &v);
    for (int i = 0; i < w->audio.n; i++)
        ac_w2l_conv(b, &w->audio.conv[i], w->audio.conv[i].pad[0], &v);
    return v;
}

/* The last convolution has three outputs only: it stays in floats. */
static void output_block(struct ac_w2l_builder *b, const struct ac_w2l_weights *w,
                         const struct ac_w2l_value *map, struct ac_w2l_value *v)
{
    bool whole = b->plan->whole;
    ac_w2l_conv_joined(b, &w->output.conv[0], whole ? w->output.conv[0].pad[0] : 0, map, v);
    b->int8 = false;
    struct ac_w2l_conv last = w->output.conv[1];
    struct ac_w2l_value x = ac_w2l_enter(b, v);
    const char *weights = ac_onnx_init(b->g, "last_w", AC_ONNX_F32, last.w, 4,
                                       (int64_t[]){last.out, last.in, last.kernel[0], last.kernel[1]});
    const char *bias = ac_onnx_init(b->g, "last_b", AC_ONNX_F32, last.b, 1, (int64_t[]){last.out});
    ac_onnx_node(b->g, "Conv", "last", x.name, weights, bias, NULL);
    ac_onnx_node(b->g, "Sigmoid", "mouth", "last", NULL);
    ac_onnx_output(b->g, "mouth", AC_ONNX_F32, 4,
                   (int64_t[]){1, AC_W2L_COLOURS, whole ? w->side : w->side / 2, w->side});
}

static void mouth_graph(struct ac_w2l_graphs *graphs, const struct ac_w2l_weights *w,
                        const struct ac_w2l_plan *plan, const struct rows *rows,
                        int points[AC_W2L_MAX_BLOCKS])
{
    struct ac_w2l_builder b = {.g = ac_onnx_new("mouth", OPSET), .plan = plan, .points = graphs->point};
    struct ac_w2l_value v = audio_encoder(&b, w), map = {0};

    for (int i = 0; i < w->n_decoder; i++) {
        const struct ac_w2l_block *block = &w->decoder[i];
        b.int8 = plan->int8[i + 1];
        if (i == 0)
            ac_w2l_conv(&b, &block->conv[0], block->conv[0].pad[0], &v);
        else
            ac_w2l_up(&b, &block->conv[0], &map, &v);
        for (int k = 1; k < block->n; k++)
            ac_w2l_conv(&b, &block->conv[k], block->conv[k].pad[0], &v);
        /* rows at the top that miss their upper neighbours are among those that are dropped */
        ac_w2l_drop_rows(&b, v.rows - (rows->side[i] - rows->first[i]), &v);
        b.int8 = plan->int8[i + 2];
        map = map_input(&b, w, i, rows, &points[i]);
    }
    output_block(&b, w, &map, &v);
    graphs->mouth = b.g;
    graphs->n_points = (size_t)b.n_points;
}

void ac_w2l_graphs_make(struct ac_w2l_graphs *graphs, const struct ac_w2l_weights *w,
                        const struct ac_w2l_plan *plan)
{
    int points[AC_W2L_MAX_BLOCKS];
    struct rows rows;

    *graphs = (struct ac_w2l_graphs){0};
    find_rows(w, plan->whole, &rows);
    mouth_graph(graphs, w, plan, &rows, points);
    graphs->face = face_graph(w, plan, &rows, points);
}

void ac_w2l_graphs_free(struct ac_w2l_graphs *graphs)
{
    ac_onnx_free(graphs->face);
    ac_onnx_free(graphs->mouth);
    *graphs = (struct ac_w2l_graphs){0};
}
