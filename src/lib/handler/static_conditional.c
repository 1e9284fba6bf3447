// SPDX-License-Identifier: MIT
/* Preconditions, RFC 9110 13: what a request wants done only if. */
#include "codec/date.h"
#include "handler/static.h"

/* A date is a strong validator only if the file cannot have changed twice within its second
 * (RFC 9110 8.8.2.2): so long ago must the second be. */
#define STRONG_DATE_S 2

/* A field that may come once. RFC 9110 5.3: several such lines are no value at all. */
static void
take_single(const struct jst_field **slot, bool *repeated, const struct jst_field *f)
{
    if (*slot != NULL) {
        *repeated = true;
    }
    *slot = f;
}

void
jst_wants_read(struct jst_wants *out, const struct jst_fields *fields)
{
    bool range_repeated = false;
    bool other_repeated = false;

    *out = (struct jst_wants){0};
    for (uint32_t i = 0; i < fields->n; i++) {
        const struct jst_field *f = &fields->v[i];

        if (f->drop) {
            continue;
        }
        switch (f->id) {
        case JST_FIELD_RANGE:
            take_single(&out->range, &range_repeated, f);
            break;
        case JST_FIELD_IF_RANGE:
            take_single(&out->if_range, &range_repeated, f);
            break;
        case JST_FIELD_IF_MODIFIED_SINCE:
            take_single(&out->if_modified_since, &other_repeated, f);
            break;
        case JST_FIELD_IF_UNMODIFIED_SINCE:
            take_single(&out->if_unmodified_since, &other_repeated, f);
            break;
        case JST_FIELD_IF_MATCH:
            out->if_match = true;
            break;
        case JST_FIELD_IF_NONE_MATCH:
            out->if_none_match = true;
            break;
        default:
            continue;
        }
        out->any = true;
    }
    if (range_repeated) {
        out->range = NULL;
    }
    if (other_repeated) {
        out->if_modified_since = out->if_unmodified_since = NULL;
    }
}

/* Does one of the lines of that field name the tag? */
static bool
names_etag(const struct jst_fields *fields, enum jst_field_id id, struct jst_slice etag, bool weak)
{
    for (uint32_t i = 0; i < fields->n; i++) {
        const struct jst_field *f = &fields->v[i];

        if (f->id == id && !f->drop && jst_etag_matches(f->value, etag, weak)) {
            return true;
        }
    }
    return false;
}

/* Was the file last changed at or before the date? True as well if nobody can tell: RFC 9110
 * 13.1.4 has us ignore If-Unmodified-Since then; `known` says so. */
static bool
is_unmodified_since(bool *known, const struct jst_variant *v, const struct jst_field *f,
                    int64_t now_s)
{
    int64_t date_s;

    *known = v->modified_s != INT64_MIN && jst_date_parse(&date_s, f->value, now_s);
    return !*known || v->modified_s <= date_s;
}

enum jst_verdict
jst_conditions_judge(const struct jst_wants *wants, const struct jst_head *req,
                     const struct jst_variant *v, int64_t now_s)
{
    bool known;

    if (wants->if_match) { /* 13.2.2 step 1 */
        if (!names_etag(&req->fields, JST_FIELD_IF_MATCH, v->etag, false)) {
            return JST_VERDICT_FAILED;
        }
    } else if (wants->if_unmodified_since != NULL) { /* step 2 */
        if (!is_unmodified_since(&known, v, wants->if_unmodified_since, now_s)) {
            return JST_VERDICT_FAILED;
        }
    }
    if (wants->if_none_match) { /* step 3; only GET and HEAD come here, so never 412 */
        if (names_etag(&req->fields, JST_FIELD_IF_NONE_MATCH, v->etag, true)) {
            return JST_VERDICT_NOT_MODIFIED;
        }
    } else if (wants->if_modified_since != NULL) { /* step 4 */
        if (is_unmodified_since(&known, v, wants->if_modified_since, now_s) && known) {
            return JST_VERDICT_NOT_MODIFIED;
        }
    }
    return JST_VERDICT_SEND;
}

bool
jst_if_range_holds(const struct jst_wants *wants, const struct jst_variant *v, int64_t now_s)
{
    struct jst_slice value;
    int64_t date_s;

    if (wants->if_range == NULL) {
        return true;
    }
    value = wants->if_range->value;
    if (jst_slice_starts(value, JST_S("\"")) || jst_slice_starts(value, JST_S("W/"))) {
        return jst_slice_eq(value, v->etag); /* one tag, strong comparison: ours are strong */
    }
    /* 13.1.5: exactly the date that was sent, and only where it is a strong validator. */
    return v->modified_s != INT64_MIN && jst_date_parse(&date_s, value, now_s) &&
           date_s == v->modified_s && date_s + STRONG_DATE_S <= now_s;
}
