/* The registry: look-up, the generated table, and every fault that the check must find. */
#include "core/registry.h"

#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct cfg {
    int n;
    char *s;
};

static int process(void *inst, const struct ac_frame *in, struct ac_sink *out, struct ac_cancel *cancel)
{
    (void)inst, (void)in, (void)out, (void)cancel;
    return 0;
}

#define S struct cfg
static const struct ac_option good_options[] = {
    AC_OPTION_INT(S, n, "n", "1", 0, 9, 0, "A number."),
    AC_OPTION_STRING(S, s, "s", "x", 0, "A text."),
    AC_OPTIONS_END,
};
static const struct ac_option twice[] = {
    AC_OPTION_INT(S, n, "n", "1", 0, 9, 0, "A number."),
    AC_OPTION_STRING(S, s, "n", "x", 0, "A text."),
    AC_OPTIONS_END,
};
static const struct ac_option bad_default[] = {
    AC_OPTION_INT(S, n, "n", "ten", 0, 9, 0, "A number."),
    AC_OPTIONS_END,
};
static const struct ac_option bad_range[] = {
    AC_OPTION_INT(S, n, "n", "3", 3, 3, 0, "A number."),
    AC_OPTIONS_END,
};
static const struct ac_option bad_option_name[] = {
    AC_OPTION_INT(S, n, "Number", "1", 0, 9, 0, "A number."),
    AC_OPTIONS_END,
};
static const struct ac_option named_use[] = {
    AC_OPTION_INT(S, n, "use", "1", 0, 9, 0, "A number."),
    AC_OPTIONS_END,
};
static const struct ac_option no_help[] = {
    AC_OPTION_INT(S, n, "n", "1", 0, 9, 0, ""),
    AC_OPTIONS_END,
};
static const struct ac_option no_choices[] = {
    AC_OPTION_CHOICE(S, n, "n", "a", NULL, 0, "A choice."),
    AC_OPTIONS_END,
};
#undef S

#define GOOD                                                                                                 \
    .name = "good", .help = "Good.", .stage = AC_STAGE_TTS, .in = AC_FRAME_TEXT, .out = AC_FRAME_SPEECH,     \
    .cfg_size = sizeof(struct cfg), .options = good_options, .process = process

static const struct ac_handler_info good = {GOOD};
static const struct ac_handler_info good_llm = {.name = "good",
                                                .help = "Good.",
                                                .stage = AC_STAGE_LLM,
                                                .in = AC_FRAME_CHAT,
                                                .out = AC_FRAME_TEXT,
                                                .process = process};

#pragma GCC diagnostic push
#ifdef __clang__
#pragma GCC diagnostic ignored "-Winitializer-overrides"
#else
#pragma GCC diagnostic ignored "-Woverride-init"
#endif
static const struct {
    const char *what;
    struct ac_handler_info info;
} faults[] = {
    {"no stage", {GOOD, .stage = AC_STAGE_INVALID}},
    {"stage past the end", {GOOD, .stage = AC_STAGE_COUNT}},
    {"no name", {GOOD, .name = NULL}},
    {"upper-case name", {GOOD, .name = "Good"}},
    {"name with a dot", {GOOD, .name = "a.b"}},
    {"name taken by the stage", {GOOD, .name = "use"}},
    {"no help", {GOOD, .help = ""}},
    {"no process", {GOOD, .process = NULL}},
    {"wrong input", {GOOD, .in = AC_FRAME_CHAT}},
    {"wrong output", {GOOD, .out = AC_FRAME_POSE}},
    {"a voice that hears", {GOOD, .flags = AC_HANDLER_HEARS}},
    {"hears the far future", {GOOD, .hear_ahead_ms = 1001}},
    {"options do not fit", {GOOD, .cfg_size = sizeof(int)}},
    {"two options of one name", {GOOD, .options = twice}},
    {"wrong default", {GOOD, .options = bad_default}},
    {"empty range", {GOOD, .options = bad_range}},
    {"option's name", {GOOD, .options = bad_option_name}},
    {"option named use", {GOOD, .options = named_use}},
    {"option without help", {GOOD, .options = no_help}},
    {"choice without choices", {GOOD, .options = no_choices}},
};
#pragma GCC diagnostic pop

static void test_find(void **state)
{
    const struct ac_handler_info *const list[] = {&good, &good_llm, NULL};

    (void)state;
    ac_registry_set(list);
    assert_ptr_equal(ac_registry_find(AC_STAGE_TTS, "good"), &good);
    assert_ptr_equal(ac_registry_find(AC_STAGE_LLM, "good"), &good_llm);
    assert_null(ac_registry_find(AC_STAGE_AVATAR, "good"));
    assert_null(ac_registry_find(AC_STAGE_TTS, "goo"));
    assert_int_equal(ac_registry_verify(), 0);
    ac_registry_set(NULL);
}

static void test_faults(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        const struct ac_handler_info *const list[] = {&good_llm, &faults[i].info, NULL};
        ac_registry_set(list);
        if (ac_registry_verify() != AC_EINTERNAL)
            fail_msg("not found: %s", faults[i].what);
    }
    const struct ac_handler_info *const same[] = {&good, &good_llm, &good, NULL};
    ac_registry_set(same);
    assert_int_equal(ac_registry_verify(), 0); /* the same entry twice is one engine */
    struct ac_handler_info copy = good;
    const struct ac_handler_info *const doubled[] = {&good, &copy, NULL};
    ac_registry_set(doubled);
    assert_int_equal(ac_registry_verify(), AC_EINTERNAL);
    ac_registry_set(NULL);
}

/* The engines that were really built in keep the contract. */
static void test_generated(void **state)
{
    (void)state;
    assert_non_null(ac_registry()[0]);
    assert_int_equal(ac_registry_verify(), 0);
}

static void test_stage_names(void **state)
{
    (void)state;
    for (int s = AC_STAGE_INVALID + 1; s < AC_STAGE_COUNT; s++) {
        assert_true(strlen(ac_stage_name(s)) >= 3);
        assert_int_equal(ac_stage_from_name(ac_stage_name(s)), s);
    }
    assert_int_equal(ac_stage_from_name("tss"), AC_STAGE_INVALID);
    assert_int_equal(ac_stage_from_name(""), AC_STAGE_INVALID);
    assert_string_equal(ac_stage_name(AC_STAGE_COUNT), "");
}

static int quiet(void **state)
{
    (void)state;
    ac_log_setup(0, AC_LOG_LOGFMT, 2); /* the faults are logged, which is not what is looked at here */
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test_setup(test_faults, quiet),
        cmocka_unit_test(test_generated),
        cmocka_unit_test(test_stage_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
