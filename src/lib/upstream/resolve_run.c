// SPDX-License-Identifier: MIT
/*
 * The thread of names: when each is looked up, and how an answer becomes known.
 *
 *   an answer differs:  the new array takes the old one's place; the old one is kept aside, and the
 *                       readers are told (a "round"). When all have seen it, it is freed.
 *   a round runs:       what is taken out meanwhile waits for the next one.
 */
#include "upstream/resolve_int.h"

#include "base/str.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static uint64_t
now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void
empty_pipe(struct jst_names *n)
{
    char bytes[64];

    while (read(n->wake[0], bytes, sizeof(bytes)) > 0) {
    }
}

/* ---- making an answer known ---- */

static bool
is_same(const struct jst_addrs *a, const struct jst_found *f)
{
    if (a == NULL || a->n != f->n) {
        return false;
    }
    for (uint32_t i = 0; i < f->n; i++) { /* servers turn them: the order does not count */
        uint32_t k = 0;

        while (k < a->n &&
               (!jst_addr_eq(&a->v[k], &f->v[i]) || a->rank[k].priority != f->rank[i].priority ||
                a->rank[k].weight != f->rank[i].weight)) {
            k++;
        }
        if (k == a->n) {
            return false;
        }
    }
    return true;
}

static struct jst_addrs *
make_addrs(const struct jst_found *f, uint32_t version)
{
    struct jst_addrs *a = calloc(1, sizeof(*a) + f->n * sizeof(a->v[0]));

    if (a == NULL) {
        return NULL;
    }
    a->n = f->n;
    a->version = version;
    a->even = true;
    for (uint32_t i = 0; i < f->n; i++) {
        a->v[i] = f->v[i];
        a->rank[i] = f->rank[i];
        a->even = a->even && f->rank[i].priority == f->rank[0].priority &&
                  f->rank[i].weight == f->rank[0].weight;
    }
    return a;
}

/* False: not now. */
static bool
publish(struct jst_names *n, struct jst_name *name, const struct jst_found *f)
{
    struct jst_addrs *next;

    if (name->old != NULL) {
        return false; /* the readers have not seen the change before this one */
    }
    next = make_addrs(f, name->version + 1);
    if (next == NULL) {
        return false;
    }
    name->version++;
    name->old = __atomic_exchange_n(&name->addrs, next, __ATOMIC_ACQ_REL);
    name->moved = n->moved = true;
    if (name->old != NULL) {
        name->old_round = n->round + 1;
        n->wants_round = true;
    }
    return true;
}

static void
free_old(struct jst_names *n)
{
    pthread_mutex_lock(&n->lock);
    for (size_t i = 0; i < JST_NAME_BUCKETS; i++) {
        for (struct jst_name *name = n->buckets[i]; name != NULL; name = name->next) {
            if (name->old != NULL && name->old_round <= n->round) {
                free(name->old);
                name->old = NULL;
            }
        }
    }
    pthread_mutex_unlock(&n->lock);
}

static unsigned
count_readers(struct jst_names *n)
{
    unsigned readers;

    pthread_mutex_lock(&n->lock);
    readers = n->readers;
    pthread_mutex_unlock(&n->lock);
    return readers;
}

static void
run_rounds(struct jst_names *n)
{
    if (n->in_round && __atomic_load_n(&n->unseen, __ATOMIC_ACQUIRE) == 0) {
        n->in_round = false;
        free_old(n);
    }
    if (n->wants_round && !n->in_round) {
        n->wants_round = false;
        n->in_round = true;
        n->round++;
        __atomic_store_n(&n->unseen, count_readers(n), __ATOMIC_RELEASE);
        n->ev->on_changed(n->ctx);
    }
}

static void
forget_moved(struct jst_names *n)
{
    pthread_mutex_lock(&n->lock);
    for (size_t i = 0; i < JST_NAME_BUCKETS; i++) {
        for (struct jst_name *name = n->buckets[i]; name != NULL; name = name->next) {
            name->moved = false;
        }
    }
    pthread_mutex_unlock(&n->lock);
}

/* Who starts after a change has seen it anyway. */
static void
tell_moved(struct jst_names *n)
{
    if (!n->moved || count_readers(n) == 0) {
        return;
    }
    n->moved = n->ev->on_moved != NULL && n->ev->on_moved(n->ctx) < 0;
    if (n->moved) {
        n->soonest_ms = JST_MIN(n->soonest_ms, now_ms() + JST_DNS_RETRY_MS);
    } else {
        forget_moved(n);
    }
}

/* ---- looking up ---- */

static struct jst_slice
label(char *out, size_t cap, const struct jst_name *name)
{
    size_t n = name->srv ? jst_fmt(out, cap, "%s", name->host)
                         : jst_fmt(out, cap, "%s:%u", name->host, (unsigned)name->port);

    return jst_slice(out, n);
}

static void
note_found(struct jst_names *n, struct jst_name *name)
{
    char text[JST_DNS_NAME_BYTES + 8];

    if (name->failing) {
        n->ev->on_found(n->ctx, label(text, sizeof(text), name));
    }
    name->failing = false;
}

static void
note_lost(struct jst_names *n, struct jst_name *name, const char *why)
{
    char text[JST_DNS_NAME_BYTES + 8];

    if (!name->failing && name->addrs != NULL) {
        n->ev->on_lost(n->ctx, label(text, sizeof(text), name), why);
    }
    name->failing = true;
}

struct flight {
    struct jst_lookup lookup;
    struct jst_names *names;
    struct jst_name *name;
};

/* It is looked up again after `ms`, within the bounds. Who waits for first answers waits for this
 * one no longer. */
static void
schedule(struct jst_names *n, struct jst_name *name, uint64_t ms)
{
    name->busy = false;
    pthread_mutex_lock(&n->lock);
    if (!name->answered) {
        name->answered = true;
        n->unanswered--;
        pthread_cond_broadcast(&n->answered);
    }
    name->next_ms = now_ms() + JST_MIN(JST_MAX(ms, n->min_ttl_ms), n->max_ttl_ms);
    pthread_mutex_unlock(&n->lock);
    n->soonest_ms = JST_MIN(n->soonest_ms, name->next_ms);
}

static void
on_done(struct jst_lookup *l)
{
    struct flight *f = JST_CONTAINER(l, struct flight, lookup);
    struct jst_names *n = f->names;
    struct jst_name *name = f->name;
    uint64_t ms = JST_DNS_RETRY_MS;

    if (n->closing) {
        name->busy = false;
        n->flights--;
        free(f);
        return;
    }
    if (l->why != NULL) {
        note_lost(n, name, l->why);
    } else if (is_same(name->addrs, &l->found) || publish(n, name, &l->found)) {
        note_found(n, name);
        ms = (uint64_t)l->found.ttl_s * 1000;
    } else {
        ms = 0; /* as soon as may be */
    }
    schedule(n, name, ms);
    n->flights--;
    free(f);
}

static void
start_one(struct jst_names *n, struct jst_name *name)
{
    struct flight *f = calloc(1, sizeof(*f));

    if (f == NULL || n->dns == NULL) {
        free(f);
        schedule(n, name, JST_DNS_RETRY_MS);
        return;
    }
    f->names = n;
    f->name = name;
    f->lookup.done = on_done;
    f->lookup.host = name->host;
    f->lookup.port = name->port;
    f->lookup.srv = name->srv;
    n->flights++;
    jst_dns_start(n->dns, &f->lookup);
}

/* ---- the thread ---- */

/* Only the table knows it any more. */
static bool
is_unused(const struct jst_name *name)
{
    return !name->busy && __atomic_load_n(&name->refs, __ATOMIC_ACQUIRE) == 1;
}

/* Under the lock: let go what nobody needs, and take out what is due. `*next_ms`: when the next one
 * is; not of those for which there is no room now. */
static struct jst_name *
take_due(struct jst_names *n, uint64_t now, uint64_t *next_ms)
{
    struct jst_name *due = NULL;
    unsigned room = JST_DNS_FLIGHTS_MAX - n->flights;

    *next_ms = UINT64_MAX;
    for (size_t i = 0; i < JST_NAME_BUCKETS; i++) {
        struct jst_name **at = &n->buckets[i];

        while (*at != NULL) {
            struct jst_name *name = *at;

            if (is_unused(name)) {
                *at = name->next;
                n->unanswered -= !name->answered;
                jst_name_free(name);
                continue;
            }
            at = &name->next;
            if (name->busy || (name->answered && n->readers == 0)) {
                continue;
            }
            if (name->next_ms > now) {
                *next_ms = JST_MIN(*next_ms, name->next_ms);
            } else if (room > 0) {
                room--;
                name->busy = true;
                name->due = due;
                due = name;
            }
        }
    }
    return due;
}

/* A channel for each burst of questions: it reads the system's settings, and asks from ports that
 * nobody can know. */
static void
open_or_close(struct jst_names *n, bool wanted)
{
    char servers[JST_DNS_SERVERS_BYTES];
    uint32_t timeout_ms;

    if (!wanted) {
        if (n->flights == 0) {
            jst_dns_close(&n->dns);
        }
        return;
    }
    if (n->dns == NULL) {
        pthread_mutex_lock(&n->lock);
        memcpy(servers, n->servers, sizeof(servers));
        timeout_ms = n->timeout_ms;
        pthread_mutex_unlock(&n->lock);
        (void)jst_dns_open(&n->dns, servers, timeout_ms);
    }
}

/* How long to sleep. Not at all if something was done meanwhile that makes another due; while
 * questions are open, c-ares has a time of its own. */
static int
wait_for(const struct jst_names *n, uint64_t next_ms)
{
    uint64_t now = now_ms();

    next_ms = JST_MIN(next_ms, n->soonest_ms);
    return next_ms == UINT64_MAX ? -1 : (int)JST_MIN(next_ms > now ? next_ms - now : 0, 60000u);
}

void
jst_names_run(struct jst_names *n)
{
    bool stop = false;

    while (!stop) {
        uint64_t next_ms;
        struct jst_name *due;

        empty_pipe(n);
        n->soonest_ms = UINT64_MAX;
        pthread_mutex_lock(&n->lock);
        due = take_due(n, now_ms(), &next_ms);
        stop = n->stop;
        pthread_mutex_unlock(&n->lock);
        open_or_close(n, due != NULL);
        while (due != NULL) {
            struct jst_name *name = due;

            due = name->due;
            start_one(n, name);
        }
        run_rounds(n);
        if (!stop) {
            tell_moved(n);
            jst_dns_turn(n->dns, n->wake[0], wait_for(n, next_ms));
        }
    }
    n->closing = true;
    jst_dns_close(&n->dns);
}
