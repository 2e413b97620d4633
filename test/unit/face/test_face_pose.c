/* The angles of a face: the landmarks of a photo, turned in space, have turned by just that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "face/face_private.h"
#include "face_world.h"

static float *points; /* of a face that looks nearly straight ahead */

static int setup(void **state)
{
    (void)state;
    points = read_floats(FACE_DATA "astronaut.f32", (size_t)AC_FACE_POINTS * 3);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(points);
    return 0;
}

/* Turns the axis `from` towards the axis `to`. */
static void turn(struct ac_face *face, int from, int to, float angle)
{
    float c = cosf(angle), s = sinf(angle);

    for (int i = 0; i < AC_FACE_POINTS; i++) {
        float a = face->point[i][from], b = face->point[i][to];
        face->point[i][from] = a * c - b * s;
        face->point[i][to] = a * s + b * c;
    }
}

static struct ac_face *new_face(void)
{
    struct ac_face *face = ac_zalloc(sizeof *face);

    for (int i = 0; i < AC_FACE_POINTS; i++)
        for (int k = 0; k < 3; k++)
            face->point[i][k] = points[3 * i + k];
    return face;
}

/* Turned straight first, so that one angle does not mix with the others. */
static struct ac_face *new_straight_face(void)
{
    struct ac_face *face = new_face();

    for (int round = 0; round < 20; round++) {
        assert_true(ac_face_measure(face));
        turn(face, 0, 1, -face->roll);
        turn(face, 0, 2, -face->yaw);
        turn(face, 2, 1, -face->pitch);
    }
    assert_true(ac_face_measure(face));
    assert_true(fabsf(face->yaw) + fabsf(face->pitch) + fabsf(face->roll) < 1e-3F);
    return face;
}

static void test_angles(void **state)
{
    static const float angles[] = {-1.2F, -0.5F, -0.1F, 0.2F, 0.7F, 1.1F};

    (void)state;
    for (size_t i = 0; i < sizeof angles / sizeof *angles; i++) {
        float a = angles[i];
        for (int axis = 0; axis < 3; axis++) {
            struct ac_face *face = new_straight_face();
            if (axis == 0) /* clockwise in the picture: right goes down */
                turn(face, 0, 1, a);
            else if (axis == 1) /* to the picture's right: what is near goes right */
                turn(face, 0, 2, a);
            else /* raised: what is near goes up */
                turn(face, 2, 1, a);
            assert_true(ac_face_measure(face));
            const float got[] = {face->roll, face->yaw, face->pitch};
            for (int k = 0; k < 3; k++)
                if (!(fabsf(got[k] - (k == axis ? a : 0)) < 2e-3F))
                    fail_msg("axis %d by %.1f: angle %d is %.3f", axis, (double)a, k, (double)got[k]);
            free(face);
        }
    }
}

/* The signs are those of the header, by what the nose does. */
static void test_signs(void **state)
{
    enum { NOSE = 4, LEFT = 234, RIGHT = 454, BROW = 9, CHIN = 152 };
    struct ac_face *face = new_straight_face();

    (void)state;
    turn(face, 0, 2, 0.4F);
    float middle = (face->point[LEFT][0] + face->point[RIGHT][0]) / 2;
    assert_true(ac_face_measure(face) && face->yaw > 0.3F && face->point[NOSE][0] > middle + 5);
    turn(face, 0, 2, -0.4F);
    float before = face->point[NOSE][1] - (face->point[LEFT][1] + face->point[RIGHT][1]) / 2;
    turn(face, 2, 1, 0.4F);
    float after = face->point[NOSE][1] - (face->point[LEFT][1] + face->point[RIGHT][1]) / 2;
    assert_true(ac_face_measure(face) && face->pitch > 0.3F && after < before - 5);
    free(face);
}

/* Neither where it is, nor how large, nor a landmark that trembles changes how it looks. */
static void test_steady(void **state)
{
    struct ac_face *face = new_face(), *other = new_face();

    (void)state;
    assert_true(ac_face_measure(face));
    for (int i = 0; i < AC_FACE_POINTS; i++)
        for (int k = 0; k < 3; k++)
            other->point[i][k] = 7 * face->point[i][k] - 900;
    other->point[33][0] += 0.02F * 7 * face->width;
    assert_true(ac_face_measure(other));
    assert_true(fabsf(other->width / face->width - 7) < 0.2F);
    assert_true(fabsf(other->yaw - face->yaw) < 0.03F && fabsf(other->pitch - face->pitch) < 0.03F &&
                fabsf(other->roll - face->roll) < 0.03F);
    free(face);
    free(other);
}

static void test_no_shape(void **state)
{
    struct ac_face *face = ac_zalloc(sizeof *face);

    (void)state;
    assert_false(ac_face_measure(face)); /* all points in one place */
    free(face);
    face = new_face();
    face->point[100][1] = NAN;
    assert_false(ac_face_measure(face));
    free(face);
    face = new_face();
    for (int i = 0; i < AC_FACE_POINTS; i++)
        face->point[i][2] = -face->point[i][2]; /* hollow as a mould */
    assert_false(ac_face_measure(face));
    free(face);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_angles),
        cmocka_unit_test(test_signs),
        cmocka_unit_test(test_steady),
        cmocka_unit_test(test_no_shape),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
