// SPDX-License-Identifier: MIT
/*
 * One look-up: addresses of a name, or SRV records and then the addresses of each one's host.
 */
#include "upstream/resolve_int.h"

#include <ares.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#define CLASS_IN 1
#define TYPE_SRV 33
#define TTL_FILE 10 /* of what no server said: /etc/hosts, loopback */
/* Two sockets a server, and one for waking. */
#define SOCKETS_MAX (JST_DNS_SERVERS_MAX * 4 + 1)

struct jst_dns {
    ares_channel channel;
    struct pollfd fds[SOCKETS_MAX]; /* the first is for waking */
    unsigned fds_n;
    bool asking; /* inside of a call: what comes back there is no server's */
};

/* ---- addresses that were found ---- */

void
jst_found_interleave(struct jst_addr *v, uint32_t n)
{
    struct jst_addr sorted[JST_TARGET_ADDRS_MAX];
    uint32_t at[2] = {0, 0}; /* of the first one's family, of the other */
    sa_family_t first = n > 0 ? v[0].u.any.sa_family : AF_UNSPEC;

    JST_ASSERT(n <= JST_TARGET_ADDRS_MAX);
    for (uint32_t i = 0; i < n; i++) {
        unsigned side = i & 1;

        for (unsigned tried = 0; tried < 2; tried++, side ^= 1) {
            while (at[side] < n && (v[at[side]].u.any.sa_family == first) != (side == 0)) {
                at[side]++;
            }
            if (at[side] < n) {
                break;
            }
        }
        sorted[i] = v[at[side]++];
    }
    memcpy(v, sorted, n * sizeof(*v));
}

bool
jst_found_add(struct jst_found *f, const struct jst_addr *a, struct jst_addr_rank rank)
{
    if (f->n == JST_TARGET_ADDRS_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < f->n; i++) {
        if (jst_addr_eq(&f->v[i], a)) {
            return false;
        }
    }
    f->v[f->n] = *a;
    f->rank[f->n++] = rank;
    return true;
}

void
jst_found_sort(struct jst_found *f)
{
    for (uint32_t i = 1; i < f->n; i++) {
        struct jst_addr a = f->v[i];
        struct jst_addr_rank rank = f->rank[i];
        uint32_t at = i;

        for (; at > 0 && f->rank[at - 1].priority > rank.priority; at--) {
            f->v[at] = f->v[at - 1];
            f->rank[at] = f->rank[at - 1];
        }
        f->v[at] = a;
        f->rank[at] = rank;
    }
}

/* A part's addresses stand together, in the order that RFC 6724 gives them. */
static void
take_addresses(struct jst_lookup *l, const struct jst_srv *part, const struct ares_addrinfo *info)
{
    struct jst_addr v[JST_TARGET_ADDRS_MAX];
    uint32_t n = 0;

    for (const struct ares_addrinfo_node *node = info->nodes;
         node != NULL && n < JST_TARGET_ADDRS_MAX; node = node->ai_next) {
        struct jst_addr *a = &v[n];

        if ((node->ai_family != AF_INET || node->ai_addrlen != sizeof(a->u.in4)) &&
            (node->ai_family != AF_INET6 || node->ai_addrlen != sizeof(a->u.in6))) {
            continue;
        }
        *a = (struct jst_addr){.len = node->ai_addrlen};
        memcpy(&a->u, node->ai_addr, node->ai_addrlen);
        if (node->ai_family == AF_INET) {
            a->u.in4.sin_port = htons(part->port);
        } else {
            a->u.in6.sin6_port = htons(part->port);
        }
        l->found.ttl_s =
            JST_MIN(l->found.ttl_s, l->dns->asking ? TTL_FILE : (uint32_t)JST_MAX(node->ai_ttl, 0));
        n++;
    }
    jst_found_interleave(v, n);
    for (uint32_t i = 0; i < n; i++) {
        (void)jst_found_add(&l->found, &v[i], part->rank);
    }
}

/* RFC 6761 6.3: these are always loopback, even where nobody wrote them into /etc/hosts. */
static bool
is_localhost(const char *host)
{
    struct jst_slice s = jst_slice_z(host);

    if (s.n > 0 && s.p[s.n - 1] == '.') {
        s.n--;
    }
    return jst_slice_ieq(s, JST_S("localhost"));
}

static void
add_loopback(struct jst_lookup *l, const struct jst_srv *part)
{
    struct jst_addr a;

    (void)jst_addr_literal(&a, JST_S("127.0.0.1"), part->port);
    (void)jst_found_add(&l->found, &a, part->rank);
    (void)jst_addr_literal(&a, JST_S("::1"), part->port);
    (void)jst_found_add(&l->found, &a, part->rank);
    l->found.ttl_s = JST_MIN(l->found.ttl_s, TTL_FILE);
}

/* ---- the steps ---- */

/* One question less to wait for; the last ends it all. */
static void
part_done(struct jst_lookup *l)
{
    if (--l->left > 0) {
        return;
    }
    if (l->found.n > 0) {
        l->why = NULL;
        jst_found_sort(&l->found);
    } else if (l->why == NULL) {
        l->why = "it has no address";
    }
    l->done(l);
}

static void
on_addresses(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
    struct jst_lookup_part *part = arg;
    struct jst_lookup *l = part->lookup;

    (void)timeouts;
    if (status == ARES_SUCCESS && info != NULL) {
        take_addresses(l, &part->srv, info);
    } else if (status != ARES_EDESTRUCTION && is_localhost(part->srv.host)) {
        add_loopback(l, &part->srv);
    } else {
        l->why = ares_strerror(status);
    }
    if (info != NULL) {
        ares_freeaddrinfo(info);
    }
    part_done(l);
}

/* l->left holds one more for the caller: what is in /etc/hosts is there before this returns. */
static void
ask_addresses(struct jst_lookup *l, struct jst_lookup_part *part)
{
    static const struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC,
                                                     .ai_socktype = SOCK_STREAM};

    part->lookup = l;
    l->left++;
    l->dns->asking = true;
    ares_getaddrinfo(l->dns->channel, part->srv.host, NULL, &hints, on_addresses, part);
    l->dns->asking = false;
}

static void
on_records(void *arg, int status, int timeouts, unsigned char *p, int n)
{
    struct jst_lookup *l = arg;
    struct jst_srv v[JST_SRV_MAX];
    int rc;

    (void)timeouts;
    if (status != ARES_SUCCESS || p == NULL || n < 0) {
        l->why = ares_strerror(status);
        part_done(l);
        return;
    }
    rc = jst_srv_parse(v, JST_COUNT(v), &l->found.ttl_s, p, (size_t)n);
    if (rc <= 0) {
        l->why = rc < 0 ? "its SRV records are malformed" : "it has no SRV records";
        part_done(l);
        return;
    }
    l->parts_n = (unsigned)rc;
    for (unsigned i = 0; i < l->parts_n; i++) {
        l->parts[i].srv = v[i];
        ask_addresses(l, &l->parts[i]);
    }
    part_done(l);
}

void
jst_dns_start(struct jst_dns *d, struct jst_lookup *l)
{
    struct jst_srv *self = &l->parts[0].srv;

    l->dns = d;
    l->why = NULL;
    l->found.n = 0;
    l->found.ttl_s = UINT32_MAX;
    l->left = 1;
    l->parts_n = 1;
    if (l->srv) {
        ares_query(d->channel, l->host, CLASS_IN, TYPE_SRV, on_records, l);
        return;
    }
    *self = (struct jst_srv){.port = l->port};
    if (strlen(l->host) >= sizeof(self->host)) {
        l->why = "it is too long";
        part_done(l);
        return;
    }
    memcpy(self->host, l->host, strlen(l->host) + 1);
    ask_addresses(l, &l->parts[0]);
    part_done(l);
}

/* ---- the channel ---- */

static void
on_socket(void *data, ares_socket_t fd, int readable, int writable)
{
    struct jst_dns *d = data;
    short events = (short)((readable ? POLLIN : 0) | (writable ? POLLOUT : 0));
    unsigned i = 1;

    while (i < d->fds_n && d->fds[i].fd != fd) {
        i++;
    }
    if (events == 0) {
        if (i < d->fds_n) {
            d->fds[i] = d->fds[--d->fds_n];
        }
        return;
    }
    if (i == SOCKETS_MAX) {
        return; /* it is not watched: its questions time out */
    }
    d->fds[i].fd = fd;
    d->fds[i].events = events;
    if (i == d->fds_n) {
        d->fds[d->fds_n++].revents = 0;
    }
}

static void
init_library(void)
{
    (void)ares_library_init(ARES_LIB_INIT_ALL);
}

int
jst_dns_open(struct jst_dns **out, const char *servers, uint32_t timeout_ms)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct jst_dns *d = calloc(1, sizeof(*d));
    char lookups[] = "fb"; /* files, then DNS ("bind") */
    struct ares_options options = {
        .flags = ARES_FLAG_EDNS | ARES_FLAG_NOALIASES,
        .timeout = (int)timeout_ms,
        .tries = JST_DNS_TRIES,
        .lookups = lookups,
        .ednspsz = JST_DNS_UDP_BYTES,
        .sock_state_cb = on_socket,
        .sock_state_cb_data = d,
    };
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
               ARES_OPT_EDNSPSZ | ARES_OPT_SOCK_STATE_CB;
    int status;

    if (d == NULL) {
        return JOIST_E_NOMEM;
    }
    pthread_once(&once, init_library);
    d->fds_n = 1;
    status = ares_init_options(&d->channel, &options, mask);
    if (status != ARES_SUCCESS) {
        free(d);
        return status == ARES_ENOMEM ? JOIST_E_NOMEM : JOIST_E_INVAL;
    }
    if (servers[0] != '\0') {
        status = ares_set_servers_ports_csv(d->channel, servers);
    }
    if (status != ARES_SUCCESS) {
        jst_dns_close(&d);
        return status == ARES_ENOMEM ? JOIST_E_NOMEM : JOIST_E_INVAL;
    }
    *out = d;
    return JOIST_OK;
}

void
jst_dns_close(struct jst_dns **take)
{
    struct jst_dns *d = *take;

    *take = NULL;
    if (d != NULL) {
        ares_destroy(d->channel);
        free(d);
    }
}

/* c-ares wants to be called when a question's time is over. */
static int
wait_ms(struct jst_dns *d, int timeout_ms)
{
    struct timeval tv;
    int64_t ms;

    if (ares_timeout(d->channel, NULL, &tv) == NULL) {
        return timeout_ms;
    }
    ms = (int64_t)tv.tv_sec * 1000 + (tv.tv_usec + 999) / 1000;
    return timeout_ms >= 0 && timeout_ms < ms ? timeout_ms : (int)JST_MIN(ms, INT32_MAX);
}

void
jst_dns_turn(struct jst_dns *d, int wake_fd, int timeout_ms)
{
    struct pollfd alone = {.fd = wake_fd, .events = POLLIN};
    struct pollfd ready[SOCKETS_MAX];
    unsigned n;

    if (d == NULL) {
        (void)poll(&alone, 1, timeout_ms);
        return;
    }
    d->fds[0] = alone;
    n = d->fds_n;
    memcpy(ready, d->fds, n * sizeof(ready[0])); /* callbacks change the list */
    if (poll(ready, n, wait_ms(d, timeout_ms)) < 0) {
        return;
    }
    for (unsigned i = 1; i < n; i++) {
        short got = ready[i].revents;

        if (got != 0) {
            ares_process_fd(d->channel, (got & ~POLLOUT) != 0 ? ready[i].fd : ARES_SOCKET_BAD,
                            (got & POLLOUT) != 0 ? ready[i].fd : ARES_SOCKET_BAD);
        }
    }
    ares_process_fd(d->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD); /* times that are over */
}
