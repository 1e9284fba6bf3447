// SPDX-License-Identifier: MIT
#pragma once
/*
 * JSON strings, written: the one place that escapes for JSON.
 *
 * Promise: valid JSON for any bytes; what is not UTF-8 becomes U+FFFD, a byte at a time.
 * Threads: pure, any.
 */
#include <stdio.h>

#include "base/str.h"

/** With quotes. */
void jst_json_add(struct jst_str *s, struct jst_slice text);
void jst_json_print(FILE *out, struct jst_slice text);
