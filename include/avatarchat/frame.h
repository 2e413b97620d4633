/*
 * Frames: what flows from stage to stage.
 *
 * A frame is one reference-counted, immutable-once-pushed block: a piece of text, a conversation, a
 * piece of speech with its phonemes, a face pose, a picture. The maker fills it, pushes it (which
 * hands over its reference) and touches it no more; readers borrow it or take a reference.
 *
 *   AUDIO -> vad -> VOICE -> (utterance) AUDIO -> asr -> TRANSCRIPT -> (question)
 *   CHAT -> llm -> TEXT -> (sentences) -> TEXT -> tts -> SPEECH -> lipsync -> POSE -> avatar -> PICTURE
 *
 * Threads: ac_frame_ref/unref from any thread; a frame's content is not changed after the push.
 */
#ifndef AVATARCHAT_FRAME_H
#define AVATARCHAT_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ac_frame_type {
    AC_FRAME_INVALID = 0,
    AC_FRAME_CHAT,       /* conversation so far, the last message is the question */
    AC_FRAME_TEXT,       /* piece of an answer, or one sentence to speak */
    AC_FRAME_SPEECH,     /* PCM with phonemes and words */
    AC_FRAME_POSE,       /* the face at one video frame */
    AC_FRAME_PICTURE,    /* YUV 4:2:0 */
    AC_FRAME_AUDIO,      /* what the microphone heard */
    AC_FRAME_VOICE,      /* how likely a piece of it is speech */
    AC_FRAME_TRANSCRIPT, /* what was said */
};

enum ac_emotion {
    AC_EMOTION_NEUTRAL = 0,
    AC_EMOTION_HAPPY,
    AC_EMOTION_SAD,
    AC_EMOTION_SURPRISED,
    AC_EMOTION_THINKING,
    AC_EMOTION_COUNT
};

/* One message of a conversation. Both strings are owned by the frame. */
struct ac_message {
    char *role; /* "system", "user", "assistant" */
    char *text; /* UTF-8 */
};

struct ac_cancel; /* base/cancel.h */

struct ac_chat {
    struct ac_message *messages;
    size_t n_messages;
    char lang[16]; /* BCP 47 tag the answer should be in, "" = that of the question */
    /* The answer wanted is a summary of the conversation (engines with AC_HANDLER_SUMMARIZES only). */
    bool summarize;
    /*
     * A question answered on trial, before it is certain that it is one: triggered when it is. What changes
     * something outside (a tool that is more than a look-up) waits for it. NULL: it is certain. Owned.
     */
    struct ac_cancel *confirmed;
};

struct ac_text {
    char *text;     /* UTF-8, NUL-terminated, owned */
    char lang[16];  /* BCP 47 tag, "" = guess from the script */
    char voice[64]; /* voice id, "" = engine's default for the language … */
    char gender[8]; /* … that suits: "female", "male", "" = any */
    float rate;     /* 1 = normal speed, 0.5 to 2; 0 = unset = 1 */
    float pitch;    /* 1 = normal, 0.5 to 2; 0 = unset = 1 */
    enum ac_emotion emotion;
    uint32_t seq; /* number of the sentence in its turn, from 0 */
    bool aside;   /* a whole sentence to say meanwhile ("One moment, please."): no part of the answer */
};

/*
 * The 15 standard visemes (MPEG-4 / Oculus set), in the standard order:
 * silence, p b m, f v, th, t d, k g, ch j sh, s z, n l, r, a, e, i, o, u.
 */
enum ac_viseme {
    AC_VIS_SIL = 0,
    AC_VIS_PP,
    AC_VIS_FF,
    AC_VIS_TH,
    AC_VIS_DD,
    AC_VIS_KK,
    AC_VIS_CH,
    AC_VIS_SS,
    AC_VIS_NN,
    AC_VIS_RR,
    AC_VIS_AA,
    AC_VIS_E,
    AC_VIS_IH,
    AC_VIS_OH,
    AC_VIS_OU,
    AC_VIS_COUNT
};

/* One phoneme. Times count from the start of the sentence's speech. */
struct ac_phone {
    int32_t start_us;
    int32_t end_us;
    char name[12];         /* as the engine names it, for logs and tests */
    enum ac_viseme viseme; /* mapped by the TTS engine */
    float openness;        /* vowels: 0 close … 1 open; consonants 0 */
    float rounding;        /* 0 spread … 1 rounded */
    bool stressed;         /* nucleus of a stressed (or tone-bearing, emphasised) syllable */
};

/* One word, for subtitles. Byte range in the sentence's text; times as in ac_phone. */
struct ac_word {
    int32_t start_us;
    int32_t end_us;
    uint32_t text_start;
    uint32_t text_len;
};

/*
 * A piece of a sentence's speech. Pieces of a sentence follow each other without gap. The first piece
 * carries every phoneme and word of the sentence where the engine knows them (flite, eSpeak do); an
 * engine that learns them as it goes sends each with the piece that holds its start or earlier.
 */
struct ac_speech {
    int16_t *pcm; /* mono, owned; may be NULL with n_samples 0 */
    size_t n_samples;
    int rate_hz;
    int64_t start_sample; /* of pcm[0], from the start of the sentence, at this piece's rate_hz (pieces may
                             differ) */
    struct ac_phone *phones;
    size_t n_phones;
    bool phones_known; /* the engine gives phoneme times (else lip sync listens to the sound) */
    struct ac_word *words;
    size_t n_words;
    uint32_t seq;
    enum ac_emotion emotion;
    bool last; /* no more speech for this sentence */
};

/*
 * Mouth shape, each 0…1 unless said. All zero is the closed, resting mouth.
 *   jaw    0 closed teeth … 1 widest opening in speech
 *   width  -1 narrowest … 0 rest … 1 widest spread (smile-like)
 *   round  protrusion and rounding, 0 … 1 (u, o, w, sh)
 *   upper  upper lip raised, lower: lower lip lowered (showing teeth)
 *   press  lips pressed together (p, b, m): 1 = closed whatever the jaw does
 *   bite   lower lip tucked under the upper teeth (f, v)
 *   teeth  how near the two rows of teeth are: 1 = closed (s, z), 0 = follow the jaw
 *   tongue tip raised towards the upper teeth (l, n, t, d, th)
 */
struct ac_mouth {
    float jaw, width, round, upper, lower, press, bite, teeth, tongue;
};

/*
 * The idle motion of an avatar (breath, blinks, gaze, slight sway) is a periodic function of time with this
 * period, so that the page can loop one prepared period and a spoken answer can take over at any phase and
 * give back at any phase.
 */
#define AC_IDLE_PERIOD_US 12000000

/* The face at one frame of video. */
struct ac_pose {
    struct ac_mouth mouth;
    enum ac_emotion emotion;
    float stress;  /* 0 … 1: this frame is on a stressed syllable; moves head and brows */
    float energy;  /* 0 … 1: loudness of the speech around this frame */
    bool speaking; /* false: rest between or after sentences */
    int64_t frame; /* number in the turn, from 0; time = frame / fps; some are left out where time is short */
    int64_t sentence_frame; /* the same from the start of the sentence's speech; -1 = no speech (idle) */
    bool save; /* time is short: an engine that can do with less work for this picture should (interpolate) */
    int64_t idle_us; /* phase of the idle motion (breath, gaze, blinks) to show at this frame, 0 …
                        AC_IDLE_PERIOD_US */
};

/* YUV 4:2:0, BT.709, limited range. Planes in one block owned by the frame. */
struct ac_picture {
    uint8_t *data[3];
    int stride[3];
    int width, height; /* even */
    int64_t frame;     /* as in ac_pose */
};

/* What listening works on: 16 kHz mono, whatever the microphone or the file gave. */
enum { AC_LISTEN_RATE_HZ = 16000 };

/* A piece of the microphone's sound at AC_LISTEN_RATE_HZ. Pieces follow each other without gap. */
struct ac_audio {
    int16_t *pcm; /* mono, owned */
    size_t n_samples;
    int64_t start_sample; /* of pcm[0], from the start of the stream */
    char lang[16];        /* BCP 47 tag of what is spoken, "" = find out */
};

/* How likely the samples start … start + n are speech. A VAD engine covers the stream without hole. */
struct ac_voice {
    int64_t start_sample;
    size_t n_samples;
    float probability; /* 0 … 1 */
};

/*
 * What an utterance says. Recognisers give any number of partial ones (each replaces the one before) while
 * AUDIO comes in, and one final one when the utterance is complete (process(NULL)); text "" = nothing said.
 */
struct ac_transcript {
    char *text; /* UTF-8, owned, never NULL once pushed */
    char lang[16];
    bool final;
    float confidence;      /* 0 … 1; 0 = the engine does not know */
    struct ac_word *words; /* byte ranges in text, times from the start of the utterance; NULL = not known */
    size_t n_words;
};

struct ac_frame {
    enum ac_frame_type type;
    uint32_t turn; /* number of the turn the frame belongs to */
    union {
        struct ac_chat chat;
        struct ac_text text;
        struct ac_speech speech;
        struct ac_pose pose;
        struct ac_picture picture;
        struct ac_audio audio;
        struct ac_voice voice;
        struct ac_transcript transcript;
    };
};

/* New frame of the type, content zeroed, one reference. Never NULL (small allocations abort). */
struct ac_frame *ac_frame_new(enum ac_frame_type type);
/* New TEXT frame with a copy of the first len bytes of text. */
struct ac_frame *ac_frame_new_text(const char *text, size_t len);
/* New PICTURE frame with planes of the size (strides multiples of 32); NULL when memory is short. */
struct ac_frame *ac_frame_new_picture(int width, int height);
struct ac_frame *ac_frame_ref(struct ac_frame *f);
/* Drops a reference, frees the frame and what it owns with the last one. NULL is fine. */
void ac_frame_unref(struct ac_frame *f);
/* True where the caller holds the only reference (a picture's buffer may be used again). */
bool ac_frame_is_unique(const struct ac_frame *f);
/* Bytes the frame's content takes, and how long it lasts in microseconds (speech only, else 0). */
size_t ac_frame_bytes(const struct ac_frame *f);
int64_t ac_frame_duration_us(const struct ac_frame *f);

/* "neutral", "happy" …; the reverse gives -1 for an unknown name. */
const char *ac_emotion_name(enum ac_emotion e);
int ac_emotion_from_name(const char *name);
const char *ac_viseme_name(enum ac_viseme v);

#endif
