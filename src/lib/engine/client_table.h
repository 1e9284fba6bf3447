// SPDX-License-Identifier: MIT
#pragma once
/*
 * How many connections each client address has open, over all reactors.
 *
 * Owner:   the engine. Threads: any; one lock, taken once for each connection's start and end.
 * Limits:  one entry an address that has a connection.
 */
#include "sys/addr.h"

struct jst_client_table;

int jst_client_table_create(struct jst_client_table **out);
void jst_client_table_destroy(struct jst_client_table **take);

/** Count a connection in. JOIST_E_LIMIT if the address has `max` already (0: no limit), or
 *  JOIST_E_NOMEM; then it is not counted. Unix sockets are not counted. */
int jst_client_table_enter(struct jst_client_table *t, const struct jst_addr *a, uint32_t max);
void jst_client_table_leave(struct jst_client_table *t, const struct jst_addr *a);
