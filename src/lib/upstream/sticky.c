// SPDX-License-Identifier: MIT
#include "upstream/sticky.h"

#include "upstream/hash_key.h"
#include "upstream/live.h"
#include "upstream/sticky_cookie.h"
#include "upstream/sticky_table.h"

#include <stdlib.h>

/* Clocks of several Joists differ: a cookie may be so much from the future. */
#define SKEW_S 60

struct jst_sticky {
    enum joist_sticky_by by;
    struct jst_slice name;
    struct jst_slice path;
    uint64_t ttl_ms;
    enum joist_same_site same_site;
    bool secure;
    bool http_only;
    struct jst_sticky_table *table; /* borrowed from the pool's shared state; own cookie: NULL */
    char text[];                    /* of the slices */
};

struct place {
    uint64_t id;
    uint32_t target;
};

struct jst_sticky_index {
    uint32_t n;
    struct place v[]; /* by id */
};

/* ---- life ---- */

/* All configurations of that name share it; two may come at the same time. */
static struct jst_sticky_table *
share_table(struct jst_pstate *shared, uint32_t max)
{
    struct jst_sticky_table *there = __atomic_load_n(&shared->sticky, __ATOMIC_ACQUIRE);
    struct jst_sticky_table *made = NULL;

    if (there != NULL) {
        jst_sticky_table_limit(there, max);
        return there;
    }
    if (jst_sticky_table_create(&made, max) < 0) {
        return NULL;
    }
    if (!__atomic_compare_exchange_n(&shared->sticky, &there, made, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        jst_sticky_table_destroy(&made);
        return there;
    }
    return made;
}

int
jst_sticky_create(struct jst_sticky **out, const struct joist_sticky_conf *conf,
                  struct jst_pstate *shared)
{
    struct jst_slice name = jst_slice_z(conf->name);
    struct jst_slice path = jst_slice_z(conf->path != NULL ? conf->path : "/");
    struct jst_sticky *s = malloc(sizeof(*s) + name.n + path.n);

    if (s == NULL) {
        return JOIST_E_NOMEM;
    }
    *s = (struct jst_sticky){
        .by = conf->by,
        .name = {s->text, name.n},
        .path = {s->text + name.n, path.n},
        .ttl_ms = conf->ttl_ms,
        .same_site = conf->same_site,
        .secure = !conf->insecure,
        .http_only = !conf->script,
    };
    if (name.n > 0) {
        memcpy(s->text, name.p, name.n);
    }
    if (path.n > 0) {
        memcpy(s->text + name.n, path.p, path.n);
    }
    if (s->by != JOIST_STICKY_COOKIE && (s->table = share_table(shared, conf->table_max)) == NULL) {
        free(s);
        return JOIST_E_NOMEM;
    }
    *out = s;
    return JOIST_OK;
}

void
jst_sticky_destroy(struct jst_sticky **take)
{
    free(*take);
    *take = NULL;
}

/* ---- targets by id ---- */

static int
compare_places(const void *a, const void *b)
{
    const struct place *p = a;
    const struct place *q = b;

    return p->id < q->id ? -1 : p->id > q->id;
}

struct jst_sticky_index *
jst_sticky_index_create(const struct jst_tracking *t)
{
    struct jst_sticky_index *x = malloc(sizeof(*x) + t->n * sizeof(x->v[0]));

    if (x == NULL) {
        return NULL;
    }
    x->n = t->n;
    for (uint32_t i = 0; i < t->n; i++) {
        x->v[i] = (struct place){t->v[i]->sticky_id, i};
    }
    qsort(x->v, x->n, sizeof(x->v[0]), compare_places);
    return x;
}

void
jst_sticky_index_destroy(struct jst_sticky_index **take)
{
    free(*take);
    *take = NULL;
}

static int
find_target(const struct jst_sticky_index *x, uint64_t id)
{
    uint32_t low = 0;
    uint32_t n = x->n;

    while (n > 0) { /* the first that is not below */
        uint32_t half = n / 2;

        if (x->v[low + half].id < id) {
            low += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return low < x->n && x->v[low].id == id ? (int)x->v[low].target : -1;
}

/* ---- our own cookie ---- */

static int64_t
now_s(const struct jst_call *call)
{
    return jst_loop_wall_us(call->upool->u->local->loop) / 1000000;
}

/* What it is bound to, as long as its time is not over; anew when half of that is. A cookie of
 * another setting of ttl is set anew at once. */
static void
read_mark(const struct jst_sticky *s, struct jst_call *call, struct jst_slice text)
{
    int64_t ttl_s = (int64_t)(s->ttl_ms / 1000);
    struct jst_mark m;
    int64_t age_s;

    if (!jst_mark_parse(&m, text)) {
        return;
    }
    if (s->ttl_ms == 0 || m.set_s < 0) {
        call->bond.id = m.target;
        call->bond.renew = (s->ttl_ms == 0) != (m.set_s < 0);
        return;
    }
    age_s = now_s(call) - m.set_s;
    if (age_s > ttl_s) {
        return;
    }
    call->bond.id = m.target;
    call->bond.renew = age_s > ttl_s / 2 || age_s < -SKEW_S;
}

/* Origins do not see it. Without memory they do: it is no secret to them. */
static void
take_out_cookie(const struct jst_sticky *s, struct jst_call *call)
{
    struct jst_fields *fields;
    struct jst_head *req = jst_arena_alloc(call->arena, sizeof(*req));
    size_t bytes = call->req->fields.n * sizeof(*fields->v);

    if (req == NULL) {
        return;
    }
    *req = *call->req;
    fields = &req->fields;
    fields->cap = fields->n;
    fields->v = jst_arena_alloc(call->arena, bytes);
    if (fields->v == NULL) {
        return;
    }
    memcpy(fields->v, call->req->fields.v, bytes);
    for (uint32_t i = 0; i < fields->n; i++) {
        struct jst_field *f = &fields->v[i];
        struct jst_slice left;

        if (f->id != JST_FIELD_COOKIE || f->drop) {
            continue;
        }
        left = jst_cookie_without(call->arena, f->value, s->name);
        f->value = left.p != NULL ? left : f->value;
        f->drop = f->value.n == 0;
    }
    call->req = req;
}

/* ---- who a client is ---- */

static struct jst_slice
known_by(const struct jst_sticky *s, const struct jst_call *call)
{
    const struct jst_field *field;

    switch (s->by) {
    case JOIST_STICKY_COOKIE:
        break;
    case JOIST_STICKY_APP_COOKIE:
        return jst_cookie_of(&call->req->fields, s->name);
    case JOIST_STICKY_HEADER:
        field = jst_fields_find_name(&call->req->fields, s->name);
        return field != NULL ? field->value : JST_SLICE_NONE;
    case JOIST_STICKY_CLIENT:
        return call->client_ip;
    }
    return JST_SLICE_NONE;
}

static void
look_at(const struct jst_sticky *s, struct jst_call *call)
{
    struct jst_slice text;

    call->bond.looked = true;
    if (s->by == JOIST_STICKY_COOKIE) {
        text = jst_cookie_of(&call->req->fields, s->name);
        if (text.p != NULL) {
            read_mark(s, call, text);
            take_out_cookie(s, call);
        }
        return;
    }
    text = known_by(s, call);
    if (text.n > 0) {
        call->bond.key = jst_sticky_table_key(s->table, text);
    }
}

/* ---- picks ---- */

static uint64_t
now_ms(const struct jst_upool *p)
{
    return jst_loop_now_ms(p->u->local->loop);
}

int
jst_sticky_find(const struct jst_upool *p, struct jst_call *call)
{
    const struct jst_tracking *t = p->pool->tracking;
    const struct jst_sticky *s = t->sticky;

    if (!call->bond.looked) {
        look_at(s, call);
    }
    if (call->bond.key != 0) { /* again for each try: another call may have moved it */
        call->bond.id = jst_sticky_table_find(s->table, call->bond.key, now_ms(p), s->ttl_ms);
    }
    return call->bond.id != 0 ? find_target(t->sticky_index, call->bond.id) : -1;
}

void
jst_sticky_bind(const struct jst_upool *p, struct jst_call *call, uint32_t target)
{
    const struct jst_tracking *t = p->pool->tracking;

    if (call->bond.key == 0) {
        return;
    }
    call->bond.id = t->v[target]->sticky_id;
    jst_sticky_table_put(t->sticky->table, call->bond.key, call->bond.id, now_ms(p),
                         t->sticky->ttl_ms);
}

/* ---- answers ---- */

/* The application has given the client a name: from now on that one is bound. */
static void
learn(const struct jst_sticky *s, const struct jst_call *call, const struct jst_head *head,
      uint64_t id)
{
    for (uint32_t i = 0; i < head->fields.n; i++) {
        const struct jst_field *f = &head->fields.v[i];
        struct jst_slice text;

        if (f->id != JST_FIELD_SET_COOKIE || f->drop) {
            continue;
        }
        text = jst_set_cookie_value(f->value, s->name);
        if (text.n > 0) {
            jst_sticky_table_put(s->table, jst_sticky_table_key(s->table, text), id,
                                 now_ms(call->upool), s->ttl_ms);
        }
    }
}

static const struct jst_head *
set_cookie(const struct jst_sticky *s, const struct jst_call *call, const struct jst_head *head,
           struct jst_head *copy, uint64_t id)
{
    char mark[JST_MARK_BYTES_MAX];
    struct jst_mark m = {id, s->ttl_ms > 0 ? now_s(call) : -1};
    struct jst_set_cookie cookie = {
        .name = s->name,
        .value = jst_slice(mark, jst_mark_print(mark, &m)),
        .path = s->path,
        .max_age_s = (s->ttl_ms + 999) / 1000,
        .http_only = s->http_only,
        .secure = s->secure && call->peer != NULL && call->peer->tls != NULL,
        .same_site = s->same_site,
    };
    struct jst_slice text = jst_set_cookie_print(call->arena, &cookie);

    *copy = *head;
    if (text.p == NULL || jst_fields_add(&copy->fields, JST_S("Set-Cookie"), text) < 0) {
        return head; /* without memory the next answer sets it */
    }
    return copy;
}

const struct jst_head *
jst_sticky_head(struct jst_call *call, const struct jst_head *head, struct jst_head *copy)
{
    const struct jst_tracking *t = call->upool->pool->tracking;
    const struct jst_sticky *s = t->sticky;
    uint64_t id = t->v[call->target]->sticky_id;

    if (call->bond.stays) {
        return head;
    }
    if (s->by == JOIST_STICKY_COOKIE) {
        return call->bond.id == id && !call->bond.renew ? head
                                                        : set_cookie(s, call, head, copy, id);
    }
    if (call->bond.id != id) {
        jst_sticky_bind(call->upool, call, call->target);
    }
    if (s->by == JOIST_STICKY_APP_COOKIE) {
        learn(s, call, head, id);
    }
    return head;
}
