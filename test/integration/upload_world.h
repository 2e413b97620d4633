/*
 * What the tests of uploads share: a server whose avatars are in a folder of their own, with a maker that
 * does what the file says (test/fake), and requests to it.
 */
#ifndef AC_TEST_UPLOAD_WORLD_H
#define AC_TEST_UPLOAD_WORLD_H

#include "integration/server_world.h"
#include "integration/turn_checks.h"

#define CLIENT_TOKEN "client-token-0123456789"
#define ADMIN_TOKEN  "admin-token-0123456789"
#define BEARER(t)    "Authorization: Bearer " t "\r\n"
#define FROM(a)      "X-Forwarded-For: " a "\r\n"
#define ME           "X-Client-Id: 0123456789abcdef-mine\r\n"
#define HER          "X-Client-Id: 0123456789abcdef-hers\r\n"
#define GOOD         "/api/avatars?consent=true&name="

/* The server under test. */
extern struct world world;
/* The head of an upload of 5000 bytes, and the first few. */
extern const char upload_half[];

/* The folder: made before the first test, set as $AVATAR_CHAT_DATA; removed after the last. */
bool upload_begin_all(void);
void upload_end_all(void);
/* A file's path in the folder of avatars ("": the folder's). */
void upload_path(char path[200], const char *name);
/* How many names are in it, hidden ones too. */
size_t upload_files(void);
/* The same, once there are none or two seconds have passed. */
size_t upload_settle(void);
/* Removes it. */
void upload_clear(void);

/* An answer's body as JSON, after checking its status. */
json_t *ask(const char *method, const char *path, const char *headers, int status);
/* The same, the body of no matter. */
void tell(const char *method, const char *path, const char *headers, int status);
const char *member(json_t *j, const char *key);
/* Uploads; the answer's body, its status in *status, its Retry-After checked. */
json_t *upload(const char *path, const char *headers, const char *bytes, size_t len, int *status);
/* One that must be accepted; the job's path. */
void begin(const char *path, const char *headers, const char *text, char job[96]);
/* One that must be refused with the code. */
void refused(const char *path, const char *headers, const char *text, int want, const char *code);
/* Waits until the job is in the state. */
json_t *wait_job(const char *job, const char *headers, const char *state);
void await_job(const char *job, const char *state);
/* The avatar's entry in the list, or NULL. */
json_t *listed(const char *id, const char *headers);
/* Waits until the upload is an avatar. */
void await_listed(const char *id);

/* A connection for a part of a request. */
int dial(void);
void put(int fd, const char *text);
/* Reads until the server closes, and closes; the status, 0 without an answer. */
int read_status(int fd);

/* Set-ups and tear-downs of groups and tests. */
int upload_open_plain(void **state);
int upload_open_behind_proxy(void **state);
int upload_close(void **state);
int upload_cleared(void **state);

#define CLEARED(test) cmocka_unit_test_teardown(test, upload_cleared)

#endif
