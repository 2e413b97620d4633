/* What the files of src/media share of libav*: its log, its error codes, borrowed pictures. Internal. */
#ifndef AC_MEDIA_AV_GLUE_H
#define AC_MEDIA_AV_GLUE_H

#include "avatarchat/frame.h"
#include <libavutil/frame.h>

/* Sends libav's log (and x264's, which goes through it) to ac_log and bounds what it allocates. Every open
 * calls it; only the first counts. */
void ac_av_setup(void);
/* While true, what libav says on the calling thread about its input is logged for debugging only. */
void ac_av_quiet(bool quiet);
/* AVERROR code to AC_E… (logged, with what was tried); values of 0 and above give 0. */
int ac_av_error(int averror, const char *what);
/*
 * Makes f show the picture's planes without a copy, tagged BT.709 limited range. The planes must outlive
 * every use of f; end with av_frame_unref. AC_ENOMEM.
 */
int ac_av_borrow_picture(AVFrame *f, const struct ac_picture *pic);

#endif
