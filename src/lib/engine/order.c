// SPDX-License-Identifier: MIT
/*
 * Orders to the reactors: mail to each, and the wait for all answers.
 */
#include "engine/engine_int.h"

/* A reactor has carried out its order. On its thread. */
static void
answer(struct joist_engine *e, int rc)
{
    pthread_mutex_lock(&e->lock);
    e->answers++;
    e->answer_rc = e->answer_rc < 0 ? e->answer_rc : rc;
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->lock);
}

void
jst_engine_drained(struct joist_engine *e)
{
    pthread_mutex_lock(&e->lock);
    e->drained++;
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->lock);
}

static int
prepare(const struct jst_order *o)
{
    return jst_reactor_prepare(o->reactor, o->snap);
}

static int
commit(const struct jst_order *o)
{
    jst_reactor_commit(o->reactor);
    return JOIST_OK;
}

static int
discard(const struct jst_order *o)
{
    jst_reactor_discard(o->reactor);
    return JOIST_OK;
}

static int
drain(const struct jst_order *o)
{
    jst_reactor_drain(o->reactor, o->deadline_ms);
    return JOIST_OK;
}

static int
drain_listener(const struct jst_order *o)
{
    jst_reactor_drain_listener(o->reactor, o->listener, o->deadline_ms);
    return JOIST_OK;
}

static int
cut(const struct jst_order *o)
{
    return jst_cut_begin(o->reactor->local.upstreams, o->plan);
}

static int
replace(const struct jst_order *o)
{
    return jst_reactor_replace(o->reactor, o->pool, o->by);
}

static int
undo_replace(const struct jst_order *o)
{
    jst_reactor_replace_end(o->reactor, true);
    return JOIST_OK;
}

/* On the reactor's thread; without a loop it is on its way out, and nothing is left to do. */
static void
deliver(struct jst_mail *m, struct jst_loop *l)
{
    struct jst_order *o = JST_CONTAINER(m, struct jst_order, mail);
    struct joist_engine *e = o->reactor->engine;

    answer(e, l != NULL ? o->carry_out(o) : JOIST_E_STATE);
}

/* Send to all and wait for all. The orders' memory was taken at create: a swap that was prepared
 * must be able to go on, or back. */
static int
order_all(struct joist_engine *e, struct jst_order what)
{
    int rc;

    e->answers = 0;
    e->answer_rc = JOIST_OK;
    what.mail.deliver = deliver;
    for (size_t i = 0; i < e->reactors_n; i++) {
        e->orders[i] = what;
        e->orders[i].reactor = e->reactors[i];
        jst_loop_send(e->reactors[i]->loop, &e->orders[i].mail);
    }
    pthread_mutex_lock(&e->lock);
    while (e->answers < e->reactors_n) {
        pthread_cond_wait(&e->changed, &e->lock);
    }
    rc = e->answer_rc;
    pthread_mutex_unlock(&e->lock);
    return rc;
}

int
jst_order_prepare(struct joist_engine *e, struct jst_snapshot *snap)
{
    int rc = order_all(e, (struct jst_order){.carry_out = prepare, .snap = snap});

    if (rc < 0) {
        (void)order_all(e, (struct jst_order){.carry_out = discard});
    }
    return rc;
}

int
jst_order_commit(struct joist_engine *e)
{
    return order_all(e, (struct jst_order){.carry_out = commit});
}

int
jst_order_drain(struct joist_engine *e, uint64_t deadline_ms)
{
    return order_all(e, (struct jst_order){.carry_out = drain, .deadline_ms = deadline_ms});
}

int
jst_order_drain_listener(struct joist_engine *e, size_t listener, uint64_t deadline_ms)
{
    return order_all(e, (struct jst_order){.carry_out = drain_listener,
                                           .listener = listener,
                                           .deadline_ms = deadline_ms});
}

int
jst_order_cut(struct joist_engine *e, const struct jst_cut_plan *plan)
{
    return order_all(e, (struct jst_order){.carry_out = cut, .plan = plan});
}

/* ---- replacing a pool ---- */

/* Without a loop the reactor is gone, and has done it itself. */
static void
deliver_end(struct jst_mail *m, struct jst_loop *l)
{
    struct jst_order *o = JST_CONTAINER(m, struct jst_order, mail);

    if (l != NULL) {
        jst_reactor_replace_end(o->reactor, false);
    }
}

/* Nobody waits: it is delivered before the next order is, as mail of one sender at a time. */
static void
send_ends(struct joist_engine *e)
{
    for (size_t i = 0; i < e->reactors_n; i++) {
        e->ends[i] = (struct jst_order){.mail.deliver = deliver_end, .reactor = e->reactors[i]};
        jst_loop_send(e->reactors[i]->loop, &e->ends[i].mail);
    }
}

int
jst_order_replace(struct joist_engine *e, size_t pool, struct jst_pool *by)
{
    int rc = order_all(e, (struct jst_order){.carry_out = replace, .pool = pool, .by = by});

    if (rc == JOIST_OK) {
        send_ends(e);
    } else {
        (void)order_all(e, (struct jst_order){.carry_out = undo_replace});
    }
    return rc;
}
