// SPDX-License-Identifier: MIT
#pragma once
/*
 * What a person at a terminal sees when the server starts and stops: where to click, and what is
 * not to be missed. Without a terminal the engine's events LISTENING, DRAINING and DRAINED say the
 * first to the log, and `logs`, where it is given here, gets the rest.
 */
#include "cli/plan.h"
#include "conf/conf.h"
#include "obs/obs.h"

void jst_screen_file(const struct joist_engine *engine, const struct jst_conf *conf,
                     struct jst_obs *logs);
void jst_screen_plan(const struct jst_plan *plan, struct jst_obs *logs);
void jst_screen_stopping(uint64_t drain_ms);

/* addresses.c */

/** The URL to open for a listener, without a line's end. False: it is no address to open. */
bool jst_print_url(FILE *out, const struct joist_listener_conf *l, const char *host, uint16_t port);

/** The addresses by which others reach this machine: at most one of each family, as in a URL.
 *  Returns how many. */
size_t jst_own_addresses(char out[2][64]);
