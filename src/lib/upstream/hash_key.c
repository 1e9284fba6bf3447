// SPDX-License-Identifier: MIT
#include "upstream/hash_key.h"

struct jst_slice
jst_cookie_find(struct jst_slice field, struct jst_slice name)
{
    while (field.p != NULL) {
        struct jst_slice pair = jst_slice_trim(jst_slice_cut(&field, ';'));
        struct jst_slice value = pair;
        struct jst_slice found = jst_slice_cut(&value, '=');

        if (value.p == NULL || !jst_slice_eq(jst_slice_trim(found), name)) {
            continue;
        }
        value = jst_slice_trim(value);
        if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"') {
            value = jst_slice(value.p + 1, value.n - 2);
        }
        return value;
    }
    return JST_SLICE_NONE;
}

/* HTTP/2 may split cookies over several fields (RFC 9113 8.2.3). */
struct jst_slice
jst_cookie_of(const struct jst_fields *fields, struct jst_slice name)
{
    struct jst_slice value = JST_SLICE_NONE;

    for (uint32_t i = 0; i < fields->n && value.p == NULL; i++) {
        if (fields->v[i].id == JST_FIELD_COOKIE) {
            value = jst_cookie_find(fields->v[i].value, name);
        }
    }
    return value;
}

struct jst_slice
jst_hash_key(const struct jst_call *call, enum joist_hash_by by, struct jst_slice name)
{
    const struct jst_field *field;
    struct jst_slice key = JST_SLICE_NONE;

    switch (by) {
    case JOIST_HASH_CLIENT:
        break;
    case JOIST_HASH_PATH:
        return call->req->path;
    case JOIST_HASH_HEADER:
        field = jst_fields_find_name(&call->req->fields, name);
        key = field != NULL ? field->value : key;
        break;
    case JOIST_HASH_COOKIE:
        key = jst_cookie_of(&call->req->fields, name);
        break;
    }
    return key.n > 0 ? key : call->client_ip;
}
