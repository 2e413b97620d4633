/*
 * Fake engines of every stage, behind the real contract, that behave and misbehave on command: what they do
 * is written in the text they are given, so tests need no switches and threads share nothing.
 *
 * llm "fake" (question → behaviour): "echo X" answers X word by word; "slow X" waits 20 ms a word; "fail"
 * fails at once; "failafter X" answers X, then fails; "hang" waits until it is cancelled; "stuck" ignores its
 * cancel token until fake_release(); "flood" answers without end. llm "fake2": as "fake", but "fail" answers
 * "second engine". tts "fake" (sentence → behaviour): 50 ms of tone a letter, phonemes a letter each; words
 * in it: "ttsfail", "ttshang", "ttsstuck", "ttsflood", "ttsnot" (AC_ENOTSUP), "ttsempty", "ttsslow" (200 ms
 * before the first piece). tts "fake2": says everything. lipsync "fake", avatar "fake": jaw open on vowels; a
 * picture whose brightness is the jaw. avatar opens fail for id "none".
 */
#ifndef AC_TEST_FAKE_ENGINES_H
#define AC_TEST_FAKE_ENGINES_H

#include "avatarchat/handler.h"

extern const struct ac_handler_info *const fake_registry[];

/* Lets all engines that are stuck return, now and later (true), or makes them stick again (false). */
void fake_release(bool on);
/* Instances and models that are open; 0 when everything was closed. */
int fake_open_count(void);
/* How many engine calls are stuck now. */
int fake_stuck_count(void);

#endif
