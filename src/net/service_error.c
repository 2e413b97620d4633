/* The message in a service's error; see service_error.h. */
#include "net/service_error.h"

const char *ac_service_error(const json_t *root)
{
    static const char *const names[] = {"message",           "error", "detail", "msg", "error_msg",
                                        "error_description", "code"};
    const json_t *v;

    if (json_is_array(root))
        root = json_array_get(root, 0);
    v = json_object_get(root, "error");
    if (json_is_string(v))
        return json_string_value(v);
    if (json_is_object(v))
        root = v;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        v = json_object_get(root, names[i]);
        if (json_is_array(v)) /* of a validator: [{"msg": …}] */
            v = json_object_get(json_array_get(v, 0), "msg");
        if (json_is_object(v))
            v = json_object_get(v, "message");
        if (json_is_string(v) && json_string_length(v))
            return json_string_value(v);
    }
    return NULL;
}
