// SPDX-License-Identifier: MIT
/* What a pool's health checks ask, and how often. */
#include "base/bounds.h"
#include "codec/field.h"
#include "codec/method.h"
#include "codec/uri.h"
#include "engine/check.h"
#include "upstream/health_conf.h"

#define WRONG(r, pos, ...) jst_report_at((r), JOIST_LOG_ERROR, JOIST_E_INVAL, (pos), __VA_ARGS__)

#define INTERVAL_MS_MIN 10u
/* A day: more is no check any more, and times of all loops stay far from their end. */
#define INTERVAL_MS_MAX 86400000u

static void
check_number(struct jst_report *r, const struct joist_pool_conf *p, const char *what, uint64_t v,
             uint64_t min, uint64_t max)
{
    if (v < min || v > max) {
        WRONG(r, &p->pos, "upstream '%s': %s is from %llu to %llu, not %llu", p->name, what,
              (unsigned long long)min, (unsigned long long)max, (unsigned long long)v);
    }
}

/* RFC 3986: what may stand in a request target, with `%` as it is; no fragment. */
static bool
is_target(const char *path)
{
    for (const char *p = path; *p != '\0'; p++) {
        if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f || *p == '#') {
            return false;
        }
    }
    return path[0] == '/';
}

static bool
has_control(const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f) {
            return true;
        }
    }
    return false;
}

static void
check_request(struct jst_report *r, const struct joist_pool_conf *p)
{
    const struct joist_health_conf *h = p->health;
    const char *method = h->method != NULL ? h->method : "GET";

    if (h->path != NULL && !is_target(h->path)) {
        WRONG(r, &p->pos, "upstream '%s': health.path begins with '/' and has no spaces: '%.200s'",
              p->name, h->path);
    }
    if (!jst_is_token(jst_slice_z(method)) ||
        jst_method_of(jst_slice_z(method)) == JST_METHOD_CONNECT) {
        WRONG(r, &p->pos, "upstream '%s': health.method '%.64s' is no method for a check", p->name,
              method);
    }
    if (h->host != NULL && (h->host[0] == '\0' || has_control(h->host))) {
        WRONG(r, &p->pos, "upstream '%s': health.host '%.200s' is no host", p->name, h->host);
    }
    if (h->body != NULL && (h->body[0] == '\0' || strlen(h->body) > JST_HEALTH_BODY_TEXT_MAX)) {
        WRONG(r, &p->pos, "upstream '%s': health.body is a text of 1 to %u bytes", p->name,
              JST_HEALTH_BODY_TEXT_MAX);
    }
    if (h->body != NULL && jst_method_of(jst_slice_z(method)) == JST_METHOD_HEAD) {
        WRONG(r, &p->pos,
              "upstream '%s': an answer to HEAD has no body: health.body is never found", p->name);
    }
}

static void
check_expected(struct jst_report *r, const struct joist_pool_conf *p)
{
    const struct joist_health_conf *h = p->health;

    if (h->expect_n > JST_HEALTH_RANGES_MAX) {
        WRONG(r, &p->pos, "upstream '%s': health.expect has at most %u ranges", p->name,
              JST_HEALTH_RANGES_MAX);
    }
    for (size_t i = 0; i < h->expect_n; i++) {
        const struct joist_status_range *e = &h->expect[i];

        if (e->first < 100 || e->last > 599 || e->first > e->last) {
            WRONG(r, &p->pos, "upstream '%s': health.expect is of statuses 100 to 599, not %u-%u",
                  p->name, e->first, e->last);
        }
    }
}

/* Another port needs one to be instead of. */
static void
check_port(struct jst_report *r, const struct joist_pool_conf *p)
{
    for (size_t i = 0; p->health->port > 0 && i < p->targets_n; i++) {
        const struct joist_target_conf *t = &p->targets[i];

        if (t->url != NULL && strncmp(t->url, "unix:", 5) == 0) {
            WRONG(r, &t->pos, "upstream '%s': health.port is not for a Unix socket, '%.200s'",
                  p->name, t->url);
        }
    }
}

void
jst_report_health(struct jst_report *r, const struct joist_pool_conf *p)
{
    const struct joist_health_conf *h = p->health;

    if (h == NULL) {
        return;
    }
    if (h->type != JOIST_HEALTH_TCP && h->type != JOIST_HEALTH_HTTP) {
        WRONG(r, &p->pos, "upstream '%s': there is no health check %d", p->name, (int)h->type);
    }
    check_number(r, p, "health.interval in ms", h->interval_ms, INTERVAL_MS_MIN, INTERVAL_MS_MAX);
    check_number(r, p, "health.timeout in ms", h->timeout_ms, 1, INTERVAL_MS_MAX);
    check_number(r, p, "health.up", h->up, 1, UINT32_MAX);
    check_number(r, p, "health.down", h->down, 1, UINT32_MAX);
    check_port(r, p);
    if (h->type == JOIST_HEALTH_HTTP) {
        check_request(r, p);
        check_expected(r, p);
    }
}
