/* Text on its way to a synthesiser: cleaning, numbers and the like in words, runs of a script, ASCII; maps
 * stay inside of the sentence. */
#include "fuzz.h"

#include <string.h>

#include "avatarchat/err.h"
#include "base/str.h"
#include "tts/spoken.h"
#include "tts/text.h"

static void check_text(const struct ac_tts_text *t, size_t sentence_len)
{
    fuzz_check(ac_utf8_valid(t->s.p, t->s.len));
    for (size_t i = 0; i < t->n; i++)
        fuzz_check(t->map[i].start <= t->map[i].end && t->map[i].end <= sentence_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    size_t max_bytes = 16 + (size_t)data[0] % 200;
    bool merge = data[0] & 1;
    const char *sentence = (const char *)data + 1;
    size_t len = size - 1;
    struct ac_tts_text t = {0};

    int err = ac_tts_clean(&t, sentence, len);
    if (err) {
        fuzz_check(err == AC_EUTF8 || err == AC_EEMPTY);
        fuzz_check((err == AC_EUTF8) == !ac_utf8_valid(sentence, len));
        ac_tts_text_free(&t);
        return 0;
    }
    fuzz_check(t.s.len > 0);
    check_text(&t, len);
    static const char *const langs[] = {"", "en", "zh-CN", "de"};
    struct ac_tts_text spoken = {0};
    err = ac_tts_spoken(&spoken, &t, langs[data[0] / 2 % 4]);
    fuzz_check(!err || err == AC_EEMPTY);
    if (!err)
        check_text(&spoken, len);
    ac_tts_text_free(&t);
    if (err) {
        ac_tts_text_free(&spoken);
        return 0;
    }
    t = spoken;
    struct ac_tts_run run;
    size_t at = 0, end = 0;
    while (ac_tts_next_run(&t, &at, max_bytes, merge, &run)) {
        struct ac_tts_text ascii = {0};
        fuzz_check(run.at >= end && run.len > 0 && run.len <= max_bytes && run.at + run.len <= t.s.len);
        fuzz_check(ac_utf8_valid(t.s.p + run.at, run.len));
        end = run.at + run.len;
        fuzz_check(at >= end);
        ac_tts_to_ascii(&ascii, &t, run.at, run.len);
        if (ascii.s.len) {
            check_text(&ascii, len);
            for (size_t i = 0; i < ascii.s.len; i++)
                fuzz_check((unsigned char)ascii.s.p[i] < 0x80);
        }
        ac_tts_text_free(&ascii);
    }
    ac_tts_text_free(&t);
    return 0;
}
