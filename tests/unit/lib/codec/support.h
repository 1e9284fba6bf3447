// SPDX-License-Identifier: MIT
#pragma once
/* What the tests of the parsers share: bytes in memory of exactly their size, so that a sanitizer
 * sees one read too many, and comparing slices. */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static inline char *
exact_copy(struct jst_slice s)
{
    char *p = malloc(s.n > 0 ? s.n : 1);

    assert_non_null(p);
    if (s.n > 0) {
        memcpy(p, s.p, s.n);
    }
    return p;
}

static inline void
check_slice(const char *what, struct jst_slice got, const char *want)
{
    if (!jst_slice_eq(got, jst_slice_z(want))) {
        fail_msg("%s: \"%.*s\" instead of \"%s\"", what, JST_PRI(got), want);
    }
}
