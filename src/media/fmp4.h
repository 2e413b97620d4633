/*
 * H.264 + AAC in fragmented MP4, in process, into memory.
 *
 * One encoder lives for one turn: pictures and speech go in, an initialisation segment and fragments come
 * out. x264 ultrafast, zerolatency, one thread; AAC-LC mono 24 kHz; movflags
 * frag_custom+empty_moov+default_base_moof+ skip_trailer. Codecs string for browsers: ac_fmp4_codecs().
 *
 * Order of calls for one fragment: audio for its time (and at least AC_FMP4_AUDIO_LEAD more when there is
 * any), its pictures, then ac_fmp4_flush. Video time is frame / fps, audio time counts samples; both start at
 * 0. One thread at a time. About 5 MB a 512×512 encoder.
 */
#ifndef AC_MEDIA_FMP4_H
#define AC_MEDIA_FMP4_H

#include "avatarchat/frame.h"
#include "base/str.h"

enum { AC_FMP4_AUDIO_RATE = 24000, AC_FMP4_AUDIO_LEAD = 2048 /* samples the AAC coder holds back */ };

struct ac_fmp4;

struct ac_fmp4_config {
    int width, height, fps; /* even sizes, 64…1920 */
    int crf;                /* 0…51 */
    int audio_kbps;
    bool silent; /* no audio track (idle clips) */
    bool
        faststart; /* false: fragments for Media Source Extensions; true: one ordinary MP4, given by finish */
};

/* AC_EINVAL for sizes out of range, AC_ENOTSUP where libav lacks libx264 or AAC. */
int ac_fmp4_open(struct ac_fmp4 **m, const struct ac_fmp4_config *cfg);
void ac_fmp4_close(struct ac_fmp4 *m); /* NULL is fine */
/* Encodes one picture (borrowed); key: make it an IDR frame. */
int ac_fmp4_video(struct ac_fmp4 *m, const struct ac_picture *pic, bool key);
/* The same for a picture that is shown for `frames` frames: the next one comes so much later. */
int ac_fmp4_video_long(struct ac_fmp4 *m, const struct ac_picture *pic, bool key, int frames);
/* Encodes n samples of mono PCM at AC_FMP4_AUDIO_RATE. */
int ac_fmp4_audio(struct ac_fmp4 *m, const int16_t *pcm, size_t n);
/* Ends a fragment; its bytes are appended to out (nothing when no picture came since the last). */
int ac_fmp4_flush(struct ac_fmp4 *m, struct ac_str *out);
/* Drains both coders and writes the last fragment (or, with faststart, the whole file) to out. */
int ac_fmp4_finish(struct ac_fmp4 *m, struct ac_str *out);
/* The initialisation segment (ftyp + moov), valid after open, borrowed. Not for faststart. */
const char *ac_fmp4_init_segment(const struct ac_fmp4 *m, size_t *len);
/* "avc1.42C01E, mp4a.40.2" as the stream really is. Borrowed. */
const char *ac_fmp4_codecs(const struct ac_fmp4 *m);

#endif
