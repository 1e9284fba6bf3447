// SPDX-License-Identifier: MIT
#pragma once
/*
 * What a person at a terminal sees when the server starts and stops. Without a terminal the
 * engine's events LISTENING, DRAINING and DRAINED say the same to the log.
 */
#include "conf/conf.h"

void jst_screen_started(const struct joist_engine *engine, const struct jst_conf *conf);
void jst_screen_stopping(uint64_t drain_ms);
