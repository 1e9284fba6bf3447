// SPDX-License-Identifier: MIT
#include "upstream/live.h"

/* ---- failing without a connection ---- */

static struct jst_loop *
loop_of(const struct jst_call *call)
{
    return call->upool->u->local->loop;
}

static void
no_data(struct jst_sink *s, struct jst_chain *move)
{
    (void)s;
    jst_chain_clear(move);
}

static void
no_end(struct jst_sink *s, const struct jst_fields *trailers)
{
    (void)s;
    (void)trailers;
}

static void
abort_failing(struct jst_sink *s, int why)
{
    struct jst_call *call = JST_CONTAINER(s, struct jst_call, request);

    (void)why;
    jst_task_cancel(loop_of(call), &call->task);
}

static void
no_resume(struct jst_source *s, size_t credit)
{
    (void)s;
    (void)credit;
}

static void
cancel_failing(struct jst_source *s, int why)
{
    struct jst_call *call = JST_CONTAINER(s, struct jst_call, response);

    (void)why;
    jst_task_cancel(loop_of(call), &call->task);
}

static const struct jst_sink_ops failing_request = {
    .data = no_data,
    .end = no_end,
    .abort = abort_failing,
};
static const struct jst_source_ops failing_response = {
    .resume = no_resume,
    .cancel = cancel_failing,
};

static void
run_failure(struct jst_task *t)
{
    struct jst_call *call = JST_CONTAINER(t, struct jst_call, task);

    jst_sink_abort(call->on_response, call->why);
}

/* Callers of a start are never called back from within. */
static void
fail_later(struct jst_call *call, int why)
{
    call->client = NULL;
    call->request.ops = &failing_request;
    call->response.ops = &failing_response;
    call->why = why;
    call->task.run = run_failure;
    jst_loop_post(loop_of(call), &call->task);
}

/* ---- starting ---- */

static const struct jst_addrs *
addrs_of(const struct jst_call *call)
{
    return jst_target_addrs(&call->upool->pool->v[call->target]);
}

static bool
is_address_error(int why)
{
    return why == JOIST_E_REFUSED || why == JOIST_E_UNREACH || why == JOIST_E_NOTFOUND;
}

/* Another address of the same name, if one is left to try. Calls that failed at the same time shall
 * not push each other past the one that works. */
static bool
try_next_address(struct jst_live *live, struct jst_call *call, int why)
{
    uint32_t n = addrs_of(call)->n;

    if (!is_address_error(why) || call->tries + 1 >= n) {
        return false;
    }
    if (live->addr_at == call->addr) {
        live->addr_at = (call->addr + 1) % n;
    }
    call->addr = (call->addr + 1) % n;
    call->tries++;
    return true;
}

static void
connect_and_start(struct jst_live *live, struct jst_call *call)
{
    struct jst_upstreams *u = live->u;
    const struct jst_addrs *addrs = addrs_of(call);
    struct jst_client_to to = {.connect_ms = call->timeouts->upstream_connect_ms,
                               .keepalive_ms = live->keepalive_ms};
    struct jst_client *c = NULL;
    int rc;

    do {
        to.addr = &addrs->v[call->addr];
        rc = u->open(&c, u->local, &to, &jst_live_events, live);
    } while (rc < 0 && try_next_address(live, call, rc));
    if (rc < 0) {
        fail_later(call, rc);
        return;
    }
    JST_STAT_ADD(u->local, upstream_connects, 1);
    c->pool_idle = false;
    jst_list_insert(&live->busy, &c->pool_link);
    c->ops->start(c, call);
}

/* Begin with the address that worked last. */
static void
connect_anew(struct jst_live *live, struct jst_call *call)
{
    call->tries = 0;
    call->addr = live->addr_at % addrs_of(call)->n;
    connect_and_start(live, call);
}

/* RFC 9110 9.2.2 */
static bool
is_idempotent(enum jst_method m)
{
    switch (m) {
    case JST_METHOD_GET:
    case JST_METHOD_HEAD:
    case JST_METHOD_PUT:
    case JST_METHOD_DELETE:
    case JST_METHOD_OPTIONS:
    case JST_METHOD_TRACE:
        return true;
    default:
        return false;
    }
}

bool
jst_call_restart(struct jst_live *live, struct jst_call *call, int why)
{
    if (live->u->closing || live->refs == 0) {
        return false;
    }
    if (!call->connected) {
        if (!try_next_address(live, call, why)) {
            return false;
        }
        connect_and_start(live, call);
        return true;
    }
    /* RFC 9112 9.3.1: the origin closed it while our request was on its way. */
    if (!call->reused || call->got_bytes || call->sent_body || !is_idempotent(call->req->method) ||
        (why != JOIST_E_CLOSED && why != JOIST_E_RESET && why != JOIST_E_IO)) {
        return false;
    }
    JST_STAT_ADD(live->u->local, upstream_retries, 1);
    connect_anew(live, call);
    return true;
}

void
jst_upstream_call(struct jst_upool *p, struct jst_call *call, struct jst_slice *target)
{
    int i = jst_upool_pick(p);
    struct jst_live *live;
    struct jst_client *c;

    call->upool = p;
    call->credit = 0;
    call->asked_body = call->sent_body = call->ended = false;
    call->reused = call->got_bytes = call->connected = false;
    call->detail = NULL;
    *target = p->pool->v[i >= 0 ? i : 0].name; /* one of those that were in vain, for the log */
    if (i < 0 || p->u->closing) {
        fail_later(call, JOIST_E_UNAVAILABLE);
        return;
    }
    call->target = (uint32_t)i;
    if (call->host.n == 0) { /* an HTTP/1.0 client that named no host */
        call->host = p->pool->v[i].host.n > 0 ? *target : JST_S("localhost");
    }
    live = p->v[i].live;
    c = jst_live_take_idle(live, !is_idempotent(call->req->method));
    if (c == NULL) {
        connect_anew(live, call);
        return;
    }
    JST_STAT_ADD(p->u->local, upstream_reuses, 1);
    c->ops->start(c, call);
}
