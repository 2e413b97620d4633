/*
 * Fetching one model (models_pull.h). A connection that breaks is taken up again where it broke, a few times;
 * a server without ranges begins anew. Nothing is unpacked before its checksum is right.
 */
#include "cli/models_pull.h"

#include "avatarchat/err.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "cli/models_files.h"
#include "net/http.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ATTEMPTS = 5, STALL_MS = 30000, BAR_WIDTH = 30, BAR_US = 200000 };

struct download {
    const char *url, *part;
    int fd;
    int64_t have;  /* bytes in the file */
    int64_t total; /* -1 = not known */
    bool begun;    /* this answer's first bytes have come */
    bool bar;
    int64_t drawn_us, began_us, began_at;
    int write_errno;
};

/* ---- progress ---- */

static void draw(struct download *d, bool last)
{
    int64_t now = ac_now_us();
    double mb = (double)d->have / 1e6;
    double rate = (double)(d->have - d->began_at) / (double)(now - d->began_us + 1);

    if (!d->bar || (!last && now - d->drawn_us < BAR_US))
        return;
    d->drawn_us = now;
    if (d->total > 0) {
        int full = (int)(d->have * BAR_WIDTH / d->total);
        fprintf(stderr, "\r[%.*s%*s] %3d %%  %.1f of %.1f MB, %.1f MB/s ",
                full > BAR_WIDTH ? BAR_WIDTH : full, "##############################",
                full > BAR_WIDTH ? 0 : BAR_WIDTH - full, "", (int)(d->have * 100 / d->total), mb,
                (double)d->total / 1e6, rate);
    } else {
        fprintf(stderr, "\r%.1f MB, %.1f MB/s ", mb, rate);
    }
    if (last)
        fputc('\n', stderr);
}

/* ---- download ---- */

/* The first bytes of an answer: 206 goes on, 200 is all of it once more. */
static int begin_answer(struct download *d, long status, int64_t total)
{
    d->begun = true;
    d->total = total;
    if (status == 200) {
        d->have = 0;
        if (ftruncate(d->fd, 0) != 0) {
            d->write_errno = errno;
            return AC_EIO;
        }
    }
    d->began_at = d->have;
    d->began_us = ac_now_us();
    return AC_OK;
}

static int take(void *arg, long status, int64_t total, const char *data, size_t n)
{
    struct download *d = arg;
    int err = d->begun ? AC_OK : begin_answer(d, status, total);

    while (!err && n > 0) {
        ssize_t wrote = pwrite(d->fd, data, n, d->have);
        if (wrote < 0 && errno != EINTR) {
            d->write_errno = errno;
            return AC_EIO;
        }
        if (wrote > 0) {
            data += wrote;
            n -= (size_t)wrote;
            d->have += wrote;
        }
    }
    if (!err)
        draw(d, false);
    return err;
}

static int refuse(const struct download *d, const struct ac_http_answer *a, struct ac_str *why)
{
    char text[128];

    ac_http_excerpt(a, text, sizeof text);
    if (a->status == 404 || a->status == 410)
        ac_str_addf(
            why,
            "%s: it is not there (HTTP %ld): check the address in the list of models, or name another "
            "with --mirror",
            d->url, a->status);
    else
        ac_str_addf(why, "%s: the server says HTTP %ld: %s", d->url, a->status, text);
    return AC_EIO;
}

/* One request. *again: it is worth trying once more. */
static int attempt(struct download *d, bool *again, int *wait_s, struct ac_str *why)
{
    struct ac_http_request r = {.url = d->url,
                                .stall_ms = STALL_MS,
                                .max_bytes = 4096,
                                .resume_from = d->have,
                                .take = take,
                                .arg = d};
    struct ac_http_answer a;

    d->begun = false;
    int err = ac_http_run(&r, &a, NULL);
    *again = ac_http_retryable(err, &a) && !d->write_errno;
    *wait_s = a.retry_after_s;
    if (d->write_errno) {
        ac_str_addf(why, "%s: %s", d->part, strerror(d->write_errno));
        err = AC_EIO;
    } else if (!err && a.status == 416) {
        /* Nothing is left to send, or the file is another one now: its checksum tells. */
        d->total = d->have;
    } else if (!err && a.status != 200 && a.status != 206) {
        err = refuse(d, &a, why);
    } else if (err) {
        ac_str_addf(why, "%s: %s; type the command again to go on from %.1f MB", d->url, a.reason,
                    (double)d->have / 1e6);
    }
    ac_http_answer_free(&a);
    return err;
}

static int download(struct download *d, struct ac_str *why)
{
    struct stat st;
    bool again = true;
    int err = AC_EIO, wait_s = -1;

    d->fd = open(d->part, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (d->fd < 0 || fstat(d->fd, &st) != 0) {
        ac_str_addf(why, "%s: %s", d->part, strerror(errno));
        return AC_EIO;
    }
    d->have = st.st_size;
    for (int n = 1; err && again && n <= ATTEMPTS; n++) {
        int64_t before = d->have;
        ac_str_clear(why);
        err = attempt(d, &again, &wait_s, why);
        if (err && again && n < ATTEMPTS)
            ac_sleep_us((int64_t)ac_http_backoff_ms(n, wait_s) * 1000);
        if (d->have > before)
            n = 0; /* it goes on: only attempts without progress count */
    }
    if (close(d->fd) != 0 && !err) {
        ac_str_addf(why, "%s: %s", d->part, strerror(errno));
        err = AC_EIO;
    }
    if (!err && d->bar)
        draw(d, true);
    return err;
}

/* ---- checking, unpacking ---- */

static int check(const struct ac_model_entry *e, const struct ac_model_pull *p, const char *part,
                 struct ac_str *why)
{
    char hex[65] = "";
    int err = ac_sha256_file(part, hex);

    if (err) {
        ac_str_addf(why, "%s: %s", part, ac_err_text(err));
    } else if (*e->sha256 && strcmp(e->sha256, hex) != 0) {
        ac_str_addf(why,
                    "what came has the checksum %s, not %s: it was damaged on the way or is another file; it "
                    "was removed, try "
                    "again",
                    hex, e->sha256);
        unlink(part);
        err = AC_EINVAL;
    } else if (!*e->sha256 && !p->accept_unverified) {
        ac_str_addf(
            why,
            "the list has no checksum for %s. What came has sha256 %s: compare it with one you trust, then "
            "type the command again with --accept-unverified (nothing is downloaded twice)",
            e->name, hex);
        err = AC_ECONFIG;
    } else if (!*e->sha256) {
        fprintf(stderr, "avatar-chat models: %s: unverified, sha256 %s\n", e->name, hex);
    }
    return err;
}

static int unpack(const struct ac_model_entry *e, const char *part, const char *folder, struct ac_str *why)
{
    char *fresh = ac_asprintf("%s.new", folder);

    ac_model_remove(e, fresh);
    int err = ac_model_unpack(e, part, fresh, why);
    if (!err)
        err = ac_model_replace(e, fresh, folder, why);
    if (err == AC_EINVAL || !err)
        unlink(part); /* used up, or of no use */
    free(fresh);
    return err;
}

int ac_model_pull(const struct ac_model_entry *e, const struct ac_model_pull *p, struct ac_str *why)
{
    const char *slash = strrchr(e->url, '/');
    char *url = p->mirror ? ac_asprintf("%s/%s", p->mirror, slash ? slash + 1 : e->url) : ac_strdup(e->url);
    char *folder = ac_asprintf("%s/%s", p->dir, e->name), *part = ac_asprintf("%s.part", folder);
    struct download d = {.url = url, .part = part, .total = -1, .bar = p->bar};
    int err = AC_OK;

    if (mkdir(p->dir, 0755) != 0 && errno != EEXIST) {
        ac_str_addf(why, "%s: %s", p->dir, strerror(errno));
        err = AC_EIO;
    }
    if (!err)
        err = download(&d, why);
    if (!err)
        err = check(e, p, part, why);
    if (!err)
        err = unpack(e, part, folder, why);
    free(part);
    free(folder);
    free(url);
    return err;
}
