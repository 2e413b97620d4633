/*
 * `avatar-chat avatar`: which persons there are, and making one of a photo or a video. The engine does the
 * work (core/models.h); this shows how far it is, what was found and why it refuses.
 */
#include "cli/cli.h"

#include "base/cancel.h"
#include "base/mem.h"
#include "core/models.h"
#include "media/photo.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BAR_WIDTH = 30, MAX_STEP = 40, MAX_ID = 63 };

struct choices {
    const char *id, *photo, *video, *name, *licence, *gender, *folder;
    bool replace, json;
};

/* ---- list ---- */

struct listing {
    const char *engine;
    json_t *list;
};

static void add_avatar(void *arg, const struct ac_item *item)
{
    struct listing *l = arg;

    json_array_append_new(l->list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "id", item->id, "name",
                                             item->name, "gender", item->gender, "engine", l->engine,
                                             "detail", item->detail, "note", item->note ? item->note : ""));
}

static void print_table(json_t *list, struct ac_str *out)
{
    int width = ac_cli_id_width(list);
    json_t *a;
    size_t i;

    json_array_foreach(list, i, a)
    {
        const char *detail = ac_cli_text(a, "detail"), *note = ac_cli_text(a, "note");
        ac_str_addf(out, "%-*s  %-9s  %-6s  %s%s%s\n", width, ac_cli_text(a, "id"), ac_cli_text(a, "engine"),
                    ac_cli_text(a, "gender"), ac_cli_text(a, "name"), *detail ? "; " : "", detail);
        if (*note)
            ac_str_addf(out, "%*s  %s\n", width, "", note);
    }
}

static int list_avatars(const struct ac_config *cfg, struct ac_models *models, bool json)
{
    const struct ac_handler_info *const *engines;
    size_t n = ac_config_use(cfg, AC_STAGE_AVATAR, &engines);
    struct listing l = {.list = json_array()};
    struct ac_str out = {0};

    for (size_t i = 0; i < n; i++) {
        l.engine = engines[i]->name;
        ac_models_list_engine(models, engines[i], add_avatar, &l);
    }
    if (json) {
        char *text = json_dumps(l.list, JSON_INDENT(2));
        ac_str_addf(&out, "%s\n", text ? text : "[]");
        free(text);
    } else {
        print_table(l.list, &out);
    }
    json_decref(l.list);
    int status = out.len ? ac_cli_print("avatar", &out)
                         : ac_cli_fail("avatar", "there is none: make one with 'avatar-chat avatar create'");
    ac_str_free(&out);
    return status;
}

/* ---- create ---- */

struct maker {
    bool bar;  /* standard error is a terminal */
    int drawn; /* per mille, -1 = nothing on the line */
    char step[MAX_STEP];
};

static void clear_bar(struct maker *m)
{
    if (m->bar && m->drawn >= 0)
        fprintf(stderr, "\r%*s\r", BAR_WIDTH + MAX_STEP + 12, "");
    m->drawn = -1;
}

static void show_progress(void *arg, double done, const char *step)
{
    struct maker *m = arg;
    int now = (int)(done * 1000), full = (int)(done * BAR_WIDTH);

    if (!m->bar || (now / 10 == m->drawn / 10 && m->drawn >= 0 && strcmp(step, m->step) == 0))
        return;
    snprintf(m->step, sizeof m->step, "%s", step);
    fprintf(stderr, "\r[%.*s%*s] %3d %%  %-*.*s", full, "##############################", BAR_WIDTH - full,
            "", now / 10, MAX_STEP - 1, MAX_STEP - 1, step);
    fflush(stderr);
    m->drawn = now;
}

static void show_found(void *arg, const char *line)
{
    clear_bar(arg);
    fprintf(stderr, "  %s\n", line);
}

static struct ac_cancel *running;

static void interrupt(void)
{
    ac_cancel_trigger(running);
}

/* Does the file's content agree with the option that named it? The engine looks at the rest. */
static int check_kind(const struct choices *c)
{
    const char *path = c->photo ? c->photo : c->video, *kind_name;
    char head[64];
    FILE *f = fopen(path, "rb");

    if (!f)
        return ac_cli_fail("avatar", "%s: %s", path, strerror(errno));
    size_t n = fread(head, 1, sizeof head, f);
    fclose(f);
    enum ac_photo_kind kind = ac_photo_sniff(head, n, &kind_name);
    if (c->photo && kind == AC_PHOTO_UNKNOWN)
        return ac_cli_fail("avatar", "%s: it is no photo (JPEG, PNG or WebP); a video is named with --video",
                           path);
    if (c->video && kind != AC_PHOTO_UNKNOWN && kind != AC_PHOTO_OTHER)
        return ac_cli_fail("avatar", "%s: it is a %s picture, no video; name it with --photo", path,
                           kind_name);
    return AC_CLI_GO;
}

/* Where avatars go that are made: the same place as for those that the page makes. */
static char *folder_of(const struct choices *c)
{
    const char *data = getenv("AVATAR_CHAT_DATA");

    return c->folder       ? ac_strdup(c->folder)
           : data && *data ? ac_asprintf("%s/avatars", data)
                           : ac_strdup("avatars");
}

static int create(const struct choices *c, struct ac_models *models)
{
    struct maker m = {.bar = isatty(STDERR_FILENO) == 1, .drawn = -1};
    char *folder = folder_of(c), reason[256] = "";
    const struct ac_make make = {.file = c->photo ? c->photo : c->video,
                                 .folder = folder,
                                 .id = c->id,
                                 .name = c->name ? c->name : c->id,
                                 .licence = c->licence ? c->licence : "",
                                 .gender = c->gender ? c->gender : "",
                                 .replace = c->replace,
                                 .progress = show_progress,
                                 .found = show_found,
                                 .arg = &m};
    int status = check_kind(c);

    if (status == AC_CLI_GO && mkdir(folder, 0755) != 0 && errno != EEXIST)
        status = ac_cli_fail("avatar", "the folder %s cannot be made: %s", folder, strerror(errno));
    if (status == AC_CLI_GO) {
        running = ac_cancel_new(NULL);
        ac_cli_on_signal(interrupt);
        int err = ac_models_make(models, AC_STAGE_AVATAR, &make, running, reason);
        clear_bar(&m);
        if (err == AC_ECANCELED)
            status = ac_cli_fail("avatar", "interrupted, nothing was made");
        else if (err)
            status = ac_cli_fail("avatar", "%s: %s", make.file, reason[0] ? reason : ac_err_text(err));
        else
            status = AC_EXIT_OK;
    }
    if (status == AC_EXIT_OK)
        printf("%s/%s is ready: look at its preview.jpg, then 'avatar-chat say --avatar %s -o test.mp4 "
               "\"Hello.\"'\n",
               folder, c->id, c->id);
    free(folder);
    return status;
}

/* ---- the command ---- */

static bool id_is_valid(const char *id)
{
    size_t n = strlen(id);

    return n > 0 && n <= MAX_ID && id[0] != '-' && strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n;
}

static int check(const struct choices *c, const struct ac_cli_list *words)
{
    bool lists = strcmp(words->items[0], "list") == 0;

    if (!lists && strcmp(words->items[0], "create") != 0)
        return ac_cli_usage_error("avatar", "say list or create, not '%s'", words->items[0]);
    if (lists &&
        (c->id || c->photo || c->video || c->name || c->licence || c->gender || c->folder || c->replace))
        return ac_cli_usage_error("avatar", "list takes --json only: the other options belong to create");
    if (lists)
        return AC_CLI_GO;
    if (c->json)
        return ac_cli_usage_error("avatar", "--json belongs to list");
    if (!c->id)
        return ac_cli_usage_error("avatar", "name the new avatar with --id");
    if (!id_is_valid(c->id))
        return ac_cli_usage_error(
            "avatar", "--id %s: 1 to 63 of the letters a-z, digits, '_' and '-', not beginning with '-'",
            c->id);
    if (!c->photo == !c->video)
        return ac_cli_usage_error("avatar", "name either a photo (--photo FILE) or a video (--video FILE)");
    if (c->gender && strcmp(c->gender, "female") != 0 && strcmp(c->gender, "male") != 0)
        return ac_cli_usage_error("avatar", "--gender %s: it is female or male", c->gender);
    return AC_CLI_GO;
}

int ac_cli_avatar(int argc, char **argv)
{
    struct choices c = {0};
    const char *file = NULL;
    struct ac_cli_list sets = {0}, words = {0};
    struct ac_config *cfg = NULL;
    const struct ac_cli_option options[] = {
        {0, "id", "ID", "create: what it is called in commands and addresses (a-z, 0-9, _ and -).", NULL,
         &c.id, NULL},
        {0, "photo", "FILE", "create: of a photo (JPEG, PNG, WebP).", NULL, &c.photo, NULL},
        {0, "video", "FILE", "create: of a video of at most 60 seconds (MP4, WebM, MKV, MOV …).", NULL,
         &c.video, NULL},
        {0, "name", "NAME", "create: its name for people; else the id.", NULL, &c.name, NULL},
        {0, "gender", "female|male", "create: which voices suit.", NULL, &c.gender, NULL},
        {0, "licence", "TEXT", "create: whose picture it is and on what terms it may be used.", NULL,
         &c.licence, NULL},
        {0, "folder", "DIR", "create: where to; else avatars/ below $AVATAR_CHAT_DATA, or here.", NULL,
         &c.folder, NULL},
        {0, "replace", NULL, "create: in place of the one that has this id.", &c.replace, NULL, NULL},
        {0, "json", NULL, "list: print JSON.", &c.json, NULL, NULL},
        AC_CLI_OPTION_FILE(&file),
        AC_CLI_OPTION_SET(&sets),
    };
    const struct ac_cli_spec spec = {
        .command = "avatar",
        .usage = "list | create --id ID (--photo FILE | --video FILE) [options]",
        .help =
            "Lists the persons that can be shown, or makes one of a photo or a video of a real face, which "
            "the engine\nwav2lip makes speak. One person, seen from the front, in focus, with head and "
            "shoulders and a closed mouth\nis best. Use only pictures that you may use.",
        .notes = "example: avatar-chat avatar create --id mei --photo mei.jpg --name Mei --licence 'with her "
                 "consent'",
        .options = options,
        .n_options = sizeof options / sizeof *options,
        .max_words = 1,
    };

    int status = ac_cli_parse(&spec, argc, argv, &words);
    if (status == AC_CLI_GO && words.n == 0)
        status = ac_cli_usage_error("avatar", "say list or create");
    if (status == AC_CLI_GO)
        status = check(&c, &words);
    if (status == AC_CLI_GO)
        status = ac_cli_load("avatar", &cfg, file, &sets, true);
    if (status == AC_CLI_GO) {
        struct ac_models *models = ac_models_new(cfg);
        status = strcmp(words.items[0], "list") == 0 ? list_avatars(cfg, models, c.json) : create(&c, models);
        ac_models_free(models);
    }
    ac_config_free(cfg);
    ac_cli_list_free(&sets);
    ac_cli_list_free(&words);
    return status;
}
