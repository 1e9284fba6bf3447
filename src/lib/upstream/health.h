// SPDX-License-Identifier: MIT
#pragma once
/*
 * Active health checks: each target of a pool that wants them is asked again and again, and is left
 * out while it answers wrongly.
 *
 * Job:     one checker for the whole engine: when to check, what the answers come to, who is down.
 * Not:     it makes no thread (engine/health.c does). What follows from a verdict: view.c.
 * Flow:    jst_health_prepare() and commit() at each configuration -> the loop of jst_health_run()
 *          -> a check (health_check.c): a new connection, a request, closed again -> thresholds ->
 *          jst_tstate.down and jst_states_changed().
 * Owner:   the engine. It keeps a count of each pool that it checks. What is known of a target
 *          hangs on its state (state.h): another configuration that names it goes on with that.
 * Threads: jst_health_run() on one of its own; the rest is for any.
 * Limits:  JST_HEALTH_CHECKS_MAX checks at once, the others wait for their turn. A check has no
 *          more memory than a call and 64 KiB of its response have.
 */
#include "upstream/upstream.h"

#define JST_HEALTH_TEXT_BYTES 384

struct jst_health;
struct jst_health_set; /* what will be checked, as soon as it is committed */

enum jst_health_verdict {
    JST_HEALTH_UNKNOWN, /* not enough checks yet: it is used */
    JST_HEALTH_UP,
    JST_HEALTH_DOWN,
};

/** What is known of a target. Times of the wall clock are microseconds since the Unix epoch. */
struct jst_health_report {
    enum jst_health_verdict verdict;
    uint64_t checks;
    uint64_t failures;
    uint32_t good; /* in a row; one of both is 0 */
    uint32_t bad;
    /* the last check */
    bool last_good;
    uint16_t status;                  /* of its answer; 0: none */
    int why;                          /* JOIST_E_* of a failure without a wrong answer; 0: none */
    int64_t last_us;                  /* when it was over; 0: there was none */
    uint64_t took_us;                 /* it took so long */
    char text[JST_HEALTH_TEXT_BYTES]; /* "GET http://10.0.0.1:80/up: status 500, expected 200-299,
                                         after 12 ms" */
    /* the last change of the verdict */
    int64_t changed_us;                 /* 0: there was none */
    char reason[JST_HEALTH_TEXT_BYTES]; /* the text of that check */
};

struct jst_health_events {
    /** The first pool is to be checked: let a thread call jst_health_run(). On the thread that
     *  brings it, one at a time. Below 0: it could not be. */
    int (*on_needed)(void *ctx);
};

/** Checks are opened through `open`; `names` may be NULL. `local` is the thread's own: its loop and
 *  log. JOIST_E_NOMEM. */
int jst_health_create(struct jst_health **out, struct jst_local *local, jst_client_open_f *open,
                      struct jst_names *names, const struct jst_health_events *ev, void *ctx);

/** After jst_health_run() has returned, or if nobody ever called it. */
void jst_health_destroy(struct jst_health **take);

/** Until jst_health_stop(). What is under way then is given up. */
void jst_health_run(struct jst_health *h);
/** Any thread, once. Whoever waits in jst_health_wait() gets JOIST_E_CANCELED. */
void jst_health_stop(struct jst_health *h);

/** Make ready what a configuration has to be checked (pools without health are fine among them), so
 *  that committing it cannot fail. JOIST_E_NOMEM, or what on_needed said. */
int jst_health_prepare(struct jst_health *h, struct jst_health_set **out,
                       struct jst_pool *const *pools, size_t n);
/** One pool alone, in the place of that of the same name or beside the others: targets that it had
 *  go on as they are, new ones are checked at once. *out is NULL for a pool without health. */
int jst_health_prepare_pool(struct jst_health *h, struct jst_health_set **out,
                            struct jst_pool *pool);
/** From now on these are checked, and none but these. NULL inside is fine, here and below. */
void jst_health_commit(struct jst_health *h, struct jst_health_set **take);
void jst_health_discard(struct jst_health_set **take);

/** What is known of that target? False: it is not checked. Any thread that has a count of the pool.
 */
bool jst_health_read(const struct jst_pool *pool, size_t target, struct jst_health_report *out);

/* ---- waiting until it is well ---- */

struct jst_health_wait_conf {
    const struct joist_health_conf *health; /* NULL: the pool's own; if that has none: that a
                                               connection can be made */
    uint64_t timeout_ms;                    /* of all of it; 0: there is none */
    uint32_t need;                          /* so many targets must pass; 0: all */
};

/** How a target did. */
struct jst_health_waited {
    bool passed;                      /* so many good ones in a row as `up` wants */
    uint32_t checks;                  /* that were made */
    char text[JST_HEALTH_TEXT_BYTES]; /* of the last one; or why there was none */
};

/**
 * Check the targets of a pool that need not be in use yet (it was tracked, jst_pool_track()), until
 * enough have passed. `out` has one for each target of it. Blocks: not on a reactor, and with no
 * lock that jst_health_stop()'s caller needs.
 *
 * Nothing that is in use is changed by it; but if enough have passed, targets that nobody checked
 * before begin with the verdict of this, up or down, when the pool is set.
 *
 * JOIST_OK; JOIST_E_TIMEOUT: too few in that time; JOIST_E_INVAL: no targets, or fewer than `need`;
 * JOIST_E_CANCELED: the engine stops; JOIST_E_NOMEM, and what on_needed said.
 */
int jst_health_wait(struct jst_health *h, struct jst_pool *pool,
                    const struct jst_health_wait_conf *conf, struct jst_health_waited *out);
