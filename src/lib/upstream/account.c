// SPDX-License-Identifier: MIT
/*
 * The books of a tracked pool: each call is entered when it is given to a target, and left exactly
 * once: at the end of its response, when it is aborted, or when its caller leaves.
 *
 * What is held against a target: 5xx, and what ends a call from its side (no connection, no answer
 * in time, a reset, garbage). Too many in a row put it aside for a while; a share of them opens its
 * breaker. What the client or we ourselves did says nothing about it.
 */
#include "base/bounds.h"
#include "base/str.h"
#include "upstream/live.h"
#include "upstream/queue.h"

/* What a failure counts for among times to first byte: failing fast is not being fast. */
#define FAILED_LATENCY_US 1000000u

enum verdict { UNKNOWN, GOOD, BAD };

/* ---- who says what, for logs ---- */

struct finding {
    int why;         /* JOIST_E_*, or 0: */
    uint16_t status; /* 5xx */
    uint64_t after_ms;
};

static const char *
describe(char text[32], const struct finding *f)
{
    if (f->why < 0) {
        return joist_error_text(f->why);
    }
    (void)jst_fmt(text, 32, "status %u", f->status);
    return text;
}

bool
jst_is_fault(int why)
{
    switch (why) {
    case JOIST_E_REFUSED:
    case JOIST_E_UNREACH:
    case JOIST_E_NOTFOUND:
    case JOIST_E_TIMEOUT:
    case JOIST_E_RESET:
    case JOIST_E_CLOSED:
    case JOIST_E_IO:
    case JOIST_E_PROTO:
    case JOIST_E_CERT:
    case JOIST_E_TLS:
        return true;
    default:
        return false;
    }
}

/* ---- putting aside ---- */

static uint32_t
count_ejected(const struct jst_tracking *t, uint64_t now)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < t->n; i++) {
        n += __atomic_load_n(&t->v[i]->ejected_until_ms, __ATOMIC_ACQUIRE) > now;
    }
    return n;
}

/* Longer each time, unless it was well for as long as it was away the last time. */
static uint64_t
next_ejection_ms(const struct jst_tracking *t, struct jst_tstate *state, uint64_t now)
{
    uint64_t since = __atomic_load_n(&state->since_ms, __ATOMIC_RELAXED);
    uint64_t last = __atomic_load_n(&state->ejected_ms, __ATOMIC_RELAXED);
    uint32_t times = __atomic_load_n(&state->ejections, __ATOMIC_RELAXED);
    uint64_t ms;

    times = now > since + last ? 1 : JST_MIN(times + 1, JST_EJECT_TIMES_MAX);
    ms = t->outlier.eject_ms * times;
    __atomic_store_n(&state->ejections, times, __ATOMIC_RELAXED);
    __atomic_store_n(&state->ejected_ms, ms, __ATOMIC_RELAXED);
    return ms;
}

static void
eject(struct jst_upool *p, uint32_t i, const struct finding *f, uint32_t failures, uint64_t now)
{
    struct jst_tracking *t = p->pool->tracking;
    struct jst_tstate *state = t->v[i];
    uint32_t ejected = count_ejected(t, now);
    uint64_t ms;
    char text[32];

    if (__atomic_load_n(&state->ejected_until_ms, __ATOMIC_ACQUIRE) != 0 ||
        (uint64_t)(ejected + 1) * 100 > (uint64_t)t->outlier.max_ejected_percent * t->n) {
        return;
    }
    ms = next_ejection_ms(t, state, now);
    __atomic_store_n(&state->ejected_until_ms, now + ms, __ATOMIC_RELEASE);
    jst_states_changed(t->states);
    JST_STAT_ADD(p->u->local, upstream_ejections, 1);
    JST_LOG(p->u->local->log, WARN, UPSTREAM_EJECTED,
            "upstream=%s target=%.*s for_ms=%llu failures=%u last=\"%s\" after_ms=%llu ejected=%u "
            "of=%u",
            t->name, JST_PRI(p->pool->v[i].label), (unsigned long long)ms, failures,
            describe(text, f), (unsigned long long)f->after_ms, ejected + 1, t->n);
}

/* One reactor at a time judges a pool, or two could go over its cap. Who comes second lets it be:
 * the next failure asks again. */
static void
judge_outlier(struct jst_upool *p, uint32_t i, enum verdict verdict, const struct finding *f,
              uint64_t now)
{
    struct jst_tracking *t = p->pool->tracking;
    struct jst_tstate *state = t->v[i];
    uint32_t failures;

    if (verdict == GOOD) {
        if (__atomic_load_n(&state->failures, __ATOMIC_RELAXED) != 0) {
            __atomic_store_n(&state->failures, 0, __ATOMIC_RELAXED);
        }
        return;
    }
    failures = __atomic_add_fetch(&state->failures, 1, __ATOMIC_RELAXED);
    if (t->outlier.failures == 0 || failures < t->outlier.failures ||
        __atomic_exchange_n(&t->judging, true, __ATOMIC_ACQUIRE)) {
        return;
    }
    eject(p, i, f, failures, now);
    __atomic_store_n(&t->judging, false, __ATOMIC_RELEASE);
}

/* ---- the breaker ---- */

static void
judge_breaker(struct jst_upool *p, uint32_t i, struct jst_account *a, enum verdict verdict,
              const struct finding *f, uint64_t now)
{
    struct jst_tracking *t = p->pool->tracking;
    struct jst_breaker *b = &t->v[i]->breaker;
    jst_breaker_ticket ticket = a->ticket;
    struct jst_log *log = p->u->local->log;
    char text[32];

    a->ticket = 0;
    if (verdict == UNKNOWN) {
        jst_breaker_leave(b, ticket);
        return;
    }
    if (!jst_breaker_report(b, &t->breaker, ticket, verdict == GOOD, now,
                            jst_rand_next(&p->u->local->rand))) {
        return;
    }
    if (verdict == BAD) {
        JST_STAT_ADD(p->u->local, upstream_breaker_opens, 1);
        JST_LOG(log, WARN, UPSTREAM_BREAKER_OPEN,
                "upstream=%s target=%.*s after=%s last=\"%s\" after_ms=%llu", t->name,
                JST_PRI(p->pool->v[i].label), ticket != 0 ? "probe" : "errors", describe(text, f),
                (unsigned long long)f->after_ms);
    } else {
        __atomic_store_n(&t->v[i]->since_ms, now, __ATOMIC_RELAXED);
        JST_LOG(log, INFO, UPSTREAM_BREAKER_CLOSED, "upstream=%s target=%.*s probe_ms=%llu",
                t->name, JST_PRI(p->pool->v[i].label), (unsigned long long)f->after_ms);
    }
    jst_states_changed(t->states);
}

static void
judge(struct jst_call *call, enum verdict verdict, int why, uint16_t status)
{
    struct jst_upool *p = call->upool;
    struct jst_loop *loop = p->u->local->loop;
    struct finding f = {why, status, (jst_loop_now_ns(loop) - call->account.start_ns) / 1000000};
    uint64_t now = jst_loop_now_ms(loop);

    if (call->account.judged) {
        return;
    }
    call->account.judged = true;
    if (verdict == BAD) {
        (void)__atomic_add_fetch(&p->pool->tracking->v[call->target]->requests_failed, 1,
                                 __ATOMIC_RELAXED);
    }
    if (verdict != UNKNOWN) {
        judge_outlier(p, call->target, verdict, &f, now);
    }
    if (p->pool->tracking->breaker.error_percent > 0) {
        judge_breaker(p, call->target, &call->account, verdict, &f, now);
    }
}

/* ---- between the origin and the caller ---- */

static struct jst_call *
call_of(struct jst_sink *s)
{
    return JST_CONTAINER(s, struct jst_call, account.sink);
}

static void
leave(struct jst_call *call)
{
    struct jst_upool *p = call->upool;
    struct jst_view *view = p->view;

    if (!call->account.open) {
        return;
    }
    call->account.open = false;
    JST_ASSERT_HOT(view->inflight > 0 && view->v[call->target].inflight > 0);
    view->inflight--;
    view->v[call->target].inflight--;
    jst_list_remove(&call->account.link);
    jst_slot_give(p->pool->tracking, call->target, jst_loop_now_ms(p->u->local->loop));
}

static void
add_latency(struct jst_call *call, bool failed)
{
    struct jst_loop *loop = call->upool->u->local->loop;
    uint64_t us = (jst_loop_now_ns(loop) - call->account.start_ns) / 1000;

    if (call->account.answered) {
        return;
    }
    call->account.answered = true;
    jst_tstate_add_latency(call->upool->pool->tracking->v[call->target],
                           failed ? JST_MAX(us, FAILED_LATENCY_US) : us, jst_loop_now_ms(loop));
}

/* ---- tunnels: their two ends may come in either order ---- */

static void
account_resume(struct jst_source *s, size_t credit)
{
    jst_source_resume(JST_CONTAINER(s, struct jst_call, account.source)->account.from, credit);
}

/* The target wants no more from the client; nothing says so otherwise if its own end came before.
 */
static void
account_cancel(struct jst_source *s, int why)
{
    struct jst_call *call = JST_CONTAINER(s, struct jst_call, account.source);
    struct jst_source *from = call->account.from;

    jst_account_request_end(call);
    jst_source_cancel(from, why);
}

static const struct jst_source_ops account_source_ops = {account_resume, account_cancel};

static void
begin_tunnel(struct jst_call *call)
{
    call->account.tunnel = true;
    call->account.source.ops = &account_source_ops;
    call->account.from = call->on_request;
    call->on_request = &call->account.source;
}

/* A stream may go on for ever: a tunnel and a probe are judged by their head. What was begun well
 * may still end badly, so other calls are judged by their end. */
static void
account_head(struct jst_sink *s, const struct jst_head *head)
{
    struct jst_call *call = call_of(s);
    struct jst_head copy;

    if (head->status >= 200 || head->status == 101) {
        add_latency(call, head->status >= 500);
        if (head->status >= 500) {
            judge(call, BAD, 0, head->status);
        } else if (head->status == 101 || call->account.ticket != 0) {
            judge(call, GOOD, 0, head->status);
        }
        if (call->upool->pool->tracking->sticky != NULL) {
            head = jst_sticky_head(call, head, &copy);
        }
    }
    if (head->status == 101) {
        begin_tunnel(call);
    }
    jst_sink_head(call->account.to, head);
}

static void
account_data(struct jst_sink *s, struct jst_chain *move)
{
    jst_sink_data(call_of(s)->account.to, move);
}

static void
account_end(struct jst_sink *s, const struct jst_fields *trailers)
{
    struct jst_call *call = call_of(s);
    struct jst_sink *to = call->account.to;

    judge(call, GOOD, 0, 0);
    call->account.response_ended = true;
    if (!call->account.tunnel || call->account.request_ended) {
        leave(call);
    }
    jst_sink_end(to, trailers);
}

static void
fail(struct jst_call *call, int why)
{
    bool fault = jst_is_fault(why);

    if (fault) {
        add_latency(call, true);
    }
    judge(call, fault ? BAD : UNKNOWN, why, 0);
    leave(call);
}

static void
account_abort(struct jst_sink *s, int why)
{
    struct jst_call *call = call_of(s);
    struct jst_sink *to = call->account.to;

    fail(call, why);
    jst_sink_abort(to, why);
}

static const struct jst_sink_ops account_ops = {
    account_head,
    account_data,
    account_end,
    account_abort,
};

void
jst_account_begin(struct jst_call *call, jst_breaker_ticket ticket)
{
    struct jst_upool *p = call->upool;
    struct jst_tstate *state;

    if (p->pool->tracking == NULL) {
        return;
    }
    call->account = (struct jst_account){
        .sink = {&account_ops},
        .to = call->on_response,
        .start_ns = jst_loop_now_ns(p->u->local->loop),
        .ticket = ticket,
        .open = true,
    };
    call->on_response = &call->account.sink;
    p->view->inflight++;
    p->view->v[call->target].inflight++;
    jst_list_insert(&p->u->calls, &call->account.link);
    state = p->pool->tracking->v[call->target];
    if (p->pool->tracking->max_inflight == 0) { /* else the pick has taken a slot */
        (void)__atomic_add_fetch(&state->inflight, 1, __ATOMIC_RELAXED);
    }
    (void)__atomic_add_fetch(&state->requests, 1, __ATOMIC_RELAXED); /* in the same line */
}

void
jst_account_request_end(struct jst_call *call)
{
    if (call->account.open && call->account.tunnel) {
        call->account.request_ended = true;
        if (call->account.response_ended) {
            leave(call);
        }
    }
}

void
jst_account_leave(struct jst_call *call)
{
    if (call->account.open) {
        judge(call, UNKNOWN, 0, 0);
        leave(call);
    }
}

void
jst_account_fail(struct jst_call *call, int why)
{
    if (call->account.open) {
        fail(call, why);
        call->on_response = call->account.to;
    }
}
