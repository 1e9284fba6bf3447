// SPDX-License-Identifier: MIT
#pragma once
/*
 * Texts of cookies that bind clients to targets.
 *
 * Our own cookie's value is "<target>" or "<target>.<seconds>", both in lower-case hex: 16 digits
 * that stand for the target in its pool (jst_tstate.sticky_id), and when it was set, since 1970.
 *
 * Threads: pure.
 */
#include "http/message.h"

#include <joist/conf.h>

#define JST_MARK_BYTES_MAX 40u

struct jst_mark {
    uint64_t target;
    int64_t set_s; /* -1: it does not say */
};

size_t jst_mark_print(char out[JST_MARK_BYTES_MAX], const struct jst_mark *m);

/** False: it is none of ours, not in a single byte. */
bool jst_mark_parse(struct jst_mark *out, struct jst_slice text);

/** One Cookie field without all pairs of that name; the others stay as they are. In the arena, or
 *  `field` itself if it has none; p NULL: no memory. */
struct jst_slice jst_cookie_without(struct jst_arena *a, struct jst_slice field,
                                    struct jst_slice name);

/** Value that a Set-Cookie field gives a cookie of that name (RFC 6265 5.2), without quotes; p
 * NULL: it is another's, or malformed. */
struct jst_slice jst_set_cookie_value(struct jst_slice field, struct jst_slice name);

struct jst_set_cookie {
    struct jst_slice name;
    struct jst_slice value;
    struct jst_slice path;
    uint64_t max_age_s; /* 0: of the session */
    bool http_only;
    bool secure; /* else SameSite=None is left out: browsers would refuse it */
    enum joist_same_site same_site;
};

/** Value of the Set-Cookie field, in the arena; p NULL: no memory. */
struct jst_slice jst_set_cookie_print(struct jst_arena *a, const struct jst_set_cookie *c);
