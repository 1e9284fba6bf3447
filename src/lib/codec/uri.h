// SPDX-License-Identifier: MIT
#pragma once
/*
 * Paths and URLs (RFC 3986): decode and normalize once, so that routing and files see one spelling.
 *
 * Threads: pure, any.
 */
#include "base/base.h"

#define JST_URL_UNIX_MAX_BYTES 107u /* unix(7): sun_path less its NUL */

/**
 * Percent-decode and remove dot segments of an absolute path into `out` (capacity `cap`; path.n
 * bytes always suffice). What it makes sure of: starts with '/', no empty, "." or ".." segment, no
 * NUL, no control byte. Slashes are merged before dots are looked at, because most origins do, and
 * a route that guards a path shall see what they see; for the same reason `%2F` is a slash here
 * (the origin gets it as it came: package registries use it). Refused are bad percent sequences,
 * `%00`, a backslash (raw or encoded), ".." above the root or behind an empty segment or an encoded
 * slash (origins differ in what that takes out), "..;" (some climb there), and a raw '?' or '#'
 * (the caller has cut the query; `%3F` and `%23` decode to a plain byte of a name). `out` may be
 * `path.p` itself. The result is text, not a URI: jst_path_encode() makes one again. Returns the
 * length, JOIST_E_PROTO if refused, JOIST_E_LIMIT if `cap` is too small.
 */
int jst_path_normalize(char *out, size_t cap, struct jst_slice path);

/** True if jst_path_normalize() would give back exactly the same bytes (the common case). */
bool jst_path_is_normal(struct jst_slice path);

/** Percent-encode for a Location or an href: unreserved, sub-delims, ":", "@" and "/" stay.
 *  Returns the length or JOIST_E_LIMIT. 3 * n bytes always suffice. */
int jst_path_encode(char *out, size_t cap, struct jst_slice path);

/** An origin as written in a configuration. Slices point into the text, but for the
 * scheme: static, in lower case. */
struct jst_url {
    struct jst_slice scheme; /* "http", "https", "h2c", "unix" */
    struct jst_slice host;   /* without brackets */
    struct jst_slice path;   /* "" or from '/'; the socket's path with "unix" */
    uint16_t port;           /* the scheme's default if not given; 0 with unix */
    bool is_ipv6;
};

/** Parse "http://127.0.0.1:3000", "https://[::1]/base", "unix:/run/app.sock".
 *  JOIST_E_INVAL if malformed (userinfo, query, fragment, port 0 and unknown schemes are). */
int jst_url_parse(struct jst_url *out, struct jst_slice text);
