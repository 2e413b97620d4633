/* The persona; see persona.h. */
#include "core/persona.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FILE = 32 << 10, MAX_PATH = 256 };

static const char built_in_en[] = "You are {name}, a friendly person on a screen who talks with people by "
                                  "voice. Everything you write is spoken "
                                  "aloud: answer in short, natural sentences, the answer itself first, and "
                                  "no more than was asked for. Write "
                                  "numbers, dates and units as usual; they are read out properly. Use "
                                  "Markdown only for what has to be seen, such "
                                  "as a table or code: it is shown beside you and not read out. Where it "
                                  "fits, begin a sentence with one of [happy] "
                                  "[sad] [surprised] [thinking] [neutral] to show it in your face; these "
                                  "tags are not spoken. If you do not know "
                                  "something, say so. Answer in {language}. Today is {date}.";

static const char built_in_zh[] =
    "你是{name}，屏幕上一位亲切的数字人，用语音和人交谈。你写的每句话都会被朗读："
    "请用简短自然的口语回答，先说答案，不说多余的话。"
    "数字、日期和单位照常书写，会被正确读出。只有需要看的内容（如表格、代码）才用 "
    "Markdown：它显示在旁边，不会朗读。"
    "合适时可在句首加上 [happy]、[sad]、[surprised]、[thinking] 或 [neutral] "
    "表示表情，这些标记不会读出。不知道的事就直说不知道。请用{language}回答。今天是{date}。";

/* The file's text, or NULL. complain: it was asked for by name. */
static char *read_text(const struct ac_config *cfg, const char *path, bool complain)
{
    struct ac_env env = {.data_dirs = ac_config_data_dirs(cfg)};
    char *found = ac_env_path(&env, path), *text = NULL;
    size_t len = 0;
    int err = found ? ac_read_file(found, MAX_FILE, &text, &len) : AC_ENOENT;

    if (!err && !ac_utf8_valid(text, len))
        err = AC_EUTF8;
    if (err && (complain || found))
        ac_log_warn("persona", "left_out", AC_S("file", path), AC_S("reason", ac_err_text(err)));
    free(found);
    while (!err && len && strchr(" \t\r\n", text[len - 1]))
        text[--len] = '\0';
    if (!err)
        return text;
    free(text);
    return NULL;
}

/* The avatar's own words: in the language, in its base language, in any. */
static char *avatar_text(const struct ac_config *cfg, const char *avatar, const char *lang)
{
    char path[MAX_PATH];
    const int lengths[] = {(int)strlen(lang), (int)strcspn(lang, "-")};
    char *text = NULL;

    if (!avatar[0] || strchr(avatar, '/') || avatar[0] == '.')
        return NULL;
    for (size_t i = 0; i < 2 && !text && lengths[i]; i++) {
        snprintf(path, sizeof path, "avatars/%s/persona.%.*s.md", avatar, lengths[i], lang);
        text = read_text(cfg, path, false);
    }
    snprintf(path, sizeof path, "avatars/%s/persona.md", avatar);
    return text ? text : read_text(cfg, path, false);
}

char *ac_persona_load(const struct ac_config *cfg, const char *avatar, const char *lang)
{
    const struct ac_session_config *sc = ac_config_session(cfg);
    char *text = NULL, *own = avatar_text(cfg, avatar, lang);

    if (sc->system_prompt_file[0])
        text = read_text(cfg, sc->system_prompt_file, true);
    if (!text && sc->system_prompt[0])
        text = ac_strdup(sc->system_prompt);
    if (!text)
        text = ac_strdup(strncmp(lang, "zh", 2) ? built_in_en : built_in_zh);
    if (own) {
        char *both = ac_asprintf("%s\n\n%s", text, own);
        free(text);
        free(own);
        text = both;
    }
    return text;
}

/* ---- filling in ---- */

static const struct {
    const char *tag, *en, *zh;
} languages[] = {
    {"zh", "Chinese", "中文"},     {"en", "English", "英文"},     {"ja", "Japanese", "日文"},
    {"ko", "Korean", "韩文"},      {"de", "German", "德文"},      {"fr", "French", "法文"},
    {"es", "Spanish", "西班牙文"}, {"it", "Italian", "意大利文"}, {"pt", "Portuguese", "葡萄牙文"},
    {"ru", "Russian", "俄文"},     {"nl", "Dutch", "荷兰文"},     {"pl", "Polish", "波兰文"},
    {"ar", "Arabic", "阿拉伯文"},  {"hi", "Hindi", "印地文"},     {"vi", "Vietnamese", "越南文"},
};

static void add_language(struct ac_str *out, const char *lang)
{
    bool zh = !strncmp(lang, "zh", 2);

    if (!lang[0]) {
        ac_str_add(out, "the language of the question");
        return;
    }
    for (size_t i = 0; i < sizeof languages / sizeof *languages; i++) {
        if (!strncmp(languages[i].tag, lang, 2) && (!lang[2] || lang[2] == '-')) {
            ac_str_add(out, zh ? languages[i].zh : languages[i].en);
            return;
        }
    }
    ac_str_addf(out, "the language with the tag %s", lang);
}

static void add_time(struct ac_str *out, const char *lang, const struct tm *tm, bool date)
{
    static const char *const days[] = {"日", "一", "二", "三", "四", "五", "六"};
    char text[80];

    if (!date)
        strftime(text, sizeof text, "%H:%M", tm);
    else if (strncmp(lang, "zh", 2) != 0)
        strftime(text, sizeof text, "%A, %Y-%m-%d", tm);
    else
        snprintf(text, sizeof text, "%d年%d月%d日，星期%s", tm->tm_year + 1900, tm->tm_mon + 1, tm->tm_mday,
                 days[tm->tm_wday % 7]);
    ac_str_add(out, text);
}

char *ac_persona_fill(const char *persona, const char *name, const char *lang, time_t now)
{
    struct ac_str out = {0};
    struct tm tm;

    localtime_r(&now, &tm);
    for (const char *p = persona; *p;) {
        size_t n = strcspn(p, "{");
        ac_str_add_n(&out, p, n);
        p += n;
        if (!strncmp(p, "{name}", 6))
            ac_str_add(&out, name), p += 6;
        else if (!strncmp(p, "{language}", 10))
            add_language(&out, lang), p += 10;
        else if (!strncmp(p, "{date}", 6))
            add_time(&out, lang, &tm, true), p += 6;
        else if (!strncmp(p, "{time}", 6))
            add_time(&out, lang, &tm, false), p += 6;
        else if (*p)
            ac_str_add_n(&out, p++, 1);
    }
    return ac_str_steal(&out);
}
