// SPDX-License-Identifier: MIT
#include "engine/engine_int.h"
#include "upstream/health.h"
#include "upstream/state.h"

#include <sched.h>
#include <stdlib.h>
#include <time.h>

/* ---- creating ---- */

static size_t
count_threads(const struct joist_conf *conf)
{
    cpu_set_t cpus;
    int n = 1;

    if (conf->threads > 0) {
        return conf->threads;
    }
    if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0) {
        n = CPU_COUNT(&cpus);
    }
    return (size_t)JST_MIN(JST_MAX(n, 1), (int)JST_THREADS_MAX);
}

/* All that can be wrong before anything is bound. Certificates and keys are loaded on the way;
 * `*out` stays as it is on failure. `from`: what the making of pools will tell itself is not told
 * here. */
static int
check_and_load(struct jst_fronts **out, const struct joist_conf *conf,
               struct jst_tls_tickets *tickets, struct jst_report *r, enum joist_log_level from)
{
    struct jst_fronts *fronts = NULL;

    if (jst_report_conf(r, conf)) {
        (void)jst_fronts_create(&fronts, conf, tickets, r); /* what fails is counted in r */
        jst_report_cert_names(r, conf);
        jst_report_target_files(r, conf, from);
    }
    if (r->errors == 0) {
        JST_ASSERT(fronts != NULL);
        *out = fronts;
        return JOIST_OK;
    }
    jst_fronts_destroy(&fronts);
    return r->no_memory ? JOIST_E_NOMEM : JOIST_E_INVAL;
}

static int
create_tickets(struct jst_tls_tickets **out, struct jst_report *r)
{
    int rc = jst_tls_tickets_create(out);

    if (rc < 0) {
        jst_report_at(r, JOIST_LOG_ERROR, rc, NULL, "cannot make the keys of session tickets: %s",
                      rc == JOIST_E_IO ? "the system has no random numbers" : joist_error_text(rc));
    }
    return rc;
}

int
joist_conf_check(const struct joist_conf *conf, joist_report_f *report, void *report_ctx)
{
    struct jst_report r = {.fn = report, .ctx = report_ctx};
    struct jst_tls_tickets *tickets = NULL;
    struct jst_fronts *fronts = NULL;
    int rc = create_tickets(&tickets, &r);

    if (rc == JOIST_OK) {
        rc = check_and_load(&fronts, conf, tickets, &r, JOIST_LOG_DEBUG);
    }
    jst_fronts_destroy(&fronts);
    jst_tls_tickets_destroy(&tickets);
    return rc;
}

static int
open_listeners(struct joist_engine *e, const struct joist_conf *conf, size_t reactors,
               struct jst_report *r)
{
    int first = JOIST_OK;

    e->listeners = calloc(conf->listeners_n, sizeof(*e->listeners));
    if (e->listeners == NULL) {
        return JOIST_E_NOMEM;
    }
    for (size_t i = 0; i < conf->listeners_n; i++) { /* all of them: all errors at once */
        int rc = jst_listener_open(&e->listeners[i], &conf->listeners[i], reactors, r);

        e->listeners_n++;
        first = first < 0 ? first : rc;
    }
    return first;
}

static int
create_reactors(struct joist_engine *e, size_t n)
{
    e->reactors = calloc(n, sizeof(struct jst_reactor *));
    e->orders = calloc(n, sizeof(*e->orders));
    e->ends = calloc(n, sizeof(*e->ends));
    e->news = calloc(n, sizeof(*e->news));
    if (e->reactors == NULL || e->orders == NULL || e->ends == NULL || e->news == NULL) {
        return JOIST_E_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        int rc = jst_reactor_create(&e->reactors[i], e, i);

        if (rc < 0) {
            return rc;
        }
        e->reactors_n++;
    }
    return JOIST_OK;
}

/* Waits count by the monotonic clock: a step of the wall clock must not make them longer. */
static void
init_changed(struct joist_engine *e)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&e->changed, &attr);
    pthread_condattr_destroy(&attr);
}

int
joist_engine_create(struct joist_engine **out, const struct joist_conf *conf,
                    joist_report_f *report, void *report_ctx)
{
    struct jst_report r = {.fn = report, .ctx = report_ctx};
    size_t threads = count_threads(conf);
    struct jst_fronts *fronts = NULL;
    struct joist_engine *e = calloc(1, sizeof(*e));
    int rc;

    if (e == NULL) {
        return JOIST_E_NOMEM;
    }
    e->threads = threads;
    pthread_mutex_init(&e->control, NULL);
    pthread_mutex_init(&e->lock, NULL);
    init_changed(e);
    if ((rc = jst_states_create(&e->states)) < 0 || (rc = create_tickets(&e->tickets, &r)) < 0 ||
        (rc = check_and_load(&fronts, conf, e->tickets, &r, JOIST_LOG_ERROR)) < 0 ||
        (rc = jst_logger_create(&e->logger, &conf->log, threads + 3)) < 0 ||
        (rc = jst_client_table_create(&e->clients)) < 0 ||
        (rc = jst_resolver_create(e, conf)) < 0 || (rc = jst_checker_create(e)) < 0) {
        goto fail;
    }
    e->log = jst_logger_source(e->logger, 0);
    if ((rc = open_listeners(e, conf, threads, &r)) < 0 ||
        (rc = jst_snapshot_create(&e->current, conf, &fronts, e->names, &r)) < 0 ||
        (rc = jst_snapshot_track(e->current, conf, e->states)) < 0 ||
        (rc = jst_snapshot_expand(e->current, e->names)) < 0 ||
        (rc = create_reactors(e, threads)) < 0) {
        goto fail;
    }
    *out = e;
    return JOIST_OK;
fail:
    jst_fronts_destroy(&fronts);
    joist_engine_destroy(&e);
    return rc;
}

/* ---- the public calls ---- */

void
jst_engine_set_state(struct joist_engine *e, enum joist_state state)
{
    __atomic_store_n(&e->state, (int)state, __ATOMIC_RELEASE);
}

enum joist_state
joist_engine_state(const struct joist_engine *e)
{
    return (enum joist_state)__atomic_load_n(&e->state, __ATOMIC_ACQUIRE);
}

int
joist_engine_start(struct joist_engine *e)
{
    char where[JST_ADDR_TEXT_BYTES];
    struct jst_health_set *checks = NULL;
    int rc;

    if (joist_engine_state(e) != JOIST_STATE_READY) {
        return JOIST_E_STATE;
    }
    rc = jst_health_prepare(e->health, &checks, e->current->pools, e->current->pools_n);
    if (rc == JOIST_OK) {
        rc = jst_logger_start(e->logger);
    }
    for (size_t i = 0; i < e->reactors_n && rc == JOIST_OK; i++) {
        rc = jst_reactor_start(e->reactors[i]);
    }
    if (rc < 0) {
        /* Some threads may run: not to be started twice. */
        jst_engine_set_state(e, JOIST_STATE_STOPPED);
        jst_health_discard(&checks);
        return rc;
    }
    jst_health_commit(e->health, &checks); /* first: nobody can have changed a pool yet */
    jst_engine_set_state(e, JOIST_STATE_RUNNING);
    for (size_t i = 0; i < e->listeners_n; i++) {
        jst_addr_print(where, &e->listeners[i].addr);
        JST_LOG(&e->log->log, INFO, LISTENING, "listener=%.*s addr=%s threads=%zu",
                JST_PRI(e->listeners[i].name), where, e->reactors_n);
    }
    jst_resolver_serve(e);
    return JOIST_OK;
}

static bool
has_same_listeners(const struct joist_engine *e, const struct joist_conf *conf)
{
    struct jst_addr a;

    if (conf->listeners_n != e->listeners_n) {
        return false;
    }
    for (size_t i = 0; i < e->listeners_n; i++) {
        const struct joist_listener_conf *l = &conf->listeners[i];

        if (l->reuse_fds != e->listeners[i].lent) {
            return false;
        }
        if (l->reuse_fds ? l->fds_n != e->listeners[i].fds_n ||
                               memcmp(l->fds, e->listeners[i].fds, l->fds_n * sizeof(int)) != 0
                         : jst_addr_parse(&a, jst_slice_z(l->bind)) < 0 ||
                               !jst_addr_eq(&a, &e->listeners[i].asked)) {
            return false;
        }
    }
    return true;
}

/* With `control` held. Takes the reference, also on failure. */
static int
put_in_place(struct joist_engine *e, struct jst_snapshot *next, const struct joist_conf *conf)
{
    struct jst_health_set *checks = NULL;
    struct jst_snapshot *before = next;
    int rc = jst_snapshot_track(next, conf, e->states);

    if (rc == JOIST_OK) {
        rc = jst_snapshot_expand(next, e->names);
    }
    if (rc == JOIST_OK) {
        rc = jst_health_prepare(e->health, &checks, next->pools, next->pools_n);
    }
    if (rc == JOIST_OK) {
        rc = jst_order_prepare(e, next);
    }
    if (rc == JOIST_OK) {
        rc = jst_order_commit(e);
        jst_health_commit(e->health, &checks);
        before = e->current;
        e->current = next;
        for (size_t i = 0; i < next->pools_n; i++) {
            jst_control_settle(next->pools[i]);
        }
    }
    jst_health_discard(&checks);
    jst_snapshot_unref(&before);
    return rc;
}

int
joist_engine_swap(struct joist_engine *e, const struct joist_conf *conf, joist_report_f *report,
                  void *report_ctx)
{
    struct jst_report r = {.fn = report, .ctx = report_ctx};
    struct jst_fronts *fronts = NULL;
    struct jst_snapshot *next;
    int rc;

    if (joist_engine_state(e) != JOIST_STATE_RUNNING) {
        return JOIST_E_STATE;
    }
    rc = check_and_load(&fronts, conf, e->tickets, &r, JOIST_LOG_ERROR);
    if (rc < 0) {
        return rc;
    }
    if (!has_same_listeners(e, conf) || count_threads(conf) != e->reactors_n ||
        !jst_logger_has_conf(e->logger, &conf->log)) {
        jst_report_at(&r, JOIST_LOG_ERROR, JOIST_E_UNSUPPORTED, NULL,
                      "the addresses of listeners, threads and log cannot change while the engine "
                      "runs");
        jst_fronts_destroy(&fronts);
        return JOIST_E_UNSUPPORTED;
    }
    (void)jst_names_set(e->names, &conf->dns); /* checked */
    rc = jst_snapshot_create(&next, conf, &fronts, e->names, &r);
    if (rc < 0) {
        return rc;
    }
    pthread_mutex_lock(&e->control);
    rc = put_in_place(e, next, conf);
    if (rc == JOIST_OK) {
        JST_LOG(&e->log->log, INFO, SWAPPED, "routes=%zu upstreams=%zu", next->routes_n,
                next->pools_n);
    }
    pthread_mutex_unlock(&e->control);
    return rc;
}

void
joist_engine_destroy(struct joist_engine **take)
{
    struct joist_engine *e = *take;

    *take = NULL;
    if (e == NULL) {
        return;
    }
    jst_resolver_stop(e);
    for (size_t i = 0; i < e->reactors_n; i++) {
        jst_reactor_destroy(&e->reactors[i]);
    }
    free(e->reactors);
    free(e->orders);
    free(e->ends);
    free(e->news);
    for (size_t i = 0; i < e->listeners_n; i++) {
        jst_listener_close(&e->listeners[i]);
    }
    free(e->listeners);
    jst_checker_destroy(e);
    jst_snapshot_unref(&e->current);
    jst_states_destroy(&e->states);
    jst_names_destroy(&e->names);
    jst_tls_tickets_destroy(&e->tickets);
    jst_client_table_destroy(&e->clients);
    jst_logger_destroy(&e->logger);
    pthread_cond_destroy(&e->changed);
    pthread_mutex_destroy(&e->lock);
    pthread_mutex_destroy(&e->control);
    free(e);
}

uint16_t
joist_engine_port(const struct joist_engine *e, size_t listener)
{
    return listener < e->listeners_n ? jst_addr_port(&e->listeners[listener].addr) : 0;
}

void
joist_engine_stats(const struct joist_engine *e, struct joist_stats *out)
{
    *out = (struct joist_stats){0};
    for (size_t i = 0; i < e->reactors_n; i++) {
        const struct joist_stats *one = &e->reactors[i]->local.stats;

#define X(name, text) out->name += __atomic_load_n(&one->name, __ATOMIC_RELAXED);
        JOIST_COUNTER_MAP(X)
#undef X
    }
    jst_checker_add_stats(e, out);
    for (size_t i = 0; i < e->reactors_n + 3;
         i++) { /* the caller's, the resolver's, the checker's */
        out->log_dropped +=
            __atomic_load_n(&jst_logger_source(e->logger, i)->dropped, __ATOMIC_RELAXED);
    }
}
