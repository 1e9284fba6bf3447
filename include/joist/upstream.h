// SPDX-License-Identifier: MIT
#pragma once
/*
 * Targets of a running engine: add, remove, weigh, drain them, and see how they are.
 *
 * Pools that are to be changed are made with joist_pool_conf.dynamic; any can be read.
 *
 * Threads: any, at any time between joist_engine_start() and joist_engine_destroy(); no call here
 *          may be made from a callback of the engine. Changes are made one after the other, each on
 *          all threads of the engine before the call returns: what begins from then on goes by it.
 *          Requests take no lock for it.
 * Target:  said by its URL. Its identity is scheme, host and port (or the socket's path), and what
 *          of TLS, PROXY header and SRV sets it apart; a URL means all targets that differ in the
 *          latter alone. What is known of a target (requests under way, failures, its connections)
 *          is kept as long as its pool has it, whatever else changes.
 * Swap:    a configuration is the whole truth about which targets there are: joist_engine_swap()
 *          takes away what was added here, and brings back what was removed, if it says so. What a
 *          target that stays was told (to drain, its weight) still counts, but a weight that the
 *          configuration changes counts instead.
 * Errors:  `err` (may be NULL) gets the code that is returned, and a sentence. All changes:
 *          JOIST_E_STATE (the engine does not run), JOIST_E_NOTFOUND (no such pool, or target in
 *          it), JOIST_E_UNSUPPORTED (the pool was not made for it), JOIST_E_NOMEM. After an error
 *          nothing has changed.
 */
#include <joist/conf.h>
#include <joist/error.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct joist_engine;

/** For ever, where a time is asked for. */
#define JOIST_FOREVER UINT64_MAX

/* ---- changes ---- */

/**
 * A name is looked up first, which may take seconds; without an address the target is there all
 * the same, and used when it has one. JOIST_E_EXISTS (it is in the pool), JOIST_E_INVAL (no URL, a
 * weight that is not from 1 to 65535, https without a name to verify, files of TLS that cannot be
 * used), JOIST_E_LIMIT (65536 targets).
 */
int joist_upstream_add(struct joist_engine *e, const char *pool,
                       const struct joist_target_conf *target, struct joist_err *err);

/** Nothing is cut: requests and tunnels that run there go on, idle connections are closed. */
int joist_upstream_remove(struct joist_engine *e, const char *pool, const char *url,
                          struct joist_err *err);

/** The weight of the configuration, or of joist_upstream_add(). */
#define JOIST_WEIGHT_CONFIGURED UINT32_MAX

/** 1..65535; 0: it takes nothing new; JOIST_WEIGHT_CONFIGURED: no other than that any more.
 *  JOIST_E_INVAL. */
int joist_upstream_weight(struct joist_engine *e, const char *pool, const char *url,
                          uint32_t weight, struct joist_err *err);

/**
 * Nothing new for the target (`url` NULL: for all of the pool), until joist_upstream_ready(); but
 * clients that are bound to it (joist_sticky_conf) still come until the deadline.
 * Requests under way end; those that are left after `deadline_ms` (JOIST_FOREVER: none) are cut:
 * 502, or the connection if the response had begun. Tunnels: see enum joist_tunnel_policy. A second
 * drain sets another deadline. JOIST_E_INVAL (no such policy), JOIST_E_LIMIT (65536 drains have
 * their deadlines still before them).
 */
int joist_upstream_drain(struct joist_engine *e, const char *pool, const char *url,
                         uint64_t deadline_ms, enum joist_tunnel_policy tunnels,
                         struct joist_err *err);

/** It takes requests again. */
int joist_upstream_ready(struct joist_engine *e, const char *pool, const char *url,
                         struct joist_err *err);

/** Wait until nothing is under way at the target (`url` NULL: at any of the pool), also at one that
 *  was removed: 0. It should drain, or there may be something again at once. JOIST_E_TIMEOUT after
 *  `timeout_ms`; JOIST_E_NOTFOUND (no such pool), JOIST_E_UNSUPPORTED (it does not count),
 *  JOIST_E_INVAL (no URL), JOIST_E_STATE. */
int joist_upstream_wait_drained(struct joist_engine *e, const char *pool, const char *url,
                                uint64_t timeout_ms, struct joist_err *err);

/* ---- pause: of the pool as a whole; kept over a swap, by the pool's name ---- */

/**
 * Requests are held from now on, in the pool's queue: those above its queue.max get 503, those that
 * were held for `hold_ms` (JOIST_FOREVER: none) get 504. What is under way goes on: see
 * joist_upstream_wait_drained(). Of a pool that is paused, only `hold_ms` changes; one that was
 * stopped is paused now. The pool need not be dynamic if it has max_inflight.
 */
int joist_upstream_pause(struct joist_engine *e, const char *pool, uint64_t hold_ms,
                         struct joist_err *err);

/** Requests that are held go on, in the order in which they came, as targets have room; new ones
 *  stand behind them. Also ends a stop. */
int joist_upstream_resume(struct joist_engine *e, const char *pool, struct joist_err *err);

/** Requests that come, and those that are held, get 503. What is under way goes on. */
int joist_upstream_stop(struct joist_engine *e, const char *pool, struct joist_err *err);

/**
 * Stop accepting by one listener (its number in joist_conf.listeners), close its idle connections,
 * let its requests end; the others go on. What is left after `deadline_ms` (JOIST_FOREVER: never)
 * is cut, tunnels at once where joist_conf.tunnels says so. Connections are refused from then on,
 * but by descriptors that were lent: those are only looked away from. For good: a swap does not
 * undo it. JOIST_E_STATE, JOIST_E_NOTFOUND.
 */
int joist_listener_drain(struct joist_engine *e, size_t listener, uint64_t deadline_ms);

/* ---- slots ---- */

/**
 * Everything that no rule decides goes to this slot from now on, and no split is left; NULL: by the
 * configuration's weights again. One change for all threads at once. What runs in other slots goes
 * on. It outlives a swap, as long as configurations name the upstream and the slot. A slot that a
 * deploy has drained takes requests again. JOIST_E_UNSUPPORTED (the pool has no slots),
 * JOIST_E_NOTFOUND (no such pool or slot), JOIST_E_UNAVAILABLE (the slot has no target).
 */
int joist_upstream_switch(struct joist_engine *e, const char *pool, const char *slot,
                          struct joist_err *err);

/** So many percent (0..100) of what no rule decides go to this slot, by chance, the rest as before;
 *  0: no split any more. Otherwise as joist_upstream_switch(). JOIST_E_INVAL. */
int joist_upstream_split(struct joist_engine *e, const char *pool, const char *slot,
                         uint32_t percent, struct joist_err *err);

/** What a deploy is to do. Start from joist_deploy_conf_init(). */
struct joist_deploy_conf {
    const struct joist_target_conf *targets; /* instead of those that the slot has */
    size_t targets_n;
    uint32_t healthy_min;                   /* so many of them must be well; 0: all */
    uint64_t timeout_ms;                    /* for that; default 30 s */
    const struct joist_health_conf *health; /* how to see it; NULL: by the slot's own checks; if it
                                               has none: a connection can be made */
    bool stay;                              /* put them in the slot, but do not switch to it */
    /* What becomes of what runs on the generation before: the targets that the slot had, and, with
     * the switch, all slots that had a share of the requests. By default it ends by itself. With a
     * time (or tunnels that are cut) nothing new comes to those slots, not by rules either, until
     * they are switched to, and what is left then is cut, as joist_upstream_drain() does it */
    uint64_t drain_ms;
    enum joist_tunnel_policy tunnels;
};
void joist_deploy_conf_init(struct joist_deploy_conf *conf);

/** How a target did. */
struct joist_deploy_result {
    bool ok;
    uint32_t checks;
    char text[384]; /* what was asked, and what came back */
};

/**
 * Give a slot other targets, wait until they are well, and switch to it; else change nothing.
 * Blocks for all of it. The generation before gets requests until then, the new one from then on:
 * none falls between. `results` (may be NULL): one for each target, also after a failure; `err`
 * says which target failed and why.
 *
 * JOIST_E_TIMEOUT (too few were well in time), JOIST_E_INVAL, JOIST_E_EXISTS (a target twice),
 * JOIST_E_STATE (also: there is another configuration meanwhile), those of joist_upstream_switch(),
 * JOIST_E_NOMEM, JOIST_E_LIMIT. After an error nothing has changed, but for one that `err` calls
 * "deployed, but": then what ran before gets no deadline.
 */
int joist_upstream_deploy(struct joist_engine *e, const char *pool, const char *slot,
                          const struct joist_deploy_conf *conf, struct joist_deploy_result *results,
                          struct joist_err *err);

/* ---- state ---- */

/** What keeps a target from taking requests; the first that holds. */
enum joist_target_status {
    JOIST_TARGET_UP,
    JOIST_TARGET_NO_ADDRESS,
    JOIST_TARGET_DRAINING,          /* told so, or its weight is 0 */
    JOIST_TARGET_DOWN,              /* by health checks */
    JOIST_TARGET_EJECTED,           /* for failures in a row; for how long: wait_ms */
    JOIST_TARGET_BREAKER_OPEN,      /* for how long: wait_ms */
    JOIST_TARGET_BREAKER_HALF_OPEN, /* one request tries */
};

/** The last check of a target's health. */
struct joist_target_check {
    int64_t time_us; /* wall clock, Unix epoch; 0: none was made */
    uint32_t ms;     /* what it took */
    bool ok;
    const char *text; /* what was asked, and what came back; "": none was made */
};

struct joist_target_state {
    const char *url; /* "http://host:port", with the port */
    enum joist_target_status status;
    uint64_t wait_ms;          /* ejected, breaker open: until it is tried again */
    uint32_t weight;           /* as configured */
    uint32_t effective_weight; /* as told, and with its slow start; 0: nothing new */
    uint32_t inflight;         /* requests and tunnels under way, in all of the engine */
    uint32_t latency_us;       /* average time to first byte; 0: not known */
    uint32_t failures;         /* in a row */
    uint32_t ejections;        /* in a row, without having been well for long */
    uint64_t requests;         /* since the pool has it */
    uint64_t requests_failed;  /* of these: no connection, no answer in time, cut short, 5xx */
    bool draining;             /* whatever its status is */
    bool down;
    const char *const *addresses; /* "127.0.0.1:80"; none: not resolved */
    size_t addresses_n;
    struct joist_target_check check;
};

/** A slot of an upstream that is made of slots; its targets are those of its pool. */
struct joist_slot_state {
    const char *name;
    const char *pool;
    uint32_t weight; /* as configured */
    uint32_t share;  /* of the requests that no rule decides, in 1/10000 */
    bool active;     /* it was switched to */
    bool closed;     /* a deploy has drained it: nothing new */
    size_t targets_n;
    uint32_t inflight; /* requests and tunnels under way, in all of the engine */
};

/** A pool, and each of its targets at some moment during the call. Of a pool that keeps no count
 *  (see `counts`) all that is counted is 0. */
struct joist_upstream_state {
    const char *name;
    enum joist_strategy strategy;
    bool dynamic;
    bool counts; /* its strategy or another part looks at what is under way at targets */
    bool panic;  /* too few targets are in order: all are used */
    bool paused;
    bool stopped;
    uint32_t queue_n; /* requests that wait: for room at a target, or for the end of the pause */
    const struct joist_target_state *targets;
    size_t targets_n;
    const struct joist_slot_state *slots; /* instead of targets */
    size_t slots_n;
};

/** Read a pool. JOIST_E_STATE (not started), JOIST_E_NOTFOUND, JOIST_E_NOMEM: then *out is
 *  untouched. */
int joist_upstream_read(struct joist_engine *e, const char *pool,
                        struct joist_upstream_state **out);
/** Take and free. NULL inside is fine. */
void joist_upstream_state_free(struct joist_upstream_state **take);

struct joist_upstream_names {
    size_t n;
    const char *const *names; /* in the configuration's order */
};

/** The names of all pools. JOIST_E_STATE, JOIST_E_NOMEM. */
int joist_upstreams_list(struct joist_engine *e, struct joist_upstream_names **out);
void joist_upstreams_free(struct joist_upstream_names **take);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
