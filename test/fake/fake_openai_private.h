/* One connection of the fake server. Private to fake_openai*.c. */
#ifndef TEST_FAKE_OPENAI_PRIVATE_H
#define TEST_FAKE_OPENAI_PRIVATE_H

#include "fake/fake_openai.h"

struct fake_conn {
    struct fake_openai *server;
    int fd;
    size_t number;
    bool broken; /* the other side is gone, or it is to be closed */
};

bool fake_conn_stopping(struct fake_conn *c);
/* False as soon as the other side hangs up or the server stops. */
bool fake_conn_wait(struct fake_conn *c, int ms);
bool fake_conn_send(struct fake_conn *c, const char *data, size_t n);
/* A whole answer, with its length. */
void fake_conn_reply(struct fake_conn *c, int status, const char *type, const char *head, const char *body);
/* Answers the i-th chat request, whose body is given. */
void fake_openai_answer(struct fake_conn *c, const struct fake_openai_reply *r, const char *body, size_t i);

#endif
