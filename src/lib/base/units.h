// SPDX-License-Identifier: MIT
#pragma once
/*
 * Durations and sizes as people write them: the one place that reads them.
 *
 * Threads: pure, any.
 */
#include "base/base.h"

/** "250ms" "30s" "5m" "1h" "7d"; one unit, whole numbers, 0 without a unit is allowed.
 *  JOIST_E_INVAL if malformed, negative, or over 10 years. */
int jst_duration_parse(uint64_t *ms, struct jst_slice text);

/** "512" "16KiB" "1MiB" "2GiB" "10MB" "5kB" "1GB": KiB is 1024, kB is 1000; plain numbers are
 *  bytes. JOIST_E_INVAL if malformed or over 2^62. */
int jst_size_parse(uint64_t *bytes, struct jst_slice text);

/** The shortest exact spelling: 60000 -> "1m". `cap` of 32 always suffices. Returns the length. */
size_t jst_duration_print(char *out, size_t cap, uint64_t ms);
size_t jst_size_print(char *out, size_t cap, uint64_t bytes);
