/* The generated table of engines (registry_table.c.in); read only by core/registry.c. */
#ifndef AC_CORE_REGISTRY_TABLE_H
#define AC_CORE_REGISTRY_TABLE_H

#include "avatarchat/handler.h"

extern const struct ac_handler_info *const ac_registry_table[];

#endif
