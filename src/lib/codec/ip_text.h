// SPDX-License-Identifier: MIT
#pragma once
/*
 * IP addresses as protocols write them, to bytes in network order, without the system's help.
 *
 * Threads: pure, any.
 */
#include "base/base.h"

/** "192.0.2.1": four decimal numbers without leading zeros. */
bool jst_ip4_read(uint8_t out[4], struct jst_slice text);

/** "2001:db8::1", "::ffff:192.0.2.1" (RFC 4291 2.2): no brackets, no zone. */
bool jst_ip6_read(uint8_t out[16], struct jst_slice text);
