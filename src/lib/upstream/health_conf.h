// SPDX-License-Identifier: MIT
#pragma once
/*
 * What a pool's health checks ask, compiled: a copy of the configuration.
 *
 * Owner:   the pool's tracking, or who waits. Threads: constant.
 */
#include "upstream/health.h"

#define JST_HEALTH_RANGES_MAX 32u

struct jst_health_conf {
    enum joist_health_type type;
    uint16_t port; /* 0: the target's own */
    uint64_t interval_ms;
    uint64_t timeout_ms;
    uint32_t up;
    uint32_t down;
    struct jst_slice method;
    struct jst_slice path;
    struct jst_slice query; /* p NULL: none */
    struct jst_slice host;  /* empty: the target's own */
    struct jst_slice text;  /* that the body must hold; empty: none */
    const uint16_t *fall;   /* for each prefix of the text: how much of it may still match */
    const struct joist_status_range *expect;
    size_t expect_n;
    char *memory; /* owned: of all of these */
};

/** `from` NULL: that a connection can be made, all else at its default. JOIST_E_NOMEM. */
int jst_health_conf_create(struct jst_health_conf **out, const struct joist_health_conf *from);
void jst_health_conf_destroy(struct jst_health_conf **take);

bool jst_health_expects(const struct jst_health_conf *conf, uint16_t status);

/** "200-299, 304". */
void jst_health_print_expected(const struct jst_health_conf *conf, char *out, size_t cap);

/** More of a body: how much of the text stands at its end, after `matched` before. text.n: found,
 *  and nothing behind it was looked at. */
size_t jst_health_match(const struct jst_health_conf *conf, size_t matched, struct jst_slice piece);
