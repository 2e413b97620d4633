/*
 * Error codes of avatar-chat, all from one table.
 *
 * Every function that can fail returns int: 0 or a negative AC_E… code. A code has a name (what the
 * client and the log see), a plain text, and says whether the same call may succeed when repeated.
 */
#ifndef AVATARCHAT_ERR_H
#define AVATARCHAT_ERR_H

#include <stdbool.h>

/* X(symbol, number, name on the wire, text, retryable) */
#define AC_ERR_MAP(X)                                                                                        \
    X(AC_EINVAL, 1, "invalid_argument", "the request is not valid", false)                                   \
    X(AC_ENOMEM, 2, "out_of_memory", "memory is short", true)                                                \
    X(AC_EIO, 3, "io_error", "reading or writing failed", true)                                              \
    X(AC_ENOENT, 4, "not_found", "no such thing", false)                                                     \
    X(AC_ECANCELED, 5, "canceled", "it was interrupted", false)                                              \
    X(AC_ETIMEDOUT, 6, "timed_out", "it took too long", true)                                                \
    X(AC_EFULL, 7, "queue_full", "too much is waiting already", true)                                        \
    X(AC_ENOTSUP, 8, "not_supported", "this is not supported", false)                                        \
    X(AC_ECONFIG, 9, "bad_configuration", "the configuration is wrong", false)                               \
    X(AC_EPROTO, 10, "bad_message", "the message breaks the protocol", false)                                \
    X(AC_ELIMIT, 11, "limit_exceeded", "a limit was passed", false)                                          \
    X(AC_EMODEL, 12, "model_unavailable", "a model could not be loaded", true)                               \
    X(AC_EENGINE, 13, "engine_failed", "an engine failed", true)                                             \
    X(AC_ECLOSED, 14, "closed", "the other side is gone", false)                                             \
    X(AC_EBUSY, 15, "busy", "it is in use", true)                                                            \
    X(AC_EADDRINUSE, 16, "address_in_use", "the port is in use", false)                                      \
    X(AC_EUTF8, 17, "invalid_utf8", "the text is not valid UTF-8", false)                                    \
    X(AC_EEMPTY, 18, "nothing_to_say", "there is nothing to say in the text", false)                         \
    X(AC_EINTERNAL, 19, "internal_error", "an internal error", false)                                        \
    X(AC_EDENIED, 20, "not_allowed", "it is not allowed", false)

enum ac_err {
    AC_OK = 0,
#define X(sym, num, name, text, retry) sym = -(num),
    AC_ERR_MAP(X)
#undef X
};

/* Wire name, text and retryability of a code; unknown codes read as AC_EINTERNAL. Any thread. */
const char *ac_err_name(int err);
const char *ac_err_text(int err);
bool ac_err_retryable(int err);

#endif
