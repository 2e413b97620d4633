/*
 * silero: voice activity by Silero VAD v6, a small recurrent network, on ONNX Runtime.
 *
 * The stream is cut in windows of 512 samples (32 ms). The network is given each window with the 64 samples
 * before it, and the state it returned for the window before; it answers how likely the window is speech.
 * Both memories are the session's own, the weights are shared. Leaving out the 64 samples "works" too, only
 * worse.
 *
 * The network: https://github.com/snakers4/silero-vad (MIT), opset of its sample code.
 */
#include "avatarchat/handler.h"
#include "infer/infer.h"

#include <string.h>

enum { WINDOW = 512, CONTEXT = 64, STATE = 2 * 128 };

#define REMEDY "run tools/fetch_models.sh, or set vad.silero.model to a silero_vad_v6.onnx"

struct config {
    char *model;
};

static const struct ac_option options[] = {
    AC_OPTION_PATH(struct config, model, "model", "models/silero_vad_v6.onnx", 0,
                   "Silero VAD version 5 or 6 as an ONNX file; tools/fetch_models.sh fetches it."),
    AC_OPTIONS_END,
};

struct model {
    struct ac_infer *infer;
};

struct instance {
    struct model *model;
    struct ac_env *env;
    float state[STATE];
    float input[CONTEXT + WINDOW]; /* what came before the window, and as much of it as is there */
    size_t fill;
    int64_t start_sample; /* of the window */
    bool begun;
    uint32_t turn;
};

static int open_model(void *model, const void *cfg, struct ac_env *env)
{
    static const struct ac_tensor_info in[] = {{"input", AC_TENSOR_F32, 2, {-1, -1}},
                                               {"state", AC_TENSOR_F32, 3, {2, -1, 128}},
                                               {"sr", AC_TENSOR_I64, 0, {0}}};
    static const struct ac_tensor_info out[] = {{"output", AC_TENSOR_F32, 2, {-1, 1}},
                                                {"stateN", AC_TENSOR_F32, 3, {-1, -1, -1}}};
    struct model *m = model;

    int err = ac_infer_open(&m->infer, ((const struct config *)cfg)->model, REMEDY,
                            AC_INFER_ONE_THREAD | AC_INFER_NO_ARENA, env);
    return err ? err
               : ac_infer_expect(m->infer, in, sizeof in / sizeof *in, out, sizeof out / sizeof *out, env);
}

static void close_model(void *model)
{
    ac_infer_close(((struct model *)model)->infer);
}

static void reset(void *inst)
{
    struct instance *i = inst;

    memset(i->state, 0, sizeof i->state);
    memset(i->input, 0, sizeof i->input);
    i->fill = 0;
    i->begun = false;
}

static int open_instance(void *inst, void *model, const void *cfg, struct ac_env *env)
{
    struct instance *i = inst;

    (void)cfg;
    i->model = model;
    i->env = env;
    return 0;
}

/* Asks the network about the window; its answer and the new state. */
static int ask(struct instance *i, float *probability)
{
    int64_t rate_hz = AC_LISTEN_RATE_HZ;
    struct ac_tensor in[] = {AC_TENSOR("input", AC_TENSOR_F32, i->input, 1, CONTEXT + WINDOW),
                             AC_TENSOR("state", AC_TENSOR_F32, i->state, 2, 1, 128),
                             {.name = "sr", .type = AC_TENSOR_I64, .data = &rate_hz}};
    struct ac_tensor out[] = {{.name = "output"}, {.name = "stateN"}};

    int err = ac_infer_run(i->model->infer, in, 3, out, 2, NULL, i->env); /* 0.1 ms: too short to cancel */
    if (err)
        return err;
    if (ac_tensor_count(&out[0]) != 1 || ac_tensor_count(&out[1]) != STATE) {
        err = ac_env_fail(i->env, AC_EMODEL, "the model is not Silero VAD: %s", REMEDY);
    } else {
        *probability = *(float *)out[0].data;
        memcpy(i->state, out[1].data, sizeof i->state);
    }
    ac_tensor_free(&out[0]);
    ac_tensor_free(&out[1]);
    return err;
}

/* The window is as full as it gets. */
static int finish_window(struct instance *i, struct ac_sink *out)
{
    float probability = 0;

    memset(i->input + CONTEXT + i->fill, 0, (WINDOW - i->fill) * sizeof *i->input);
    int err = ask(i, &probability);
    if (err)
        return err;
    struct ac_frame *f = ac_frame_new(AC_FRAME_VOICE);
    f->turn = i->turn;
    f->voice.start_sample = i->start_sample;
    f->voice.n_samples = i->fill;
    f->voice.probability = probability;
    memmove(i->input, i->input + WINDOW, CONTEXT * sizeof *i->input);
    i->start_sample += (int64_t)i->fill;
    i->fill = 0;
    return out->push(out, f);
}

static int process(void *inst, const struct ac_frame *in, struct ac_sink *out, struct ac_cancel *cancel)
{
    struct instance *i = inst;

    if (!in) {
        int err = i->fill ? finish_window(i, out) : 0;
        reset(i);
        return err;
    }
    const struct ac_audio *a = &in->audio;
    if (!i->begun)
        i->start_sample = a->start_sample;
    else if (a->start_sample != i->start_sample + (int64_t)i->fill)
        return ac_env_fail(i->env, AC_EINVAL, "the sound has a gap: reset the detector first");
    i->begun = true;
    i->turn = in->turn;
    for (size_t k = 0; k < a->n_samples; k++) {
        i->input[CONTEXT + i->fill++] = (float)a->pcm[k] / 32768;
        if (i->fill < WINDOW)
            continue;
        int err = ac_cancelled(cancel) ? AC_ECANCELED : finish_window(i, out);
        if (err) {
            reset(i);
            return err;
        }
    }
    return 0;
}

const struct ac_handler_info ac_handler_vad_silero = {
    .name = "silero",
    .help = "Silero's neural network: knows speech from noise and music",
    .stage = AC_STAGE_VAD,
    .in = AC_FRAME_AUDIO,
    .out = AC_FRAME_VOICE,
    .cfg_size = sizeof(struct config),
    .model_size = sizeof(struct model),
    .inst_size = sizeof(struct instance),
    .options = options,
    .model_open = open_model,
    .model_close = close_model,
    .open = open_instance,
    .process = process,
    .reset = reset,
};
