/* Client messages of the WebSocket: any bytes are parsed to a whole message or refused with a reason. */
#include "fuzz.h"

#include <string.h>

#include "avatarchat/err.h"
#include "base/str.h"
#include "core/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ac_client_message m;
    char why[256] = "";
    int err = ac_client_parse((const char *)data, size, &m, why);

    if (err) {
        fuzz_check(err == AC_EPROTO || err == AC_EINVAL || err == AC_ELIMIT || err == AC_EUTF8);
        fuzz_check(memchr(why, 0, sizeof why) != NULL && why[0] != '\0');
        /* what the client is told must itself be a message */
        size_t len;
        char *text = ac_server_message("error", ac_error_data(err, why, 0), &len);
        fuzz_check(text && len == strlen(text) && ac_utf8_valid(text, len));
        free(text);
    } else {
        fuzz_check(m.type != AC_CLIENT_INVALID && m.root != NULL);
        if (m.type == AC_CLIENT_TEXT || m.type == AC_CLIENT_SAY)
            fuzz_check(m.text != NULL && ac_utf8_valid(m.text, strlen(m.text)));
        if (m.type == AC_CLIENT_AUDIO_START)
            fuzz_check(m.stream.mode && m.stream.format && m.stream.rate_hz >= 8000);
        if (m.type == AC_CLIENT_AUDIO) {
            fuzz_check(m.stream.format && m.audio_len > 0 && m.audio_len <= size);
            fuzz_check(m.stream.format != AC_AUDIO_PCM_S16LE || m.audio_len % 2 == 0);
        }
    }
    ac_client_clear(&m);
    return 0;
}
