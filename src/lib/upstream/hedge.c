// SPDX-License-Identifier: MIT
/*
 * A second call for the same request, to another target, while the first has no answer. Whichever
 * answers first is listened to, the other one is cancelled; that says nothing of its target. It is
 * not tried again itself: when both have failed, the guard decides.
 */
#include "upstream/guard.h"

struct jst_hedge {
    struct jst_guard *guard;
    struct jst_call call;
    struct jst_sink sink;
    struct jst_source source;
    struct jst_slice target_name;
};

bool
jst_hedge_is_alive(const struct jst_guard *g)
{
    return g->hedge != NULL && g->now != &g->hedge->call;
}

void
jst_hedge_drop(struct jst_guard *g)
{
    struct jst_hedge *h = g->hedge;

    if (jst_hedge_is_alive(g)) {
        g->hedge = NULL;
        jst_source_cancel(&h->call.response, JOIST_E_CANCELED);
        jst_account_leave(&h->call);
    }
}

void
jst_hedge_promote(struct jst_guard *g)
{
    JST_ASSERT(jst_hedge_is_alive(g));
    g->now = &g->hedge->call;
    jst_source_cancel(&g->call->response, JOIST_E_CANCELED);
    jst_account_leave(g->call);
}

void
jst_hedge_resume(struct jst_guard *g, size_t credit)
{
    if (jst_hedge_is_alive(g)) {
        jst_source_resume(&g->hedge->call.response, credit);
    }
}

/* ---- what it is told ---- */

static struct jst_hedge *
of_sink(struct jst_sink *s)
{
    return JST_CONTAINER(s, struct jst_hedge, sink);
}

static bool
is_listened_to(const struct jst_hedge *h)
{
    return h->guard->now == &h->call;
}

static void
on_head(struct jst_sink *s, const struct jst_head *head)
{
    struct jst_hedge *h = of_sink(s);

    if (!is_listened_to(h)) {
        if (head->status < 200) {
            return;
        }
        if (jst_guard_dislikes(h->guard, head->status)) { /* the first one may do better */
            jst_hedge_drop(h->guard);
            return;
        }
        JST_STAT_ADD(h->guard->u->local, upstream_hedges_won, 1);
        jst_hedge_promote(h->guard);
    }
    jst_guard_take_head(h->guard, head);
}

static void
on_data(struct jst_sink *s, struct jst_chain *move)
{
    jst_guard_take_data(of_sink(s)->guard, move);
}

static void
on_end(struct jst_sink *s, const struct jst_fields *trailers)
{
    jst_guard_take_end(of_sink(s)->guard, trailers);
}

static void
on_abort(struct jst_sink *s, int why)
{
    struct jst_hedge *h = of_sink(s);

    if (is_listened_to(h)) {
        jst_guard_take_abort(h->guard, why);
    } else {
        h->guard->hedge = NULL;
    }
}

static const struct jst_sink_ops sink_ops = {on_head, on_data, on_end, on_abort};

/* There is no body to ask for. */
static void
no_resume(struct jst_source *s, size_t credit)
{
    (void)s;
    (void)credit;
}

static void
no_cancel(struct jst_source *s, int why)
{
    (void)s;
    (void)why;
}

static const struct jst_source_ops source_ops = {no_resume, no_cancel};

/* ---- the beginning ---- */

void
jst_hedge_arm(struct jst_guard *g, uint64_t after_ms)
{
    const struct jst_head *req = g->call->req;
    struct jst_loop *loop = g->u->local->loop;

    if ((req->method == JST_METHOD_GET || req->method == JST_METHOD_HEAD) && !req->has_body &&
        !g->call->upgrade) {
        jst_timer_set(loop, &g->timer, jst_loop_now_ms(loop) + after_ms);
    }
}

/* The same request, at the beginning. */
static void
fill(struct jst_hedge *h, const struct jst_call *like)
{
    h->call = (struct jst_call){
        .req = like->req,
        .on_response = &h->sink,
        .on_request = &h->source,
        .peer = like->peer,
        .timeouts = like->timeouts,
        .extra = like->extra,
        .host = like->host_made ? JST_SLICE_NONE : like->host,
        .path = like->path,
        .path_base = like->path_base,
        .query = like->query,
        .client_ip = like->client_ip,
        .id = like->id,
        .arena = like->arena,
        .holds = like->holds,
    };
}

void
jst_hedge_start(struct jst_guard *g)
{
    struct jst_call *call = g->call;
    struct jst_hedge *h;

    /* Who waits for a target is not slow, and a second one would wait behind it. */
    if (!call->account.open || g->u->closing || call->tried_n == JST_CALL_TRIED_MAX ||
        call->upool->pool->n < 2 || !jst_guard_take_token(g)) {
        return;
    }
    h = jst_arena_zalloc(call->arena, sizeof(*h));
    if (h == NULL) {
        return;
    }
    h->guard = g;
    h->sink.ops = &sink_ops;
    h->source.ops = &source_ops;
    fill(h, call);
    jst_call_init(call->upool, &h->call);
    h->call.bond = call->bond;
    h->call.bond.stays = call->bond.id != 0; /* to be slow once is no reason to move */
    h->call.target_name = &h->target_name;
    h->call.tries_left = 0;
    memcpy(h->call.tried, call->tried, sizeof(call->tried));
    h->call.tried_n = call->tried_n;
    h->call.tried[h->call.tried_n++] = call->target;
    h->call.only_untried = true;
    h->call.never_waits = true;
    h->call.credit = call->credit;
    g->hedge = h;
    JST_STAT_ADD(g->u->local, upstream_hedges, 1);
    jst_call_admit(&h->call);
}
