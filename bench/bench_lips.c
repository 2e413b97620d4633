/*
 * bench_lips: lip sync from the sound (lipsync/acoustic) against the phoneme times, on voices that its
 * network was not trained with; the same for the baseline of lips_baseline.h; and what it costs.
 *
 *     bench_lips               prints tables
 *     bench_lips judge FILE…   the same for recordings with their phoneme times (tools/lips_align.py)
 *     bench_lips poses FILE    prints what it makes of a sound file, a line every 20 ms: time, the 15
 * probabilities, the nine values of the mouth at 50 frames a second, stress, energy
 *
 * Truth is what lipsync/phoneme does with the phoneme times at 25 frames a second. Visemes: share of poses
 * whose most likely viseme is the phoneme's. Jaw, press: mean absolute error. Closures: press > 0.5, F1 over
 * poses, and with a pose's tolerance.
 */
#include "lips_baseline.h"
#include "lips_say.h"

#include "base/clock.h"
#include "base/mem.h"
#include "lipsync/acoustic_net.h"
#include "media/decode.h"
#include "media/resample.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct ac_handler_info ac_handler_lipsync_acoustic;

enum { FPS = 25, MAX_CLIPS = 256, JAW = 1, PRESS = 6, STEP_US = 20000 };

static const char *const english[] = {"My mother makes the best blueberry pancakes in Maine.",
                                      "Please bring the big umbrella, it may rain before breakfast.",
                                      "A number of people have asked about the price of the piano.",
                                      "The weather forecast says that Thursday will be warm and cloudy.",
                                      "Why would you leave such a beautiful house by the sea?",
                                      "I am happy to help you with whatever problem you may have.",
                                      "Seven foxes jumped over five very lazy dogs, and nobody moved.",
                                      "Could you repeat that more slowly? I am not sure that I understood."};
static const char *const italian[] = {"Mia mamma prepara sempre un buon pranzo per tutta la famiglia.",
                                      "Il bambino beve un bicchiere d'acqua prima di dormire.",
                                      "Vorrei prenotare un tavolo per quattro persone, per favore.",
                                      "La primavera porta molti fiori nei campi vicino al fiume.",
                                      "Dove posso comprare un biglietto per il prossimo treno?",
                                      "Questa sera piove, ma domani sarà una bella giornata."};
static const char *const swedish[] = {"Min mamma bakar alltid bröd på lördagar.",
                                      "Kan du hjälpa mig att hitta vägen till stationen?",
                                      "Barnen plockar bär och svamp i skogen på hösten.",
                                      "Det blir varmt och soligt hela veckan, säger de på radion.",
                                      "Vi bor i ett rött hus bredvid en liten sjö.",
                                      "Jag vill gärna köpa en biljett till Uppsala."};
static const char *const german[] = {"Meine Mutter bringt am Abend immer frisches Brot mit.",
                                     "Bitte sprechen Sie etwas lauter, ich verstehe Sie kaum.",
                                     "Fünf wilde Wölfe liefen über die weite Wiese.",
                                     "Können Sie mir sagen, wie ich zum Bahnhof komme?"};
static const char *const french[] = {"Ma mère prépare un bon repas pour toute la famille.",
                                     "Pouvez-vous répéter la question un peu plus lentement ?",
                                     "Il fait beau aujourd'hui, nous allons marcher au bord du fleuve.",
                                     "Je voudrais un billet pour Paris, s'il vous plaît."};

#define SENTENCES(list) list, sizeof(list) / sizeof *(list)
static const struct voice {
    const char *voice, *lang;
    const char *const *text;
    size_t n;
    bool held_out;
} voices[] = {
    {"slt", "en", SENTENCES(english), false},         {"flite:awb", "en", SENTENCES(english), false},
    {"flite:kal16", "en", SENTENCES(english), false}, {"espeak:de+f2", "de", SENTENCES(german), false},
    {"espeak:fr+m1", "fr", SENTENCES(french), false}, {"espeak:de+m3", "de", SENTENCES(german), false},
    {"rms", "en", SENTENCES(english), true},          {"espeak:it+f4", "it", SENTENCES(italian), true},
    {"espeak:it+m7", "it", SENTENCES(italian), true}, {"espeak:sv+f4", "sv", SENTENCES(swedish), true},
    {"espeak:sv+m7", "sv", SENTENCES(swedish), true},
};
enum { N_VOICES = sizeof voices / sizeof *voices };

struct score {
    double n, right, jaw, press, hit, miss, extra, near_hit, near_miss, near_extra;
};

/* ---- the engine ---- */

struct poses {
    struct ac_sink sink;
    struct ac_pose *pose;
    size_t n, cap;
};

static int keep(struct ac_sink *sink, struct ac_frame *f)
{
    struct poses *p = (struct poses *)sink;

    if (p->n == p->cap) {
        p->cap = p->cap ? 2 * p->cap : 256;
        p->pose = ac_realloc_array(p->pose, p->cap, sizeof *p->pose);
    }
    p->pose[p->n++] = f->pose;
    ac_frame_unref(f);
    return 0;
}

static int run_engine(struct lips_engine *e, const int16_t *pcm, size_t n, int rate_hz, struct poses *out)
{
    struct ac_frame *f = ac_frame_new(AC_FRAME_SPEECH);

    f->speech = (struct ac_speech){.rate_hz = rate_hz, .n_samples = n, .last = true};
    f->speech.pcm = ac_alloc((n + 1) * sizeof *pcm);
    memcpy(f->speech.pcm, pcm, n * sizeof *pcm);
    *out = (struct poses){.sink = {keep}};
    int err = e->info->process(e->inst, f, &out->sink, NULL);
    ac_frame_unref(f);
    return err;
}

/* The network's answers, straight, one every 20 ms; answer k is for k * 20 ms. The caller frees. */
static struct ac_acoustic_out *answers(const int16_t *pcm, size_t n, size_t *n_out)
{
    struct ac_acoustic_tables tables;
    struct ac_acoustic_mel mel;
    struct ac_acoustic_net net;
    struct ac_acoustic_state state = {0};
    struct ac_acoustic_out *out, early;
    float rows[AC_ACOUSTIC_IN], sound[AC_ACOUSTIC_HOP];

    ac_acoustic_tables_init(&tables);
    if (ac_acoustic_mel_open(&mel) || ac_acoustic_net_load(&net))
        abort();
    *n_out = n / AC_ACOUSTIC_STEP + 1;
    out = ac_zalloc(*n_out * sizeof *out);
    for (size_t k = 0; k < *n_out + AC_ACOUSTIC_DELAY_STEPS - 1; k++) {
        for (size_t half = 0; half < 2; half++) {
            for (size_t i = 0; i < AC_ACOUSTIC_HOP; i++) {
                size_t at = k * AC_ACOUSTIC_STEP + half * AC_ACOUSTIC_HOP + i;
                sound[i] = at < n ? (float)pcm[at] / 32768 : 0;
            }
            ac_acoustic_mel_step(&mel, &tables, sound, rows + half * AC_ACOUSTIC_BANDS);
        }
        bool late = k >= AC_ACOUSTIC_DELAY_STEPS - 1;
        ac_acoustic_net_step(&net, &state, rows, late ? &out[k - AC_ACOUSTIC_DELAY_STEPS + 1] : &early);
    }
    ac_acoustic_net_free(&net);
    ac_acoustic_mel_close(&mel);
    ac_acoustic_tables_free(&tables);
    return out;
}

static int most_likely(const struct ac_acoustic_out *o)
{
    int best = 0;

    for (int v = 1; v < AC_VIS_COUNT; v++)
        best = o->viseme[v] > o->viseme[best] ? v : best;
    return best;
}

/* The engine's poses with the network's visemes, in the form of a clip's rows. The caller frees. */
static float *run_acoustic(struct lips_engine *e, const struct lips_clip *c)
{
    const int16_t *pcm = (const int16_t *)(const void *)c->pcm.p;
    size_t n = c->pcm.len / sizeof *pcm, n_answers;
    float *out = ac_zalloc((c->n_rows + 1) * LIPS_VALUES * sizeof *out);
    struct ac_acoustic_out *raw = answers(pcm, n, &n_answers);
    struct poses p;

    if (run_engine(e, pcm, n, AC_LISTEN_RATE_HZ, &p))
        abort();
    for (size_t r = 0; r < c->n_rows && r < p.n; r++) {
        size_t k = (2 * r + 1) * 1000000 / (2 * FPS) / STEP_US;
        out[r * LIPS_VALUES] = k < n_answers ? (float)most_likely(&raw[k]) : 0;
        memcpy(out + r * LIPS_VALUES + 1, &p.pose[r].mouth, LIPS_MOUTH * sizeof *out);
    }
    free(raw);
    free(p.pose);
    return out;
}

/* ---- figures ---- */

static bool closed(const float *rows, size_t n, size_t r, size_t reach, double threshold)
{
    for (size_t k = r > reach ? r - reach : 0; k <= r + reach && k < n; k++)
        if ((double)rows[k * LIPS_VALUES + PRESS] > threshold)
            return true;
    return false;
}

static void judge(const struct lips_clip *c, const float *said, double threshold, struct score *s)
{
    const float *truth = (const float *)(const void *)c->rows.p;

    for (size_t r = 0; r < c->n_rows; r++) {
        const float *t = truth + r * LIPS_VALUES, *p = said + r * LIPS_VALUES;
        bool tc = closed(truth, c->n_rows, r, 0, 0.5), pc = closed(said, c->n_rows, r, 0, threshold);
        s->n++;
        s->right += t[0] == p[0];
        s->jaw += fabsf(t[JAW] - p[JAW]);
        s->press += fabsf(t[PRESS] - p[PRESS]);
        s->hit += tc && pc;
        s->miss += tc && !pc;
        s->extra += !tc && pc;
        s->near_miss += tc && !closed(said, c->n_rows, r, 1, threshold);
        s->near_hit += tc && closed(said, c->n_rows, r, 1, threshold);
        s->near_extra += pc && !closed(truth, c->n_rows, r, 1, 0.5);
    }
}

static double f1(double hit, double miss, double extra)
{
    return 2 * hit / fmax(1, 2 * hit + miss + extra);
}

static void print_score(const char *voice, const char *what, const struct score *s)
{
    printf("%-14s %-10s %7.1f %8.3f %8.3f %10.2f %12.2f\n", voice, what, 100 * s->right / s->n, s->jaw / s->n,
           s->press / s->n, f1(s->hit, s->miss, s->extra), f1(s->near_hit, s->near_miss, s->near_extra));
}

static void add_score(struct score *sum, const struct score *s)
{
    const double *from = (const double *)s;
    double *to = (double *)sum;

    for (size_t i = 0; i < sizeof *s / sizeof *from; i++)
        to[i] += from[i];
}

static void print_head(void)
{
    printf("%-14s %-10s %7s %8s %8s %10s %12s\n", "voice", "from", "visemes", "jaw", "press", "closures",
           "+-1 pose");
    printf("%-14s %-10s %7s %8s %8s %10s %12s\n", "", "", "%", "error", "error", "F1", "F1");
}

static void judge_voices(struct lips_engine *e, const struct lips_baseline *b, struct lips_clip (*clips)[8])
{
    struct score all[2] = {0};

    print_head();
    for (size_t v = 0; v < N_VOICES; v++) {
        struct score s[2] = {0};
        for (size_t i = 0; i < voices[v].n && voices[v].held_out; i++) {
            float *runs[2] = {lips_baseline_run(b, &clips[v][i], FPS), run_acoustic(e, &clips[v][i])};
            for (int k = 0; k < 2; k++) {
                judge(&clips[v][i], runs[k], k ? 0.5 : b->threshold, &s[k]);
                free(runs[k]);
            }
        }
        for (int k = 0; k < 2 && voices[v].held_out; k++) {
            print_score(voices[v].voice, k ? "acoustic" : "baseline", &s[k]);
            add_score(&all[k], &s[k]);
        }
    }
    for (int k = 0; k < 2; k++)
        print_score("all", k ? "acoustic" : "baseline", &all[k]);
}

static void judge_time(struct lips_engine *e, const struct lips_clip *c)
{
    static const int rates[] = {16000, 22050, 24000, 48000};

    printf("\n%-10s %24s\n", "rate", "us a 40 ms of speech");
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct ac_resampler *r;
        struct ac_str s = {0};
        double best = INFINITY;
        if (ac_resampler_open(&r, AC_LISTEN_RATE_HZ, rates[i]))
            abort();
        ac_resampler_run(r, (const int16_t *)(const void *)c->pcm.p, c->pcm.len / 2, &s);
        ac_resampler_run(r, NULL, 0, &s);
        ac_resampler_close(r);
        for (int round = 0; round < 20; round++) {
            struct poses p;
            int64_t start_us = ac_thread_cpu_us();
            run_engine(e, (const int16_t *)(const void *)s.p, s.len / 2, rates[i], &p);
            best = fmin(best, (double)(ac_thread_cpu_us() - start_us) / (double)p.n);
            free(p.pose);
        }
        printf("%-10d %24.0f\n", rates[i], best);
        ac_str_free(&s);
    }
}

static int bench(struct lips_engine *e)
{
    static struct lips_clip clips[N_VOICES][8], training[MAX_CLIPS];
    static struct lips_baseline baseline;
    struct lips_mouths m;
    size_t n = 0;
    int err = lips_mouths_open(&m, FPS);

    for (size_t v = 0; v < N_VOICES && !err; v++) {
        for (size_t i = 0; i < voices[v].n && !err; i++) {
            err = lips_say(&m, voices[v].voice, voices[v].lang, 1, 1, voices[v].text[i], &clips[v][i]);
            if (!err && !voices[v].held_out) {
                lips_baseline_add(&baseline, &clips[v][i], FPS);
                training[n++] = clips[v][i];
            }
        }
    }
    if (err)
        return err;
    lips_baseline_fit(&baseline, training, n, FPS);
    judge_voices(e, &baseline, clips);
    judge_time(e, &clips[0][0]);
    for (size_t v = 0; v < N_VOICES; v++)
        for (size_t i = 0; i < voices[v].n; i++)
            lips_clip_free(&clips[v][i]);
    lips_mouths_close(&m);
    return 0;
}

/* Recordings whose phoneme times are known (FILE.phones, see lips_say.h): nothing is held out from them. */
static int judge_files(struct lips_engine *e, char **paths, int n)
{
    struct score all = {0};
    struct lips_mouths m;
    int err = lips_mouths_open(&m, FPS);

    print_head();
    for (int i = 0; i < n && !err; i++) {
        struct lips_clip c;
        struct score s = {0};
        char *voice = ac_asprintf("file:%s", paths[i]), *slash = strrchr(paths[i], '/');
        err = lips_say(&m, voice, "en", 1, 1, "", &c);
        free(voice);
        if (err) {
            fprintf(stderr, "bench_lips: %s cannot be read, or has no %s.phones\n", paths[i], paths[i]);
            break;
        }
        float *run = run_acoustic(e, &c);
        judge(&c, run, 0.5, &s);
        add_score(&all, &s);
        print_score(slash ? slash + 1 : paths[i], "acoustic", &s);
        free(run);
        lips_clip_free(&c);
    }
    if (!err && n > 1)
        print_score("all", "acoustic", &all);
    lips_mouths_close(&m);
    return err;
}

static int print_poses(struct lips_engine *e, const char *path)
{
    struct ac_pcm pcm = {0};
    char reason[AC_DECODE_REASON];
    size_t n_answers;
    struct poses p;
    int err = ac_decode_file(path, 600, &pcm, reason);

    if (err) {
        fprintf(stderr, "bench_lips: %s: %s\n", path, reason);
        return err;
    }
    struct ac_acoustic_out *raw = answers(pcm.samples, pcm.n, &n_answers);
    err = run_engine(e, pcm.samples, pcm.n, AC_LISTEN_RATE_HZ, &p);
    for (size_t k = 0; k < p.n && k < n_answers && !err; k++) {
        const float *mouth = (const float *)&p.pose[k].mouth;
        printf("%.3f", ((double)k + 0.5) / 50);
        for (int v = 0; v < AC_VIS_COUNT; v++)
            printf(" %.4f", raw[k].viseme[v]);
        for (int i = 0; i < LIPS_MOUTH; i++)
            printf(" %.4f", mouth[i]);
        printf(" %.4f %.4f\n", p.pose[k].stress, p.pose[k].energy);
    }
    free(raw);
    free(p.pose);
    free(pcm.samples);
    return err;
}

int main(int argc, char **argv)
{
    bool poses = argc == 3 && !strcmp(argv[1], "poses"), files = argc > 2 && !strcmp(argv[1], "judge");
    struct lips_engine e;

    if (argc != 1 && !poses && !files) {
        fprintf(stderr, "usage: bench_lips [poses FILE | judge FILE...]\n");
        return 2;
    }
    if (lips_engine_open(&e, &ac_handler_lipsync_acoustic, poses ? 50 : FPS)) {
        fprintf(stderr, "bench_lips: %s\n", e.env.reason);
        return 1;
    }
    int err = poses ? print_poses(&e, argv[2]) : files ? judge_files(&e, argv + 2, argc - 2) : bench(&e);
    lips_engine_close(&e);
    return err ? 1 : 0;
}
