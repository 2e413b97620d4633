/*
 * A Whisper model in the form of the k2-fsa ONNX exports: encoder, decoder with key-value caches, and tokens,
 * three files of one folder (NAME-encoder.int8.onnx or NAME-encoder.onnx, the same for the decoder,
 * NAME-tokens.txt). Source of the model: A. Radford et al., "Robust Speech Recognition via Large-Scale Weak
 * Supervision" (2022).
 *
 * Threads: read only once opened; the runs of different threads do not meet. A run keeps its caches itself.
 */
#ifndef AC_ASR_WHISPER_MODEL_H
#define AC_ASR_WHISPER_MODEL_H

#include "asr/mel.h"
#include "asr/tokens.h"
#include "infer/infer.h"

/* The most tokens of one text that are kept, and of its start. */
enum { AC_WHISPER_MAX_TOKENS = 448, AC_WHISPER_MAX_PROMPT = 4 };

struct ac_whisper_spec {
    size_t n_mels, n_audio_ctx;           /* mel bands; positions of the encoder, two mel frames each */
    size_t n_layers, n_text_ctx, n_state; /* decoder: layers, longest text, width */
    size_t n_vocab;
    bool multilingual;
    int32_t sot, eot, transcribe, no_speech, no_timestamps; /* timestamps follow no_timestamps, 20 ms each */
    bool *never;   /* n_vocab: tokens that are no speech or no text */
    int32_t blank; /* not at the start, as is eot */
    size_t n_langs;
    int32_t *lang_token;
    char **lang; /* codes as the model has them: "en", "zh" … */
};

struct ac_whisper {
    struct ac_whisper_spec spec;
    struct ac_infer *encoder, *decoder;
    struct ac_tokens *tokens;
    struct ac_mel *mel;
    size_t fixed_frames; /* mel frames the encoder was exported for; 0 = any even number */
};

/*
 * name: "tiny", "base" …: the folder models/whisper-NAME; or a folder. AC_EMODEL with the reason in env. What
 * was opened before a failure is closed by ac_whisper_close too.
 */
int ac_whisper_open(struct ac_whisper *w, const char *name, struct ac_env *env);
void ac_whisper_close(struct ac_whisper *w);
/* The number of a language of this model by its code, -1 when it has none. */
int ac_whisper_lang(const struct ac_whisper *w, const char *code);

/* What a run holds between its steps. Start from {0}, end with ac_whisper_run_free. */
struct ac_whisper_run {
    struct ac_tensor cross[2], cache[2]; /* keys and values: of the sound, of the text so far */
    struct ac_tensor logits;             /* of the last step */
};

/*
 * Listens to n samples (n_frames mel frames: even, at most 2 * n_audio_ctx). The errors of ac_infer_run;
 * AC_ECANCELED.
 */
int ac_whisper_encode(const struct ac_whisper *w, struct ac_whisper_run *r, const int16_t *pcm, size_t n,
                      size_t n_frames, struct ac_cancel *cancel, struct ac_env *env);
/*
 * Reads n tokens, of which offset were read before (n > 1 only at offset 0, which forgets the text); *logits
 * gets the n_vocab values behind each of them, row by row, valid until the next step.
 */
int ac_whisper_step(const struct ac_whisper *w, struct ac_whisper_run *r, const int64_t *tokens, size_t n,
                    size_t offset, float **logits, struct ac_cancel *cancel, struct ac_env *env);
void ac_whisper_run_free(struct ac_whisper_run *r);

#endif
