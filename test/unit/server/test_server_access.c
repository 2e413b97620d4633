/* Tokens, addresses, what proxies say, origins, framing, the table of visitors: the rules without sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "avatarchat/err.h"
#include "base/mem.h"
#include "server/access.h"
#include "server/visitors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- tokens ---- */

enum { PATH_BYTES = 64 };

static char *write_file(char path[PATH_BYTES], const char *text)
{
    strcpy(path, "/tmp/avatar-chat-tokens-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    return path;
}

static void set_variables(const char *clients, const char *admin)
{
    clients ? setenv("AVATAR_CHAT_CLIENT_TOKENS", clients, 1) : unsetenv("AVATAR_CHAT_CLIENT_TOKENS");
    admin ? setenv("TEST_ADMIN", admin, 1) : unsetenv("TEST_ADMIN");
}

static void test_no_tokens(void **state)
{
    (void)state;
    struct ac_server_config cfg = {
        .client_tokens_file = "", .admin_token_env = "TEST_ADMIN", .admin_token_file = ""};
    struct ac_token_set *t = NULL;
    char reason[AC_ACCESS_REASON] = "";
    set_variables(NULL, NULL);
    assert_int_equal(ac_token_set_load(&t, &cfg, reason), 0);
    assert_false(ac_token_set_for_clients(t));
    assert_false(ac_token_set_for_admin(t));
    assert_false(ac_token_set_admin(t, "")); /* nothing is not the token that is not there */
    assert_false(ac_token_set_client(t, ""));
    ac_token_set_free(t);
}

static void test_tokens(void **state)
{
    (void)state;
    char clients[PATH_BYTES], admin[PATH_BYTES], reason[AC_ACCESS_REASON] = "";
    struct ac_server_config cfg = {
        .client_tokens_file =
            write_file(clients, "# staff\n  first-token-1234567 \r\n\nsecond.token_1234567\n"),
        .admin_token_env = "TEST_ADMIN",
        .admin_token_file = write_file(admin, "the-admin-token-1234\n")};
    struct ac_token_set *t = NULL;
    set_variables("third~token-1234567, fourth-token-1234567", NULL);
    assert_int_equal(ac_token_set_load(&t, &cfg, reason), 0);
    static const struct {
        const char *token;
        bool client, admin;
    } cases[] = {
        {"first-token-1234567", true, false},
        {"second.token_1234567", true, false},
        {"third~token-1234567", true, false},
        {"fourth-token-1234567", true, false},
        {"the-admin-token-1234", false, true},
        {"the-admin-token-123", false, false},
        {"the-admin-token-1235", false, false},
        {"the-admin-token-12345", false, false},
        {"# staff", false, false},
        {"", false, false},
        {"FIRST-TOKEN-1234567", false, false},
        {"first-token-1234567 ", false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(ac_token_set_client(t, cases[i].token), cases[i].client);
        assert_int_equal(ac_token_set_admin(t, cases[i].token), cases[i].admin);
    }
    ac_token_set_free(t);

    set_variables(NULL, "from-the-environment"); /* the variable is stronger than the file */
    assert_int_equal(ac_token_set_load(&t, &cfg, reason), 0);
    assert_true(ac_token_set_admin(t, "from-the-environment"));
    assert_false(ac_token_set_admin(t, "the-admin-token-1234"));
    ac_token_set_free(t);
    unlink(clients);
    unlink(admin);
    set_variables(NULL, NULL);
}

static void test_bad_tokens(void **state)
{
    (void)state;
    static const struct {
        const char *clients, *client_file, *admin, *admin_file, *why;
    } cases[] = {
        {"zq7", NULL, NULL, NULL, "shorter than 16"},
        {"this has spaces in it", NULL, NULL, NULL, "may only have"},
        {"\"quoted-token-1234567\"", NULL, NULL, NULL, "may only have"},
        {NULL, "# nobody yet\n\n", NULL, NULL, "holds no token"},
        {NULL, "good-token-12345678\nbad\n", NULL, NULL, "shorter than 16"},
        {NULL, NULL, "zq7", NULL, "shorter than 16"},
        {NULL, NULL, NULL, "one-admin-token-123\ntwo-admin-token-123\n", "more than one"},
        {NULL, NULL, NULL, "", "shorter than 16"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char clients[PATH_BYTES] = "", admin[PATH_BYTES] = "", reason[AC_ACCESS_REASON] = "";
        struct ac_server_config cfg = {
            .client_tokens_file = cases[i].client_file ? write_file(clients, cases[i].client_file) : clients,
            .admin_token_env = "TEST_ADMIN",
            .admin_token_file = cases[i].admin_file ? write_file(admin, cases[i].admin_file) : admin};
        struct ac_token_set *t = NULL;
        set_variables(cases[i].clients, cases[i].admin);
        assert_int_equal(ac_token_set_load(&t, &cfg, reason), AC_ECONFIG);
        assert_null(t);
        if (!strstr(reason, cases[i].why))
            fail_msg("case %zu: %s", i, reason);
        const char *secret = cases[i].clients ? cases[i].clients : cases[i].admin; /* it is never told */
        assert_true(!secret || !strstr(reason, secret));
        unlink(clients);
        unlink(admin);
    }
    set_variables(NULL, NULL);
    struct ac_server_config cfg = {
        .client_tokens_file = "/nowhere/tokens", .admin_token_env = "", .admin_token_file = ""};
    struct ac_token_set *t = NULL;
    char reason[AC_ACCESS_REASON] = "";
    assert_int_equal(ac_token_set_load(&t, &cfg, reason), AC_ECONFIG);
    assert_non_null(strstr(reason, "server.client_tokens_file"));
    assert_non_null(strstr(reason, "/nowhere/tokens"));
}

static void test_where_tokens_stand(void **state)
{
    (void)state;
    char token[32];
    assert_string_equal(ac_bearer("Bearer abc"), "abc");
    assert_string_equal(ac_bearer("bearer   abc"), "abc");
    assert_null(ac_bearer("Basic abc"));
    assert_null(ac_bearer(""));
    assert_null(ac_bearer("Bearerabc"));
    static const struct {
        const char *list, *token;
    } cases[] = {{"avatar-chat, token.abc", "abc"},
                 {"token.abc", "abc"},
                 {"avatar-chat,token.a.b-c", "a.b-c"},
                 {"avatar-chat", NULL},
                 {"token.", NULL},
                 {"", NULL},
                 {"xtoken.abc", NULL},
                 {" , ,token.z,y", "z"},
                 {"token.0123456789012345678901234567890123456789", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool found = ac_protocol_token(cases[i].list, token, sizeof token);
        assert_int_equal(found, cases[i].token != NULL);
        if (found)
            assert_string_equal(token, cases[i].token);
    }
}

/* ---- addresses ---- */

static void test_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text, *printed; /* NULL: none */
        bool loopback;
    } cases[] = {
        {"127.0.0.1", "127.0.0.1", true},
        {"127.8.9.10:80", "127.8.9.10", true},
        {"::1", "::1", true},
        {"[::1]:8000", "::1", true},
        {"::ffff:127.0.0.1", "127.0.0.1", true},
        {"192.0.2.1", "192.0.2.1", false},
        {"::ffff:192.0.2.1", "192.0.2.1", false},
        {"fe80::1%eth0", "fe80::1", false},
        {"2001:db8::5", "2001:db8::5", false},
        {"128.0.0.1", "128.0.0.1", false},
        {"::2", "::2", false},
        {"", NULL, false},
        {"localhost", NULL, false},
        {"1.2.3", NULL, false},
        {"127.0.0.1.evil.example", NULL, false},
        {"[::1", NULL, false},
        {"1.2.3.4 ", NULL, false},
        {"unknown", NULL, false},
        {"_hidden", NULL, false},
        {"0000000000000000000000000000000000000000000000000000000000000000000000001", NULL, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char a[AC_ADDRESS_BYTES];
        char text[AC_ADDRESS_TEXT];
        bool ok = ac_address_parse(cases[i].text, strlen(cases[i].text), a);
        if (ok != (cases[i].printed != NULL))
            fail_msg("%s", cases[i].text);
        if (!ok)
            continue;
        ac_address_print(a, text);
        assert_string_equal(text, cases[i].printed);
        assert_int_equal(ac_address_loopback(a), cases[i].loopback);
    }
}

static void test_prefixes(void **state)
{
    (void)state;
    static const struct {
        const char *list, *address;
        bool match;
    } cases[] = {
        {"10.0.0.0/8", "10.255.1.2", true},
        {"10.0.0.0/8", "11.0.0.1", false},
        {"192.0.2.128/25", "192.0.2.200", true},
        {"192.0.2.128/25", "192.0.2.100", false},
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"0.0.0.0/0", "8.8.8.8", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"fd00::/8, 10.0.0.1", "fd12::1", true},
        {"fd00::/8,10.0.0.1", "10.0.0.1", true},
        {"fd00::/8", "fe00::1", false},
        {"::/0", "2001:db8::1", true},
        {"", "10.0.0.1", false},
        {"10.0.0.0/8", "::ffff:10.1.1.1", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ac_prefixes *p = NULL;
        unsigned char a[AC_ADDRESS_BYTES];
        char reason[AC_ACCESS_REASON];
        assert_int_equal(ac_prefixes_parse(&p, cases[i].list, reason), 0);
        assert_true(ac_address_parse(cases[i].address, strlen(cases[i].address), a));
        if (ac_prefixes_match(p, a) != cases[i].match)
            fail_msg("%s in %s", cases[i].address, cases[i].list);
        ac_prefixes_free(p);
    }
    static const char *const bad[] = {"10.0.0.0/33",       "fd00::/129",    "10.0.0.0/",
                                      "10.0.0.0/-1",       "proxy.example", "10.0.0.0/8x",
                                      "10.0.0.1;10.0.0.2", "[::1]",         "10.0.0.0/8/8"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct ac_prefixes *p = NULL;
        char reason[AC_ACCESS_REASON] = "";
        assert_int_equal(ac_prefixes_parse(&p, bad[i], reason), AC_ECONFIG);
        assert_null(p);
        assert_non_null(strstr(reason, "is no address"));
    }
}

static void test_forwarded(void **state)
{
    (void)state;
    static const struct {
        const char *peer, *header, *who;
    } cases[] = {
        {"10.0.0.1", "192.0.2.7", "192.0.2.7"},
        {"10.0.0.1", "192.0.2.7:4711", "192.0.2.7"},
        {"10.0.0.1", "6.6.6.6, 192.0.2.7", "192.0.2.7"}, /* what stands before is the client's own word */
        {"10.0.0.1", "192.0.2.7, 10.0.0.2", "192.0.2.7"},
        {"10.0.0.1", "6.6.6.6,192.0.2.7 ,10.0.0.3,10.0.0.2", "192.0.2.7"},
        {"10.0.0.1", "10.0.0.9", "10.0.0.9"},
        {"10.0.0.1", "", "10.0.0.1"},
        {"10.0.0.1", "unknown", "10.0.0.1"},
        {"10.0.0.1", "192.0.2.7, rubbish", "10.0.0.1"},
        {"10.0.0.1", "192.0.2.7,", "10.0.0.1"},
        {"10.0.0.1", "2001:db8::7", "2001:db8::7"},
        {"192.0.2.1", "6.6.6.6", "192.0.2.1"}, /* not a proxy of ours */
    };
    struct ac_prefixes *p = NULL;
    char reason[AC_ACCESS_REASON];
    assert_int_equal(ac_prefixes_parse(&p, "10.0.0.0/8", reason), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char a[AC_ADDRESS_BYTES];
        char text[AC_ADDRESS_TEXT];
        ac_address_parse(cases[i].peer, strlen(cases[i].peer), a);
        ac_forwarded_peer(p, cases[i].header, a);
        ac_address_print(a, text);
        if (strcmp(text, cases[i].who) != 0)
            fail_msg("%s by %s: %s", cases[i].header, cases[i].peer, text);
    }
    ac_prefixes_free(p);
}

/* ---- pages ---- */

static void test_hosts(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        bool loopback;
    } cases[] = {{"localhost", true},          {"LOCALHOST:8000", true},
                 {"127.0.0.1:1", true},        {"[::1]:8000", true},
                 {"127.9.9.9", true},          {"", false},
                 {"localhost.evil", false},    {"127.0.0.1.evil.example", false},
                 {"evil.example:8000", false}, {"192.0.2.1", false},
                 {"localhostx", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (ac_host_is_loopback(cases[i].host) != cases[i].loopback)
            fail_msg("%s", cases[i].host);
}

static void test_origins(void **state)
{
    (void)state;
    static const char list[] = "https://chat.example, http://localhost:3000";
    char reason[AC_ACCESS_REASON] = "";
    assert_int_equal(ac_origins_check(list, reason), 0);
    assert_int_equal(ac_origins_check("", reason), 0);
    static const char *const bad[] = {"chat.example", "https://chat.example/",           "*",
                                      "null",         "https://a.example; script-src *", "ftp://a.example",
                                      "https://"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (ac_origins_check(bad[i], reason) != AC_ECONFIG)
            fail_msg("%s", bad[i]);
    assert_true(ac_origin_listed(list, "https://chat.example"));
    assert_true(ac_origin_listed(list, "http://localhost:3000"));
    assert_false(ac_origin_listed(list, "http://chat.example"));
    assert_false(ac_origin_listed(list, "https://chat.example:444"));
    assert_false(ac_origin_listed(list, "https://chat.example.evil"));
    assert_false(ac_origin_listed(list, ""));
    assert_false(ac_origin_listed("", ""));
}

static void test_frames(void **state)
{
    (void)state;
    static const struct {
        const char *list, *sources, *older;
    } cases[] = {{"self", "'self'", "SAMEORIGIN"},
                 {"none", "'none'", "DENY"},
                 {"", "'none'", "DENY"},
                 {"https://a.example,https://b.example", "'self' https://a.example https://b.example", ""}};
    char sources[100], reason[AC_ACCESS_REASON] = "";
    const char *older;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(ac_frame_rule(cases[i].list, sources, sizeof sources, &older, reason), 0);
        assert_string_equal(sources, cases[i].sources);
        assert_string_equal(older, cases[i].older);
    }
    assert_int_equal(ac_frame_rule("*", sources, sizeof sources, &older, reason), AC_ECONFIG);
    assert_int_equal(
        ac_frame_rule("https://a.example https://b.example https://c.example", sources, 30, &older, reason),
        AC_ECONFIG);
}

/* ---- visitors ---- */

static struct ac_visitor *find(struct ac_visitors *v, const char *text)
{
    unsigned char a[AC_ADDRESS_BYTES];
    assert_true(ac_address_parse(text, strlen(text), a));
    return ac_visitors_find(v, a);
}

static void test_rate(void **state)
{
    (void)state;
    struct ac_visitors *v = ac_visitors_new(10);
    struct ac_visitor *one = find(v, "192.0.2.1");
    int64_t now = 1000000000;
    for (int i = 0; i < 5; i++)
        assert_true(ac_visitor_request(one, 5, now)); /* a second's worth at once */
    assert_false(ac_visitor_request(one, 5, now));
    assert_true(ac_visitor_request(find(v, "192.0.2.2"), 5, now)); /* another is not held up */
    assert_false(ac_visitor_request(find(v, "192.0.2.1"), 5, now + 199000));
    assert_true(ac_visitor_request(find(v, "192.0.2.1"), 5, now + 401000));
    for (int i = 0; i < 5; i++)
        assert_true(ac_visitor_request(find(v, "192.0.2.1"), 5, now + 60000000));
    assert_false(ac_visitor_request(find(v, "192.0.2.1"), 5, now + 60000000)); /* no more is saved up */
    ac_visitors_free(v);
}

static void test_table_is_bounded(void **state)
{
    (void)state;
    struct ac_visitors *v = ac_visitors_new(100);
    struct ac_visitor *kept = find(v, "198.51.100.1");
    ac_visitor_join(kept);
    for (int i = 0; i < 10000; i++) {
        char text[32];
        snprintf(text, sizeof text, "10.%d.%d.1", i / 250, i % 250);
        assert_non_null(find(v, text));
        assert_true(ac_visitors_count(v) <= 100);
    }
    assert_ptr_equal(find(v, "198.51.100.1"), kept); /* who has a connection stays */
    assert_int_equal(ac_visitor_connections(kept), 1);
    ac_visitor_leave(kept);
    ac_visitors_free(v);

    v = ac_visitors_new(2);
    ac_visitor_join(find(v, "10.0.0.1"));
    ac_visitor_join(find(v, "10.0.0.2"));
    assert_null(find(v, "10.0.0.3"));
    ac_visitor_leave(find(v, "10.0.0.2"));
    assert_non_null(find(v, "10.0.0.3"));
    ac_visitors_free(v);
}

static void test_networks_of_ipv6(void **state)
{
    (void)state;
    struct ac_visitors *v = ac_visitors_new(10);
    assert_ptr_equal(find(v, "2001:db8:1:2::1"), find(v, "2001:db8:1:2:ffff::9"));
    assert_ptr_not_equal(find(v, "2001:db8:1:2::1"), find(v, "2001:db8:1:3::1"));
    assert_ptr_not_equal(find(v, "192.0.2.1"), find(v, "192.0.2.2"));
    ac_visitors_free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_tokens),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_bad_tokens),
        cmocka_unit_test(test_where_tokens_stand),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_forwarded),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_origins),
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_table_is_bounded),
        cmocka_unit_test(test_networks_of_ipv6),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
