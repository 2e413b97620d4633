/*
 * Coarticulation. See mouth.h and docs/lipsync.md.
 *
 * Every phoneme pulls each parameter towards its target, with a weight that is largest in its middle and
 * decays with the distance: param(t) = Σ w_i(t)·target_i / Σ w_i(t). The decay is slower ahead of the phoneme
 * than behind it, and slowest for rounding, so that lips round before the vowel does. What must not be
 * blended away is laid over the result: closed lips on p b m, the bite on f v, rest in silence.
 */
#include "lipsync/mouth.h"

#include <math.h>

enum param { JAW, WIDTH, ROUND, UPPER, LOWER, TEETH, TONGUE, N_PARAMS };

struct shape {
    float target[N_PARAMS];
    float strength[N_PARAMS];
};

/*
 *   jaw    width  round  upper  lower  teeth  tongue
 */
static const struct shape consonants[AC_VIS_COUNT] = {
    [AC_VIS_PP] = {{0.03f, 0, 0, 0, 0, 0, 0}, {0.7f, 0.3f, 0.1f, 0.7f, 0.7f, 0.2f, 0.1f}},
    [AC_VIS_FF] = {{0.10f, 0.10f, 0, 0.25f, 0.05f, 0, 0}, {0.9f, 0.4f, 0.2f, 0.8f, 0.8f, 0.2f, 0.1f}},
    [AC_VIS_TH] = {{0.18f, 0.10f, 0, 0.20f, 0.30f, 0.15f, 0.85f}, {0.7f, 0.3f, 0.2f, 0.6f, 0.6f, 0.6f, 1}},
    [AC_VIS_DD] = {{0.14f, 0.10f, 0, 0.15f, 0.22f, 0.5f, 0.75f}, {0.6f, 0.2f, 0.15f, 0.4f, 0.4f, 0.6f, 1}},
    [AC_VIS_KK] = {{0.22f, 0.05f, 0, 0.12f, 0.20f, 0.1f, 0}, {0.3f, 0.1f, 0.1f, 0.3f, 0.3f, 0.2f, 0.4f}},
    [AC_VIS_CH] = {{0.12f, -0.25f, 0.5f, 0.40f, 0.45f, 0.85f, 0.2f}, {0.9f, 0.7f, 0.7f, 0.8f, 0.8f, 1, 0.6f}},
    [AC_VIS_SS] = {{0.07f, 0.35f, 0, 0.30f, 0.35f, 0.98f, 0.3f}, {0.9f, 0.4f, 0.15f, 0.7f, 0.7f, 1.2f, 0.6f}},
    [AC_VIS_NN] = {{0.18f, 0.10f, 0, 0.14f, 0.22f, 0.25f, 0.8f}, {0.5f, 0.2f, 0.15f, 0.4f, 0.4f, 0.4f, 1}},
    [AC_VIS_RR] = {{0.18f, -0.25f, 0.4f, 0.18f, 0.25f, 0.3f, 0.2f},
                   {0.6f, 0.5f, 0.6f, 0.5f, 0.5f, 0.4f, 0.6f}},
    [AC_VIS_IH] = {{0.12f, 0.45f, 0, 0.15f, 0.22f, 0.3f, 0.1f}, {0.6f, 0.6f, 0.4f, 0.5f, 0.5f, 0.3f, 0.4f}},
    [AC_VIS_OU] = {{0.10f, -0.60f, 1, 0.05f, 0.08f, 0, 0}, {0.8f, 1, 1, 0.7f, 0.7f, 0.3f, 0.4f}},
};

static const float vowel_strength[N_PARAMS] = {1, 0.9f, 1, 1, 1, 0.3f, 0.4f};

/* Time constants of the decay, before the phoneme and after it. */
static const float ahead_ms[N_PARAMS] = {40, 70, 110, 45, 45, 30, 30};
static const float after_ms[N_PARAMS] = {40, 55, 60, 45, 45, 30, 30};

enum {
    CLOSE_MS = 120,     /* silence: how long the mouth takes to close */
    OPEN_MS = 90,       /* how long it takes to open */
    OPEN_AHEAD_MS = 60, /* and how much of that comes before the first phoneme */
    CONTACT_MS = 55,    /* p b m f v: approach and release of the lips */
    STRESS_MS = 180,    /* half width of the bump of a stressed vowel */
    MIN_PAUSE_MS = 40   /* shorter silences do not move the mouth */
};

static float smooth(float x)
{
    if (x <= 0)
        return 0;
    if (x >= 1)
        return 1;
    return x * x * (3 - 2 * x);
}

static float clampf(float x, float lo, float hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

static struct shape shape_of(const struct ac_phone *p)
{
    if (p->openness <= 0)
        return consonants[p->viseme];

    static const float spread[AC_VIS_COUNT] = {
        [AC_VIS_AA] = 0.15f, [AC_VIS_E] = 0.35f, [AC_VIS_IH] = 0.5f, [AC_VIS_OH] = 0.1f, [AC_VIS_RR] = 0.05f};
    float open = p->openness, round = p->rounding, plain = 1 - round;
    struct shape s = {
        .target = {0.05f + 0.8f * open, spread[p->viseme] * plain - 0.6f * round, round,
                   (0.12f + 0.33f * open) * (1 - 0.7f * round), (0.18f + 0.42f * open) * (1 - 0.6f * round),
                   0, 0},
    };
    for (int i = 0; i < N_PARAMS; i++)
        s.strength[i] = vowel_strength[i];
    return s;
}

/* Weight of a phone's pull on parameter i at t: full in its middle half, 0 from AC_MOUTH_REACH_US on. */
static float dominance(const struct ac_phone *p, int i, float strength, int64_t t_us)
{
    int64_t quarter = (p->end_us - p->start_us) / 4;
    int64_t before = p->start_us + quarter - t_us, after = t_us - (p->end_us - quarter);
    int64_t d = before > 0 ? before : after > 0 ? after : 0;

    if (d >= AC_MOUTH_REACH_US)
        return 0;
    float constant = before > 0 ? ahead_ms[i] : after_ms[i];
    float taper = 1 - (float)d / AC_MOUTH_REACH_US;
    return strength * expf(-(float)d / 1000 / constant) * taper * taper;
}

static bool reaches(const struct ac_phone *p, int64_t t_us)
{
    return p->start_us < t_us + AC_MOUTH_REACH_US && p->end_us > t_us - AC_MOUTH_REACH_US;
}

static void blend(const struct ac_mouth_track *k, size_t first, int64_t t_us, float out[N_PARAMS])
{
    float sum[N_PARAMS] = {0}, weight[N_PARAMS] = {0};

    for (size_t n = first; n < k->n && k->phones[n].start_us < t_us + AC_MOUTH_REACH_US; n++) {
        const struct ac_phone *p = &k->phones[n];
        if (p->viseme == AC_VIS_SIL || !reaches(p, t_us))
            continue;
        struct shape s = shape_of(p);
        for (int i = 0; i < N_PARAMS; i++) {
            float w = dominance(p, i, s.strength[i], t_us);
            sum[i] += w * s.target[i];
            weight[i] += w;
        }
    }
    for (int i = 0; i < N_PARAMS; i++)
        out[i] = weight[i] > 1e-6f ? sum[i] / weight[i] : 0;
}

/*
 * How much the lips touch for a closure of this viseme: 1 in its middle half and at the pose nearest to its
 * middle, so that no closure falls between two poses.
 */
static float contact(const struct ac_mouth_track *k, size_t first, int64_t t_us, enum ac_viseme viseme)
{
    float most = 0;

    for (size_t n = first; n < k->n && k->phones[n].start_us < t_us + AC_MOUTH_REACH_US; n++) {
        const struct ac_phone *p = &k->phones[n];
        if (p->viseme != viseme || !reaches(p, t_us))
            continue;
        int64_t middle = (p->start_us + p->end_us) / 2, quarter = (p->end_us - p->start_us) / 4;
        int64_t pose =
            middle / k->frame_us * k->frame_us + k->frame_us / 2; /* poses are in the middle of frames */
        int64_t from = p->start_us + quarter, to = p->end_us - quarter;
        from = pose < from ? pose : from;
        to = pose > to ? pose : to;
        int64_t d = t_us < from ? from - t_us : t_us > to ? t_us - to : 0;
        float c = smooth(1 - (float)d / 1000 / CONTACT_MS);
        most = c > most ? c : most;
    }
    return most;
}

/*
 * 1 while speaking, 0 at rest. Each stretch of speech between pauses opens the mouth around its first phoneme
 * and lets it close after its last one; a sentence begins closed.
 */
static float stretch_activity(int64_t start_us, int64_t end_us, int64_t t_us)
{
    int64_t rise = start_us > OPEN_AHEAD_MS * 1000 ? start_us - OPEN_AHEAD_MS * 1000 : 0;
    float opening = smooth((float)(t_us - rise) / 1000 / OPEN_MS);
    float closing = 1 - smooth((float)(t_us - end_us) / 1000 / CLOSE_MS);

    return opening < closing ? opening : closing;
}

static float activity(const struct ac_mouth_track *k, size_t first, int64_t t_us)
{
    int64_t start = -1, end = -1;
    float most = 0;

    for (size_t n = first; n < k->n && k->phones[n].start_us < t_us + AC_MOUTH_REACH_US; n++) {
        const struct ac_phone *p = &k->phones[n];
        if (p->viseme == AC_VIS_SIL)
            continue;
        if (start < 0 || p->start_us - end >= MIN_PAUSE_MS * 1000) {
            most = start < 0 ? most : fmaxf(most, stretch_activity(start, end, t_us));
            start = p->start_us;
        }
        end = p->end_us;
    }
    return start < 0 ? most : fmaxf(most, stretch_activity(start, end, t_us));
}

/* Brings a value to 0 at the last pose of the sentence. */
static float finale(const struct ac_mouth_track *k, int64_t t_us, int ms)
{
    return k->complete ? smooth((float)(k->rest_us - t_us) / 1000 / (float)ms) : 1;
}

void ac_mouth_at(const struct ac_mouth_track *k, size_t first, int64_t t_us, float energy,
                 struct ac_mouth *mouth)
{
    float v[N_PARAMS];
    float a = activity(k, first, t_us) * finale(k, t_us, CLOSE_MS);
    float press = contact(k, first, t_us, AC_VIS_PP), bite = contact(k, first, t_us, AC_VIS_FF);
    float end = finale(k, t_us, CONTACT_MS);

    blend(k, first, t_us, v);
    a *= k->strength;
    float free = a * (1 - press); /* closed lips leave nothing of the opening */
    float open = free * (0.7f + 0.35f * clampf(energy, 0, 1)) * (1 - 0.5f * bite);
    *mouth = (struct ac_mouth){
        .jaw = clampf(v[JAW] * open, 0, 1),
        .width = clampf(v[WIDTH] * a, -1, 1),
        .round = clampf(v[ROUND] * a, 0, 1),
        .upper = clampf(v[UPPER] * free, 0, 1),
        .lower = clampf(v[LOWER] * free * (1 - 0.8f * bite), 0, 1),
        .press = press * end,
        .bite = bite * end * (1 - press),
        .teeth = clampf(v[TEETH] * free, 0, 1),
        .tongue = clampf(v[TONGUE] * free, 0, 1),
    };
}

float ac_mouth_stress(const struct ac_mouth_track *k, size_t first, int64_t t_us)
{
    float most = 0;

    for (size_t n = first; n < k->n && k->phones[n].start_us < t_us + AC_MOUTH_REACH_US; n++) {
        const struct ac_phone *p = &k->phones[n];
        if (!p->stressed)
            continue;
        int64_t d = t_us - (p->start_us + p->end_us) / 2;
        float x = fabsf((float)d / 1000) / STRESS_MS;
        float bump = x < 1 ? 0.5f * (1 + cosf((float)M_PI * x)) : 0;
        most = bump > most ? bump : most;
    }
    return most;
}
