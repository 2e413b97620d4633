/* Word errors of a transcript: edit distance over words in lower case, without signs. */
#ifndef TEST_ASR_WORD_ERRORS_H
#define TEST_ASR_WORD_ERRORS_H

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WORDS = 200 };

static inline size_t split_words(char *text, char *words[MAX_WORDS])
{
    size_t n = 0;

    for (char *p = text; *p; p++)
        *p = (char)(isalnum((unsigned char)*p) || *p == '\'' ? tolower((unsigned char)*p) : ' ');
    for (char *rest = text, *w; (w = strsep(&rest, " ")) && n < MAX_WORDS;)
        if (*w)
            words[n++] = w;
    return n;
}

/* Words of said that are wrong, missing or too many, in hundredths of the words of truth. */
static inline double word_errors(const char *truth, const char *said)
{
    static size_t d[MAX_WORDS + 1][MAX_WORDS + 1];
    char *a = strdup(truth), *b = strdup(said), *aw[MAX_WORDS], *bw[MAX_WORDS];
    size_t n = split_words(a, aw), m = split_words(b, bw);

    for (size_t i = 0; i <= n; i++)
        for (size_t j = 0; j <= m; j++) {
            if (i == 0 || j == 0) {
                d[i][j] = i + j;
                continue;
            }
            size_t best = d[i - 1][j - 1] + (strcmp(aw[i - 1], bw[j - 1]) != 0);
            best = d[i - 1][j] + 1 < best ? d[i - 1][j] + 1 : best;
            d[i][j] = d[i][j - 1] + 1 < best ? d[i][j - 1] + 1 : best;
        }
    free(a);
    free(b);
    return 100.0 * (double)d[n][m] / (double)n;
}

#endif
