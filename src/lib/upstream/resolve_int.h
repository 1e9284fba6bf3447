// SPDX-License-Identifier: MIT
#pragma once
/*
 * Names: the record of one, the look-up of one. Inside upstream/ only.
 */
#include "upstream/pool.h"
#include "upstream/resolve.h"

#include <pthread.h>

#define JST_NAME_BUCKETS      1024u
#define JST_DNS_SERVERS_BYTES (JST_DNS_SERVERS_MAX * JST_ADDR_TEXT_BYTES)

struct jst_dns;

struct jst_name {
    struct jst_name *next;   /* in its bucket; lock */
    char *host;              /* owned */
    struct jst_addrs *addrs; /* owned; atomic */
    uint32_t refs;           /* atomic; one is the table's */
    uint16_t port;
    bool srv;
    bool answered; /* lock */
    /* of the thread that looks up */
    bool busy;
    bool failing;
    bool moved; /* it got other addresses, or first ones, and nobody has seen to it */
    uint32_t version;
    uint64_t next_ms;      /* when it is looked up again */
    struct jst_addrs *old; /* owned; a reader may be at it */
    uint64_t old_round;    /* the round after which no one is */
    struct jst_name *due;  /* the next of those that are to be looked up now */
};

struct jst_names {
    const struct jst_names_events *ev; /* borrowed, as ctx */
    void *ctx;
    int wake[2]; /* a pipe */
    pthread_mutex_t lock;
    pthread_cond_t answered;
    /* lock */
    struct jst_name *buckets[JST_NAME_BUCKETS];
    size_t unanswered;
    char servers[JST_DNS_SERVERS_BYTES];
    uint32_t timeout_ms;
    uint64_t min_ttl_ms;
    uint64_t max_ttl_ms;
    unsigned readers; /* 0: nothing may change yet */
    bool started;
    bool stop;
    /* of the thread that looks up */
    struct jst_dns *dns;
    unsigned flights;
    uint64_t soonest_ms; /* of what was scheduled since the last look at all */
    uint64_t round;      /* the last that was begun */
    bool in_round;
    bool wants_round;
    bool moved;   /* a name has */
    bool closing; /* what ends now has not failed */
    /* atomic */
    unsigned unseen;
};

void jst_names_wake(struct jst_names *n);
void jst_name_free(struct jst_name *name);

#define JST_DNS_NAME_BYTES 256u /* RFC 1035 2.3.4: 253 as text, a dot and a NUL */
#define JST_SRV_MAX        16u  /* records of a service that are used: those of lowest priority */

/* What a look-up found. */
struct jst_found {
    uint32_t n;
    uint32_t ttl_s; /* the shortest of all */
    struct jst_addr v[JST_TARGET_ADDRS_MAX];
    struct jst_addr_rank rank[JST_TARGET_ADDRS_MAX];
};

/** Interleave both families, beginning with that of the first (RFC 8305 4). */
void jst_found_interleave(struct jst_addr *v, uint32_t n);
/** False if it is there already, or there is no room. */
bool jst_found_add(struct jst_found *f, const struct jst_addr *a, struct jst_addr_rank rank);
/** The lowest priority first; else the order stays. */
void jst_found_sort(struct jst_found *f);

/* ---- resolve_srv.c ---- */

struct jst_srv {
    struct jst_addr_rank rank;
    uint16_t port;
    char host[JST_DNS_NAME_BYTES];
};

/** SRV records (RFC 2782) of a DNS response: at most `cap`, those of lowest priority; `*ttl_s` gets
 *  the shortest TTL. Returns how many, or JOIST_E_PROTO. A service that is not there ("." as its
 *  only target) has none. */
int jst_srv_parse(struct jst_srv *out, size_t cap, uint32_t *ttl_s, const uint8_t *p, size_t n);

/* ---- resolve_lookup.c: c-ares, on one thread ---- */

struct jst_lookup {
    struct jst_dns *dns;
    void (*done)(struct jst_lookup *l); /* once, inside of a call; `l` may be freed there */
    void *ctx;
    const char *why; /* static; NULL: found */
    struct jst_found found;
    const char *host; /* borrowed */
    uint16_t port;
    bool srv;
    /* its own */
    unsigned left;
    unsigned parts_n;
    struct jst_lookup_part {
        struct jst_lookup *lookup;
        struct jst_srv srv;
    } parts[JST_SRV_MAX];
};

/** `servers`: comma-separated; empty: the system's. JOIST_E_NOMEM, JOIST_E_INVAL. */
int jst_dns_open(struct jst_dns **out, const char *servers, uint32_t timeout_ms);
/** What is under way ends as failed. */
void jst_dns_close(struct jst_dns **take);
/** `l` with done, ctx, host, port and srv set. It may be done before this returns. */
void jst_dns_start(struct jst_dns *d, struct jst_lookup *l);
/** Wait for `wake_fd` to be readable, `timeout_ms` (-1: for ever), or for answers, which are taken.
 *  `d` may be NULL. */
void jst_dns_turn(struct jst_dns *d, int wake_fd, int timeout_ms);
