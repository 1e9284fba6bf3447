// SPDX-License-Identifier: MIT
/*
 * Which address of a target a new connection goes to, and which next.
 *
 * First, in turn, one of the lowest priority that did not fail lately; behind it the others, by
 * priority and with the families alternating, for the race (wire/race.h); last those that failed.
 * Who fails, or is overtaken, is left out for JST_ADDR_SKIP_MS.
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
choose(const struct jst_live *live, const struct jst_addrs *addrs)
{
    uint32_t from = live->addr_at;
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

/* ---- the order in which they are tried ---- */

struct order {
    const struct jst_live *live;
    const struct jst_addrs *addrs;
    uint8_t *v;
    uint32_t n;
    uint32_t used; /* a bit for each that is in v */
};

static void
append(struct order *o, uint32_t i)
{
    o->v[o->n++] = (uint8_t)i;
    o->used |= 1u << i;
}

static int
family_of(const struct order *o, uint32_t i)
{
    return o->addrs->v[i].u.any.sa_family;
}

/* Of that priority, and skipped or not, the next one after the last that was appended; of the other
 * family if there is one (RFC 8305 4). -1: there is none. */
static int
next_of(const struct order *o, uint16_t priority, bool skipped)
{
    uint32_t last = o->v[o->n - 1];
    int same = -1;

    for (uint32_t k = 1; k < o->addrs->n; k++) {
        uint32_t i = (last + k) % o->addrs->n;

        if ((o->used >> i & 1u) != 0 || o->addrs->rank[i].priority != priority ||
            is_skipped(o->live, i) != skipped) {
            continue;
        }
        if (family_of(o, i) != family_of(o, last)) {
            return (int)i;
        }
        same = same >= 0 ? same : (int)i;
    }
    return same;
}

/* They are sorted by priority. */
static void
append_all(struct order *o, bool skipped)
{
    const struct jst_addr_rank *rank = o->addrs->rank;

    for (uint32_t i = 0; i < o->addrs->n; i++) {
        int next;

        if (i > 0 && rank[i].priority == rank[i - 1].priority) {
            continue;
        }
        while ((next = next_of(o, rank[i].priority, skipped)) >= 0) {
            append(o, (uint32_t)next);
        }
    }
}

uint32_t
jst_live_order(struct jst_live *live, const struct jst_addrs *addrs,
               uint8_t out[JST_TARGET_ADDRS_MAX])
{
    struct order o = {live, addrs, out, 0, 0};
    int first;

    catch_up(live, addrs);
    if (addrs->n == 1) {
        out[0] = 0;
        return 1;
    }
    first = addrs->fixed ? (int)is_skipped(live, 0) : choose(live, addrs);
    append(&o, first >= 0 ? (uint32_t)first : live->addr_at % addrs->n);
    live->addr_at = (uint32_t)out[0] + 1;
    append_all(&o, false);
    append_all(&o, true);
    return o.n;
}

/* ---- connections ---- */

uint64_t
jst_addr_id(const struct jst_addr *a)
{
    return jst_hash(jst_slice((const char *)&a->u, a->len), 0);
}

/* All of them shall have their turn in the time that there is. */
static uint32_t
step_ms(uint32_t n, uint64_t connect_ms)
{
    uint64_t share = connect_ms / JST_MIN(n, JST_RACE_OPEN_MAX);

    return connect_ms == 0 ? JST_RACE_STEP_MS
                           : (uint32_t)JST_MIN(JST_MAX(share, 1u), JST_RACE_STEP_MS);
}

/* Another address shall have time for its handshake too; the last one has all that is left. */
static uint32_t
shake_ms(uint32_t n, uint32_t tries, uint64_t connect_ms)
{
    uint32_t parts = JST_MIN(n, JST_ADDR_SHAKES_MAX);
    uint64_t share = JST_MAX(connect_ms / parts, JST_ADDR_SHAKE_MS);

    return tries + 1 < parts ? (uint32_t)JST_MIN(share, UINT32_MAX) : 0;
}

int
jst_live_open(struct jst_client **out, struct jst_live *live, struct jst_client_to *to,
              const struct jst_addrs *addrs, uint32_t tries)
{
    uint8_t order[JST_TARGET_ADDRS_MAX];
    struct jst_client *c;
    int rc;

    to->addrs = addrs->v;
    to->order = order;
    to->addrs_n = jst_live_order(live, addrs, order);
    to->step_ms = step_ms(addrs->n, to->connect_ms);
    to->shake_ms = to->tls != NULL ? shake_ms(addrs->n, tries, to->connect_ms) : 0;
    rc = live->u->open(&c, live->u->local, to, &jst_live_events, live);
    if (rc < 0) {
        return rc;
    }
    JST_STAT_ADD(live->u->local, upstream_connects, 1);
    c->addr_key = addrs->n == 1 ? jst_addr_id(&addrs->v[0]) : 0;
    c->addrs_begun = addrs->version;
    c->addrs_version = live->addrs_version;
    c->tries = tries;
    jst_list_insert(&live->busy, &c->pool_link);
    *out = c;
    return JOIST_OK;
}

/* What an address has against us, that another one may not have. The certificate is the same. */
static bool
is_of_address(int why)
{
    return why == JOIST_E_TIMEOUT || why == JOIST_E_RESET || why == JOIST_E_CLOSED;
}

bool
jst_target_may_reopen(const struct jst_target *t, uint32_t version, uint32_t tries, int why)
{
    const struct jst_addrs *addrs = jst_target_addrs(t);

    if (version != addrs->version) { /* it has moved meanwhile */
        return why != JOIST_E_CANCELED && tries + 1 < JST_TARGET_ADDRS_MAX;
    }
    return t->tls != NULL && tries + 1 < addrs->n && is_of_address(why);
}

/* ---- what is learnt ---- */

static int
find(const struct jst_addrs *addrs, uint64_t key)
{
    for (uint32_t i = 0; i < addrs->n; i++) {
        if (jst_addr_id(&addrs->v[i]) == key) {
            return (int)i;
        }
    }
    return -1;
}

static void
skip(struct jst_live *live, uint32_t i)
{
    if (live->addrs_skip == 0) {
        live->addrs_skip_until_ms = now_ms(live) + JST_ADDR_SKIP_MS;
    }
    live->addrs_skip |= 1u << i;
}

void
jst_live_note_address(struct jst_live *live, struct jst_client *c, const struct jst_addr *a,
                      bool ok)
{
    const struct jst_addrs *addrs = live->dns != NULL ? jst_name_addrs(live->dns) : NULL;
    uint64_t key = a != NULL ? jst_addr_id(a) : c->addr_key;
    int i = addrs != NULL ? find(addrs, key) : -1;

    if (ok) {
        c->addr_key = key;
        c->addrs_version = i >= 0 ? live->addrs_version : c->addrs_version;
    } else if (i >= 0 && addrs->version == live->addrs_version) {
        skip(live, (uint32_t)i);
    } else if (addrs == NULL && key == live->own_addr) { /* those that stand in are not counted */
        skip(live, 0);
    }
}

static void
keep_known(struct jst_list *list, const struct jst_addrs *addrs)
{
    JST_LIST_FOREACH (node, list) {
        struct jst_client *c = JST_CONTAINER(node, struct jst_client, pool_link);

        if (find(addrs, c->addr_key) >= 0) {
            c->addrs_version = addrs->version;
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
