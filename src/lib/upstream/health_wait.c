// SPDX-License-Identifier: MIT
/* Until enough targets of a pool are well: somebody else's thread waits for it. */
#include "base/bounds.h"
#include "base/str.h"
#include "upstream/health_int.h"

#include <stdlib.h>

/* On the heap until its caller has its answer; all but the last three is the checker's. */
struct jst_health_waiter {
    struct jst_mail mail;
    struct jst_health *h;
    struct jst_pool *pool;              /* borrowed: the caller's */
    const struct jst_health_conf *conf; /* the pool's, or own */
    struct jst_health_conf *own;        /* owned; NULL: the pool's counts */
    struct jst_health_entry *entry;     /* owned */
    struct jst_health_outcome *last;    /* owned; of each target */
    struct jst_health_waited *out;      /* borrowed: the caller's */
    struct jst_timer timer;
    struct jst_task task;
    uint64_t timeout_ms;
    size_t need;
    size_t passed;
    /* under the lock */
    int rc;
    bool done;
};

/* ---- the end ---- */

static void
answer(struct jst_health_waiter *w, int rc)
{
    struct jst_health *h = w->h;

    pthread_mutex_lock(&h->lock);
    w->rc = rc;
    w->done = true;
    pthread_cond_broadcast(&h->done);
    pthread_mutex_unlock(&h->lock);
}

/* Others have been chosen over it: it is not to be used before it is well. */
static void
hand_over(struct jst_health_waiter *w)
{
    struct jst_tracking *tracking = w->pool->tracking;

    for (uint32_t i = 0; w->own == NULL && i < w->pool->n; i++) {
        if (w->out[i].checks > 0) {
            jst_health_begin_as(tracking, tracking->v[i], w->out[i].passed, &w->last[i],
                                w->h->local);
        }
    }
}

static void
finish(struct jst_health_waiter *w, int rc)
{
    jst_task_cancel(w->h->local->loop, &w->task);
    jst_timer_fini(w->h->local->loop, &w->timer);
    jst_health_entry_destroy(&w->entry);
    if (rc == JOIST_OK) {
        hand_over(w);
    }
    answer(w, rc);
}

static void
run_passed(struct jst_task *t)
{
    struct jst_health_waiter *w = JST_CONTAINER(t, struct jst_health_waiter, task);
    struct jst_health *h = w->h;

    finish(w, JOIST_OK);
    jst_health_pump(h);
}

static void
on_deadline(struct jst_timer *t)
{
    struct jst_health_waiter *w = JST_CONTAINER(t, struct jst_health_waiter, timer);
    struct jst_health *h = w->h;

    finish(w, JOIST_E_TIMEOUT);
    jst_health_pump(h);
}

void
jst_health_wait_cancel(struct jst_health_waiter *w)
{
    finish(w, JOIST_E_CANCELED);
}

/* ---- what checks tell ---- */

void
jst_health_waited_for(struct jst_health_target *t, const struct jst_health_outcome *o)
{
    struct jst_health_waiter *w = t->entry->waiter;
    struct jst_health_waited *out = &w->out[t->number];
    bool passed;

    t->good = o->good ? t->good + 1 : 0;
    passed = t->good >= w->conf->up;
    w->passed += passed;
    w->passed -= out->passed;
    out->passed = passed;
    out->checks++;
    memcpy(out->text, o->text, sizeof(out->text));
    w->last[t->number] = *o;
    if (w->passed >= w->need) {
        jst_loop_post(w->h->local->loop, &w->task); /* its check is still closing */
    }
}

/* ---- the start ---- */

static int
begin(struct jst_health_waiter *w)
{
    struct jst_loop *l = w->h->local->loop;

    w->task.run = run_passed;
    if (jst_timer_init(l, &w->timer, on_deadline) < 0) {
        return JOIST_E_NOMEM;
    }
    w->entry = jst_health_entry_create(w->h, w->pool, w->conf);
    if (w->entry == NULL) {
        return JOIST_E_NOMEM;
    }
    w->entry->waiter = w;
    jst_list_insert(&w->h->entries, &w->entry->link);
    for (uint32_t i = 0; i < w->pool->n; i++) {
        if (jst_health_target_create(w->entry, i) < 0) {
            return JOIST_E_NOMEM;
        }
    }
    if (w->timeout_ms > 0) {
        jst_timer_set(l, &w->timer, jst_loop_now_ms(l) + w->timeout_ms);
    }
    return JOIST_OK;
}

static void
deliver_wait(struct jst_mail *m, struct jst_loop *l)
{
    struct jst_health_waiter *w = JST_CONTAINER(m, struct jst_health_waiter, mail);
    struct jst_health *h = w->h;

    if (l == NULL || h->closing) {
        answer(w, JOIST_E_CANCELED);
    } else if (begin(w) < 0) {
        finish(w, JOIST_E_NOMEM);
    } else {
        jst_health_pump(h);
    }
}

static int
make_waiter(struct jst_health_waiter *w, struct jst_health *h, struct jst_pool *pool,
            const struct jst_health_wait_conf *conf, struct jst_health_waited *out)
{
    struct jst_health_conf *of_pool = pool->tracking != NULL ? pool->tracking->health : NULL;

    w->mail.deliver = deliver_wait;
    w->h = h;
    w->pool = pool;
    w->out = out;
    w->timeout_ms = conf->timeout_ms;
    w->need = conf->need > 0 ? conf->need : pool->n;
    w->last = calloc(pool->n, sizeof(*w->last));
    if (w->last == NULL) {
        return JOIST_E_NOMEM;
    }
    w->conf = of_pool;
    if (conf->health != NULL || of_pool == NULL) {
        int rc = jst_health_conf_create(&w->own, conf->health);

        w->conf = w->own;
        return rc;
    }
    return JOIST_OK;
}

static int
wait_for(struct jst_health_waiter *w)
{
    struct jst_health *h = w->h;
    int rc;

    pthread_mutex_lock(&h->lock);
    rc = jst_health_need(h);
    if (rc == JOIST_OK) {
        h->waiters_n++;
        jst_loop_send(h->local->loop, &w->mail);
        while (!w->done) {
            pthread_cond_wait(&h->done, &h->lock);
        }
        rc = w->rc;
        h->waiters_n--;
    }
    pthread_mutex_unlock(&h->lock);
    return rc;
}

int
jst_health_wait(struct jst_health *h, struct jst_pool *pool,
                const struct jst_health_wait_conf *conf, struct jst_health_waited *out)
{
    struct jst_health_waiter *w;
    int rc;

    if (pool->n == 0 || conf->need > pool->n) {
        return JOIST_E_INVAL;
    }
    for (uint32_t i = 0; i < pool->n; i++) {
        out[i] = (struct jst_health_waited){0};
        (void)jst_fmt(out[i].text, sizeof(out[i].text), "its first check was not over in time");
    }
    w = calloc(1, sizeof(*w));
    rc = w != NULL ? make_waiter(w, h, pool, conf, out) : JOIST_E_NOMEM;
    if (rc == JOIST_OK) {
        rc = wait_for(w);
    }
    if (w != NULL) {
        jst_health_conf_destroy(&w->own);
        free(w->last);
    }
    free(w);
    return rc;
}
