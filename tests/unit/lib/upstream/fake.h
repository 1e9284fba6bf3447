// SPDX-License-Identifier: MIT
#pragma once
/*
 * Connections that the test drives: no sockets, every call counted. Plain HTTP/1.1 is open at once;
 * all else is a dial until fake_opened() or fake_fail().
 */
#include "upstream/live.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define FAKES_MAX      640
#define FAKE_CALLS_MAX 16

struct fake {
    struct jst_client base;                 /* first */
    struct jst_call *calls[FAKE_CALLS_MAX]; /* under way, oldest first: base.calls of them */
    struct jst_call *call;                  /* the one begun last; NULL: idle */
    struct jst_tls_client *tls;             /* what it was opened with */
    struct jst_tls_session **session;
    struct jst_addr addrs[JST_TARGET_ADDRS_MAX]; /* where it was opened to, in order */
    uint32_t addrs_n;
    uint32_t shake_ms;
    uint32_t step_ms;
    uint16_t port; /* of the first of them */
    bool to_h2;    /* opened for HTTP/2 by prior knowledge */
    bool gone;
    bool dead; /* what a probe finds */
    unsigned started;
    size_t body_bytes; /* of all its calls */
    unsigned ends;     /* request bodies that ended */
    unsigned left;     /* calls that their callers cancelled */
};

/* All that were opened, in order; filled by fake_open and fake_opened. */
extern struct fake fakes[FAKES_MAX];
extern size_t fakes_n;
extern int fake_open_rc; /* < 0: the next opens fail */
/* NULL, or told of each start, and of body before it is dropped. */
extern void (*fake_on_start)(struct fake *f, struct jst_call *call);
extern void (*fake_on_body)(struct jst_call *call, const struct jst_chain *body);

jst_client_open_f fake_open;

void fake_reset(void);

/* A dial is through: the client that goes on in its place. */
struct fake *fake_opened(struct fake *dial, bool h2, uint32_t calls_max);

/* The call is over, the connection is kept. */
void fake_finish(struct fake *f);
void fake_finish_call(struct fake *f, struct jst_call *call);

/* What became of addrs[at]. */
void fake_tell(struct fake *f, uint32_t at, bool ok);

/* The connection is gone, and all its calls are lost. */
void fake_fail(struct fake *f, int why, bool connected);

/* One call is lost, the connection goes on. */
void fake_lose(struct fake *f, struct jst_call *call, int why, bool unprocessed);
