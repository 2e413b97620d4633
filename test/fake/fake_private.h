/* What the files of the fake engines share. */
#ifndef AC_TEST_FAKE_PRIVATE_H
#define AC_TEST_FAKE_PRIVATE_H

#include "fake/fake_engines.h"

/* Waits until it is cancelled; until fake_release, whatever the token says. Both give AC_ECANCELED. */
int fake_hang(struct ac_cancel *cancel);
int fake_stuck(void);
/* One instance more (1) or less (-1) is open. */
void fake_opened(int n);

/* The fake avatar's maker and its list; see fake_engines.h. */
int fake_make(void *model, const void *cfg, struct ac_env *env, const struct ac_make *make,
              struct ac_cancel *cancel);
int fake_avatar_list(void *model, const void *cfg, struct ac_env *env, ac_item_fn *fn, void *arg);

extern const struct ac_handler_info fake_vad_a, fake_vad_b, fake_asr_a, fake_asr_b;

#endif
