/*
 * Fake engines of every stage, behind the real contract, that behave and misbehave on command: what they do
 * is written in the text they are given, so tests need no switches and threads share nothing.
 *
 * llm "fake" (question → behaviour): "echo X" answers X word by word; "slow X" waits 20 ms a word; "fail"
 * fails at once; "failafter X" answers X, then fails; "hang" waits until it is cancelled; "stuck" ignores its
 * cancel token until fake_release(); "flood" answers without end; "count" tells the length of the history,
 * "recall" the last answer in it, "system" the system prompt; "aside X" says "One moment please." meanwhile
 * and answers X; "act X" answers X when the question is certain. It sums up ("Summary N of M messages."). llm
 * "fake2": as "fake", but "fail" answers "second engine". tts "fake" (sentence → behaviour): 50 ms of tone a
 * letter, phonemes a letter each; words in it: "ttsfail", "ttshang", "ttsstuck", "ttsflood", "ttsnot"
 * (AC_ENOTSUP), "ttsempty", "ttsslow" (200 ms before the first piece), "ttsnolast" (no piece says that it is
 * the last), "ttsbreak" (sixteen letters are said, then it fails). tts "fake2": says everything. lipsync
 * "fake", avatar "fake": jaw open on vowels; a picture whose brightness is the jaw. avatar opens fail for id
 * "none". It makes avatars of files that begin with a word: "face" makes one, "slow" in 20 steps of step_ms,
 * "late" one that is cancelled when it is made, "hang" works until it is cancelled, "stuck" until
 * fake_release(), "nobody" is refused (face_none), "break" fails; what follows may be anything, its length
 * and sum are told as found. It lists "fake" and what was made in $AVATAR_CHAT_DATA/avatars; one whose name
 * begins with "Sick" has a note.
 *
 * vad "fake": speech where fake_code says something; misbehaves at samples of the values below; "fake2" never
 * does. asr "fake" reads the letters of fake_code, with partial results; a text with "asrfail", "asrnot"
 * (AC_ENOTSUP), "asrmute" (no result), "asrhang", "asrstuck", "asrflood" (partials without end) or "asrslow"
 * (300 ms) makes its final result misbehave. It does not know the language "xx"; "fake2" does, and behaves.
 * Neither knows "yy".
 */
#ifndef AC_TEST_FAKE_ENGINES_H
#define AC_TEST_FAKE_ENGINES_H

#include "avatarchat/handler.h"

/* The last sample of a piece of sound that makes the fake detector fail … */
enum { FAKE_VAD_FAIL = -1000, FAKE_VAD_HANG = -2000, FAKE_VAD_STUCK = -3000, FAKE_VAD_FLOOD = -4000 };

extern const struct ac_handler_info *const fake_registry[];

/* Lets all engines that are stuck return, now and later (true), or makes them stick again (false). */
void fake_release(bool on);
/* Instances and models that are open; 0 when everything was closed. */
int fake_open_count(void);
/* How many engine calls are stuck now. */
int fake_stuck_count(void);
/* How many hang, waiting to be cancelled. */
int fake_hang_count(void);
/* How often an engine was told that work is likely to come, and how often one has summed up. */
int fake_warm_count(void);
int fake_summary_count(void);
/* Final results that fake recognisers have given so far. */
int fake_finals(void);
/*
 * Sound that the fakes understand as the text, each letter letter_ms long (20 at least). Gives the number of
 * samples; pcm may be NULL.
 */
size_t fake_code(const char *text, int rate_hz, int letter_ms, int16_t *pcm);

#endif
