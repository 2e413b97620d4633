/*
 * Templates: the real face that `wav2lip` makes speak, prepared once from a photo or a video.
 *
 * A template is a folder avatars/ID:
 *
 *     avatar.yaml           engine: wav2lip, what it is called, size, the box of each picture
 *     picture-000.jpg …     the pictures
 *     masks.png             what may change in each box: 96 × 96 grey values, one below the other
 *     preview.jpg           for people: box, mask and landmarks drawn on a picture; nothing reads it
 *
 * The box is what Wav2Lip sees, brow to chin. template.c reads the folder, template_make.c writes it.
 *
 * The pictures of a video are a loop that runs forth and back; its length fits AC_IDLE_PERIOD_US, so that the
 * idle clip and speech join at any phase.
 *
 * Threads: a loaded template is read-only; any.
 */
#ifndef AC_AVATAR_TEMPLATE_H
#define AC_AVATAR_TEMPLATE_H

#include "avatarchat/handler.h"
#include "media/rgb.h"

enum {
    AC_TEMPLATE_MASK = 96, /* pixels of a mask's side; it spans the box */
    AC_TEMPLATE_MASK_BYTES = AC_TEMPLATE_MASK * AC_TEMPLATE_MASK,
    AC_TEMPLATE_FPS = 25,
    AC_TEMPLATE_MAX_PICTURES = 151, /* 2 × 150 pictures, forth and back, are 12 s */
    AC_TEMPLATE_MIN_SIDE = 64,
    AC_TEMPLATE_MAX_SIDE = 1920,
};

struct ac_template_box {
    float x, y, width, height; /* pixels of the template's pictures */
};

struct ac_template {
    char *folder, *id;
    char *name, *gender, *licence, *detail; /* "" where not told; name: the id then */
    bool video;                             /* else one photo, which gets its life from the engine */
    int width, height;                      /* of its pictures; even */
    size_t n;                               /* pictures, at least 1 */
    struct ac_template_box *box;            /* n; inside of the picture */
    void *priv;
};

/* Whether the folder is a template (its avatar.yaml says `engine: wav2lip`), without reading the rest. */
bool ac_template_is(const char *folder);
/*
 * AC_ECONFIG (avatar.yaml or a file beside it is wrong), AC_ENOENT, AC_EIO, AC_ENOMEM, with file, line and
 * remedy in env. Pictures stay in the files.
 */
int ac_template_load(struct ac_template **t, const char *folder, const char *id, struct ac_env *env);
void ac_template_free(struct ac_template *t); /* NULL is fine */
/* Decodes picture i; out is the caller's (ac_rgb_free). Errors as above. */
int ac_template_picture(const struct ac_template *t, size_t i, struct ac_rgb *out, struct ac_env *env);
/* Weight of the generated face at each pixel of box i, 0 keep … 255 replace, feathered, rows from the top. */
void ac_template_mask(const struct ac_template *t, size_t i, uint8_t mask[AC_TEMPLATE_MASK_BYTES]);
/* The picture that is shown at a phase of the idle motion. */
size_t ac_template_at(const struct ac_template *t, int64_t idle_us);

/*
 * Makes a folder of a photo or a video as ac_handler_info.make says; which of both it is, is read from its
 * content. AC_EINVAL: no face, several, too small, blurred, turned away, cut off, or the file is damaged;
 * AC_ENOTSUP a kind of file that cannot be read; AC_ELIMIT too large or too long; AC_EBUSY the folder is
 * there already (without replace); AC_EMODEL no face models; AC_EIO; AC_ENOENT; AC_ECANCELED; AC_ENOMEM.
 * Takes seconds (photo) to minutes (video) on the calling thread.
 */
int ac_template_make(const struct ac_make *make, struct ac_env *env, struct ac_cancel *cancel);

#endif
