/* What `avatar-chat doctor` asks language models outside of this process: whether they answer, and how soon.
 */
#include "cli/doctor.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/mem.h"
#include "core/models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT_US = 20000000, REASON = 256 };

struct reply {
    struct ac_sink sink;
    int64_t first_us; /* when the first text came; 0 = none yet */
    size_t bytes;
};

static int push_reply(struct ac_sink *sink, struct ac_frame *f)
{
    struct reply *r = (struct reply *)sink;

    if (!r->first_us && f->text.text && f->text.text[0])
        r->first_us = ac_now_us();
    r->bytes += f->text.text ? strlen(f->text.text) : 0;
    ac_frame_unref(f);
    return 0;
}

static struct ac_frame *short_question(void)
{
    struct ac_frame *f = ac_frame_new(AC_FRAME_CHAT);

    f->chat.messages = ac_realloc_array(NULL, 1, sizeof *f->chat.messages);
    f->chat.messages[f->chat.n_messages++] =
        (struct ac_message){.role = ac_strdup("user"), .text = ac_strdup("Say the one word: yes")};
    return f;
}

static void ask(struct ac_doctor *d, struct ac_models *models, const struct ac_handler_info *info)
{
    struct reply r = {.sink = {push_reply}};
    struct ac_cancel *cancel = ac_cancel_new(NULL);
    struct ac_instance *inst = NULL;
    char reason[REASON] = "";

    if (ac_instance_open(&inst, models, info, NULL, reason)) { /* said with the engines */
        ac_cancel_unref(cancel);
        return;
    }
    struct ac_frame *question = short_question();
    int64_t begin_us = ac_now_us();
    ac_cancel_set_deadline(cancel, begin_us + WAIT_US);
    int err = ac_instance_process(inst, question, &r.sink, cancel);
    if (!err && r.first_us)
        ac_doctor_add(d, "answers", info->name, AC_DOCTOR_OK, NULL, "begins to answer after %.0f ms",
                      (double)(r.first_us - begin_us) / 1000);
    else
        ac_doctor_add(d, "answers", info->name, AC_DOCTOR_PROBLEM, "docs/llm.md tells what to do", "%s",
                      err == AC_ECANCELED || err == AC_ETIMEDOUT ? "no answer came in 20 s"
                      : ac_instance_reason(inst)[0]              ? ac_instance_reason(inst)
                      : err                                      ? ac_err_text(err)
                                                                 : "the answer is empty");
    ac_frame_unref(question);
    ac_instance_close(inst);
    ac_cancel_unref(cancel);
}

void ac_doctor_answers(struct ac_doctor *d, const struct ac_config *cfg, struct ac_models *models)
{
    const struct ac_handler_info *const *engines;
    size_t n = ac_config_use(cfg, AC_STAGE_LLM, &engines);

    for (size_t i = 0; i < n; i++)
        if (engines[i]->flags & AC_HANDLER_WAITS)
            ask(d, models, engines[i]);
}
