/*
 * Writing a template's folder, whole or not at all: into a hidden sibling that is renamed at the end. One
 * writer is used by one thread.
 */
#ifndef AC_AVATAR_TEMPLATE_WRITE_H
#define AC_AVATAR_TEMPLATE_WRITE_H

#include "avatar/template.h"
#include "base/str.h"
#include "face/face.h"

struct ac_template_writer {
    const struct ac_make *make;
    struct ac_env *env;
    char *hidden; /* NULL: nothing to clean up */
    char *target; /* FOLDER/ID */
    struct ac_template_box box[AC_TEMPLATE_MAX_PICTURES];
    struct ac_str masks;
    size_t n;
    int width, height;
};

/*
 * Checks names and that the folder may be made, makes the hidden one. What a program that was killed left
 * behind there is removed. AC_EINVAL, AC_EBUSY, AC_EIO, AC_ENOENT, said in env; ac_template_writer_end must
 * follow.
 */
int ac_template_writer_begin(struct ac_template_writer *w, const struct ac_make *make, struct ac_env *env);
/* Adds a picture with its face: computes box and mask. All have one size. video: colour at half resolution.
 */
int ac_template_writer_add(struct ac_template_writer *w, const struct ac_rgb *pic, const struct ac_face *face,
                           bool video);
/* The picture with what was found drawn on it, for people. */
int ac_template_writer_preview(struct ac_template_writer *w, const struct ac_rgb *pic,
                               const struct ac_face *face, size_t i);
/* Writes avatar.yaml and masks, and gives the folder its name. detail: one line on what it was made of. */
int ac_template_writer_finish(struct ac_template_writer *w, bool video, const char *detail);
/* Removes what was not finished. */
void ac_template_writer_end(struct ac_template_writer *w);

/* Draws box, mask and landmarks (template_preview.c). */
void ac_template_draw(const struct ac_rgb *pic, const struct ac_face *face, const struct ac_template_box *box,
                      const uint8_t *mask);

#endif
