/* Base64; see base64.h. */
#include "media/base64.h"

#include "avatarchat/err.h"
#include "base/mem.h"

#include <libavutil/base64.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int ac_base64_decode(const char *text, char **out, size_t *len)
{
    size_t size = strlen(text) / 4 * 3 + 4;

    *out = NULL;
    *len = 0;
    if (size > INT_MAX)
        return AC_EINVAL;
    char *bytes = ac_try_alloc(size);
    if (!bytes)
        return AC_ENOMEM;
    int n = av_base64_decode((uint8_t *)bytes, text, (int)size);
    if (n < 0) {
        free(bytes);
        return AC_EINVAL;
    }
    *out = bytes;
    *len = (size_t)n;
    return 0;
}
