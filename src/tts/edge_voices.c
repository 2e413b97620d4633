/* The table of well-known voices, and the service's list (edge_voices.h). */
#include "tts/edge_voices.h"

#include "base/mem.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* For each locale the first of a gender is its default; the first locale of a language is the language's. */
static const struct {
    const char *id;
    bool male;
} table[] = {
    {"zh-CN-XiaoxiaoNeural", false},
    {"zh-CN-YunxiNeural", true},
    {"zh-CN-XiaoyiNeural", false},
    {"zh-CN-YunjianNeural", true},
    {"zh-CN-YunyangNeural", true},
    {"zh-TW-HsiaoChenNeural", false},
    {"zh-TW-YunJheNeural", true},
    {"zh-HK-HiuMaanNeural", false},
    {"zh-HK-WanLungNeural", true},
    {"en-US-EmmaMultilingualNeural", false},
    {"en-US-AndrewMultilingualNeural", true},
    {"en-US-AvaMultilingualNeural", false},
    {"en-US-BrianMultilingualNeural", true},
    {"en-US-AriaNeural", false},
    {"en-US-GuyNeural", true},
    {"en-US-JennyNeural", false},
    {"en-GB-SoniaNeural", false},
    {"en-GB-RyanNeural", true},
    {"ja-JP-NanamiNeural", false},
    {"ja-JP-KeitaNeural", true},
    {"ko-KR-SunHiNeural", false},
    {"ko-KR-InJoonNeural", true},
    {"fr-FR-DeniseNeural", false},
    {"fr-FR-HenriNeural", true},
    {"de-DE-KatjaNeural", false},
    {"de-DE-ConradNeural", true},
    {"es-ES-ElviraNeural", false},
    {"es-ES-AlvaroNeural", true},
    {"es-MX-DaliaNeural", false},
    {"es-MX-JorgeNeural", true},
    {"it-IT-ElsaNeural", false},
    {"it-IT-DiegoNeural", true},
    {"pt-BR-FranciscaNeural", false},
    {"pt-BR-AntonioNeural", true},
    {"ru-RU-SvetlanaNeural", false},
    {"ru-RU-DmitryNeural", true},
    {"uk-UA-PolinaNeural", false},
    {"uk-UA-OstapNeural", true},
    {"pl-PL-ZofiaNeural", false},
    {"pl-PL-MarekNeural", true},
    {"nl-NL-ColetteNeural", false},
    {"nl-NL-MaartenNeural", true},
    {"sv-SE-SofieNeural", false},
    {"sv-SE-MattiasNeural", true},
    {"tr-TR-EmelNeural", false},
    {"tr-TR-AhmetNeural", true},
    {"el-GR-AthinaNeural", false},
    {"el-GR-NestorasNeural", true},
    {"he-IL-HilaNeural", false},
    {"he-IL-AvriNeural", true},
    {"ar-SA-ZariyahNeural", false},
    {"ar-SA-HamedNeural", true},
    {"hi-IN-SwaraNeural", false},
    {"hi-IN-MadhurNeural", true},
    {"th-TH-PremwadeeNeural", false},
    {"th-TH-NiwatNeural", true},
    {"vi-VN-HoaiMyNeural", false},
    {"vi-VN-NamMinhNeural", true},
    {"id-ID-GadisNeural", false},
    {"id-ID-ArdiNeural", true},
};
enum { N_TABLE = sizeof table / sizeof *table };

static bool same_language(const char *a, const char *b)
{
    size_t n = strcspn(a, "-");

    return strcspn(b, "-") == n && strncasecmp(a, b, n) == 0;
}

/* The tag of the voice's locale is the whole of lang: "zh-TW" of "zh-TW-YunJheNeural". */
static bool same_locale(const char *id, const char *lang)
{
    size_t n = strlen(lang);

    return strchr(lang, '-') && strncasecmp(id, lang, n) == 0 && id[n] == '-';
}

const char *ac_edge_default_voice(const char *lang, bool male)
{
    if (strcasecmp(lang, "zh-Hant") == 0)
        lang = "zh-TW";
    for (size_t i = 0; i < N_TABLE; i++) {
        if (table[i].male == male && same_locale(table[i].id, lang))
            return table[i].id;
    }
    for (size_t i = 0; i < N_TABLE; i++) {
        if (table[i].male == male && same_language(table[i].id, lang))
            return table[i].id;
    }
    return NULL;
}

const char *ac_edge_gender(const char *id)
{
    for (size_t i = 0; i < N_TABLE; i++) {
        if (strcmp(table[i].id, id) == 0)
            return table[i].male ? "male" : "female";
    }
    return "";
}

bool ac_edge_speaks(const char *id, const char *lang)
{
    return same_language(id, lang) || strstr(id, "Multilingual") != NULL;
}

/* ---- lists ---- */

static void lower(char *s)
{
    for (; *s; s++)
        *s = *s >= 'A' && *s <= 'Z' ? (char)(*s + 'a' - 'A') : *s;
}

static void join(struct ac_str *out, json_t *list)
{
    json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
    {
        if (json_is_string(item))
            ac_str_addf(out, "%s%s", out->len ? ", " : "", json_string_value(item));
    }
}

static bool give_voice(json_t *v, ac_item_fn *fn, void *arg)
{
    const char *id = json_string_value(json_object_get(v, "ShortName"));
    const char *lang = json_string_value(json_object_get(v, "Locale"));
    const char *gender = json_string_value(json_object_get(v, "Gender"));
    const char *name = json_string_value(json_object_get(v, "FriendlyName"));
    json_t *tag = json_object_get(v, "VoiceTag");
    struct ac_str detail = {0};

    if (!id || !lang)
        return false;
    char *sex = ac_strdup(gender ? gender : "");
    lower(sex);
    join(&detail, json_object_get(tag, "VoicePersonalities"));
    join(&detail, json_object_get(tag, "ContentCategories"));
    fn(arg, &(struct ac_item){.id = id,
                              .name = name ? name : id,
                              .lang = lang,
                              .gender = sex,
                              .detail = detail.p ? detail.p : ""});
    ac_str_free(&detail);
    free(sex);
    return true;
}

int ac_edge_parse_list(const char *json, size_t len, ac_item_fn *fn, void *arg)
{
    json_t *root = json_loadb(json, len, 0, NULL), *v;
    size_t i;
    int n = json_is_array(root) ? 0 : -1;

    json_array_foreach(root, i, v)
    {
        n += give_voice(v, fn, arg);
    }
    json_decref(root);
    return n == 0 ? -1 : n;
}

void ac_edge_built_in(ac_item_fn *fn, void *arg)
{
    for (size_t i = 0; i < N_TABLE; i++) {
        const char *id = table[i].id, *name = strrchr(id, '-');
        char *lang = ac_strndup(id, (size_t)(name - id));
        fn(arg, &(struct ac_item){.id = id,
                                  .name = id,
                                  .lang = lang,
                                  .gender = table[i].male ? "male" : "female",
                                  .detail = "from the built-in table: the service's list is not there"});
        free(lang);
    }
}
