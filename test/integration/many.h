/* What the tests of many sessions share. A header of statics: each is a test program of its own. */
#ifndef AC_TEST_MANY_H
#define AC_TEST_MANY_H

#include "base/clock.h"
#include "base/log.h"
#include "core/hub.h"
#include "fake/fake_client.h"
#include "fake/fake_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MANY static __attribute__((unused))

MANY void world_open(struct fake_world *w, const char *const *more)
{
    size_t n = 0;

    while (more && more[n])
        n++;
    fake_world_open(w, more, n);
}

MANY void world_close(struct fake_world *w)
{
    assert_true(fake_world_close(w));
}

MANY size_t ask(struct fake_client *c, const char *text)
{
    size_t at = fake_client_total(c);

    assert_int_equal(fake_client_send(c, "{\"type\":\"text\",\"text\":\"%s\"}", text), 0);
    return at;
}

MANY void answer(struct fake_client *c, const char *text)
{
    assert_true(fake_client_wait(c, "turn_done", ask(c, text)) >= 0);
}

MANY const struct fake_message *wait_for(struct fake_client *c, const char *type, size_t from)
{
    int i = fake_client_wait(c, type, from);

    if (i < 0)
        fail_msg("no %s came", type);
    return &c->messages[i];
}

MANY void token_of(struct fake_client *c, char token[AC_TOKEN_SIZE])
{
    const struct fake_message *m = wait_for(c, "session_ready", 0);

    snprintf(token, AC_TOKEN_SIZE, "%s", fake_string(m, "resume_token"));
    assert_int_equal(strlen(token), AC_TOKEN_SIZE - 1);
}

MANY struct ac_session_info info_of(struct ac_hub *hub, const char *id)
{
    struct ac_session_info info;

    assert_int_equal(ac_hub_session(hub, id, &info, NULL, NULL), 0);
    return info;
}

MANY void wait_state(struct ac_hub *hub, const char *id, enum ac_session_state state)
{
    struct ac_session_info info = {0};

    for (int i = 0; i < 4000; i++) {
        if (!ac_hub_session(hub, id, &info, NULL, NULL) && info.state == state)
            return;
        ac_sleep_us(5000);
    }
    fail_msg("'%s' is %s and not %s", id, ac_session_state_name(info.state), ac_session_state_name(state));
}

MANY void wait_gone(struct ac_hub *hub, const char *id)
{
    for (int i = 0; i < 4000 && ac_session_exists(hub, id); i++)
        ac_sleep_us(5000);
    assert_false(ac_session_exists(hub, id));
}

#endif
