/*
 * A person at a session's microphone, for tests with the fake engines: speaks (test/fake, fake_code), is
 * silent, waits for what comes. What goes wrong fails the test.
 */
#ifndef AC_TEST_MICROPHONE_H
#define AC_TEST_MICROPHONE_H

#include "fake/fake_client.h"
#include "fake/fake_engines.h"
#include "fake/fake_world.h"

enum { RATE = 16000, LETTER_MS = 40 };

/* A world with one client. */
struct scene {
    struct fake_world w;
    struct fake_client c;
};

/* set: one setting ("a.b=c") or NULL. */
void open_scene(struct scene *s, const char *set);
void close_scene(struct scene *s);

/* Sound, in pieces of 20 ms, sent at once. */
void send_pcm(struct fake_client *c, const int16_t *pcm, size_t n, int rate_hz);
void send_level(struct fake_client *c, int16_t level, int ms, int rate_hz);
void say_at(struct fake_client *c, const char *text, int rate_hz);
void say(struct fake_client *c, const char *text);
void hush(struct fake_client *c, int ms);
/* A file's bytes as they are, in pieces. */
void send_file(struct fake_client *c, const char *path, size_t piece);

/* `audio_start` with these fields, and waits until it listens. */
void mic_on(struct fake_client *c, const char *fields);
/* Says a question hands-free, faster than real time, and waits for its result; gives its index. */
int ask_aloud(struct fake_client *c, const char *text);
/* Waits for a message at index from or later; gives its index. */
int wait_for(struct fake_client *c, const char *type, size_t from);
int wait_state(struct fake_client *c, const char *state, size_t from);
const char *text_of(struct fake_client *c, int at);
/* A mark of turn_done, which must be a number. */
double mark(struct fake_client *c, int at, const char *name);

#endif
