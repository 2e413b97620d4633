/*
 * Wav2Lip's generator on ONNX Runtime: a template's face and a window of mel become the lower half of a face.
 *
 * Two kinds of file serve: an export as people have it (one graph, run whole), and what `models optimize`
 * makes of it (a folder beside it: a face encoder, run once a template picture, and a mouth generator, run
 * for every picture). Which one is found decides; both give the same faces.
 *
 * The face encoder is loaded when it is asked for first, and given back some seconds after it was asked last.
 *
 * Threads: a net is shared; any number of threads may run it at the same time, each on its own thread alone.
 */
#ifndef AC_AVATAR_WAV2LIP_NET_H
#define AC_AVATAR_WAV2LIP_NET_H

#include "avatar/wav2lip_mel.h"
#include "avatarchat/handler.h"

struct ac_w2l_net;

struct ac_w2l_net_info {
    int side;           /* pixels of the face's side: 96, 256 */
    bool optimized;     /* encoder and mouth apart */
    char precision[64]; /* "fp32", "int8", "int8, output fp32" … */
    char maps_id[65];   /* maps made under one are good under the same one only */
    size_t maps_bytes;  /* of one template picture's maps */
    /* why an optimised form that is there is not used, with the remedy; "" when there is none, or it is */
    char note[256];
};

/*
 * path: the export. Its optimised form is used where it is there, whole, and made of this very file.
 * AC_EMODEL: missing, damaged, or another model, with the remedy in env.
 */
int ac_w2l_net_open(struct ac_w2l_net **net, const char *path, struct ac_env *env);
/* The same of the export alone, in floats. */
int ac_w2l_net_open_plain(struct ac_w2l_net **net, const char *path, struct ac_env *env);
void ac_w2l_net_close(struct ac_w2l_net *net);
const struct ac_w2l_net_info *ac_w2l_net_info(const struct ac_w2l_net *net);
/* bgr: side × side pixels, B, G, R. maps: info.maps_bytes bytes, for ac_w2l_net_mouth; may be kept in a file.
 */
int ac_w2l_net_face(struct ac_w2l_net *net, const uint8_t *bgr, void *maps, struct ac_cancel *cancel,
                    struct ac_env *env);
/* How long a mouth takes here, by trying: the quickest of a few, on the calling thread. */
int ac_w2l_net_measure(struct ac_w2l_net *net, double *ms, struct ac_env *env);
/* bgr: the lower half, side / 2 rows of side pixels. */
int ac_w2l_net_mouth(struct ac_w2l_net *net, const float window[AC_W2L_WINDOW], const void *maps,
                     uint8_t *bgr, struct ac_cancel *cancel, struct ac_env *env);

#endif
