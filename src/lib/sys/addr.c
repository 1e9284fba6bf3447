// SPDX-License-Identifier: MIT
#include "sys/addr.h"

#include "base/str.h"

#include <arpa/inet.h>

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff}; /* RFC 4291 2.5.5.2 */

/* ---- reading ---- */

static bool
read_port(uint16_t *port, struct jst_slice text)
{
    uint64_t v;

    if (!jst_slice_u64(&v, text) || v > UINT16_MAX) {
        return false;
    }
    *port = (uint16_t)v;
    return true;
}

/* A NUL-terminated copy for the C library; false if it is too long or holds a NUL. */
static bool
copy_z(char *out, size_t cap, struct jst_slice s)
{
    if (s.n >= cap || jst_slice_find(s, '\0') >= 0) {
        return false;
    }
    if (s.p != NULL) {
        memcpy(out, s.p, s.n);
    }
    out[s.n] = '\0';
    return true;
}

static int
parse_unix(struct jst_addr *out, struct jst_slice path)
{
    *out = (struct jst_addr){0};
    out->u.un.sun_family = AF_UNIX;
    if (path.n == 0 || !copy_z(out->u.un.sun_path, sizeof(out->u.un.sun_path), path)) {
        return JOIST_E_INVAL;
    }
    out->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.n + 1);
    return JOIST_OK;
}

static void
set_in6(struct jst_addr *out, const struct in6_addr *ip, uint16_t port)
{
    *out = (struct jst_addr){0};
    out->u.in6.sin6_family = AF_INET6;
    out->u.in6.sin6_port = htons(port);
    out->u.in6.sin6_addr = *ip;
    out->len = sizeof(out->u.in6);
}

int
jst_addr_literal(struct jst_addr *out, struct jst_slice host, uint16_t port)
{
    char text[INET6_ADDRSTRLEN];
    struct in_addr ip4;
    struct in6_addr ip6;

    if (!copy_z(text, sizeof(text), host)) {
        return JOIST_E_INVAL;
    }
    if (inet_pton(AF_INET, text, &ip4) == 1) {
        jst_addr_any4(out, port);
        out->u.in4.sin_addr = ip4;
        return JOIST_OK;
    }
    if (inet_pton(AF_INET6, text, &ip6) == 1) {
        set_in6(out, &ip6, port);
        return JOIST_OK;
    }
    return JOIST_E_INVAL;
}

void
jst_addr_any4(struct jst_addr *out, uint16_t port)
{
    *out = (struct jst_addr){0};
    out->u.in4.sin_family = AF_INET;
    out->u.in4.sin_port = htons(port);
    out->len = sizeof(out->u.in4);
}

/* "1.2.3.4", "1.2.3.4:80", "[::1]", "[::1]:80", "::1" into address and port text; the port text's
 * p is NULL if there is none. Brackets are for IPv6 only, and a bare IPv6 has no port. */
static bool
split_port(struct jst_slice *host, struct jst_slice *port, struct jst_slice text)
{
    ptrdiff_t at;

    *host = text;
    *port = JST_SLICE_NONE;
    if (text.n > 0 && text.p[0] == '[') {
        at = jst_slice_find(text, ']');
        if (at < 0 || jst_slice_find(jst_slice(text.p, (size_t)at), ':') < 0) {
            return false;
        }
        *host = jst_slice(text.p + 1, (size_t)at - 1);
        text = jst_slice(text.p + at + 1, text.n - (size_t)at - 1);
        if (text.n > 0) {
            *port = jst_slice(text.p + 1, text.n - 1);
        }
        return text.n == 0 || text.p[0] == ':';
    }
    at = jst_slice_find(text, ':');
    if (at >= 0 && jst_slice_find(jst_slice(text.p + at + 1, text.n - (size_t)at - 1), ':') < 0) {
        *host = jst_slice(text.p, (size_t)at);
        *port = jst_slice(text.p + at + 1, text.n - (size_t)at - 1);
    }
    return true;
}

int
jst_addr_parse(struct jst_addr *out, struct jst_slice text)
{
    struct jst_slice host;
    struct jst_slice port_text;
    uint16_t port;

    if (jst_slice_starts(text, JST_S("unix:"))) {
        return parse_unix(out, jst_slice(text.p + 5, text.n - 5));
    }
    if (!split_port(&host, &port_text, text) || !read_port(&port, port_text)) {
        return JOIST_E_INVAL;
    }
    if (host.n == 0) {
        set_in6(out, &in6addr_any, port);
        return JOIST_OK;
    }
    return jst_addr_literal(out, host, port);
}

/* ---- printing ---- */

static bool
is_mapped(const struct jst_addr *a)
{
    return memcmp(&a->u.in6.sin6_addr, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

static struct jst_slice
unix_path(const struct jst_addr *a)
{
    const char *path = a->u.un.sun_path;
    size_t offset = offsetof(struct sockaddr_un, sun_path);

    /* A peer that never bound has no path at all (unix(7)). */
    return jst_slice(path, a->len > offset ? strnlen(path, a->len - offset) : 0);
}

static char *
print_octet(char *p, unsigned v)
{
    if (v >= 100) {
        *p++ = (char)('0' + v / 100);
    }
    if (v >= 10) {
        *p++ = (char)('0' + v / 10 % 10);
    }
    *p++ = (char)('0' + v % 10);
    return p;
}

/* By hand: the library's way goes through printf, and this is done once a request. */
static size_t
print_ip4(char out[JST_ADDR_TEXT_BYTES], const uint8_t ip[4])
{
    char *p = print_octet(out, ip[0]);

    for (int i = 1; i < 4; i++) {
        *p++ = '.';
        p = print_octet(p, ip[i]);
    }
    *p = '\0';
    return (size_t)(p - out);
}

size_t
jst_addr_print_ip(char out[JST_ADDR_TEXT_BYTES], const struct jst_addr *a)
{
    if (a->u.any.sa_family == AF_INET) {
        uint8_t ip[4];

        memcpy(ip, &a->u.in4.sin_addr, sizeof(ip));
        return print_ip4(out, ip);
    }
    if (a->u.any.sa_family == AF_INET6 && is_mapped(a)) {
        return print_ip4(out, a->u.in6.sin6_addr.s6_addr + sizeof(mapped_prefix));
    }
    if (a->u.any.sa_family != AF_INET6 ||
        inet_ntop(AF_INET6, &a->u.in6.sin6_addr, out, JST_ADDR_TEXT_BYTES) == NULL) {
        return jst_fmt(out, JST_ADDR_TEXT_BYTES, a->u.any.sa_family == AF_UNIX ? "unix" : "?");
    }
    return strlen(out);
}

size_t
jst_addr_print(char out[JST_ADDR_TEXT_BYTES], const struct jst_addr *a)
{
    char ip[JST_ADDR_TEXT_BYTES];

    if (a->u.any.sa_family == AF_UNIX) {
        return jst_fmt(out, JST_ADDR_TEXT_BYTES, "unix:%.*s", JST_PRI(unix_path(a)));
    }
    (void)jst_addr_print_ip(ip, a);
    return jst_fmt(out, JST_ADDR_TEXT_BYTES, strchr(ip, ':') != NULL ? "[%s]:%u" : "%s:%u", ip,
                   (unsigned)jst_addr_port(a));
}

/* ---- comparing ---- */

uint16_t
jst_addr_port(const struct jst_addr *a)
{
    switch (a->u.any.sa_family) {
    case AF_INET:
        return ntohs(a->u.in4.sin_port);
    case AF_INET6:
        return ntohs(a->u.in6.sin6_port);
    default:
        return 0;
    }
}

void
jst_addr_set_port(struct jst_addr *a, uint16_t port)
{
    if (a->u.any.sa_family == AF_INET) {
        a->u.in4.sin_port = htons(port);
    } else if (a->u.any.sa_family == AF_INET6) {
        a->u.in6.sin6_port = htons(port);
    }
}

bool
jst_addr_eq(const struct jst_addr *a, const struct jst_addr *b)
{
    if (a->u.any.sa_family != b->u.any.sa_family) {
        return false;
    }
    switch (a->u.any.sa_family) {
    case AF_INET:
        return a->u.in4.sin_port == b->u.in4.sin_port &&
               a->u.in4.sin_addr.s_addr == b->u.in4.sin_addr.s_addr;
    case AF_INET6:
        return a->u.in6.sin6_port == b->u.in6.sin6_port &&
               a->u.in6.sin6_scope_id == b->u.in6.sin6_scope_id &&
               memcmp(&a->u.in6.sin6_addr, &b->u.in6.sin6_addr, sizeof(struct in6_addr)) == 0;
    case AF_UNIX:
        return jst_slice_eq(unix_path(a), unix_path(b));
    default:
        return false;
    }
}

void
jst_addr_key(uint8_t out[16], const struct jst_addr *a)
{
    memset(out, 0, 16);
    if (a->u.any.sa_family == AF_INET) {
        memcpy(out, mapped_prefix, sizeof(mapped_prefix));
        memcpy(out + sizeof(mapped_prefix), &a->u.in4.sin_addr, 4);
    } else if (a->u.any.sa_family == AF_INET6) {
        memcpy(out, &a->u.in6.sin6_addr, 16);
    }
}

/* ---- networks ---- */

static uint8_t
mask_byte(const struct jst_cidr *net, size_t i)
{
    unsigned before = (unsigned)i * 8;
    unsigned mask = 0;

    if (net->bits >= before + 8) {
        mask = 0xff;
    } else if (net->bits > before) {
        mask = 0xff00u >> (net->bits - before) & 0xff;
    }
    return (uint8_t)mask;
}

int
jst_cidr_parse(struct jst_cidr *out, struct jst_slice text)
{
    struct jst_slice bits_text = text;
    struct jst_slice ip = jst_slice_cut(&bits_text, '/');
    struct jst_addr a;
    uint64_t bits;
    uint64_t bits_max;

    if (jst_addr_literal(&a, ip, 0) < 0) {
        return JOIST_E_INVAL;
    }
    bits_max = a.u.any.sa_family == AF_INET ? 32 : 128;
    bits = bits_max;
    if (bits_text.p != NULL && (!jst_slice_u64(&bits, bits_text) || bits > bits_max)) {
        return JOIST_E_INVAL;
    }
    jst_addr_key(out->bytes, &a);
    out->bits = (uint8_t)(bits + 128 - bits_max);
    for (size_t i = 0; i < sizeof(out->bytes); i++) {
        out->bytes[i] &= mask_byte(out, i); /* "10.1.2.3/8" means the network it is in */
    }
    return JOIST_OK;
}

bool
jst_cidr_has(const struct jst_cidr *net, const struct jst_addr *a)
{
    uint8_t key[16];

    if (a->u.any.sa_family != AF_INET && a->u.any.sa_family != AF_INET6) {
        return false;
    }
    jst_addr_key(key, a);
    if (net->bits < 96 && memcmp(key, mapped_prefix, sizeof(mapped_prefix)) == 0) {
        return false; /* "::/0" speaks of IPv6 alone */
    }
    for (size_t i = 0; i < sizeof(key); i++) {
        if ((key[i] & mask_byte(net, i)) != net->bytes[i]) {
            return false;
        }
    }
    return true;
}

bool
jst_cidr_has_text(const struct jst_cidr *net, struct jst_slice ip)
{
    struct jst_slice host;
    struct jst_slice port_text;
    struct jst_addr a;
    uint16_t port;

    /* Some proxies add the port (RFC 7239 6 has the form with it). */
    return split_port(&host, &port_text, jst_slice_trim(ip)) &&
           (port_text.p == NULL || read_port(&port, port_text)) &&
           jst_addr_literal(&a, host, 0) == JOIST_OK && jst_cidr_has(net, &a);
}
