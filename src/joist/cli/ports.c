// SPDX-License-Identifier: MIT
/*
 * Which ports: 443 if it may be had, else 5000 and up; the same for plain HTTP with 80.
 *
 * The engine itself is asked each time, so that no port is found free here and taken a moment
 * later.
 */
#include "cli/plan.h"

#include <stdio.h>

#define FALLBACK_FIRST 5000u
/* Ports that are tried behind the first, for each of both. */
#define FALLBACKS_MAX 100u

/* What an attempt came to. */
struct attempt {
    struct jst_plan *plan;
    struct jst_diags *report;
    bool https_next; /* its port cannot be had, and another will do */
    bool http_next;
    bool no_ipv6;
    bool cert;   /* the certificate is at fault */
    bool word;   /* what the line says is */
    int said[2]; /* of https' and of http's port: the error that was told */
};

static bool
is_automatic(const struct jst_plan *p, bool https)
{
    return https ? p->what->https_port == 0 : p->what->http_port == 0;
}

/* May the next attempt do without what this error is about? */
static bool
is_remediable(struct attempt *a, const struct joist_err *err)
{
    bool https = strcmp(err->file, "https") == 0;

    if (!https && strcmp(err->file, "http") != 0) {
        return false;
    }
    if (err->code == JOIST_E_UNREACH && err->line == JST_PLAN_IPV6_LINE) {
        a->no_ipv6 = true;
        return true;
    }
    if ((err->code != JOIST_E_INUSE && err->code != JOIST_E_ACCESS) ||
        !is_automatic(a->plan, https)) {
        return false;
    }
    *(https ? &a->https_next : &a->http_next) = true;
    return true;
}

/* Two listeners of one port tell the same of their certificate. */
static bool
is_known(const struct jst_diags *report, const char *text)
{
    for (size_t i = 0; i < report->diags_n; i++) {
        if (strcmp(report->diags[i].text, text) == 0) {
            return true;
        }
    }
    return false;
}

/* Each port has a listener for each family, and what it cannot be had for is mostly the same. */
static void
tell(struct attempt *a, const struct joist_err *err)
{
    int *said = strcmp(err->file, "https") == 0  ? &a->said[0]
                : strcmp(err->file, "http") == 0 ? &a->said[1]
                                                 : NULL;
    const char *help = NULL;

    if (said != NULL && *said == err->code) {
        return;
    }
    if (said != NULL) {
        *said = err->code;
        help = err->code == JOIST_E_ACCESS
                   ? "name one above 1023, as in 8443, https:8443 or http:8080"
                   : NULL;
    }
    jst_diags_error(a->report, NULL, help, "%s", err->message);
}

static void
on_report(void *ctx, enum joist_log_level level, const struct joist_err *err)
{
    struct attempt *a = ctx;

    if (is_known(a->report, err->message)) {
        return;
    }
    if (level != JOIST_LOG_ERROR) {
        jst_diags_warn(a->report, NULL, NULL, "%s", err->message);
        return;
    }
    a->cert = a->cert || strcmp(err->file, JST_PLAN_CERT_FILE) == 0;
    a->word = a->word || strcmp(err->file, JST_PLAN_ORIGIN_FILE) == 0;
    if (!is_remediable(a, err)) {
        tell(a, err);
    }
}

/* 0: there are no more. The origin may only not have been started yet. */
static uint16_t
next_port(const struct jst_plan *p, uint16_t port, uint16_t other)
{
    unsigned next = port < FALLBACK_FIRST ? FALLBACK_FIRST : port + 1u;

    while (next == other || next == p->origin_port) {
        next++;
    }
    return next < FALLBACK_FIRST + FALLBACKS_MAX ? (uint16_t)next : 0;
}

void
jst_plan_ports(struct jst_plan *p)
{
    if (p->origin_port == 0) {
        return;
    }
    if (p->https_port == p->origin_port && is_automatic(p, true)) {
        p->https_port = next_port(p, p->https_port, 0);
    }
    if (p->http_port == p->origin_port && is_automatic(p, false)) {
        p->http_port = next_port(p, p->http_port, p->https_port);
    }
}

/* Change what the last attempt failed of. False: there is nothing left to try. */
static bool
prepare_next(struct attempt *a)
{
    struct jst_plan *p = a->plan;

    p->no_ipv6 = p->no_ipv6 || a->no_ipv6;
    if (a->https_next) {
        p->https_port = next_port(p, p->https_port, 0);
        if (p->https_port == 0) {
            jst_diags_error(a->report, NULL, "name one: joist 8443",
                            "no port for https: neither 443 nor %u to %u can be had",
                            FALLBACK_FIRST, FALLBACK_FIRST + FALLBACKS_MAX - 1);
            return false;
        }
    }
    if (a->http_next || (p->http_port == p->https_port && p->http_port != 0)) {
        p->http_port = next_port(p, p->http_port, p->https_port);
    }
    return true;
}

int
jst_plan_open(struct jst_plan *p, struct joist_engine **out, struct jst_diags *report)
{
    bool redirect = p->http_port != 0 && p->https_port != 0;

    /* Each attempt but the last moves on by at least one port. */
    for (unsigned i = 0; i < 2 * FALLBACKS_MAX + 4; i++) {
        struct attempt a = {.plan = p, .report = report};
        int rc;

        jst_plan_listeners(p);
        rc = joist_engine_create(out, &p->conf, on_report, &a);
        if (rc == JOIST_OK) {
            if (redirect && p->http_port == 0) {
                jst_diags_warn(report, NULL, NULL,
                               "no port for plain HTTP: nothing leads from http to https");
            }
            return JST_EXIT_OK;
        }
        if (a.word || (a.cert && p->cert.from == JST_CERT_GIVEN)) {
            return JST_EXIT_USAGE;
        }
        if (jst_diags_has_errors(report)) {
            return JST_EXIT_FAILED;
        }
        if (!a.https_next && !a.http_next && !a.no_ipv6) {
            jst_diags_error(report, NULL, NULL, "cannot start: %s", joist_error_text(rc));
            return JST_EXIT_FAILED;
        }
        jst_diags_fini(report); /* warnings: the next attempt gives them again */
        jst_diags_init(report);
        if (!prepare_next(&a)) {
            return JST_EXIT_FAILED;
        }
    }
    jst_diags_error(report, NULL, "name one: joist 8443", "no port can be had");
    return JST_EXIT_FAILED;
}
