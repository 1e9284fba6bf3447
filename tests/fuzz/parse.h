// SPDX-License-Identifier: MIT
#pragma once
/* What the fuzz targets share: input in memory of exactly its size, and "does this lie inside?". */
#include "base/base.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline char *
exact_copy(struct jst_slice s)
{
    char *p = malloc(s.n > 0 ? s.n : 1);

    JST_ASSERT(p != NULL);
    if (s.n > 0) {
        memcpy(p, s.p, s.n);
    }
    return p;
}

static inline bool
lies_inside(struct jst_slice part, struct jst_slice whole)
{
    return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}
