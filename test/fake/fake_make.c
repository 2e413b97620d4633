/* A maker of avatars that reads in the file what to do; see fake_engines.h. */
#include "fake/fake_private.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STEPS = 20, MAX_FILE = 256 << 20 };

static int put(const char *folder, const char *name, const char *text)
{
    char *path = ac_asprintf("%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    free(path);
    if (!f)
        return AC_EIO;
    fputs(text, f);
    return fclose(f) ? AC_EIO : 0;
}

/* Whole or not at all, as a real one. */
static int write_avatar(const struct ac_make *make)
{
    char *half = ac_asprintf("%s/.half-%s", make->folder, make->id);
    char *whole = ac_asprintf("%s/%s", make->folder, make->id);
    char *about = ac_asprintf("%s\n%s\n%s\n", make->name, make->gender, make->licence);
    int err = mkdir(half, 0755) ? AC_EIO : 0;
    if (!err)
        err = put(half, "fake.txt", about);
    if (!err)
        err = put(half, "preview.jpg", "\xff\xd8 a picture \xff\xd9");
    if (!err)
        err = rename(half, whole) ? AC_EIO : 0;
    free(half);
    free(whole);
    free(about);
    return err;
}

static int work(int steps, int step_ms, const struct ac_make *make, struct ac_cancel *cancel)
{
    for (int i = 0; i < steps; i++) {
        if (ac_cancelled(cancel))
            return AC_ECANCELED;
        make->progress(make->arg, (i + 0.5) / steps, i < steps / 2 ? "looking for the face" : "writing");
        ac_sleep_us(step_ms * 1000);
    }
    return 0;
}

static void tell(const struct ac_make *make, const char *bytes, size_t len)
{
    unsigned sum = 0;
    for (size_t i = 0; i < len; i++)
        sum = sum * 31 + (unsigned char)bytes[i];
    char *line = ac_asprintf("%zu bytes, sum %u", len, sum);
    make->found(make->arg, line);
    free(line);
}

int fake_make(void *model, const void *cfg, struct ac_env *env, const struct ac_make *make,
              struct ac_cancel *cancel)
{
    char *bytes = NULL;
    size_t len = 0;
    int step_ms = *(const int *)cfg; /* its first option */
    (void)model;
    if (ac_read_file(make->file, MAX_FILE, &bytes, &len))
        return ac_env_fail(env, AC_EIO, "the file cannot be read");
    tell(make, bytes, len);
    char word[8] = "";
    snprintf(word, sizeof word, "%.*s", (int)strcspn(bytes, " "), bytes);
    free(bytes);
    if (!strcmp(word, "nobody")) {
        make->refused(make->arg, "face_none");
        return ac_env_fail(env, AC_EINVAL, "there is no face in the picture: give one that shows a person");
    }
    if (!strcmp(word, "break"))
        return ac_env_fail(env, AC_EENGINE, "the fake maker was told to break");
    if (!strcmp(word, "hang"))
        return fake_hang(cancel);
    if (!strcmp(word, "stuck"))
        return fake_stuck();
    int err = work(!strcmp(word, "slow") ? STEPS : 1, step_ms, make, cancel);
    if (!err)
        err = write_avatar(make);
    if (!strcmp(word, "late")) /* somebody cancels while the last thing is done */
        ac_cancel_trigger(cancel);
    return err;
}

static void list_one(const char *folder, const char *id, ac_item_fn *fn, void *arg)
{
    char name[64] = "", gender[16] = "", *path = ac_asprintf("%s/%s/fake.txt", folder, id);
    FILE *f = *id == '.' ? NULL : fopen(path, "r");
    free(path);
    if (!f)
        return;
    if (fgets(name, sizeof name, f) && fgets(gender, sizeof gender, f)) {
        name[strcspn(name, "\n")] = gender[strcspn(gender, "\n")] = '\0';
        const char *note = strncmp(name, "Sick", 4) != 0 ? NULL : "it has a cold";
        struct ac_item item = {
            .id = id, .name = name, .lang = "", .gender = gender, .detail = "made", .note = note};
        fn(arg, &item);
    }
    fclose(f);
}

int fake_avatar_list(void *model, const void *cfg, struct ac_env *env, ac_item_fn *fn, void *arg)
{
    struct ac_item item = {.id = "fake", .name = "Fake", .lang = "en", .gender = "", .detail = ""};
    const char *data = getenv("AVATAR_CHAT_DATA");
    (void)model;
    (void)cfg;
    (void)env;
    fn(arg, &item);
    char *folder = data ? ac_asprintf("%s/avatars", data) : NULL;
    DIR *dir = folder ? opendir(folder) : NULL;
    for (struct dirent *e; dir && (e = readdir(dir));)
        list_one(folder, e->d_name, fn, arg);
    if (dir)
        closedir(dir);
    free(folder);
    return 0;
}
