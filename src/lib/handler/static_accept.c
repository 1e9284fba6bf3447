// SPDX-License-Identifier: MIT
/* Accept-Encoding (RFC 9110 12.5.3): which coding to send. */
#include "handler/static.h"

#define Q_MAX 1000
/* Of a coding that nobody mentioned but is not forbidden: less than any that was named. */
#define Q_LEAST 1

/* The weight after a list element, in thousandths. A malformed one counts as "no". */
static uint16_t
read_q(struct jst_slice params)
{
    while (params.p != NULL) {
        struct jst_slice value = jst_slice_trim(jst_slice_cut(&params, ';'));
        struct jst_slice name = jst_slice_trim(jst_slice_cut(&value, '='));
        unsigned q = 0;

        if (!jst_slice_ieq(name, JST_S("q"))) {
            continue;
        }
        value = jst_slice_trim(value);
        if (value.n == 0 || value.n > 5 || (value.p[0] != '0' && value.p[0] != '1') ||
            (value.n > 1 && value.p[1] != '.')) {
            return 0;
        }
        q = (unsigned)(value.p[0] - '0') * Q_MAX;
        for (size_t i = 2, unit = 100; i < value.n; i++, unit /= 10) {
            if (value.p[i] < '0' || value.p[i] > '9') {
                return 0;
            }
            q += (unsigned)(value.p[i] - '0') * (unsigned)unit;
        }
        return (uint16_t)(q > Q_MAX ? 0 : q);
    }
    return Q_MAX;
}

static int
coding_of(struct jst_slice name)
{
    for (enum jst_coding c = 0; c < JST_CODINGS; c++) {
        if (jst_slice_ieq(name, jst_coding_name(c))) {
            return (int)c;
        }
    }
    /* RFC 9110 8.4.1.3 */
    return jst_slice_ieq(name, JST_S("x-gzip")) ? (int)JST_CODING_GZIP : JOIST_E_NOTFOUND;
}

static void
read_line(struct jst_accept *out, struct jst_slice line, unsigned *named, int *rest_q)
{
    struct jst_slice element;

    while (jst_list_next(&line, &element)) {
        struct jst_slice name = jst_slice_trim(jst_slice_cut(&element, ';'));
        uint16_t q = read_q(element);
        int coding = coding_of(name);

        if (coding >= 0) {
            out->q[coding] = q;
            *named |= 1u << coding;
        } else if (jst_slice_eq(name, JST_S("*"))) {
            *rest_q = q;
        }
    }
}

bool
jst_accept_is_plain(const struct jst_fields *fields)
{
    for (uint32_t i = 0; i < fields->n; i++) {
        const struct jst_field *f = &fields->v[i];

        if (f->id == JST_FIELD_ACCEPT_ENCODING && jst_slice_find(f->value, ';') >= 0) {
            return false;
        }
    }
    return true;
}

void
jst_accept_parse(struct jst_accept *out, const struct jst_fields *fields)
{
    unsigned named = 0;
    int rest_q = -1; /* what "*" says */

    *out = (struct jst_accept){0};
    for (uint32_t i = 0; i < fields->n; i++) {
        if (fields->v[i].id == JST_FIELD_ACCEPT_ENCODING && !fields->v[i].drop) {
            read_line(out, fields->v[i].value, &named, &rest_q);
        }
    }
    for (enum jst_coding c = JST_CODING_GZIP; c < JST_CODINGS; c++) {
        if ((named & 1u << c) == 0 && rest_q > 0) {
            out->q[c] = (uint16_t)rest_q;
        }
    }
    /* Without a word about it the file itself is acceptable, unless "*;q=0" takes that back. */
    if ((named & 1u << JST_CODING_IDENTITY) == 0) {
        out->q[JST_CODING_IDENTITY] = rest_q == 0 ? 0 : Q_LEAST;
    }
}

int
jst_accept_choose(const struct jst_accept *accept, unsigned there)
{
    int best = JOIST_E_NOTFOUND;
    uint16_t best_q = 0;

    for (enum jst_coding c = 0; c < JST_CODINGS; c++) {
        uint16_t q = accept->q[c];

        if ((there & 1u << c) != 0 && q > 0 && q >= best_q) {
            best = (int)c;
            best_q = q;
        }
    }
    return best;
}
