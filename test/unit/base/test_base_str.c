/* The growable buffer, UTF-8 against hand-made sequences and iconv, nearest names, file reading. */
#include "wait.h"

#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "avatarchat/err.h"
#include "base/mem.h"
#include "base/str.h"

static void test_buffer(void **state)
{
    (void)state;
    struct ac_str s = {0};
    char expected[3000] = "";
    size_t n = 0;

    ac_str_add(&s, "");
    assert_string_equal(s.p, "");
    for (int i = 0; i < 300; i++) {
        char piece[16];
        snprintf(piece, sizeof piece, "%d,", i);
        n += (size_t)snprintf(expected + n, sizeof expected - n, "%s", piece);
        if (i % 2)
            ac_str_addf(&s, "%d,", i);
        else
            ac_str_add_n(&s, piece, strlen(piece));
        assert_int_equal(s.len, n);
        assert_true(s.cap > s.len);
    }
    assert_string_equal(s.p, expected);
    ac_str_clear(&s);
    assert_int_equal(s.len, 0);
    assert_string_equal(s.p, "");
    ac_str_add_n(&s, "a\0b", 3);
    assert_int_equal(s.len, 3);
    assert_memory_equal(s.p, "a\0b", 4);
    char *p = ac_str_steal(&s);
    assert_memory_equal(p, "a\0b", 4);
    free(p);
    assert_null(s.p);
    p = ac_str_steal(&s); /* also of an empty one */
    assert_string_equal(p, "");
    free(p);
    ac_str_free(&s);
}

static const struct {
    const char *bytes;
    size_t n;
    bool valid;
} sequences[] = {
    {"", 0, true},
    {"plain", 5, true},
    {"a\0b", 3, true},
    {"\xc2\x80", 2, true},
    {"\xdf\xbf", 2, true},
    {"\xe0\xa0\x80", 3, true},
    {"\xed\x9f\xbf", 3, true},
    {"\xee\x80\x80", 3, true},
    {"\xef\xbf\xbf", 3, true},
    {"\xf0\x90\x80\x80", 4, true},
    {"\xf4\x8f\xbf\xbf", 4, true},
    {"\x80", 1, false}, /* continuation alone */
    {"\xbf", 1, false},
    {"\xc0\x80", 2, false}, /* overlong */
    {"\xc1\xbf", 2, false},
    {"\xe0\x9f\xbf", 3, false},
    {"\xf0\x8f\xbf\xbf", 4, false},
    {"\xed\xa0\x80", 3, false}, /* surrogates */
    {"\xed\xbf\xbf", 3, false},
    {"\xf4\x90\x80\x80", 4, false}, /* past U+10FFFF */
    {"\xf5\x80\x80\x80", 4, false},
    {"\xff", 1, false},
    {"\xe4\xbd", 2, false}, /* cut short */
    {"\xf0\x9f\x98", 3, false},
    {"\xe4\x41\xa0", 3, false},
    {"ok\xc3", 3, false},
};

static void test_utf8_valid(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sequences / sizeof *sequences; i++)
        if (ac_utf8_valid(sequences[i].bytes, sequences[i].n) != sequences[i].valid)
            fail_msg("sequence %zu should be %s", i, sequences[i].valid ? "valid" : "invalid");
}

static bool is_scalar(uint32_t cp)
{
    return cp <= 0x10ffff && !(cp >= 0xd800 && cp < 0xe000);
}

/* Every code point, against the C library's own encoder. */
static void test_utf8_all_code_points(void **state)
{
    (void)state;
    struct ac_str s = {0};
    iconv_t cd = iconv_open("UTF-8", "UTF-32LE");
    assert_true(cd != (iconv_t)-1);
    for (uint32_t cp = 0; cp <= 0x10ffff; cp++) {
        if (!is_scalar(cp))
            continue;
        char reference[8], *in = (char *)&cp, *out = reference;
        size_t in_left = 4, out_left = sizeof reference;
        if (iconv(cd, &in, &in_left, &out, &out_left) == (size_t)-1)
            fail_msg("iconv refuses U+%04X", cp);
        ac_str_clear(&s);
        ac_utf8_add(&s, cp);
        const char *p = s.p;
        if (s.len != sizeof reference - out_left || memcmp(s.p, reference, s.len) != 0 ||
            !ac_utf8_valid(s.p, s.len) || ac_utf8_next(&p, s.p + s.len) != cp || p != s.p + s.len)
            fail_msg("U+%04X is not encoded or decoded rightly", cp);
    }
    iconv_close(cd);
    ac_str_free(&s);
}

static void test_utf8_replacement(void **state)
{
    (void)state;
    struct ac_str s = {0};
    const char *text = "\xe4\xbd"
                       "A\xff\xc3",
               *p = text, *end = text + 5;
    const uint32_t expected[] = {0xfffd, 0xfffd, 'A', 0xfffd, 0xfffd};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(ac_utf8_next(&p, end), expected[i]);
        assert_ptr_equal(p, text + i + 1); /* by one byte each */
    }
    ac_utf8_add(&s, 0xd800);
    ac_utf8_add(&s, 0x110000);
    assert_string_equal(s.p, "\xef\xbf\xbd\xef\xbf\xbd");
    ac_str_free(&s);
}

static void test_cjk(void **state)
{
    (void)state;
    const uint32_t yes[] = {0x4f60, 0x3042, 0x30ab, 0xd55c, 0x3002, 0xff0c, 0xff01, 0x20000, 0x3400, 0x1100};
    const uint32_t no[] = {'a', '.', 0xe9, 0x416, 0x5d0, 0x2026, 0x201c, 0x1f600, 0xa000, 0xe000, 0};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        assert_true(ac_cp_is_cjk(yes[i]));
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        assert_false(ac_cp_is_cjk(no[i]));
}

static void test_nearest(void **state)
{
    (void)state;
    static const char *const names[] = {"flite", "espeak", "edge", "openai", "character", "id"};
    static const struct {
        const char *name, *nearest;
    } cases[] = {
        {"flit", "flite"},          {"filte", "flite"},    {"FLITE", "flite"}, {"espaek", "espeak"},
        {"charakter", "character"}, {"open_ai", "openai"}, {"egde", "edge"},   {"idd", "id"},
        {"whisper", NULL},          {"x", NULL},           {"", NULL},         {"qq", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *got = ac_nearest(cases[i].name, names, 6);
        if ((got == NULL) != (cases[i].nearest == NULL) || (got && strcmp(got, cases[i].nearest) != 0))
            fail_msg("'%s' gives %s", cases[i].name, got ? got : "nothing");
    }
    char long_name[200];
    memset(long_name, 'a', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    assert_null(ac_nearest(long_name, names, 6));
    assert_null(ac_nearest("flite", names, 0));
}

static void test_read_file(void **state)
{
    (void)state;
    char path[] = "/tmp/avatar-chat-test-XXXXXX";
    char *data = NULL;
    size_t len = 0;
    const size_t sizes[] = {0, 1, 4095, 4096, 4097, 100000};
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t n = sizes[i];
        char *bytes = ac_alloc(n + 1);
        for (size_t k = 0; k < n; k++)
            bytes[k] = (char)(k * 7);
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(pwrite(fd, bytes, n, 0), n);
        assert_int_equal(ac_read_file(path, n, &data, &len), 0);
        assert_int_equal(len, n);
        assert_memory_equal(data, bytes, n);
        assert_int_equal(data[n], 0);
        free(data);
        if (n)
            assert_int_equal(ac_read_file(path, n - 1, &data, &len), AC_ELIMIT);
        free(bytes);
    }
    close(fd);
    unlink(path);
    assert_int_equal(ac_read_file(path, 100, &data, &len), AC_ENOENT);
    assert_int_equal(ac_read_file("/tmp", 100, &data, &len), AC_EIO);
    /* of unknown size: /proc says 0, /dev/zero never ends */
    assert_int_equal(ac_read_file("/proc/self/maps", 1 << 24, &data, &len), 0);
    assert_true(len > 100 && strlen(data) == len);
    free(data);
    assert_int_equal(ac_read_file("/dev/zero", 10000, &data, &len), AC_ELIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buffer),
        cmocka_unit_test(test_utf8_valid),
        cmocka_unit_test(test_utf8_all_code_points),
        cmocka_unit_test(test_utf8_replacement),
        cmocka_unit_test(test_cjk),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_read_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
