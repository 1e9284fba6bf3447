// SPDX-License-Identifier: MIT
/*
 * Calls that wait for a connection, and the dials that are begun for them.
 *
 *   what the lane speaks   dials at once       when one fails
 *   unknown                one, for all        all who wait fail
 *   HTTP/2                 one, for all        the same; with other connections open they wait on
 *   HTTP/1.1               one for each call   the first who waits fails
 *
 * Before that it is tried once more, if it was a handshake that failed and the name has other
 * addresses. Who waits longer than its connect time fails.
 */
#include "upstream/live.h"
#include "wire/tls.h"

static struct jst_call *
call_at(struct jst_list *node)
{
    return JST_CONTAINER(node, struct jst_call, wait_link);
}

static struct jst_call *
first_of(struct jst_lane *lane)
{
    return jst_list_is_empty(&lane->waiting) ? NULL : call_at(lane->waiting.next);
}

static uint64_t
now_ms(const struct jst_live *live)
{
    return jst_loop_now_ms(live->u->local->loop);
}

void
jst_wait_leave(struct jst_live *live, struct jst_call *call)
{
    JST_ASSERT(live->lanes[call->lane].waiting_n > 0);
    if (live->lanes[call->lane].again == &call->wait_link) {
        live->lanes[call->lane].again = call->wait_link.prev;
    }
    live->lanes[call->lane].waiting_n--;
    jst_list_remove(&call->wait_link);
    jst_hold_stop(call);
}

static void
forget(struct jst_call *call)
{
    jst_wait_leave(jst_call_live(call), call);
}

void
jst_wait_fail(struct jst_live *live, struct jst_call *call, int why)
{
    jst_wait_leave(live, call);
    call->connected = false;
    jst_call_fail_later(call, why);
}

static void
fail_lane(struct jst_live *live, struct jst_lane *lane, int why)
{
    struct jst_call *call;

    while ((call = first_of(lane)) != NULL) {
        jst_wait_fail(live, call, why);
    }
}

void
jst_wait_fail_all(struct jst_live *live, int why)
{
    for (unsigned i = 0; i < JST_LANES_; i++) {
        fail_lane(live, &live->lanes[i], why);
    }
}

/* ---- time ---- */

static void
set_deadline(struct jst_live *live, struct jst_call *call)
{
    uint64_t ms = call->timeouts->upstream_connect_ms;

    call->wait_until_ms = ms > 0 ? now_ms(live) + ms : JST_NEVER;
    if (call->wait_until_ms < live->timer.deadline_ms) {
        jst_timer_set(live->u->local->loop, &live->timer, call->wait_until_ms);
    }
}

static void
on_timer(struct jst_timer *t)
{
    struct jst_live *live = JST_CONTAINER(t, struct jst_live, timer);
    uint64_t now = now_ms(live);
    uint64_t next = JST_NEVER;

    for (unsigned i = 0; i < JST_LANES_; i++) {
        JST_LIST_FOREACH (node, &live->lanes[i].waiting) {
            if (call_at(node)->wait_until_ms <= now) {
                jst_wait_fail(live, call_at(node), JOIST_E_TIMEOUT);
            } else {
                next = JST_MIN(next, call_at(node)->wait_until_ms);
            }
        }
    }
    jst_timer_set(live->u->local->loop, t, next);
}

/* ---- dials ---- */

static int
open_dial(struct jst_live *live, unsigned lane_i, const struct jst_call *first, uint32_t tries)
{
    struct jst_lane *lane = &live->lanes[lane_i];
    const struct jst_target *target = jst_call_target(first);
    struct jst_client_to to = {
        .tls = lane_i == JST_LANE_UPGRADE ? target->tls_h1 : target->tls,
        .session = &lane->session,
        .h2 = target->h2c,
        .connect_ms = first->timeouts->upstream_connect_ms,
        .keepalive_ms = live->keepalive_ms,
    };
    struct jst_client *c;
    int rc = jst_live_open(&c, live, &to, jst_target_addrs(target), tries);

    if (rc < 0) {
        return rc;
    }
    JST_ASSERT(c->dial);
    c->lane = (uint8_t)lane_i;
    lane->dials_n++;
    return JOIST_OK;
}

/* A dial has failed, or could not even be begun. */
static void
fail_for(struct jst_live *live, struct jst_lane *lane, int why)
{
    if (lane->proto == JST_LANE_H1) {
        jst_wait_fail(live, first_of(lane), why);
    } else if (live->h2_n == 0) {
        fail_lane(live, lane, why);
    } /* else one that is open will have room */
}

/* As many dials as those who wait need. */
static void
dial_enough(struct jst_live *live, unsigned lane_i)
{
    struct jst_lane *lane = &live->lanes[lane_i];

    while (lane->waiting_n > 0) {
        uint32_t wanted = lane->proto == JST_LANE_H1 ? lane->waiting_n : 1;
        int rc;

        if (lane->dials_n >= wanted ||
            (lane->proto == JST_LANE_H2 && live->h2_n >= JST_UPSTREAM_H2_CONNS_MAX)) {
            return;
        }
        rc = open_dial(live, lane_i, first_of(lane), 0);
        if (rc < 0) {
            fail_for(live, lane, rc);
            if (lane->proto != JST_LANE_H1) {
                return;
            }
        }
    }
}

static void
copy_reason(struct jst_lane *lane, struct jst_slice reason)
{
    JST_LIST_FOREACH (node, &lane->waiting) {
        if (call_at(node)->arena != NULL && reason.n > 0) {
            call_at(node)->tls_error = jst_arena_copy(call_at(node)->arena, reason);
        }
        if (lane->proto == JST_LANE_H1) {
            return; /* it fails alone */
        }
    }
}

void
jst_wait_dial_failed(struct jst_live *live, const struct jst_client *dial, int why)
{
    struct jst_lane *lane = &live->lanes[dial->lane];
    struct jst_call *first = first_of(lane);

    if (first == NULL) {
        return;
    }
    if (live->u->closing) {
        fail_lane(live, lane, why);
        return;
    }
    if (now_ms(live) < first->wait_until_ms &&
        jst_target_may_reopen(jst_call_target(first), dial->addrs_begun, dial->tries, why)) {
        why = open_dial(live, dial->lane, first, dial->tries + 1);
        if (why == JOIST_OK) {
            return;
        }
    }
    copy_reason(lane, dial->error);
    fail_for(live, lane, why);
}

/* ---- serving ---- */

static void
serve(struct jst_live *live, unsigned lane_i)
{
    struct jst_lane *lane = &live->lanes[lane_i];
    struct jst_call *call;

    while ((call = first_of(lane)) != NULL) {
        struct jst_client *c = jst_live_take(live, lane_i, jst_call_needs_probe(call));

        if (c == NULL) {
            break;
        }
        jst_wait_leave(live, call);
        jst_hold_start(live, c, call);
    }
    dial_enough(live, lane_i);
}

static void
run_pump(struct jst_task *t)
{
    struct jst_live *live = JST_CONTAINER(t, struct jst_live, pump);

    if (live->u->closing) {
        return;
    }
    serve(live, JST_LANE_UPGRADE); /* its connections would do for the others too */
    serve(live, JST_LANE_ANY);
    jst_live_age(live);
    jst_live_trim(live);
}

void
jst_wait_pump(struct jst_live *live)
{
    jst_loop_post(live->u->local->loop, &live->pump);
}

void
jst_wait_add(struct jst_live *live, struct jst_call *call)
{
    struct jst_lane *lane = &live->lanes[call->lane];

    if (lane->waiting_n >= JST_UPSTREAM_WAITING_MAX) {
        call->detail = "too many requests wait for a connection";
        jst_call_fail_later(call, JOIST_E_UNAVAILABLE);
        return;
    }
    jst_hold_begin(call, forget);
    if (call->retries >
        0) { /* it has waited before: ahead of the others, or it may wait for ever */
        jst_list_insert(lane->again->next, &call->wait_link);
        lane->again = &call->wait_link;
    } else {
        jst_list_insert(&lane->waiting, &call->wait_link);
    }
    lane->waiting_n++;
    set_deadline(live, call);
    dial_enough(live, call->lane);
}

/* ---- life ---- */

int
jst_wait_init(struct jst_live *live)
{
    live->pump.run = run_pump;
    for (unsigned i = 0; i < JST_LANES_; i++) {
        jst_list_init(&live->lanes[i].waiting);
        live->lanes[i].again = &live->lanes[i].waiting;
    }
    return jst_timer_init(live->u->local->loop, &live->timer, on_timer);
}

void
jst_wait_fini(struct jst_live *live)
{
    struct jst_loop *l = live->u->local->loop;

    jst_task_cancel(l, &live->pump);
    jst_timer_fini(l, &live->timer);
    for (unsigned i = 0; i < JST_LANES_; i++) {
        JST_ASSERT(live->lanes[i].waiting_n == 0);
        jst_tls_session_free(&live->lanes[i].session);
    }
}
