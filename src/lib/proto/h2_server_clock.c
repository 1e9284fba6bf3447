// SPDX-License-Identifier: MIT
#include "proto/h2_server_int.h"

/* Which clock runs: the connection's own while it is idle, and each stream's while it waits for the
 * client. One timer is for all; it may come early and looks again. */

static uint64_t
after(uint64_t from_ms, uint64_t ms)
{
    return ms > 0 ? from_ms + ms : JST_NEVER;
}

/* When is a stream's time over, as things are now? */
static uint64_t
stream_deadline(const struct jst_h2_stream *x)
{
    const struct joist_timeouts_conf *t =
        x->s.timeouts != NULL ? x->s.timeouts : &x->c->owner->conf->timeouts;

    if (!x->begun) {
        return after(x->since_ms, x->c->owner->conf->timeouts.header_ms);
    }
    if (x->discarding) {
        return after(x->since_ms, JST_LINGER_MS);
    }
    if (jst_h2_stream_waits(x)) {
        return after(x->since_ms, t->body_idle_ms);
    }
    /* Nobody's clock runs here; look again when one that begins now would be over. */
    return after(jst_loop_now_ms(x->c->conn.loop), t->body_idle_ms);
}

static uint64_t
deadline_of(const struct jst_h2_server *c)
{
    const struct joist_timeouts_conf *t = &c->owner->conf->timeouts;
    uint64_t first = JST_NEVER;

    switch ((enum jst_h2_state)c->state) {
    case H2_OPEN:
        break;
    case H2_FLUSH:
        return after(c->out_since_ms, t->body_idle_ms);
    case H2_LINGER:
        return after(c->out_since_ms, JST_LINGER_MS);
    case H2_DEAD:
        return JST_NEVER;
    }
    if (c->conn.out.bytes > 0) {
        first = after(c->out_since_ms, t->body_idle_ms);
    } else if (c->streams_n == 0) {
        first = after(c->idle_since_ms, c->served ? t->keepalive_ms : t->header_ms);
    }
    JST_LIST_FOREACH (node, &c->streams) {
        uint64_t one = stream_deadline(JST_CONTAINER(node, struct jst_h2_stream, link));

        first = JST_MIN(first, one);
    }
    return first;
}

/* The timer may come too early, never too late: what it finds then decides. */
void
jst_h2_touch(struct jst_h2_server *c)
{
    uint64_t now_ms = jst_loop_now_ms(c->conn.loop);
    const struct joist_timeouts_conf *t = &c->owner->conf->timeouts;

    switch ((enum jst_h2_state)c->state) {
    case H2_OPEN:
        if (c->streams_n == 0) {
            c->idle_since_ms = now_ms;
            jst_h2_drain_end(c); /* also of a client that answers no ping */
        }
        if (c->streams_n == 0 && c->conn.out.bytes == 0) {
            jst_timer_set(c->conn.loop, &c->timer,
                          after(now_ms, c->served ? t->keepalive_ms : t->header_ms));
        } else {
            jst_h2_wake(c, after(now_ms, t->body_idle_ms));
        }
        break;
    case H2_FLUSH:
    case H2_LINGER:
        c->out_since_ms = now_ms;
        jst_timer_set(c->conn.loop, &c->timer, deadline_of(c));
        break;
    case H2_DEAD:
        break;
    }
}

void
jst_h2_wake(struct jst_h2_server *c, uint64_t at_ms)
{
    if (c->state == H2_OPEN && at_ms < c->timer.deadline_ms) {
        jst_timer_set(c->conn.loop, &c->timer, at_ms);
    }
}

/* Output that waits has a clock; a byte at a time is no progress. */
void
jst_h2_count_sent(struct jst_h2_server *c, size_t n)
{
    c->sent += (uint32_t)JST_MIN(n, JST_PROGRESS_BYTES);
    if (c->sent >= JST_PROGRESS_BYTES || c->conn.out.bytes == 0) {
        c->sent = 0;
        c->out_since_ms = jst_loop_now_ms(c->conn.loop);
    }
    if (c->conn.out.bytes > 0) {
        jst_h2_wake(c, after(c->out_since_ms, c->owner->conf->timeouts.body_idle_ms));
    }
    jst_h2_flood_sent(c, n);
}

static void
cut_stream(struct jst_h2_stream *x)
{
    if (x->discarding) {
        jst_h2_stream_stop_discarding(x);
        return;
    }
    JST_STAT_ADD(x->s.local, timeout_body, 1);
    jst_h2_stream_refuse(x, 408, JOIST_E_TIMEOUT);
}

void
jst_h2_on_timer(struct jst_timer *t)
{
    struct jst_h2_server *c = JST_CONTAINER(t, struct jst_h2_server, timer);
    const struct joist_timeouts_conf *to = &c->owner->conf->timeouts;
    struct jst_local *local = c->owner->local;
    uint64_t now_ms = jst_loop_now_ms(c->conn.loop);

    if (c->state == H2_OPEN && c->conn.out.bytes == 0 && c->streams_n == 0 &&
        after(c->idle_since_ms, c->served ? to->keepalive_ms : to->header_ms) <= now_ms) {
        if (c->served) {
            JST_STAT_ADD(local, timeout_keepalive, 1);
        } else {
            JST_STAT_ADD(local, timeout_header, 1);
        }
        c->draining = true;
        jst_h2_drain_end(c);
        return;
    }
    if ((c->state == H2_FLUSH || c->conn.out.bytes > 0) &&
        after(c->out_since_ms, to->body_idle_ms) <= now_ms) {
        JST_STAT_ADD(local, timeout_body, 1);
        jst_h2_close(c, true);
        return;
    }
    if (c->state == H2_LINGER) {
        jst_h2_close(c, false);
        return;
    }
    JST_LIST_FOREACH (node, &c->streams) {
        struct jst_h2_stream *x = JST_CONTAINER(node, struct jst_h2_stream, link);

        if (stream_deadline(x) > now_ms) {
            continue;
        }
        if (!x->begun) { /* nothing else can come before this block is complete */
            JST_STAT_ADD(local, timeout_header, 1);
            jst_h2_close(c, true);
            return;
        }
        cut_stream(x);
    }
    if (c->state == H2_OPEN) {
        jst_timer_set(c->conn.loop, &c->timer, deadline_of(c));
    }
}
