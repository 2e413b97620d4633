/* The read-aloud service of tests (fake_edge.h). */
#include "fake/fake_edge.h"

#include "base/clock.h"
#include "base/mem.h"
#include "fake/fake_ws.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TOKEN "6A5AA1D4EAFF4E9FB37E23D68491D6F4"
enum { PIECE = 720 /* five frames, 120 ms */, BYTES_A_MS = 6, MAX_WORDS = 4096 };

struct fake_edge {
    struct fake_edge_config cfg;
    struct fake_ws *ws;
    char *mp3;
    size_t mp3_len;
    pthread_mutex_t lock;
    size_t requests, talks;       /* lock */
    int64_t first_us;             /* lock */
    struct ac_str problems, ssml; /* lock */
};

static void problem(struct fake_edge *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void problem(struct fake_edge *e, const char *fmt, ...)
{
    char line[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    pthread_mutex_lock(&e->lock);
    ac_str_addf(&e->problems, "%s\n", line);
    pthread_mutex_unlock(&e->lock);
}

static bool all_hex(const char *p, size_t n, bool upper)
{
    for (size_t i = 0; i < n; i++) {
        if (!isxdigit((unsigned char)p[i]) ||
            (upper ? islower((unsigned char)p[i]) : isupper((unsigned char)p[i])))
            return false;
    }
    return true;
}

/* ---- the handshake ---- */

static bool token_fits(struct fake_edge *e, const char *token)
{
    int64_t now = (int64_t)time(NULL) + e->cfg.clock_s;

    for (int64_t t = now - 300; t <= now + 300; t += 300) {
        unsigned char digest[32];
        char text[80], hex[65];
        int64_t windows = (t + 11644473600) / 300;
        snprintf(text, sizeof text, "%lld" TOKEN, (long long)(windows * 3000000000));
        EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL);
        for (size_t i = 0; i < 32; i++)
            snprintf(hex + 2 * i, 3, "%02X", digest[i]);
        if (strncmp(hex, token, 64) == 0)
            return true;
    }
    return false;
}

/* The token in a request line that has all its parts, in order; NULL else. */
static const char *check_line(struct fake_edge *e, const char *head)
{
    static const char path[] =
        "GET /consumer/speech/synthesize/readaloud/edge/v1?TrustedClientToken=" TOKEN "&ConnectionId=";
    const char *id = head + sizeof path - 1, *token = id + 32 + 12, *version = token + 64;

    if (strncmp(head, path, sizeof path - 1) != 0 || !all_hex(id, 32, false) ||
        strncmp(id + 32, "&Sec-MS-GEC=", 12) != 0 || !all_hex(token, 64, true) ||
        strncmp(version, "&Sec-MS-GEC-Version=1-143.0.3650.75 HTTP/1.1\r\n", 46) != 0) {
        problem(e, "request line: %.300s", head);
        return NULL;
    }
    return token;
}

static void check_headers(struct fake_edge *e, const char *head)
{
    static const char *const want[] = {
        "Pragma: no-cache",
        "Cache-Control: no-cache",
        "Origin: chrome-extension://jdiccldimpdaibmpdkjnbmckianbfold",
        "Sec-WebSocket-Version: 13",
        ("User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
         "Chrome/143.0.0.0 Safari/537.36 Edg/143.0.0.0"),
        "Accept-Encoding: gzip, deflate, br, zstd",
        "Accept-Language: en-US,en;q=0.9",
    };

    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        char *line = ac_asprintf("\r\n%s\r\n", want[i]);
        const char *at = strstr(head, line);
        if (!at || strstr(at + 2, line))
            problem(e, "header %s: %s", at ? "twice" : "missing", want[i]);
        free(line);
    }
    const char *muid = strstr(head, "\r\nCookie: muid=");
    if (!muid || !all_hex(muid + 15, 32, true) || strncmp(muid + 47, ";\r\n", 3) != 0)
        problem(e, "cookie: %.300s", muid ? muid : "missing");
}

static int fault_of(struct fake_edge *e, size_t i)
{
    return e->cfg.n_faults == 0 ? FAKE_EDGE_FINE
                                : e->cfg.faults[i < e->cfg.n_faults ? i : e->cfg.n_faults - 1];
}

static void accept_one(void *arg, const char *head, struct ac_str *refusal)
{
    struct fake_edge *e = arg;
    char date[64];
    time_t now = time(NULL) + e->cfg.clock_s;
    struct tm tm;

    pthread_mutex_lock(&e->lock);
    e->requests++;
    int fault = fault_of(e, e->talks);
    pthread_mutex_unlock(&e->lock);
    if (e->cfg.accept_ms)
        nanosleep(&(struct timespec){.tv_nsec = e->cfg.accept_ms * 1000000L}, NULL);
    const char *token = check_line(e, head);
    check_headers(e, head);
    strftime(date, sizeof date, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", gmtime_r(&now, &tm));
    int status = fault == FAKE_EDGE_BUSY ? 429 : fault == FAKE_EDGE_DOWN ? 503 : 0;
    if (fault == FAKE_EDGE_SHUT_OUT || (!status && token && !token_fits(e, token)))
        status = 403;
    if (status) {
        ac_str_addf(refusal, "HTTP/1.1 %d Scripted\r\n%sContent-Length: 0\r\nConnection: close\r\n\r\n",
                    status, fault == FAKE_EDGE_SHUT_OUT ? "" : date);
        pthread_mutex_lock(&e->lock);
        e->talks += fault != FAKE_EDGE_FINE;
        pthread_mutex_unlock(&e->lock);
    }
}

/* ---- what is asked ---- */

/* "Thu Nov 27 2025 08:15:30 GMT+0000 (Coordinated Universal Time)" after the key, near to our time. */
static bool date_fits(struct fake_edge *e, const char *text, const char *after)
{
    const char *at = strstr(text, "X-Timestamp:");
    struct tm tm = {0};

    const char *rest =
        at ? strptime(at + 12, "%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)", &tm) : NULL;
    return rest && strncmp(rest, after, strlen(after)) == 0 && strptime(at + 12, "%a %b", &tm) - at == 19 &&
           llabs((long long)timegm(&tm) - (long long)time(NULL) - e->cfg.clock_s) < 400;
}

static void check_config(struct fake_edge *e, const char *m)
{
    static const char want[] =
        "\r\nContent-Type:application/json; charset=utf-8\r\nPath:speech.config\r\n\r\n"
        "{\"context\":{\"synthesis\":{\"audio\":{\"metadataoptions\":{\"sentenceBoundaryEnabled\":\"false\","
        "\"wordBoundaryEnabled\":\"true\"},\"outputFormat\":\"audio-24khz-48kbitrate-mono-mp3\"}}}}\r\n";
    const char *rest = strstr(m, "\r\n");

    if (strncmp(m, "X-Timestamp:", 12) != 0 || !rest || strcmp(rest, want) != 0 || !date_fits(e, m, "\r\n"))
        problem(e, "config: %s", m);
}

/* The text in the SSML, still escaped; NULL where it is not as it must be. */
static const char *check_ssml(struct fake_edge *e, const char *m, size_t *len)
{
    static const char before[] = "Z\r\nPath:ssml\r\n\r\n<speak version='1.0' "
                                 "xmlns='http://www.w3.org/2001/10/synthesis' xml:lang='en-US'><voice "
                                 "name='Microsoft Server Speech Text to Speech Voice (";
    static const char end[] = "</prosody></voice></speak>";
    const char *id = m + 12, *stamp = id + 32, *speak = strstr(m, before);
    int pitch, rate, volume, n = 0;
    char locale[32], name[64];

    if (strncmp(m, "X-RequestId:", 12) != 0 || !all_hex(id, 32, false) ||
        strncmp(stamp, "\r\nContent-Type:application/ssml+xml\r\nX-Timestamp:", 49) != 0 || !speak ||
        !date_fits(e, m, "Z\r\n"))
        return NULL;
    if (sscanf(speak + sizeof before - 1,
               "%31[^,], %63[A-Za-z])'><prosody pitch='%dHz' rate='%d%%' volume='%d%%'>%n", locale, name,
               &pitch, &rate, &volume, &n) != 5 ||
        !n)
        return NULL;
    const char *text = speak + sizeof before - 1 + n, *stop = strstr(text, end);
    if (!stop || stop[sizeof end - 1])
        return NULL;
    *len = (size_t)(stop - text);
    return *len <= 4096 ? text : NULL;
}

/* ---- what is answered ---- */

static void say_text(struct fake_ws_peer *p, const char *path, const char *body)
{
    char *m = ac_asprintf("X-RequestId:0123456789abcdef0123456789abcdef\r\n"
                          "Content-Type:application/json; charset=utf-8\r\nPath:%s\r\n\r\n%s",
                          path, body);

    fake_ws_write(p, true, m, strlen(m));
    free(m);
}

static void say_sound(struct fake_ws_peer *p, const char *type, const char *data, size_t n)
{
    char *head = ac_asprintf("X-RequestId:0123456789abcdef0123456789abcdef\r\n%s"
                             "X-StreamId:FEDCBA9876543210\r\nPath:audio\r\n",
                             type);
    size_t len = strlen(head);
    struct ac_str m = {0};
    char size[2] = {(char)(len >> 8), (char)len};

    ac_str_add_n(&m, size, 2);
    ac_str_add_n(&m, head, len);
    ac_str_add_n(&m, data, n);
    fake_ws_write(p, false, m.p, m.len);
    ac_str_free(&m);
    free(head);
}

struct words {
    struct {
        const char *at;
        size_t len;
    } w[MAX_WORDS];
    size_t n, said;
};

/* Words between blanks and marks; of Chinese, two characters each. */
static void find_words(const char *text, size_t len, struct words *words)
{
    const char *p = text, *end = text + len;

    *words = (struct words){.n = 0};
    while (p < end && words->n < MAX_WORDS) {
        const char *from = p;
        uint32_t cp = ac_utf8_next(&p, end);
        if (cp < 0x80 && !isalnum((int)cp) && cp != '&')
            continue;
        if (cp < 0x80) {
            while (p < end && (isalnum((unsigned char)*p) || strchr("&;'", *p)))
                p++;
        } else if (cp < 0x4e00 || cp > 0x9fff) {
            continue; /* a mark */
        } else if (p < end) {
            const char *q = p;
            uint32_t second = ac_utf8_next(&q, end);
            if (second >= 0x4e00 && second <= 0x9fff)
                p = q;
        }
        words->w[words->n].at = from;
        words->w[words->n++].len = (size_t)(p - from);
    }
}

/* Those that begin before the time, `pair` in a message. */
static void say_words(struct fake_edge *e, struct fake_ws_peer *p, struct words *words, size_t until_ms,
                      size_t pair)
{
    size_t all_ms = e->mp3_len / BYTES_A_MS;

    while (words->said < words->n && words->said * all_ms / words->n <= until_ms) {
        struct ac_str m = {0};
        ac_str_add(&m, "{\"Metadata\": [");
        for (size_t k = 0; k < pair && words->said < words->n; k++, words->said++) {
            size_t from = words->said * all_ms / words->n, to = (words->said + 1) * all_ms / words->n;
            ac_str_addf(
                &m,
                "%s{\"Type\": \"WordBoundary\", \"Data\": {\"Offset\": %zu, \"Duration\": %zu, \"text\": "
                "{\"Text\": \"%.*s\", \"Length\": %zu, \"BoundaryType\": \"WordBoundary\"}}}",
                k ? ", " : "", from * 10000, (to - from) * 10000 - 5000, (int)words->w[words->said].len,
                words->w[words->said].at, words->w[words->said].len);
        }
        ac_str_add(&m, "]}");
        say_text(p, "audio.metadata", m.p);
        ac_str_free(&m);
    }
}

static void answer(struct fake_edge *e, struct fake_ws_peer *p, const char *text, size_t len, int fault)
{
    static const char type[] = "Content-Type:audio/mpeg\r\n";
    struct words *words = ac_alloc(sizeof *words);
    bool go = fault != FAKE_EDGE_NO_SOUND;

    find_words(text, len, words);
    say_text(p, "turn.start", "{}");
    say_text(p, "response", "{}");
    if (fault == FAKE_EDGE_NO_PATH)
        say_text(p, "turn.news", "{}");
    if (fault == FAKE_EDGE_BROKEN_FRAME)
        fake_ws_write(p, false,
                      "\x7f\xff"
                      "Path:audio\r\n",
                      14);
    if (fault == FAKE_EDGE_NOT_MP3)
        say_sound(p, "Content-Type:audio/webm; codec=opus\r\n", "x", 1);
    if (fault == FAKE_EDGE_STALL_FIRST)
        go = fake_ws_sleep(p, 60000);
    for (size_t at = 0; go && at < e->mp3_len; at += PIECE) {
        if (fault == FAKE_EDGE_STALL && at > 1000 * BYTES_A_MS && !fake_ws_sleep(p, 60000))
            break;
        if (fault == FAKE_EDGE_CLOSE && at > 1000 * BYTES_A_MS) {
            fake_ws_say_close(p, 1000);
            break;
        }
        if (at == 0) {
            pthread_mutex_lock(&e->lock);
            e->first_us = ac_now_us();
            pthread_mutex_unlock(&e->lock);
        }
        say_sound(p, type, e->mp3 + at, e->mp3_len - at < PIECE ? e->mp3_len - at : PIECE);
        say_words(e, p, words, (at + PIECE) / BYTES_A_MS, fault == FAKE_EDGE_PAIRS ? 2 : 1);
        go = !e->cfg.frame_ms || fake_ws_sleep(p, e->cfg.frame_ms);
    }
    if (fault != FAKE_EDGE_CLOSE) {
        say_sound(p, "", "", 0);
        say_text(p, "audio.metadata",
                 "{\"Metadata\": [{\"Type\": \"SessionEnd\", \"Data\": {\"Offset\": 1}}]}");
        say_text(p, "turn.end", "{}");
    }
    free(words);
}

static void talk(void *arg, struct fake_ws_peer *p)
{
    struct fake_edge *e = arg;
    struct ac_str m = {0};
    bool text;
    size_t len;

    pthread_mutex_lock(&e->lock);
    int fault = fault_of(e, e->talks++);
    pthread_mutex_unlock(&e->lock);
    if (fault == FAKE_EDGE_BREAK_FIRST)
        return;
    if (fake_ws_read(p, &m, &text)) {
        if (!text)
            problem(e, "the config is not text");
        check_config(e, m.p);
        if (fake_ws_read(p, &m, &text)) {
            const char *said = check_ssml(e, m.p, &len);
            if (!said)
                problem(e, "SSML: %.400s", m.p);
            pthread_mutex_lock(&e->lock);
            const char *speak = strstr(m.p, "<speak");
            ac_str_addf(&e->ssml, "%s\n", speak ? speak : "?");
            pthread_mutex_unlock(&e->lock);
            if (said)
                answer(e, p, said, len, fault);
        }
    }
    while (fake_ws_read(p, &m, &text)) /* until the other side closes */
        problem(e, "a message too many: %.100s", m.p);
    ac_str_free(&m);
}

/* ---- life ---- */

struct fake_edge *fake_edge_start(const struct fake_edge_config *cfg)
{
    struct fake_edge *e = ac_zalloc(sizeof *e);

    e->cfg = *cfg;
    pthread_mutex_init(&e->lock, NULL);
    if (ac_read_file(AC_SOURCE_DIR "/test/data/speech.mp3", 1 << 20, &e->mp3, &e->mp3_len) != 0)
        abort();
    e->ws = fake_ws_start(
        &(struct fake_ws_config){.tls = cfg->tls, .accept = accept_one, .talk = talk, .arg = e});
    return e;
}

void fake_edge_stop(struct fake_edge *e)
{
    fake_ws_stop(e->ws);
    ac_str_free(&e->problems);
    ac_str_free(&e->ssml);
    pthread_mutex_destroy(&e->lock);
    free(e->mp3);
    free(e);
}

void fake_edge_url(const struct fake_edge *e, char *out, size_t size)
{
    snprintf(out, size, "%s://localhost:%d/consumer/speech/synthesize/readaloud/edge/v1",
             e->cfg.tls ? "wss" : "ws", fake_ws_port(e->ws));
}

const char *fake_edge_ca_file(const struct fake_edge *e)
{
    return fake_ws_ca_file(e->ws);
}

size_t fake_edge_requests(struct fake_edge *e)
{
    pthread_mutex_lock(&e->lock);
    size_t n = e->requests;
    pthread_mutex_unlock(&e->lock);
    return n;
}

int64_t fake_edge_first_us(struct fake_edge *e)
{
    pthread_mutex_lock(&e->lock);
    int64_t us = e->first_us;
    pthread_mutex_unlock(&e->lock);
    return us;
}

size_t fake_edge_most(struct fake_edge *e)
{
    return fake_ws_open_most(e->ws);
}

static char *copy(struct fake_edge *e, const struct ac_str *s)
{
    pthread_mutex_lock(&e->lock);
    char *p = ac_strdup(s->p ? s->p : "");
    pthread_mutex_unlock(&e->lock);
    return p;
}

char *fake_edge_problems(struct fake_edge *e)
{
    return copy(e, &e->problems);
}

char *fake_edge_ssml(struct fake_edge *e)
{
    return copy(e, &e->ssml);
}
