/*
 * Photos from strangers: any bytes either decode to a picture within the limits, or give an error with a
 * reason and no picture.
 */
#include "fuzz.h"

#include "media/photo.h"

#include <stdio.h>

enum { MAX_PIXELS = 1 << 20, MAX_SIDE = 640 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct ac_photo_limits limits = {.max_pixels = MAX_PIXELS, .max_side = MAX_SIDE};
    char reason[AC_PHOTO_REASON];
    struct ac_rgb pic;
    unsigned sum = 0;
    int err = ac_photo_memory(data, size, &limits, &pic, reason);

    if (err) {
        fuzz_check(!pic.data && reason[0]);
        return 0;
    }
    fuzz_check(pic.width >= 1 && pic.height >= 1 && pic.width <= MAX_SIDE && pic.height <= MAX_SIDE);
    for (int y = 0; y < pic.height; y++) /* every byte is there */
        for (int x = 0; x < pic.width; x++)
            sum += *ac_rgb_at(&pic, x, y);
    fuzz_check(sum <= 255u * MAX_SIDE * MAX_SIDE);
    ac_rgb_free(&pic);
    return 0;
}
