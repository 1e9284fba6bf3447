// SPDX-License-Identifier: MIT
#pragma once
/*
 * Host names that may stand in a certificate or an ECH key.
 *
 * Threads: pure, any.
 */
#include <stdbool.h>

/** Labels of letters, digits and inner hyphens with dots between (RFC 1123 2.1); `underscore`: that
 *  as well, as inner networks have it. */
bool jst_pki_is_host_name(const char *name, bool underscore);
