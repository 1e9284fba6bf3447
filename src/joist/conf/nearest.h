// SPDX-License-Identifier: MIT
#pragma once
/*
 * "Did you mean ...?": which of some words is close enough to a mistyped one.
 *
 * Threads: pure, any.
 */
#include "base/base.h"

struct jst_nearest {
    struct jst_slice typed;
    const char *best; /* NULL: none is near */
    size_t distance;
};

void jst_nearest_init(struct jst_nearest *n, struct jst_slice typed);
void jst_nearest_try(struct jst_nearest *n, const char *word);
