// SPDX-License-Identifier: MIT
#include "fake.h"

struct fake fakes[FAKES_MAX];
size_t fakes_n;
int fake_open_rc;

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

static void
start(struct jst_client *c, struct jst_call *call)
{
    struct fake *f = fake_of(c);

    assert_false(f->gone);
    assert_null(f->call);
    f->call = call;
    call->client = c;
    call->reused = f->started > 0;
    call->connected = f->started > 0;
    call->got_bytes = false;
    f->started++;
}

static void
retire(struct jst_client *c)
{
    if (fake_of(c)->call == NULL) {
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

int
fake_open(struct jst_client **out, struct jst_local *local, const struct jst_client_to *to,
          const struct jst_client_events *ev, void *ev_ctx)
{
    struct fake *f = &fakes[fakes_n];

    (void)local;
    if (fake_open_rc < 0) {
        return fake_open_rc;
    }
    assert_true(fakes_n < FAKES_MAX);
    fakes_n++;
    *f =
        (struct fake){.base = {.ops = &ops, .ev = ev, .ev_ctx = ev_ctx, .calls_max = 1},
                        .port = jst_addr_port(to->addr)};
    jst_list_init(&f->base.pool_link);
    *out = &f->base;
    return JOIST_OK;
}

void
fake_reset(void)
{
    fakes_n = 0;
    fake_open_rc = 0;
}

void
fake_finish(struct fake *f)
{
    assert_non_null(f->call);
    f->call->client = NULL;
    f->call = NULL;
    f->base.ev->on_idle(&f->base, f->base.ev_ctx);
}

void
fake_fail(struct fake *f, int why, bool connected)
{
    struct jst_call *call = f->call;
    const struct jst_client_events *ev = f->base.ev;
    void *ctx = f->base.ev_ctx;

    f->call = NULL;
    go(f, why);
    if (call == NULL) {
        return;
    }
    call->client = NULL;
    call->connected = connected;
    if (!ev->on_lost(ctx, call, why)) {
        jst_sink_abort(call->on_response, why);
    }
}
