/* See character_motion.h. All angles in radians, lengths in drawing units (a face is about 400 wide). */
#include "avatar/character_motion.h"

#include <math.h>
#include <string.h>

static const float TAU = 6.28318531f;
static const float HOLD_MOST = 1.8f; /* drawing units: about a pixel */
enum { HOLD_FRAME_US = 50000 };      /* slower pictures all move */

enum { MOST_LEFT_OUT = 10 };

static float wave(double phase, float cycles, float offset)
{
    return sinf((float)(phase * (double)(TAU * cycles)) + offset * TAU);
}

static float ease(float t)
{
    t = t < 0 ? 0 : t > 1 ? 1 : t;
    return t * t * (3 - 2 * t);
}

/* ---- idle life ---- */

/* Blinks: when they start, microseconds in the period; none near its ends, so the clip's join is calm. */
static const int BLINKS_US[] = {1480000, 4360000, 7240000, 7720000, 10520000};

/* Gaze shifts: from, to (microseconds) and where to, as a share of the reach. Between them the viewer is
 * looked at. */
static const struct {
    int from_us, to_us;
    float x, y;
} GLANCES[] = {
    {2600000, 3320000, -0.35f, 0.18f},
    {5560000, 6280000, 0.42f, -0.10f},
    {8600000, 9080000, 0.12f, 0.30f},
};

static float blink_at(int64_t us)
{
    const int close_us = 90000, hold_us = 40000, open_us = 170000;
    float most = 0;
    for (size_t i = 0; i < sizeof BLINKS_US / sizeof *BLINKS_US; i++) {
        int64_t t = us - BLINKS_US[i];
        float v = 0;
        if (t > 0 && t < close_us)
            v = ease((float)t / (float)close_us);
        else if (t >= close_us && t <= close_us + hold_us)
            v = 1;
        else if (t > 0 && t < close_us + hold_us + open_us)
            v = 1 - ease((float)(t - close_us - hold_us) / (float)open_us);
        most = fmaxf(most, v);
    }
    return most;
}

static void glance_at(int64_t us, float *x, float *y)
{
    const int flight_us = 60000;
    *x = *y = 0;
    for (size_t i = 0; i < sizeof GLANCES / sizeof *GLANCES; i++) {
        if (us <= GLANCES[i].from_us || us >= GLANCES[i].to_us + flight_us)
            continue;
        float in = ease((float)(us - GLANCES[i].from_us) / flight_us);
        float out = us > GLANCES[i].to_us ? ease((float)(us - GLANCES[i].to_us) / flight_us) : 0;
        *x = GLANCES[i].x * (in - out);
        *y = GLANCES[i].y * (in - out);
    }
}

/* The head as it is at held_us, lids and gaze as they are at us. */
static void idle(const struct ac_char_rig *rig, int64_t us, int64_t held_us, struct ac_char_face *f)
{
    double phase = (double)held_us / AC_IDLE_PERIOD_US;
    float k = rig->liveliness, gx, gy;

    f->motion[AC_CHAR_BREATH] = 2.6f * (0.5f - 0.5f * cosf((float)(phase * (double)(3 * TAU))));
    f->motion[AC_CHAR_SHIFT_X] = k * (2.2f * wave(phase, 1, 0.1f) + 0.9f * wave(phase, 3, 0.4f));
    f->motion[AC_CHAR_SHIFT_Y] = k * (1.1f * wave(phase, 2, 0.3f));
    f->motion[AC_CHAR_ROLL] = k * (0.008f * wave(phase, 1, 0.55f) + 0.004f * wave(phase, 2, 0.2f));
    f->motion[AC_CHAR_YAW] = k * (0.020f * wave(phase, 1, 0.8f) + 0.010f * wave(phase, 2, 0.05f));
    f->motion[AC_CHAR_PITCH] = k * (0.010f * wave(phase, 2, 0.7f) + 0.006f * wave(phase, 3, 0.15f));
    f->lid[0] = f->lid[1] = blink_at(us);
    glance_at(us, &gx, &gy);
    f->gaze_x = 8 * gx - 22 * f->motion[AC_CHAR_YAW];
    f->gaze_y = 6 * gy - 12 * f->motion[AC_CHAR_PITCH];
    glance_at(held_us, &gx, &gy);
    f->motion[AC_CHAR_YAW] += k * 0.02f * gx;
    f->motion[AC_CHAR_PITCH] += k * 0.015f * gy;
}

/* ---- what speech and feelings add ---- */

struct expression {
    float brow_l, brow_r, brow_in, smile, lid, low_lid, gaze_x, gaze_y, pitch, roll, yaw;
};

static const struct expression EXPRESSIONS[AC_EMOTION_COUNT] = {
    [AC_EMOTION_HAPPY] = {.brow_l = 0.35f,
                          .brow_r = 0.35f,
                          .smile = 1,
                          .lid = 0.08f,
                          .low_lid = 0.7f,
                          .pitch = -0.012f,
                          .roll = -0.008f},
    [AC_EMOTION_SAD] = {.brow_l = -0.1f,
                        .brow_r = -0.1f,
                        .brow_in = 1.2f,
                        .smile = -0.85f,
                        .lid = 0.2f,
                        .gaze_y = 2.5f,
                        .pitch = 0.03f,
                        .roll = 0.012f},
    [AC_EMOTION_SURPRISED] =
        {.brow_l = 1.25f, .brow_r = 1.25f, .brow_in = 0.15f, .lid = -0.25f, .pitch = -0.025f},
    [AC_EMOTION_THINKING] = {.brow_l = -0.15f,
                             .brow_r = 0.75f,
                             .brow_in = -0.35f,
                             .smile = -0.1f,
                             .lid = 0.03f,
                             .gaze_x = 9,
                             .gaze_y = -6,
                             .pitch = -0.012f,
                             .roll = 0.025f,
                             .yaw = 0.03f},
};

static void express(const struct expression *e, float k, struct ac_char_face *f)
{
    f->motion[AC_CHAR_BROW_L] += k * e->brow_l;
    f->motion[AC_CHAR_BROW_R] += k * e->brow_r;
    f->motion[AC_CHAR_BROW_IN] += k * e->brow_in;
    f->motion[AC_CHAR_SMILE] += k * e->smile;
    f->motion[AC_CHAR_PITCH] += k * e->pitch;
    f->motion[AC_CHAR_ROLL] += k * e->roll;
    f->motion[AC_CHAR_YAW] += k * e->yaw;
    f->smile += k * e->smile;
    f->low_lid += k * e->low_lid;
    f->gaze_x += k * e->gaze_x;
    f->gaze_y += k * e->gaze_y;
    for (int i = 0; i < 2; i++)
        f->lid[i] += k * e->lid * (1 - f->lid[i]);
}

/* Towards the goal by at most the step; reaches it exactly. */
static void approach(float *v, float goal, float up, float down)
{
    if (*v < goal)
        *v = fminf(*v + up, goal);
    else
        *v = fmaxf(*v - down, goal);
}

static float unit(float v)
{
    return isfinite(v) ? v < 0 ? 0 : v > 1 ? 1 : v : 0;
}

static void advance(struct ac_char_motion *m, const struct ac_pose *pose, int frame_us)
{
    float slow = (float)frame_us / (AC_CHAR_FADE_US - 20000), fast = (float)frame_us / 110000;
    float talk = pose->speaking ? 1 : 0;
    approach(&m->speaking, talk, slow, slow);
    approach(&m->nod, talk * unit(pose->stress), fast, slow);
    approach(&m->brow, talk * unit(pose->stress), fast * 0.7f, slow);
    approach(&m->energy, talk * unit(pose->energy), fast, slow);
    for (int e = 1; e < AC_EMOTION_COUNT; e++)
        approach(&m->emotion[e], (int)pose->emotion == e ? 1 : 0, slow, slow);
}

static void talk(const struct ac_char_motion *m, const struct ac_char_rig *rig, double phase,
                 struct ac_char_face *f)
{
    float k = rig->liveliness * ease(m->speaking), lively = k * (0.6f + 0.4f * m->energy);

    f->motion[AC_CHAR_YAW] += lively * (0.030f * wave(phase, 5, 0.2f) + 0.018f * wave(phase, 8, 0.6f));
    f->motion[AC_CHAR_PITCH] += lively * 0.014f * wave(phase, 7, 0.35f);
    f->motion[AC_CHAR_ROLL] += lively * (0.010f * wave(phase, 4, 0.75f) + 0.005f * wave(phase, 9, 0.1f));
    f->motion[AC_CHAR_SHIFT_Y] += lively * 1.0f * wave(phase, 7, 0.5f);
    f->motion[AC_CHAR_PITCH] += k * 0.040f * ease(m->nod);
    f->motion[AC_CHAR_SHIFT_Y] += k * 2.4f * ease(m->nod);
    f->motion[AC_CHAR_BROW_L] += k * 0.34f * ease(m->brow);
    f->motion[AC_CHAR_BROW_R] += k * 0.34f * ease(m->brow);
}

/* ---- on twos ---- */

/* How far two postures of the head are apart, in drawing units, at most. */
static float distance(const struct ac_char_rig *rig, const float *a, const float *b)
{
    float x = fabsf(a[AC_CHAR_SHIFT_X] - b[AC_CHAR_SHIFT_X]) +
              fabsf(a[AC_CHAR_YAW] - b[AC_CHAR_YAW]) * rig->face_rx;
    float y = fabsf(a[AC_CHAR_SHIFT_Y] - b[AC_CHAR_SHIFT_Y]) +
              fabsf(a[AC_CHAR_PITCH] - b[AC_CHAR_PITCH]) * rig->face_ry;
    return x + y + fabsf(a[AC_CHAR_ROLL] - b[AC_CHAR_ROLL]) * rig->head_ry +
           fabsf(a[AC_CHAR_BREATH] - b[AC_CHAR_BREATH]);
}

/* Keeps the head where it was in the first frame of a cell of time, unless it is fast. */
static void hold(struct ac_char_motion *m, const struct ac_char_rig *rig, int64_t cell,
                 struct ac_char_face *f)
{
    if (m->cell == cell && distance(rig, m->held, f->motion) < HOLD_MOST) {
        memcpy(f->motion, m->held, sizeof m->held);
        return;
    }
    m->cell = cell;
    memcpy(m->held, f->motion, sizeof m->held);
}

void ac_char_motion_step(struct ac_char_motion *m, const struct ac_char_rig *rig, const struct ac_pose *pose,
                         int frame_us, struct ac_char_face *face)
{
    int64_t us = pose->idle_us % AC_IDLE_PERIOD_US;
    if (us < 0)
        us += AC_IDLE_PERIOD_US;
    memset(face, 0, sizeof *face);
    face->mouth = ac_char_mouth_clamp(&pose->mouth);
    int64_t gap = pose->frame - m->frame; /* pictures may be left out where time is short */
    m->frame = pose->frame;
    advance(m, pose, frame_us * (gap > 1 && gap <= MOST_LEFT_OUT ? (int)gap : 1));
    int64_t cell_us = frame_us <= HOLD_FRAME_US ? 2 * frame_us : frame_us;
    idle(rig, us, us - us % cell_us, face);
    talk(m, rig, (double)us / AC_IDLE_PERIOD_US, face);
    for (int e = 1; e < AC_EMOTION_COUNT; e++)
        express(&EXPRESSIONS[e], ease(m->emotion[e]), face);
    hold(m, rig, us / cell_us + 1, face);
    /* the upper lid follows the gaze */
    for (int i = 0; i < 2; i++)
        face->lid[i] += (1 - fmaxf(face->lid[i], 0)) * 0.022f * face->gaze_y;
}
