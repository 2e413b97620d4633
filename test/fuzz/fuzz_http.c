/*
 * The rules of HTTP: any request headers give a reply that lies inside of the content. The input is
 * Range, If-Range, If-None-Match, Accept-Encoding, Origin, Host, one a line.
 */
#include "fuzz.h"

#include <string.h>

#include "server/rules.h"

enum { FIELDS = 6 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char body[] = "0123456789abcdefghijklmnopqrstuvwxyz", packed[] = "packed";
    struct ac_content content = {.type = "text/plain",
                                 .data = body,
                                 .len = sizeof body - 1,
                                 .gzip = packed,
                                 .gzip_len = sizeof packed - 1,
                                 .cache = "no-cache"};
    char *text = malloc(size + 1), *rest = text;
    const char *field[FIELDS];
    struct ac_reply r;

    memcpy(text, data, size);
    text[size] = '\0';
    for (int i = 0; i < FIELDS; i++) {
        const char *line = strsep(&rest, "\n");
        field[i] = line ? line : "";
    }
    ac_content_tag(&content);
    for (int head = 0; head < 2; head++) {
        struct ac_conditions when = {.range = field[0],
                                     .if_range = field[1],
                                     .if_none_match = field[2],
                                     .accept_encoding = field[3],
                                     .head = head};
        memset(&r, 0, sizeof r);
        ac_reply_choose(&content, &when, &r);
        fuzz_check(r.status == 200 || r.status == 206 || r.status == 304 || r.status == 416);
        fuzz_check(memchr(r.tag, 0, sizeof r.tag) && memchr(r.content_range, 0, sizeof r.content_range));
        if (r.status == 206)
            fuzz_check(!r.gzip && r.len > 0 && r.len <= content.len && r.content_range[0] != '\0');
        if (!head && r.body && (r.status == 200 || r.status == 206)) {
            const char *from = r.gzip ? packed : body;
            size_t all = r.gzip ? content.gzip_len : content.len;
            fuzz_check(r.body >= from && r.body + r.len <= from + all);
        }
    }
    (void)ac_origin_allowed(field[4], field[5]);
    (void)ac_session_id_valid(field[0]);
    (void)ac_mime_type(field[4]);
    (void)ac_path_is_hashed(field[5]);
    free(text);
    return 0;
}
