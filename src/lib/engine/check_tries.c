// SPDX-License-Identifier: MIT
/* When a pool's requests are tried again, and how long they wait. */
#include "base/bounds.h"
#include "engine/check.h"

#define WRONG(r, pos, ...) jst_report_at((r), JOIST_LOG_ERROR, JOIST_E_INVAL, (pos), __VA_ARGS__)

/* A day: times of all loops stay far from their end. */
#define WAIT_MS_MAX 86400000u

static void
check_number(struct jst_report *r, const struct joist_pool_conf *p, const char *what, uint64_t v,
             uint64_t min, uint64_t max)
{
    if (v < min || v > max) {
        WRONG(r, &p->pos, "upstream '%s': %s is from %llu to %llu, not %llu", p->name, what,
              (unsigned long long)min, (unsigned long long)max, (unsigned long long)v);
    }
}

static void
check_retry(struct jst_report *r, const struct joist_pool_conf *p)
{
    const struct joist_retry_conf *retry = p->retry;

    check_number(r, p, "retry.attempts", retry->attempts, 1, JST_RETRY_ATTEMPTS_MAX);
    check_number(r, p, "retry.backoff in ms", retry->backoff_ms, 0, WAIT_MS_MAX);
    check_number(r, p, "retry.backoff_max in ms", retry->backoff_max_ms, 0, WAIT_MS_MAX);
    check_number(r, p, "retry.budget in percent", retry->budget_percent, 0, 100);
    for (size_t i = 0; i < retry->on_n; i++) { /* a switch of protocols is never tried again */
        check_number(r, p, "a status of retry.on", retry->on[i], 300, 599);
    }
}

void
jst_report_tries(struct jst_report *r, const struct joist_pool_conf *p)
{
    check_number(r, p, "queue.timeout in ms", p->queue.timeout_ms, 0, WAIT_MS_MAX);
    if (p->hedge != NULL) {
        check_number(r, p, "hedge.after in ms", p->hedge->after_ms, 1, WAIT_MS_MAX);
    }
    if (p->retry != NULL) {
        check_retry(r, p);
    }
}
