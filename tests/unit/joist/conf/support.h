// SPDX-License-Identifier: MIT
#pragma once
/* What the tests of the configuration share: loading text, and the report as text. */
#include "conf/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct loaded {
    struct jst_diags report;
    struct jst_conf *conf; /* NULL if nothing could be read */
    char *text;            /* of the report */
    int rc;
};

static inline struct loaded
load_text(const char *toml)
{
    struct loaded l = {0};
    char *take = strdup(toml);
    size_t n = 0;
    FILE *out = open_memstream(&l.text, &n);

    assert_non_null(take);
    assert_non_null(out);
    jst_diags_init(&l.report);
    l.rc = jst_conf_load_text(&l.conf, "joist.toml", &take, strlen(toml), &l.report);
    jst_diags_print(&l.report, out, false);
    assert_int_equal(fclose(out), 0);
    return l;
}

static inline void
unload(struct loaded *l)
{
    jst_conf_destroy(&l->conf);
    jst_diags_fini(&l->report);
    free(l->text);
}

/* It loads without a word. */
static inline struct loaded
load_good(const char *toml)
{
    struct loaded l = load_text(toml);

    if (l.rc != JOIST_OK || l.text[0] != '\0') {
        fail_msg("%s\nshould load, but:\n%s", toml, l.text);
    }
    return l;
}

/* The report has this text. */
static inline void
expect_message(const char *toml, const char *wanted)
{
    struct loaded l = load_text(toml);

    if (l.rc != JOIST_E_INVAL || strstr(l.text, wanted) == NULL) {
        fail_msg("%s\nshould say: %s\nbut says: %s", toml, wanted, l.text);
    }
    unload(&l);
}

static inline void
expect_text(const char *what, const char *got, const char *want)
{
    if (got == NULL || strcmp(got, want) != 0) {
        fail_msg("%s: '%s' instead of '%s'", what, got != NULL ? got : "(null)", want);
    }
}
