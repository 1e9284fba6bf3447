// SPDX-License-Identifier: MIT
/*
 * A name's addresses as targets of their own.
 *
 *   which become targets   those of the lowest priority (SRV), and of these the family that has
 *                          more; with as many of both the one that RFC 6724 puts first. A host with
 *                          both families is one machine, and counts once.
 *   who stands in for one  the others that are no targets: the other family, then the priorities
 *                          above. In a pool that knows nothing of its targets all the others, as
 *                          nobody counts there where a call went.
 *
 * Standing in is below all this: wire/race.h.
 */
#include "upstream/expand.h"

#include "base/str.h"
#include "upstream/resolve_int.h"
#include "wire/tls.h"

#include <stdlib.h>

struct expansion {
    struct jst_pool *from;
    struct jst_target *v; /* owned, and each of them */
    uint32_t n;
    uint32_t cap;
};

/* The name of a target. */
struct named {
    const struct jst_target *target;
    const struct jst_addrs *found;
    int family;  /* of those that become targets */
    bool shared; /* all stand in for each other */
};

/* ---- one address ---- */

static bool
is_own(const struct named *name, uint32_t i)
{
    const struct jst_addrs *f = name->found;

    return f->rank[i].priority == f->rank[0].priority && f->v[i].u.any.sa_family == name->family;
}

static void
choose_family(struct named *name)
{
    const struct jst_addrs *f = name->found;
    uint32_t same = 0;
    uint32_t others = 0;

    name->family = f->v[0].u.any.sa_family;
    for (uint32_t i = 0; i < f->n && f->rank[i].priority == f->rank[0].priority; i++) {
        if (f->v[i].u.any.sa_family == name->family) {
            same++;
        } else {
            others++;
        }
    }
    if (others > same) {
        name->family = name->family == AF_INET ? AF_INET6 : AF_INET;
    }
}

static void
add_addr(struct jst_addrs *a, const struct jst_addrs *f, uint32_t i)
{
    a->v[a->n] = f->v[i];
    a->rank[a->n++] = f->rank[i];
}

/* That one, and who stands in for it: beginning with its neighbours, so that not all have the same
 * first. They stay sorted by priority. */
static struct jst_addrs *
make_addrs(const struct named *name, uint32_t own)
{
    const struct jst_addrs *f = name->found;
    struct jst_addrs *a = calloc(1, sizeof(*a) + f->n * sizeof(a->v[0]));
    uint32_t first_n = 0;

    if (a == NULL) {
        return NULL;
    }
    while (first_n < f->n && f->rank[first_n].priority == f->rank[0].priority) {
        first_n++;
    }
    a->fixed = true;
    add_addr(a, f, own);
    for (uint32_t k = 1; k < first_n; k++) {
        uint32_t i = (own + k) % first_n;

        if (name->shared || !is_own(name, i)) {
            add_addr(a, f, i);
        }
    }
    for (uint32_t i = first_n; i < f->n; i++) {
        add_addr(a, f, i);
    }
    return a;
}

static bool
is_same(const struct jst_addrs *a, const struct jst_addrs *b)
{
    if (a->n != b->n) {
        return false;
    }
    for (uint32_t i = 0; i < a->n; i++) {
        if (!jst_addr_eq(&a->v[i], &b->v[i]) || a->rank[i].priority != b->rank[i].priority) {
            return false;
        }
    }
    return true;
}

/* ---- one target ---- */

/* Behind the name: "http://app:80|addr=10.0.0.1:80|...", so that what stands before the first "|"
 * is the same as the name's. */
static int
make_key(struct jst_target *t, const struct jst_target *of, const struct jst_addr *addr)
{
    char text[JST_ADDR_TEXT_BYTES];
    size_t text_n = jst_addr_print(text, addr);
    size_t at = (size_t)(of->name.p - of->key) + of->name.n;
    size_t cap = strlen(of->key) + text_n + sizeof("|addr=");
    size_t more = sizeof("|addr=") - 1 + text_n;

    t->key = malloc(cap);
    if (t->key == NULL) {
        return JOIST_E_NOMEM;
    }
    (void)jst_fmt(t->key, cap, "%.*s|addr=%.*s%s", (int)at, of->key, (int)text_n, text,
                  of->key + at);
    t->name = jst_slice(t->key + (of->name.p - of->key), of->name.n);
    t->label = jst_slice(t->name.p, t->name.n + more);
    t->host = jst_slice(t->key + (of->host.p - of->key), of->host.n);
    t->tls_name = of->tls_name.n > 0
                      ? jst_slice(t->key + (of->tls_name.p - of->key) + more, of->tls_name.n)
                      : JST_SLICE_NONE;
    return JOIST_OK;
}

static uint16_t
weight_of(const struct named *name, uint32_t i)
{
    uint32_t of_record = name->target->srv ? JST_MAX(name->found->rank[i].weight, 1u) : 1;

    return (uint16_t)JST_MIN(name->target->weight * of_record, (uint32_t)UINT16_MAX);
}

static struct jst_target *
copy_to_heap(const struct jst_target *t)
{
    struct jst_target *copy = malloc(sizeof(*copy));

    if (copy != NULL) {
        jst_target_copy(copy, t);
    }
    return copy;
}

/* Also after a failure `t` needs its fini. */
static int
make_target(struct jst_target *t, const struct named *name, uint32_t i,
            struct jst_addrs **take_addrs)
{
    const struct jst_target *of = name->target;

    *t = (struct jst_target){
        .addrs = *take_addrs,
        .port = of->port,
        .weight = weight_of(name, i),
        .h2c = of->h2c,
        .srv = of->srv,
        .proxy_version = of->proxy_version,
    };
    *take_addrs = NULL;
    t->tls = of->tls != NULL ? jst_tls_client_ref(of->tls) : NULL;
    t->tls_h1 = of->tls_h1 != NULL ? jst_tls_client_ref(of->tls_h1) : NULL;
    t->named = copy_to_heap(of);
    t->refs = malloc(sizeof(*t->refs));
    if (t->named == NULL || t->refs == NULL) {
        return JOIST_E_NOMEM;
    }
    *t->refs = 1;
    return make_key(t, of, &name->found->v[i]);
}

/* ---- the list ---- */

static int
make_room(struct expansion *e)
{
    uint32_t cap = e->cap > 0 ? e->cap * 2 : e->from->n + 8;
    struct jst_target *v;

    if (e->n < e->cap) {
        return JOIST_OK;
    }
    v = realloc(e->v, cap * sizeof(*v));
    if (v == NULL) {
        return JOIST_E_NOMEM;
    }
    e->v = v;
    e->cap = cap;
    return JOIST_OK;
}

static int
add_copy(struct expansion *e, const struct jst_target *t)
{
    int rc = make_room(e);

    if (rc == JOIST_OK) {
        jst_target_copy(&e->v[e->n++], t);
    }
    return rc;
}

/* Are they addresses of one name? */
static bool
is_of(const struct jst_target *t, const struct jst_target *named)
{
    return t->named != NULL && t->named->key == named->key;
}

/* The one for that address that is there already; NULL: it is new, or not as it was. */
static const struct jst_target *
find_same(const struct expansion *e, const struct named *name, uint32_t i,
          const struct jst_addrs *addrs)
{
    for (uint32_t k = 0; k < e->from->n; k++) {
        const struct jst_target *t = &e->from->v[k];

        if (is_of(t, name->target) && t->weight == weight_of(name, i) && is_same(t->addrs, addrs)) {
            return t;
        }
    }
    return NULL;
}

static int
add_address(struct expansion *e, const struct named *name, uint32_t i)
{
    struct jst_addrs *addrs = make_addrs(name, i);
    const struct jst_target *same;
    int rc = addrs != NULL ? make_room(e) : JOIST_E_NOMEM;

    if (rc < 0) {
        free(addrs);
        return rc;
    }
    same = find_same(e, name, i, addrs);
    if (same != NULL) {
        free(addrs);
        return add_copy(e, same);
    }
    return make_target(&e->v[e->n++], name, i, &addrs);
}

static int
add_name(struct expansion *e, const struct jst_target *target, struct jst_names *names)
{
    struct jst_addrs *found;
    struct named name = {.target = target, .shared = e->from->tracking == NULL};
    int rc = JOIST_OK;

    if (jst_name_addrs(target->dns) == NULL) {
        return add_copy(e, target); /* it has none yet */
    }
    found = jst_name_copy_addrs(names, target->dns);
    if (found == NULL) {
        return JOIST_E_NOMEM;
    }
    name.found = found;
    choose_family(&name);
    for (uint32_t i = 0; i < found->n && rc == JOIST_OK; i++) {
        if (is_own(&name, i)) {
            rc = add_address(e, &name, i);
        }
    }
    free(found);
    return rc;
}

static int
add_all(struct expansion *e, struct jst_names *names)
{
    int rc = JOIST_OK;

    for (uint32_t i = 0; i < e->from->n && rc == JOIST_OK; i++) {
        const struct jst_target *t = &e->from->v[i];
        const struct jst_target *named = t->named != NULL ? t->named : t;

        if (named->dns == NULL) {
            rc = add_copy(e, t);
        } else if (i == 0 || !is_of(&e->from->v[i - 1], named)) { /* else it is done */
            rc = add_name(e, named, names);
        }
    }
    return rc;
}

static bool
has_changed(const struct expansion *e)
{
    if (e->n != e->from->n) {
        return true;
    }
    for (uint32_t i = 0; i < e->n; i++) {
        if (e->v[i].key != e->from->v[i].key) {
            return true;
        }
    }
    return false;
}

static int
derive(struct jst_pool **out, const struct expansion *e, uint64_t now_ms)
{
    const struct jst_target **v = malloc((e->n + 1) * sizeof(*v));
    int rc = JOIST_E_NOMEM;

    if (v != NULL) {
        for (uint32_t i = 0; i < e->n; i++) {
            v[i] = &e->v[i];
        }
        rc = jst_pool_derive(out, e->from, v, e->n, now_ms);
    }
    free(v);
    return rc;
}

int
jst_pool_expand(struct jst_pool **out, struct jst_pool *p, struct jst_names *names, uint64_t now_ms)
{
    struct expansion e = {.from = p};
    int rc;

    *out = NULL;
    if (!p->expands) {
        return JOIST_OK;
    }
    rc = add_all(&e, names);
    if (rc == JOIST_OK && has_changed(&e)) {
        rc = derive(out, &e, now_ms);
    }
    for (uint32_t i = 0; i < e.n; i++) {
        jst_target_fini(&e.v[i]);
    }
    free(e.v);
    return rc;
}

bool
jst_pool_has_moved(const struct jst_pool *p)
{
    for (uint32_t i = 0; p->expands && i < p->n; i++) {
        const struct jst_target *t = p->v[i].named != NULL ? p->v[i].named : &p->v[i];

        if (t->dns != NULL && t->dns->moved) {
            return true;
        }
    }
    return false;
}
