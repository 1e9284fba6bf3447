// SPDX-License-Identifier: MIT
#pragma once
/*
 * HTTP dates (RFC 9110 5.6.7): print IMF-fixdate, read all three forms.
 *
 * Threads: pure, any; no locale, no time zone of the process.
 */
#include "base/base.h"

#define JST_DATE_BYTES 29 /* "Sun, 06 Nov 1994 08:49:37 GMT" */

/** Write exactly JST_DATE_BYTES bytes, no NUL. Years 1970 to 9999; others are clamped. */
void jst_date_print(char out[JST_DATE_BYTES], int64_t unix_s);

/** IMF-fixdate, RFC 850 (two-digit year within 50 years of `now_s`) or asctime. False if it is
 *  none of them or names a day that does not exist. */
bool jst_date_parse(int64_t *unix_s, struct jst_slice text, int64_t now_s);
