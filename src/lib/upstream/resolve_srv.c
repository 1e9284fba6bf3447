// SPDX-License-Identifier: MIT
/*
 * SRV records of a DNS response (RFC 1035 4.1, RFC 2782). c-ares has a reader too, but it does not
 * say how long the records count.
 */
#include "upstream/resolve_int.h"

#define CLASS_IN        1u
#define TYPE_SRV        33u
#define HEADER_BYTES    12u
#define LABEL_MAX       63u
#define POINTERS_MAX    32u         /* of one name: more than any server writes */
#define TTL_MAX         0x7fffffffu /* RFC 2181 8: above it counts as none */
#define RECORD_BYTES    10u         /* type, class, TTL, length */
#define SRV_FIXED_BYTES 6u

struct reader {
    const uint8_t *p;
    size_t n;
    size_t at;
};

static unsigned
read16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

static uint32_t
read32(const uint8_t *p)
{
    return (uint32_t)read16(p) << 16 | read16(p + 2);
}

/* Letters, digits, '-' and '_': what else a label may hold has no place in the name of a host. */
static bool
is_host_byte(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

static bool
add_label(char *out, size_t *out_n, const uint8_t *label, size_t n)
{
    if (*out_n + n + 2 > JST_DNS_NAME_BYTES) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!is_host_byte(label[i])) {
            return false;
        }
        out[(*out_n)++] = (char)label[i];
    }
    out[(*out_n)++] = '.';
    return true;
}

/* A name at r->at, which moves behind it. `out` (NULL: only skip) gets "host.example.com.", or ""
 * for the root. */
static bool
read_name(struct reader *r, char *out)
{
    size_t at = r->at;
    size_t out_n = 0;
    unsigned jumps = 0;

    for (;;) {
        unsigned c;

        if (at >= r->n) {
            return false;
        }
        c = r->p[at];
        if (c > LABEL_MAX) { /* RFC 1035 4.1.4: a pointer to the rest, always backwards */
            size_t to;

            if (c < 0xc0 || at + 2 > r->n || ++jumps > POINTERS_MAX) {
                return false;
            }
            to = read16(r->p + at) & 0x3fff;
            r->at = jumps == 1 ? at + 2 : r->at;
            if (to >= at) {
                return false;
            }
            at = to;
            continue;
        }
        if (at + 1 + c > r->n ||
            (c > 0 && out != NULL && !add_label(out, &out_n, r->p + at + 1, c))) {
            return false;
        }
        at += 1 + c;
        if (c == 0) {
            break;
        }
    }
    r->at = jumps == 0 ? at : r->at;
    if (out != NULL) {
        out[out_n] = '\0';
    }
    return true;
}

/* Behind all that have no higher priority; the last falls off. */
static size_t
insert(struct jst_srv *out, size_t n, size_t cap, const struct jst_srv *srv)
{
    size_t at = n;

    while (at > 0 && out[at - 1].rank.priority > srv->rank.priority) {
        at--;
    }
    if (at == cap) {
        return n;
    }
    n = JST_MIN(n + 1, cap);
    memmove(&out[at + 1], &out[at], (n - 1 - at) * sizeof(out[0]));
    out[at] = *srv;
    return n;
}

/* The data of one record. False: malformed. */
static bool
read_srv(struct jst_srv *out, const struct reader *r, size_t data_n)
{
    const uint8_t *p = r->p + r->at;
    struct reader name = {r->p, r->at + data_n, r->at + SRV_FIXED_BYTES};

    if (data_n <= SRV_FIXED_BYTES) {
        return false;
    }
    out->rank.priority = (uint16_t)read16(p);
    out->rank.weight = (uint16_t)read16(p + 2);
    out->port = (uint16_t)read16(p + 4);
    return read_name(&name, out->host) && name.at == r->at + data_n;
}

int
jst_srv_parse(struct jst_srv *out, size_t cap, uint32_t *ttl_s, const uint8_t *p, size_t n)
{
    struct reader r = {p, n, HEADER_BYTES};
    unsigned answers;
    size_t found = 0;

    if (n < HEADER_BYTES) {
        return JOIST_E_PROTO;
    }
    for (unsigned left = read16(p + 4); left > 0; left--) {
        if (!read_name(&r, NULL) || r.n - r.at < 4) {
            return JOIST_E_PROTO;
        }
        r.at += 4;
    }
    *ttl_s = TTL_MAX;
    answers = read16(p + 6);
    for (unsigned i = 0; i < answers; i++) {
        struct jst_srv srv;
        const uint8_t *head;
        size_t data_n;

        if (!read_name(&r, NULL) || r.n - r.at < RECORD_BYTES) {
            return JOIST_E_PROTO;
        }
        head = p + r.at;
        data_n = read16(head + 8);
        r.at += RECORD_BYTES;
        if (data_n > r.n - r.at) {
            return JOIST_E_PROTO;
        }
        if (read16(head) == TYPE_SRV && read16(head + 2) == CLASS_IN) {
            uint32_t ttl = read32(head + 4);

            if (!read_srv(&srv, &r, data_n)) {
                return JOIST_E_PROTO;
            }
            *ttl_s = JST_MIN(*ttl_s, ttl > TTL_MAX ? 0 : ttl);
            if (srv.host[0] != '\0' && srv.port != 0) {
                found = insert(out, found, cap, &srv);
            }
        }
        r.at += data_n;
    }
    return (int)found;
}
