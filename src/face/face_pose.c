/*
 * Box and angles of a face from its points.
 *
 * The angles are those of the rotation that brings MediaPipe's canonical face, which looks straight ahead,
 * best onto the landmarks: the orthogonal factor of the weighted covariance of both (Schönemann 1966; the
 * factor by Newton's iteration, Higham 1986). Compared are 33 points that move little when a face speaks or
 * smiles, with the weights that MediaPipe's face geometry gives them; so one trembling point hardly matters.
 */
#include "face/face_private.h"

#include <math.h>

struct model_point {
    int id;
    float weight;
    float x, y, z; /* centimetres: right, down, away from the viewer */
};

/* geometry_pipeline_metadata_landmarks.binarypb of MediaPipe (Apache-2.0), with y and z turned round. */
static const struct model_point model[] = {
    {4, 0.0709F, 0.0000F, 0.4632F, -7.5866F},     {6, 0.0321F, 0.0000F, -2.4733F, -5.7886F},
    {10, 0.0084F, 0.0000F, -8.2618F, -4.4815F},   {33, 0.0587F, -4.4459F, -2.6640F, -3.1734F},
    {54, 0.0077F, -6.2793F, -6.6154F, -1.4259F},  {67, 0.0091F, -3.5240F, -8.0060F, -3.7292F},
    {117, 0.0098F, -5.2587F, -0.9458F, -2.9743F}, {119, 0.0146F, -3.3007F, -0.8616F, -3.8728F},
    {121, 0.0186F, -1.8207F, -1.4680F, -4.2241F}, {127, 0.0052F, -7.7431F, -2.3650F, 2.0052F},
    {129, 0.1206F, -1.7858F, 0.9783F, -4.8505F},  {132, 0.0056F, -7.2709F, 2.8909F, 2.2525F},
    {133, 0.0533F, -1.8564F, -2.5852F, -3.7579F}, {136, 0.0669F, -5.0853F, 7.1786F, -0.7147F},
    {143, 0.0148F, -6.4076F, -2.2360F, -1.5608F}, {147, 0.0143F, -6.2349F, 1.9444F, -1.6635F},
    {198, 0.0255F, -1.2468F, -0.2303F, -5.6810F}, {205, 0.0473F, -3.8329F, 1.5373F, -4.1377F},
    {263, 0.0587F, 4.4459F, -2.6640F, -3.1734F},  {284, 0.0077F, 6.2793F, -6.6154F, -1.4259F},
    {297, 0.0091F, 3.5240F, -8.0060F, -3.7292F},  {346, 0.0098F, 5.2587F, -0.9458F, -2.9743F},
    {348, 0.0146F, 3.3007F, -0.8616F, -3.8728F},  {350, 0.0186F, 1.8207F, -1.4680F, -4.2241F},
    {356, 0.0052F, 7.7431F, -2.3650F, 2.0052F},   {358, 0.1206F, 1.7858F, 0.9783F, -4.8505F},
    {361, 0.0056F, 7.2709F, 2.8909F, 2.2525F},    {362, 0.0533F, 1.8564F, -2.5852F, -3.7579F},
    {365, 0.0669F, 5.0853F, 7.1786F, -0.7147F},   {372, 0.0148F, 6.4076F, -2.2360F, -1.5608F},
    {376, 0.0143F, 6.2349F, 1.9444F, -1.6635F},   {420, 0.0255F, 1.2468F, -0.2303F, -5.6810F},
    {425, 0.0473F, 3.8329F, 1.5373F, -4.1377F},
};
enum { N_MODEL = sizeof model / sizeof *model };

static float determinant(float m[3][3])
{
    return m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) -
           m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
           m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]);
}

/* The rotation nearest to m, in place: the mean of m and its inverse transpose, again and again. False: none.
 */
static bool nearest_rotation(float m[3][3])
{
    for (int round = 0; round < 30; round++) {
        float det = determinant(m), next[3][3], change = 0;
        if (!(det > 1e-12F))
            return false;
        for (int i = 0; i < 3; i++)
            for (int k = 0; k < 3; k++) {
                int i1 = (i + 1) % 3, i2 = (i + 2) % 3, k1 = (k + 1) % 3, k2 = (k + 2) % 3;
                float cofactor = m[i1][k1] * m[i2][k2] - m[i1][k2] * m[i2][k1];
                next[i][k] = (m[i][k] + cofactor / det) / 2;
                change = fmaxf(change, fabsf(next[i][k] - m[i][k]));
            }
        for (int i = 0; i < 3; i++)
            for (int k = 0; k < 3; k++)
                m[i][k] = next[i][k];
        if (change < 1e-6F)
            break;
    }
    return true;
}

/* The rotation from the model to the face. */
static bool rotation(const struct ac_face *face, float m[3][3])
{
    float weight = 0, at[3] = {0}, from[3] = {0}, size = 0;

    for (int i = 0; i < N_MODEL; i++) {
        const struct model_point *p = &model[i];
        const float c[3] = {p->x, p->y, p->z};
        weight += p->weight;
        for (int k = 0; k < 3; k++) {
            at[k] += p->weight * face->point[p->id][k];
            from[k] += p->weight * c[k];
        }
    }
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++)
            m[i][k] = 0;
    for (int n = 0; n < N_MODEL; n++) {
        const struct model_point *p = &model[n];
        const float c[3] = {p->x, p->y, p->z};
        for (int i = 0; i < 3; i++)
            for (int k = 0; k < 3; k++)
                m[i][k] += p->weight * (face->point[p->id][i] - at[i] / weight) * (c[k] - from[k] / weight);
    }
    for (int i = 0; i < 3; i++) /* the iteration begins near 1, whatever the face's size */
        for (int k = 0; k < 3; k++)
            size += m[i][k] * m[i][k];
    size = sqrtf(size / 3);
    if (!(size > 0) || !isfinite(size))
        return false;
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++)
            m[i][k] /= size;
    return nearest_rotation(m);
}

bool ac_face_measure(struct ac_face *face)
{
    float left = INFINITY, top = INFINITY, right = -INFINITY, bottom = -INFINITY, m[3][3];

    for (int i = 0; i < AC_FACE_POINTS; i++) {
        const float *p = face->point[i];
        if (!isfinite(p[0]) || !isfinite(p[1]) || !isfinite(p[2]))
            return false;
        left = fminf(left, p[0]);
        right = fmaxf(right, p[0]);
        top = fminf(top, p[1]);
        bottom = fmaxf(bottom, p[1]);
    }
    face->x = left;
    face->y = top;
    face->width = right - left;
    face->height = bottom - top;
    if (!rotation(face, m))
        return false;
    /* m = turned in the picture by roll · about the upright axis by yaw · about the ears' axis by pitch */
    face->roll = atan2f(m[1][0], m[0][0]);
    face->yaw = atan2f(m[2][0], hypotf(m[0][0], m[1][0]));
    face->pitch = atan2f(-m[2][1], m[2][2]);
    return true;
}
