// SPDX-License-Identifier: MIT
#pragma once
/*
 * Connections that the test drives: no sockets, every call counted.
 */
#include "upstream/live.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define FAKES_MAX 64

struct fake {
    struct jst_client base; /* first */
    struct jst_call *call;  /* NULL: idle */
    uint16_t port;          /* where it was opened to */
    bool gone;
    bool dead; /* what a probe finds */
    unsigned started;
};

/* All that were opened, in order; filled by fake_open. */
extern struct fake fakes[FAKES_MAX];
extern size_t fakes_n;
extern int fake_open_rc; /* < 0: the next opens fail */

jst_client_open_f fake_open;

void fake_reset(void);
void fake_finish(struct fake *f); /* the call is over, the connection is kept */
void fake_fail(struct fake *f, int why, bool connected);
