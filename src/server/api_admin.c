/*
 * REST for administrators (docs/protocol.md): the configuration, read and changed while running, and the last
 * lines of the log.
 */
#include "base/mem.h"
#include "server/private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_LINES = 200, MAX_SETS = 200 };

/* ---- configuration ---- */

/* A number without a fraction is written without one. */
static json_t *number(double value)
{
    return value == floor(value) && fabs(value) < 1e15 ? json_integer((json_int_t)value) : json_real(value);
}

static json_t *option_json(const struct ac_config_item *i)
{
    json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:s, s:s}", "path", i->path, "value", i->value,
                          "default", i->def, "origin", i->origin, "where", i->where, "runtime", i->runtime,
                          "secret", i->secret, "type", i->type, "help", i->help);
    if (i->has_range) {
        json_object_set_new(j, "min", number(i->min));
        json_object_set_new(j, "max", number(i->max));
    }
    if (i->choices) {
        json_t *choices = json_array();
        for (const char *const *c = i->choices; *c; c++)
            json_array_append_new(choices, json_string(*c));
        json_object_set_new(j, "choices", choices);
    }
    return j;
}

static void read_config(struct job *job)
{
    struct ac_config_item *list;
    size_t n = ac_config_list(ac_hub_config(job->server->hub), &list);
    json_t *options = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(options, option_json(&list[i]));
    ac_config_list_free(list, n);
    api_job_json(job, json_pack("{s:o}", "options", options), JSON_COMPACT);
}

static json_t *lines_json(const struct ac_str *text)
{
    json_t *list = json_array();
    for (const char *p = text->p; p && *p;) {
        size_t n = strcspn(p, "\n");
        if (n)
            json_array_append_new(list, json_stringn(p, n));
        p += n + (p[n] == '\n');
    }
    return list;
}

/* "a.b=value" of each member, malloc'ed; NULL and *wrong names the one whose value is no scalar. */
static char **assignments(json_t *set, size_t *n, const char **wrong)
{
    const char *path;
    json_t *value;
    char **sets = ac_zalloc((json_object_size(set) + 1) * sizeof *sets);
    *n = 0;
    *wrong = NULL;
    json_object_foreach(set, path, value)
    {
        char *text = json_is_string(value) ? ac_strdup(json_string_value(value))
                     : json_is_object(value) || json_is_array(value) || json_is_null(value)
                         ? NULL
                         : json_dumps(value, JSON_ENCODE_ANY);
        if (!text) {
            *wrong = path;
            break;
        }
        sets[(*n)++] = ac_asprintf("%s=%s", path, text);
        free(text);
    }
    return sets;
}

static void tell_change(struct job *job, int err, const struct ac_config_change *change)
{
    job->err = err;
    if (!err) {
        api_job_json(job, json_pack("{s:o}", "changed", lines_json(&change->changed)), JSON_COMPACT);
    } else if (err == AC_ENOTSUP) {
        job->status = 409;
        job->extra = json_pack("{s:o}", "options", lines_json(&change->restart));
        snprintf(job->reason, sizeof job->reason,
                 "these options cannot change while the server runs: set them in its configuration file and "
                 "start it again");
    } else {
        job->status = 422;
        job->extra = json_pack("{s:o}", "errors", lines_json(&change->errors));
        snprintf(job->reason, sizeof job->reason, "the configuration is wrong; nothing was changed");
    }
}

static void write_config(struct job *job)
{
    struct ac_config_change change;
    const char *wrong;
    size_t n;
    char **sets = assignments(json_object_get(job->given, "set"), &n, &wrong);
    if (wrong) {
        job->err = AC_EINVAL;
        job->status = 400;
        snprintf(job->reason, sizeof job->reason, "`%.100s`: a value is a string, a number, true or false",
                 wrong);
    } else {
        int err = ac_hub_reload(job->server->hub, (const char *const *)sets, n, &change);
        tell_change(job, err, &change);
        ac_config_change_free(&change);
    }
    for (size_t i = 0; i < n; i++)
        free(sets[i]);
    free(sets);
}

int api_get_config(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    return api_post_job(s, wsi, pss, s->admin, api_new_job(pss, read_config));
}

int api_put_config(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    (void)s;
    return http_await_body(wsi, pss, api_new_job(pss, write_config), MAX_CONFIG_BODY_BYTES);
}

int api_put_config_body(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    int result = 0;
    json_t *given = api_body_object(wsi, pss, &result);
    if (!given)
        return result;
    size_t n = json_object_size(json_object_get(given, "set"));
    if (!n || n > MAX_SETS || json_object_size(given) != 1) {
        json_decref(given);
        return http_send_problem(wsi, pss, 400, NULL,
                                 "the body must be {\"set\": {\"PATH\": VALUE, …}} with 1 to %d options",
                                 MAX_SETS);
    }
    struct job *job = pss->req->draft;
    pss->req->draft = NULL;
    job->given = given;
    return api_post_job(s, wsi, pss, s->admin, job);
}

/* ---- log ---- */

static void add_line(void *arg, const struct ac_log_line *line)
{
    json_t *fields = json_loads(line->fields, 0, NULL);
    json_array_append_new(arg,
                          json_pack("{s:I, s:I, s:s, s:s, s:s, s:o, s:s}", "seq", (json_int_t)line->seq,
                                    "at_ms", (json_int_t)line->at_ms, "level", ac_log_level_name(line->level),
                                    "component", line->at, "event", line->event, "fields",
                                    fields ? fields : json_object(), "text", line->text));
}

static void read_logs(struct job *job)
{
    json_t *lines = json_array();
    uint64_t next = ac_log_lines(job->since, job->level, job->limit, add_line, lines);
    api_job_json(job, json_pack("{s:o, s:I}", "lines", lines, "next", (json_int_t)next), JSON_COMPACT);
}

static bool level_of(const char *name, enum ac_log_level *level)
{
    for (int l = AC_LOG_ERROR; l <= AC_LOG_DEBUG; l++)
        if (!strcmp(name, ac_log_level_name((enum ac_log_level)l))) {
            *level = (enum ac_log_level)l;
            return true;
        }
    return false;
}

/* A whole number without sign; false where it is none. */
static bool whole(const char *text, uint64_t *value)
{
    size_t n = strspn(text, "0123456789");
    if (!n || n > 18 || text[n])
        return false;
    *value = strtoull(text, NULL, 10);
    return true;
}

int api_get_logs(struct ac_server *s, struct lws *wsi, struct pss *pss)
{
    char since[32], level[16], limit[32];
    uint64_t n = DEFAULT_LINES;
    struct job *job = api_new_job(pss, read_logs);
    const char *wrong = NULL;
    api_query(wsi, "since=", since, sizeof since);
    api_query(wsi, "level=", level, sizeof level);
    api_query(wsi, "limit=", limit, sizeof limit);
    job->level = AC_LOG_INFO;
    if (*since && !whole(since, &job->since))
        wrong = "since is the number of a line";
    else if (*level && !level_of(level, &job->level))
        wrong = "level is error, warn, info or debug";
    else if (*limit && (!whole(limit, &n) || !n || n > AC_LOG_KEPT))
        wrong = "limit is 1 to 2000";
    job->limit = (size_t)n;
    if (!wrong)
        return api_post_job(s, wsi, pss, s->admin, job);
    api_free_job(job);
    return http_send_problem(wsi, pss, 400, NULL, "%s", wrong);
}
