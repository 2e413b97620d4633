/*
 * Phoneme to mouth shape. The flite table lists the phones of its US phone set. An IPA name is read sign by
 * sign: length, tone, stress and articulation marks are skipped, stop + fricative counts as the fricative, n
 * + g as the nasal, and what remains gives the first and the last shape. So every language of eSpeak NG is
 * covered by the one table.
 */
#include "tts/shapes.h"

#include "base/str.h"

#include <stdio.h>
#include <string.h>
#include <unicode/unorm2.h>

#define VOWEL(v, open, round) 1, {{AC_VIS_##v, open, round}}, true
#define GLIDING(v, open, round, v2, open2, round2)                                                           \
    2, {{AC_VIS_##v, open, round}, {AC_VIS_##v2, open2, round2}}, true
#define CONSONANT(v, round) 1, {{AC_VIS_##v, 0, round}}, false

static const struct {
    const char *name;
    struct ac_shapes shapes;
} flite_phones[] = {
    {"pau", {CONSONANT(SIL, 0)}},
    {"h#", {CONSONANT(SIL, 0)}},
    {"brth", {CONSONANT(SIL, 0)}},
    {"aa", {VOWEL(AA, 1.0f, 0.1f)}},
    {"ae", {VOWEL(AA, 0.85f, 0)}},
    {"ah", {VOWEL(AA, 0.6f, 0)}},
    {"ao", {VOWEL(OH, 0.75f, 0.55f)}},
    {"aw", {GLIDING(AA, 0.95f, 0.1f, OU, 0.35f, 0.85f)}},
    {"ax", {VOWEL(E, 0.35f, 0)}},
    {"axr", {VOWEL(RR, 0.3f, 0.4f)}},
    {"ay", {GLIDING(AA, 0.95f, 0, IH, 0.3f, 0)}},
    {"eh", {VOWEL(E, 0.6f, 0)}},
    {"er", {VOWEL(RR, 0.35f, 0.45f)}},
    {"ey", {GLIDING(E, 0.5f, 0, IH, 0.25f, 0)}},
    {"ih", {VOWEL(IH, 0.35f, 0)}},
    {"iy", {VOWEL(IH, 0.2f, 0)}},
    {"ow", {GLIDING(OH, 0.55f, 0.65f, OU, 0.3f, 0.95f)}},
    {"oy", {GLIDING(OH, 0.65f, 0.65f, IH, 0.3f, 0)}},
    {"uh", {VOWEL(OU, 0.4f, 0.55f)}},
    {"uw", {VOWEL(OU, 0.25f, 1)}},
    {"p", {CONSONANT(PP, 0)}},
    {"b", {CONSONANT(PP, 0)}},
    {"m", {CONSONANT(PP, 0)}},
    {"em", {CONSONANT(PP, 0)}},
    {"f", {CONSONANT(FF, 0)}},
    {"v", {CONSONANT(FF, 0)}},
    {"th", {CONSONANT(TH, 0)}},
    {"dh", {CONSONANT(TH, 0)}},
    {"t", {CONSONANT(DD, 0)}},
    {"d", {CONSONANT(DD, 0)}},
    {"dx", {CONSONANT(DD, 0)}},
    {"k", {CONSONANT(KK, 0)}},
    {"g", {CONSONANT(KK, 0)}},
    {"ng", {CONSONANT(KK, 0)}},
    {"eng", {CONSONANT(KK, 0)}},
    {"hh", {CONSONANT(KK, 0)}},
    {"hv", {CONSONANT(KK, 0)}},
    {"ch", {CONSONANT(CH, 0.5f)}},
    {"jh", {CONSONANT(CH, 0.5f)}},
    {"sh", {CONSONANT(CH, 0.55f)}},
    {"zh", {CONSONANT(CH, 0.55f)}},
    {"s", {CONSONANT(SS, 0)}},
    {"z", {CONSONANT(SS, 0)}},
    {"n", {CONSONANT(NN, 0)}},
    {"en", {CONSONANT(NN, 0)}},
    {"nx", {CONSONANT(NN, 0)}},
    {"l", {CONSONANT(NN, 0)}},
    {"el", {CONSONANT(NN, 0)}},
    {"r", {CONSONANT(RR, 0.4f)}},
    {"w", {CONSONANT(OU, 1)}},
    {"y", {CONSONANT(IH, 0)}},
};

/* One IPA sign. */
static const struct ipa_sign {
    uint32_t cp;
    struct ac_shape shape;
    bool vowel;
} ipa_signs[] = {
#define V(cp, v, open, round)                                                                                \
    {                                                                                                        \
        cp, {AC_VIS_##v, open, round}, true                                                                  \
    }
#define C(cp, v, round)                                                                                      \
    {                                                                                                        \
        cp, {AC_VIS_##v, 0, round}, false                                                                    \
    }
    V('a', AA, 0.95f, 0),
    V('e', E, 0.45f, 0),
    V('i', IH, 0.2f, 0),
    V('o', OH, 0.5f, 0.7f),
    V('u', OU, 0.25f, 1),
    V('y', OU, 0.2f, 0.9f),
    V(0x251, AA, 1.0f, 0.1f),
    V(0x250, AA, 0.6f, 0),
    V(0x252, OH, 0.8f, 0.5f),
    V(0xe6, AA, 0.85f, 0),
    V(0x254, OH, 0.7f, 0.6f),
    V(0x259, E, 0.35f, 0),
    V(0x25a, RR, 0.35f, 0.4f),
    V(0x258, E, 0.35f, 0),
    V(0x25b, E, 0.6f, 0),
    V(0x3b5, E, 0.6f, 0),
    V(0x25c, E, 0.5f, 0.1f),
    V(0x25d, RR, 0.4f, 0.45f),
    V(0x25e, E, 0.5f, 0.4f),
    V(0x268, IH, 0.25f, 0),
    V(0x26a, IH, 0.35f, 0),
    V(0x26f, IH, 0.25f, 0),
    V(0x264, E, 0.45f, 0),
    V(0x275, OU, 0.4f, 0.6f),
    V(0xf8, OU, 0.4f, 0.8f),
    V(0x153, OH, 0.6f, 0.6f),
    V(0x276, AA, 0.85f, 0.4f),
    V(0x289, OU, 0.25f, 0.9f),
    V(0x28a, OU, 0.4f, 0.6f),
    V(0x28c, AA, 0.65f, 0),
    V(0x28f, OU, 0.3f, 0.8f),
    V(0x1d7b, IH, 0.3f, 0),
    V(0x1d7f, OU, 0.35f, 0.6f),
    V(0x1d4a, E, 0.3f, 0),
    V('E', E, 0.6f, 0),
    V('A', AA, 1.0f, 0),
    V('I', IH, 0.35f, 0),
    V('O', OH, 0.7f, 0.6f),
    V('U', OU, 0.4f, 0.6f),
    V(0x27f, IH, 0.2f, 0),
    V(0x285, CH, 0.2f, 0.4f),
    C('p', PP, 0),
    C('b', PP, 0),
    C('m', PP, 0),
    C(0x253, PP, 0),
    C(0x299, PP, 0),
    C(0x271, FF, 0),
    C('f', FF, 0),
    C('v', FF, 0),
    C(0x28b, FF, 0),
    C(0x278, FF, 0.2f),
    C(0x3b2, FF, 0.2f),
    C(0x3b8, TH, 0),
    C(0xf0, TH, 0),
    C('t', DD, 0),
    C('d', DD, 0),
    C(0x288, DD, 0),
    C(0x256, DD, 0),
    C(0x257, DD, 0),
    C(0x27e, DD, 0),
    C(0x27d, DD, 0),
    C('c', KK, 0),
    C(0x25f, KK, 0),
    C(0x284, KK, 0),
    C('k', KK, 0),
    C('g', KK, 0),
    C(0x261, KK, 0),
    C(0x260, KK, 0),
    C('q', KK, 0),
    C(0x262, KK, 0),
    C(0x14b, KK, 0),
    C(0x274, KK, 0),
    C('x', KK, 0),
    C(0x263, KK, 0),
    C(0x3c7, KK, 0),
    C(0x281, KK, 0),
    C(0x280, KK, 0),
    C('h', KK, 0),
    C(0x266, KK, 0),
    C(0x127, KK, 0),
    C(0x295, KK, 0),
    C(0x294, KK, 0),
    C(0x29d, KK, 0),
    C(0xe7, CH, 0.1f),
    C(0x270, KK, 0),
    C(0x283, CH, 0.55f),
    C(0x292, CH, 0.55f),
    C(0x255, CH, 0.1f),
    C(0x291, CH, 0.1f),
    C(0x282, CH, 0.35f),
    C(0x290, CH, 0.35f),
    C('s', SS, 0),
    C('z', SS, 0),
    C(0x26c, SS, 0),
    C(0x26e, SS, 0),
    C('n', NN, 0),
    C(0x272, NN, 0),
    C(0x273, NN, 0),
    C('l', NN, 0),
    C(0x26b, NN, 0),
    C(0x28e, NN, 0),
    C(0x26d, NN, 0),
    C(0x29f, NN, 0),
    C('r', RR, 0.2f),
    C(0x279, RR, 0.4f),
    C(0x27b, RR, 0.4f),
    C(0x27a, RR, 0.2f),
    C('j', IH, 0),
    C('w', OU, 1),
    C(0x265, OU, 0.8f),
    C(0x28d, OU, 0.8f),
    C(0x267, CH, 0.5f),
    C(0x298, PP, 0),
    C(0x1c0, DD, 0),
    C(0x1c3, DD, 0),
    C(0x1c1, DD, 0),
    C(0x2b2, IH, 0),
    /* affricates as one sign */
    C(0x2a6, SS, 0),
    C(0x2a3, SS, 0),
    C(0x2a7, CH, 0.55f),
    C(0x2a4, CH, 0.55f),
    C(0x2a8, CH, 0.1f),
    C(0x2a5, CH, 0.1f),
    /* what eSpeak NG has no IPA name for, in its ASCII notation */
    C('S', CH, 0.55f),
    C('Z', CH, 0.55f),
    C('T', TH, 0),
    C('D', TH, 0),
    C('N', KK, 0),
    C('X', KK, 0),
    C('Q', KK, 0),
    C('R', RR, 0.2f),
    C('L', NN, 0),
#undef V
#undef C
};

struct ac_shapes ac_shapes_flite(const char *name)
{
    for (size_t i = 0; i < sizeof flite_phones / sizeof *flite_phones; i++)
        if (!strcmp(flite_phones[i].name, name))
            return flite_phones[i].shapes;
    return (struct ac_shapes){0};
}

static const struct ipa_sign *find_sign(uint32_t cp)
{
    for (size_t i = 0; i < sizeof ipa_signs / sizeof *ipa_signs; i++)
        if (ipa_signs[i].cp == cp)
            return &ipa_signs[i];
    return NULL;
}

/* The sign under its diacritics ("ä" is an "a" here). */
static uint32_t base_sign(uint32_t cp)
{
    UErrorCode err = U_ZERO_ERROR;
    UChar parts[8];
    const UNormalizer2 *nfd = unorm2_getNFDInstance(&err);
    int32_t n = U_SUCCESS(err) ? unorm2_getDecomposition(nfd, (UChar32)cp, parts, 8, &err) : -1;

    return U_SUCCESS(err) && n > 0 && cp != 0xe7 ? parts[0] : cp; /* ç is a sign of its own */
}

/* Marks that change no mouth shape: length, stress, tone, aspiration, everything combining, punctuation,
 * digits. */
static bool is_mark(uint32_t cp)
{
    return (cp >= 0x2b0 && cp <= 0x36f && cp != 0x2b2) ||
           (cp >= 0x1d2c && cp <= 0x1dbf && cp != 0x1d4a && cp != 0x1d7b) || (cp >= 0x2070 && cp <= 0x209f) ||
           (cp < 0x80 && !((cp | 0x20) >= 'a' && (cp | 0x20) <= 'z')) || cp == 0xfffd ||
           (cp >= 0xa0 && cp <= 0xbf) || cp == 0x203f;
}

static bool sounds_like(const struct ipa_sign *s, enum ac_viseme v)
{
    return s && !s->vowel && s->shape.viseme == v;
}

/* How a sign joins the one before it: true where it takes its place. */
static bool replaces(const struct ipa_sign *before, const struct ipa_sign *s)
{
    if (sounds_like(before, AC_VIS_DD))
        return sounds_like(s, AC_VIS_SS) || sounds_like(s, AC_VIS_CH);  /* ts, tʃ … */
    return sounds_like(before, AC_VIS_NN) && sounds_like(s, AC_VIS_KK); /* nɡ */
}

struct ac_shapes ac_shapes_ipa(const char *ipa, size_t max)
{
    const struct ipa_sign *first = NULL, *last = NULL;
    const char *p = ipa, *end = ipa + strnlen(ipa, max);
    bool palatal = false;

    if (p == end || *p == '(') /* pause, or the mark of a switch of language */
        return (struct ac_shapes){1, {{AC_VIS_SIL, 0, 0}}, false};
    while (p < end) {
        uint32_t cp = base_sign(ac_utf8_next(&p, end));
        palatal = palatal || cp == 0x2b2;
        const struct ipa_sign *s = cp == 0x2b2 || is_mark(cp) ? NULL : find_sign(cp);
        if (!s && !is_mark(cp) && cp != 0x2b2)
            return (struct ac_shapes){0};
        if (s && s->shape.viseme == AC_VIS_SS && p < end && *p == '.')
            s = find_sign(0x282); /* eSpeak writes the Mandarin retroflexes as s. and z. */
        if (!s || (cp == 'h' && last))
            continue;
        if (!first || (first == last && replaces(first, s)))
            first = s;
        last = s;
    }
    if (!first && palatal)
        first = last = find_sign('j');
    if (!first)
        return (struct ac_shapes){1, {{AC_VIS_SIL, 0, 0}}, false};
    struct ac_shapes out = {1, {first->shape, last->shape}, first->vowel || last->vowel};
    out.n = first == last ? 1 : 2;
    return out;
}

static void add_one(struct ac_phones *list, const struct ac_shape *shape, const char *name, int32_t start_us,
                    int32_t end_us, bool stressed)
{
    struct ac_phone *p = ac_phones_add(list);

    p->start_us = start_us;
    p->end_us = end_us;
    snprintf(p->name, sizeof p->name, "%s", name);
    p->viseme = shape->viseme;
    p->openness = shape->openness;
    p->rounding = shape->rounding;
    p->stressed = stressed;
}

void ac_shapes_add(struct ac_phones *list, const struct ac_shapes *shapes, const char *name, int32_t start_us,
                   int32_t end_us, bool stressed)
{
    static const struct ac_shape rest = {AC_VIS_SIL, 0, 0};

    if (shapes->n < 2) {
        add_one(list, shapes->n ? &shapes->v[0] : &rest, name, start_us, end_us, stressed && shapes->vowel);
        return;
    }
    int32_t middle = start_us + (int32_t)((int64_t)(end_us - start_us) * 55 / 100);
    bool first_vowel = shapes->v[0].openness > 0, second_vowel = shapes->v[1].openness > 0;
    add_one(list, &shapes->v[0], name, start_us, middle, stressed && first_vowel);
    add_one(list, &shapes->v[1], name, middle, end_us, stressed && !first_vowel && second_vowel);
}
