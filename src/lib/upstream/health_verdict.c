// SPDX-License-Identifier: MIT
/* What the answers of a target come to. */
#include "upstream/health_int.h"

static bool
next_verdict(struct jst_health_report *r, const struct jst_health_conf *conf)
{
    enum jst_health_verdict was = r->verdict;

    if (r->good >= conf->up) {
        r->verdict = JST_HEALTH_UP;
    } else if (r->bad >= conf->down) {
        r->verdict = JST_HEALTH_DOWN;
    }
    return r->verdict != was;
}

static void
note(struct jst_health_report *r, const struct jst_health_outcome *o, int64_t now_us)
{
    r->checks++;
    r->failures += !o->good;
    r->good = o->good ? (r->good < UINT32_MAX ? r->good + 1 : r->good) : 0;
    r->bad = o->good ? 0 : (r->bad < UINT32_MAX ? r->bad + 1 : r->bad);
    r->last_good = o->good;
    r->status = o->status;
    r->why = o->why;
    r->last_us = now_us;
    r->took_us = o->took_us;
    memcpy(r->text, o->text, sizeof(r->text));
}

void
jst_health_count_down(struct jst_local *local, enum jst_health_verdict was,
                      enum jst_health_verdict is)
{
    if (is == JST_HEALTH_DOWN && was != JST_HEALTH_DOWN) {
        JST_STAT_ADD(local, targets_down, 1);
    } else if (is != JST_HEALTH_DOWN && was == JST_HEALTH_DOWN) {
        JST_STAT_SUB(local, targets_down, 1);
    }
}

/* Every reactor sees it at its next pick. */
static void
set_down(const struct jst_tracking *tracking, struct jst_tstate *state, bool down, uint64_t now_ms)
{
    if ((__atomic_load_n(&state->down, __ATOMIC_RELAXED) != 0) == down) {
        return;
    }
    if (!down) {
        __atomic_store_n(&state->since_ms, now_ms, __ATOMIC_RELAXED);
    }
    __atomic_store_n(&state->down, down, __ATOMIC_RELAXED);
    jst_states_changed(tracking->states);
}

static void
tell(const struct jst_health_target *t, const struct jst_health_report *r,
     enum jst_health_verdict was, int64_t since_us)
{
    const struct jst_pool *pool = t->entry->pool;
    struct jst_log *log = t->entry->h->local->log;
    struct jst_slice name = pool->v[t->number].label;

    if (r->verdict == JST_HEALTH_DOWN) {
        JST_LOG(log, WARN, UPSTREAM_DOWN, "upstream=%s target=%.*s failures=%u check=\"%s\"",
                jst_health_name(pool), JST_PRI(name), r->bad, r->text);
    } else if (was == JST_HEALTH_DOWN) {
        JST_LOG(log, INFO, UPSTREAM_UP, "upstream=%s target=%.*s down_ms=%lld check=\"%s\"",
                jst_health_name(pool), JST_PRI(name),
                (long long)((r->changed_us - since_us) / 1000), r->text);
    } else {
        JST_LOG(log, DEBUG, UPSTREAM_UP, "upstream=%s target=%.*s check=\"%s\"",
                jst_health_name(pool), JST_PRI(name), r->text);
    }
}

/* Once for a row of them. */
static void
tell_failure(const struct jst_health_target *t, const struct jst_health_report *r)
{
    const struct jst_pool *pool = t->entry->pool;

    if (r->bad == 1 && r->verdict != JST_HEALTH_DOWN) {
        JST_LOG(t->entry->h->local->log, INFO, UPSTREAM_CHECK_FAILED,
                "upstream=%s target=%.*s down_after=%u check=\"%s\"", jst_health_name(pool),
                JST_PRI(pool->v[t->number].label), t->entry->conf->down, r->text);
    }
}

void
jst_health_judge(struct jst_health_target *t, const struct jst_health_outcome *o)
{
    struct jst_tracking *tracking = t->entry->pool->tracking;
    struct jst_tstate *state = tracking->v[t->number];
    struct jst_health_record *record = jst_health_record_of(state);
    struct jst_local *local = t->entry->h->local;
    struct jst_health_report r = record->report; /* nobody else writes it */
    enum jst_health_verdict was = r.verdict;
    int64_t since_us = r.changed_us;
    int64_t now_us = jst_loop_wall_us(local->loop);

    note(&r, o, now_us);
    if (!next_verdict(&r, t->entry->conf)) {
        jst_health_record_write(record, &r);
        tell_failure(t, &r);
        return;
    }
    r.changed_us = now_us;
    memcpy(r.reason, r.text, sizeof(r.reason));
    jst_health_record_write(record, &r);
    set_down(tracking, state, r.verdict == JST_HEALTH_DOWN, jst_loop_now_ms(local->loop));
    jst_health_count_down(local, was, r.verdict);
    tell(t, &r, was, since_us);
}

/* ---- without a check of its own ---- */

/* Nobody checks them any more: nobody could find them well again. */
void
jst_health_forget_verdicts(struct jst_health_entry *e)
{
    struct jst_tracking *tracking = e->pool->tracking;
    uint64_t now_ms = jst_loop_now_ms(e->h->local->loop);

    JST_LIST_FOREACH (node, &e->targets) {
        struct jst_health_target *t = JST_CONTAINER(node, struct jst_health_target, link);
        struct jst_tstate *state = tracking->v[t->number];
        struct jst_health_report r = jst_health_record_of(state)->report;

        jst_health_count_down(e->h->local, r.verdict, JST_HEALTH_UNKNOWN);
        r.verdict = JST_HEALTH_UNKNOWN;
        r.good = r.bad = 0;
        jst_health_record_write(jst_health_record_of(state), &r);
        set_down(tracking, state, false, now_ms);
    }
}

void
jst_health_begin_as(const struct jst_tracking *tracking, struct jst_tstate *state, bool good,
                    const struct jst_health_outcome *o, struct jst_local *local)
{
    struct jst_health_record *record = jst_health_record_of(state);
    struct jst_health_report r = record->report;

    if (record->checker != NULL || r.verdict != JST_HEALTH_UNKNOWN) {
        return;
    }
    note(&r, o, jst_loop_wall_us(local->loop));
    r.verdict = good ? JST_HEALTH_UP : JST_HEALTH_DOWN;
    r.changed_us = r.last_us;
    memcpy(r.reason, r.text, sizeof(r.reason));
    jst_health_record_write(record, &r);
    set_down(tracking, state, !good, jst_loop_now_ms(local->loop));
}
