/*
 * Photos from outside: JPEG, PNG and WebP become RGB, upright (EXIF's orientation is applied).
 *
 * What comes in is not trusted: its kind is read from its content, never from a name; its size is read from
 * its header and checked before anything is decoded; a photo that ends in the middle or has damaged parts is
 * refused. 16-bit, grey, CMYK and palette pictures are brought to 8-bit RGB, what is transparent is laid over
 * white; colour profiles are not applied.
 *
 * `reason` (may be NULL, else at least AC_PHOTO_REASON bytes) gets one sentence that says what is wrong with
 * it and what would be right, without the file's name.
 *
 * Errors: AC_ENOENT, AC_EIO; AC_EINVAL it is no photo, or is damaged; AC_ENOTSUP a kind of photo that cannot
 * be read; AC_ELIMIT too many pixels or bytes; AC_ENOMEM. Any thread; blocks.
 */
#ifndef AC_MEDIA_PHOTO_H
#define AC_MEDIA_PHOTO_H

#include "media/rgb.h"

enum { AC_PHOTO_REASON = 256, AC_PHOTO_MAX_BYTES = 64 << 20, AC_PHOTO_MAX_PIXELS = 50000000 };

enum ac_photo_kind {
    AC_PHOTO_UNKNOWN = 0,
    AC_PHOTO_JPEG,
    AC_PHOTO_PNG,
    AC_PHOTO_WEBP,
    AC_PHOTO_OTHER, /* a picture or document of a kind that is not read: GIF, HEIC, PDF … */
};

/* What the first bytes say (32 are enough). *name (may be NULL): "JPEG", "GIF", "ZIP" …, "" = unknown. */
enum ac_photo_kind ac_photo_sniff(const void *data, size_t len, const char **name);

struct ac_photo_limits {
    int64_t max_pixels; /* 0 = AC_PHOTO_MAX_PIXELS */
    int max_side;       /* larger ones are made smaller while they are read, 0 = any */
};

/* limits may be NULL. out is the caller's (ac_rgb_free). */
int ac_photo_memory(const void *data, size_t len, const struct ac_photo_limits *limits, struct ac_rgb *out,
                    char *reason);
int ac_photo_file(const char *path, const struct ac_photo_limits *limits, struct ac_rgb *out, char *reason);

#endif
