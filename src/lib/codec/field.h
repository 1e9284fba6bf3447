// SPDX-License-Identifier: MIT
#pragma once
/*
 * Header fields: a name, a value, and the number of a name that we know.
 *
 * Job:     one representation of header fields for every protocol version and side.
 * Flow:    parsers fill jst_fields; filters and handlers look up by id; printers walk it.
 * Owner:   the array and the bytes belong to whoever filled it (usually the request's arena).
 * Threads: pure, any.
 */
#include "base/arena.h"
#include "base/base.h"

/* Known names. One list makes the enum and the canonical spelling. HOP marks the fields that
 * concern one connection only and never cross (RFC 9110 7.6.1). */
#define JST_FIELD_MAP(X)                                                                           \
    X(ACCEPT, "Accept", 0)                                                                         \
    X(ACCEPT_ENCODING, "Accept-Encoding", 0)                                                       \
    X(ACCEPT_RANGES, "Accept-Ranges", 0)                                                           \
    X(AGE, "Age", 0)                                                                               \
    X(ALLOW, "Allow", 0)                                                                           \
    X(AUTHORIZATION, "Authorization", 0)                                                           \
    X(CACHE_CONTROL, "Cache-Control", 0)                                                           \
    X(CONNECTION, "Connection", 1)                                                                 \
    X(CONTENT_ENCODING, "Content-Encoding", 0)                                                     \
    X(CONTENT_LENGTH, "Content-Length", 0)                                                         \
    X(CONTENT_RANGE, "Content-Range", 0)                                                           \
    X(CONTENT_TYPE, "Content-Type", 0)                                                             \
    X(COOKIE, "Cookie", 0)                                                                         \
    X(DATE, "Date", 0)                                                                             \
    X(ETAG, "ETag", 0)                                                                             \
    X(EXPECT, "Expect", 0)                                                                         \
    X(EXPIRES, "Expires", 0)                                                                       \
    X(FORWARDED, "Forwarded", 0)                                                                   \
    X(HOST, "Host", 0)                                                                             \
    X(IF_MATCH, "If-Match", 0)                                                                     \
    X(IF_MODIFIED_SINCE, "If-Modified-Since", 0)                                                   \
    X(IF_NONE_MATCH, "If-None-Match", 0)                                                           \
    X(IF_RANGE, "If-Range", 0)                                                                     \
    X(IF_UNMODIFIED_SINCE, "If-Unmodified-Since", 0)                                               \
    X(KEEP_ALIVE, "Keep-Alive", 1)                                                                 \
    X(LAST_MODIFIED, "Last-Modified", 0)                                                           \
    X(LOCATION, "Location", 0)                                                                     \
    X(MAX_FORWARDS, "Max-Forwards", 0)                                                             \
    X(ORIGIN, "Origin", 0)                                                                         \
    X(PROXY_AUTHENTICATE, "Proxy-Authenticate", 1)                                                 \
    X(PROXY_AUTHORIZATION, "Proxy-Authorization", 1)                                               \
    X(PROXY_CONNECTION, "Proxy-Connection", 1)                                                     \
    X(RANGE, "Range", 0)                                                                           \
    X(REFERER, "Referer", 0)                                                                       \
    X(RETRY_AFTER, "Retry-After", 0)                                                               \
    X(SERVER, "Server", 0)                                                                         \
    X(SET_COOKIE, "Set-Cookie", 0)                                                                 \
    X(TE, "TE", 1)                                                                                 \
    X(TRAILER, "Trailer", 1)                                                                       \
    X(TRANSFER_ENCODING, "Transfer-Encoding", 1)                                                   \
    X(UPGRADE, "Upgrade", 1)                                                                       \
    X(USER_AGENT, "User-Agent", 0)                                                                 \
    X(VARY, "Vary", 0)                                                                             \
    X(VIA, "Via", 0)                                                                               \
    X(WWW_AUTHENTICATE, "WWW-Authenticate", 0)                                                     \
    X(X_FORWARDED_FOR, "X-Forwarded-For", 0)                                                       \
    X(X_FORWARDED_HOST, "X-Forwarded-Host", 0)                                                     \
    X(X_FORWARDED_PROTO, "X-Forwarded-Proto", 0)                                                   \
    X(X_REQUEST_ID, "X-Request-Id", 0)

enum jst_field_id {
    JST_FIELD_OTHER = 0,
#define X(id, name, hop) JST_FIELD_##id,
    JST_FIELD_MAP(X)
#undef X
        JST_FIELD_IDS_
};

struct jst_field {
    struct jst_slice name;  /* as received; compare without case */
    struct jst_slice value; /* without the white space around it */
    uint16_t id;            /* enum jst_field_id */
    bool drop; /* named by Connection (RFC 9110 7.6.1), or taken out by a filter: not printed */
};

struct jst_fields {
    struct jst_field *v;
    uint32_t n;
    uint32_t cap;
};

/** Which known name is this, in any case? JST_FIELD_OTHER if none. */
enum jst_field_id jst_field_id(struct jst_slice name);

/** Canonical spelling; not for JST_FIELD_OTHER. */
struct jst_slice jst_field_name(enum jst_field_id id);

/** Is the field hop-by-hop by its own definition? */
bool jst_field_is_hop(enum jst_field_id id);

/** May it stand in a trailer section (RFC 9110 6.5.1)? Not what frames, routes or tells who asks.
 */
bool jst_field_may_trail(enum jst_field_id id, struct jst_slice name);

/** The first field of that id that is not dropped, or NULL. */
const struct jst_field *jst_fields_find(const struct jst_fields *f, enum jst_field_id id);

/** The same by any name. */
const struct jst_field *jst_fields_find_name(const struct jst_fields *f, struct jst_slice name);

/** Append; JOIST_E_LIMIT when `cap` is reached. The bytes are borrowed. */
int jst_fields_add(struct jst_fields *f, struct jst_slice name, struct jst_slice value);

/** A copy of all of them, names and values too, in the arena. JOIST_E_NOMEM: *out is untouched. */
int jst_fields_copy(struct jst_fields *out, struct jst_arena *a, const struct jst_fields *from);

/** Mark every field of that name as dropped, as a Connection header that names it asks for; the
 *  end-to-end fields that a peer must not remove this way are kept. */
void jst_fields_drop_name(struct jst_fields *f, struct jst_slice name);

/** Mark every field that a Connection header names, and the hop-by-hop ones, as dropped.
 *  End-to-end fields that a peer must not remove this way (Host, Content-Length, …) are kept. */
void jst_fields_drop_hop(struct jst_fields *f);
