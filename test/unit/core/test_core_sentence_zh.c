/*
 * Sentence splitter: Chinese, mixed and other scripts; emotions, languages, lengths, when a piece comes;
 * random text. Each case of the tables is also fed byte by byte and in random pieces.
 */
#include "sentence_cases.h"

static const struct sentence_case plain[] = {
    {"你好。", "你好。"},
    {"你好", "你好"},
    {"你好。今天天气很好。", "你好。|今天天气很好。"},
    {"真的吗？真的！好。", "真的吗？|真的！|好。"},
    {"什么！？不会吧？！好吧。", "什么！？|不会吧？！|好吧。"},
    {"太好了！！！走吧。", "太好了！！！|走吧。"},
    {"第一点是快；第二点是稳；第三点是省。", "第一点是快；|第二点是稳；|第三点是省。"},
    {"他说：“好。”然后走了。", "他说：“好。”|然后走了。"},
    {"他说：“好！”她笑了。", "他说：“好！”|她笑了。"},
    {"“第一句。第二句。”说完了。", "“第一句。|第二句。”|说完了。"},
    {"“他问：‘为什么？’”我不知道。", "“他问：‘为什么？’”|我不知道。"},
    {"「はい。」と言った。", "「はい。」|と言った。"},
    {"这很好（真的。）对吧？", "这很好（真的。）|对吧？"},
    {"（注意。）请坐。", "（注意。）|请坐。"},
    {"他看过《你好，李焕英》。不错。", "他看过《你好，李焕英》。|不错。"},
    {"【提示】请先登录。谢谢。", "【提示】请先登录。|谢谢。"},
    {"嗯……让我想想。好了。", "嗯……让我想想。|好了。"},
    {"我不知道……", "我不知道……"},
    {"我不知道……你呢？", "我不知道……你呢？"},
    {"等等…什么？好。", "等等…什么？|好。"},
    {"圆周率是3.14。对。", "圆周率是3.14。|对。"},
    {"价格是1,234.5元。不贵。", "价格是1,234.5元。|不贵。"},
    {"版本是1.2.3。很新。", "版本是1.2.3。|很新。"},
    {"现在是10:30。走吧。", "现在是10:30。|走吧。"},
    {"增长了25%。不错！", "增长了25%。|不错！"},
    {"在2026年11月24日。好。", "在2026年11月24日。|好。"},
    {"苹果、香蕉、橘子，都有。要吗？", "苹果、香蕉、橘子，都有。|要吗？"},
    {"我用Python写。你呢？", "我用Python写。|你呢？"},
    {"我用 Python 和 Node.js 写。你呢？", "我用 Python 和 Node.js 写。|你呢？"},
    {"请看README.md。谢谢。", "请看README.md。|谢谢。"},
    {"请打开https://www.example.com/a?b=1。然后登录。", "请打开example.com。|然后登录。"},
    {"请打开 http://localhost:8000 看看。", "请打开 localhost:8000 看看。"},
    {"写信给a.b@example.com。谢谢。", "写信给a.b@example.com。|谢谢。"},
    {"Hello.你好。", "Hello.|你好。"},
    {"你好. 再见.", "你好.|再见."},
    {"你好.再见.", "你好.|再见."},
    {"你好!再见!", "你好!|再见!"},
    {"你好?我很好.", "你好?|我很好."},
    {"好的. OK. 走吧", "好的.|OK.|走吧"},
    {"Dr. Wang说：“好。”他走了。", "Dr. Wang说：“好。”|他走了。"},
    {"我住在U.S.很久了。好。", "我住在U.S.很久了。|好。"},
    {"第一行\n第二行\n第三行", "第一行|第二行|第三行"},
    {"床前明月光，\n疑是地上霜。\n举头望明月，\n低头思故乡。",
     "床前明月光，|疑是地上霜。|举头望明月，|低头思故乡。"},
    {"一段。\n\n二段。", "一段。|二段。"},
    {"1. 打开网页\n2. 输入问题\n3. 听回答", "1. 打开网页|2. 输入问题|3. 听回答"},
    {"1、打开网页。2、输入问题。", "1、打开网页。|2、输入问题。"},
    {"一、简介\n二、用法", "一、简介|二、用法"},
    {"1）打开\n2）关闭", "1）打开|2）关闭"},
    {"- 苹果\n- 香蕉\n* 橘子", "苹果|香蕉|橘子"},
    {"• 苹果\n• 香蕉", "苹果|香蕉"},
    {"# 标题\n正文。", "标题|正文。"},
    {"这是**重点**内容，*很*重要。", "这是重点内容，很重要。"},
    {"这是__重点__。~~删除~~", "这是重点。|删除"},
    {"请看[说明](https://example.com/文档)。好。", "请看说明。|好。"},
    {"请看[说明](https://example.com/a)。好。", "请看说明。|好。"},
    {"输入`make run`。等一下。", "输入make run。|等一下。"},
    {"代码：\n```python\nprint('你好。')\n```\n完了。", "代码：|代码显示在屏幕上。|完了。"},
    {"表格：\n| 名 | 值 |\n|---|---|\n| 一 | 二 |\n完了。", "表格：|表格显示在屏幕上。|完了。"},
    {"<think>用户在问好。我要回答。</think>你好！", "你好！"},
    {"<think>\n嗯。\n</think>\n\n你好！很高兴。", "你好！|很高兴。"},
    {"<speak><break time=\"1s\"/>你好</speak>", "你好"},
    {"<p>你好</p><p>再见</p>", "你好|再见"},
    {"如果a<b且c>d。好。", "如果a<b且c>d。|好。"},
    {"你好😀世界。再见👋！", "你好世界。|再见！"},
    {"你好呀😊。很高兴😄，真的。", "你好呀。|很高兴，真的。"},
    {"😀😁", ""},
    {"👨‍👩‍👧一家人🇨🇳👍🏽。", "一家人。"},
    {"1️⃣打开。2️⃣关闭。", "打开。|关闭。"},
    {"[happy]太好了。[sad]可惜。", "太好了。|可惜。"},
    {"引用[1]在此。好。", "引用在此。|好。"},
    {"你好　世界。", "你好 世界。"},
    {"。。。", ""},
    {"……", ""},
    {"！", ""},
    {"", ""},
    {"好。。。走。", "好。|走。"},
    {"好。，走。", "好。|走。"},
    {"～你好～。好。", "你好～。|好。"},
    {"今日は。元気ですか？はい。", "今日は。|元気ですか？|はい。"},
    {"안녕하세요. 반갑습니다. 네!", "안녕하세요.|반갑습니다.|네!"},
    {"नमस्ते। आप कैसे हैं?", "नमस्ते।|आप कैसे हैं?"},
    {"مرحبا؟ نعم.", "مرحبا؟|نعم."},
    {"他说\"好。\"然后走了。", "他说\"好。\"|然后走了。"},
    {"他说\"好\"。然后走了。", "他说\"好\"。|然后走了。"},
    {"A公司。B公司？C公司！", "A公司。|B公司？|C公司！"},
    {"方案A. 第一步", "方案A. 第一步"},
    {"温度是-5度。冷。", "温度是-5度。|冷。"},
    {"2 * 3 = 6。对。", "2 * 3 = 6。|对。"},
    {"比分是3：2。好。", "比分是3：2。|好。"},
};

static const struct sentence_case first_clause[] = {
    {"好的，我来说。", "好的，我来说。"},
    {"我是这个网页上的数字人，可以回答问题，也可以聊天。",
     "我是这个网页上的数字人，可以回答问题，|也可以聊天。"},
    {"我是一个能说会道的数字人，很高兴见到你，请多关照。",
     "我是一个能说会道的数字人，|很高兴见到你，请多关照。"},
    {"我会的语言有中文和英文以及：法文。", "我会的语言有中文和英文以及：|法文。"},
    {"我喜欢吃苹果和香蕉和大橘子、葡萄，还有梨。", "我喜欢吃苹果和香蕉和大橘子、葡萄，|还有梨。"},
    {"我用 Python 和 JavaScript 写过许多程序，很多年。", "我用 Python 和 JavaScript 写过许多程序，|很多年。"},
    {"这个问题让我好好地想一想……答案是四。", "这个问题让我好好地想一想……|答案是四。"},
    {"这个问题很有意思也很难——我来试试。", "这个问题很有意思也很难——我来试试。"},
    {"这个问题很有意思也非常地难——我来试试。", "这个问题很有意思也非常地难——|我来试试。"},
    {"他说：“我今天真的真的不太想去，”然后走了。", "他说：“我今天真的真的不太想去，”|然后走了。"},
    {"短句。这是第二个句子而且它比较长，逗号不切。", "短句。|这是第二个句子而且它比较长，逗号不切。"},
};

static void plain_text(void **state)
{
    (void)state;
    check_cases(plain, sizeof plain / sizeof *plain,
                &(struct ac_splitter_config){.first_words = 1000, .first_cjk = 1000});
}

static void first_clause_early(void **state)
{
    (void)state;
    check_cases(first_clause, sizeof first_clause / sizeof *first_clause, NULL);
}

static void long_text_is_cut(void **state)
{
    (void)state;
    static const struct sentence_case cases[] = {
        {"aaaa bbbb cccc dddd eeee ffff", "aaaa bbbb cccc dddd|eeee ffff"},
        {"aaaa bbbb, cccc dddd eeee ffff", "aaaa bbbb,|cccc dddd eeee ffff"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaa|aaaaaaaaaa"},
        {"一二三四五六七八九十一二三四五六七八九十一二三", "一二三四五六七八九十一二三四五六七八九十|一二三"},
        {"一二三四五六七八九、十一二三四五六七八九十一二三",
         "一二三四五六七八九、|十一二三四五六七八九十一二三"},
    };
    check_cases(cases, sizeof cases / sizeof *cases,
                &(struct ac_splitter_config){.first_words = 1000, .first_cjk = 1000, .max_chars = 20});
}

static void emotions(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum ac_emotion want[4];
    } cases[] = {
        {"Hi. Bye.", {AC_EMOTION_NEUTRAL, AC_EMOTION_NEUTRAL}},
        {"[happy] Hi. Bye.", {AC_EMOTION_HAPPY, AC_EMOTION_HAPPY}},
        {"[happy] Hi. [Sad] Bye. [neutral]Ok. End.",
         {AC_EMOTION_HAPPY, AC_EMOTION_SAD, AC_EMOTION_NEUTRAL, AC_EMOTION_NEUTRAL}},
        {"Hi.[surprised]Oh. [thinking]\n\n- Hm.",
         {AC_EMOTION_NEUTRAL, AC_EMOTION_SURPRISED, AC_EMOTION_THINKING}},
        {"Hi [sad] there. Oh.", {AC_EMOTION_NEUTRAL, AC_EMOTION_SAD}},
        {"你好[happy]。再见。", {AC_EMOTION_NEUTRAL, AC_EMOTION_HAPPY}},
        {"😀 [happy] 你好。", {AC_EMOTION_HAPPY}},
        {"[angry] Hi.", {AC_EMOTION_NEUTRAL}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t step = 1; step <= 100; step += 99) {
            struct ac_splitter *s = ac_splitter_new(NULL);
            size_t len = strlen(cases[i].text), n = 0;
            for (size_t k = 0; k < len; k += step)
                ac_splitter_feed(s, cases[i].text + k, len - k < step ? len - k : step);
            ac_splitter_finish(s);
            for (struct ac_sentence p; ac_splitter_next(s, &p); free(p.text))
                assert_int_equal(p.emotion, cases[i].want[n++]);
            assert_true(n >= 1);
            ac_splitter_free(s);
        }
    }
}

static void languages(void **state)
{
    (void)state;
    static const struct {
        const char *text, *lang;
    } cases[] = {
        {"Hello there.", ""},   {"Guten Tag.", ""},
        {"你好。", "zh-CN"},    {"我用 Python。", "zh-CN"},
        {"こんにちは。", "ja"}, {"東京は大きい町です。", "ja"},
        {"안녕하세요.", "ko"},  {"I live in 北京 now.", ""},
        {"3.14", ""},           {"欢迎使用 Avatar Chat 数字人。", "zh-CN"},
        {"Привет.", ""},        {"Use the word 你好 to say hello to a friend.", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_splitter *s = ac_splitter_new(NULL);
        struct ac_sentence p;
        ac_splitter_feed(s, cases[i].text, strlen(cases[i].text));
        ac_splitter_finish(s);
        assert_true(ac_splitter_next(s, &p));
        assert_string_equal(p.lang, cases[i].lang);
        free(p.text);
        ac_splitter_free(s);
    }
}

/* What must be there as soon as this much has been fed, without the end of the text. */
static void pieces_come_early(void **state)
{
    (void)state;
    static const struct sentence_case cases[] = {
        {"你好。", "你好。"},
        {"第一；", "第一；"},
        {"你好！", ""},
        {"你好！我", "你好！"},
        {"“你好。", ""},
        {"“你好。”", ""},
        {"“你好。”他", "“你好。”"},
        {"我是一个能说会道的数字人，", "我是一个能说会道的数字人，"},
        {"Hello.", ""},
        {"Hello. ", "Hello."},
        {"Hello! ", "Hello!"},
        {"Hello.\n", "Hello."},
        {"Hello\n\n", "Hello"},
        {"Dr. ", ""},
        {"I answer what you ask me, ", "I answer what you ask me,"},
        {"One. Two", "One."},
        {"- one\n- t", "one"},
        {"[happy] Hi! ", "Hi!"},
        {"**Hi!** ", "Hi!"},
    };
    int failed = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_splitter *s = ac_splitter_new(NULL);
        struct ac_str got = {0};
        ac_splitter_feed(s, cases[i].text, strlen(cases[i].text));
        take_pieces(s, &got);
        if (strcmp(got.len ? got.p : "", cases[i].pieces)) {
            print_error("%s: want %s, got %s\n", cases[i].text, cases[i].pieces, got.len ? got.p : "");
            failed++;
        }
        ac_str_free(&got);
        ac_splitter_free(s);
    }
    assert_int_equal(failed, 0);
}

static const char *const parts[] = {"a",
                                    "B",
                                    "word",
                                    " ",
                                    " ",
                                    "\n",
                                    "\n\n",
                                    ".",
                                    ",",
                                    "!",
                                    "?",
                                    "...",
                                    "\"",
                                    "'",
                                    "(",
                                    ")",
                                    "[",
                                    "]",
                                    "](",
                                    "[happy]",
                                    "<",
                                    ">",
                                    "</",
                                    "<b>",
                                    "<think>",
                                    "</think>",
                                    "<a href=\"",
                                    "`",
                                    "```",
                                    "~~~",
                                    "*",
                                    "**",
                                    "_",
                                    "#",
                                    "- ",
                                    "1. ",
                                    "|",
                                    "---",
                                    "https://",
                                    "www.",
                                    "a.b/c",
                                    "3.14",
                                    "e.g.",
                                    "Dr.",
                                    "U.S.",
                                    "&",
                                    "&amp;",
                                    "\\",
                                    "好",
                                    "。",
                                    "，",
                                    "！",
                                    "“",
                                    "”",
                                    "…",
                                    "——",
                                    "；",
                                    "：",
                                    "、",
                                    "（",
                                    "）",
                                    "😀",
                                    "\xE2\x80\x8D",
                                    "\xEF\xB8\x8F",
                                    "\xE2\x83\xA3",
                                    "\xFF",
                                    "\xE4",
                                    "\xBD",
                                    "\r",
                                    "\t",
                                    "é",
                                    "の",
                                    "한",
                                    "1",
                                    "23",
                                    "![",
                                    "x",
                                    "$",
                                    "$$",
                                    "\\[",
                                    "\\]",
                                    "\\begin{",
                                    "\\end{",
                                    "<pre>",
                                    "| a |",
                                    "![a](b)"};
enum { N = sizeof parts / sizeof *parts };

/* Any bytes: the pieces are sound, and the same however they are fed. */
static void random_text(void **state)
{
    (void)state;
    unsigned seed = 12345;
    for (int round = 0; round < 3000; round++) {
        struct ac_str text = {0};
        for (int k = rand_r(&seed) % 60; k >= 0; k--)
            ac_str_add(&text, parts[rand_r(&seed) % N]);
        struct ac_splitter_config cfg = {.max_chars = round % 3 ? 0 : 12, .first_words = 2, .first_cjk = 4};
        char *whole = split_in(text.p, 0, &cfg), *bytes = split_in(text.p, 1, &cfg),
             *some = split_in(text.p, -1 - round, &cfg);
        if (strcmp(whole, bytes) || strcmp(whole, some))
            print_error("text: <<%s>>\n", text.p);
        assert_string_equal(whole, bytes);
        assert_string_equal(whole, some);
        free(whole);
        free(bytes);
        free(some);
        ac_str_free(&text);
    }
}

static void long_runs(void **state)
{
    (void)state;
    static const char *const repeated[] = {"[",         "<a ", "(",     "\"", "*",       "`", ".",
                                           "https://a", "“",   "word ", "好", "<think>", "1", "\\"};
    for (size_t i = 0; i < sizeof repeated / sizeof *repeated; i++) {
        struct ac_str text = {0};
        while (text.len < 100000)
            ac_str_add(&text, repeated[i]);
        char *got = split_in(text.p, i % 2 ? 0 : 64, NULL);
        for (char *p = strtok(got, "|"); p; p = strtok(NULL, "|"))
            assert_true(strlen(p) <= 4 * 240);
        free(got);
        ac_str_free(&text);
    }
}

static void shown_text_lacks_only_the_tags(void **state)
{
    (void)state;
    static const struct sentence_case cases[] = {
        {"Hello, **you**.", "Hello, **you**."},
        {"[happy] Hello.", "Hello."},
        {"[Happy]Hello. [sad] Oh. [neutral]", "Hello. Oh. "},
        {"Hi.[sad] Oh.", "Hi. Oh."},
        {"A [note] and [link](url) and [1].", "A [note] and [link](url) and [1]."},
        {"[[happy]] [happyhappyhappyhappy]", "[] [happyhappyhappyhappy]"},
        {"Hi.\n[thinking]  Hm.\n\n  code", "Hi.\nHm.\n\n  code"},
        {"你好。[happy]太好了[", "你好。太好了["},
        {"[hap", "[hap"},
        {"[]", "[]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t step = 1; step <= 64; step *= 4) {
            struct ac_shown s = {0};
            struct ac_str out = {0};
            size_t len = strlen(cases[i].text);
            for (size_t k = 0; k < len; k += step)
                ac_shown_feed(&s, cases[i].text + k, len - k < step ? len - k : step, &out);
            ac_shown_finish(&s, &out);
            assert_string_equal(out.p, cases[i].pieces);
            ac_str_free(&out);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text),
        cmocka_unit_test(first_clause_early),
        cmocka_unit_test(long_text_is_cut),
        cmocka_unit_test(emotions),
        cmocka_unit_test(languages),
        cmocka_unit_test(pieces_come_early),
        cmocka_unit_test(random_text),
        cmocka_unit_test(long_runs),
        cmocka_unit_test(shown_text_lacks_only_the_tags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
