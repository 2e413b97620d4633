/*
 * Which voice says what. See voices.h.
 *
 * A run's language is the sentence's, when that is written in the run's script, else the usual one of the
 * script. eSpeak NG's languages are asked for, not listed here, so a newer version brings its own; what it
 * lists but cannot read is refused by name.
 */
#include "tts/voices.h"

#include "base/log.h"
#include "base/str.h"
#include "tts/espeak_synth.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unicode/uloc.h>
#include <unicode/ustring.h>

#define ID_PREFIX      "espeak:"
#define FEMALE_VARIANT "f2"
#define MALE_VARIANT   "m3"

static const char *const variants[] = {"f1", "f2", "f3", "f4", "f5", "m1", "m2",
                                       "m3", "m4", "m5", "m6", "m7", "m8"};
enum { N_VARIANTS = sizeof variants / sizeof *variants };

/* What is written in other scripts than Latin. A language with two scripts has two rows. */
static const struct {
    const char *lang;
    enum ac_script script;
} written[] = {
    {"zh", AC_SCRIPT_HAN},         {"cmn", AC_SCRIPT_HAN},       {"yue", AC_SCRIPT_HAN},
    {"hak", AC_SCRIPT_HAN},        {"ja", AC_SCRIPT_HAN},        {"ja", AC_SCRIPT_KANA},
    {"ko", AC_SCRIPT_HANGUL},      {"ru", AC_SCRIPT_CYRILLIC},   {"uk", AC_SCRIPT_CYRILLIC},
    {"be", AC_SCRIPT_CYRILLIC},    {"bg", AC_SCRIPT_CYRILLIC},   {"mk", AC_SCRIPT_CYRILLIC},
    {"sr", AC_SCRIPT_CYRILLIC},    {"kk", AC_SCRIPT_CYRILLIC},   {"ky", AC_SCRIPT_CYRILLIC},
    {"tt", AC_SCRIPT_CYRILLIC},    {"ba", AC_SCRIPT_CYRILLIC},   {"cv", AC_SCRIPT_CYRILLIC},
    {"nog", AC_SCRIPT_CYRILLIC},   {"el", AC_SCRIPT_GREEK},      {"grc", AC_SCRIPT_GREEK},
    {"ar", AC_SCRIPT_ARABIC},      {"fa", AC_SCRIPT_ARABIC},     {"ur", AC_SCRIPT_ARABIC},
    {"sd", AC_SCRIPT_ARABIC},      {"ug", AC_SCRIPT_ARABIC},     {"he", AC_SCRIPT_HEBREW},
    {"hi", AC_SCRIPT_DEVANAGARI},  {"mr", AC_SCRIPT_DEVANAGARI}, {"ne", AC_SCRIPT_DEVANAGARI},
    {"kok", AC_SCRIPT_DEVANAGARI}, {"th", AC_SCRIPT_THAI},       {"am", AC_SCRIPT_OTHER},
    {"as", AC_SCRIPT_OTHER},       {"bn", AC_SCRIPT_OTHER},      {"bpy", AC_SCRIPT_OTHER},
    {"chr", AC_SCRIPT_OTHER},      {"gu", AC_SCRIPT_OTHER},      {"hy", AC_SCRIPT_OTHER},
    {"ka", AC_SCRIPT_OTHER},       {"kn", AC_SCRIPT_OTHER},      {"ml", AC_SCRIPT_OTHER},
    {"my", AC_SCRIPT_OTHER},       {"or", AC_SCRIPT_OTHER},      {"pa", AC_SCRIPT_OTHER},
    {"shn", AC_SCRIPT_OTHER},      {"si", AC_SCRIPT_OTHER},      {"ta", AC_SCRIPT_OTHER},
    {"te", AC_SCRIPT_OTHER},
};

/* The language of a run when the sentence does not say. */
static const char *const usual[AC_SCRIPT_COUNT] = {
    [AC_SCRIPT_NONE] = "en",       [AC_SCRIPT_LATIN] = "en",  [AC_SCRIPT_HAN] = "zh",
    [AC_SCRIPT_KANA] = "ja",       [AC_SCRIPT_HANGUL] = "ko", [AC_SCRIPT_CYRILLIC] = "ru",
    [AC_SCRIPT_GREEK] = "el",      [AC_SCRIPT_ARABIC] = "ar", [AC_SCRIPT_HEBREW] = "he",
    [AC_SCRIPT_DEVANAGARI] = "hi", [AC_SCRIPT_THAI] = "th",   [AC_SCRIPT_OTHER] = NULL,
};

bool ac_tts_lang_is(const char *tag, const char *primary)
{
    size_t n = strlen(primary);

    return !strncasecmp(tag, primary, n) && (tag[n] == '\0' || tag[n] == '-' || tag[n] == '_');
}

float ac_tts_factor(float f)
{
    if (!(f > 0))
        return 1;
    return f < 0.5f ? 0.5f : f > 2 ? 2 : f;
}

bool ac_tts_voice_is_male(const char *id)
{
    const char *plus = strchr(id, '+');

    if (!strncmp(id, ID_PREFIX, strlen(ID_PREFIX)))
        return plus && plus[1] == 'm';
    return !strcmp(id, "rms");
}

const char *ac_tts_voice_wanted(const struct ac_text *t)
{
    return t->voice[0] || strcmp(t->gender, "male") != 0 ? t->voice : "rms";
}

/* ---- languages ---- */

static bool writes(const char *lang, enum ac_script script)
{
    bool other = false;

    for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
        if (!ac_tts_lang_is(lang, written[i].lang))
            continue;
        if (written[i].script == script)
            return true;
        other = true;
    }
    return script == AC_SCRIPT_NONE || (script == AC_SCRIPT_LATIN && !other);
}

/* eSpeak NG's code for a BCP 47 tag: the tag itself, else its language with a usual region, else NULL. */
static const char *espeak_code(const char *tag)
{
    static const char *const aliases[][2] = {
        {"zh-hk", "yue"},
        {"zh-yue", "yue"},
        {"zh", "cmn-latn-pinyin"},
        {"cmn", "cmn-latn-pinyin"},
        {"en", "en-us"},
        {"fr", "fr-fr"},
        {"no", "nb"},
        {"nn", "nb"},
        {"chr", "chr-US-Qaaa-x-west"},
        {"iw", "he"},
        {"in", "id"},
    };
    const char *const *codes;
    size_t n = ac_espeak_langs(&codes);

    if (strcasecmp(tag, "cmn") != 0)
        for (size_t i = 0; i < n; i++)
            if (!strcasecmp(codes[i], tag))
                return codes[i];
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (ac_tts_lang_is(tag, aliases[i][0]))
            return aliases[i][1];
    for (size_t i = 0; i < n; i++)
        if (ac_tts_lang_is(tag, codes[i]))
            return codes[i];
    return NULL;
}

/* False where eSpeak NG lists a language, but says nothing of text in its own script. */
static bool reads(const char *code)
{
    return strcmp(code, "th") != 0 && strcmp(code, "chr-US-Qaaa-x-west") != 0;
}

/* Listed by eSpeak NG, but not something to offer: not read, offered otherwise, or a made-up language. */
static bool is_offered(const char *code)
{
    static const char *const not [] = {
        "cmn", "cmn-latn-pinyin", "fa-latn", "piqd", "py", "qdb", "qya", "sjn", "jbo", "lfn"};

    for (size_t i = 0; i < sizeof not / sizeof *not ; i++)
        if (!strcmp(code, not [i]))
            return false;
    return reads(code);
}

/* Equal first parts: "en-us" and "en-gb", "cmn-latn-pinyin" and "cmn". */
static bool same_language(const char *a, const char *b)
{
    size_t n = strcspn(a, "-");

    return n == strcspn(b, "-") && !strncmp(a, b, n);
}

/* ---- voice ids ---- */

/* Splits "espeak:LANG+VARIANT"; false where the form is another. */
static bool parse_id(const char *id, char lang[40], const char **variant)
{
    size_t prefix = strlen(ID_PREFIX);

    if (strncmp(id, ID_PREFIX, prefix) != 0)
        return false;
    size_t n = strcspn(id + prefix, "+");
    *variant = id[prefix + n] == '+' ? id + prefix + n + 1 : "";
    snprintf(lang, 40, "%.*s", (int)(n < 39 ? n : 39), id + prefix);
    return true;
}

static const char *nearest_lang(const char *lang)
{
    const char *const *codes;
    size_t n = ac_espeak_langs(&codes);
    const char *near = ac_nearest(lang, codes, n);

    return near ? near : "en-us";
}

int ac_tts_voice_check(const char *id, struct ac_env *env)
{
    char lang[40];
    const char *variant;

    if (!*id || !strcmp(id, "slt") || !strcmp(id, "rms"))
        return 0;
    if (!parse_id(id, lang, &variant))
        return ac_env_fail(env, AC_ENOENT,
                           "no voice '%s': voices are slt, rms and espeak:LANGUAGE+VARIANT such as "
                           "espeak:cmn+f2 (see /api/voices)",
                           id);
    if (!espeak_code(lang))
        return ac_env_fail(env, AC_ENOENT,
                           "no voice '%s': eSpeak NG has no language '%s', the nearest is '%s'", id, lang,
                           nearest_lang(lang));
    for (size_t i = 0; i < N_VARIANTS && *variant; i++)
        if (!strcmp(variants[i], variant))
            return 0;
    if (*variant) {
        const char *near = ac_nearest(variant, variants, N_VARIANTS);
        return ac_env_fail(env, AC_ENOENT,
                           "no voice '%s': variants are f1 to f5 and m1 to m8, the nearest is '%s'", id,
                           near ? near : FEMALE_VARIANT);
    }
    return 0;
}

int ac_tts_voice_for(struct ac_tts_voice *v, const char *id, const char *lang, enum ac_script script,
                     bool english_by_flite, struct ac_env *env)
{
    const char *tag = *lang && strcmp(lang, "auto") != 0 && writes(lang, script) ? lang : usual[script];
    const char *code = tag ? espeak_code(tag) : NULL, *variant = "";
    char wanted[40] = "";
    bool own = parse_id(id, wanted, &variant);

    *v = (struct ac_tts_voice){.male = ac_tts_voice_is_male(id)};
    if (!tag)
        return ac_env_fail(env, AC_ENOTSUP,
                           "the script of the text does not tell its language: set the language");
    if (!code || !reads(code))
        return ac_env_fail(env, AC_ENOTSUP,
                           "eSpeak NG cannot read '%s': configure another speech engine in tts.use", tag);
    if (!strcmp(code, "ja") && script == AC_SCRIPT_HAN)
        return ac_env_fail(env, AC_ENOTSUP,
                           "eSpeak NG reads Japanese in kana only, not kanji: configure another "
                           "speech engine in tts.use");
    const char *wanted_code = own ? espeak_code(wanted) : NULL;
    bool same = wanted_code && same_language(wanted_code, code);
    if (same)
        code = wanted_code;
    else
        variant = v->male ? MALE_VARIANT : FEMALE_VARIANT;
    v->flite = english_by_flite && !same && same_language(code, "en");
    v->pinyin = !strcmp(code, "cmn-latn-pinyin") && script == AC_SCRIPT_HAN;
    snprintf(v->espeak, sizeof v->espeak, "%s%s%s", code, *variant ? "+" : "", variant);
    return 0;
}

/* ---- list ---- */

/* The language's name in itself ("Deutsch"). */
static void native_name(const char *code, char *out, size_t size)
{
    UErrorCode err = U_ZERO_ERROR;
    UChar name[128];
    int32_t n = uloc_getDisplayName(code, code, name, 128, &err), len = 0;

    if (U_SUCCESS(err))
        u_strToUTF8(out, (int32_t)size, &len, name, n, &err);
    if (U_FAILURE(err) || !n)
        snprintf(out, size, "%s", code);
}

static void list_voice(ac_item_fn *fn, void *arg, const char *lang, const char *tag, const char *variant,
                       const char *detail)
{
    char id[80], language[192], name[224];
    bool male = *variant == 'm';

    native_name(tag, language, sizeof language);
    snprintf(id, sizeof id, ID_PREFIX "%s+%s", lang, variant);
    snprintf(name, sizeof name, "%s (%s)", language, variant);
    struct ac_item item = {
        .id = id, .name = name, .lang = tag, .gender = male ? "male" : "female", .detail = detail};
    fn(arg, &item);
}

void ac_tts_voice_list(ac_item_fn *fn, void *arg)
{
    const char *const *codes;
    size_t n = ac_espeak_langs(&codes);

    for (size_t i = 0; i < N_VARIANTS; i++)
        list_voice(fn, arg, "cmn", "zh-CN", variants[i], "eSpeak NG, Mandarin through pinyin");
    for (size_t i = 0; i < N_VARIANTS; i++)
        list_voice(fn, arg, "en-us", "en-US", variants[i], "eSpeak NG");
    for (size_t i = 0; i < n; i++) {
        if (!is_offered(codes[i]) || !strcmp(codes[i], "en-us"))
            continue;
        const char *tag = !strcmp(codes[i], "yue") ? "zh-HK" : codes[i];
        const char *detail = !strcmp(codes[i], "ja") ? "eSpeak NG, kana only" : "eSpeak NG";
        list_voice(fn, arg, codes[i], tag, FEMALE_VARIANT, detail);
        list_voice(fn, arg, codes[i], tag, MALE_VARIANT, detail);
    }
}
