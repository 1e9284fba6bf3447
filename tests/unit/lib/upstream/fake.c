// SPDX-License-Identifier: MIT
#include "fake.h"

struct fake fakes[FAKES_MAX];
size_t fakes_n;
int fake_open_rc;
void (*fake_on_start)(struct fake *f, struct jst_call *call);
void (*fake_on_body)(struct jst_call *call, const struct jst_chain *body);

static struct fake *
fake_of(struct jst_client *c)
{
    return JST_CONTAINER(c, struct fake, base);
}

static void
go(struct fake *f, int why)
{
    assert_false(f->gone);
    f->gone = true;
    f->base.ev->on_gone(&f->base, f->base.ev_ctx, why);
}

/* ---- a call's two ends ---- */

static void
request_data(struct jst_sink *s, struct jst_chain *move)
{
    struct jst_call *call = JST_CONTAINER(s, struct jst_call, request);

    if (call->client == NULL) {
        jst_chain_clear(move);
        return;
    }
    if (fake_on_body != NULL) {
        fake_on_body(call, move);
    }
    fake_of(call->client)->body_bytes += move->bytes;
    call->sent_body = true;
    jst_chain_clear(move);
}

static void
request_end(struct jst_sink *s, const struct jst_fields *trailers)
{
    (void)trailers;
    struct jst_call *call = JST_CONTAINER(s, struct jst_call, request);

    if (call->client != NULL) {
        call->ended = true;
        fake_of(call->client)->ends++;
    }
}

static void
take_out(struct fake *f, struct jst_call *call)
{
    uint32_t i = 0;

    while (i < f->base.calls && f->calls[i] != call) {
        i++;
    }
    assert_true(i < f->base.calls);
    f->base.calls--;
    memmove(&f->calls[i], &f->calls[i + 1], (f->base.calls - i) * sizeof(f->calls[0]));
    f->call = f->base.calls > 0 ? f->calls[f->base.calls - 1] : NULL;
    call->client = NULL;
}

/* Its caller wants no more: plain HTTP/1.1 closes, HTTP/2 goes on. */
static void
leave(struct jst_call *call)
{
    struct fake *f;

    if (call->client == NULL) {
        return;
    }
    f = fake_of(call->client);
    take_out(f, call);
    f->left++;
    if (!f->base.h2) {
        go(f, JOIST_E_CANCELED);
    } else if (f->base.calls == 0) {
        f->base.ev->on_idle(&f->base, f->base.ev_ctx);
    }
}

static void
request_abort(struct jst_sink *s, int why)
{
    (void)why;
    leave(JST_CONTAINER(s, struct jst_call, request));
}

static void
response_cancel(struct jst_source *s, int why)
{
    (void)why;
    leave(JST_CONTAINER(s, struct jst_call, response));
}

static void
response_resume(struct jst_source *s, size_t credit)
{
    JST_CONTAINER(s, struct jst_call, response)->credit += credit;
}

static const struct jst_sink_ops request_ops = {
    .data = request_data, .end = request_end, .abort = request_abort};
static const struct jst_source_ops response_ops = {response_resume, response_cancel};

/* ---- what the pool asks ---- */

static void
start(struct jst_client *c, struct jst_call *call)
{
    struct fake *f = fake_of(c);

    assert_false(f->gone);
    assert_false(c->dial);
    assert_true(c->calls < c->calls_max && c->calls < FAKE_CALLS_MAX);
    f->calls[c->calls++] = call;
    f->call = call;
    call->client = c;
    call->request.ops = &request_ops;
    call->response.ops = &response_ops;
    call->reused = f->started > 0;
    call->connected = f->started > 0 || c->h2;
    call->got_bytes = false;
    f->started++;
    if (fake_on_start != NULL) {
        fake_on_start(f, call);
    }
}

static void
retire(struct jst_client *c)
{
    c->calls_max = 0;
    if (c->calls == 0) {
        go(fake_of(c), 0);
    }
}

static void
cut(struct jst_client *c, int why)
{
    fake_fail(fake_of(c), why, true);
}

static bool
probe(struct jst_client *c)
{
    return !fake_of(c)->dead;
}

static const struct jst_client_ops ops = {start, retire, cut, probe};

/* ---- what the test does ---- */

static struct fake *
add_fake(const struct jst_client_events *ev, void *ev_ctx)
{
    struct fake *f = &fakes[fakes_n++];

    assert_true(fakes_n <= FAKES_MAX);
    *f = (struct fake){.base = {.ops = &ops, .ev = ev, .ev_ctx = ev_ctx, .calls_max = 1}};
    jst_list_init(&f->base.pool_link);
    return f;
}

int
fake_open(struct jst_client **out, struct jst_local *local, const struct jst_client_to *to,
          const struct jst_client_events *ev, void *ev_ctx)
{
    struct fake *f;

    (void)local;
    if (fake_open_rc < 0) {
        return fake_open_rc;
    }
    f = add_fake(ev, ev_ctx);
    f->addrs_n = to->addrs_n;
    for (uint32_t i = 0; i < to->addrs_n; i++) {
        f->addrs[i] = to->addrs[to->order[i]];
    }
    f->port = jst_addr_port(&f->addrs[0]);
    f->shake_ms = to->shake_ms;
    f->step_ms = to->step_ms;
    f->tls = to->tls;
    f->session = to->session;
    f->to_h2 = to->h2;
    if (to->tls != NULL || to->h2 || to->dial) {
        f->base.dial = true;
        f->base.calls_max = 0;
    }
    *out = &f->base;
    return JOIST_OK;
}

struct fake *
fake_opened(struct fake *dial, bool h2, uint32_t calls_max)
{
    struct fake *f = add_fake(dial->base.ev, dial->base.ev_ctx);

    assert_true(dial->base.dial && !dial->gone);
    dial->gone = true;
    f->port = dial->port;
    f->base.h2 = h2;
    f->base.calls_max = calls_max;
    f->base.ev->on_opened(&dial->base, &f->base, f->base.ev_ctx);
    return f;
}

void
fake_reset(void)
{
    fakes_n = 0;
    fake_open_rc = 0;
    fake_on_start = NULL;
    fake_on_body = NULL;
}

void
fake_finish_call(struct fake *f, struct jst_call *call)
{
    bool was_full = f->base.calls >= f->base.calls_max;

    take_out(f, call);
    if (f->base.calls == 0) {
        f->base.ev->on_idle(&f->base, f->base.ev_ctx);
    } else if (was_full) {
        f->base.ev->on_room(&f->base, f->base.ev_ctx);
    }
}

void
fake_finish(struct fake *f)
{
    assert_non_null(f->call);
    fake_finish_call(f, f->call);
}

static void
tell_lost(struct fake *f, struct jst_call *call, int why)
{
    if (!f->base.ev->on_lost(f->base.ev_ctx, call, why)) {
        jst_sink_abort(call->on_response, why);
    }
}

void
fake_tell(struct fake *f, uint32_t at, bool ok)
{
    assert_true(at < f->addrs_n);
    f->base.ev->on_address(&f->base, f->base.ev_ctx, &f->addrs[at], ok);
}

void
fake_fail(struct fake *f, int why, bool connected)
{
    struct jst_call *lost[FAKE_CALLS_MAX];
    uint32_t n = f->base.calls;

    memcpy(lost, f->calls, sizeof(lost));
    for (uint32_t i = 0; i < n; i++) {
        take_out(f, lost[i]);
        lost[i]->connected = connected;
    }
    go(f, why);
    for (uint32_t i = 0; i < n; i++) {
        tell_lost(f, lost[i], why);
    }
}

void
fake_lose(struct fake *f, struct jst_call *call, int why, bool unprocessed)
{
    call->unprocessed = unprocessed;
    fake_finish_call(f, call);
    tell_lost(f, call, why);
}
