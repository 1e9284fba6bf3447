// SPDX-License-Identifier: MIT
#include "proto/proxy_header.h"

#include "wire/conn.h"

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool
is_mapped(const uint8_t ip[16])
{
    return memcmp(ip, mapped, sizeof(mapped)) == 0;
}

void
jst_proxy_header_source(struct jst_addr *addr, const struct jst_proxy_header *h)
{
    if (h->family == JST_PROXY_NONE) {
        return;
    }
    *addr = (struct jst_addr){0};
    switch (h->family) {
    case JST_PROXY_NONE:
        break;
    case JST_PROXY_TCP4:
        addr->u.in4.sin_family = AF_INET;
        addr->u.in4.sin_port = htons(h->source_port);
        memcpy(&addr->u.in4.sin_addr, h->source, 4);
        addr->len = sizeof(addr->u.in4);
        break;
    case JST_PROXY_TCP6:
        addr->u.in6.sin6_family = AF_INET6;
        addr->u.in6.sin6_port = htons(h->source_port);
        memcpy(&addr->u.in6.sin6_addr, h->source, 16);
        addr->len = sizeof(addr->u.in6);
        break;
    case JST_PROXY_UNIX:
        addr->u.un.sun_family = AF_UNIX;
        addr->len = offsetof(struct sockaddr_un, sun_path);
        break;
    }
}

static bool
is_inet(const struct jst_addr *a)
{
    return a->u.any.sa_family == AF_INET || a->u.any.sa_family == AF_INET6;
}

/* One header has one family: an IPv4 address beside an IPv6 one is written as a mapped one. */
static void
fill(struct jst_proxy_header *h, const struct jst_addr *source, const struct jst_addr *target)
{
    jst_addr_key(h->source, source);
    jst_addr_key(h->target, target);
    h->source_port = jst_addr_port(source);
    h->target_port = jst_addr_port(target);
    h->family = JST_PROXY_TCP6;
    if (is_mapped(h->source) && is_mapped(h->target)) {
        h->family = JST_PROXY_TCP4;
        memcpy(h->source, h->source + sizeof(mapped), 4);
        memcpy(h->target, h->target + sizeof(mapped), 4);
    }
}

size_t
jst_proxy_header_print(char out[JST_PROXY_PRINT_BYTES_MAX], const struct jst_peer *peer,
                       unsigned version)
{
    struct jst_proxy_header h = {.family = JST_PROXY_NONE};
    struct jst_addr target;

    if (peer != NULL && is_inet(&peer->addr)) {
        /* A load balancer may have come by a Unix socket: then no address was reached here. */
        if (jst_conn_local(&target, peer->fd) < 0 || !is_inet(&target)) {
            jst_addr_any4(&target, peer->local_port);
        }
        fill(&h, &peer->addr, &target);
    }
    return jst_proxy_print(out, &h, version);
}
