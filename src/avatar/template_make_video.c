/* stand-in */
#include "avatar/template_make_private.h"
int ac_maker_video(struct ac_maker *m)
{
    return ac_maker_refuse(m, AC_ENOTSUP, "file_kind", "videos come soon");
}
