/* The phrase cache: what is kept, its size, damage, many at once. */
#include "remote_engine.h"

#include "base/log.h"
#include "tts/cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

static struct ac_str str(const char *text)
{
    struct ac_str s = {0};

    ac_str_add(&s, text);
    return s;
}

static void put(struct ac_tts_cache *c, const char *key, const char *notes, const char *sound, size_t n)
{
    struct ac_str k = str(key), no = str(notes), s = {0};

    ac_str_add_n(&s, sound, n);
    ac_tts_cache_put(c, &k, &no, &s);
    ac_str_free(&k);
    ac_str_free(&no);
    ac_str_free(&s);
}

/* How many bytes of sound there are, -1 when there is nothing. */
static long get(struct ac_tts_cache *c, const char *key, char *notes, char *sound)
{
    struct ac_str k = str(key), no = {0}, s = {0};
    bool found = ac_tts_cache_get(c, &k, &no, &s);
    long n = found ? (long)s.len : -1;

    if (found && notes)
        strcpy(notes, no.p ? no.p : "");
    if (found && sound)
        memcpy(sound, s.p, s.len);
    ac_str_free(&k);
    ac_str_free(&no);
    ac_str_free(&s);
    return n;
}

static size_t count_files(const char *dir, char *last, size_t size)
{
    DIR *d = opendir(dir);
    size_t n = 0;

    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(last, size, "%s/%s", dir, e->d_name);
        n++;
    }
    closedir(d);
    return n;
}

static void test_keeps(void **state)
{
    char dir[64], folder[96], notes[64], sound[64], file[512];
    struct stat st;

    (void)state;
    remote_make_dir(dir, sizeof dir);
    snprintf(folder, sizeof folder, "%s/a/b", dir);
    struct ac_tts_cache *c = ac_tts_cache_open(folder, 1, "test");
    assert_non_null(c);
    assert_int_equal(get(c, "hello", NULL, NULL), -1);
    put(c, "hello", "[1]", "ab\0cd", 5);
    put(c, "other", "", "xyz", 3);
    assert_int_equal(get(c, "hello", notes, sound), 5);
    assert_string_equal(notes, "[1]");
    assert_memory_equal(sound, "ab\0cd", 5);
    put(c, "hello", "[2]", "e", 1);
    assert_int_equal(get(c, "hello", notes, sound), 1);
    assert_string_equal(notes, "[2]");
    ac_tts_cache_close(c);
    c = ac_tts_cache_open(folder, 1, "test"); /* it outlives the process */
    assert_int_equal(get(c, "other", notes, sound), 3);
    ac_tts_cache_close(c);
    assert_int_equal(count_files(folder, file, sizeof file), 2);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(folder, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    remote_remove_dir(dir);
}

static void test_damage(void **state)
{
    char dir[64], file[512], sound[64];

    (void)state;
    remote_make_dir(dir, sizeof dir);
    struct ac_tts_cache *c = ac_tts_cache_open(dir, 1, "test");
    for (long at = 0; at < 200; at += 7) {
        struct stat st;
        put(c, "key", "notes", "a sound that is somewhat longer", 31);
        assert_int_equal(count_files(dir, file, sizeof file), 1);
        assert_int_equal(stat(file, &st), 0);
        int fd = open(file, O_RDWR);
        if (at < st.st_size) { /* one byte is another */
            char byte;
            assert_int_equal(pread(fd, &byte, 1, at), 1);
            byte ^= 0x40;
            assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        } else { /* it is cut */
            assert_int_equal(ftruncate(fd, (at - st.st_size) % st.st_size), 0);
        }
        close(fd);
        assert_int_equal(get(c, "key", NULL, sound), -1);
        assert_int_equal(count_files(dir, file, sizeof file), 0);
    }
    ac_tts_cache_close(c);
    remote_remove_dir(dir);
}

/* Those that were not used for the longest time go. */
static void test_size(void **state)
{
    enum { N = 30, BYTES = 100000 };
    char dir[64], key[16], file[512];
    char *sound = ac_zalloc(BYTES * 4);
    long sum = 0;

    (void)state;
    remote_make_dir(dir, sizeof dir);
    struct ac_tts_cache *c = ac_tts_cache_open(dir, 1, "test");
    for (int i = 0; i < N; i++) {
        snprintf(key, sizeof key, "key %d", i);
        put(c, key, "", sound, BYTES);
        ac_sleep_us(12000); /* file times have the resolution of the kernel's tick */
        assert_int_equal(get(c, "key 0", NULL, NULL), BYTES); /* in use all the time */
        ac_sleep_us(12000);
    }
    for (int i = 1; i < N; i++) {
        snprintf(key, sizeof key, "key %d", i);
        bool there = get(c, key, NULL, NULL) >= 0;
        sum += there;
        assert_true(i < N - 12 ? !there : i < N - 5 || there);
    }
    assert_in_range(sum, 5, 10);
    put(c, "huge", "", sound, BYTES * 4); /* more than a quarter of it all */
    assert_int_equal(get(c, "huge", NULL, NULL), -1);
    ac_tts_cache_close(c);
    c = ac_tts_cache_open(dir, 1, "test");
    assert_true(count_files(dir, file, sizeof file) <= 10);
    ac_tts_cache_close(c);
    free(sound);
    remote_remove_dir(dir);
}

static void test_off(void **state)
{
    char dir[64], home[96];

    (void)state;
    remote_make_dir(dir, sizeof dir);
    assert_null(ac_tts_cache_open(dir, 0, "test"));
    assert_null(ac_tts_cache_open("/proc/nothing", 1, "test"));
    assert_int_equal(get(NULL, "key", NULL, NULL), -1);
    put(NULL, "key", "", "x", 1);
    setenv("XDG_CACHE_HOME", dir, 1);
    struct ac_tts_cache *c = ac_tts_cache_open("", 1, "test");
    assert_non_null(c);
    snprintf(home, sizeof home, "%s/avatar-chat/phrases", dir);
    assert_int_equal(access(home, W_OK), 0);
    ac_tts_cache_close(c);
    remote_remove_dir(dir);
}

/* ---- many at once ---- */

struct user {
    struct ac_tts_cache *c;
    int seed, bad;
};

static void *use(void *arg)
{
    struct user *u = arg;
    char key[16], sound[20000];

    for (int i = 0; i < 60; i++) {
        int k = (i * 7 + u->seed) % 11;
        snprintf(key, sizeof key, "key %d", k);
        memset(sound, 'a' + k, sizeof sound);
        put(u->c, key, "notes", sound, sizeof sound);
        memset(sound, 0, sizeof sound);
        long n = get(u->c, key, NULL, sound); /* may be gone; if it is there, it is whole */
        if (n >= 0 && (n != sizeof sound || sound[0] != 'a' + k || sound[sizeof sound - 1] != 'a' + k))
            u->bad++;
    }
    return NULL;
}

static void test_many(void **state)
{
    char dir[64];
    pthread_t threads[4];
    struct user users[4];

    (void)state;
    remote_make_dir(dir, sizeof dir);
    struct ac_tts_cache *two[2] = {ac_tts_cache_open(dir, 1, "test"), ac_tts_cache_open(dir, 1, "test")};
    for (int i = 0; i < 4; i++) {
        users[i] = (struct user){two[i % 2], i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, use, &users[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(users[i].bad, 0);
    }
    ac_tts_cache_close(two[0]);
    ac_tts_cache_close(two[1]);
    remote_remove_dir(dir);
}

int main(void)
{
    ac_log_setup(AC_LOG_ERROR, AC_LOG_LOGFMT, 2); /* damage is told as a warning */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps), cmocka_unit_test(test_damage), cmocka_unit_test(test_size),
        cmocka_unit_test(test_off),   cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
