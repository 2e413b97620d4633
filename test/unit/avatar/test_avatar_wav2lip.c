/*
 * The engine wav2lip with a small model whose mouths can be computed: only the mouth differs from the
 * template, silence is the template, the mouth belongs to the sound of its own moment, interruptions leave
 * nothing, time is saved without a change of length, sessions do not disturb each other.
 */
#include "wav2lip_puppet.h"

#include <pthread.h>

enum { SECONDS = 3, N_PCM = SECONDS * PUPPET_RATE, FRAMES = SECONDS * PUPPET_FPS };

static struct puppet_files files;
static int16_t speech[N_PCM + 1000], silence[N_PCM];

static int set_up(void **state)
{
    (void)state;
    puppet_speech(speech, N_PCM + 1000, PUPPET_RATE, 0.9);
    return puppet_files_make(&files);
}

static int tear_down(void **state)
{
    (void)state;
    puppet_files_remove(&files);
    return 0;
}

static void hear_all(struct puppet *p, const int16_t *pcm)
{
    assert_int_equal(puppet_hear(p, pcm, N_PCM, 0, PUPPET_RATE, true), 0);
}

static const struct ac_picture *show_frame(struct puppet *p, int64_t frame, int64_t sentence_frame)
{
    struct ac_pose pose = puppet_pose(frame, sentence_frame);
    const struct ac_picture *pic = puppet_show(p, &pose);
    if (!pic)
        fail_msg("%s", p->env.reason);
    return pic;
}

/* ---- what is refused ---- */

static void test_refused(void **state)
{
    char *text = ac_asprintf("%s/text.onnx", files.dir);
    puppet_write(text, "no model", 8);
    const struct {
        const char *avatar, *id, *model;
        int width, height, err;
        const char *says;
    } CASES[] = {
        {"", "", files.model, 512, 512, AC_ENOTSUP, ""},
        {"lin", "", files.model, 512, 512, AC_ENOTSUP, ""},
        {"../face", "", files.model, 512, 512, AC_ENOTSUP, ""},
        {"nobody", "face", files.model, 512, 512, AC_ENOTSUP, ""},
        {"", "nobody", files.model, 512, 512, AC_ENOENT, "avatar create"},
        {"face", "", "models/none.onnx", 512, 512, AC_EMODEL, "docs/wav2lip.md#weights"},
        {"face", "", text, 512, 512, AC_EMODEL, "docs/wav2lip.md#weights"},
        {"face", "", files.model, 500, 2000, AC_EINVAL, "sides"},
        {"face", "", files.model, 511, 511, AC_EINVAL, "sides"},
        {"face", "", files.model, 512, 512, 0, ""},
        {"", "video", files.model, 512, 512, 0, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct puppet p;
        struct puppet_config cfg = {(char *)(uintptr_t)CASES[i].id, (char *)(uintptr_t)CASES[i].model, 0, 0,
                                    false};
        int err = puppet_open_cfg(&p, NULL, &files, CASES[i].avatar, CASES[i].width, CASES[i].height, cfg);
        if (err != CASES[i].err || !strstr(p.env.reason, CASES[i].says))
            fail_msg("case %zu: %d, '%s'", i, err, p.env.reason);
        puppet_close(&p);
    }
    free(text);
}

/* A file that cannot be used is not tried again and again, but a better one in its place is. */
static void test_weights_that_come_later(void **state)
{
    char *path = ac_asprintf("%s/later.onnx", files.dir);
    struct puppet_config cfg = {"", path, 0, 0, false};
    struct puppet first, p;
    (void)state;
    assert_int_equal(puppet_open_cfg(&first, NULL, &files, "face", 256, 256, cfg), AC_EMODEL);
    puppet_write(path, "no model", 8);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(puppet_open_cfg(&p, &first, &files, "face", 256, 256, cfg), AC_EMODEL);
        assert_non_null(strstr(p.env.reason, "docs/wav2lip.md#weights"));
        puppet_close(&p);
    }
    puppet_model(path, 96);
    assert_int_equal(puppet_open_cfg(&p, &first, &files, "face", 256, 256, cfg), 0);
    show_frame(&p, 0, -1);
    /* replaced while it is used: the old one serves on, the new one is what others get */
    struct puppet after;
    puppet_model(path, 256);
    assert_int_equal(puppet_open_cfg(&after, &first, &files, "face", 256, 256, cfg), 0);
    hear_all(&p, speech);
    hear_all(&after, speech);
    for (int k = 0; k < 8; k++) {
        show_frame(&p, k, k);
        show_frame(&after, k, k);
    }
    assert_true(compare(&p.shown->picture, &after.shown->picture).most < 40);
    puppet_close(&p);
    puppet_close(&after);
    puppet_close(&first);
    free(path);
}

/* A larger generator is measured, and refused with the figure where it is too slow; the usual one is not. */
static void test_too_slow(void **state)
{
    static const struct {
        int side;
        double max_ms;
        int err;
    } CASES[] = {{256, 1e-9, AC_EMODEL}, {256, 10000, 0}, {256, 0, 0}, {96, 1e-9, 0}};
    char *path = ac_asprintf("%s/large.onnx", files.dir);
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct puppet_config cfg = {"", path, 0, CASES[i].max_ms, false};
        struct puppet p;
        puppet_model(path, CASES[i].side);
        assert_int_equal(puppet_open_cfg(&p, NULL, &files, "face", 256, 256, cfg), CASES[i].err);
        if (CASES[i].err)
            assert_non_null(strstr(p.env.reason, " ms for a mouth here"));
        puppet_close(&p);
    }
    free(path);
}

struct listed {
    size_t n;
    char ids[64], note[256];
};

static void add_item(void *arg, const struct ac_item *item)
{
    struct listed *l = arg;
    l->n++;
    snprintf(l->ids + strlen(l->ids), sizeof l->ids - strlen(l->ids), "%s ", item->id);
    snprintf(l->note, sizeof l->note, "%s", item->note);
    assert_string_equal(item->gender, "female");
    assert_memory_equal(item->name, "Face ", 5);
}

static void test_list(void **state)
{
    const struct ac_handler_info *h = &ac_handler_avatar_wav2lip;
    struct puppet p;
    (void)state;
    puppet_open(&p, NULL, &files, "face", 256, 256);
    struct listed l = {0};
    assert_int_equal(h->list(p.model, &p.cfg, &p.env, add_item, &l), 0);
    assert_string_equal(l.ids, "face video ");
    assert_string_equal(l.note, "");
    p.cfg = (struct puppet_config){"video", "models/none.onnx", 0, 0, false};
    l = (struct listed){0};
    assert_int_equal(h->list(p.model, &p.cfg, &p.env, add_item, &l), 0);
    assert_string_equal(l.ids, "video face "); /* the configured one first */
    assert_non_null(strstr(l.note, "docs/wav2lip.md#weights"));
    puppet_close(&p);
}

/* ---- what is seen ---- */

/* The sides of a face's box in a picture of this size, which shows the largest part of its shape. */
static void box_sides(int width, int height, int *box_width, int *box_height)
{
    struct ac_template_box b = puppet_box(0);
    double scale = fmax((double)width / PUPPET_WIDTH, (double)height / PUPPET_HEIGHT);

    *box_width = (int)(b.width * scale);
    *box_height = (int)(b.height * scale);
}

static void test_only_the_mouth(void **state)
{
    static const struct {
        const char *avatar;
        int width, height;
    } CASES[] = {{"video", 512, 512}, {"video", 1280, 720}, {"video", 360, 640}, {"face", 512, 512},
                 {"face", 1280, 720}, {"face", 360, 640},   {"video", 130, 66}};
    (void)state;
    for (size_t c = 0; c < sizeof CASES / sizeof *CASES; c++) {
        struct puppet p, idle;
        int w = CASES[c].width, h = CASES[c].height;
        bool photo = strcmp(CASES[c].avatar, "face") == 0;
        double most = 0;
        puppet_open(&p, NULL, &files, CASES[c].avatar, w, h);
        puppet_open(&idle, &p, &files, CASES[c].avatar, w, h);
        hear_all(&p, speech);
        for (int f = 0; f < 30; f++) {
            const struct ac_picture *a = show_frame(&p, f, f), *b = show_frame(&idle, f, -1);
            assert_int_equal(a->width, w);
            assert_int_equal(a->height, h);
            assert_int_equal(a->frame, f);
            struct difference d = compare(a, b);
            if (d.most == 0)
                continue;
            /* the mask is 36 of 48 wide and 20 of 48 high around 70 of 96, and a photo moves a little */
            int bw, bh;
            box_sides(w, h, &bw, &bh);
            int slack = photo ? 3 + bw / 16 : 3;
            assert_true(d.x1 - d.x0 <= bw * 72 / 96 + 2 * slack);
            assert_true(d.y1 - d.y0 <= bh * 42 / 96 + 2 * slack);
            most = fmax(most, d.most);
        }
        assert_true(most > 40); /* and there it does */
        puppet_close(&idle);
        puppet_close(&p);
    }
}

static void test_silence_is_the_template(void **state)
{
    struct puppet p, idle;
    (void)state;
    puppet_open(&p, NULL, &files, "video", 256, 256);
    puppet_open(&idle, &p, &files, "video", 256, 256);
    hear_all(&p, silence);
    for (int f = 0; f < 20; f++)
        assert_int_equal(compare(show_frame(&p, f, f), show_frame(&idle, f, -1)).most, 0);
    puppet_close(&idle);
    puppet_close(&p);
}

/* Half a second of speech in a second of silence: the mouth comes and goes by degrees, and goes whole. */
static void test_fades(void **state)
{
    static int16_t pcm[2 * PUPPET_RATE];
    struct puppet p, idle;
    double mean[60];
    (void)state;
    for (int i = 0; i < PUPPET_RATE / 2; i++)
        pcm[PUPPET_RATE / 2 + i] = (int16_t)(9000 * sin(0.2 * i));
    puppet_open(&p, NULL, &files, "video", 256, 256);
    puppet_open(&idle, &p, &files, "video", 256, 256);
    assert_int_equal(puppet_hear(&p, pcm, 2 * PUPPET_RATE, 0, PUPPET_RATE, true), 0);
    int first = -1, last = -1;
    for (int f = 0; f < 60; f++) {
        mean[f] = compare(show_frame(&p, f, f), show_frame(&idle, f, -1)).mean;
        if (mean[f] > 0 && first < 0)
            first = f;
        if (mean[f] > 0)
            last = f;
    }
    assert_in_range(first, 6, 13); /* sound at 12.5; a window looks ahead 200 ms */
    assert_in_range(last, 24, 29);
    double most = 0;
    for (int f = first; f <= last; f++)
        most = fmax(most, mean[f]);
    assert_true(mean[first] < 0.6 * most && mean[last] < 0.6 * most);
    for (int f = first; f <= last + 1; f++)
        assert_true(fabs(mean[f] - mean[f - 1]) < 0.75 * most);
    puppet_close(&idle);
    puppet_close(&p);
}

/* By how many pictures the drop in brightness at the mouth lags behind what the windows ask for. */
static int lag(int av_offset, int rate)
{
    enum { REACH = 3 };
    struct puppet_config cfg = {"", files.model, av_offset, 0, false};
    struct puppet p, idle;
    size_t n = (size_t)SECONDS * (size_t)rate;
    int16_t *pcm = ac_alloc(n * sizeof *pcm);
    double drop[FRAMES], want[FRAMES + 2 * REACH], best_sum = -1;
    float window[AC_W2L_WINDOW];
    struct ac_w2l_mel *mel = ac_w2l_mel_new();
    int best = 99;

    puppet_speech(pcm, n, rate, 0.9);
    assert_int_equal(puppet_open_cfg(&p, NULL, &files, "video", 256, 256, cfg), 0);
    puppet_open(&idle, &p, &files, "video", 256, 256);
    ac_w2l_mel_begin(mel);
    ac_w2l_mel_add(mel, speech, N_PCM); /* the same swell, at 16 kHz */
    ac_w2l_mel_end(mel);
    for (int f = -REACH; f < FRAMES + REACH; f++) {
        assert_true(ac_w2l_mel_window(mel, f, PUPPET_FPS, 0, window));
        want[f + REACH] = puppet_darker(window);
    }
    size_t done = 0;
    for (int f = 0; f < FRAMES; f++) {
        /* as the speaker does: no more speech than a picture needs */
        size_t need = (size_t)((f * 40 + ac_handler_avatar_wav2lip.hear_ahead_ms) * rate / 1000);
        size_t to = need < n ? need : n;
        if (to > done)
            assert_int_equal(puppet_hear(&p, pcm + done, to - done, (int64_t)done, rate, to == n), 0);
        done = to;
        const struct ac_picture *a = show_frame(&p, f, f), *b = show_frame(&idle, f, -1);
        drop[f] = compare(a, b).mean;
    }
    for (int k = -REACH; k <= REACH; k++) {
        double mw = 0, md = 0, sw = 0, sd = 0, swd = 0;
        int from = 8, count = FRAMES - 16;
        for (int f = from; f < from + count; f++) {
            mw += want[f + k + REACH] / count;
            md += drop[f] / count;
        }
        for (int f = from; f < from + count; f++) {
            double a = want[f + k + REACH] - mw, b = drop[f] - md;
            sw += a * a;
            sd += b * b;
            swd += a * b;
        }
        double r = swd / sqrt(sw * sd);
        if (r > best_sum) {
            best_sum = r;
            best = k;
        }
    }
    assert_true(best_sum > 0.98);
    ac_w2l_mel_free(mel);
    free(pcm);
    puppet_close(&idle);
    puppet_close(&p);
    return best;
}

static void test_sync(void **state)
{
    (void)state;
    assert_int_equal(lag(0, 16000), 0);
    assert_int_equal(lag(-1, 16000), -1);
    assert_int_equal(lag(-2, 16000), -2);
    assert_int_equal(lag(0, 22050), 0);
    assert_int_equal(lag(0, 48000), 0);
}

/* A poster opens no weights, but needs to know that there are some: else another person would speak. */
static void test_still(void **state)
{
    char *text = ac_asprintf("%s/unread.onnx", files.dir);
    struct puppet_config unread = {"", text, 0, 0, true}, none = {"", "models/none.onnx", 0, 0, true};
    struct puppet p, idle;
    (void)state;
    puppet_write(text, "no model", 8);
    puppet_open(&idle, NULL, &files, "face", 256, 256);
    assert_int_equal(puppet_open_cfg(&p, &idle, &files, "face", 256, 256, none), AC_EMODEL);
    puppet_close(&p);
    assert_int_equal(puppet_open_cfg(&p, &idle, &files, "face", 256, 256, unread), 0);
    hear_all(&p, speech);
    for (int f = 0; f < 12; f++)
        assert_int_equal(compare(show_frame(&p, f, f), show_frame(&idle, f, -1)).most, 0);
    puppet_close(&p);
    puppet_close(&idle);
    free(text);
}

/* A face that is made anew under its id is seen by the next session; who shows the old one goes on. */
static void test_replaced(void **state)
{
    char *folder = ac_asprintf("%s/avatars/again", files.dir);
    struct puppet p, after;
    (void)state;
    puppet_template(&files, "again", 1);
    puppet_open(&p, NULL, &files, "again", 256, 256);
    uint64_t hash = puppet_hash(show_frame(&p, 5, -1));
    assert_int_equal(nftw(folder, puppet_remove, 8, FTW_DEPTH | FTW_PHYS), 0);
    puppet_template(&files, "again", PUPPET_PICTURES);
    puppet_open(&after, &p, &files, "again", 256, 256);
    assert_false(puppet_hash(show_frame(&after, 5, -1)) == hash);
    assert_true(puppet_hash(show_frame(&p, 5, -1)) == hash);
    assert_int_equal(nftw(folder, puppet_remove, 8, FTW_DEPTH | FTW_PHYS), 0);
    /* gone: a picture that was not seen yet cannot be had, and the reason says so */
    struct ac_pose pose = puppet_pose(8, -1);
    assert_null(puppet_show(&after, &pose));
    assert_non_null(strstr(after.env.reason, "picture-008.jpg"));
    puppet_close(&after);
    puppet_close(&p);
    free(folder);
}

/* ---- turns ---- */

/* After an interruption the template is there, and the next sentence is as if it were the first. */
static void test_interruption(void **state)
{
    const struct ac_handler_info *h = &ac_handler_avatar_wav2lip;
    struct puppet p, fresh;
    (void)state;
    puppet_open(&p, NULL, &files, "face", 256, 256);
    puppet_open(&fresh, &p, &files, "face", 256, 256);
    assert_int_equal(puppet_hear(&p, speech, N_PCM / 2, 0, PUPPET_RATE, false), 0);
    for (int f = 0; f < 12; f++)
        show_frame(&p, f, f);
    h->reset(p.inst);
    assert_int_equal(compare(show_frame(&p, 40, -1), show_frame(&fresh, 40, -1)).most, 0);
    hear_all(&p, speech + 777);
    hear_all(&fresh, speech + 777);
    for (int f = 0; f < 12; f++)
        assert_true(puppet_hash(show_frame(&p, 41 + f, f)) == puppet_hash(show_frame(&fresh, 41 + f, f)));
    puppet_close(&fresh);
    puppet_close(&p);
}

/* Two sentences of a turn: nothing of the first is heard in the second. */
static void test_sentences(void **state)
{
    struct puppet p, fresh;
    (void)state;
    puppet_open(&p, NULL, &files, "video", 256, 256);
    puppet_open(&fresh, &p, &files, "video", 256, 256);
    hear_all(&p, speech);
    for (int f = 0; f < FRAMES + 4; f++)
        show_frame(&p, f, f);
    hear_all(&p, silence);
    for (int f = 0; f < 10; f++)
        show_frame(&p, FRAMES + 4 + f, f);
    hear_all(&p, speech);
    hear_all(&fresh, speech);
    for (int f = 0; f < 20; f++)
        assert_int_equal(
            compare(show_frame(&p, FRAMES + 14 + f, f), show_frame(&fresh, FRAMES + 14 + f, f)).most, 0);
    puppet_close(&fresh);
    puppet_close(&p);
}

/*
 * Every second mouth is the mean of its neighbours: the same pictures in the same places, even ones as
 * they would be, odd ones between.
 */
static void test_saving(void **state)
{
    struct puppet p, all;
    double even = 0, odd = 0, moved = 0;
    struct ac_frame *before = NULL;
    (void)state;
    puppet_open(&p, NULL, &files, "face", 256, 256);
    puppet_open(&all, &p, &files, "face", 256, 256);
    hear_all(&p, speech);
    hear_all(&all, speech);
    for (int f = 0; f < FRAMES; f++) {
        struct ac_pose pose = puppet_pose(f, f);
        const struct ac_picture *want = puppet_show(&all, &pose);
        pose.save = true;
        const struct ac_picture *got = puppet_show(&p, &pose);
        assert_non_null(want);
        assert_non_null(got);
        struct difference d = compare(got, want);
        if (f % 2)
            odd = fmax(odd, d.mean);
        else
            even = fmax(even, d.mean);
        if (before)
            moved = fmax(moved, compare(want, &before->picture).mean);
        ac_frame_unref(before);
        before = ac_frame_ref(all.shown);
    }
    assert_int_equal(p.pushed, FRAMES);
    assert_true(odd > 0);
    assert_true(even < 0.25 * moved); /* but for the colour, which settles otherwise */
    assert_true(odd < 0.75 * moved);
    ac_frame_unref(before);
    puppet_close(&all);
    puppet_close(&p);
}

/* Pictures that are left out take their share of a fade, and do no harm. */
static void test_left_out(void **state)
{
    struct puppet p, idle;
    (void)state;
    puppet_open(&p, NULL, &files, "video", 256, 256);
    puppet_open(&idle, &p, &files, "video", 256, 256);
    hear_all(&p, speech);
    for (int f = 0; f < FRAMES; f += 5) {
        struct difference d = compare(show_frame(&p, f, f), show_frame(&idle, f, -1));
        assert_true(f == 0 || d.most > 5);
    }
    assert_int_equal(
        compare(show_frame(&p, FRAMES + 20, FRAMES + 20), show_frame(&idle, FRAMES + 20, -1)).most, 0);
    puppet_close(&idle);
    puppet_close(&p);
}

/* The pictures of a video follow the phase, forth and back, and are the same the second time (from the
 * store). */
static void test_video_loop(void **state)
{
    enum { TURN = 2 * (PUPPET_PICTURES - 1) };
    uint64_t hash[TURN];
    struct puppet p;
    (void)state;
    puppet_open(&p, NULL, &files, "video", 256, 256);
    for (int f = 0; f < 3 * TURN; f++) {
        uint64_t h = puppet_hash(show_frame(&p, f, -1));
        if (f < TURN)
            hash[f] = h;
        assert_true(hash[f % TURN] == h);
    }
    for (int f = 1; f < PUPPET_PICTURES - 1; f++) {
        assert_true(hash[f] == hash[TURN - f]);
        assert_false(hash[f] == hash[f - 1]);
    }
    puppet_close(&p);
}

/* ---- several at once ---- */

struct talker {
    struct puppet p;
    int number;
    uint64_t hash[FRAMES];
};

static void *talk(void *arg)
{
    struct talker *t = arg;
    puppet_hear(&t->p, speech + 1000 * t->number, (size_t)(N_PCM - 1000 * t->number), 0, PUPPET_RATE, true);
    for (int f = 0; f < FRAMES; f++) {
        struct ac_pose pose = puppet_pose(f, f);
        const struct ac_picture *pic = puppet_show(&t->p, &pose);
        t->hash[f] = pic ? puppet_hash(pic) : 0;
    }
    return NULL;
}

static void test_several(void **state)
{
    enum { N = 3 };
    static struct talker together[N], alone[N];
    pthread_t thread[N];
    (void)state;
    for (int i = 0; i < N; i++) {
        together[i].number = alone[i].number = i;
        puppet_open(&together[i].p, i ? &together[0].p : NULL, &files, "video", 256, 256);
    }
    for (int i = 0; i < N; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, talk, &together[i]), 0);
    for (int i = 0; i < N; i++)
        pthread_join(thread[i], NULL);
    for (int i = 0; i < N; i++) {
        puppet_open(&alone[i].p, NULL, &files, "video", 256, 256);
        talk(&alone[i]);
        for (int f = 0; f < FRAMES; f++) {
            assert_true(alone[i].hash[f] != 0);
            assert_true(alone[i].hash[f] == together[i].hash[f]);
        }
        puppet_close(&alone[i].p);
    }
    for (int i = N; i-- > 0;)
        puppet_close(&together[i].p);
}

static void test_canceled(void **state)
{
    struct puppet p;
    struct ac_pose pose = puppet_pose(3, 3);
    (void)state;
    puppet_open(&p, NULL, &files, "face", 256, 256);
    hear_all(&p, speech);
    ac_cancel_trigger(p.cancel);
    assert_null(puppet_show(&p, &pose));
    assert_int_equal(p.err, AC_ECANCELED);
    ac_handler_avatar_wav2lip.reset(p.inst);
    ac_cancel_unref(p.cancel);
    p.cancel = ac_cancel_new(NULL);
    assert_non_null(puppet_show(&p, &pose));
    puppet_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),        cmocka_unit_test(test_weights_that_come_later),
        cmocka_unit_test(test_too_slow),       cmocka_unit_test(test_list),
        cmocka_unit_test(test_only_the_mouth), cmocka_unit_test(test_silence_is_the_template),
        cmocka_unit_test(test_fades),          cmocka_unit_test(test_sync),
        cmocka_unit_test(test_still),          cmocka_unit_test(test_replaced),
        cmocka_unit_test(test_interruption),   cmocka_unit_test(test_sentences),
        cmocka_unit_test(test_saving),         cmocka_unit_test(test_left_out),
        cmocka_unit_test(test_video_loop),     cmocka_unit_test(test_several),
        cmocka_unit_test(test_canceled),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
