/* UTF-8: decoding any bytes and encoding them again gives valid text, and the same where it was valid. */
#include "fuzz.h"

#include <string.h>

#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *p = text, *end = text + size;
    struct ac_str out = {0};
    bool valid = ac_utf8_valid(text, size);

    while (p < end) {
        const char *before = p;
        uint32_t cp = ac_utf8_next(&p, end);
        fuzz_check(p > before && p <= end);
        fuzz_check(cp <= 0x10ffff && !(cp >= 0xd800 && cp < 0xe000));
        (void)ac_cp_is_cjk(cp);
        ac_utf8_add(&out, cp);
    }
    fuzz_check(ac_utf8_valid(out.p, out.len));
    if (valid)
        fuzz_check(out.len == size && (size == 0 || memcmp(out.p, text, size) == 0));
    ac_str_free(&out);

    char *name = malloc(size + 1);
    memcpy(name, data, size);
    name[size] = '\0';
    static const char *const names[] = {"flite", "espeak", "character", ""};
    const char *near = ac_nearest(name, names, 4);
    fuzz_check(!near || near == names[0] || near == names[1] || near == names[2]);
    free(name);
    return 0;
}
