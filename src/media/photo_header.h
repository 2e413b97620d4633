/* What a photo's own bytes say before it is decoded. Internal to src/media. */
#ifndef AC_MEDIA_PHOTO_HEADER_H
#define AC_MEDIA_PHOTO_HEADER_H

#include "media/photo.h"

struct ac_photo_header {
    enum ac_photo_kind kind;
    int64_t width, height; /* as stored, before it is turned */
    int bits;              /* of a pixel when decoded */
    int orientation;       /* EXIF's, 1 … 8 */
    bool animated;
    bool cut; /* the end is missing */
};

/* False where the header itself is damaged or missing. kind is what ac_photo_sniff said. */
bool ac_photo_header_read(struct ac_photo_header *h, const uint8_t *data, size_t len,
                          enum ac_photo_kind kind);

#endif
