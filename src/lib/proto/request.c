// SPDX-License-Identifier: MIT
#include "proto/request.h"

#include "codec/uri.h"

/* Bytes of the request line that a bad request's log line may show. */
#define SHOWN_BYTES 64

/* Routing wants one spelling; most clients send it in lower case already. */
int
jst_request_set_host(struct jst_stream *s, struct jst_slice host)
{
    size_t i = 0;
    char *p;

    while (i < host.n && host.p[i] == jst_lower(host.p[i])) {
        i++;
    }
    s->req.host = host;
    if (i == host.n) {
        return JOIST_OK;
    }
    p = jst_arena_alloc(&s->arena, host.n);
    if (p == NULL) {
        return JOIST_E_NOMEM;
    }
    for (i = 0; i < host.n; i++) {
        p[i] = jst_lower(host.p[i]);
    }
    s->req.host = jst_slice(p, host.n);
    return JOIST_OK;
}

int
jst_request_set_path(struct jst_stream *s, struct jst_slice raw)
{
    char *p;
    int n;

    s->req.raw_path = raw;
    s->req.path = raw;
    if (jst_path_is_normal(raw) || jst_slice_eq(raw, JST_S("*"))) {
        return JOIST_OK;
    }
    p = jst_arena_alloc(&s->arena, raw.n + 1);
    if (p == NULL) {
        return JOIST_E_NOMEM;
    }
    n = jst_path_normalize(p, raw.n, raw);
    if (n < 0) {
        return n;
    }
    s->req.path = jst_slice(p, (size_t)n);
    return JOIST_OK;
}

uint16_t
jst_request_refuse(struct jst_stream *s, enum jst_h1_err why)
{
    uint16_t status = jst_h1_err_status(why);

    if (why == JST_H1_E_FIELD_COUNT) {
        JST_STAT_ADD(s->local, limit_header_count, 1);
    } else {
        JST_STAT_ADD(s->local, bad_messages, 1);
    }
    JST_LOG(s->local->log, INFO, BAD_REQUEST, "status=%u err=\"%s\" target=\"%.*s\"", status,
            jst_h1_err_text(why), (int)JST_MIN(s->req.target.n, SHOWN_BYTES), s->req.target.p);
    return status;
}
