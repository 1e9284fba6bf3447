// SPDX-License-Identifier: MIT
#pragma once
/*
 * Socket addresses: read, print, compare. The one place that reads an address.
 *
 * Threads: pure, any.
 */
#include "base/base.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

struct jst_addr {
    union {
        struct sockaddr any;
        struct sockaddr_in in4;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
    } u;
    socklen_t len;
};

#define JST_ADDR_TEXT_BYTES 128 /* enough for any printed address with NUL */

/**
 * "127.0.0.1:80", "[::1]:80", ":80" (all addresses, both families: an IPv6 socket that takes
 * IPv4 too; see jst_addr_any4() for hosts without IPv6), "unix:/run/x.sock".
 * Names are not resolved. JOIST_E_INVAL if malformed.
 */
int jst_addr_parse(struct jst_addr *out, struct jst_slice text);

/** An IPv4 or IPv6 literal (without brackets) and a port. JOIST_E_INVAL if it is a name. */
int jst_addr_literal(struct jst_addr *out, struct jst_slice host, uint16_t port);

/** 0.0.0.0:port. */
void jst_addr_any4(struct jst_addr *out, uint16_t port);

/** "127.0.0.1:80", "[::1]:80", "unix:/run/x.sock"; always NUL-terminated. Returns the length. */
size_t jst_addr_print(char out[JST_ADDR_TEXT_BYTES], const struct jst_addr *a);

/** The address alone: "127.0.0.1", "::1" (an IPv4-mapped IPv6 address as IPv4), "unix". */
size_t jst_addr_print_ip(char out[JST_ADDR_TEXT_BYTES], const struct jst_addr *a);

uint16_t jst_addr_port(const struct jst_addr *a);
/** Nothing for a Unix socket. */
void jst_addr_set_port(struct jst_addr *a, uint16_t port);
bool jst_addr_eq(const struct jst_addr *a, const struct jst_addr *b);

/** A network, "10.0.0.0/8", "::1", "fd00::/8". */
struct jst_cidr {
    uint8_t bytes[16]; /* IPv4 as mapped IPv6 */
    uint8_t bits;      /* of the 128 */
};

int jst_cidr_parse(struct jst_cidr *out, struct jst_slice text);
bool jst_cidr_has(const struct jst_cidr *net, const struct jst_addr *a);

/** The same for an address in text (an X-Forwarded-For element); false if it is no address. */
bool jst_cidr_has_text(const struct jst_cidr *net, struct jst_slice ip);

/** The 16 bytes (IPv4 mapped) as a key for per-client tables; zeros for Unix sockets. */
void jst_addr_key(uint8_t out[16], const struct jst_addr *a);
