// SPDX-License-Identifier: MIT
/* When each target is checked. */
#include "base/bounds.h"
#include "upstream/health_int.h"

#include <stdlib.h>

static struct jst_health_target *
of_check(struct jst_health_check *k)
{
    return JST_CONTAINER(k, struct jst_health_target, check);
}

/* ---- the next check ---- */

static uint64_t
interval_of(const struct jst_health_entry *e)
{
    return e->waiter != NULL ? JST_MIN(e->conf->interval_ms, JST_HEALTH_WAIT_INTERVAL_MS)
                             : e->conf->interval_ms;
}

/* A tenth more or less, so that not all come at once, again and again. */
static void
schedule(struct jst_health_target *t)
{
    struct jst_local *local = t->entry->h->local;
    uint64_t ms = interval_of(t->entry);
    uint64_t tenth = ms / 10;

    ms = ms - tenth + jst_rand_next(&local->rand) % (2 * tenth + 1);
    jst_timer_set(local->loop, &t->timer, jst_loop_now_ms(local->loop) + ms);
}

static void
begin(struct jst_health_target *t)
{
    struct jst_health *h = t->entry->h;

    h->checks_n++;
    t->checked = jst_pool_ref(t->entry->pool);
    jst_health_check_start(&t->check, &t->checked->v[t->number], t->entry->conf);
}

void
jst_health_pump(struct jst_health *h)
{
    while (h->checks_n < JST_HEALTH_CHECKS_MAX && !jst_list_is_empty(&h->turns)) {
        struct jst_list *first = h->turns.next;

        jst_list_remove(first);
        begin(JST_CONTAINER(first, struct jst_health_target, turn));
    }
}

static void
queue(struct jst_health_target *t)
{
    jst_list_insert(&t->entry->h->turns, &t->turn);
}

static void
on_due(struct jst_timer *timer)
{
    struct jst_health_target *t = JST_CONTAINER(timer, struct jst_health_target, timer);

    jst_timer_stop(timer);
    queue(t);
    jst_health_pump(t->entry->h);
}

/* ---- what a check tells ---- */

static void
on_result(struct jst_health_check *k, const struct jst_health_outcome *o)
{
    struct jst_health_target *t = of_check(k);
    struct jst_local *local = t->entry->h->local;

    JST_STAT_ADD(local, health_checks, 1);
    if (!o->good) {
        JST_STAT_ADD(local, health_failures, 1);
    }
    if (t->entry->waiter != NULL) {
        jst_health_waited_for(t, o);
    } else {
        jst_health_judge(t, o);
    }
}

static void
end_check(struct jst_health_target *t)
{
    t->entry->h->checks_n--;
    jst_pool_unref(&t->checked);
}

static void
on_closed(struct jst_health_check *k)
{
    struct jst_health_target *t = of_check(k);

    end_check(t);
    schedule(t);
    jst_health_pump(t->entry->h);
}

/* ---- life ---- */

int
jst_health_target_create(struct jst_health_entry *e, uint32_t number)
{
    struct jst_health_target *t = calloc(1, sizeof(*t));

    if (t == NULL) {
        return JOIST_E_NOMEM;
    }
    t->entry = e;
    t->number = number;
    t->check.local = e->h->local;
    t->check.open = e->h->open;
    t->check.names = e->h->names;
    t->check.on_result = on_result;
    t->check.on_closed = on_closed;
    jst_list_init(&t->turn);
    if (jst_timer_init(e->h->local->loop, &t->timer, on_due) < 0 ||
        jst_health_check_init(&t->check) < 0) {
        jst_timer_fini(e->h->local->loop, &t->timer);
        free(t);
        return JOIST_E_NOMEM;
    }
    jst_list_insert(&e->targets, &t->link);
    if (e->waiter == NULL) {
        jst_health_record_of(e->pool->tracking->v[number])->checker = t;
    }
    queue(t);
    return JOIST_OK;
}

void
jst_health_target_destroy(struct jst_health_target *t)
{
    struct jst_health_entry *e = t->entry;

    if (t->checked != NULL) {
        jst_health_check_cancel(&t->check);
        end_check(t);
    }
    if (e->waiter == NULL) {
        jst_health_record_of(e->pool->tracking->v[t->number])->checker = NULL;
    }
    jst_list_remove(&t->link);
    jst_list_remove(&t->turn);
    jst_timer_fini(e->h->local->loop, &t->timer);
    jst_health_check_fini(&t->check);
    free(t);
}

void
jst_health_target_move(struct jst_health_target *t, struct jst_health_entry *to, uint32_t number)
{
    uint64_t latest = jst_loop_now_ms(to->h->local->loop) + interval_of(to);

    jst_list_remove(&t->link);
    jst_list_insert(&to->targets, &t->link);
    t->entry = to;
    t->number = number;
    if (t->timer.deadline_ms != JST_NEVER && t->timer.deadline_ms > latest + interval_of(to) / 10) {
        schedule(t); /* the interval is shorter than it was */
    }
}

struct jst_health_entry *
jst_health_entry_create(struct jst_health *h, struct jst_pool *pool,
                        const struct jst_health_conf *conf)
{
    struct jst_health_entry *e = calloc(1, sizeof(*e));

    if (e == NULL) {
        return NULL;
    }
    e->h = h;
    e->pool = jst_pool_ref(pool);
    e->conf = conf;
    jst_list_init(&e->link);
    jst_list_init(&e->targets);
    return e;
}

void
jst_health_entry_destroy(struct jst_health_entry **take)
{
    struct jst_health_entry *e = *take;

    *take = NULL;
    if (e == NULL) {
        return;
    }
    JST_LIST_FOREACH (node, &e->targets) {
        jst_health_target_destroy(JST_CONTAINER(node, struct jst_health_target, link));
    }
    jst_list_remove(&e->link);
    jst_pool_unref(&e->pool);
    free(e);
}
