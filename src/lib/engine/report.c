// SPDX-License-Identifier: MIT
/* What is wrong with a configuration, on its way to the caller. */
#include "engine/check.h"

#include <stdarg.h>
#include <stdio.h>

void
jst_report_at(struct jst_report *r, enum joist_log_level level, int code,
              const struct joist_pos *pos, const char *fmt, ...)
{
    struct joist_err err = {.code = code};
    va_list ap;

    if (level == JOIST_LOG_ERROR) {
        r->errors++;
        r->no_memory = r->no_memory || code == JOIST_E_NOMEM;
    }
    if (r->fn == NULL) {
        return;
    }
    if (pos != NULL) {
        err.line = pos->line;
        err.column = pos->column;
        if (pos->file != NULL) {
            (void)snprintf(err.file, sizeof(err.file), "%s", pos->file);
        }
    }
    va_start(ap, fmt);
    (void)vsnprintf(err.message, sizeof(err.message), fmt, ap);
    va_end(ap);
    r->fn(r->ctx, level, &err);
}

/* ---- what wire/ reports ---- */

static void
pass_on(struct jst_tls_report *base, enum joist_log_level level, int code,
        const struct joist_pos *pos, const char *text)
{
    struct jst_tls_reporter *r = JST_CONTAINER(base, struct jst_tls_reporter, base);

    if (level >= r->from) {
        jst_report_at(r->to, level, code, pos, "%s", text);
    }
}

struct jst_tls_reporter
jst_tls_reporter(struct jst_report *to, enum joist_log_level from)
{
    return (struct jst_tls_reporter){{pass_on}, to, from};
}
