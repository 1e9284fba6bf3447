// SPDX-License-Identifier: MIT
#pragma once
/*
 * The PROXY protocol, versions 1 and 2: who the client behind a load balancer is, told once, before
 * the connection's first own byte (HAProxy's proxy-protocol.txt).
 *
 * Job:     read a header from the bytes that are there so far, print one.
 * Not:     no sockets; whom to believe is decided by others.
 * Limits:  107 bytes of version 1, JST_PROXY_V2_BYTES_MAX of version 2.
 * Threads: pure, any.
 */
#include "base/base.h"

#define JST_PROXY_V1_BYTES_MAX    107u
#define JST_PROXY_V2_BYTES_MAX    4096u /* the format allows 65,551; nobody says so much */
#define JST_PROXY_PRINT_BYTES_MAX 128u

/** Versions, as a set. */
enum { JST_PROXY_V1 = 1, JST_PROXY_V2 = 2 };

enum jst_proxy_family {
    JST_PROXY_NONE, /* UNKNOWN, LOCAL, UNSPEC: nothing is told, the peer speaks for itself */
    JST_PROXY_TCP4,
    JST_PROXY_TCP6,
    JST_PROXY_UNIX, /* without its paths */
};

struct jst_proxy_header {
    enum jst_proxy_family family;
    uint8_t source[16]; /* TCP4: the first four, network order */
    uint8_t target[16];
    uint16_t source_port; /* host order */
    uint16_t target_port;
};

/**
 * Read the header that `in` begins with, of one of `versions`. Returns its length (`*out` is
 * filled; what follows it is the connection's own), or JOIST_E_AGAIN: what is there is the
 * beginning of one; JOIST_E_PROTO: it is none, or malformed (a wrong checksum included);
 * JOIST_E_LIMIT: it is longer than the limits above.
 * Every answer but AGAIN stays the same however many bytes come behind.
 */
int jst_proxy_parse(struct jst_proxy_header *out, struct jst_slice in, unsigned versions);

/** Print `h` in `version`. Of UNIX it tells nothing. Returns the length. */
size_t jst_proxy_print(char out[JST_PROXY_PRINT_BYTES_MAX], const struct jst_proxy_header *h,
                       unsigned version);
