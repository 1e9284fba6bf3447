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
order_all(struct joist_engine *e, int (*carry_out)(const struct jst_order *),
          struct jst_snapshot *snap, uint64_t deadline_ms)
{
    int rc;

    e->answers = 0;
    e->answer_rc = JOIST_OK;
    for (size_t i = 0; i < e->reactors_n; i++) {
        e->orders[i] =
            (struct jst_order){{NULL, deliver}, carry_out, e->reactors[i], snap, deadline_ms};
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
    int rc = order_all(e, prepare, snap, 0);

    if (rc < 0) {
        (void)order_all(e, discard, NULL, 0);
    }
    return rc;
}

int
jst_order_commit(struct joist_engine *e)
{
    return order_all(e, commit, NULL, 0);
}

int
jst_order_drain(struct joist_engine *e, uint64_t deadline_ms)
{
    return order_all(e, drain, NULL, deadline_ms);
}
