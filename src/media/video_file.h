/*
 * Videos from outside: the pictures of a video file, upright, in RGB, scaled while they are read, at an even
 * rate.
 *
 * What comes in is not trusted: it is read by a list of known containers and decoders only, can make libav
 * open nothing else (no playlists, no network), and has limits of length, pixels and rate. The rotation that
 * the file names is applied, and so are pixels that are not square. HDR (PQ, HLG) is refused, because its
 * brightness cannot be shown as it is meant.
 *
 * `reason` (may be NULL, else at least AC_VIDEO_REASON bytes) gets one sentence that says what is wrong with
 * it and what would be right, without the file's name.
 *
 * Errors: AC_ENOENT, AC_EIO; AC_EINVAL it is no video, is damaged, or holds no picture; AC_ENOTSUP a kind of
 * video that cannot be read; AC_ELIMIT too long or too large; AC_ECANCELED; AC_ENOMEM. Any thread; blocks.
 */
#ifndef AC_MEDIA_VIDEO_FILE_H
#define AC_MEDIA_VIDEO_FILE_H

#include "avatarchat/handler.h"
#include "media/rgb.h"

enum { AC_VIDEO_REASON = 256, AC_VIDEO_MAX_PIXELS = 4096 * 2304 };

struct ac_video_wish {
    int fps;        /* pictures a second wanted */
    int max_s;      /* longer ones are refused */
    int max_side;   /* larger pictures are made smaller, 0 = any */
    int max_pixels; /* of a picture in the file, 0 = AC_VIDEO_MAX_PIXELS */
    int threads;    /* of the decoder, 0 = 1 */
};

struct ac_video_frame {
    const struct ac_rgb *pic; /* borrowed for the call */
    size_t number;            /* from 0; at number / fps seconds after the first picture */
    int width, height;        /* of the file's pictures as they are to be seen, before scaling */
    double done;              /* share of the file that is read, 0 … 1, as far as it is known */
};
/* Takes a picture: 0 goes on, a negative AC_E… ends with it, AC_VIDEO_ENOUGH ends without an error. */
typedef int ac_video_frame_fn(void *arg, const struct ac_video_frame *f);
enum { AC_VIDEO_ENOUGH = 1 };

/*
 * Calls fn with the picture that is seen at 0, 1/fps, 2/fps … after the first one, which may be the same one
 * several times. A part that cannot be decoded shows the picture before it; *damaged (may be NULL) tells.
 */
int ac_video_file_read(const char *path, const struct ac_video_wish *wish, ac_video_frame_fn *fn, void *arg,
                       struct ac_cancel *cancel, bool *damaged, char *reason);

#endif
