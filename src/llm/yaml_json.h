/*
 * YAML as JSON: what a YAML node means, by the rules of YAML's core schema (plain true, null, 12, 1.5 are no
 * texts, quoted ones are), with its anchors resolved. Any thread.
 */
#ifndef AC_LLM_YAML_JSON_H
#define AC_LLM_YAML_JSON_H

#include <jansson.h>
#include <stddef.h>
#include <yaml.h>

/* New value; NULL where it is none in JSON or is too large, and why (with the line) says so. */
json_t *ac_yaml_json(yaml_document_t *doc, const yaml_node_t *node, char *why, size_t size);

#endif
