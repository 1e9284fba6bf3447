// SPDX-License-Identifier: MIT
#pragma once
/*
 * What a request is hashed by: a header, a cookie, the path, or the client's address, which also
 * stands for a header or cookie that is not there.
 *
 * Threads: pure.
 */
#include "http/client.h"

#include <joist/conf.h>

/** `name`: of the header or cookie. Borrowed from the call. */
struct jst_slice jst_hash_key(const struct jst_call *call, enum joist_hash_by by,
                              struct jst_slice name);

/** The same in all Cookie fields. */
struct jst_slice jst_cookie_of(const struct jst_fields *fields, struct jst_slice name);

/** Value of a cookie in one Cookie field (RFC 6265 4.2.1), without the quotes around it; p NULL:
 *  it has none of that name. */
struct jst_slice jst_cookie_find(struct jst_slice field, struct jst_slice name);
