/*
 * Speaking ahead: the answers of the built-in responder to the questions that it suggests are said once by
 * the configured voice that comes over the network, so that they lie in its phrase cache when somebody asks.
 */
#ifndef AC_CLI_VOICES_PREPARE_H
#define AC_CLI_VOICES_PREPARE_H

#include "core/models.h"

/* Gives the exit status; progress and faults on standard error. */
int ac_voices_prepare(const struct ac_config *cfg, struct ac_models *models);

#endif
