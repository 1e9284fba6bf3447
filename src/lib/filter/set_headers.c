// SPDX-License-Identifier: MIT
#include "filter/set_headers.h"

struct filter {
    struct jst_sink sink;
    struct jst_sink *next;
    struct jst_stream *s;
    const struct jst_header_set *set;
};

static struct filter *
filter_of(struct jst_sink *s)
{
    return JST_CONTAINER(s, struct filter, sink);
}

static bool
is_replaced(const struct jst_header_set *set, struct jst_slice name)
{
    for (size_t i = 0; i < set->n; i++) {
        if (jst_slice_ieq(set->v[i].name, name)) {
            return true;
        }
    }
    return false;
}

static void
on_head(struct jst_sink *sink, const struct jst_head *head)
{
    struct filter *f = filter_of(sink);
    struct jst_head out = *head;
    size_t cap = head->fields.n + f->set->n;

    if (head->status < 200 && head->status != 101) {
        jst_sink_head(f->next, head);
        return;
    }
    out.block = JST_SLICE_NONE; /* printed without our fields */
    out.fields.v = jst_arena_alloc(&f->s->arena, cap * sizeof(struct jst_field) + 1);
    out.fields.n = 0;
    out.fields.cap = (uint32_t)cap;
    if (out.fields.v == NULL) {
        jst_sink_head(f->next, head); /* the response matters more than its decoration */
        return;
    }
    for (uint32_t i = 0; i < head->fields.n; i++) {
        if (!head->fields.v[i].drop && !is_replaced(f->set, head->fields.v[i].name)) {
            out.fields.v[out.fields.n++] = head->fields.v[i];
        }
    }
    for (size_t i = 0; i < f->set->n; i++) {
        if (f->set->v[i].value.n > 0) {
            out.fields.v[out.fields.n++] = f->set->v[i];
        }
    }
    jst_sink_head(f->next, &out);
}

static void
on_data(struct jst_sink *sink, struct jst_chain *move)
{
    jst_sink_data(filter_of(sink)->next, move);
}

static void
on_end(struct jst_sink *sink, const struct jst_fields *trailers)
{
    jst_sink_end(filter_of(sink)->next, trailers);
}

static void
on_abort(struct jst_sink *sink, int why)
{
    jst_sink_abort(filter_of(sink)->next, why);
}

static const struct jst_sink_ops ops = {on_head, on_data, on_end, on_abort};

int
jst_set_headers_insert(struct jst_stream *s, const struct jst_header_set *set)
{
    struct filter *f = jst_arena_alloc(&s->arena, sizeof(*f));

    if (f == NULL) {
        return JOIST_E_NOMEM;
    }
    *f = (struct filter){{&ops}, s->response, s, set};
    s->response = &f->sink;
    return JOIST_OK;
}
