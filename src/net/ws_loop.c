/*
 * The thread's half of the WebSocket client (ws.h): one libwebsockets context for the process, served by one
 * thread. libwebsockets may only be entered from there, so callers post their connection to a list and wake
 * the thread, which looks what the connection wants. One context and not one each, because every context
 * that is made renews libwebsockets' process-wide TLS index under connections that are being made.
 */
#include "net/ws_private.h"

#include "base/log.h"
#include "base/mem.h"

#include <libwebsockets.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WRITE_PADDING = LWS_PRE, MAX_CONNECTIONS = 256, HEADER_BYTES = 8192, TIMEOUT_S = 30 };
_Static_assert(LWS_PRE <= 16, "ws.c leaves 16 bytes before what is sent");

/* Connections of one authority file and proxy share a libwebsockets vhost: both are properties of it. */
struct vhost {
    struct vhost *next;
    char *key;
    struct lws_vhost *vhost;
};

static struct {
    pthread_once_t once;
    pthread_t thread;
    struct lws_context *lws; /* NULL: there is no thread */
    struct vhost *vhosts;    /* the thread's */
    pthread_mutex_t lock;
    struct ac_ws *posted; /* lock */
    bool stop;            /* lock */
} loop = {.once = PTHREAD_ONCE_INIT, .lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- connecting ---- */

static struct lws_vhost *find_vhost(const struct ac_ws *ws, const char *address);

static void start(struct ac_ws *ws)
{
    char address[sizeof ws->address[0]];

    pthread_mutex_lock(&ws->lock);
    memcpy(address, ws->address[ws->next_address], sizeof address);
    pthread_mutex_unlock(&ws->lock);
    ws->next_address++;
    struct lws_client_connect_info info = {
        .context = loop.lws,
        .vhost = find_vhost(ws, address),
        .address = ws->proxy.port ? ws->host : address,
        .port = ws->port,
        .path = ws->path,
        .host = ws->host_header,
        .ssl_connection = (ws->tls ? LCCSCF_USE_SSL : 0) | LCCSCF_HTTP_NO_FOLLOW_REDIRECT,
        .local_protocol_name = "ws-client",
        .alpn = "http/1.1",
        .opaque_user_data = ws,
        .pwsi = &ws->wsi,
    };
    if (!info.vhost) {
        ws_finish(ws, AC_EIO,
                  *ws->ca_file ? "TLS cannot be set up: is ca_file a file of PEM certificates?"
                               : "TLS cannot be set up");
        return;
    }
    ws_ref(ws);
    if (!lws_client_connect_via_info(&info) && ws->wsi) { /* failed without telling the callback */
        ws->wsi = NULL;
        ws_finish(ws, AC_EIO, "libwebsockets could not begin to connect");
        ws_unref(ws);
    }
}

/* libwebsockets lets go of the connection. */
static void leave(struct ac_ws *ws, struct lws *wsi)
{
    lws_set_opaque_user_data(wsi, NULL);
    ws->wsi = NULL;
    ws_unref(ws);
}

static void on_refused(struct ac_ws *ws, struct lws *wsi, const char *why)
{
    struct ac_ws_refusal r = {.status = (int)lws_http_client_http_response(wsi)};

    if (lws_hdr_copy(wsi, r.date, sizeof r.date, WSI_TOKEN_HTTP_DATE) < 0)
        r.date[0] = '\0';
    r.untrusted = ws->bad_certificate != NULL;
    if (r.untrusted)
        snprintf(r.reason, sizeof r.reason,
                 "the certificate of '%.80s' is not trusted (%.80s): set ca_file to its authority's PEM file",
                 ws->host, ws->bad_certificate);
    else if (r.status)
        snprintf(r.reason, sizeof r.reason, "the server answers %d instead of opening a WebSocket", r.status);
    else
        snprintf(r.reason, sizeof r.reason, "no connection to %.100s:%d%s (%.60s)", ws->host, ws->port,
                 ws->proxy.port ? " through the proxy" : "", why);
    pthread_mutex_lock(&ws->lock);
    bool again = !r.status && !r.untrusted && !ws->closing && ws->next_address < ws->n_addresses;
    if (!again)
        ws->refusal = r;
    pthread_mutex_unlock(&ws->lock);
    if (again)
        ws_post(ws); /* the next address, from outside of the callback */
    else
        ws_finish(ws, AC_EIO, r.reason);
}

/* ---- messages ---- */

static void on_received(struct ac_ws *ws, struct lws *wsi, const char *data, size_t len)
{
    size_t left = lws_remaining_packet_payload(wsi);
    bool last = left == 0 && lws_is_final_fragment(wsi);

    if (!ws->part) {
        ws->part = ac_zalloc(sizeof *ws->part);
        ws->part->binary = lws_frame_is_binary(wsi);
        ws->part_cap = 0;
    }
    struct ws_packet *p = ws->part;
    if (p->len + len + left > ws->max_bytes) {
        ws_finish(ws, AC_ELIMIT, "");
        lws_set_timeout(wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_ASYNC);
        return;
    }
    if (p->len + len + 1 > ws->part_cap) {
        ws->part_cap = p->len + len + left + 1;
        p->data = ac_realloc_array(p->data, ws->part_cap, 1);
    }
    memcpy(p->data + p->len, data, len);
    p->len += len;
    p->data[p->len] = '\0';
    if (!last)
        return;
    ws->part = NULL;
    pthread_mutex_lock(&ws->lock);
    bool room = ws->in.bytes + p->len <= ws->max_bytes && ws->state == WS_OPEN;
    if (room)
        ws_append(&ws->in, p);
    pthread_cond_broadcast(&ws->changed);
    pthread_mutex_unlock(&ws->lock);
    if (!room) {
        ws_packet_free(p);
        ws_finish(ws, AC_ELIMIT, "");
        lws_set_timeout(wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_ASYNC);
    }
}

/* Sends one message; non-zero closes the connection. */
static int on_writeable(struct ac_ws *ws, struct lws *wsi)
{
    pthread_mutex_lock(&ws->lock);
    bool closing = ws->closing;
    struct ws_packet *p = closing ? NULL : ws_take(&ws->out);
    bool more = ws->out.first != NULL;
    pthread_mutex_unlock(&ws->lock);
    if (closing) {
        lws_close_reason(wsi, LWS_CLOSE_STATUS_NORMAL, NULL, 0);
        return -1;
    }
    if (!p)
        return 0;
    int sent = lws_write(wsi, (unsigned char *)p->data + WRITE_PADDING, p->len, LWS_WRITE_TEXT);
    bool bad = sent < (int)p->len;
    ws_packet_free(p);
    if (more && !bad)
        lws_callback_on_writable(wsi);
    return bad ? -1 : 0;
}

static int add_headers(const struct ac_ws *ws, unsigned char **at, size_t room)
{
    for (char **h = ws->headers; *h; h++) {
        int n = snprintf((char *)*at, room, "%s\r\n", *h);
        if (n < 0 || (size_t)n >= room)
            return -1;
        *at += n;
        room -= (size_t)n;
    }
    return 0;
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    struct ac_ws *ws = wsi ? lws_get_opaque_user_data(wsi) : NULL;

    if (!ws)
        return 0;
    switch (reason) {
    case LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION:
        if (!len) /* OpenSSL's verdict, which stands */
            ws->bad_certificate = X509_verify_cert_error_string(X509_STORE_CTX_get_error(user));
        return 0;
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
        return add_headers(ws, in, len);
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        on_refused(ws, wsi, in ? (const char *)in : "it was closed");
        leave(ws, wsi);
        return 0;
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        ws->open = true;
        pthread_mutex_lock(&ws->lock);
        ws->state = WS_OPEN;
        ws->was_open = true;
        pthread_cond_broadcast(&ws->changed);
        pthread_mutex_unlock(&ws->lock);
        lws_callback_on_writable(wsi);
        return 0;
    case LWS_CALLBACK_CLIENT_RECEIVE:
        on_received(ws, wsi, in, len);
        return 0;
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return on_writeable(ws, wsi);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        ws_finish(ws, AC_ECLOSED, "");
        return 0;
    case LWS_CALLBACK_CLIENT_CLOSED:
    case LWS_CALLBACK_WSI_DESTROY:
        ws_finish(ws, AC_EIO, "the connection broke");
        leave(ws, wsi);
        return 0;
    default:
        return 0;
    }
}

/* ---- the thread ---- */

static const struct lws_protocols protocols[] = {
    {.name = "ws-client", .callback = callback, .rx_buffer_size = 16384},
    {.name = NULL},
};

static void library_log(int level, const char *line)
{
    char text[512];
    size_t n = strlen(line);

    while (n && (line[n - 1] == '\n' || line[n - 1] == '\r'))
        n--;
    snprintf(text, sizeof text, "%.*s", (int)n, line);
    (void)level; /* what matters of it comes with the connection's own error */
    ac_log_debug("libwebsockets", "message", AC_S("text", text));
}

static struct lws_vhost *find_vhost(const struct ac_ws *ws, const char *address)
{
    char *proxy = ws->proxy.port ? ac_asprintf("%s%s%s:%d", ws->proxy.auth, *ws->proxy.auth ? "@" : "",
                                               address, ws->proxy.port)
                                 : ac_strdup("");
    char *key = ac_asprintf("%s|%s", proxy, ws->ca_file);
    struct vhost *v = loop.vhosts;

    while (v && strcmp(v->key, key) != 0)
        v = v->next;
    if (!v) {
        struct lws_context_creation_info info = {
            .port = CONTEXT_PORT_NO_LISTEN,
            .protocols = protocols,
            .vhost_name = key,
            .options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT,
            .client_ssl_ca_filepath = *ws->ca_file ? ws->ca_file : NULL,
            .http_proxy_address = proxy, /* "" keeps it from taking http_proxy of the environment */
            .timeout_secs = TIMEOUT_S,
        };
        struct lws_vhost *made = lws_create_vhost(loop.lws, &info);
        if (made) {
            v = ac_zalloc(sizeof *v);
            *v = (struct vhost){loop.vhosts, ac_strdup(key), made};
            loop.vhosts = v;
        }
    }
    free(key);
    free(proxy);
    return v ? v->vhost : NULL;
}

/* Does what a connection wants. */
static void attend(struct ac_ws *ws)
{
    pthread_mutex_lock(&ws->lock);
    bool closing = ws->closing, sends = ws->out.first != NULL, over = ws->state == WS_OVER;
    pthread_mutex_unlock(&ws->lock);
    if (ws->wsi && (ws->open ? closing || sends : false))
        lws_callback_on_writable(ws->wsi);
    else if (ws->wsi && closing)
        lws_set_timeout(ws->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_ASYNC);
    else if (!ws->wsi && closing)
        ws_finish(ws, AC_ECANCELED, "it was given up");
    else if (!ws->wsi && !over)
        start(ws);
}

static struct ac_ws *take_posted(bool *stop)
{
    pthread_mutex_lock(&loop.lock);
    struct ac_ws *ws = loop.posted;
    if (ws) {
        loop.posted = ws->next_posted;
        ws->posted = false;
    }
    *stop = loop.stop;
    pthread_mutex_unlock(&loop.lock);
    return ws;
}

static void *run(void *arg)
{
    bool stop = false;

    (void)arg;
    while (!stop) {
        struct ac_ws *ws;
        while ((ws = take_posted(&stop))) {
            attend(ws);
            ws_unref(ws);
        }
        if (!stop && lws_service(loop.lws, 0) < 0)
            break;
    }
    return NULL;
}

static void stop_loop(void)
{
    struct ac_ws *ws;
    bool stop;

    pthread_mutex_lock(&loop.lock);
    loop.stop = true;
    pthread_mutex_unlock(&loop.lock);
    lws_cancel_service(loop.lws);
    pthread_join(loop.thread, NULL);
    lws_context_destroy(loop.lws);
    while ((ws = take_posted(&stop)))
        ws_unref(ws);
    for (struct vhost *v = loop.vhosts, *next; v; v = next) {
        next = v->next;
        free(v->key);
        free(v);
    }
}

static void start_loop(void)
{
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = protocols,
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
        .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT,
        .fd_limit_per_thread = MAX_CONNECTIONS,
        .max_http_header_data = HEADER_BYTES,
        .max_http_header_pool = MAX_CONNECTIONS / 4,
        .pt_serv_buf_size = HEADER_BYTES,
        .timeout_secs = TIMEOUT_S,
    };

    lws_set_log_level(LLL_ERR | LLL_WARN, library_log);
    loop.lws = lws_create_context(&info);
    if (loop.lws && pthread_create(&loop.thread, NULL, run, NULL) != 0) {
        lws_context_destroy(loop.lws);
        loop.lws = NULL;
    }
    if (loop.lws)
        atexit(stop_loop); /* after TLS was set up, so before it is taken down */
}

int ws_post(struct ac_ws *ws)
{
    pthread_once(&loop.once, start_loop);
    if (!loop.lws)
        return AC_ENOMEM;
    pthread_mutex_lock(&loop.lock);
    if (!ws->posted && !loop.stop) {
        struct ac_ws **end = &loop.posted; /* in order; the list is a handful at most */
        while (*end)
            end = &(*end)->next_posted;
        ws->next_posted = NULL;
        ws->posted = true;
        *end = ws_ref(ws);
    }
    pthread_mutex_unlock(&loop.lock);
    lws_cancel_service(loop.lws);
    return 0;
}
