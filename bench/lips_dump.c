/*
 * lips_dump: speech with its true mouth movements, 100 poses a second, for tools/lips_speech.py.
 *
 *     lips_dump <lines >clips
 *
 * A line: VOICE (as of lips_say.h), LANGUAGE, RATE, PITCH, TEXT, parted by tabs. A clip, little-endian: int32
 * samples, int32 poses; int16 sound at 16 kHz; then the rows of lips_say.h, float32. A line that cannot be
 * spoken gives 0, 0.
 */
#include "lips_say.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FPS = 100, MAX_LINE = 65536 };

static void run_line(struct lips_mouths *m, char *line)
{
    struct lips_clip c = {0};
    char *field[5], *at = line;

    line[strcspn(line, "\n")] = '\0';
    for (int i = 0; i < 5; i++)
        field[i] = i < 4 ? strsep(&at, "\t") : at;
    if (field[4])
        lips_say(m, field[0], field[1], (float)atof(field[2]), (float)atof(field[3]), field[4], &c);
    else
        fprintf(stderr, "lips_dump: a line of fewer than five fields\n");
    int32_t head[2] = {(int32_t)(c.pcm.len / sizeof(int16_t)), (int32_t)c.n_rows};
    fwrite(head, sizeof head, 1, stdout);
    fwrite(c.pcm.p, 1, c.pcm.len, stdout);
    fwrite(c.rows.p, 1, c.rows.len, stdout);
    lips_clip_free(&c);
}

int main(void)
{
    static char line[MAX_LINE];
    struct lips_mouths m;

    if (lips_mouths_open(&m, FPS))
        return 1;
    while (fgets(line, sizeof line, stdin))
        run_line(&m, line);
    lips_mouths_close(&m);
    return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
