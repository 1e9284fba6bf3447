// SPDX-License-Identifier: MIT
#pragma once
/*
 * A response sink that writes down what it is given, and a stream around it.
 */
#include "http/stream.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct recorder {
    struct jst_sink sink;
    struct jst_source body;
    struct jst_stream s;
    struct jst_head head; /* the last one; its fields are in `fields` */
    struct jst_field fields[32];
    unsigned heads;
    char data[8192]; /* NUL behind it */
    size_t data_n;
    unsigned ends;
    int aborted; /* why */
    int canceled;
};

static inline struct recorder *
recorder_of(struct jst_sink *s)
{
    return JST_CONTAINER(s, struct recorder, sink);
}

static inline void
record_head(struct jst_sink *s, const struct jst_head *head)
{
    struct recorder *r = recorder_of(s);

    assert_true(head->fields.n <= JST_COUNT(r->fields));
    r->heads++;
    r->head = *head;
    if (head->fields.n > 0) {
        memcpy(r->fields, head->fields.v, head->fields.n * sizeof(struct jst_field));
    }
    r->head.fields.v = r->fields;
}

static inline void
record_data(struct jst_sink *s, struct jst_chain *move)
{
    struct recorder *r = recorder_of(s);

    assert_true(r->heads > 0 && r->ends == 0);
    assert_true(r->data_n + move->bytes < sizeof(r->data));
    r->data_n += jst_chain_peek(move, r->data + r->data_n, move->bytes);
    r->data[r->data_n] = '\0';
    jst_chain_clear(move);
}

static inline void
record_end(struct jst_sink *s, const struct jst_fields *trailers)
{
    (void)trailers;
    recorder_of(s)->ends++;
}

static inline void
record_abort(struct jst_sink *s, int why)
{
    recorder_of(s)->aborted = why;
}

static inline void
record_resume(struct jst_source *s, size_t credit)
{
    (void)s;
    (void)credit;
}

static inline void
record_cancel(struct jst_source *s, int why)
{
    JST_CONTAINER(s, struct recorder, body)->canceled = why;
}

static inline void
recorder_init(struct recorder *r)
{
    static const struct jst_sink_ops sink_ops = {record_head, record_data, record_end,
                                                 record_abort};
    static const struct jst_source_ops body_ops = {record_resume, record_cancel};

    *r = (struct recorder){0};
    r->sink.ops = &sink_ops;
    r->body.ops = &body_ops;
    r->s.response = &r->sink;
    r->s.body = &r->body;
    r->s.req.method = JST_METHOD_GET;
}

static inline void
recorder_fini(struct recorder *r)
{
    jst_arena_fini(&r->s.arena);
    jst_buf_thread_fini();
}

/* The value of a field of the response, or "" if it is not there. */
static inline const char *
recorder_field(const struct recorder *r, const char *name)
{
    static char value[512];
    const struct jst_field *f = jst_fields_find_name(&r->head.fields, jst_slice_z(name));

    value[0] = '\0';
    if (f != NULL) {
        assert_true(f->value.n < sizeof(value));
        memcpy(value, f->value.p, f->value.n);
        value[f->value.n] = '\0';
    }
    return value;
}
