// SPDX-License-Identifier: MIT
#include "codec/h1_parse.h"

size_t
jst_h1_trailer_end(struct jst_slice in, size_t *seen)
{
    if (in.n >= 1 && in.p[0] == '\n') {
        return 1;
    }
    if (in.n >= 2 && in.p[0] == '\r' && in.p[1] == '\n') {
        return 2;
    }
    return jst_h1_head_end(in, seen);
}

/* RFC 9110 6.5.1: fields for framing, routing, authentication, request control, response control
 * and the form of the content have no meaning, or a dangerous one, after the content. Of the
 * fields known by number these few are harmless; fields known to nobody pass. */
bool
jst_field_may_trail(enum jst_field_id id)
{
    switch (id) {
    case JST_FIELD_OTHER:
    case JST_FIELD_ACCEPT:
    case JST_FIELD_ACCEPT_ENCODING:
    case JST_FIELD_ACCEPT_RANGES:
    case JST_FIELD_ALLOW:
    case JST_FIELD_ETAG:
    case JST_FIELD_LAST_MODIFIED:
    case JST_FIELD_SERVER:
    case JST_FIELD_USER_AGENT:
    case JST_FIELD_VIA:
        return true;
    default:
        return false;
    }
}

enum jst_h1_err
jst_h1_parse_trailers(struct jst_fields *fields, struct jst_slice section)
{
    struct jst_h1_head h = {.fields = {fields->v, 0, fields->cap}};
    struct jst_h1_facts facts = {0};
    struct jst_h1_cursor c = {section.p, section.p, section.p + section.n};
    enum jst_h1_err err = jst_h1_read_fields(&h, &facts, &c);

    fields->n = h.fields.n;
    for (uint32_t i = 0; err == JST_H1_OK && i < h.fields.n; i++) {
        if (!jst_field_may_trail(h.fields.v[i].id)) {
            err = JST_H1_E_TRAILER;
        }
    }
    return err;
}
