// SPDX-License-Identifier: MIT
#pragma once
/*
 * One check of one target: connect, ask, judge the answer, close.
 *
 * Job:     a verdict on one answer, and the words for it.
 * Not:     when to check, and what many answers come to: health.c.
 * Flow:    start -> a dial, for which all addresses race -> TCP: that is all; HTTP: a request ->
 *          on_result, as soon as it is decided -> a small rest of the response is waited for, so
 *          that no origin sees its answer refused -> on_closed.
 * Owner:   whoever embeds it. It borrows target and configuration until on_closed.
 * Threads: the loop's.
 * Why:     no pool of connections stands between: each check is on a new connection, with a whole
 *          TLS handshake, and is not counted among requests.
 */
#include "http/client.h"
#include "upstream/health_conf.h"
#include "upstream/pool.h"

/** How it went. */
struct jst_health_outcome {
    bool good;
    uint16_t status; /* 0: none came */
    int why;         /* JOIST_E_*, 0: the answer itself says it */
    uint64_t took_us;
    char text[JST_HEALTH_TEXT_BYTES];
};

struct jst_health_check {
    /* set by the owner before init */
    struct jst_local *local;
    jst_client_open_f *open;
    struct jst_names *names; /* may be NULL */
    /** Once for each start. Neither starts nor cancels a check. */
    void (*on_result)(struct jst_health_check *k, const struct jst_health_outcome *o);
    /** Once for each start, after the result: it may be started again, here too, or freed. */
    void (*on_closed)(struct jst_health_check *k);
    /* of one check: owned */
    struct jst_addrs *addrs; /* a copy, with the port that is asked */
    struct jst_tls_session *session;
    struct jst_arena arena;
    struct jst_timer timer; /* of all of it */
    /* borrowed */
    const struct jst_target *target;
    const struct jst_health_conf *conf;
    struct jst_client *client; /* the dial, then what has come of it */
    /* plain */
    struct jst_task task;
    struct jst_call call;
    struct jst_head req;
    struct jst_field fields[2];
    struct jst_sink on_response;
    struct jst_source on_request;
    struct joist_timeouts_conf timeouts;
    uint64_t start_ns;
    uint64_t body_bytes;
    size_t matched; /* bytes of the text that is looked for */
    bool running;
    bool connected;
    bool starts;  /* the request is to be started */
    bool in_call; /* it is under way */
    bool decided;
    bool told;
    bool over;
    bool closing;
    struct jst_health_outcome outcome;
    char error[JST_HEALTH_TEXT_BYTES]; /* of TLS, in words */
};

/** JOIST_E_NOMEM. */
int jst_health_check_init(struct jst_health_check *k);
/** Not while one is under way. */
void jst_health_check_fini(struct jst_health_check *k);

void jst_health_check_start(struct jst_health_check *k, const struct jst_target *target,
                            const struct jst_health_conf *conf);
/** Give it up, if one is under way: neither callback comes any more. */
void jst_health_check_cancel(struct jst_health_check *k);

/** Of a check that is decided: outcome.text (health_words.c). */
void jst_health_check_print(struct jst_health_check *k);
