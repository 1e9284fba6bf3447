// SPDX-License-Identifier: MIT
#pragma once
/*
 * Byte ranges (RFC 9110 14) and entity tags (RFC 9110 8.8.3).
 *
 * Threads: pure, any.
 */
#include "base/base.h"

struct jst_range {
    uint64_t first; /* offset of the first byte */
    uint64_t n;     /* bytes, at least 1 */
};

/**
 * Read a Range header against a representation of `size` bytes. Ranges beyond the end are left
 * out; overlapping or adjacent ones are joined, in the order of their first mention.
 * Returns the number of ranges (1..cap); 0 if the header is to be ignored (other unit, malformed,
 * or more than `cap` ranges: RFC 9110 14.2 lets a server ignore abuse); JOIST_E_INVAL if none can
 * be satisfied (416).
 */
int jst_range_parse(struct jst_range *out, size_t cap, struct jst_slice header, uint64_t size);

/** Does an If-Match / If-None-Match list name `etag` (with its quotes and W/)? `weak` chooses the
 *  weak comparison. "*" matches anything that exists. */
bool jst_etag_matches(struct jst_slice list, struct jst_slice etag, bool weak);
