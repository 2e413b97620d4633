/*
 * Videos from strangers: any bytes in a file give pictures within the limits, or an error with a reason. The
 * bytes go through a file without a name, since that is how videos come.
 */
#include "fuzz.h"

#include "media/video_file.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MAX_S = 2, MAX_SIDE = 64 };

static int count(void *arg, const struct ac_video_frame *f)
{
    size_t *n = arg;
    unsigned sum = 0;

    fuzz_check(f->number == *n && f->done >= 0 && f->done <= 1 && f->width > 0 && f->height > 0);
    fuzz_check(f->pic->width <= MAX_SIDE && f->pic->height <= MAX_SIDE);
    for (int y = 0; y < f->pic->height; y++) /* every byte is there */
        for (int x = 0; x < f->pic->width; x++)
            sum += *ac_rgb_at(f->pic, x, y);
    fuzz_check(sum <= 255u * MAX_SIDE * MAX_SIDE);
    ++*n;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct ac_video_wish wish = {
        .fps = 25, .max_s = MAX_S, .max_side = MAX_SIDE, .max_pixels = 512 * 512};
    char path[64], reason[AC_VIDEO_REASON];
    int fd = memfd_create("video", MFD_CLOEXEC);
    size_t n = 0;

    fuzz_check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int err = ac_video_file_read(path, &wish, count, &n, NULL, NULL, reason);
    fuzz_check(err ? reason[0] != '\0' : n > 0 && n <= (MAX_S + 1) * 25);
    close(fd);
    return 0;
}
