/* What making a template of a photo and of a video share. Internal to src/avatar/template_make*.c. */
#ifndef AC_AVATAR_TEMPLATE_MAKE_PRIVATE_H
#define AC_AVATAR_TEMPLATE_MAKE_PRIVATE_H

#include "avatar/template_face.h"
#include "avatar/template_write.h"
#include "media/rgb.h"

struct ac_maker {
    const struct ac_make *make;
    struct ac_env *env;
    struct ac_cancel *cancel;
    struct ac_faces *faces;
    struct ac_template_writer writer;
};

/* The part of a picture that the template shows. */
struct ac_template_crop {
    double x, y, width, height; /* pixels of the picture */
    double scale;               /* pixels of the template to one of the picture, at most 1 */
    int out_width, out_height;  /* even */
};
/*
 * Head and shoulders round a face (box of its points): a square of it is a good portrait, and so are cuts of
 * 4:3, 16:9 and 9:16. max_width, max_height: of the result. False: the picture is too small for a template.
 */
bool ac_template_crop(const struct ac_template_box *face, int width, int height, int max_width,
                      int max_height, struct ac_template_crop *crop);

void ac_maker_progress(const struct ac_maker *m, double done, const char *step);
void ac_maker_found(const struct ac_maker *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Tells the refusal by its code, and why in env; gives err. */
int ac_maker_refuse(const struct ac_maker *m, int err, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* "looks 12 degrees to the left", "looks into the camera"; text is filled and given back. */
const char *ac_maker_gaze(const struct ac_face *face, char text[80]);

int ac_maker_photo(struct ac_maker *m);
int ac_maker_video(struct ac_maker *m);

#endif
