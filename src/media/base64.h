/* Base64 as JSON messages carry it (RFC 4648, by libavutil). No state; any thread. */
#ifndef AC_MEDIA_BASE64_H
#define AC_MEDIA_BASE64_H

#include <stddef.h>

/*
 * Decodes the text; *out is malloc'ed and the caller's, also when len is 0. AC_EINVAL where it is not base64
 * (*out is NULL then), AC_ENOMEM.
 */
int ac_base64_decode(const char *text, char **out, size_t *len);

#endif
