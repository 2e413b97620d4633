/*
 * avatar.yaml of a template, which somebody may have changed by hand: any bytes either load to a template
 * whose numbers hold together, or give an error with a reason.
 */
#include "fuzz.h"

#include "avatar/template.h"
#include "base/mem.h"
#include "media/image.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char dir[] = "/tmp/fuzz-template-XXXXXX";

static void put(const char *name, const void *bytes, size_t n)
{
    char *path = ac_asprintf("%s/%s", dir, name);
    FILE *f = fopen(path, "wb");

    fuzz_check(f && fwrite(bytes, 1, n, f) == n);
    fclose(f);
    free(path);
}

static void remove_all(void)
{
    static const char *const names[] = {"avatar.yaml", "masks.png", "picture-000.jpg"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = ac_asprintf("%s/%s", dir, names[i]);
        unlink(path);
        free(path);
    }
    rmdir(dir);
}

/* One mask and one picture are there. */
static void set_up(void)
{
    static uint8_t grey[AC_TEMPLATE_MASK_BYTES];
    struct ac_str png = {0};

    fuzz_check(mkdtemp(dir) != NULL);
    atexit(remove_all);
    fuzz_check(ac_image_png_grey(grey, AC_TEMPLATE_MASK, AC_TEMPLATE_MASK, &png) == 0);
    put("masks.png", png.p, png.len);
    put("picture-000.jpg", "\xff\xd8\xff", 3);
    ac_str_free(&png);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    struct ac_env env = {0};
    struct ac_template *t;

    if (!ready)
        set_up();
    ready = true;
    put("avatar.yaml", data, size);
    (void)ac_template_is(dir);
    int err = ac_template_load(&t, dir, "fuzz", &env);
    fuzz_check(err ? !t && env.reason[0] : t != NULL);
    for (size_t i = 0; t && i < t->n; i++) {
        const struct ac_template_box *b = &t->box[i];
        fuzz_check(b->x >= 0 && b->y >= 0 && b->width > 0 && b->height > 0 &&
                   b->x + b->width <= (float)t->width && b->y + b->height <= (float)t->height);
    }
    fuzz_check(!t || (t->name && ac_template_at(t, 11999999) < t->n));
    ac_template_free(t);
    return 0;
}
