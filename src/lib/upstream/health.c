// SPDX-License-Identifier: MIT
/* Which pools are checked, and what the answers come to. The rest: health_int.h says where. */
#include "base/bounds.h"
#include "upstream/health_int.h"

#include <stdlib.h>

/* Closing ends at a turn's end, and what was cancelled in the turn after. Two to spare. */
#define CLOSING_TURNS 4
/* Who was told waits no longer than until it runs again. */
#define LEAVING_TURN_MS 1

/* ---- pools that are in use ---- */

static struct jst_health_entry *
find_entry(struct jst_health *h, const char *name)
{
    JST_LIST_FOREACH (node, &h->entries) {
        struct jst_health_entry *e = JST_CONTAINER(node, struct jst_health_entry, link);

        if (e->waiter == NULL && strcmp(jst_health_name(e->pool), name) == 0) {
            return e;
        }
    }
    return NULL;
}

static void
remove_entry(struct jst_health_entry *e)
{
    jst_health_forget_verdicts(e);
    jst_health_entry_destroy(&e);
}

static void
add_target(struct jst_health_entry *e, uint32_t number)
{
    struct jst_health_record *r = jst_health_record_of(e->pool->tracking->v[number]);

    if (r->checker != NULL) {
        jst_health_target_move(r->checker, e, number);
    } else if (jst_health_target_create(e, number) == JOIST_OK) {
        jst_health_count_down(e->h->local, JST_HEALTH_UNKNOWN, r->report.verdict);
    } else {
        JST_LOG(e->h->local->log, ERROR, OUT_OF_MEMORY, "upstream=%s target=%.*s unchecked=true",
                jst_health_name(e->pool), JST_PRI(e->pool->v[number].label));
    }
}

static void
install(struct jst_health *h, struct jst_health_entry *e)
{
    struct jst_health_entry *before = find_entry(h, jst_health_name(e->pool));

    e->fresh = true;
    for (uint32_t i = 0; i < e->pool->n; i++) {
        add_target(e, i);
    }
    if (before != NULL) {
        remove_entry(before); /* with what it alone had */
    }
    jst_list_insert(&h->entries, &e->link);
}

/* ---- sets ---- */

struct jst_health_set {
    struct jst_mail mail;
    struct jst_health *h;
    bool all; /* none but these */
    size_t n;
    struct jst_health_entry *v[];
};

static void
mark_old(struct jst_health *h)
{
    JST_LIST_FOREACH (node, &h->entries) {
        JST_CONTAINER(node, struct jst_health_entry, link)->fresh = false;
    }
}

static void
remove_old(struct jst_health *h)
{
    JST_LIST_FOREACH (node, &h->entries) {
        struct jst_health_entry *e = JST_CONTAINER(node, struct jst_health_entry, link);

        if (!e->fresh && e->waiter == NULL) {
            remove_entry(e);
        }
    }
}

void
jst_health_discard(struct jst_health_set **take)
{
    struct jst_health_set *set = *take;

    *take = NULL;
    for (size_t i = 0; set != NULL && i < set->n; i++) {
        jst_health_entry_destroy(&set->v[i]);
    }
    free(set);
}

static void
deliver_set(struct jst_mail *m, struct jst_loop *l)
{
    struct jst_health_set *set = JST_CONTAINER(m, struct jst_health_set, mail);
    struct jst_health *h = set->h;

    if (l == NULL || h->closing) {
        jst_health_discard(&set);
        return;
    }
    mark_old(h);
    for (size_t i = 0; i < set->n; i++) {
        install(h, set->v[i]);
    }
    if (set->all) {
        remove_old(h);
    }
    free(set);
    jst_health_pump(h);
}

int
jst_health_need(struct jst_health *h)
{
    int rc = JOIST_OK;

    if (h->stopping) {
        return JOIST_E_CANCELED;
    }
    if (!h->started) {
        rc = h->ev->on_needed(h->ctx);
        h->started = rc >= 0;
    }
    return rc;
}

static int
add_entries(struct jst_health_set *set, struct jst_pool *const *pools, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct jst_pool *p = pools[i];

        if (p->tracking == NULL || p->tracking->health == NULL) {
            continue;
        }
        set->v[set->n] = jst_health_entry_create(set->h, p, p->tracking->health);
        if (set->v[set->n] == NULL) {
            return JOIST_E_NOMEM;
        }
        set->n++;
    }
    return JOIST_OK;
}

static int
prepare(struct jst_health *h, struct jst_health_set **out, struct jst_pool *const *pools, size_t n,
        bool all)
{
    struct jst_health_set *set = calloc(1, sizeof(*set) + n * sizeof(set->v[0]));
    int rc;

    if (set == NULL) {
        return JOIST_E_NOMEM;
    }
    set->mail.deliver = deliver_set;
    set->h = h;
    set->all = all;
    rc = add_entries(set, pools, n);
    if (rc == JOIST_OK && set->n > 0) {
        pthread_mutex_lock(&h->lock);
        rc = jst_health_need(h);
        pthread_mutex_unlock(&h->lock);
    }
    if (rc < 0) {
        jst_health_discard(&set);
        return rc;
    }
    *out = set;
    return JOIST_OK;
}

int
jst_health_prepare(struct jst_health *h, struct jst_health_set **out, struct jst_pool *const *pools,
                   size_t n)
{
    return prepare(h, out, pools, n, true);
}

int
jst_health_prepare_pool(struct jst_health *h, struct jst_health_set **out, struct jst_pool *pool)
{
    *out = NULL;
    if (pool->tracking == NULL || pool->tracking->health == NULL) {
        return JOIST_OK;
    }
    return prepare(h, out, &pool, 1, false);
}

/* Without a thread there is nothing to replace. */
static bool
is_started(struct jst_health *h)
{
    bool started;

    pthread_mutex_lock(&h->lock);
    started = h->started;
    pthread_mutex_unlock(&h->lock);
    return started;
}

void
jst_health_commit(struct jst_health *h, struct jst_health_set **take)
{
    struct jst_health_set *set = *take;

    if (set == NULL || !is_started(h)) {
        jst_health_discard(take);
        return;
    }
    *take = NULL;
    jst_loop_send(h->local->loop, &set->mail);
}

/* ---- life ---- */

int
jst_health_create(struct jst_health **out, struct jst_local *local, jst_client_open_f *open,
                  struct jst_names *names, const struct jst_health_events *ev, void *ctx)
{
    struct jst_health *h = calloc(1, sizeof(*h));

    if (h == NULL) {
        return JOIST_E_NOMEM;
    }
    h->local = local;
    h->open = open;
    h->names = names;
    h->ev = ev;
    h->ctx = ctx;
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->done, NULL);
    jst_list_init(&h->entries);
    jst_list_init(&h->turns);
    *out = h;
    return JOIST_OK;
}

void
jst_health_destroy(struct jst_health **take)
{
    struct jst_health *h = *take;

    *take = NULL;
    if (h == NULL) {
        return;
    }
    JST_ASSERT(jst_list_is_empty(&h->entries) && h->waiters_n == 0);
    pthread_cond_destroy(&h->done);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

static void
close_all(struct jst_health *h)
{
    h->closing = true;
    JST_LIST_FOREACH (node, &h->entries) {
        struct jst_health_entry *e = JST_CONTAINER(node, struct jst_health_entry, link);

        if (e->waiter != NULL) {
            jst_health_wait_cancel(e->waiter);
        } else {
            jst_health_entry_destroy(
                &e); /* what was found stays: requests may still be under way */
        }
    }
}

static bool
has_waiters(struct jst_health *h)
{
    bool has;

    pthread_mutex_lock(&h->lock);
    has = h->waiters_n > 0;
    pthread_mutex_unlock(&h->lock);
    return has;
}

void
jst_health_run(struct jst_health *h)
{
    jst_loop_run(h->local->loop);
    close_all(h);
    for (int i = 0; i < CLOSING_TURNS || has_waiters(h); i++) {
        jst_loop_turn(h->local->loop, i < CLOSING_TURNS ? 0 : LEAVING_TURN_MS);
    }
}

static void
deliver_stop(struct jst_mail *m, struct jst_loop *l)
{
    (void)m;
    if (l != NULL) {
        jst_loop_stop(l);
    }
}

void
jst_health_stop(struct jst_health *h)
{
    pthread_mutex_lock(&h->lock);
    h->stopping = true;
    pthread_mutex_unlock(&h->lock);
    h->stop.deliver = deliver_stop;
    jst_loop_send(h->local->loop, &h->stop);
}
