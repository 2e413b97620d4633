/*
 * TLS of the real program, with certificates of tools/cert.sh: a client that trusts the authority gets in,
 * old versions do not, SIGHUP takes a new certificate and new tokens, and what is wrong with files is said by
 * name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "integration/server_world.h"
#include "integration/ws_client.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/avatar-chat-tls-XXXXXX";

static void run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void run(const char *fmt, ...)
{
    char command[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(command, sizeof command, fmt, args);
    va_end(args);
    if (system(command) != 0)
        fail_msg("%s", command);
}

static void write_text(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* ---- a client ---- */

/* GET path over TLS; the answer's beginning, or what went wrong in "!…". serial (may be NULL) of the
 * certificate. */
static void get(int port, const char *path, int max_version, const char *headers, char *answer, int size,
                char serial[64])
{
    char ca[64], where[32];
    int n = 0;
    snprintf(ca, sizeof ca, "%s/ca.pem", folder);
    snprintf(where, sizeof where, "127.0.0.1:%d", port);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = NULL;
    assert_int_equal(SSL_CTX_load_verify_locations(ctx, ca, NULL), 1);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    if (max_version) {
        SSL_CTX_set_security_level(ctx, 0);
        SSL_CTX_set_max_proto_version(ctx, max_version);
    }
    BIO *bio = BIO_new_ssl_connect(ctx);
    BIO_get_ssl(bio, &ssl);
    BIO_set_conn_hostname(bio, where);
    SSL_set1_host(ssl, "localhost");
    snprintf(answer, (size_t)size, "!no connection");
    if (BIO_do_connect(bio) == 1) {
        char *text =
            ac_asprintf("GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n", path, headers);
        BIO_puts(bio, text);
        free(text);
        for (int k; n < size - 1 && (k = BIO_read(bio, answer + n, size - 1 - n)) > 0;)
            n += k;
        answer[n] = '\0';
        if (serial) {
            X509 *cert = SSL_get_peer_certificate(ssl);
            BIGNUM *number = ASN1_INTEGER_to_BN(X509_get_serialNumber(cert), NULL);
            char *hex = BN_bn2hex(number);
            snprintf(serial, 64, "%s", hex);
            OPENSSL_free(hex);
            BN_free(number);
            X509_free(cert);
        }
    }
    BIO_free_all(bio);
    SSL_CTX_free(ctx);
}

static int setup(void **state)
{
    (void)state;
    if (!program_exists()) {
        print_error("AVATAR_CHAT_BIN must name the program: build the target avatar-chat\n");
        return -1;
    }
    assert_non_null(mkdtemp(folder));
    run("tools/cert.sh %s chat.test 192.0.2.1 >/dev/null", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    run("rm -r %s", folder);
    return 0;
}

static void wait_log(const struct program *p, const char *text)
{
    bool found = false;
    for (int i = 0; !found && i < 1000; i++) {
        char *log = program_log(p);
        found = strstr(log, text) != NULL;
        free(log);
        ac_sleep_us(10000);
    }
    if (!found)
        fail_msg("the log does not say %s", text);
}

/* ---- tests ---- */

static void start(struct program *p)
{
    char cert[96], key[96], tokens[96];
    snprintf(cert, sizeof cert, "server.tls_cert=%s/cert.pem", folder);
    snprintf(key, sizeof key, "server.tls_key=%s/key.pem", folder);
    snprintf(tokens, sizeof tokens, "server.client_tokens_file=%s/tokens", folder);
    write_text("tokens", "first-token-0123456789\n");
    const char *args[] = {
        "--set", cert, "--set", key, "--set", tokens, "--set", "server.web_dir=test/data/page", NULL};
    assert_true(program_start(p, args));
}

static void test_serves(void **state)
{
    (void)state;
    struct program p;
    char answer[4096], text[512];
    struct http_response r;
    start(&p);
    get(p.port, "/healthz", 0, "", answer, sizeof answer, NULL);
    assert_int_equal(strncmp(answer, "HTTP/1.1 200", 12), 0);
    assert_null(strcasestr(answer, "strict-transport-security")); /* of localhost it would be too much */
    get(p.port, "/healthz", TLS1_2_VERSION, "", answer, sizeof answer, NULL);
    assert_int_equal(strncmp(answer, "HTTP/1.1 200", 12), 0);
    get(p.port, "/healthz", TLS1_1_VERSION, "", answer, sizeof answer, NULL);
    assert_string_equal(answer, "!no connection");
    /* without TLS nothing is to be had */
    assert_false(http_request_to(p.port, "GET", "/healthz", "Connection: close\r\n", &r));
    char *log = program_log(&p);
    snprintf(text, sizeof text, "url=https://127.0.0.1:%d/", p.port);
    assert_non_null(strstr(log, text));
    free(log);
    assert_int_equal(program_stop(&p, SIGTERM), 0);
}

static const char *status_with(int port, const char *token)
{
    static char answer[4096];
    char header[128];
    snprintf(header, sizeof header, "Authorization: Bearer %s\r\nX-Client-Id: 0123456789abcdef\r\n", token);
    get(port, "/api/conversations", 0, header, answer, sizeof answer, NULL);
    answer[12] = '\0';
    return answer + 9;
}

static void test_reload(void **state)
{
    (void)state;
    struct program p;
    char answer[4096], before[64], after[64], again[64];
    start(&p);
    get(p.port, "/healthz", 0, "", answer, sizeof answer, before);
    assert_string_equal(status_with(p.port, "first-token-0123456789"), "404"); /* let in; nothing is kept */
    assert_string_equal(status_with(p.port, "second-token-0123456789"), "401");

    run("tools/cert.sh %s another.test >/dev/null", folder);
    write_text("tokens", "second-token-0123456789\n");
    kill(p.pid, SIGHUP);
    wait_log(&p, "at=server event=reloaded");
    get(p.port, "/healthz", 0, "", answer, sizeof answer, after);
    assert_string_not_equal(after, before);
    assert_string_equal(status_with(p.port, "first-token-0123456789"), "401");
    assert_string_equal(status_with(p.port, "second-token-0123456789"), "404");

    write_text("tokens", "short\n"); /* the old ones stay */
    kill(p.pid, SIGHUP);
    wait_log(&p, "shorter than 16");
    assert_string_equal(status_with(p.port, "second-token-0123456789"), "404");
    write_text("tokens", "second-token-0123456789\n");
    write_text("cert.pem", "no certificate\n");
    kill(p.pid, SIGHUP);
    wait_log(&p, "server.tls_cert: ");
    get(p.port, "/healthz", 0, "", answer, sizeof answer, again);
    assert_string_equal(again, after);
    char *log = program_log(&p);
    assert_null(strstr(log, "token-0123456789"));
    free(log);
    assert_int_equal(program_stop(&p, SIGTERM), 0);
    run("rm %s/cert.pem && tools/cert.sh %s chat.test 192.0.2.1 >/dev/null", folder, folder);
}

static void test_wrong_files(void **state)
{
    (void)state;
    run("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out %s/other.pem 2>/dev/null",
        folder);
    run("openssl pkey -in %s/key.pem -aes128 -passout pass:secret -out %s/locked.pem", folder, folder);
    write_text("empty.pem", "");
    static const struct {
        const char *cert, *key, *option, *sentence;
    } cases[] = {
        {"missing.pem", "key.pem", "server.tls_cert", "missing.pem: No such file or directory"},
        {"cert.pem", "missing.pem", "server.tls_key", "missing.pem: No such file or directory"},
        {"empty.pem", "key.pem", "server.tls_cert", "empty.pem: no start line"},
        {"key.pem", "key.pem", "server.tls_cert", "key.pem: no start line"},
        {"cert.pem", "cert.pem", "server.tls_key", "cert.pem: "},
        {"cert.pem", "other.pem", "server.tls_key", "other.pem: "},
        {"cert.pem", "locked.pem", "server.tls_key", "locked.pem: the key has a passphrase"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct program p;
        char cert[96], key[96];
        snprintf(cert, sizeof cert, "server.tls_cert=%s/%s", folder, cases[i].cert);
        snprintf(key, sizeof key, "server.tls_key=%s/%s", folder, cases[i].key);
        const char *args[] = {"--set", cert, "--set", key, NULL};
        assert_int_equal(program_run(&p, args), 1);
        char *log = program_log(&p);
        if (!strstr(log, cases[i].option) || !strstr(log, cases[i].sentence))
            fail_msg("case %zu: %s", i, log);
        free(log);
        unlink(p.log_path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_serves),
        cmocka_unit_test(test_reload),
        cmocka_unit_test(test_wrong_files),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
