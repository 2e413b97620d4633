/*
 * The two known shapes of Wav2Lip's generator: the published one (96 pixels; K R Prajwal and others, "A Lip
 * Sync Expert Is All You Need for Speech to Lip Generation In the Wild", 2020, and its code) and the wider
 * one of LiveTalking's wav2lip256, which has one level more between 4 and 8 pixels.
 *
 * A block is one convolution that changes the size, then some that keep it and add their input. The decoder's
 * inputs are wider than the outputs before them: the encoder's maps of the same size are appended.
 */
#include "avatar/wav2lip_weights.h"

static struct ac_w2l_conv *add(struct ac_w2l_block *b, int in, int out, int kernel, int stride, int pad)
{
    struct ac_w2l_conv *c = &b->conv[b->n++];

    *c = (struct ac_w2l_conv){.in = in,
                              .out = out,
                              .kernel = {kernel, kernel},
                              .stride = {stride, stride},
                              .pad = {pad, pad},
                              .relu = true};
    return c;
}

static void add_residual(struct ac_w2l_block *b, int channels, int n)
{
    while (n-- > 0)
        add(b, channels, channels, 3, 1, 1)->residual = true;
}

static void face_encoder(struct ac_w2l_weights *w)
{
    static const struct {
        int out, residual;
    } levels[] = {{32, 2}, {64, 3}, {128, 2}, {256, 2}, {512, 1}, {512, 1}};
    int n = w->side == 256 ? 6 : 5, in = 16;

    w->n_face = n + 2;
    add(&w->face[0], 6, in, 7, 1, 3);
    for (int i = 0; i < n; i++) {
        struct ac_w2l_block *b = &w->face[i + 1];
        add(b, in, levels[i].out, 3, 2, 1);
        add_residual(b, levels[i].out, levels[i].residual);
        in = levels[i].out;
    }
    add(&w->face[n + 1], 512, 512, w->side == 256 ? 4 : 3, 1, 0);
    add(&w->face[n + 1], 512, 512, 1, 1, 0);
}

static void audio_encoder(struct ac_w2l_block *b)
{
    struct ac_w2l_conv *c;

    add(b, 1, 32, 3, 1, 1);
    add_residual(b, 32, 2);
    c = add(b, 32, 64, 3, 3, 1);
    c->stride[1] = 1;
    add_residual(b, 64, 2);
    add(b, 64, 128, 3, 3, 1);
    add_residual(b, 128, 2);
    c = add(b, 128, 256, 3, 3, 1);
    c->stride[1] = 2;
    add_residual(b, 256, 1);
    add(b, 256, 512, 3, 1, 0);
    add(b, 512, 512, 1, 1, 0);
}

static void face_decoder(struct ac_w2l_weights *w)
{
    static const struct {
        int in, out, residual;
    } levels[] = {{1024, 512, 1}, {1024, 512, 2}, {768, 384, 2}, {512, 256, 2}, {320, 128, 2}, {160, 64, 2}};
    int at = 1;

    add(&w->decoder[0], 512, 512, 1, 1, 0);
    struct ac_w2l_block *first = &w->decoder[at++]; /* from 1 pixel to the encoder's last size */
    add(first, 1024, 512, w->side == 256 ? 4 : 3, 1, 0)->transposed = true;
    add_residual(first, 512, 1);
    for (int i = w->side == 256 ? 0 : 1; i < 6; i++) {
        struct ac_w2l_block *b = &w->decoder[at++];
        struct ac_w2l_conv *c = add(b, levels[i].in, levels[i].out, 3, 2, 1);
        c->transposed = true;
        c->out_pad[0] = c->out_pad[1] = 1;
        add_residual(b, levels[i].out, levels[i].residual);
    }
    w->n_decoder = at;
}

void ac_w2l_topology(struct ac_w2l_weights *w, int side)
{
    *w = (struct ac_w2l_weights){.side = side};
    face_encoder(w);
    audio_encoder(&w->audio);
    face_decoder(w);
    add(&w->output, 80, 32, 3, 1, 1);
    add(&w->output, 32, 3, 1, 1, 0)->relu = false;
}
