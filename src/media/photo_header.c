/*
 * Walks through the chunks of JPEG, PNG and WebP for size, orientation and the end. Every number comes from
 * outside: it is checked against the bytes that are there before it is used.
 */
#include "media/photo_header.h"

#include <string.h>

struct bytes {
    const uint8_t *p;
    size_t n;
};

static bool starts(struct bytes b, size_t at, const char *with, size_t n)
{
    return b.n >= at + n && memcmp(b.p + at, with, n) == 0;
}

static uint32_t be(const uint8_t *p, int n)
{
    uint32_t v = 0;

    for (int i = 0; i < n; i++)
        v = v << 8 | p[i];
    return v;
}

static uint32_t le(const uint8_t *p, int n)
{
    uint32_t v = 0;

    for (int i = n - 1; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

/* ---- the kind ---- */

enum ac_photo_kind ac_photo_sniff(const void *data, size_t len, const char **name)
{
    static const struct {
        size_t at;
        const char *bytes, *name;
        enum ac_photo_kind kind;
    } kinds[] = {
        {0, "\xff\xd8\xff", "JPEG", AC_PHOTO_JPEG},
        {0, "\x89PNG\r\n\x1a\n", "PNG", AC_PHOTO_PNG},
        {8, "WEBPVP8", "WebP", AC_PHOTO_WEBP},
        {0, "GIF8", "GIF", AC_PHOTO_OTHER},
        {4, "ftyphei", "HEIC", AC_PHOTO_OTHER},
        {4, "ftyphev", "HEIC", AC_PHOTO_OTHER},
        {4, "ftypmif1", "HEIC", AC_PHOTO_OTHER},
        {4, "ftypmsf1", "HEIC", AC_PHOTO_OTHER},
        {4, "ftypavif", "AVIF", AC_PHOTO_OTHER},
        {4, "ftypavis", "AVIF", AC_PHOTO_OTHER},
        {4, "JXL \r\n\x87\n", "JPEG XL", AC_PHOTO_OTHER},
        {0, "\xff\x0a", "JPEG XL", AC_PHOTO_OTHER},
        {4, "jP  \r\n\x87\n", "JPEG 2000", AC_PHOTO_OTHER},
        {0, "II*", "TIFF", AC_PHOTO_OTHER},
        {0, "8BPS", "Photoshop", AC_PHOTO_OTHER},
        {0, "<svg", "SVG", AC_PHOTO_OTHER},
        {0, "%PDF", "PDF", AC_PHOTO_OTHER},
        {0, "PK\x03\x04", "ZIP", AC_PHOTO_OTHER},
    };
    struct bytes b = {data, len};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!starts(b, kinds[i].at, kinds[i].bytes, strlen(kinds[i].bytes)))
            continue;
        if (name)
            *name = kinds[i].name;
        return kinds[i].kind;
    }
    if (name)
        *name = "";
    return AC_PHOTO_UNKNOWN;
}

/* ---- EXIF ---- */

/* The orientation in a block of EXIF data, which is a little TIFF file; 1 where it says none. */
static int exif_orientation(struct bytes b)
{
    enum { ENTRY = 12, TAG = 0x112, SHORT = 3 };

    if (starts(b, 0, "Exif\0\0", 6))
        b = (struct bytes){b.p + 6, b.n - 6};
    bool little = starts(b, 0, "II*\0", 4);
    if (b.n < 8 || (!little && !starts(b, 0, "MM\0*", 4)))
        return 1;
    uint32_t (*get)(const uint8_t *, int) = little ? le : be;
    size_t at = get(b.p + 4, 4);
    if (at > b.n || b.n - at < 2)
        return 1;
    uint32_t n = get(b.p + at, 2);
    for (at += 2; n > 0 && b.n - at >= ENTRY; n--, at += ENTRY) {
        if (get(b.p + at, 2) != TAG || get(b.p + at + 2, 2) != SHORT)
            continue;
        int o = (int)get(b.p + at + 8, 2);
        return o >= 1 && o <= 8 ? o : 1;
    }
    return 1;
}

/* ---- JPEG ---- */

/* From the coded data of a scan to the next marker. */
static size_t skip_scan(struct bytes b, size_t at)
{
    while (at + 1 < b.n) {
        uint8_t next = b.p[at + 1];
        if (b.p[at] == 0xff && next != 0 && next != 0xff && (next < 0xd0 || next > 0xd7))
            return at;
        at++;
    }
    return b.n;
}

static bool is_frame_header(uint8_t marker)
{
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

static bool read_jpeg(struct ac_photo_header *h, struct bytes b)
{
    enum { APP1 = 0xe1, SOS = 0xda, EOI = 0xd9 };
    size_t at = 2;

    while (at + 1 < b.n) {
        uint8_t marker = b.p[at + 1];
        if (b.p[at] != 0xff || marker == 0xff) { /* filling, or rubbish between segments */
            at++;
            continue;
        }
        if (marker == EOI)
            return h->width > 0;
        if (marker == 0 || marker == 1 || (marker >= 0xd0 && marker <= 0xd8)) {
            at += 2;
            continue;
        }
        size_t n = b.n - at >= 4 ? be(b.p + at + 2, 2) : 0;
        if (n < 2 || b.n - at - 2 < n)
            break;
        const uint8_t *p = b.p + at + 4;
        if (is_frame_header(marker) && n >= 8 && h->width == 0) {
            h->height = be(p + 1, 2);
            h->width = be(p + 3, 2);
            h->bits = p[0] * p[5];
        } else if (marker == APP1 && n >= 8 && memcmp(p, "Exif\0\0", 6) == 0) {
            h->orientation = exif_orientation((struct bytes){p, n - 2});
        }
        at += 2 + n;
        if (marker == SOS)
            at = skip_scan(b, at);
    }
    h->cut = true;
    return h->width > 0;
}

/* ---- PNG ---- */

static bool read_png(struct ac_photo_header *h, struct bytes b)
{
    static const int channels[] = {1, 0, 3, 1, 2, 0, 4}; /* by colour type; a palette's are bytes, too */

    if (b.n < 33 || !starts(b, 12, "IHDR", 4) || b.p[25] > 6)
        return false;
    h->width = be(b.p + 16, 4);
    h->height = be(b.p + 20, 4);
    h->bits = (b.p[24] > 8 ? 16 : 8) * channels[b.p[25]];
    for (size_t at = 8; b.n - at >= 12;) {
        size_t n = be(b.p + at, 4);
        if (n > b.n - at - 12)
            break;
        if (starts(b, at + 4, "IEND", 4))
            return true;
        if (starts(b, at + 4, "eXIf", 4))
            h->orientation = exif_orientation((struct bytes){b.p + at + 8, n});
        if (starts(b, at + 4, "acTL", 4))
            h->animated = true;
        at += 12 + n;
    }
    h->cut = true;
    return true;
}

/* ---- WebP ---- */

static void webp_chunk(struct ac_photo_header *h, const char *name, struct bytes b)
{
    bool first = h->width == 0;

    if (memcmp(name, "VP8X", 4) == 0 && b.n >= 10) {
        h->width = 1 + (int64_t)le(b.p + 4, 3);
        h->height = 1 + (int64_t)le(b.p + 7, 3);
        h->animated = b.p[0] & 2;
    } else if (memcmp(name, "VP8 ", 4) == 0 && b.n >= 10 && first) {
        h->width = le(b.p + 6, 2) & 0x3fff;
        h->height = le(b.p + 8, 2) & 0x3fff;
    } else if (memcmp(name, "VP8L", 4) == 0 && b.n >= 5 && first) {
        uint32_t v = le(b.p + 1, 4);
        h->width = 1 + (int64_t)(v & 0x3fff);
        h->height = 1 + (int64_t)(v >> 14 & 0x3fff);
    } else if (memcmp(name, "EXIF", 4) == 0) {
        h->orientation = exif_orientation(b);
    }
}

static bool read_webp(struct ac_photo_header *h, struct bytes b)
{
    size_t end = le(b.p + 4, 4), at = 12;

    h->bits = 32;
    end = end < SIZE_MAX - 8 ? end + 8 : end;
    h->cut = end > b.n;
    end = h->cut ? b.n : end;
    while (end > at && end - at >= 8) {
        size_t n = le(b.p + at + 4, 4), left = end - at - 8;
        webp_chunk(h, (const char *)b.p + at, (struct bytes){b.p + at + 8, n < left ? n : left});
        if (n > left)
            break;
        at += 8 + n + (n & 1);
    }
    return h->width > 0 && h->height > 0;
}

bool ac_photo_header_read(struct ac_photo_header *h, const uint8_t *data, size_t len, enum ac_photo_kind kind)
{
    struct bytes b = {data, len};

    *h = (struct ac_photo_header){.kind = kind, .orientation = 1};
    return kind == AC_PHOTO_JPEG   ? read_jpeg(h, b)
           : kind == AC_PHOTO_PNG  ? read_png(h, b)
           : kind == AC_PHOTO_WEBP ? read_webp(h, b)
                                   : false;
}
