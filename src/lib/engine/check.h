// SPDX-License-Identifier: MIT
#pragma once
/*
 * Is a configuration right? All that is wrong with it is reported, each with its place.
 *
 * Job:     check.c what can be said of the figures and names; check_tls.c the same for TLS, and the
 *          files that TLS to origins needs.
 * Not:     certificates and keys of listeners: front.c loads them.
 * Threads: the caller's.
 */
#include "base/base.h"
#include "wire/tls.h"

#include <joist/joist.h>

/** Where reports go; counts the errors. */
struct jst_report {
    joist_report_f *fn; /* may be NULL */
    void *ctx;
    unsigned errors;
    bool no_memory; /* an error was JOIST_E_NOMEM: not all could be checked */
};

void jst_report_at(struct jst_report *r, enum joist_log_level level, int code,
                   const struct joist_pos *pos, const char *fmt, ...) JST_PRINTF(5, 6);

/** Check all of `conf` but the files of TLS; errors are counted in `r`. A missing root is a
 * warning. False if the part about TLS is not fit for loading those files. */
bool jst_report_conf(struct jst_report *r, const struct joist_conf *conf);

/** The part of it about one target. */
void jst_report_target(struct jst_report *r, const struct joist_target_conf *t);

/** The part of it about one pool's strategy, outlier and breaker. */
void jst_report_balance(struct jst_report *r, const struct joist_pool_conf *pool);

/** The part of it about who is bound to its targets. */
void jst_report_sticky(struct jst_report *r, const struct joist_pool_conf *pool);

/** The part of it about one pool's further tries, hedges and queue. */
void jst_report_tries(struct jst_report *r, const struct joist_pool_conf *pool);

/** The part of it about one pool's slots and the rules that choose one. */
void jst_report_slots(struct jst_report *r, const struct joist_conf *conf,
                      const struct joist_pool_conf *pool);

/** The part of it about one pool's health checks. */
void jst_report_health(struct jst_report *r, const struct joist_pool_conf *pool);

/** The part of it about TLS. */
bool jst_report_tls(struct jst_report *r, const struct joist_conf *conf);

/** Hosts that two certificates of one key type are for; reads those files. */
void jst_report_cert_names(struct jst_report *r, const struct joist_conf *conf);

/** Files of TLS to origins (authorities, our own certificate): read once and let go. What is less
 *  than `from` is not told. */
void jst_report_target_files(struct jst_report *r, const struct joist_conf *conf,
                             enum joist_log_level from);

/** What wire/ reports, passed on to a jst_report. */
struct jst_tls_reporter {
    struct jst_tls_report base;
    struct jst_report *to;
    enum joist_log_level from; /* levels below are dropped */
};

struct jst_tls_reporter jst_tls_reporter(struct jst_report *to, enum joist_log_level from);
