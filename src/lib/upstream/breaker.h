// SPDX-License-Identifier: MIT
#pragma once
/*
 * Circuit breaker of one target: closed -> (too many errors) -> open -> (its time is over) ->
 * half open: one probe -> closed, or open again.
 *
 * Job:     the state machine alone, as a table; no clock, no lock, no log: time and random numbers
 *          are passed in.
 * Flow:    jst_breaker_allows() when targets are listed -> jst_breaker_ask() for the one picked ->
 *          jst_breaker_report(), or jst_breaker_leave() if nothing was learnt.
 * Owner:   struct jst_tstate. Zeroed memory is a closed breaker.
 * Threads: any; the state is one atomic word, so that all reactors together send one probe.
 */
#include "base/base.h"

#include <joist/conf.h>

#define JST_BREAKER_BUCKETS 4u

enum jst_breaker_state {
    JST_BREAKER_CLOSED,
    JST_BREAKER_OPEN,
    JST_BREAKER_HALF_OPEN,
    JST_BREAKER_STATES_,
};

/* Which request is the probe; 0: none, an ordinary one. */
typedef uint32_t jst_breaker_ticket;

struct jst_breaker {
    uint64_t word;                         /* atomic; see breaker.c */
    uint64_t buckets[JST_BREAKER_BUCKETS]; /* atomic; results of a quarter of the window each */
};

enum jst_breaker_state jst_breaker_state(const struct jst_breaker *b);

/** Would a request be let through now? */
bool jst_breaker_allows(const struct jst_breaker *b, uint64_t now_ms);

/** When it lets a probe through; 0: it is not open. */
uint64_t jst_breaker_open_until(const struct jst_breaker *b);

/** May this request go? True: *ticket goes back with report or leave, exactly once. */
bool jst_breaker_ask(struct jst_breaker *b, uint64_t now_ms, jst_breaker_ticket *ticket);

/** How it went. Returns whether this very report changed the state. `random`: any number. */
bool jst_breaker_report(struct jst_breaker *b, const struct joist_breaker_conf *conf,
                        jst_breaker_ticket ticket, bool ok, uint64_t now_ms, uint64_t random);

/** Nothing was learnt of it (the client left): another may be the probe. */
void jst_breaker_leave(struct jst_breaker *b, jst_breaker_ticket ticket);
