// SPDX-License-Identifier: MIT
#pragma once
/* What tests of further tries share: three plain targets, and what their connections do. */
#include "rig.h"

#include "upstream/guard.h"

/* So many attempts, after failures and after 503 and 429, at once, without a budget. */
struct joist_retry_conf tries_retry(uint32_t attempts);
void tries_init(struct rig *r, const struct joist_retry_conf *retry,
                const struct joist_hedge_conf *hedge, size_t n);

/* The connection that was opened last; it stands, and the request is out. */
struct fake *tries_last(void);
struct jst_call *tries_connect(void);

void tries_head(struct jst_call *call, uint16_t status);
void tries_end(struct fake *f, struct jst_call *call);

/* Nothing is in flight, nothing taken of the budget; then the end. */
void tries_check_quiet(const struct rig *r);
void tries_finish(struct rig *r);
