/* URLs of Redis servers, good and bad; and a store that cannot be opened says why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/store_redis.h"

#include <string.h>

static void test_good(void **state)
{
    static const struct {
        const char *url, *host, *user, *password;
        int port, db;
    } cases[] = {
        {"redis://localhost", "localhost", NULL, NULL, 6379, 0},
        {"redis://localhost/", "localhost", NULL, NULL, 6379, 0},
        {"redis://10.1.2.3:7000/5", "10.1.2.3", NULL, NULL, 7000, 5},
        {"redis://[::1]:7000", "::1", NULL, NULL, 7000, 0},
        {"redis://[fe80::1]/2", "fe80::1", NULL, NULL, 6379, 2},
        {"redis://:secret@host", "host", NULL, "secret", 6379, 0},
        {"redis://me:p%40ss%3aw%2Frd@host:1/0", "host", "me", "p@ss:w/rd", 1, 0},
        {"redis://me:a@b@host", "host", "me", "a@b", 6379, 0},
    };
    char reason[AC_STORE_REASON];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct redis_place p;
        assert_int_equal(redis_place_parse(&p, cases[i].url, reason), 0);
        assert_string_equal(p.host, cases[i].host);
        assert_int_equal(p.port, cases[i].port);
        assert_int_equal(p.db, cases[i].db);
        assert_string_equal(p.user ? p.user : "-", cases[i].user ? cases[i].user : "-");
        assert_string_equal(p.password ? p.password : "-", cases[i].password ? cases[i].password : "-");
        redis_place_clear(&p);
    }
}

static void test_bad(void **state)
{
    static const struct {
        const char *url, *why;
    } cases[] = {
        {"", "redis://"},
        {"localhost:6379", "redis://"},
        {"http://localhost", "redis://"},
        {"rediss://localhost", "TLS"},
        {"redis://", "host"},
        {"redis://:6379", "host"},
        {"redis://me:pw@", "host"},
        {"redis://host:", "port"},
        {"redis://host:0", "port"},
        {"redis://host:65536", "port"},
        {"redis://host:6379x", "port"},
        {"redis://host:99999999999999", "port"},
        {"redis://[::1", "brackets"},
        {"redis://[::1]6379", "brackets"},
        {"redis://host/x", "database"},
        {"redis://host/1?a=b", "database"},
        {"redis://host?a=b", "database"},
        {"redis://:a%2@host", "hex"},
        {"redis://:a%@host", "hex"},
        {"redis://:a%zz@host", "hex"},
        {"redis://:hidden%00@host", "hex"},
    };
    char reason[AC_STORE_REASON];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct redis_place p;
        if (redis_place_parse(&p, cases[i].url, reason) != AC_ECONFIG || !strstr(reason, cases[i].why))
            fail_msg("%s: %s", cases[i].url, reason);
        assert_non_null(strstr(reason, "history.redis_url"));
        assert_null(strstr(reason, "hidden"));
    }
}

static void test_not_opened(void **state)
{
    struct ac_history_config cfg = {.store = AC_STORE_REDIS,
                                    .redis_url = (char *)"rediss://host",
                                    .redis_password_env = (char *)"",
                                    .redis_prefix = (char *)""};
    char reason[AC_STORE_REASON];
    struct ac_store *st = NULL;
    size_t c, m;

    (void)state;
    assert_int_equal(ac_store_open(&st, &cfg, reason), AC_ECONFIG);
    assert_null(st);
    assert_non_null(strstr(reason, "TLS"));
    assert_int_equal(ac_store_examine(&cfg, &c, &m, reason), AC_ECONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_not_opened),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
