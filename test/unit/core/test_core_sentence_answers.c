/*
 * Sentence splitter: answers in Chinese as language models write them, and what is said in place of code,
 * tables and formulas. Each case is also fed byte by byte and in random pieces.
 */
#include "sentence_cases.h"

static const struct sentence_case chinese[] = {
    {"当然可以！示例如下：\n\n```python\nprint(\"你好。\")\n```\n\n这段代码会打印一句话。",
     "当然可以！|示例如下：|代码显示在屏幕上。|这段代码会打印一句话。"},
    {"先运行：\n```\nnpm install\n```\n再运行：\n```\nnpm start\n```\n完成！",
     "先运行：|代码显示在屏幕上。|再运行：|代码显示在屏幕上。|完成！"},
    {"```js\nlet x = 1;\n```\n这是一个变量。", "The code is shown on screen.|这是一个变量。"},
    {"对比如下：\n\n| 特点 | 甲 | 乙 |\n|------|----|----|\n| 速度 | 快 | 慢 |\n\n可以看出，甲更好。",
     "对比如下：|表格显示在屏幕上。|可以看出，甲更好。"},
    {"公式是：\n\n$$\nE = mc^2\n$$\n\n很有名。", "公式是：|公式显示在屏幕上。|很有名。"},
    {"解为 \\[ x = 1 \\] 对吧。", "解为|公式显示在屏幕上。|对吧。"},
    {"其中 $x$ 是未知数，$y$ 是已知数。", "其中 x 是未知数，y 是已知数。"},
    {"价格是$5，不是$6。", "价格是$5，不是$6。"},
    {"![一只猫](cat.png)\n\n很可爱。", "一只猫|很可爱。"},
    {"点击![齿轮](g.png)图标。", "点击齿轮图标。"},
    {"<think>用户要代码。\n```\nx\n```\n</think>好的。", "好的。"},
    {"步骤如下：\n\n1. **打开**文件。\n2. **编辑**内容：\n   - 改名字\n   - 保存\n3. **关闭**。\n\n就这样！",
     "步骤如下：|1. 打开文件。|2. 编辑内容：|改名字|保存|3. 关闭。|就这样！"},
    {"- **速度**：很快。\n- **价格**：很低。", "速度：很快。|价格：很低。"},
    {"一、准备工作\n1. 买菜。\n2. 洗菜。\n二、开始做饭", "一、准备工作|1. 买菜。|2. 洗菜。|二、开始做饭"},
    {"（一）概述。（二）方法。", "（一）概述。|（二）方法。"},
    {"第一，要快。第二，要稳。第三，要好。", "第一，要快。|第二，要稳。|第三，要好。"},
    {"首先，打开软件；其次，登录账号；最后，点击开始。",
     "首先，打开软件；|其次，登录账号；|最后，点击开始。"},
    {"他说：“你好！”我说：“再见。”", "他说：“你好！”|我说：“再见。”"},
    {"「こんにちは」是你好的意思。『书名』很好。", "「こんにちは」是你好的意思。|『书名』很好。"},
    {"“真的吗？”她问。“真的！”他说。", "“真的吗？”|她问。|“真的！”|他说。"},
    {"她说：“我累了。”然后睡了。", "她说：“我累了。”|然后睡了。"},
    {"“他说：‘走吧。’”我记得。", "“他说：‘走吧。’”|我记得。"},
    {"《红楼梦》很好看。《西游记》也是！", "《红楼梦》很好看。|《西游记》也是！"},
    {"好吧……那就这样。", "好吧……那就这样。"},
    {"嗯…… 我想想。", "嗯…… 我想想。"},
    {"等等……什么？！不会吧！！！", "等等……什么？！|不会吧！！！"},
    {"他——我的朋友——来了。真的。", "他——我的朋友——来了。|真的。"},
    {"时间是10:30—11:30。别迟到。", "时间是10:30—11:30。|别迟到。"},
    {"今天是2024年3月15日。天气晴，气温20.5℃。", "今天是2024年3月15日。|天气晴，气温20.5℃。"},
    {"增长了3.5%。下降了2.1%。", "增长了3.5%。|下降了2.1%。"},
    {"价格是￥1,234.50元。很贵！", "价格是￥1,234.50元。|很贵！"},
    {"版本2.0.1已发布。请看README.md。", "版本2.0.1已发布。|请看README.md。"},
    {"请访问https://example.com/a?b=1。很简单！", "请访问example.com。|很简单！"},
    {"邮箱是a@b.com。电话是138-0013-8000。", "邮箱是a@b.com。|电话是138-0013-8000。"},
    {"我用 Python 写的。It works! 不错吧？", "我用 Python 写的。|It works!|不错吧？"},
    {"Hello World 是第一个程序。你试过吗？", "Hello World 是第一个程序。|你试过吗？"},
    {"AI、ML和DL都是什么？听我说。", "AI、ML和DL都是什么？|听我说。"},
    {"OpenAI 发布了 GPT-4. 它很强.", "OpenAI 发布了 GPT-4.|它很强."},
    {"他是Dr. Wang。她是Mrs. Li。", "他是Dr. Wang。|她是Mrs. Li。"},
    {"我喜欢苹果、香蕉、橘子，等等。你呢？", "我喜欢苹果、香蕉、橘子，等等。|你呢？"},
    {"真棒👍！太好了🎉。再见👋", "真棒！|太好了。|再见"},
    {"完成✅下一步➡️开始。", "完成下一步开始。"},
    {"[happy]太好了！[sad]可惜。[neutral]好。", "太好了！|可惜。|好。"},
    {"今天[happy]真好。明天也好。", "今天真好。|明天也好。"},
    {"问：什么是AI？\n答：是软件。", "问：什么是AI？|答：是软件。"},
    {"亲爱的小明：\n\n你好！\n\n此致\n敬礼", "亲爱的小明：|你好！|此致|敬礼"},
    {"床前明月光，疑是地上霜。\n举头望明月，低头思故乡。",
     "床前明月光，疑是地上霜。|举头望明月，低头思故乡。"},
    {"> 学而时习之，不亦说乎？\n> ——孔子\n\n经典。", "学而时习之，不亦说乎？|孔子|经典。"},
    {"### 总结\n\n能用。\n\n---\n\n*注意：这是草稿。*", "总结|能用。|注意：这是草稿。"},
    {"使用`print()`函数。它会打印。", "使用print()函数。|它会打印。"},
    {"这是**重点**。这是*斜体*。这是~~删除~~。", "这是重点。|这是斜体。|这是删除。"},
    {"脚注[^1]在这里。引用[2]。\n\n[^1]: 说明。", "脚注在这里。|引用。|说明。"},
    {"你好,世界.再见,朋友.", "你好,世界.|再见,朋友."},
    {"你好!真的?是的.", "你好!|真的?|是的."},
    {"你好；再见；", "你好；|再见；"},
    {"好（真的）。好（真的。）好。", "好（真的）。|好（真的。）|好。"},
    {"【注意】请小心。【提示】请保存。", "【注意】请小心。|【提示】请保存。"},
    {"他问：“为什么？”“不知道。”", "他问：“为什么？”|“不知道。”"},
    {"\"你好。\"他说。\"再见。\"她说。", "\"你好。\"|他说。|\"再见。\"|她说。"},
    {"1、苹果；2、香蕉；3、橘子。", "1、苹果；|2、香蕉；|3、橘子。"},
    {"①打开。②关闭。", "①打开。|②关闭。"},
    {"1.打开\n2.关闭", "1.打开|2.关闭"},
    {"1)打开 2)关闭", "1)打开 2)关闭"},
    {"* 一\n    * 二\n        * 三", "一|二|三"},
    {"他今年18岁。她身高1.65米。", "他今年18岁。|她身高1.65米。"},
    {"比分是3:2。比例是16:9。", "比分是3:2。|比例是16:9。"},
    {"百分之五十。三分之一。", "百分之五十。|三分之一。"},
    {"“”空引号。好。", "“”空引号。|好。"},
    {"……", ""},
    {"好。。。。走吧。", "好。|走吧。"},
    {"好！！走？？嗯。。", "好！！|走？？|嗯。"},
    {"哈哈哈哈～好呀～", "哈哈哈哈～好呀～"},
    {"喂～～～有人吗？", "喂～～～有人吗？"},
    {"没有标点的一行\n又一行\n再一行", "没有标点的一行|又一行|再一行"},
    {"第一段。\n\n第二段。\n\n\n第三段。", "第一段。|第二段。|第三段。"},
    {"<p>你好。</p><p>再见。</p>", "你好。|再见。"},
    {"A&amp;B。&lt;好&gt;。", "A&B。|<好>。"},
    {"他说\"好。\"她说\"不。\"", "他说\"好。\"|她说\"不。\""},
    {"这是\"引号\"测试。'单引号'也行。", "这是\"引号\"测试。|'单引号'也行。"},
    {"我说，‘好的。’他笑了。", "我说，‘好的。|他笑了。"},
    {"你好　　世界。", "你好 世界。"},
    {"你 好。 再 见。", "你 好。|再 见。"},
    {"注:这是说明.谢谢.", "注:这是说明.|谢谢."},
    {"C++很难。C#不难。.NET呢？", "C++很难。|C#不难。|.NET呢？"},
    {"U.S.A.是美国。U.K.是英国。", "U.S.A.是美国。|U.K.是英国。"},
    {"价格：$3.50。重量：5kg。", "价格：$3.50。|重量：5kg。"},
    {"见第3.2节。见图1.1。", "见第3.2节。|见图1.1。"},
    {"2024.03.15是周五。好。", "2024.03.15是周五。|好。"},
    {"IP是192.168.0.1。端口是80。", "IP是192.168.0.1。|端口是80。"},
    {"Node.js。Vue.js！React？", "Node.js。|Vue.js！|React？"},
    {"好的。好的！好的？好的；好的，好的、好的：好的……好的——好的",
     "好的。|好的！|好的？|好的；|好的，好的、好的：好的……好的——好的"},
    {"日本語です。中文。한국어입니다.", "日本語です。|中文。|한국어입니다."},
    {"繁體中文。這是測試！對嗎？", "繁體中文。|這是測試！|對嗎？"},
    {"Markdown**加粗**文字，`代码`文字，[链接](http://a.b)文字。", "Markdown加粗文字，代码文字，链接文字。"},
    {"请输入 `pip install x`，然后回车。", "请输入 pip install x，然后回车。"},
    {"表格：\n|名|值|\n|-|-|\n|一|二|\n完。", "表格：|表格显示在屏幕上。|完。"},
    {"设|x|为绝对值。", "设|x|为绝对值。"},
    {"|x|是绝对值。", "x|是绝对值。"},
    {"$$x=1$$成立。", "The formula is shown on screen.|成立。"},
    {"图：![图一](a.png) 完。", "图：图一 完。"},
};

static void whole_answers(void **state)
{
    (void)state;
    check_cases(chinese, sizeof chinese / sizeof *chinese,
                &(struct ac_splitter_config){.first_words = 1000, .first_cjk = 1000});
}

/* The language of most of what was said; before anything was said, the session's. */
static void blocks_are_told_in_the_right_language(void **state)
{
    static const struct {
        const char *lang, *text, *pieces, *last_lang;
    } cases[] = {
        {"", "```\nx\n```", "The code is shown on screen.", ""},
        {"en-US", "```\nx\n```", "The code is shown on screen.", ""},
        {"zh-CN", "```\nx\n```", "代码显示在屏幕上。", "zh-CN"},
        {"zh", "|a|\n|-|", "表格显示在屏幕上。", "zh-CN"},
        {"zh-CN", "Hello there.\n$$x$$", "Hello there.|The formula is shown on screen.", ""},
        {"en", "你好。\n$$x$$", "你好。|公式显示在屏幕上。", "zh-CN"},
        {"de", "Hallo du.\n```\nx\n```", "Hallo du.|The code is shown on screen.", "en"},
        {"", "你好。再见。Hello World!\n```\nx\n```", "你好。|再见。|Hello World!|代码显示在屏幕上。",
         "zh-CN"},
        {"zh-CN", "你好。Hello!\n```\nx\n```", "你好。|Hello!|代码显示在屏幕上。", "zh-CN"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_splitter_config cfg = {.first_words = 1000, .first_cjk = 1000};
        struct ac_str got = {0};
        struct ac_sentence p;
        char lang[16] = "";
        snprintf(cfg.lang, sizeof cfg.lang, "%s", cases[i].lang);
        struct ac_splitter *s = ac_splitter_new(&cfg);
        ac_splitter_feed(s, cases[i].text, strlen(cases[i].text));
        ac_splitter_finish(s);
        for (; ac_splitter_next(s, &p); free(p.text)) {
            ac_str_addf(&got, "%s%s", got.len ? "|" : "", p.text);
            memcpy(lang, p.lang, sizeof lang);
        }
        assert_string_equal(got.p, cases[i].pieces);
        assert_string_equal(lang, cases[i].last_lang);
        ac_str_free(&got);
        ac_splitter_free(s);
    }
}

/* A block is told as soon as it opens, not when it is over. */
static void blocks_are_told_early(void **state)
{
    static const struct sentence_case cases[] = {
        {"Look:\n```c\nint", "Look:|The code is shown on screen."},
        {"Look:\n| a | b |\n", "Look:|The table is shown on screen."},
        {"Look:\n$$\nx =", "Look:|The formula is shown on screen."},
        {"It costs $5 now. ", "It costs $5 now."},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_splitter *s = ac_splitter_new(NULL);
        struct ac_str got = {0};
        ac_splitter_feed(s, cases[i].text, strlen(cases[i].text));
        take_pieces(s, &got);
        assert_string_equal(got.p, cases[i].pieces);
        ac_str_free(&got);
        ac_splitter_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_answers),
        cmocka_unit_test(blocks_are_told_in_the_right_language),
        cmocka_unit_test(blocks_are_told_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
