/* Error codes: the three tables, made from the one in err.h. */
#include "avatarchat/err.h"

const char *ac_err_name(int err)
{
    switch (err) {
    case AC_OK:
        return "ok";
#define X(sym, num, name, text, retry)                                                                       \
    case sym:                                                                                                \
        return name;
        AC_ERR_MAP(X)
#undef X
    default:
        return ac_err_name(AC_EINTERNAL);
    }
}

const char *ac_err_text(int err)
{
    switch (err) {
    case AC_OK:
        return "done";
#define X(sym, num, name, text, retry)                                                                       \
    case sym:                                                                                                \
        return text;
        AC_ERR_MAP(X)
#undef X
    default:
        return ac_err_text(AC_EINTERNAL);
    }
}

bool ac_err_retryable(int err)
{
    switch (err) {
#define X(sym, num, name, text, retry)                                                                       \
    case sym:                                                                                                \
        return retry;
        AC_ERR_MAP(X)
#undef X
    default:
        return false;
    }
}
