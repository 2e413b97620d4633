/* Finding ONNX Runtime: missing, foreign, too old, right. A program of its own, because it is loaded once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "infer/infer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const dirs[] = {".", NULL};

static void test_refused(void **state)
{
    static const struct {
        const char *path, *said;
    } cases[] = {
        {"/nonexistent/libonnxruntime.so", "does not load"},
        {"README.md", "does not load"},
        {"libm.so.6", "is not ONNX Runtime"},
        {OLD_RUNTIME, "is ONNX Runtime 1.2.3, too old"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_env env = {.data_dirs = dirs};
        struct ac_infer_runtime r;
        struct ac_infer *m;

        setenv("AVATAR_CHAT_ONNXRUNTIME", cases[i].path, 1);
        assert_int_equal(ac_infer_runtime(&r, &env), AC_EMODEL);
        if (!strstr(env.reason, cases[i].said) || !strstr(env.reason, "fetch_models.sh"))
            fail_msg("%s: %s", cases[i].path, env.reason);
        env.reason[0] = '\0';
        assert_int_equal(ac_infer_open(&m, "models/silero_vad_v6.onnx", "", 0, &env), AC_EMODEL);
        assert_null(m);
        assert_non_null(strstr(env.reason, cases[i].said));
    }
}

/* After all that it can still be loaded. */
static void test_found(void **state)
{
    struct ac_env env = {.data_dirs = dirs, .threads = 2};
    struct ac_infer_runtime r;
    struct ac_infer *m;
    unsigned minor = 0;

    (void)state;
    unsetenv("AVATAR_CHAT_ONNXRUNTIME");
    if (ac_infer_runtime(&r, &env) != 0)
        fail_msg("%s", env.reason);
    assert_non_null(strstr(r.path, "libonnxruntime.so"));
    assert_int_equal(sscanf(r.version, "1.%u.", &minor), 1);
    assert_true(minor >= 21);
    if (ac_infer_open(&m, "models/silero_vad_v6.onnx", "", 0, &env) != 0)
        fail_msg("%s", env.reason);
    ac_infer_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_refused), cmocka_unit_test(test_found)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
