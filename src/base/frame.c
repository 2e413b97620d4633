/*
 * Frames. The reference count sits in front of the public struct, so that nobody else can touch it.
 * Memory orders: relaxed up (the caller holds a reference), acquire-release down, so that the last
 * owner sees all that earlier owners did; acquire for "is it mine alone", for the same reason.
 */
#include "avatarchat/frame.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/mem.h"

enum { STRIDE_ALIGN = 32, BLOCK_ALIGN = 64, MAX_SIDE = 16384 };

struct box {
    atomic_uint refs;
    struct ac_frame f;
};

static struct box *box_of(const struct ac_frame *f)
{
    return (struct box *)((char *)(uintptr_t)f - offsetof(struct box, f));
}

struct ac_frame *ac_frame_new(enum ac_frame_type type)
{
    struct box *b = ac_zalloc(sizeof *b);
    atomic_init(&b->refs, 1);
    b->f.type = type;
    return &b->f;
}

struct ac_frame *ac_frame_new_text(const char *text, size_t len)
{
    struct ac_frame *f = ac_frame_new(AC_FRAME_TEXT);
    f->text.text = ac_alloc(len + 1);
    if (len)
        memcpy(f->text.text, text, len);
    f->text.text[len] = '\0';
    return f;
}

static size_t align_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

struct ac_frame *ac_frame_new_picture(int width, int height)
{
    if (width <= 0 || height <= 0 || width > MAX_SIDE || height > MAX_SIDE || width % 2 || height % 2)
        return NULL;
    size_t luma_stride = align_up((size_t)width, STRIDE_ALIGN);
    size_t chroma_stride = align_up((size_t)width / 2, STRIDE_ALIGN);
    size_t luma = luma_stride * (size_t)height, chroma = chroma_stride * (size_t)height / 2;
    uint8_t *block = aligned_alloc(BLOCK_ALIGN, align_up(luma + 2 * chroma, BLOCK_ALIGN));
    if (!block)
        return NULL;

    struct ac_frame *f = ac_frame_new(AC_FRAME_PICTURE);
    struct ac_picture *p = &f->picture;
    p->data[0] = block;
    p->data[1] = block + luma;
    p->data[2] = block + luma + chroma;
    p->stride[0] = (int)luma_stride;
    p->stride[1] = p->stride[2] = (int)chroma_stride;
    p->width = width;
    p->height = height;
    return f;
}

struct ac_frame *ac_frame_ref(struct ac_frame *f)
{
    if (f)
        atomic_fetch_add_explicit(&box_of(f)->refs, 1, memory_order_relaxed);
    return f;
}

static void free_content(struct ac_frame *f)
{
    switch (f->type) {
    case AC_FRAME_CHAT:
        for (size_t i = 0; i < f->chat.n_messages; i++) {
            free(f->chat.messages[i].role);
            free(f->chat.messages[i].text);
        }
        free(f->chat.messages);
        ac_cancel_unref(f->chat.confirmed);
        break;
    case AC_FRAME_TEXT:
        free(f->text.text);
        break;
    case AC_FRAME_SPEECH:
        free(f->speech.pcm);
        free(f->speech.phones);
        free(f->speech.words);
        break;
    case AC_FRAME_PICTURE:
        free(f->picture.data[0]);
        break;
    case AC_FRAME_AUDIO:
        free(f->audio.pcm);
        break;
    case AC_FRAME_TRANSCRIPT:
        free(f->transcript.text);
        free(f->transcript.words);
        break;
    case AC_FRAME_VOICE:
    case AC_FRAME_POSE:
    case AC_FRAME_INVALID:
        break;
    }
}

void ac_frame_unref(struct ac_frame *f)
{
    if (!f || atomic_fetch_sub_explicit(&box_of(f)->refs, 1, memory_order_acq_rel) != 1)
        return;
    free_content(f);
    free(box_of(f));
}

bool ac_frame_is_unique(const struct ac_frame *f)
{
    return atomic_load_explicit(&box_of(f)->refs, memory_order_acquire) == 1;
}

size_t ac_frame_bytes(const struct ac_frame *f)
{
    size_t n = 0;
    switch (f->type) {
    case AC_FRAME_CHAT:
        for (size_t i = 0; i < f->chat.n_messages; i++) {
            const struct ac_message *m = &f->chat.messages[i];
            n += (m->role ? strlen(m->role) : 0) + (m->text ? strlen(m->text) : 0);
        }
        return n;
    case AC_FRAME_TEXT:
        return f->text.text ? strlen(f->text.text) : 0;
    case AC_FRAME_SPEECH:
        return f->speech.n_samples * sizeof *f->speech.pcm + f->speech.n_phones * sizeof *f->speech.phones +
               f->speech.n_words * sizeof *f->speech.words;
    case AC_FRAME_POSE:
        return sizeof f->pose;
    case AC_FRAME_AUDIO:
        return f->audio.n_samples * sizeof *f->audio.pcm;
    case AC_FRAME_VOICE:
        return sizeof f->voice;
    case AC_FRAME_TRANSCRIPT:
        return (f->transcript.text ? strlen(f->transcript.text) : 0) +
               f->transcript.n_words * sizeof *f->transcript.words;
    case AC_FRAME_PICTURE: {
        const struct ac_picture *p = &f->picture;
        return (size_t)p->stride[0] * (size_t)p->height +
               (size_t)(p->stride[1] + p->stride[2]) * (size_t)p->height / 2;
    }
    case AC_FRAME_INVALID:
        break;
    }
    return 0;
}

int64_t ac_frame_duration_us(const struct ac_frame *f)
{
    if (f->type != AC_FRAME_SPEECH || f->speech.rate_hz <= 0)
        return 0;
    return (int64_t)f->speech.n_samples * 1000000 / f->speech.rate_hz;
}

static const char *const emotion_names[AC_EMOTION_COUNT] = {
    [AC_EMOTION_NEUTRAL] = "neutral",     [AC_EMOTION_HAPPY] = "happy",       [AC_EMOTION_SAD] = "sad",
    [AC_EMOTION_SURPRISED] = "surprised", [AC_EMOTION_THINKING] = "thinking",
};

static const char *const viseme_names[AC_VIS_COUNT] = {
    "sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "ih", "oh", "ou",
};

const char *ac_emotion_name(enum ac_emotion e)
{
    return (unsigned)e < AC_EMOTION_COUNT ? emotion_names[e] : "unknown";
}

int ac_emotion_from_name(const char *name)
{
    for (int i = 0; i < AC_EMOTION_COUNT; i++)
        if (strcmp(name, emotion_names[i]) == 0)
            return i;
    return -1;
}

const char *ac_viseme_name(enum ac_viseme v)
{
    return (unsigned)v < AC_VIS_COUNT ? viseme_names[v] : "unknown";
}
