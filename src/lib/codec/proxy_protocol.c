// SPDX-License-Identifier: MIT
#include "codec/proxy_protocol.h"

#include "base/str.h"
#include "codec/ip_text.h"

/* Version 2: signature, version and command, family, length of the rest. */
#define SIGNATURE_BYTES 12u
#define PREFIX_BYTES    16u
#define VERSION_2       0x20
#define COMMAND_LOCAL   0x0
#define COMMAND_PROXY   0x1
#define FAMILY_UNSPEC   0x00
#define FAMILY_TCP4     0x11
#define FAMILY_TCP6     0x21
#define FAMILY_UNIX     0x31
#define TCP4_BYTES      12u
#define TCP6_BYTES      36u
#define UNIX_BYTES      216u
#define TLV_CRC32C      0x03
#define TLV_HEAD_BYTES  3u

static const struct jst_slice signature = {"\r\n\r\n\0\r\nQUIT\n", SIGNATURE_BYTES};
static const struct jst_slice v1_start = {"PROXY ", 6};

static unsigned
be16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

/* ---- version 1 ---- */

/* "0" to "65535", spelled the one way. */
static bool
read_port(uint16_t *out, struct jst_slice text)
{
    uint64_t v;

    if (text.n == 0 || text.n > 5 || (text.n > 1 && text.p[0] == '0') || !jst_slice_u64(&v, text) ||
        v > UINT16_MAX) {
        return false;
    }
    *out = (uint16_t)v;
    return true;
}

static bool
read_ip(uint8_t out[16], enum jst_proxy_family family, struct jst_slice text)
{
    return family == JST_PROXY_TCP4 ? jst_ip4_read(out, text) : jst_ip6_read(out, text);
}

/* The line without "PROXY " and its end. */
static int
read_line(struct jst_proxy_header *h, struct jst_slice rest)
{
    struct jst_slice what = jst_slice_cut(&rest, ' ');
    struct jst_slice source;
    struct jst_slice target;
    struct jst_slice source_port;

    if (jst_slice_eq(what, JST_S("UNKNOWN"))) {
        return JOIST_OK; /* whatever else is said is not to be looked at */
    }
    if (jst_slice_eq(what, JST_S("TCP4"))) {
        h->family = JST_PROXY_TCP4;
    } else if (jst_slice_eq(what, JST_S("TCP6"))) {
        h->family = JST_PROXY_TCP6;
    } else {
        return JOIST_E_PROTO;
    }
    source = jst_slice_cut(&rest, ' ');
    target = jst_slice_cut(&rest, ' ');
    source_port = jst_slice_cut(&rest, ' ');
    if (rest.p == NULL || !read_ip(h->source, h->family, source) ||
        !read_ip(h->target, h->family, target) || !read_port(&h->source_port, source_port) ||
        !read_port(&h->target_port, rest)) {
        return JOIST_E_PROTO;
    }
    return JOIST_OK;
}

static int
parse_v1(struct jst_proxy_header *h, struct jst_slice in)
{
    size_t n = JST_MIN(in.n, JST_PROXY_V1_BYTES_MAX);
    size_t end = v1_start.n;
    int rc;

    while (end < n && in.p[end] >= ' ' && in.p[end] <= '~') {
        end++;
    }
    if (end + 1 >= JST_PROXY_V1_BYTES_MAX) { /* no room for the line's end */
        return JOIST_E_LIMIT;
    }
    if (end >= n) {
        return JOIST_E_AGAIN;
    }
    if (in.p[end] != '\r' || (end + 1 < n && in.p[end + 1] != '\n')) {
        return JOIST_E_PROTO;
    }
    rc = read_line(h, jst_slice(in.p + v1_start.n, end - v1_start.n));
    if (rc < 0) {
        return rc;
    }
    return end + 1 < n ? (int)end + 2 : JOIST_E_AGAIN;
}

/* ---- version 2 ---- */

/* CRC-32C (Castagnoli), reflected, four bits at a time. */
static uint32_t
crc32c(uint32_t crc, const uint8_t *p, size_t n)
{
    static const uint32_t table[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
                                       0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
                                       0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
                                       0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};

    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return crc;
}

/* Of the whole header, as if the checksum at `at` were zero. */
static bool
is_intact(const uint8_t *p, size_t n, size_t at)
{
    static const uint8_t zeros[4];
    uint32_t said = (uint32_t)be16(p + at) << 16 | be16(p + at + 2);
    uint32_t crc = crc32c(UINT32_MAX, p, at);

    crc = crc32c(crc, zeros, sizeof(zeros));
    crc = crc32c(crc, p + at + sizeof(zeros), n - at - sizeof(zeros));
    return (crc ^ UINT32_MAX) == said;
}

/* What follows the addresses: skipped, but it must be whole, and a checksum right. */
static int
check_tlvs(const uint8_t *p, size_t n, size_t at)
{
    size_t checksum = 0;

    while (at < n) {
        size_t value = at + TLV_HEAD_BYTES;
        size_t value_n;

        if (n - at < TLV_HEAD_BYTES || (value_n = be16(p + at + 1)) > n - value) {
            return JOIST_E_PROTO;
        }
        if (p[at] == TLV_CRC32C) {
            if (value_n != 4 || checksum > 0) {
                return JOIST_E_PROTO;
            }
            checksum = value;
        }
        at = value + value_n;
    }
    return checksum == 0 || is_intact(p, n, checksum) ? JOIST_OK : JOIST_E_PROTO;
}

static size_t
addresses_bytes(unsigned family)
{
    return family == FAMILY_TCP4   ? TCP4_BYTES
           : family == FAMILY_TCP6 ? TCP6_BYTES
           : family == FAMILY_UNIX ? UNIX_BYTES
                                   : 0;
}

static void
take_addresses(struct jst_proxy_header *h, unsigned family, const uint8_t *p)
{
    size_t ip = family == FAMILY_TCP4 ? 4 : 16;

    if (family == FAMILY_UNSPEC) {
        return;
    }
    h->family = family == FAMILY_TCP4   ? JST_PROXY_TCP4
                : family == FAMILY_TCP6 ? JST_PROXY_TCP6
                                        : JST_PROXY_UNIX;
    if (family == FAMILY_UNIX) {
        return;
    }
    memcpy(h->source, p, ip);
    memcpy(h->target, p + ip, ip);
    h->source_port = (uint16_t)be16(p + 2 * ip);
    h->target_port = (uint16_t)be16(p + 2 * ip + 2);
}

/* The fixed part, as far as it is there. */
static int
check_prefix(const uint8_t *p, size_t n)
{
    bool local = n > 12 && p[12] == (VERSION_2 | COMMAND_LOCAL);

    if (n > 12 && !local && p[12] != (VERSION_2 | COMMAND_PROXY)) {
        return JOIST_E_PROTO;
    }
    if (n > 13 && !local && p[13] != FAMILY_UNSPEC && addresses_bytes(p[13]) == 0) {
        return JOIST_E_PROTO; /* datagrams, and what nobody knows */
    }
    if (n < PREFIX_BYTES) {
        return JOIST_E_AGAIN;
    }
    if (!local && be16(p + 14) < addresses_bytes(p[13])) {
        return JOIST_E_PROTO;
    }
    return PREFIX_BYTES + be16(p + 14) > JST_PROXY_V2_BYTES_MAX ? JOIST_E_LIMIT : JOIST_OK;
}

static int
parse_v2(struct jst_proxy_header *h, struct jst_slice in)
{
    const uint8_t *p = (const uint8_t *)in.p;
    int rc = check_prefix(p, in.n);
    size_t n;

    if (rc < 0) {
        return rc;
    }
    n = PREFIX_BYTES + be16(p + 14);
    if (in.n < n) {
        return JOIST_E_AGAIN;
    }
    if ((p[12] & 0xf) == COMMAND_PROXY) {
        rc = check_tlvs(p, n, PREFIX_BYTES + addresses_bytes(p[13]));
        if (rc < 0) {
            return rc;
        }
        take_addresses(h, p[13], p + PREFIX_BYTES);
    } /* else the proxy speaks for itself; the rest is to be skipped unseen */
    return (int)n;
}

/* ---- both ---- */

/* Could `in` still begin with `start`? */
static bool
may_start(struct jst_slice in, struct jst_slice start)
{
    return memcmp(in.p, start.p, JST_MIN(in.n, start.n)) == 0;
}

int
jst_proxy_parse(struct jst_proxy_header *out, struct jst_slice in, unsigned versions)
{
    bool v1;
    bool v2;

    *out = (struct jst_proxy_header){0};
    if (in.n == 0) {
        return JOIST_E_AGAIN;
    }
    v1 = (versions & JST_PROXY_V1) != 0 && may_start(in, v1_start);
    v2 = (versions & JST_PROXY_V2) != 0 && may_start(in, signature);
    if (v1 && in.n > v1_start.n) {
        return parse_v1(out, in);
    }
    if (v2 && in.n > signature.n) {
        return parse_v2(out, in);
    }
    return v1 || v2 ? JOIST_E_AGAIN : JOIST_E_PROTO;
}

/* ---- printing ---- */

static void
add_ip(struct jst_str *s, const struct jst_proxy_header *h, const uint8_t ip[16])
{
    if (h->family == JST_PROXY_TCP4) {
        jst_str_fmt(s, " %u.%u.%u.%u", ip[0], ip[1], ip[2], ip[3]);
        return;
    }
    for (unsigned i = 0; i < 16; i += 2) {
        jst_str_fmt(s, "%s%x", i == 0 ? " " : ":", be16(ip + i));
    }
}

static size_t
print_v1(char *out, const struct jst_proxy_header *h)
{
    struct jst_str s = jst_str(out, JST_PROXY_PRINT_BYTES_MAX);

    if (h->family != JST_PROXY_TCP4 && h->family != JST_PROXY_TCP6) {
        jst_str_add(&s, JST_S("PROXY UNKNOWN\r\n"));
        return s.n;
    }
    jst_str_add(&s, h->family == JST_PROXY_TCP4 ? JST_S("PROXY TCP4") : JST_S("PROXY TCP6"));
    add_ip(&s, h, h->source);
    add_ip(&s, h, h->target);
    jst_str_fmt(&s, " %u %u\r\n", (unsigned)h->source_port, (unsigned)h->target_port);
    JST_ASSERT(!s.full);
    return s.n;
}

static char *
put_be16(char *p, unsigned v)
{
    *p++ = (char)(v >> 8);
    *p++ = (char)v;
    return p;
}

static size_t
print_v2(char *out, const struct jst_proxy_header *h)
{
    bool told = h->family == JST_PROXY_TCP4 || h->family == JST_PROXY_TCP6;
    size_t ip = !told ? 0 : h->family == JST_PROXY_TCP4 ? 4 : 16;
    char *p = out;

    memcpy(p, signature.p, signature.n);
    p += signature.n;
    *p++ = VERSION_2 | (told ? COMMAND_PROXY : COMMAND_LOCAL);
    *p++ = !told ? FAMILY_UNSPEC : h->family == JST_PROXY_TCP4 ? FAMILY_TCP4 : FAMILY_TCP6;
    p = put_be16(p, told ? (unsigned)(2 * ip + 4) : 0);
    memcpy(p, h->source, ip);
    memcpy(p + ip, h->target, ip);
    p += 2 * ip;
    if (told) {
        p = put_be16(p, h->source_port);
        p = put_be16(p, h->target_port);
    }
    return (size_t)(p - out);
}

size_t
jst_proxy_print(char out[JST_PROXY_PRINT_BYTES_MAX], const struct jst_proxy_header *h,
                unsigned version)
{
    return version == JST_PROXY_V1 ? print_v1(out, h) : print_v2(out, h);
}
