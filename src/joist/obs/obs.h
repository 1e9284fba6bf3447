// SPDX-License-Identifier: MIT
#pragma once
/*
 * The program's logs, hung into the engine.
 *
 * Flow:    cli/run.c -> jst_obs_open() -> jst_obs_attach() -> the engine's log thread calls
 * Owner:   whoever opened it; it must outlive the engine.
 * Threads: open, close and say on any; the rest on the engine's log thread.
 */
#include <joist/conf.h>

#include "conf/parts.h"

struct jst_obs;

/** Open the logs of [log]. *err says what could not be opened. JOIST_E_NOMEM, JOIST_E_ACCESS,
 *  JOIST_E_NOTFOUND, JOIST_E_IO. */
int jst_obs_open(struct jst_obs **out, const struct jst_part_log *log, struct joist_err *err);
void jst_obs_close(struct jst_obs **take);

/**
 * A line of the program's own among the events. `name` and `text` as in struct joist_log_event.
 * Threads: any. When the log's place takes no more, it is dropped after a moment.
 */
void jst_obs_say(struct jst_obs *o, enum joist_log_level level, const char *name, const char *text);

/** Leave the engine's events of these names out of the log: a screen says the same. The list, ended
 * by NULL, must outlive the logs. Before the engine starts. */
void jst_obs_hide(struct jst_obs *o, const char *const *names);

/** Set the callbacks; `to->level` is left alone. */
void jst_obs_attach(struct jst_obs *o, struct joist_log_conf *to);
