// SPDX-License-Identifier: MIT
#pragma once
/*
 * What stands between a call's caller and its tries, where a pool or its timeouts ask for more than
 * another target for a failed connect. Inside upstream/ only.
 *
 *   phase      is left by                                                    for
 *   TRYING     a head that is good enough, or no more tries                  PASSING
 *              a failure that may be tried again                             WAITING
 *              a status that may be tried again                              DRAINING
 *   DRAINING   the end of that response; its time is over (cancelled then)   WAITING, TRYING
 *   WAITING    its time is over                                              TRYING
 *   PASSING    end, abort                                                    OVER
 *   any        the caller leaves; the whole request's time is over           OVER
 *
 * Flow:    guard.c: the two ends and the phases; retry.c: whether, when and where to again;
 *          replay.c: the request's body; hedge.c: a second call beside the first; budget.h.
 * Owner:   the call's arena; all else is given back at the end of the response at the latest.
 * Threads: the reactor's.
 */
#include "upstream/live.h"
#include "upstream/replay.h"

enum jst_guard_phase {
    JST_GUARD_TRYING,
    JST_GUARD_DRAINING,
    JST_GUARD_WAITING,
    JST_GUARD_PASSING,
    JST_GUARD_OVER,
};

struct jst_hedge; /* hedge.c */

struct jst_guard {
    struct jst_sink sink;     /* the tries' on_response; stands before `to` */
    struct jst_source source; /* the tries' on_request; stands before `from` */
    /* owned */
    struct jst_timer total; /* the whole request's */
    struct jst_timer timer; /* until the next try, or the hedge */
    struct jst_task feed;
    struct jst_replay body;
    struct jst_list link; /* in jst_upstreams.guards while DRAINING or WAITING */
    /* borrowed */
    struct jst_upstreams *u;
    struct jst_call *call; /* the caller's, which all tries but the hedge are made with */
    struct jst_call *now;  /* who is listened to: `call`, or the hedge's */
    struct jst_sink *to;
    struct jst_source *from;
    const struct joist_retry_conf *rules;
    struct jst_budget *budget; /* NULL: there is none */
    struct jst_hedge *hedge;   /* arena; NULL: none, or no more */
    /* plain */
    size_t drained;  /* credit that a response which nobody saw has used */
    int no_body;     /* why a try wants no more of the request's body; 0: it does */
    uint32_t tokens; /* taken of the budget */
    uint8_t phase;   /* enum jst_guard_phase */
    bool continued;  /* 100 was passed on */
    bool released;
};

/* ---- guard.c ---- */

/** The call's head is not passed on; another try will begin in `wait_ms`. */
void jst_guard_wait(struct jst_guard *g, uint64_t wait_ms);

/** What `call` is told, which may be the hedge's. */
void jst_guard_take_head(struct jst_guard *g, const struct jst_head *head);
void jst_guard_take_data(struct jst_guard *g, struct jst_chain *move);
void jst_guard_take_end(struct jst_guard *g, const struct jst_fields *trailers);
void jst_guard_take_abort(struct jst_guard *g, int why);

/** One more than the requests ask for, within the budget. Given back with the guard. */
bool jst_guard_take_token(struct jst_guard *g);

/* ---- retry.c ---- */

/** May it be tried once more, after this? Then it is under way, and nothing is to be passed on. */
bool jst_guard_retry_failure(struct jst_guard *g, int why);
bool jst_guard_retry_status(struct jst_guard *g, uint16_t status);

/** Is it one of those that are tried again? */
bool jst_guard_dislikes(const struct jst_guard *g, uint16_t status);

/* ---- hedge.c ---- */

/** A try has begun: maybe a second one will. */
void jst_hedge_arm(struct jst_guard *g, uint64_t after_ms);
void jst_hedge_start(struct jst_guard *g);
/** It is under way beside the call. */
bool jst_hedge_is_alive(const struct jst_guard *g);
/** Listen to it alone: the other call is over, or cancelled here. */
void jst_hedge_promote(struct jst_guard *g);
void jst_hedge_drop(struct jst_guard *g);
void jst_hedge_resume(struct jst_guard *g, size_t credit);
