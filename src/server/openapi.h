/* The description of the REST interface (docs/openapi.json), built into the program. */
#ifndef AC_SERVER_OPENAPI_H
#define AC_SERVER_OPENAPI_H

extern const char ac_openapi[]; /* NUL-terminated past ac_openapi_len */
extern const unsigned long ac_openapi_len;

#endif
