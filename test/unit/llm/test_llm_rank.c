/*
 * The shipped knowledge base and the index over it: every heading finds its own entry, questions in other
 * words find the right one, and what the base does not hold is rated below the threshold.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the above, as it asks for them */
#include <cmocka.h>

#include "llm/faq_files.h"
#include "llm/faq_index.h"

static const double MIN_SCORE = 0.45; /* default of the engine */

static struct ac_faq_index *shipped(void)
{
    static struct ac_faq_index *index;
    if (!index) {
        char dir[] = "knowledge", *dirs[] = {dir};
        struct ac_knowledge k = {0};
        const char *reason = "";
        assert_int_equal(ac_faq_files_load(dirs, 1, "test", &k), 8);
        assert_int_equal(ac_faq_index_new(&index, &k, &reason), 0);
    }
    return index;
}

static int free_shipped(void **state)
{
    (void)state;
    ac_faq_index_free(shipped());
    return 0;
}

struct question_case {
    const char *question, *entry; /* first heading of the entry, NULL: not known */
};

static int wrong(const struct question_case *c, const char *lang)
{
    struct ac_faq_hit hit;
    assert_int_equal(ac_faq_index_find(shipped(), c->question, lang, &hit), 0);
    const char *got = hit.entry && hit.score >= MIN_SCORE ? hit.entry->questions[0] : NULL;
    if (c->entry ? got && !strcmp(got, c->entry) : !got)
        return 0;
    print_error("%s\n  want %s\n  got  %s (%s, %.3f)\n", c->question, c->entry ? c->entry : "-",
                got ? got : "-", hit.entry ? hit.entry->questions[0] : "-", hit.score);
    return 1;
}

static void check(const struct question_case *cases, size_t n, const char *lang)
{
    int failed = 0;
    for (size_t i = 0; i < n; i++)
        failed += wrong(&cases[i], lang);
    assert_int_equal(failed, 0);
}

static void every_heading_finds_its_entry(void **state)
{
    (void)state;
    const struct ac_knowledge *k = ac_faq_index_knowledge(shipped());
    int failed = 0, en = 0, zh = 0;
    for (size_t i = 0; i < k->n; i++) {
        const struct ac_entry *e = k->entries[i];
        if (ac_entry_is_unknown(e))
            continue;
        en += !strcmp(e->lang, "en");
        zh += !strcmp(e->lang, "zh-CN");
        for (size_t q = 0; q < e->n_questions; q++)
            failed += wrong(&(struct question_case){e->questions[q], e->questions[0]}, e->lang);
    }
    assert_int_equal(failed, 0);
    assert_true(en >= 40 && zh >= 40);
}

static void english_in_other_words(void **state)
{
    (void)state;
    static const struct question_case cases[] = {
        {"hello!!!", "Hello"},
        {"hey there", "Hello"},
        {"and how are you today?", "How are you?"},
        {"thank you so much", "Thank you"},
        {"ok bye bye", "Goodbye"},
        {"what's your name", "Who are you?"},
        {"please tell me who you are", "Who are you?"},
        {"Could you introduce yourself please?", "Who are you?"},
        {"are you a real human being?", "Are you a robot?"},
        {"which LLM is behind you?", "Are you an AI?"},
        {"who has programmed you?", "Who made you?"},
        {"who is the author of this program?", "Who made you?"},
        {"do you know any jokes", "Tell me a joke"},
        {"tell me something about this product", "What is this?"},
        {"what are your abilities", "What can you do?"},
        {"what are you not able to do yet", "What can you not do?"},
        {"give me an example question", "What can I ask you?"},
        {"how do I interrupt your speech", "How can I interrupt you?"},
        {"how to stop the avatar from talking", "How can I interrupt you?"},
        {"is there microphone support?", "Can you hear me?"},
        {"does it have speech recognition", "Can you hear me?"},
        {"I want another avatar", "How do I change the avatar?"},
        {"is it possible to pick a different voice", "How do I change your voice?"},
        {"how can i swicth the voise", "How do I change your voice?"},
        {"can I upload my photo as an avatar", "Can I use my own photo?"},
        {"talk more slowly please, slower", "Can you speak slower?"},
        {"your voice is robotic", "Why do you sound like a robot?"},
        {"what languages are supported", "Which languages do you speak?"},
        {"how to set the language to Chinese", "How do I change the language?"},
        {"turn the subtitles off", "How do I turn on subtitles?"},
        {"does this run on an iPhone", "Does it work on my phone?"},
        {"use cases for a hotel reception", "What is it good for?"},
        {"what does it cost to use", "How much does it cost?"},
        {"under which licence is it published", "How much does it cost?"},
        {"is my privacy protected", "Is my data private?"},
        {"does it need an internet connection", "Does it work offline?"},
        {"explain the architecture to me", "How do you work?"},
        {"how is lip sync done", "How does the lip sync work?"},
        {"how low is the latency", "How fast are you?"},
        {"hardware requirements", "Which computer do I need?"},
        {"must I have an nvidia GPU", "Which computer do I need?"},
        {"how many concurrent users", "How many people can use it at once?"},
        {"what programming language did they use", "In which language are you written?"},
        {"installation instructions", "How do I install it?"},
        {"create an mp4 on the command line", "How do I use the command line?"},
        {"where is the config file", "How do I configure the server?"},
        {"can other people on my LAN connect", "How do I reach it from another computer?"},
        {"connect to openai", "How do I connect OpenAI?"},
        {"how to use ollama", "How do I connect Ollama?"},
        {"deepseek support?", "How do I connect Qwen?"},
        {"add my own knowledge base", "How do I add my own answers?"},
        {"embed it into my homepage website", "How do I embed this in my website?"},
        {"I hear no sound", "Why is there no sound?"},
        {"screen stays blank", "The video does not start"},
        {"the connection was lost", "The connection is lost"},
        {"video is stuttering", "The video stutters"},
        {"port already in use", "The port is in use"},
        {"what is this thing all about", "What is this?"},
        {"please be quiet, stop", "How can I interrupt you?"},
        {"can it run in safari", "Does it work on my phone?"},
        {"may I sell a product with it", "How much does it cost?"},
        {"where does my data go", "Is my data private?"},
        {"is there wifi needed", "Does it work offline?"},
        {"what codec do you use", "How do you make the video?"},
        {"use llama locally", "How do I connect Ollama?"},
        {"read this sentence aloud", "Can you say exactly what I write?"},
        {"you mispronounced my name", "You pronounce it wrong"},
        {"the volume is too low", "Speak louder"},
        {"any keyboard shortcuts", "Which keys can I use?"},
        {"why don't you know the answer to my question", "Why do you not know the answer?"},
    };
    check(cases, sizeof cases / sizeof *cases, "en");
}

static void chinese_in_other_words(void **state)
{
    (void)state;
    static const struct question_case cases[] = {
        {"你好啊！", "你好"},
        {"您好，在吗", "你好"},
        {"谢谢你的帮助", "谢谢"},
        {"那再见啦", "再见"},
        {"请问你叫什么", "你是谁？"},
        {"能介绍一下自己吗", "你是谁？"},
        {"你到底是不是真人", "你是机器人吗？"},
        {"你是不是人工智能", "你是人工智能吗？"},
        {"你背后是哪个大模型", "你是人工智能吗？"},
        {"开发你的人是谁", "谁创造了你？"},
        {"给我说一个笑话", "讲个笑话"},
        {"这个产品是什么", "这是什么？"},
        {"你都有哪些功能", "你能做什么？"},
        {"你还有哪些不足之处", "你不能做什么？"},
        {"我可以问些什么问题", "我可以问你什么？"},
        {"怎样才能让你停下", "怎么打断你？"},
        {"我想打断你说话", "怎么打断你？"},
        {"支持麦克风吗", "你能听见我说话吗？"},
        {"有没有语音识别功能", "你能听见我说话吗？"},
        {"我想换一个数字人形象", "怎么更换形象？"},
        {"换成男声", "怎么换声音？"},
        {"怎样更换声音", "怎么换声音？"},
        {"怎麼換聲音", "怎么换声音？"},
        {"可以上传我的照片做形象吗", "可以用我自己的照片吗？"},
        {"说慢点", "你能说慢一点吗？"},
        {"声音太机械了", "为什么你的声音像机器人？"},
        {"会讲英文吗", "你会说哪些语言？"},
        {"如何切换成英文", "怎么切换语言？"},
        {"字幕怎么打开", "怎么打开字幕？"},
        {"用手机可以打开吗", "手机上能用吗？"},
        {"适合哪些应用场景", "这个可以用在哪里？"},
        {"这个软件要收费吗", "多少钱？"},
        {"用的是哪种开源许可证", "多少钱？"},
        {"我的隐私会不会泄露", "我的数据安全吗？"},
        {"没网也能用吗？需要网络吗", "可以离线使用吗？"},
        {"讲讲你的工作原理", "你是怎么工作的？"},
        {"口型同步的原理", "口型是怎么对上的？"},
        {"你的延迟有多少毫秒", "你有多快？"},
        {"电脑要什么配置", "需要什么配置的电脑？"},
        {"没有显卡行不行", "需要什么配置的电脑？"},
        {"支持多少并发", "能支持多少人同时使用？"},
        {"这是用什么编程语言开发的", "你是用什么语言写的？"},
        {"如何安装部署", "怎么安装？"},
        {"命令行生成视频", "命令行怎么用？"},
        {"配置文件放哪", "怎么配置服务器？"},
        {"怎么对接大模型", "怎么接入OpenAI？"},
        {"Ollama怎么接", "怎么接入Ollama？"},
        {"能不能用通义千问", "怎么接入通义千问？"},
        {"如何添加我自己的知识库", "怎么添加自己的答案？"},
        {"有没有接口可以调用", "怎么嵌入我的网站？"},
        {"为什么听不到声音", "为什么没有声音？"},
        {"页面一片空白", "视频不播放"},
        {"总是断线", "连接断开了"},
        {"画面很卡", "画面卡顿"},
        {"我想和你语音聊天", "怎么跟你说话？"},
        {"断网了还能用不", "可以离线使用吗？"},
        {"能接多少个人", "能支持多少人同时使用？"},
        {"怎么改成9000端口", "怎么配置服务器？"},
        {"公司的资料怎么导入", "怎么添加自己的答案？"},
        {"嘴巴对不上声音", "画面卡顿"},
        {"延时是多少", "你有多快？"},
        {"请大声一点", "大声一点"},
        {"能不能再说一遍", "再说一遍"},
        {"你真的好漂亮啊", "你真漂亮"},
        {"端口被占用", "端口被占用怎么办？"},
    };
    check(cases, sizeof cases / sizeof *cases, "zh-CN");
}

static void the_unknown_is_known_as_such(void **state)
{
    (void)state;
    static const struct question_case en[] = {
        {"What is the weather on Mars?", NULL},
        {"Who is the president of France?", NULL},
        {"How do I bake an apple pie?", NULL},
        {"What is the capital of Peru?", NULL},
        {"Explain quantum entanglement", NULL},
        {"Why is the sky blue?", NULL},
        {"Translate butterfly into Latin", NULL},
        {"How tall is Mount Everest?", NULL},
        {"Can you book a table for two tomorrow evening?", NULL},
        {"Who won the football match yesterday?", NULL},
        {"What should I cook for dinner?", NULL},
        {"How do I lose weight?", NULL},
        {"Who is Elon Musk?", NULL},
        {"is it going to rain", NULL},
        {"recommend a restaurant", NULL},
        {"what is the meaning of life", NULL},
        {"xyzzy plugh", NULL},
        {"\"AND OR NEAR(*\"", NULL},
        {"'; DROP TABLE idx; --", NULL},
        {"* OR rowid:1 ^ {question}", NULL},
        {"((((", NULL},
        {"\"\"\"\"", NULL},
        {"question:weather NOT mars", NULL},
        {"12345 67890", NULL},
        {"", NULL},
        {"   ", NULL},
    };
    static const struct question_case zh[] = {
        {"火星上的天气怎么样？", NULL},
        {"法国总统是谁？", NULL},
        {"红烧肉怎么做？", NULL},
        {"秘鲁的首都在哪里？", NULL},
        {"天空为什么是蓝色的？", NULL},
        {"帮我订一张去上海的机票", NULL},
        {"昨天的足球比赛谁赢了？", NULL},
        {"什么是量子纠缠？", NULL},
        {"珠穆朗玛峰有多高？", NULL},
        {"明天股票会涨吗？", NULL},
        {"李白是哪个朝代的？", NULL},
        {"怎么减肥最有效", NULL},
        {"一加一等于几", NULL},
        {"推荐一家餐厅", NULL},
        {"人生的意义是什么", NULL},
        {"。。。？？", NULL},
        {"😀😀", NULL},
    };
    check(en, sizeof en / sizeof *en, "en");
    check(zh, sizeof zh / sizeof *zh, "zh-CN");
}

static void any_text_is_taken(void **state)
{
    (void)state;
    struct ac_faq_hit hit;
    static const char *const texts[] = {"\xFF\xFE\x80", "\xE4\xBD", "a\x01\x02", "\xF0\x9F\x98\x80",
                                        "\xEF\xB7\xBA\xEF\xB7\xBA"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(ac_faq_index_find(shipped(), texts[i], "*", &hit), 0);
    enum { N = 300000 };
    char *huge = malloc(N + 1);
    static const char unit[] = "voice 声音\"*( ";
    for (size_t i = 0; i < N; i++)
        huge[i] = unit[i % (sizeof unit - 1)];
    huge[N] = 0;
    assert_int_equal(ac_faq_index_find(shipped(), huge, "*", &hit), 0);
    memset(huge, 'x', N);
    assert_int_equal(ac_faq_index_find(shipped(), huge, "en", &hit), 0);
    free(huge);
}

static void languages_are_kept_apart(void **state)
{
    (void)state;
    struct ac_faq_hit hit;
    assert_int_equal(ac_faq_index_find(shipped(), "Ollama", "zh-CN", &hit), 0);
    assert_string_equal(hit.entry->lang, "zh-CN");
    assert_int_equal(ac_faq_index_find(shipped(), "Ollama", "zh", &hit), 0);
    assert_string_equal(hit.entry->lang, "zh-CN");
    assert_int_equal(ac_faq_index_find(shipped(), "Ollama", "", &hit), 0);
    assert_string_equal(hit.entry->lang, "en");
    assert_int_equal(ac_faq_index_find(shipped(), "Ollama", "fr", &hit), 0);
    assert_null(hit.entry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_heading_finds_its_entry),
        cmocka_unit_test(english_in_other_words),
        cmocka_unit_test(chinese_in_other_words),
        cmocka_unit_test(the_unknown_is_known_as_such),
        cmocka_unit_test(any_text_is_taken),
        cmocka_unit_test(languages_are_kept_apart),
    };
    return cmocka_run_group_tests(tests, NULL, free_shipped);
}
