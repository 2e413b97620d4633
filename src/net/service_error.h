/*
 * What a web service says went wrong: the message in the JSON of its error. Services agree on no shape; this
 * knows those of OpenAI and its likes, of Azure, FastAPI's validators, Qianfan and OAuth.
 */
#ifndef AC_NET_SERVICE_ERROR_H
#define AC_NET_SERVICE_ERROR_H

#include <jansson.h>

/* The message, borrowed from root; NULL where there is none. root may be NULL. Any thread. */
const char *ac_service_error(const json_t *root);

#endif
