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

/* Fields without a number by which the next server may know who asks, also in the spelling that
 * CGI-like ones take for the same (RFC 3875 4.1.18). */
static bool
is_about_client(struct jst_slice name)
{
    static const struct jst_slice family = {"x-forwarded-", 12};
    static const struct jst_slice names[] = {{"x-real-ip", 9},
                                             {"x-client-verify", 15},
                                             {"x-client-subject", 16},
                                             {"x-client-fingerprint", 20}};
    char plain[20];
    struct jst_slice start = {plain, JST_MIN(name.n, sizeof(plain))};

    for (size_t i = 0; i < start.n; i++) {
        plain[i] = (char)(name.p[i] == '_' ? '-' : jst_lower(name.p[i]));
    }
    for (size_t i = 0; i < JST_COUNT(names); i++) {
        if (name.n == names[i].n && jst_slice_eq(start, names[i])) {
            return true;
        }
    }
    return name.n > family.n && jst_slice_eq(jst_slice(start.p, family.n), family);
}

/* RFC 9110 6.5.1: fields for framing, routing, authentication, request control, response control
 * and the form of the content have no meaning, or a dangerous one, after the content. Of the
 * fields known by number these few are harmless; fields known to nobody pass, but for those that
 * tell who asks. */
bool
jst_field_may_trail(enum jst_field_id id, struct jst_slice name)
{
    switch (id) {
    case JST_FIELD_OTHER:
        return !is_about_client(name);
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
        if (!jst_field_may_trail(h.fields.v[i].id, h.fields.v[i].name)) {
            err = JST_H1_E_TRAILER;
        }
    }
    return err;
}
