/* For the tests of avatar engines: a picture as a number. */
#ifndef TEST_AVATAR_PUPPET_HASH_H
#define TEST_AVATAR_PUPPET_HASH_H

#include "avatarchat/frame.h"

#include <stdint.h>

/* FNV-1a over the visible pixels. */
static inline uint64_t puppet_hash(const struct ac_picture *pic)
{
    uint64_t h = 1469598103934665603u;
    for (int k = 0; k < 3; k++)
        for (int y = 0; y < pic->height >> (k > 0); y++)
            for (int x = 0; x < pic->width >> (k > 0); x++)
                h = (h ^ pic->data[k][y * pic->stride[k] + x]) * 1099511628211u;
    return h;
}

#endif
