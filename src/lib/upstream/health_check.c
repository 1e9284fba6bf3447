// SPDX-License-Identifier: MIT
#include "upstream/health_check.h"

#include "base/bounds.h"
#include "base/str.h"
#include "upstream/live.h"
#include "wire/tls.h"

#include <joist/joist.h>
#include <stdlib.h>

#define USER_AGENT "joist-health/" JOIST_VERSION

static uint64_t
elapsed_us(const struct jst_health_check *k)
{
    return (jst_loop_read_ns(k->local->loop) - k->start_ns) / 1000;
}

/* ---- deciding ---- */

static void
decide(struct jst_health_check *k, bool good, int why)
{
    if (k->decided || k->closing) {
        return;
    }
    k->decided = true;
    k->outcome.good = good;
    k->outcome.why = why;
    k->outcome.took_us = elapsed_us(k);
    jst_health_check_print(k);
}

/* Never within what a client tells. */
static void
go_on_later(struct jst_health_check *k)
{
    if (!k->closing) {
        jst_loop_post(k->local->loop, &k->task);
    }
}

static void
finish(struct jst_health_check *k, bool good, int why)
{
    decide(k, good, why);
    k->over = true;
    go_on_later(k);
}

/* ---- what the origin answers ---- */

static struct jst_health_check *
of_sink(struct jst_sink *s)
{
    return JST_CONTAINER(s, struct jst_health_check, on_response);
}

static void
response_head(struct jst_sink *s, const struct jst_head *head)
{
    struct jst_health_check *k = of_sink(s);

    if (head->status < 200 && head->status != 101) {
        return;
    }
    k->outcome.status = head->status;
    if (!jst_health_expects(k->conf, head->status)) {
        decide(k, false, 0);
    } else if (k->conf->text.n == 0) {
        decide(k, true, 0);
    }
    go_on_later(k);
}

static void
look_for_text(struct jst_health_check *k, const struct jst_chain *body)
{
    size_t left = JST_HEALTH_BODY_BYTES - JST_MIN(k->body_bytes, JST_HEALTH_BODY_BYTES);

    for (const struct jst_seg *seg = body->first; seg != NULL && left > 0; seg = seg->next) {
        size_t n = JST_MIN(seg->n, left);

        k->matched = jst_health_match(k->conf, k->matched, jst_slice(seg->p, n));
        left -= n;
    }
    if (k->matched == k->conf->text.n) {
        decide(k, true, 0);
    }
}

static void
response_data(struct jst_sink *s, struct jst_chain *move)
{
    struct jst_health_check *k = of_sink(s);

    if (!k->decided) {
        look_for_text(k, move);
    }
    k->body_bytes += move->bytes;
    jst_chain_clear(move);
    if (k->body_bytes >= JST_HEALTH_BODY_BYTES) {
        finish(k, false, 0);
    } else {
        go_on_later(k);
    }
}

static void
response_end(struct jst_sink *s, const struct jst_fields *trailers)
{
    struct jst_health_check *k = of_sink(s);

    (void)trailers;
    k->in_call = false;
    finish(k, false, 0); /* what was expected would have been decided */
}

static void
keep_error(struct jst_health_check *k, struct jst_slice words)
{
    (void)jst_fmt(k->error, sizeof(k->error), "%.*s", (int)JST_MIN(words.n, sizeof(k->error)),
                  words.n > 0 ? words.p : "");
}

static void
response_abort(struct jst_sink *s, int why)
{
    struct jst_health_check *k = of_sink(s);

    k->in_call = false;
    keep_error(k, k->call.tls_error);
    finish(k, false, why);
}

static const struct jst_sink_ops on_response_ops = {
    response_head,
    response_data,
    response_end,
    response_abort,
};

static void
no_body(struct jst_source *s, size_t credit)
{
    (void)s;
    (void)credit;
}

static void
no_cancel(struct jst_source *s, int why)
{
    (void)s;
    (void)why;
}

static const struct jst_source_ops on_request_ops = {no_body, no_cancel};

/* ---- what connections tell ---- */

static void
on_opened(struct jst_client *c, struct jst_client *now, void *ctx)
{
    struct jst_health_check *k = ctx;

    (void)c;
    k->client = now;
    k->connected = true;
    if (k->conf->type == JOIST_HEALTH_TCP) {
        finish(k, true, 0);
    } else {
        k->starts = true;
        jst_loop_defer(k->local->loop, &k->task); /* behind a PROXY header, which leaves first */
    }
}

static void
on_gone(struct jst_client *c, void *ctx, int why)
{
    struct jst_health_check *k = ctx;

    k->client = NULL;
    if (k->closing) {
        return;
    }
    if (!k->connected) {
        keep_error(k, c->error);
    }
    if (!k->in_call) {
        finish(k, false, why < 0 ? why : JOIST_E_CLOSED);
    }
}

static bool
on_lost(void *ctx, struct jst_call *call, int why)
{
    (void)ctx;
    (void)call;
    (void)why;
    return false;
}

static void
on_address(struct jst_client *c, void *ctx, const struct jst_addr *addr, bool ok)
{
    (void)c;
    (void)ctx;
    (void)addr;
    (void)ok;
}

static void
on_state(struct jst_client *c, void *ctx)
{
    (void)c;
    (void)ctx;
}

static const struct jst_client_events client_events = {
    .on_idle = on_state,
    .on_room = on_state,
    .on_address = on_address,
    .on_opened = on_opened,
    .on_gone = on_gone,
    .on_lost = on_lost,
};

/* ---- asking ---- */

/* All its addresses race for it. */
static void
open_dial(struct jst_health_check *k)
{
    uint8_t order[JST_TARGET_ADDRS_MAX];
    struct jst_client_to to = {
        .addrs = k->addrs->v,
        .order = order,
        .addrs_n = JST_MIN(k->addrs->n, JST_TARGET_ADDRS_MAX),
        .step_ms = (uint32_t)JST_MIN(k->conf->timeout_ms / k->addrs->n + 1, JST_RACE_STEP_MS),
        .tls = k->target->tls,
        .session = &k->session,
        .h2 = k->target->h2c,
        .dial = true,
        .keepalive_ms = k->conf->timeout_ms,
        .proxy_version = k->target->proxy_version,
    };
    int rc;

    for (uint32_t i = 0; i < to.addrs_n; i++) {
        order[i] = (uint8_t)i;
    }
    rc = k->open(&k->client, k->local, &to, &client_events, k);
    if (rc < 0) {
        k->client = NULL;
        finish(k, false, rc);
    }
}

static void
start_call(struct jst_health_check *k)
{
    const struct jst_health_conf *c = k->conf;
    struct jst_slice own = k->target->host.n > 0 ? k->target->name : JST_S("localhost");

    k->starts = false;
    if (k->client == NULL) { /* it did not even wait for the question */
        return;
    }
    k->req = (struct jst_head){.method = jst_method_of(c->method),
                               .method_text = c->method,
                               .scheme = k->target->tls != NULL ? JST_S("https") : JST_S("http"),
                               .fields = {k->fields, 0, JST_COUNT(k->fields)}};
    (void)jst_fields_add(&k->req.fields, JST_S("User-Agent"), JST_S(USER_AGENT));
    (void)jst_fields_add(&k->req.fields, JST_S("Accept"), JST_S("*/*"));
    k->call = (struct jst_call){.req = &k->req,
                                .on_response = &k->on_response,
                                .on_request = &k->on_request,
                                .timeouts = &k->timeouts,
                                .host = c->host.n > 0 ? c->host : own,
                                .path = c->path,
                                .query = c->query,
                                .arena = &k->arena,
                                .h2 = k->client->h2};
    jst_list_init(&k->call.wait_link);
    k->in_call = true;
    k->client->ops->start(k->client, &k->call);
    jst_source_resume(&k->call.response, JST_HEALTH_BODY_BYTES);
}

/* ---- life of one ---- */

static void
close_client(struct jst_health_check *k)
{
    struct jst_client *c = k->client;

    if (c != NULL && !k->in_call && k->connected) {
        c->ops->retire(c); /* with a FIN: all was said */
    }
    if (k->client != NULL) {
        k->client->ops->cut(k->client, JOIST_E_CANCELED);
    }
    JST_ASSERT(k->client == NULL);
}

static void
close_check(struct jst_health_check *k)
{
    k->closing = true;
    close_client(k);
    jst_task_cancel(k->local->loop, &k->task);
    jst_timer_stop(&k->timer);
    jst_tls_session_free(&k->session);
    jst_arena_fini(&k->arena);
    free(k->addrs);
    k->addrs = NULL;
    k->running = false;
}

static void
go_on(struct jst_health_check *k)
{
    if (k->starts && !k->over) {
        start_call(k);
    }
    if (k->decided && !k->told) {
        k->told = true;
        k->on_result(k, &k->outcome);
    }
    if (k->over) {
        close_check(k);
        k->on_closed(k);
    }
}

static void
run_task(struct jst_task *t)
{
    go_on(JST_CONTAINER(t, struct jst_health_check, task));
}

static void
on_timer(struct jst_timer *t)
{
    struct jst_health_check *k = JST_CONTAINER(t, struct jst_health_check, timer);

    decide(k, false, JOIST_E_TIMEOUT);
    k->over = true;
    go_on(k);
}

/* A copy: the thread is no reactor, and another port may be asked. */
static int
copy_addrs(struct jst_health_check *k)
{
    const struct jst_target *t = k->target;

    if (t->dns != NULL) {
        k->addrs = k->names != NULL ? jst_name_copy_addrs(k->names, t->dns) : NULL;
    } else if (t->addrs != NULL) {
        size_t bytes = sizeof(*t->addrs) + t->addrs->n * sizeof(t->addrs->v[0]);

        k->addrs = malloc(bytes);
        if (k->addrs == NULL) {
            return JOIST_E_NOMEM;
        }
        memcpy(k->addrs, t->addrs, bytes);
    }
    if (k->addrs == NULL || k->addrs->n == 0) {
        return JOIST_E_RESOLVE;
    }
    k->addrs->n = jst_addrs_own_n(k->addrs);
    for (uint32_t i = 0; k->conf->port > 0 && i < k->addrs->n; i++) {
        jst_addr_set_port(&k->addrs->v[i], k->conf->port);
    }
    return JOIST_OK;
}

void
jst_health_check_start(struct jst_health_check *k, const struct jst_target *target,
                       const struct jst_health_conf *conf)
{
    struct jst_loop *l = k->local->loop;
    int rc;

    JST_ASSERT(!k->running);
    k->running = true;
    k->target = target;
    k->conf = conf;
    k->start_ns = jst_loop_read_ns(l);
    k->body_bytes = 0;
    k->matched = 0;
    k->connected = k->starts = k->in_call = k->decided = k->told = k->over = k->closing = false;
    k->outcome = (struct jst_health_outcome){0};
    k->error[0] = '\0';
    k->call.detail = NULL;
    jst_timer_set(l, &k->timer, jst_loop_now_ms(l) + conf->timeout_ms);
    rc = copy_addrs(k);
    if (rc < 0) {
        finish(k, false, rc);
    } else {
        open_dial(k);
    }
}

void
jst_health_check_cancel(struct jst_health_check *k)
{
    if (k->running) {
        close_check(k);
    }
}

int
jst_health_check_init(struct jst_health_check *k)
{
    k->task.run = run_task;
    k->on_response.ops = &on_response_ops;
    k->on_request.ops = &on_request_ops;
    return jst_timer_init(k->local->loop, &k->timer, on_timer);
}

void
jst_health_check_fini(struct jst_health_check *k)
{
    JST_ASSERT(!k->running);
    jst_timer_fini(k->local->loop, &k->timer);
}
