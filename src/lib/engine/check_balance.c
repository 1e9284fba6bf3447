// SPDX-License-Identifier: MIT
/* How a pool chooses among its targets, and when it leaves one out. */
#include "base/bounds.h"
#include "engine/check.h"

#define WRONG(r, pos, ...) jst_report_at((r), JOIST_LOG_ERROR, JOIST_E_INVAL, (pos), __VA_ARGS__)

static bool
is_token(const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f ||
            strchr("\"(),/:;<=>?@[\\]{}", *p) != NULL) {
            return false;
        }
    }
    return *text != '\0';
}

static void
check_percent(struct jst_report *r, const struct joist_pool_conf *p, const char *what, uint32_t v,
              uint32_t min)
{
    if (v < min || v > 100) {
        WRONG(r, &p->pos, "upstream '%s': %s is a share from %u%% to 100%%, not %u%%", p->name,
              what, min, v);
    }
}

static void
check_at_least_one(struct jst_report *r, const struct joist_pool_conf *p, const char *what,
                   uint64_t v)
{
    if (v < 1 || v > UINT32_MAX) {
        WRONG(r, &p->pos, "upstream '%s': %s is from 1 to %u, not %llu", p->name, what, UINT32_MAX,
              (unsigned long long)v);
    }
}

void
jst_report_balance(struct jst_report *r, const struct joist_pool_conf *p)
{
    bool named = p->hash_by == JOIST_HASH_HEADER || p->hash_by == JOIST_HASH_COOKIE;

    if (p->strategy < JOIST_STRATEGY_SINGLE || p->strategy > JOIST_STRATEGY_RANDOM) {
        WRONG(r, &p->pos, "upstream '%s': there is no strategy %d", p->name, (int)p->strategy);
    }
    if (p->strategy == JOIST_STRATEGY_HASH && named &&
        (p->hash_name == NULL || !is_token(p->hash_name))) {
        WRONG(r, &p->pos, "upstream '%s': the hash needs the name of a header or cookie", p->name);
    }
    if (p->strategy == JOIST_STRATEGY_SINGLE && p->slow_start_ms > 0) {
        WRONG(r, &p->pos, "upstream '%s': strategy single has no slow_start", p->name);
    }
    check_percent(r, p, "panic", p->panic_percent, 0);
    if (p->queue.max > JST_QUEUE_MAX) {
        WRONG(r, &p->pos, "upstream '%s': queue.max is %u at most, not %u", p->name, JST_QUEUE_MAX,
              p->queue.max);
    }
    if (p->outlier != NULL) {
        check_percent(r, p, "outlier.max_ejected", p->outlier->max_ejected_percent, 1);
        check_at_least_one(r, p, "outlier.consecutive_5xx", p->outlier->failures);
        check_at_least_one(r, p, "outlier.eject in ms", p->outlier->eject_ms);
    }
    if (p->breaker != NULL) {
        check_percent(r, p, "breaker.error_rate", p->breaker->error_percent, 1);
        check_at_least_one(r, p, "breaker.min_requests", p->breaker->min_requests);
        check_at_least_one(r, p, "breaker.window in ms", p->breaker->window_ms);
        check_at_least_one(r, p, "breaker.open in ms", p->breaker->open_ms);
    }
}
