/*
 * Checks JSON against the schemas of docs/openapi.json: the part of JSON Schema that is used there. An
 * unknown keyword fails, so that nothing is taken for checked that is not.
 */
#ifndef AC_TEST_JSON_SCHEMA_H
#define AC_TEST_JSON_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { SCHEMA_WHY = 256 };

/* Follows "$ref": "#/…" from the document's root; the value itself where there is none. NULL: it leads
 * nowhere. */
json_t *schema_resolve(json_t *root, json_t *value);
/* Whether the value is as the schema says; why tells where it is not. */
bool schema_check(json_t *root, json_t *schema, json_t *value, char why[SCHEMA_WHY]);

#endif
