// SPDX-License-Identifier: MIT
/*
 * Which address of a target a new connection goes to.
 *
 * In turn among those of the lowest priority that did not fail lately. Who fails is skipped for
 * JST_ADDR_SKIP_MS; if all of a priority do, the next one serves; if all do, all are tried.
 */
#include "upstream/live.h"

static uint64_t
now_ms(const struct jst_live *live)
{
    return jst_loop_now_ms(live->u->local->loop);
}

/* Another set: what is known of the old one means nothing. */
static void
catch_up(struct jst_live *live, const struct jst_addrs *addrs)
{
    if (live->addrs_version != addrs->version) {
        jst_live_refresh(live);
    }
    if (live->addrs_skip != 0 && now_ms(live) >= live->addrs_skip_until_ms) {
        live->addrs_skip = 0;
    }
}

static bool
is_skipped(const struct jst_live *live, uint32_t i)
{
    return (live->addrs_skip >> i & 1u) != 0;
}

/* RFC 2782: by chance, each as likely as its weight says. */
static uint32_t
pick_by_weight(const struct jst_live *live, const struct jst_addrs *addrs, uint16_t priority,
               uint64_t sum)
{
    uint64_t at = jst_rand_next(&live->u->local->rand) % sum;
    uint32_t i = 0;

    for (; i < addrs->n; i++) {
        if (addrs->rank[i].priority != priority || is_skipped(live, i)) {
            continue;
        }
        if (at < addrs->rank[i].weight) {
            break;
        }
        at -= addrs->rank[i].weight;
    }
    JST_ASSERT(i < addrs->n);
    return i;
}

/* From `from` on, the first of that priority that is not skipped. */
static uint32_t
pick_in_turn(const struct jst_live *live, const struct jst_addrs *addrs, uint16_t priority,
             uint32_t from)
{
    uint32_t i = from % addrs->n;

    while (addrs->rank[i].priority != priority || is_skipped(live, i)) {
        i = i + 1 < addrs->n ? i + 1 : 0;
    }
    return i;
}

/* The best that is not skipped; -1: all are. */
static int
choose(const struct jst_live *live, const struct jst_addrs *addrs, uint32_t from)
{
    uint64_t sum = 0;
    uint32_t first = 0;
    uint16_t priority;

    if (addrs->even && !is_skipped(live, from % addrs->n)) {
        return (int)(from % addrs->n);
    }
    while (first < addrs->n && is_skipped(live, first)) {
        first++;
    }
    if (first == addrs->n) {
        return -1;
    }
    priority = addrs->rank[first].priority;
    for (uint32_t i = first; !addrs->even && i < addrs->n; i++) {
        if (addrs->rank[i].priority == priority && !is_skipped(live, i)) {
            sum += addrs->rank[i].weight;
        }
    }
    return (int)(sum > 0 ? pick_by_weight(live, addrs, priority, sum)
                         : pick_in_turn(live, addrs, priority, from));
}

uint32_t
jst_live_first_addr(struct jst_live *live, const struct jst_addrs *addrs)
{
    int i;

    catch_up(live, addrs);
    if (addrs->n == 1) {
        return 0;
    }
    i = choose(live, addrs, live->addr_at);
    i = i >= 0 ? i : (int)(live->addr_at % addrs->n);
    live->addr_at = (uint32_t)i + 1;
    return (uint32_t)i;
}

static bool
is_address_error(int why)
{
    return why == JOIST_E_REFUSED || why == JOIST_E_UNREACH || why == JOIST_E_NOTFOUND ||
           why == JOIST_E_TIMEOUT;
}

bool
jst_live_next_addr(struct jst_live *live, const struct jst_addrs *addrs, uint32_t version,
                   uint32_t *addr, uint32_t *tries, int why)
{
    int i;

    if (!is_address_error(why)) {
        return false;
    }
    if (version != addrs->version) { /* it has moved meanwhile */
        *addr = jst_live_first_addr(live, addrs);
        return ++*tries < JST_TARGET_ADDRS_MAX;
    }
    if (addrs->n == 1) {
        return false;
    }
    catch_up(live, addrs);
    if (live->addrs_skip == 0) {
        live->addrs_skip_until_ms = now_ms(live) + JST_ADDR_SKIP_MS;
    }
    live->addrs_skip |= 1u << (*addr % addrs->n);
    if (*tries + 1 >= (why == JOIST_E_TIMEOUT ? JST_MIN(addrs->n, JST_ADDR_SLOW_MAX) : addrs->n)) {
        return false;
    }
    i = choose(live, addrs, *addr + 1);
    *addr = i >= 0 ? (uint32_t)i : (*addr + 1) % addrs->n;
    ++*tries;
    return true;
}

uint64_t
jst_addr_attempt_ms(const struct jst_addrs *addrs, uint32_t tries, uint64_t connect_ms)
{
    uint32_t n = JST_MIN(addrs->n, JST_ADDR_SLOW_MAX);
    uint64_t share = JST_MAX(connect_ms / n, JST_ADDR_ATTEMPT_MS);

    if (tries + 1 >= n) {
        return connect_ms;
    }
    return connect_ms > 0 ? JST_MIN(connect_ms, share) : share;
}

/* ---- connections to addresses that are gone ---- */

static uint64_t
key_of(const struct jst_addr *a)
{
    return jst_hash(jst_slice((const char *)&a->u, a->len), 0);
}

void
jst_live_mark(const struct jst_live *live, struct jst_client *c, const struct jst_addr *a)
{
    c->addr_key = key_of(a);
    c->addrs_version = live->addrs_version;
}

static void
keep_known(struct jst_list *list, const struct jst_addrs *addrs)
{
    JST_LIST_FOREACH (node, list) {
        struct jst_client *c = JST_CONTAINER(node, struct jst_client, pool_link);

        for (uint32_t i = 0; i < addrs->n; i++) {
            if (key_of(&addrs->v[i]) == c->addr_key) {
                c->addrs_version = addrs->version;
                break;
            }
        }
    }
}

void
jst_live_refresh(struct jst_live *live)
{
    const struct jst_addrs *addrs = live->dns != NULL ? jst_name_addrs(live->dns) : NULL;

    if (addrs == NULL || live->addrs_version == addrs->version) {
        return;
    }
    live->addrs_version = addrs->version;
    live->addrs_skip = 0;
    keep_known(&live->idle, addrs);
    keep_known(&live->room, addrs);
    keep_known(&live->busy, addrs);
    jst_live_close_stale(live);
}
