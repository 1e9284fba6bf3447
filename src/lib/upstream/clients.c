// SPDX-License-Identifier: MIT
/*
 * The connections of a live target: which list each is in, and what they tell.
 *
 *   list  clients                                   leaves it by
 *   idle  HTTP/1.1 without a call                   take, retire, on_gone
 *   room  HTTP/2 with calls < calls_max             take (when that fills it), retire, on_gone
 *   busy  HTTP/1.1 with a call; HTTP/2 that is      on_idle, on_room, on_opened, on_gone
 *         full or takes no more; dials; retired
 */
#include "upstream/live.h"

static struct jst_client *
client_at(struct jst_list *node)
{
    return JST_CONTAINER(node, struct jst_client, pool_link);
}

static struct jst_live *
live_of(void *ctx)
{
    struct jst_live *live = ctx;

    JST_ASSERT_HOT(live->magic == JST_LIVE_MAGIC);
    return live;
}

/* ---- lists ---- */

static void
set_idle(struct jst_live *live, struct jst_client *c, bool idle)
{
    if (c->pool_idle == idle) {
        return;
    }
    c->pool_idle = idle;
    if (idle) {
        live->idle_n++;
        JST_STAT_ADD(live->u->local, upstream_idle, 1);
    } else {
        live->idle_n--;
        live->idle_low = JST_MIN(live->idle_low, live->idle_n);
        JST_STAT_SUB(live->u->local, upstream_idle, 1);
    }
}

/* Put it before `at`, wherever it was. */
static void
move_to(struct jst_list *at, struct jst_client *c)
{
    jst_list_remove(&c->pool_link);
    jst_list_insert(at, &c->pool_link);
}

static void
retire(struct jst_live *live, struct jst_client *c)
{
    set_idle(live, c, false);
    move_to(&live->busy, c);
    c->ops->retire(c);
}

static struct jst_client *
oldest_idle(struct jst_live *live)
{
    if (!jst_list_is_empty(&live->idle)) {
        return client_at(live->idle.prev);
    }
    for (struct jst_list *node = live->room.prev; node != &live->room; node = node->prev) {
        if (client_at(node)->pool_idle) {
            return client_at(node);
        }
    }
    return NULL;
}

void
jst_live_close_idle(struct jst_live *live, uint32_t keep)
{
    struct jst_client *c;

    while (live->idle_n > keep && (c = oldest_idle(live)) != NULL) {
        retire(live, c);
    }
}

void
jst_live_close_stale(struct jst_live *live)
{
    struct jst_list *const lists[] = {&live->idle, &live->room};

    for (size_t i = 0; i < JST_COUNT(lists); i++) {
        JST_LIST_FOREACH (node, lists[i]) {
            if (jst_live_is_stale(live, client_at(node))) {
                retire(live, client_at(node));
            }
        }
    }
}

/* More than idle_max were idle since the last look all the time: those are not needed. Closing at
 * once what comes back above idle_max would open and close connections under a load that needs
 * them. */
static void
on_trim(struct jst_timer *t)
{
    struct jst_live *live = JST_CONTAINER(t, struct jst_live, trim);
    uint32_t above = live->idle_n > live->idle_max ? live->idle_n - live->idle_max : 0;

    jst_live_close_idle(live, live->idle_n - JST_MIN(above, live->idle_low));
    live->idle_low = live->idle_n;
    jst_live_trim(live);
}

void
jst_live_trim(struct jst_live *live)
{
    struct jst_loop *l = live->u->local->loop;

    if (live->idle_n > live->idle_max && live->trim.deadline_ms == JST_NEVER) {
        jst_timer_set(l, &live->trim, jst_loop_now_ms(l) + JST_UPSTREAM_TRIM_MS);
    }
}

int
jst_live_trim_init(struct jst_live *live)
{
    return jst_timer_init(live->u->local->loop, &live->trim, on_trim);
}

void
jst_live_age(struct jst_live *live)
{
    JST_LIST_FOREACH (node, &live->idle) {
        client_at(node)->pool_fresh = false;
    }
    JST_LIST_FOREACH (node, &live->room) {
        client_at(node)->pool_fresh = false;
    }
}

bool
jst_live_cut_one(struct jst_live *live, int why)
{
    struct jst_list *from = !jst_list_is_empty(&live->busy) ? &live->busy : &live->room;

    if (jst_list_is_empty(from)) {
        return false;
    }
    client_at(from->next)->ops->cut(client_at(from->next), why);
    return true;
}

/* ---- taking ---- */

static struct jst_client *
take_room(struct jst_live *live, bool probe)
{
    while (!jst_list_is_empty(&live->room)) {
        struct jst_client *c = client_at(live->room.next);

        if (c->calls >= c->calls_max) { /* its SETTINGS came down, or it goes away */
            set_idle(live, c, false);
            move_to(&live->busy, c);
        } else if (probe && c->pool_idle && !c->pool_fresh && !c->ops->probe(c)) {
            retire(live, c);
        } else {
            return c;
        }
    }
    return NULL;
}

static struct jst_client *
take_idle(struct jst_live *live, bool probe)
{
    while (!jst_list_is_empty(&live->idle)) {
        struct jst_client *c = client_at(live->idle.next);

        if (!probe || c->pool_fresh || c->ops->probe(c)) {
            return c;
        }
        retire(live, c);
    }
    return NULL;
}

struct jst_client *
jst_live_take(struct jst_live *live, unsigned lane, bool probe)
{
    struct jst_client *c = NULL;

    if (lane != JST_LANE_UPGRADE) {
        c = take_room(live, probe);
    }
    return c != NULL ? c : take_idle(live, probe);
}

void
jst_live_started(struct jst_live *live, struct jst_client *c)
{
    set_idle(live, c, false);
    c->pool_fresh = false;
    if (!c->h2 || c->calls >= c->calls_max) {
        move_to(&live->busy, c);
    }
}

/* ---- what clients tell ---- */

static bool
is_awaited(const struct jst_live *live)
{
    return live->lanes[JST_LANE_ANY].waiting_n + live->lanes[JST_LANE_UPGRADE].waiting_n > 0;
}

static void
put_idle(struct jst_live *live, struct jst_client *c)
{
    JST_ASSERT_HOT(!c->pool_idle);
    if (live->u->closing || live->proxy_version > 0 || jst_live_is_stale(live, c)) {
        retire(live, c);
        if (is_awaited(live)) {
            jst_wait_pump(live);
        }
        return;
    }
    set_idle(live, c, true);
    if (c->h2) {
        move_to(&live->room, c); /* behind those with calls: they shall fill up first */
    } else {
        move_to(live->idle.next, c); /* before the first */
    }
    if (is_awaited(live)) {
        jst_wait_pump(live); /* what nobody takes is closed there */
    } else {
        jst_live_trim(live);
    }
}

/* The next connection begins with what this one allows: its own SETTINGS may come after a burst. */
static void
learn_streams(struct jst_live *live, const struct jst_client *c)
{
    if (c->h2 && c->calls_max > 0) {
        live->h2_streams = c->calls_max;
    }
}

static void
on_idle(struct jst_client *c, void *ctx)
{
    learn_streams(live_of(ctx), c);
    put_idle(live_of(ctx), c);
}

static void
on_room(struct jst_client *c, void *ctx)
{
    struct jst_live *live = live_of(ctx);

    if (live->u->closing) {
        return;
    }
    if (jst_live_is_stale(live, c)) {
        retire(live, c);
        return;
    }
    learn_streams(live, c);
    move_to(live->room.next, c);
    if (is_awaited(live)) {
        jst_wait_pump(live);
    }
}

static void
on_opened(struct jst_client *dial, struct jst_client *now, void *ctx)
{
    struct jst_live *live = live_of(ctx);
    struct jst_lane *lane = &live->lanes[dial->lane];

    JST_ASSERT(dial->dial && lane->dials_n > 0);
    lane->dials_n--;
    lane->proto = now->h2 ? JST_LANE_H2 : JST_LANE_H1;
    now->lane = dial->lane;
    now->addr_key = dial->addr_key;
    now->addrs_version = dial->addrs_version;
    jst_list_remove(&dial->pool_link);
    live->h2_n += now->h2;
    live->upgrade_h1 = live->upgrade_h1 && !now->h2;
    if (now->h2 && live->h2_streams > 0) {
        now->calls_hint = live->h2_streams;
        now->calls_max = JST_MIN(now->calls_max, live->h2_streams);
    }
    now->pool_fresh = is_awaited(live);
    put_idle(live, now);
}

static void
log_tls_failure(const struct jst_live *live, const struct jst_client *dial, int why)
{
    struct jst_slice reason = dial->error.n > 0 ? dial->error : jst_slice_z(joist_error_text(why));

    JST_LOG(live->u->local->log, WARN, UPSTREAM_TLS_FAILED, "target=%.*s name=%.*s err=\"%.*s\"",
            JST_PRI(live->name), JST_PRI(live->tls_name), JST_PRI(reason));
}

static void
on_gone(struct jst_client *c, void *ctx, int why)
{
    struct jst_live *live = live_of(ctx);

    set_idle(live, c, false);
    jst_list_remove(&c->pool_link);
    if ((why == JOIST_E_TLS || why == JOIST_E_CERT) && (c->dial || c->error.n > 0)) {
        log_tls_failure(live, c, why);
    }
    if (c->dial) {
        live->lanes[c->lane].dials_n--;
        jst_wait_dial_failed(live, c, why);
        return;
    }
    live->h2_n -= c->h2;
    if (live->h2_n == 0 && live->tls_name.n == 0) {
        live->upgrade_h1 = false; /* what it said went with it; or no call would ask again */
    }
    if (is_awaited(live)) { /* for room that it had had */
        jst_wait_pump(live);
    }
}

static bool
on_lost(void *ctx, struct jst_call *call, int why)
{
    return jst_call_restart(live_of(ctx), call, why);
}

static void
on_address(struct jst_client *c, void *ctx, const struct jst_addr *addr, bool ok)
{
    jst_live_note_address(live_of(ctx), c, addr, ok);
}

const struct jst_client_events jst_live_events = {
    .on_idle = on_idle,
    .on_room = on_room,
    .on_opened = on_opened,
    .on_gone = on_gone,
    .on_lost = on_lost,
    .on_address = on_address,
};
