// SPDX-License-Identifier: MIT
#include "upstream/breaker.h"

/*
 * The word, from the top: 2 bits state; 1 bit: a probe is under way; 17 bits: the number of the
 * last probe; 44 bits: when an open one lets a probe through (557 years of milliseconds).
 */
#define UNTIL_BITS  44u
#define PROBE_BITS  17u
#define UNTIL_MASK  ((1ull << UNTIL_BITS) - 1)
#define PROBE_MASK  ((1u << PROBE_BITS) - 1)
#define PROBE_SHIFT UNTIL_BITS
#define BUSY_SHIFT  (UNTIL_BITS + PROBE_BITS)
#define STATE_SHIFT (BUSY_SHIFT + 1)

/* A bucket, from the top: 24 bits: number of its slot of time; 20 bits each: results, errors. */
#define COUNT_BITS 20u
#define COUNT_MASK ((1u << COUNT_BITS) - 1)
#define SLOT_MASK  0xffffffu

/* Open time is up to so much longer, by chance: all that opened at once shall not probe at once. */
#define JITTER_PERCENT 30u

enum event {
    EVENT_TRIP,       /* the share of errors is reached */
    EVENT_ASK,        /* a request wants to go, and an open one's time is over */
    EVENT_PROBE_OK,   /* the probe went well */
    EVENT_PROBE_FAIL, /* or not */
    EVENT_PROBE_LEFT, /* or nobody knows */
    EVENTS_,
};

enum action {
    STAY,
    OPEN,       /* for a while */
    LEND_PROBE, /* half open, with this request as the probe */
    FREE_PROBE, /* half open, without */
    CLOSE,
};

/* An open breaker hears of requests that had begun before; a half open one of those too. Its own
 * probe is known by its number. */
static const uint8_t actions[JST_BREAKER_STATES_][EVENTS_] = {
    /*             TRIP  ASK         PROBE_OK PROBE_FAIL PROBE_LEFT */
    [JST_BREAKER_CLOSED] = {OPEN, STAY, STAY, STAY, STAY},
    [JST_BREAKER_OPEN] = {STAY, LEND_PROBE, STAY, STAY, STAY},
    [JST_BREAKER_HALF_OPEN] = {STAY, LEND_PROBE, CLOSE, OPEN, FREE_PROBE},
};

struct word {
    enum jst_breaker_state state;
    bool busy;
    uint32_t probe;
    uint64_t until_ms;
};

static struct word
unpack(uint64_t w)
{
    return (struct word){(enum jst_breaker_state)(w >> STATE_SHIFT), (w >> BUSY_SHIFT & 1) != 0,
                         (uint32_t)(w >> PROBE_SHIFT) & PROBE_MASK, w & UNTIL_MASK};
}

static uint64_t
pack(const struct word *w)
{
    return (uint64_t)w->state << STATE_SHIFT | (uint64_t)w->busy << BUSY_SHIFT |
           (uint64_t)w->probe << PROBE_SHIFT | (w->until_ms & UNTIL_MASK);
}

static uint64_t
load(const struct jst_breaker *b)
{
    return __atomic_load_n(&b->word, __ATOMIC_ACQUIRE);
}

static void
act(struct word *w, enum action action, uint64_t until_ms)
{
    switch (action) {
    case STAY:
        break;
    case OPEN:
        *w = (struct word){JST_BREAKER_OPEN, false, w->probe, until_ms};
        break;
    case LEND_PROBE:
        w->state = JST_BREAKER_HALF_OPEN;
        w->busy = true;
        w->probe = w->probe >= PROBE_MASK ? 1 : w->probe + 1; /* never 0 */
        break;
    case FREE_PROBE:
        w->busy = false;
        break;
    case CLOSE:
        w->state = JST_BREAKER_CLOSED;
        w->busy = false;
        break;
    }
}

/* ---- asking ---- */

static bool
is_askable(const struct word *w, uint64_t now_ms)
{
    return w->state == JST_BREAKER_OPEN ? now_ms >= w->until_ms : !w->busy;
}

enum jst_breaker_state
jst_breaker_state(const struct jst_breaker *b)
{
    return unpack(load(b)).state;
}

bool
jst_breaker_allows(const struct jst_breaker *b, uint64_t now_ms)
{
    struct word w = unpack(load(b));

    return w.state == JST_BREAKER_CLOSED || is_askable(&w, now_ms);
}

uint64_t
jst_breaker_open_until(const struct jst_breaker *b)
{
    struct word w = unpack(load(b));

    return w.state == JST_BREAKER_OPEN ? w.until_ms : 0;
}

bool
jst_breaker_ask(struct jst_breaker *b, uint64_t now_ms, jst_breaker_ticket *ticket)
{
    uint64_t was = load(b);

    *ticket = 0;
    for (;;) {
        struct word w = unpack(was);

        if (w.state == JST_BREAKER_CLOSED) {
            return true;
        }
        if (!is_askable(&w, now_ms)) {
            return false;
        }
        act(&w, (enum action)actions[w.state][EVENT_ASK], 0);
        if (__atomic_compare_exchange_n(&b->word, &was, pack(&w), false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE)) {
            *ticket = w.probe;
            return true;
        }
    }
}

/* ---- results ---- */

/* Saturates: a million results in a quarter of the window have said enough. */
static uint64_t
add_result(uint64_t bucket, uint32_t slot, bool ok)
{
    uint64_t total = bucket >> COUNT_BITS & COUNT_MASK;
    uint64_t errors = bucket & COUNT_MASK;

    if ((bucket >> 2 * COUNT_BITS) != slot) {
        total = errors = 0;
    }
    if (total < COUNT_MASK) {
        total++;
        errors += !ok;
    }
    return (uint64_t)slot << 2 * COUNT_BITS | total << COUNT_BITS | errors;
}

static void
count(struct jst_breaker *b, uint32_t slot, bool ok)
{
    uint64_t *bucket = &b->buckets[slot % JST_BREAKER_BUCKETS];
    uint64_t was = __atomic_load_n(bucket, __ATOMIC_RELAXED);

    while (!__atomic_compare_exchange_n(bucket, &was, add_result(was, slot, ok), true,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

static bool
is_over_rate(const struct jst_breaker *b, const struct joist_breaker_conf *conf, uint32_t slot)
{
    uint64_t total = 0;
    uint64_t errors = 0;

    for (size_t i = 0; i < JST_BREAKER_BUCKETS; i++) {
        uint64_t v = __atomic_load_n(&b->buckets[i], __ATOMIC_RELAXED);

        if (((slot - (uint32_t)(v >> 2 * COUNT_BITS)) & SLOT_MASK) < JST_BREAKER_BUCKETS) {
            total += v >> COUNT_BITS & COUNT_MASK;
            errors += v & COUNT_MASK;
        }
    }
    return total >= conf->min_requests && errors * 100 >= total * conf->error_percent;
}

/* Let it begin without a memory. */
static void
forget(struct jst_breaker *b)
{
    for (size_t i = 0; i < JST_BREAKER_BUCKETS; i++) {
        __atomic_store_n(&b->buckets[i], 0, __ATOMIC_RELAXED);
    }
}

/* `ticket` 0: whatever probe there is. */
static bool
step(struct jst_breaker *b, enum event event, jst_breaker_ticket ticket, uint64_t until_ms)
{
    uint64_t was = load(b);

    for (;;) {
        struct word w = unpack(was);
        enum action action = (enum action)actions[w.state][event];

        if (action == STAY || (ticket != 0 && (!w.busy || w.probe != ticket))) {
            return false;
        }
        act(&w, action, until_ms);
        if (__atomic_compare_exchange_n(&b->word, &was, pack(&w), false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE)) {
            return true;
        }
    }
}

bool
jst_breaker_report(struct jst_breaker *b, const struct joist_breaker_conf *conf,
                   jst_breaker_ticket ticket, bool ok, uint64_t now_ms, uint64_t random)
{
    uint64_t until_ms =
        now_ms + conf->open_ms + random % (conf->open_ms * JITTER_PERCENT / 100 + 1);
    uint32_t slot =
        (uint32_t)(now_ms / JST_MAX(conf->window_ms / JST_BREAKER_BUCKETS, 1u)) & SLOT_MASK;

    if (ticket != 0) {
        if (ok) { /* before it is closed: others count from then on */
            forget(b);
        }
        return step(b, ok ? EVENT_PROBE_OK : EVENT_PROBE_FAIL, ticket, until_ms);
    }
    if (unpack(load(b)).state != JST_BREAKER_CLOSED) {
        return false;
    }
    count(b, slot, ok);
    return !ok && is_over_rate(b, conf, slot) && step(b, EVENT_TRIP, 0, until_ms);
}

void
jst_breaker_leave(struct jst_breaker *b, jst_breaker_ticket ticket)
{
    if (ticket != 0) {
        (void)step(b, EVENT_PROBE_LEFT, ticket, 0);
    }
}
