/* Writing WAV files (wav.h). */
#include "wav.h"

#include <string.h>

static void add_le(struct ac_str *s, uint64_t v, int bytes)
{
    char b[8];

    for (int i = 0; i < bytes; i++)
        b[i] = (char)(v >> 8 * i);
    ac_str_add_n(s, b, (size_t)bytes);
}

static void add_sample(struct ac_str *s, int bits, int16_t v)
{
    float f = (float)v / 32768;
    uint32_t raw;

    memcpy(&raw, &f, sizeof raw);
    if (bits == 8)
        add_le(s, (uint64_t)((v >> 8) + 128), 1);
    else if (bits == -32)
        add_le(s, raw, 4);
    else
        add_le(s, (uint64_t)((int64_t)v * (INT64_C(1) << (bits - 16))), bits / 8);
}

void wav_write(struct ac_str *out, const struct wav_form *form, const int16_t *pcm, size_t n)
{
    int bytes = (form->bits < 0 ? -form->bits : form->bits) / 8, frame = bytes * form->channels;
    int repeat = form->rate_hz / 16000 > 1 ? form->rate_hz / 16000 : 1;
    size_t size = (form->claimed_n ? form->claimed_n : n * (size_t)repeat) * (size_t)frame;

    ac_str_add_n(out, "RIFF", 4);
    add_le(out, 36 + size, 4);
    ac_str_add_n(out, "WAVEfmt ", 8);
    add_le(out, 16, 4);
    add_le(out, form->bits < 0 ? 3 : 1, 2); /* float or integers */
    add_le(out, (uint64_t)form->channels, 2);
    add_le(out, (uint64_t)form->rate_hz, 4);
    add_le(out, (uint64_t)(form->rate_hz * frame), 4);
    add_le(out, (uint64_t)frame, 2);
    add_le(out, (uint64_t)(bytes * 8), 2);
    ac_str_add_n(out, "data", 4);
    add_le(out, size, 4);
    for (size_t i = 0; i < n; i++) {
        for (int k = 0; k < repeat * form->channels; k++)
            add_sample(out, form->bits, pcm[i]);
    }
}
