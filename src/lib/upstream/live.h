// SPDX-License-Identifier: MIT
#pragma once
/*
 * The living side of pools on one reactor: targets by identity, their connections, the calls that
 * wait for one, the pointers of the strategies. Inside upstream/ only.
 *
 * Flow:    call.c places a call: a client with room (clients.c), or it waits (wait.c) for a dial
 *          that is under way, for one that is begun for it, or for room. What clients tell ends in
 *          a posted pump, which serves who waits, in order. Plain HTTP/1.1 needs no dial: a call is
 *          started on its connection at once.
 * Lanes:   0: as configured (ALPN offers h2 and HTTP/1.1); 1: HTTP/1.1 alone, for upgrades that an
 *          h2 origin does not take. Each has its own TLS session, dials and queue.
 * Owner:   jst_upstreams owns the live targets; each upool holds a count on its own. The struct
 *          itself stays until the last upool has let go.
 * Threads: the reactor's.
 */
#include "upstream/pool.h"
#include "upstream/track.h"
#include "upstream/view.h"

#define JST_LIVE_MAGIC 0x6c697665u /* "live" */

enum jst_lane_proto {
    JST_LANE_UNKNOWN, /* ALPN will tell: one dial for all who wait */
    JST_LANE_H1,      /* each call needs a connection of its own */
    JST_LANE_H2,
};

enum { JST_LANE_ANY, JST_LANE_UPGRADE, JST_LANES_ };

struct jst_lane {
    struct jst_list waiting;         /* calls, in order: first those that are run again */
    struct jst_list *again;          /* the last of those, or the list itself */
    struct jst_tls_session *session; /* owned; what resumes the next connection */
    uint32_t waiting_n;
    uint32_t dials_n;
    uint8_t proto; /* enum jst_lane_proto: what the last connection spoke */
};

struct jst_live {
    struct jst_live *next;   /* in its bucket */
    char *key;               /* owned */
    struct jst_upstreams *u; /* borrowed */
    struct jst_list idle;    /* HTTP/1.1 clients without a call, most recently used first */
    struct jst_list room; /* HTTP/2 clients that take calls, in the order in which they fill up */
    struct jst_list busy; /* the others: full, dials, on their way out */
    struct jst_lane lanes[JST_LANES_];
    struct jst_task pump;      /* somebody may have waited for what a client told */
    struct jst_timer timer;    /* the first of wait_until_ms, or earlier */
    struct jst_slice name;     /* in key */
    struct jst_slice tls_name; /* in key; empty without TLS */
    uint64_t keepalive_ms;     /* of the newest pool that names it, as is idle_max */
    uint64_t hash;
    uint32_t refs; /* upools */
    uint32_t idle_n;
    uint32_t idle_max;
    uint32_t idle_low;            /* fewest idle ones since the last look of `trim` */
    struct jst_timer trim;        /* runs while more than idle_max are idle */
    uint32_t h2_n;                /* open HTTP/2 connections */
    uint32_t h2_streams;          /* learnt: calls at once that one takes; 0: not known */
    struct jst_name *dns;         /* counted; NULL: a literal, or a Unix socket */
    uint32_t addrs_version;       /* what the three below, and the connections, were last held to */
    uint32_t addr_at;             /* where the next turn begins */
    uint32_t addrs_skip;          /* a bit for each that failed or was overtaken ... */
    uint64_t addrs_skip_until_ms; /* ... until then */
    uint64_t own_addr;            /* id of the target's own, without dns */
    uint32_t magic;               /* it travels as the clients' ev_ctx */
    uint8_t proxy_version;        /* each connection names one client: it serves one call */
    bool direct;                  /* plain HTTP/1.1, or a PROXY header: no dials */
    bool upgrade_h1; /* learnt: its HTTP/2 takes no extended CONNECT; a new connection may */
};

struct jst_upstreams {
    struct jst_local *local; /* borrowed */
    jst_client_open_f *open;
    struct jst_live **buckets; /* owned */
    uint32_t buckets_n;        /* a power of two */
    uint32_t lives_n;
    struct jst_list calls; /* those that are counted: account.c */
    struct jst_list cuts;  /* owned: deadlines of drains (cut.c) */
    uint32_t cuts_n;
    struct jst_list guards; /* of calls that wait for their next try */
    struct jst_list queued; /* who waits for a target, in order of arrival (queued.c) */
    struct jst_timer queued_timer;
    uint32_t refs; /* its creator, and upools */
    bool closing;  /* destroyed: nothing new is begun */
};

struct jst_upool_target {
    struct jst_live *live; /* counted */
};

struct jst_upool {
    struct jst_upstreams *u;          /* counted */
    struct jst_pool *pool;            /* counted; constant */
    struct jst_upool *const *current; /* where its successor will be found; NULL: it has none */
    uint32_t refs;                    /* the generation that has it, and calls (edition.c) */
    struct jst_view *view;            /* owned; NULL: pick.c does without */
    uint64_t looked_ms;               /* for those who wait (queued.c): when, ... */
    bool in_vain;                     /* ... and whether there was nothing to wait for */
    uint32_t next;                    /* round robin without a view */
    struct jst_upool_target v[];
};

static inline const struct jst_target *
jst_call_target(const struct jst_call *call)
{
    return &call->upool->pool->v[call->target];
}

static inline struct jst_live *
jst_call_live(const struct jst_call *call)
{
    return call->upool->v[call->target].live;
}

/* ---- pick.c ---- */

#define JST_PICK_FULL (-2)

/** Number of the target for this call (NULL: of any), or -1 if there is none to use, or
 *  JST_PICK_FULL: it must wait for one (queued.c). Those of call->tried are passed over while there
 *  is another; call->only_untried: then -1. `*ticket` is for the call's account, which must be
 * begun then; where targets have a limit, one of its slots is taken. */
int jst_upool_pick(struct jst_upool *p, struct jst_call *call, jst_breaker_ticket *ticket);

/** Is there one that it could wait for, if that is full? */
bool jst_upool_may_wait(struct jst_upool *p, const struct jst_call *call);

/** It was given a slot of that target, which was usable a moment ago: may it go? False: the slot is
 *  still there. */
bool jst_upool_confirm(struct jst_upool *p, const struct jst_call *call, uint32_t target,
                       jst_breaker_ticket *ticket);

/** After -1: how long until there may be one; 0: not known. */
uint32_t jst_upool_retry_after_s(const struct jst_upool *p);

/** Put list[at] where its turn belongs in the heap below it. (view.c) */
void jst_view_sift(struct jst_view *view, uint32_t at);

/* ---- account.c ---- */

/** The call has its target: count it, if the pool counts. */
void jst_account_begin(struct jst_call *call, jst_breaker_ticket ticket);

/** It goes no further there and nothing was learnt, unless it was judged already. Any number of
 *  times; at the end of a response, and when that is aborted, it happens by itself. Call it behind
 *  what cancels the call: its slot may be another's at once. */
void jst_account_leave(struct jst_call *call);

/** It failed there, and its caller shall not hear of it: judged, left, and out of the way. */
void jst_account_fail(struct jst_call *call, int why);

/** Does a failure say something about the target, and not about the client or ourselves? */
bool jst_is_fault(int why);

/* ---- edition.c ---- */

/** The call is at its upool: that stays until call->holds are let go of. */
void jst_call_hold(struct jst_call *call);

/** Before another pick: on to the pool as it is now, where its targets have changed. */
void jst_call_follow(struct jst_call *call);

/** The end of the request was given: a tunnel may be over with it. */
void jst_account_request_end(struct jst_call *call);

/* ---- admit.c ---- */

/** Find a target for the call, the first time or again: it goes there now, or fails later. Those of
 *  call->tried come last. */
void jst_call_admit(struct jst_call *call);

/** It has that target, and what the pick took for it. */
void jst_call_go(struct jst_call *call, uint32_t target, jst_breaker_ticket ticket);

/** No target takes it: it fails later with what came of its last try; without one with `why`, and
 *  `detail` (static, or NULL) goes with that. */
void jst_call_refuse(struct jst_call *call, int why, const char *detail);

/* ---- queued.c ---- */

int jst_queued_init(struct jst_upstreams *u);
void jst_queued_fini(struct jst_upstreams *u);

/** Until it has a target, it waits; or it fails: too many do, or for too long, or the pool is
 *  stopped, or no target is usable any more. */
void jst_queued_add(struct jst_call *call);

/** The pool was stopped: it fails. */
void jst_queued_refuse(struct jst_call *call);

/** Fail all that wait for one. */
void jst_queued_fail_all(struct jst_upstreams *u, int why);

/* ---- clients.c ---- */

/** What clients tell; their context is the live target. */
extern const struct jst_client_events jst_live_events;

/** A client that takes a call now: HTTP/2 with room (not for JST_LANE_UPGRADE), else HTTP/1.1, most
 *  recently used first. NULL if there is none. `probe`: only one that is surely alive. The call
 * must be started, then jst_live_started() called. */
struct jst_client *jst_live_take(struct jst_live *live, unsigned lane, bool probe);
void jst_live_started(struct jst_live *live, struct jst_client *c);

/** Idle ones above idle_max that a while of JST_UPSTREAM_TRIM_MS has not needed will be closed. */
int jst_live_trim_init(struct jst_live *live);
void jst_live_trim(struct jst_live *live);

/** Close what is idle; down to `keep` of them. */
void jst_live_close_idle(struct jst_live *live, uint32_t keep);
/** What was opened for somebody and not taken is like any other that is kept. */
void jst_live_age(struct jst_live *live);
/** It goes to an address that its name has no more. */
static inline bool
jst_live_is_stale(const struct jst_live *live, const struct jst_client *c)
{
    return c->addrs_version != live->addrs_version;
}
/** Those of them that are idle or have room. */
void jst_live_close_stale(struct jst_live *live);
/** Let go of connections to addresses that the name has no more. */
void jst_live_refresh(struct jst_live *live);
/** Cut the first that is open. False: there is none. */
bool jst_live_cut_one(struct jst_live *live, int why);

/* ---- wait.c ---- */

int jst_wait_init(struct jst_live *live);
void jst_wait_fini(struct jst_live *live);

/** Queue the call, and see to it that a connection comes. */
void jst_wait_add(struct jst_live *live, struct jst_call *call);
/** Soon: serve who waits. */
void jst_wait_pump(struct jst_live *live);
/** A dial has ended without a connection; it is in no list any more. */
void jst_wait_dial_failed(struct jst_live *live, const struct jst_client *dial, int why);
/** Fail all that wait. */
void jst_wait_fail_all(struct jst_live *live, int why);

/** Take it out of the queue; nothing is told to it. */
void jst_wait_leave(struct jst_live *live, struct jst_call *call);
/** ... and let it fail, from the loop. */
void jst_wait_fail(struct jst_live *live, struct jst_call *call, int why);

/* ---- hold.c ---- */

/** It waits from now on: keep what comes. `leave` takes it out of where it waits when its caller
 *  leaves; it is call->forget as long as it waits. */
void jst_hold_begin(struct jst_call *call, void (*leave)(struct jst_call *call));
/** It waits no longer: what was kept is still there. */
void jst_hold_stop(struct jst_call *call);
/** It has left the queue for `c`: start it, with what was kept. */
void jst_hold_start(struct jst_live *live, struct jst_client *c, struct jst_call *call);

/* ---- call.c ---- */

/** May the call be run again? Then it was started. */
bool jst_call_restart(struct jst_live *live, struct jst_call *call, int why);

/** Does it ask for WebSocket, which HTTP/2 can carry? */
bool jst_call_is_websocket(const struct jst_call *call);

/** It was counted to its target: take or open a connection there. */
void jst_call_place(struct jst_call *call);

/** Give it to a client that was taken. */
void jst_call_start(struct jst_live *live, struct jst_client *c, struct jst_call *call);

/** Has to be on a connection that is surely alive? */
bool jst_call_needs_probe(const struct jst_call *call);

/** Abort it from the loop: callers of a start are never called back from within. A failed connect
 *  is tried elsewhere before. */
void jst_call_fail_later(struct jst_call *call, int why);

/* ---- retry.c ---- */

/** Before the first try: how many there may be. */
void jst_retry_init(struct jst_call *call);

/** It has its next target: say so. */
void jst_retry_log(const struct jst_call *call);

/** It could not be connected, and nothing of it has left: true, it will be admitted again, from the
 *  loop, for another target. */
bool jst_retry_elsewhere(struct jst_call *call, int why);

/** What the caller has set stays; all else is as before the first start. */
void jst_call_init(struct jst_upool *p, struct jst_call *call);

/** Before another try: forget the last one. */
void jst_call_reset(struct jst_call *call);

/* ---- guard.c ---- */

/** It stands between the call and its caller from now on. JOIST_E_NOMEM. */
int jst_guard_begin(struct jst_call *call);

/** What the caller says. */
void jst_guard_data(struct jst_guard *g, struct jst_chain *move);
void jst_guard_end(struct jst_guard *g, const struct jst_fields *trailers);
void jst_guard_resume(struct jst_guard *g, size_t credit);
void jst_guard_leave(struct jst_guard *g);

/** No try is under way, and there will be none: fail it, from the loop. */
void jst_guard_close(struct jst_guard *g, int why);

/* ---- address.c ---- */

/** Tells addresses apart. */
uint64_t jst_addr_id(const struct jst_addr *a);

/** In which order a new connection tries the addresses: begins with another one each time, or by
 *  the ranks of SRV records; those that failed lately come last. Returns how many: all. */
uint32_t jst_live_order(struct jst_live *live, const struct jst_addrs *addrs,
                        uint8_t out[JST_TARGET_ADDRS_MAX]);

/** Open a connection; `to` is complete but for where to. It is in live->busy then. `tries`: how
 *  many were opened for the same call before. Errors as of jst_client_open_f. */
int jst_live_open(struct jst_client **out, struct jst_live *live, struct jst_client_to *to,
                  const struct jst_addrs *addrs, uint32_t tries);

/** One that was begun with the addresses of `version` never came into use: shall another one be
 *  opened? All addresses were tried for a connection, but not for its TLS handshake. */
bool jst_target_may_reopen(const struct jst_target *t, uint32_t version, uint32_t tries, int why);

/** What a client tells of an address (on_address). */
void jst_live_note_address(struct jst_live *live, struct jst_client *c, const struct jst_addr *a,
                           bool ok);
