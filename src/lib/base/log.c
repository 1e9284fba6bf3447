// SPDX-License-Identifier: MIT
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
    const char *name;
    unsigned rate;
} events[] = {
#define X(name, rate, text) {#name, rate},
    JST_EVENT_MAP(X)
#undef X
};

const char *
jst_event_name(enum jst_event event)
{
    return events[event].name;
}

unsigned
jst_event_rate(enum jst_event event)
{
    return events[event].rate;
}

void
jst_log_write(struct jst_log *log, enum joist_log_level level, enum jst_event event,
              const char *fmt, ...)
{
    char text[JST_LOG_LINE_BYTES];
    va_list ap;
    int n;

    if (log == NULL || level < log->level || log->write == NULL) {
        return;
    }
    va_start(ap, fmt);
    n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (n < 0) {
        return;
    }
    log->write(log, level, event, jst_slice(text, JST_MIN((size_t)n, sizeof(text) - 1)));
}
