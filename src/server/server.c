/*
 * The server's life: load the page, bind, listen, run the loop, stop. See server.h.
 *
 * The listening socket is our own (so that a failing bind can be explained and accepting can stop before the
 * rest does); it sits in the library's loop as a plain descriptor, and what it accepts is handed to the
 * library. Connections of both kinds, HTTP and WebSocket, come through the one callback below, since a client
 * that names no subprotocol is bound to the first protocol.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/openapi.h"
#include "server/private.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BACKLOG = 128, REASON_BYTES = 256, SPARE_DESCRIPTORS = 824 };

static const char no_page_html[] =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>avatar-chat</title>"
    "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:40em;margin:4em auto;padding:0 1em}"
    "code{background:#8882;padding:.1em .3em;border-radius:.2em}</style>"
    "<h1>avatar-chat is running</h1><p>The chat page is not built yet. In the source folder type <code>make "
    "web</code> "
    "and start the server again, or name a folder that holds the built page: "
    "<code>--set server.web_dir=FOLDER</code>.</p>"
    "<p>The interfaces work without it: <a href=\"/api/status\">/api/status</a>, the WebSocket at "
    "<code>/ws</code>.</p>";

void server_wake(struct ac_server *s)
{
    if (!atomic_exchange(&s->woken, true))
        lws_cancel_service(s->lws);
}

/* ---- accepting ---- */

/* Without descriptors the pending connection would wake the loop for ever: take it by the spare one and drop
 * it. */
static void drop_connection(struct ac_server *s)
{
    close(s->spare_fd);
    int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0)
        close(fd);
    s->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    ac_log_warn("server", "no_descriptors", AC_S("remedy", "raise the limit of open files (ulimit -n)"));
}

/* Hands a connection to the library, unless its address has far too many. */
static void adopt(struct ac_server *s, int fd)
{
    bool drop;
    struct ac_visitor *visitor = guard_accept(s, fd, &drop);
    if (drop) {
        close(fd);
        return;
    }
    struct lws *wsi = lws_adopt_socket_vhost(s->vhost, fd); /* closes fd itself when it fails */
    if (wsi) {
        lws_set_opaque_user_data(wsi, visitor);
        return;
    }
    if (visitor)
        ac_visitor_leave(visitor);
    ac_log_warn("server", "connection_refused", AC_S("reason", "too many connections"));
}

static void accept_all(struct ac_server *s)
{
    for (;;) {
        int one = 1;
        int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            if (errno == EINTR || errno == ECONNABORTED)
                continue;
            if (errno == EMFILE || errno == ENFILE)
                drop_connection(s);
            return;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        adopt(s, fd);
    }
}

const struct ac_server_config *server_config(const struct ac_server *s)
{
    return ac_config_server(ac_hub_config(s->hub));
}

static void connection_ended(struct lws *wsi, struct pss *pss)
{
    struct ac_visitor *visitor = lws_get_opaque_user_data(wsi);
    if (pss) {
        http_closed(pss);
        ws_closed(pss);
    }
    if (visitor)
        ac_visitor_leave(visitor);
    lws_set_opaque_user_data(wsi, NULL);
}

static void woken(struct ac_server *s)
{
    if (!atomic_exchange(&s->woken, false))
        return;
    ws_woken(s);
    api_finish_jobs(s);
    uploads_woken(s);
    if (atomic_exchange(&s->reload, false))
        api_reload(s);
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    struct ac_server *s = lws_context_user(lws_get_context(wsi));
    struct pss *pss = user;
    switch (reason) {
    case LWS_CALLBACK_RAW_RX_FILE:
        accept_all(s);
        return 0;
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
        woken(s);
        return 0;
    case LWS_CALLBACK_HTTP:
        return http_request(s, wsi, pss, in);
    case LWS_CALLBACK_HTTP_BODY:
        return http_body(wsi, pss, in, len);
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        return http_body_complete(s, wsi, pss);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return http_writable(wsi, pss);
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return http_check_upgrade(s, wsi);
    case LWS_CALLBACK_CLOSED_HTTP:
        if (pss)
            http_closed(pss);
        return 0;
    case LWS_CALLBACK_ESTABLISHED:
        return ws_open(s, wsi, pss);
    case LWS_CALLBACK_RECEIVE:
        return ws_receive(wsi, pss, in, len);
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return ws_writable(wsi, pss);
    case LWS_CALLBACK_TIMER:
        return pss ? ws_timer(pss) : 0;
    case LWS_CALLBACK_CLOSED:
        ws_closed(pss);
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        connection_ended(wsi, pss);
        return 0;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        ws_goodbye_of_peer(pss, in, len);
        return 0;
    case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS:
        s->ssl = user;
        return 0;
    default:
        return 0;
    }
}

/* ---- start ---- */

static int bind_error(const char *host, int port, int code, char *reason)
{
    switch (code) {
    case EADDRINUSE:
        snprintf(reason, REASON_BYTES,
                 "port %d at %s is in use: stop the other program or choose another port (--port N, 0 for a "
                 "free one)",
                 port, host);
        return AC_EADDRINUSE;
    case EACCES:
        snprintf(reason, REASON_BYTES,
                 "port %d needs rights that this user lacks: choose one from 1024 up (--port N)", port);
        return AC_EIO;
    case EADDRNOTAVAIL:
        snprintf(
            reason, REASON_BYTES,
            "%s is no address of this machine: use 127.0.0.1 (this machine only) or 0.0.0.0 (all networks)",
            host);
        return AC_EINVAL;
    default:
        snprintf(reason, REASON_BYTES, "cannot listen on %s port %d: %s", host, port, strerror(code));
        return AC_EIO;
    }
}

static int open_listener(struct ac_server *s, char *reason)
{
    const char *host = s->cfg->host;
    char port[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV},
                    *list = NULL;
    int err = 0, one = 1, code = 0, fd = -1;
    snprintf(port, sizeof port, "%d", s->cfg->port);
    int found = getaddrinfo(host, port, &hints, &list);
    if (found) {
        snprintf(reason, REASON_BYTES, "the host '%s' is not known (%s): use an address of this machine",
                 host, gai_strerror(found));
        return AC_EINVAL;
    }
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0) {
            code = errno;
            continue;
        }
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        if (bind(fd, a->ai_addr, a->ai_addrlen) || listen(fd, BACKLOG)) {
            code = errno;
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    if (fd < 0)
        return bind_error(host, s->cfg->port, code, reason);

    struct sockaddr_storage addr;
    socklen_t len = sizeof addr;
    char bound[8] = "0";
    if (!getsockname(fd, (struct sockaddr *)&addr, &len))
        getnameinfo((struct sockaddr *)&addr, len, NULL, 0, bound, sizeof bound, NI_NUMERICSERV);
    s->port = atoi(bound);
    s->listen_fd = fd;
    return err;
}

static void library_log(int level, const char *line)
{
    char text[256];
    size_t n = strcspn(line, "\n");
    lws_strnncpy(text, line, n, sizeof text);
    if (level == LLL_ERR) /* mostly about what clients do */
        ac_log_warn("libwebsockets", "message", AC_S("text", text));
    else
        ac_log_debug("libwebsockets", "message", AC_S("text", text));
}

static int create_context(struct ac_server *s, char *reason)
{
    s->protocols[0] = (struct lws_protocols){
        .name = "avatar-chat",
        .callback = callback,
        .per_session_data_size = sizeof(struct pss),
        .rx_buffer_size = 4096,
        .tx_packet_size = 4 << 20, /* a fragment in one go */
    };
    s->liveness = (lws_retry_bo_t){
        .secs_since_valid_ping = (uint16_t)s->tuning.ping_s,
        .secs_since_valid_hangup = (uint16_t)s->tuning.hangup_s,
    };
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .protocols = s->protocols,
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
        .user = s,
        .options =
            LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
            (s->tls ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX : 0),
        .alpn = "http/1.1",
        .fd_limit_per_thread = (unsigned)s->max_descriptors,
        .max_http_header_data = 16384, /* cookies of everything else on localhost */
        .pt_serv_buf_size = CHUNK_BYTES,
        .timeout_secs = (unsigned)s->cfg->request_timeout_s,
        .timeout_secs_ah_idle = (unsigned)s->cfg->request_timeout_s, /* for the header */
        .keepalive_timeout = 30,
        .retry_and_idle_policy = &s->liveness,
        .vhost_name = "default",
    };
    lws_set_log_level(LLL_ERR | LLL_WARN, library_log);
    s->lws = lws_create_context(&info);
    s->vhost = s->lws ? lws_create_vhost(s->lws, &info) : NULL;
    lws_sock_file_fd_type fd = {.filefd = s->listen_fd};
    if (s->vhost)
        s->listener =
            lws_adopt_descriptor_vhost(s->vhost, LWS_ADOPT_RAW_FILE_DESC, fd, s->protocols[0].name, NULL);
    s->adopted = s->listener != NULL;
    if (s->adopted && s->tls && tls_use(s->ssl, s->tls, reason))
        return AC_ECONFIG;
    if (s->adopted) {
        tls_free(s->tls);
        s->tls = NULL;
        return 0;
    }
    snprintf(reason, REASON_BYTES, "the web server library could not start: memory or descriptors are short");
    return AC_EIO;
}

/* The built page below the working directory or a data directory, or the installed one. */
static char *find_page(struct ac_server *s)
{
    static const char *const places[] = {"web/apps/chat/dist", "web"};
    struct ac_env env = {.data_dirs = ac_config_data_dirs(ac_hub_config(s->hub))};
    if (s->cfg->web_dir && *s->cfg->web_dir) {
        char *dir = ac_env_path(&env, s->cfg->web_dir);
        return dir ? dir : ac_strdup(s->cfg->web_dir);
    }
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char *index = ac_asprintf("%s/index.html", places[i]);
        char *found = ac_env_path(&env, index);
        free(index);
        if (found) {
            *strrchr(found, '/') = '\0';
            return found;
        }
    }
    return NULL;
}

static void load_page(struct ac_server *s)
{
    char reason[REASON_BYTES] = "it is not built: type `make web`";
    char *dir = find_page(s);
    if (!dir || ac_assets_load(&s->assets, dir, reason)) {
        ac_log_warn("server", "no_page", AC_S("reason", reason));
        s->no_page = (struct ac_content){
            .type = ac_mime_type(".html"),
            .data = no_page_html,
            .len = sizeof no_page_html - 1,
            .cache = "no-cache",
        };
        ac_content_tag(&s->no_page);
    } else {
        ac_log_info("server", "page_loaded", AC_S("folder", dir), AC_I("files", ac_assets_count(s->assets)),
                    AC_I("bytes", ac_assets_bytes(s->assets)));
    }
    free(dir);
}

static void set_tuning(struct ac_server_tuning *t, const struct ac_server_tuning *given)
{
    if (given)
        *t = *given;
    if (t->ping_s <= 0)
        t->ping_s = 10;
    if (t->hangup_s <= t->ping_s) /* the library insists */
        t->hangup_s = t->ping_s + 15;
    if (t->slow_s <= 0)
        t->slow_s = 10;
    if (t->stop_ms <= 0)
        t->stop_ms = 500;
    if (t->hello_s <= 0)
        t->hello_s = 10;
    if (t->make_s <= 0)
        t->make_s = 600;
}

static void log_ready(const struct ac_server *s)
{
    const char *host = s->cfg->host;
    const char *name = !strcmp(host, "0.0.0.0") || !strcmp(host, "::") ? "localhost" : host;
    const char *scheme = s->ssl ? "https" : "http";
    char *url = ac_asprintf(strchr(name, ':') ? "%s://[%s]:%d/" : "%s://%s:%d/", scheme, name, s->port);
    ac_log_info("server", "ready", AC_S("host", host), AC_I("port", s->port), AC_S("url", url));
    free(url);
}

/* The REST interface's own description. */
static void describe(struct ac_server *s)
{
    s->description = (struct ac_content){
        .type = "application/json", .data = ac_openapi, .len = ac_openapi_len, .cache = "no-cache"};
    s->description.gzip = ac_gzip(ac_openapi, ac_openapi_len, &s->description.gzip_len);
    ac_content_tag(&s->description);
}

int ac_server_start(struct ac_server **server, struct ac_hub *hub, const struct ac_server_tuning *tuning,
                    char *reason)
{
    struct ac_server *s = ac_zalloc(sizeof *s);
    s->hub = hub;
    s->metrics = ac_hub_metrics(hub);
    s->cfg = ac_config_server(ac_hub_config(hub));
    s->max_descriptors = (size_t)(s->cfg->max_sessions + s->cfg->max_queue) + SPARE_DESCRIPTORS;
    s->start_us = ac_now_us();
    s->listen_fd = -1;
    set_tuning(&s->tuning, tuning);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    s->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int err = guard_open(s, reason);
    if (!err)
        err = tls_load(s->cfg, &s->tls, reason);
    if (!err)
        err = open_listener(s, reason);
    if (err)
        goto fail;
    load_page(s);
    describe(s);
    err = create_context(s, reason);
    if (err)
        goto fail;
    s->idle = ac_idle_new(ac_hub_models(hub), ac_hub_config(hub));
    s->studio = ac_studio_new(ac_hub_models(hub), ac_hub_config(hub), s->tuning.make_s);
    /* they wait for models and the disk, and pictures take long: not on the workers that sessions share */
    s->lists = ac_strand_new(ac_hub_pool(hub), "server.lists", true);
    s->pictures = ac_strand_new(ac_hub_pool(hub), "server.pictures", true);
    s->conversations = ac_strand_new(ac_hub_pool(hub), "server.conversations", true);
    s->admin = ac_strand_new(ac_hub_pool(hub), "server.admin", true);
    s->writing = ac_strand_new(ac_hub_pool(hub), "server.uploads", true);
    log_ready(s);
    *server = s;
    return 0;
fail:
    ac_server_free(s);
    return err;
}

int ac_server_port(const struct ac_server *s)
{
    return s->port;
}

/* ---- running and stopping ---- */

void ac_server_stop(struct ac_server *s)
{
    atomic_store(&s->stopping, true);
    lws_cancel_service(s->lws);
}

void ac_server_reload(struct ac_server *s)
{
    atomic_store(&s->reload, true);
    atomic_store(&s->woken, true);
    lws_cancel_service(s->lws);
}

int64_t ac_server_alive_us(const struct ac_server *s)
{
    return atomic_load(&s->alive_us);
}

/* How late the loop comes to a timer is how late it comes to everything. */
static void probe(struct lws_sorted_usec_list *sul)
{
    struct ac_server *s = lws_container_of(sul, struct ac_server, probe);
    int64_t now = ac_now_us();
    if (s->probe_due_us)
        ac_metrics_observe(s->metrics, AC_TIME_LOOP_DELAY, now - s->probe_due_us);
    s->probe_due_us = now + LOOP_PROBE_US;
    atomic_store(&s->alive_us, now);
    lws_sul_schedule(s->lws, 0, sul, probe, LOOP_PROBE_US);
}

int ac_server_run(struct ac_server *s)
{
    int n = 0;
    probe(&s->probe);
    while (n >= 0 && !atomic_load(&s->stopping))
        n = lws_service(s->lws, 0);
    ac_hub_drain(s->hub);
    lws_sul_cancel(&s->probe);
    ac_log_info("server", "stopping", AC_I("connections", s->n_conns));
    if (s->listener)
        lws_set_timeout(s->listener, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_SYNC);
    s->listener = NULL;
    ws_goodbye(s);
    int64_t until_us = ac_now_us() + (int64_t)s->tuning.stop_ms * 1000;
    while (n >= 0 && s->conns && ac_now_us() < until_us) {
        ac_sleep_us(1000);
        n = lws_service(s->lws, -1);
    }
    return n < 0 ? AC_EINTERNAL : 0;
}

static void strand_ended(void *arg)
{
    struct ac_server *s = arg;
    pthread_mutex_lock(&s->lock);
    s->strands_left--;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void end_strand(struct ac_server *s, struct ac_strand *strand)
{
    if (!strand)
        return;
    pthread_mutex_lock(&s->lock);
    s->strands_left++;
    pthread_mutex_unlock(&s->lock);
    ac_strand_free(strand, strand_ended, s);
}

bool ac_server_free(struct ac_server *s)
{
    if (!s)
        return true;
    end_strand(s, s->lists);
    end_strand(s, s->pictures);
    end_strand(s, s->conversations);
    end_strand(s, s->admin);
    end_strand(s, s->writing);
    s->writing = NULL; /* connections that end below post no more */
    pthread_mutex_lock(&s->lock);
    while (s->strands_left)
        pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
    if (s->lws)
        lws_context_destroy(s->lws); /* closes what is left */
    if (!s->adopted && s->listen_fd >= 0)
        close(s->listen_fd);
    api_drop_jobs(s);
    uploads_drop(s);
    bool ended = ac_studio_free(s->studio);
    guard_close(s);
    tls_free(s->tls);
    ac_idle_free(s->idle);
    ac_assets_free(s->assets);
    free((char *)s->description.gzip);
    if (s->spare_fd >= 0)
        close(s->spare_fd);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
    return ended;
}
