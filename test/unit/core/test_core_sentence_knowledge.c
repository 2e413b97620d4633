/* The shipped answers as they are spoken: short first pieces (a quick start), no code or marks, the right
 * language. */
#include "sentence_cases.h"

#include "llm/faq_files.h"

static size_t cjk_chars(const char *text)
{
    size_t n = 0;
    for (const char *p = text, *end = text + strlen(text); p < end;)
        n += ac_cp_is_cjk(ac_utf8_next(&p, end));
    return n;
}

static size_t words(const char *text)
{
    size_t n = 1;
    for (; *text; text++)
        n += *text == ' ';
    return n;
}

static int check_answer(const struct ac_entry *e, const char *answer)
{
    bool zh = !strncmp(e->lang, "zh", 2);
    struct ac_splitter *s = ac_splitter_new(NULL);
    int n = 0, bad = 0;
    ac_splitter_feed(s, answer, strlen(answer));
    ac_splitter_finish(s);
    for (struct ac_sentence p; ac_splitter_next(s, &p); free(p.text)) {
        const char *fault = NULL;
        if (!n && (zh ? cjk_chars(p.text) > 24 : words(p.text) > 12))
            fault = "first piece is long";
        else if (strstr(p.text, "```") || strstr(p.text, "{") || strstr(p.text, "[") || strstr(p.text, "**"))
            fault = "marks are spoken";
        else if (strcmp(p.lang, zh ? "zh-CN" : ""))
            fault = "wrong language";
        else if (words(p.text) > 40)
            fault = "too long for one breath";
        if (fault)
            print_error("%s, line %d: %s: %s\n", e->lang, e->line, fault, p.text);
        bad += fault != NULL;
        n++;
    }
    if (n < 1 || n > 9)
        print_error("%s, line %d: %d pieces\n", e->lang, e->line, n);
    ac_splitter_free(s);
    return bad + (n < 1 || n > 9);
}

static void answers_are_fit_to_be_spoken(void **state)
{
    (void)state;
    char dir[] = "knowledge", *dirs[] = {dir};
    struct ac_knowledge k = {0};
    int bad = 0;
    assert_true(ac_faq_files_load(dirs, 1, "test", &k) > 0);
    for (size_t i = 0; i < k.n; i++)
        for (size_t a = 0; a < k.entries[i]->n_answers && !ac_entry_is_unknown(k.entries[i]); a++)
            bad += check_answer(k.entries[i], k.entries[i]->answers[a]);
    ac_knowledge_free(&k);
    assert_int_equal(bad, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(answers_are_fit_to_be_spoken)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
