/* Voices of the openai speech engine: the configured ones, and what a server tells of its own. */
#include "net/http.h"
#include "tts/openai_private.h"
#include "tts/remote.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_LIST = 1 << 20, LIST_MS = 3000 };

/* ---- choosing ---- */

/* The voice that `voices` has for the key ("zh", "zh-TW", "zh/male"); false when it has none. */
static bool find_voice(const char *voices, const char *key, size_t n, char out[OPENAI_MAX_VOICE])
{
    for (const char *p = voices; *p;) {
        p += strspn(p, " ,;\t\n");
        size_t len = strcspn(p, " ,;\t\n"), name = strcspn(p, "=");
        if (name == n && name < len && strncasecmp(p, key, n) == 0 && len - name - 1 < OPENAI_MAX_VOICE) {
            memcpy(out, p + name + 1, len - name - 1);
            out[len - name - 1] = '\0';
            return true;
        }
        p += len;
    }
    return false;
}

void openai_tts_choose_voice(const struct openai_tts_config *c, const struct ac_text *in,
                             const struct ac_tts_text *clean, char out[OPENAI_MAX_VOICE])
{
    const char *lang = ac_tts_remote_language(in->lang, clean);
    size_t n = strlen(lang), primary = strcspn(lang, "-");
    char key[64];

    for (size_t len = n; len > 0; len = len > primary ? primary : 0) {
        snprintf(key, sizeof key, "%.*s/%s", (int)len, lang, in->gender);
        if (in->gender[0] && find_voice(c->voices, key, strlen(key), out))
            return;
        if (find_voice(c->voices, lang, len, out))
            return;
    }
    snprintf(out, OPENAI_MAX_VOICE, "%s", c->voice);
}

/* ---- the list of voices ---- */

struct giving {
    ac_item_fn *fn;
    void *arg;
};

static void give_voice(struct giving *g, const char *name, const char *lang, const char *detail)
{
    char *id = ac_asprintf("%s%s", OPENAI_VOICE_PREFIX, name);

    if (strlen(id) < OPENAI_MAX_VOICE)
        g->fn(g->arg,
              &(struct ac_item){.id = id, .name = name, .lang = lang, .gender = "", .detail = detail});
    free(id);
}

/* Some servers tell: {"voices": ["name", {"id": …, "name": …, "language": …}]}. */
static bool give_served(const struct openai_tts_model *m, struct giving *g)
{
    const char *const headers[] = {m->authorization, NULL};
    struct ac_http_answer a;
    bool any = false;
    json_t *v;
    size_t i;

    int err = ac_http_run(&(struct ac_http_request){.url = m->list_url,
                                                    .headers = headers,
                                                    .connect_ms = m->cfg->connect_timeout_ms,
                                                    .total_ms = LIST_MS,
                                                    .max_bytes = MAX_LIST,
                                                    .proxy = m->cfg->proxy,
                                                    .ca_file = m->cfg->ca_file},
                          &a, NULL);
    json_t *root = !err && a.status == 200 ? json_loadb(a.body.p ? a.body.p : "", a.body.len, 0, NULL) : NULL;
    json_array_foreach(json_is_array(root) ? root : json_object_get(root, "voices"), i, v)
    {
        const char *name = json_string_value(v), *lang = json_string_value(json_object_get(v, "language"));
        if (!name)
            name = json_string_value(json_object_get(v, "id"));
        if (!name)
            name = json_string_value(json_object_get(v, "name"));
        if (name)
            give_voice(g, name, lang ? lang : "", "told by the service");
        any = any || name;
    }
    json_decref(root);
    ac_http_answer_free(&a);
    return any;
}

int openai_tts_list(void *model, const void *cfg, struct ac_env *env, ac_item_fn *fn, void *arg)
{
    const struct openai_tts_config *c = cfg;
    struct giving g = {fn, arg};

    (void)env;
    if (give_served(model, &g))
        return 0;
    give_voice(&g, c->voice, "", "from the configuration");
    for (const char *p = c->voices; *p;) {
        p += strspn(p, " ,;\t\n");
        size_t len = strcspn(p, " ,;\t\n"), name = strcspn(p, "=");
        if (name < len) {
            char *voice = ac_strndup(p + name + 1, len - name - 1), *lang = ac_strndup(p, strcspn(p, "/="));
            give_voice(&g, voice, lang, "from the configuration");
            free(voice);
            free(lang);
        }
        p += len;
    }
    return 0;
}
