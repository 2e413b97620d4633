/* A store in a folder of its own (or in a Redis server: set redis_url), for its tests. Included once a test.
 */
#ifndef AC_TEST_STORE_WORLD_H
#define AC_TEST_STORE_WORLD_H

#include "base/log.h"
#include "base/mem.h"
#include "core/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANNA "anna-anna-anna-anna"
#define BEN  "ben_ben_ben_ben_ben_ben"

static char folder[] = "/tmp/avatar-chat-store-XXXXXX";
static char path[64];
static char redis_url[64];

static struct ac_history_config config(void)
{
    return (struct ac_history_config){
        .store = *redis_url ? AC_STORE_REDIS : AC_STORE_SQLITE,
        .path = path,
        .redis_url = redis_url,
        .redis_password_env = (char *)"AVATAR_CHAT_TEST_REDIS_PASSWORD",
        .redis_prefix = (char *)"test:",
        .keep_days = 90,
        .keep_conversations = 200,
    };
}

static struct ac_store *open_store(const struct ac_history_config *cfg)
{
    char reason[AC_STORE_REASON];
    struct ac_store *st = NULL;

    if (ac_store_open(&st, cfg, reason))
        fail_msg("%s", reason);
    assert_string_equal(reason, "");
    return st;
}

static struct ac_store *open_default(void)
{
    struct ac_history_config cfg = config();

    return open_store(&cfg);
}

static int add(struct ac_store *st, const char *client, const char *id, const char *role, uint32_t turn,
               const char *text, int64_t at_ms)
{
    struct ac_stored_message m = {
        .role = (char *)role, .text = (char *)text, .turn = turn, .at_ms = at_ms ? at_ms : ac_unix_ms()};

    return ac_store_add(st, client, id, &m);
}

/* A conversation with one question. */
static void make(struct ac_store *st, const char *client, char *id, const char *question, int64_t at_ms)
{
    ac_store_new_id(id);
    assert_int_equal(add(st, client, id, "user", 1, question, at_ms), 0);
}

static void count_is(struct ac_store *st, size_t conversations, size_t messages)
{
    size_t c, m;
    struct ac_store_state state;

    assert_int_equal(ac_store_count(st, &c, &m), 0);
    assert_int_equal(c, conversations);
    assert_int_equal(m, messages);
    ac_store_state(st, &state);
    assert_int_equal(state.conversations, conversations);
    assert_int_equal(state.err, 0);
}

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/avatar-chat-store-XXXXXX");
    ac_log_setup(0, AC_LOG_LOGFMT, 2); /* failures are asked for here */
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/data/history.db", folder);
    return 0;
}

static int teardown(void **state)
{
    char *command = ac_asprintf("chmod -R u+rwx %s && rm -rf %s", folder, folder);

    (void)state;
    int status = system(command);
    free(command);
    return status;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
