/* Knowledge files: any bytes give whole entries or a reason. */
#include "fuzz.h"

#include <string.h>

#include "avatarchat/err.h"
#include "llm/knowledge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ac_knowledge k = {0};
    char reason[256] = "";
    int err = ac_knowledge_parse(&k, (const char *)data, size, "en", reason, sizeof reason);

    if (err) {
        fuzz_check(err == AC_EUTF8 || err == AC_ECONFIG);
        fuzz_check(k.n == 0 && reason[0] != '\0' && memchr(reason, 0, sizeof reason) != NULL);
    }
    for (size_t i = 0; i < k.n; i++) {
        const struct ac_entry *e = k.entries[i];
        fuzz_check(e->n_questions > 0 && e->n_answers > 0 && e->line > 0 && e->keywords != NULL);
        fuzz_check(memchr(e->lang, 0, sizeof e->lang) != NULL);
        for (size_t j = 0; j < e->n_answers; j++)
            fuzz_check(e->answers[j][0] != '\0');
    }
    ac_knowledge_free(&k);
    return 0;
}
