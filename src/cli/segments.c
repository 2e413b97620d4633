/* Speech segments of a recording (segments.h). */
#include "cli/segments.h"

#include "base/mem.h"
#include "cli/cli.h"
#include "core/endpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 16 * AC_LISTEN_RATE_HZ }; /* what is copied at a time */

static void note(void *arg, const struct ac_endpoint_event *e)
{
    struct ac_segments *s = arg;

    if (e->type != AC_ENDPOINT_END)
        return;
    s->items = ac_realloc_array(s->items, s->n + 1, sizeof *s->items);
    s->items[s->n++] =
        (struct ac_segment){.start_sample = e->onset_sample, .end_sample = e->end_sample, .cut = e->cut};
}

struct voices {
    struct ac_sink sink;
    struct ac_endpoint endpoint;
};

static int take_voice(struct ac_sink *sink, struct ac_frame *f)
{
    struct voices *v = (struct voices *)sink;

    ac_endpoint_feed(&v->endpoint, &f->voice, AC_EARS_OPEN);
    ac_frame_unref(f);
    return 0;
}

static int feed(struct ac_instance *inst, struct voices *v, const int16_t *pcm, size_t n)
{
    int err = 0;

    for (size_t at = 0; !err && at < n; at += PIECE) {
        struct ac_frame *f = ac_frame_new(AC_FRAME_AUDIO);
        f->audio.n_samples = n - at < PIECE ? n - at : PIECE;
        f->audio.start_sample = (int64_t)at;
        f->audio.pcm = ac_alloc(f->audio.n_samples * sizeof *pcm);
        memcpy(f->audio.pcm, pcm + at, f->audio.n_samples * sizeof *pcm);
        err = ac_instance_process(inst, f, &v->sink, NULL);
        ac_frame_unref(f);
    }
    return err ? err : ac_instance_process(inst, NULL, &v->sink, NULL);
}

static int open_first(struct ac_instance **inst, const struct ac_config *cfg, struct ac_models *models,
                      char *reason)
{
    const struct ac_handler_info *const *engines;
    size_t n = ac_config_use(cfg, AC_STAGE_VAD, &engines);
    int err = AC_ECONFIG;

    snprintf(reason, 256, "no engine of stage 'vad' is configured: see vad.use");
    for (size_t i = 0; err && i < n; i++) {
        err = ac_instance_open(inst, models, engines[i], NULL, reason);
        if (err && i + 1 < n)
            fprintf(stderr, "avatar-chat: vad.%s does not open, %s stands in: %s\n", engines[i]->name,
                    engines[i + 1]->name, reason);
    }
    return err;
}

int ac_segments_find(struct ac_segments *out, const struct ac_config *cfg, struct ac_models *models,
                     const int16_t *pcm, size_t n, char *reason)
{
    struct voices v = {.sink = {.push = take_voice}};
    struct ac_instance *inst;

    *out = (struct ac_segments){0};
    int err = open_first(&inst, cfg, models, reason);
    if (err)
        return err;
    out->engine = ac_instance_info(inst)->name;
    ac_endpoint_init(&v.endpoint, ac_config_listen(cfg), note, out);
    err = feed(inst, &v, pcm, n);
    if (err) {
        snprintf(reason, 256, "%s",
                 ac_instance_reason(inst)[0] ? ac_instance_reason(inst) : ac_err_text(err));
        ac_segments_free(out);
    } else {
        ac_endpoint_finish(&v.endpoint);
    }
    ac_instance_close(inst);
    return err;
}

void ac_segments_free(struct ac_segments *s)
{
    free(s->items);
    *s = (struct ac_segments){0};
}
