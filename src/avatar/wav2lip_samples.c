/* Faces and windows to measure with (wav2lip_samples.h). */
#include "avatar/wav2lip_samples.h"

#include "avatar/folders.h"
#include "avatar/wav2lip_mel.h"
#include "avatar/wav2lip_stage.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FACES = 12, MAX_WINDOWS = 64, FPS = 25, SAMPLES_A_FRAME = AC_LISTEN_RATE_HZ / FPS };

static int add_face(struct ac_w2l_samples *s, const struct ac_template *t, size_t picture, struct ac_env *env)
{
    size_t pixels = (size_t)s->side * (size_t)s->side, floats = AC_W2L_FACE_PLANES * pixels;
    struct ac_w2l_box box = ac_w2l_whole_box(t, picture);
    struct ac_rgb pic = {0};

    int err = ac_template_picture(t, picture, &pic, env);
    if (err)
        return err;
    uint8_t *bgr = ac_alloc(AC_W2L_COLOURS * pixels);
    s->planes = ac_realloc_array(s->planes, (s->n_faces + 1) * floats, sizeof *s->planes);
    ac_w2l_face_cut(&pic, &box, s->side, bgr);
    ac_w2l_face_planes(bgr, s->side, s->planes + s->n_faces++ * floats);
    free(bgr);
    ac_rgb_free(&pic);
    return 0;
}

/* Some pictures of one template, all over it. */
static int add_template(struct ac_w2l_samples *s, const char *id, size_t wanted, struct ac_env *env)
{
    enum ac_person kind = AC_PERSON_DRAWN;
    char *folder = ac_folders_of(env, id, &kind);
    struct ac_template *t = NULL;
    int err;

    if (kind != AC_PERSON_REAL)
        err = ac_env_fail(env, AC_ENOENT,
                          "no avatar '%.64s' has a real face: make one with 'avatar-chat avatar create'", id);
    else
        err = ac_template_load(&t, folder, id, env);
    size_t n = !err && t->n < wanted ? t->n : wanted;
    for (size_t i = 0; !err && i < n; i++)
        err = add_face(s, t, i * t->n / n, env);
    ac_template_free(t);
    free(folder);
    return err;
}

static int add_faces(struct ac_w2l_samples *s, const char *const *ids, struct ac_cancel *cancel,
                     struct ac_env *env)
{
    size_t n = 0;
    int err = 0;

    while (ids && ids[n] && n < MAX_FACES)
        n++;
    if (n == 0)
        return ac_env_fail(
            env, AC_EINVAL,
            "there is no real face to measure with: make one with 'avatar-chat avatar create'");
    for (size_t i = 0; !err && i < n; i++)
        err = ac_cancelled(cancel) ? AC_ECANCELED : add_template(s, ids[i], MAX_FACES / n, env);
    return err;
}

static int add_windows(struct ac_w2l_samples *s, const int16_t *pcm, size_t n, struct ac_env *env)
{
    size_t n_frames = n / SAMPLES_A_FRAME, spoken = 0;
    float *all = ac_alloc((n_frames + 1) * AC_W2L_WINDOW * sizeof *all);
    struct ac_w2l_mel *mel = ac_w2l_mel_new();

    ac_w2l_mel_begin(mel);
    for (size_t i = 0; i < n_frames; i++) { /* as it comes: windows are kept for a while only */
        float *window = all + spoken * AC_W2L_WINDOW;
        ac_w2l_mel_add(mel, pcm + i * SAMPLES_A_FRAME, SAMPLES_A_FRAME);
        int64_t frame = (int64_t)i - 8; /* its window is complete, whatever the look-ahead */
        if (frame >= 0 && ac_w2l_mel_window(mel, frame, FPS, 0, window) && !ac_w2l_mel_silent(window))
            spoken++;
    }
    ac_w2l_mel_free(mel);
    s->n_windows = spoken < MAX_WINDOWS ? spoken : MAX_WINDOWS;
    s->windows = ac_alloc((s->n_windows + 1) * AC_W2L_WINDOW * sizeof *s->windows);
    for (size_t i = 0; i < s->n_windows; i++)
        memcpy(s->windows + i * AC_W2L_WINDOW, all + i * spoken / s->n_windows * AC_W2L_WINDOW,
               AC_W2L_WINDOW * sizeof *s->windows);
    free(all);
    return s->n_windows >= 2 ? 0
                             : ac_env_fail(env, AC_EINVAL,
                                           "there is no speech to measure with: name a recording of some "
                                           "seconds with --speech");
}

int ac_w2l_samples_make(struct ac_w2l_samples *s, int side, const char *const *ids, const int16_t *pcm,
                        size_t n, struct ac_cancel *cancel, struct ac_env *env)
{
    *s = (struct ac_w2l_samples){.side = side};
    int err = add_faces(s, ids, cancel, env);
    if (!err)
        err = add_windows(s, pcm, n, env);
    if (err)
        ac_w2l_samples_free(s);
    return err;
}

void ac_w2l_samples_free(struct ac_w2l_samples *s)
{
    free(s->planes);
    free(s->windows);
    *s = (struct ac_w2l_samples){0};
}
