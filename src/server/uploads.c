/*
 * Uploads: the body of POST /api/avatars on its way to a file, and then to the studio (core/studio.h).
 *
 * The loop thread hands what comes to a strand that writes it; where that does not keep up, the socket is not
 * read until it does, so an upload takes some hundred kilobytes of memory whatever its size. The file has no
 * name, so nothing is left of it when either side dies. A request that is refused for what its header says is
 * read to its end all the same, within the limit: a browser that is still sending would not see the answer.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "server/private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { MAX_HELD = 256 << 10, MAX_UPLOADS = 4, DISK_TIMEOUT_S = 60 };
/* What an avatar may take besides its file, and what others are to find free. */
static const unsigned long long spare_bytes = 256ULL << 20;

struct upload {
    struct upload *next; /* loop, as all up to `lock` */
    struct ac_server *server;
    struct lws *wsi; /* while pss is set */
    struct pss *pss;
    struct ac_studio_wish wish;
    struct upload_refusal no;
    long long length;
    bool paused, whole;
    pthread_mutex_t lock;
    /* lock */
    struct ac_str held; /* not yet written */
    bool posted;        /* the strand will look at it */
    /* the strand's */
    int fd;
    bool opened;
    int err;
    char reason[JOB_REASON_BYTES];
    /* set by the strand: it has nothing more to do with this upload */
    atomic_bool over;
};

/* ---- on the strand ---- */

static void fail(struct upload *u, int err, const char *reason)
{
    u->err = err;
    snprintf(u->reason, sizeof u->reason, "%s", reason);
}

static void fail_disk(struct upload *u)
{
    fail(u, AC_ELIMIT, "the server's disk has no room for it: its administrator can make some");
}

static void fail_file(struct upload *u)
{
    const char *why = strerror(errno);
    char reason[JOB_REASON_BYTES];
    snprintf(reason, sizeof reason,
             "the server cannot keep the file (%.100s): its administrator finds more in the log", why);
    fail(u, AC_EIO, reason);
    ac_log_error("avatars", "not_kept", AC_S("reason", why),
                 AC_S("remedy", "see to the folder `avatars` in the data directory and its disk"));
}

static void open_file(struct upload *u)
{
    struct ac_studio *studio = u->server->studio;
    struct statvfs fs;
    u->opened = true;
    u->err = ac_studio_folder(studio, u->reason);
    if (u->err)
        return;
    u->fd = ac_studio_file(studio);
    if (u->fd < 0)
        fail_file(u);
    else if (!fstatvfs(u->fd, &fs) &&
             (unsigned long long)fs.f_bavail * fs.f_frsize < (unsigned long long)u->length + spare_bytes)
        fail_disk(u);
}

static void write_all(struct upload *u, const char *p, size_t n)
{
    while (n && !u->err) {
        ssize_t k = write(u->fd, p, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
            fail_disk(u);
        else if (k < 0)
            fail_file(u);
        p += k < 0 ? 0 : k;
        n -= k < 0 ? 0 : (size_t)k;
    }
}

static void write_task(void *arg)
{
    struct upload *u = arg;
    struct ac_str bytes;
    if (!u->opened)
        open_file(u);
    pthread_mutex_lock(&u->lock);
    bytes = u->held;
    u->held = (struct ac_str){0};
    u->posted = false;
    pthread_mutex_unlock(&u->lock);
    write_all(u, bytes.p, bytes.len);
    ac_str_free(&bytes);
    server_wake(u->server); /* it may be read on */
}

static void end_task(void *arg)
{
    struct upload *u = arg;
    struct ac_server *s = u->server;
    if (u->fd >= 0)
        close(u->fd);
    u->fd = -1;
    atomic_store(&u->over, true); /* it may be gone from here on */
    server_wake(s);
}

static void refuse_job(struct job *job, int status, const char *code)
{
    job->status = status;
    if (code)
        job->extra = json_pack("{s:s}", "code", code);
}

/* The file is whole: a job of the studio. */
static void finish(struct job *job)
{
    struct upload *u = job->upload;
    char name[AC_STUDIO_JOB];
    job->err = u->err;
    snprintf(job->reason, sizeof job->reason, "%s", u->reason);
    if (u->err == AC_ELIMIT)
        refuse_job(job, 507, "no_space");
    if (job->err)
        return;
    job->err = ac_studio_add(job->server->studio, &u->wish, u->fd, name, job->reason);
    u->fd = -1;
    if (job->err == AC_EBUSY)
        refuse_job(job, 409, "id_taken");
    else if (job->err == AC_EFULL)
        refuse_job(job, 503, "busy");
    if (job->err)
        return;
    lws_strncpy(job->session, name, sizeof job->session);
    job->status = 202;
    api_look_making(job);
}

/* ---- on the loop ---- */

/* Uploads whose end has not come: of a visitor, of all (NULL). */
static size_t count(const struct ac_server *s, const char *visitor)
{
    size_t n = 0;
    for (const struct upload *u = s->uploads; u; u = u->next)
        n += u->pss && !u->no.status && (!visitor || !strcmp(u->wish.visitor, visitor));
    return n;
}

static struct upload_refusal check_room(struct ac_server *s, const char *visitor)
{
    if (!ac_studio_able(s->studio))
        return (struct upload_refusal){501, "unable",
                                       "no engine of avatar.use can make an avatar of a picture"};
    if (count(s, visitor) + ac_studio_busy(s->studio, visitor))
        return (struct upload_refusal){429, "one_at_a_time",
                                       "one avatar at a time: the one before is still being made"};
    if (count(s, NULL) + ac_studio_busy(s->studio, NULL) >= MAX_UPLOADS)
        return (struct upload_refusal){503, "busy", "too many avatars are being made: try again in a minute"};
    return (struct upload_refusal){0, NULL, NULL};
}

int upload_refuse(struct lws *wsi, struct pss *pss, const struct upload_refusal *no)
{
    pss->req->extra = json_pack("{s:s}", "code", no->code);
    return http_send_problem(wsi, pss, no->status, NULL, "%s", no->detail);
}

/* The length that is announced; the answer where it cannot be. */
static struct upload_refusal check_length(struct ac_server *s, struct lws *wsi, long long *length)
{
    char text[24] = "";
    int got = lws_hdr_copy(wsi, text, sizeof text, WSI_TOKEN_HTTP_CONTENT_LENGTH);
    *length = got > 0 ? atoll(text) : 0;
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0)
        return (struct upload_refusal){411, "length", "the file needs a Content-Length"};
    if (got < 0 || *length > server_config(s)->max_upload_mb * 1000000LL)
        return (struct upload_refusal){413, "file_large", "server.max_upload_mb: the file is too large"};
    if (*length <= 0)
        return (struct upload_refusal){400, "empty", "the body must be the file, a photo or a video"};
    return (struct upload_refusal){0, NULL, NULL};
}

int upload_begin(struct ac_server *s, struct lws *wsi, struct pss *pss, const struct ac_studio_wish *wish,
                 const struct upload_refusal *no)
{
    long long length;
    struct upload_refusal wrong = check_length(s, wsi, &length);
    if (wrong.status)
        return upload_refuse(wsi, pss, &wrong);
    struct upload *u = ac_zalloc(sizeof *u);
    u->server = s;
    u->wsi = wsi;
    u->pss = pss;
    u->wish = *wish;
    lws_strncpy(u->wish.visitor, pss->req->who.address, sizeof u->wish.visitor);
    u->length = length;
    u->fd = -1;
    pthread_mutex_init(&u->lock, NULL);
    u->no = no->status ? *no : check_room(s, u->wish.visitor);
    u->next = s->uploads;
    s->uploads = u;
    pss->req->upload = u;
    return 0;
}

/* Has the strand write what is held. */
static void post_write(struct upload *u)
{
    if (u->posted)
        return;
    u->posted = !ac_strand_post(u->server->writing, 0, 0, write_task, u);
}

int upload_body(struct upload *u, const char *bytes, size_t len)
{
    struct request *r = u->pss->req;
    if (ac_now_us() - r->start_us > server_config(u->server)->upload_timeout_s * INT64_C(1000000)) {
        static const struct upload_refusal slow = {408, "slow",
                                                   "server.upload_timeout_s: the file came too slowly"};
        struct lws *wsi = u->wsi;
        struct pss *pss = u->pss;
        upload_ended(u);
        r->upload = NULL;
        r->close = true;
        return upload_refuse(wsi, pss, &slow);
    }
    if (u->no.status)
        return 0;
    pthread_mutex_lock(&u->lock);
    ac_str_add_n(&u->held, bytes, len);
    post_write(u);
    bool full = u->held.len > MAX_HELD;
    pthread_mutex_unlock(&u->lock);
    if (full && !u->paused) {
        u->paused = true;
        lws_set_timeout(u->wsi, PENDING_TIMEOUT_HTTP_CONTENT, DISK_TIMEOUT_S);
        lws_rx_flow_control(u->wsi, 0);
    }
    return 0;
}

/* Who sent the file was gone before the answer: nobody knows the name of the job. */
static void take_back_unheard(struct job *job)
{
    if (!job->pss && !job->err)
        ac_studio_cancel(job->server->studio, job->session);
}

int upload_complete(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    struct upload *u = pss->req->upload;
    if (u->whole) /* the library says so again where more than the body has come */
        return 0;
    u->whole = true;
    pss->req->close = false;
    if (u->no.status)
        return upload_refuse(wsi, pss, &u->no);
    struct job *job = api_new_job(pss, finish);
    job->upload = u;
    job->apply = take_back_unheard;
    return api_post_job(s, wsi, pss, s->writing, job);
}

void upload_ended(struct upload *u)
{
    u->pss = NULL;
    if (u->server->writing)
        ac_strand_post(u->server->writing, 0, 0, end_task, u);
}

static void upload_free(struct upload *u)
{
    if (u->fd >= 0)
        close(u->fd);
    ac_str_free(&u->held);
    pthread_mutex_destroy(&u->lock);
    free(u);
}

void uploads_woken(struct ac_server *s)
{
    for (struct upload **at = &s->uploads, *u; (u = *at);) {
        if (atomic_load(&u->over)) {
            *at = u->next;
            upload_free(u);
            continue;
        }
        at = &u->next;
        if (!u->paused || !u->pss)
            continue;
        pthread_mutex_lock(&u->lock);
        bool room = !u->held.len;
        pthread_mutex_unlock(&u->lock);
        if (room) {
            u->paused = false;
            lws_set_timeout(u->wsi, PENDING_TIMEOUT_HTTP_CONTENT, s->cfg->request_timeout_s);
            lws_rx_flow_control(u->wsi, 1);
        }
    }
}

void uploads_drop(struct ac_server *s)
{
    while (s->uploads) {
        struct upload *next = s->uploads->next;
        upload_free(s->uploads);
        s->uploads = next;
    }
}
