// SPDX-License-Identifier: MIT
#pragma once
/*
 * The forms of log lines. Each adds one line with its newline.
 *
 * Promise: what a client sends can neither end a line nor steer a terminal; JSON is valid whatever
 *          the bytes. Authorization and Cookie are not even known here.
 * Threads: one at a time (a formatter remembers the last second it printed).
 */
#include <joist/conf.h>

#include "base/str.h"

struct jst_stamp { /* the date of a second, printed once */
    int64_t second;
    char text[40];
    size_t n;
};

/** 127.0.0.1 - - [20/Nov/2026:13:00:00 +0000] "GET /x?y HTTP/1.1" 200 12 "referer" "agent" */
void jst_access_combined(struct jst_str *line, const struct joist_access *a,
                         struct jst_stamp *stamp);

/** {"time":"2026-11-20T13:00:00.123456Z","host":...}; with TLS eight more members say how. */
void jst_access_json(struct jst_str *line, const struct joist_access *a, struct jst_stamp *stamp);

/** 2026-11-20T13:00:00.123Z warn UPSTREAM_FAILED target=... */
void jst_event_line(struct jst_str *line, const struct joist_log_event *e, struct jst_stamp *stamp);
