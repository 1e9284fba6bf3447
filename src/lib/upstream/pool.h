// SPDX-License-Identifier: MIT
#pragma once
/*
 * The immutable side of a pool: targets, weights, addresses. Inside upstream/ only.
 *
 * Owner:   counted. Threads: any may read; addresses of names change by one atomic store.
 */
#include "upstream/upstream.h"

#define JST_TARGET_ADDRS_MAX 32u /* of one name; a reactor has a bit for each */

/* Of SRV records (RFC 2782); without them all are the same. */
struct jst_addr_rank {
    uint16_t priority;
    uint16_t weight;
};

struct jst_addrs {
    uint32_t n;
    uint32_t version; /* of the name's: another one has another set */
    bool even;        /* all ranks are the same */
    bool fixed;       /* the first is the target's own, the others stand in for it (expand.c) */
    struct jst_addr_rank rank[JST_TARGET_ADDRS_MAX];
    struct jst_addr v[]; /* lowest priority first */
};

/** Of a target's own those that are the machine itself, for checks: not what stands in for it when
 *  it is out. */
static inline uint32_t
jst_addrs_own_n(const struct jst_addrs *a)
{
    uint32_t n = a->n;

    while (n > 1 && a->fixed && a->rank[n - 1].priority != a->rank[0].priority) {
        n--;
    }
    return n;
}

/* A name, shared by all targets that have it (resolve.c). */
struct jst_name;
struct jst_names;

/** Find or add, and count it. `srv`: `host` is a service, `port` does not count. JOIST_E_NOMEM. */
int jst_name_get(struct jst_name **out, struct jst_names *names, struct jst_slice host,
                 uint16_t port, bool srv);
struct jst_name *jst_name_ref(struct jst_name *name);
void jst_name_unref(struct jst_name **take);
/** NULL: none known yet. On a reactor, valid until the next jst_upstreams_refresh(). */
const struct jst_addrs *jst_name_addrs(const struct jst_name *name);
/** For threads that are no reactors: a copy, which is the caller's to free. NULL: none known, or no
 *  memory. */
struct jst_addrs *jst_name_copy_addrs(struct jst_names *names, const struct jst_name *name);

/* Copies in several pools (jst_pool_derive()) share what is owned. */
struct jst_target {
    uint32_t *refs; /* owned by all copies; atomic: how many there are */
    char *key; /* owned; identity: scheme, host, port, and all of TLS that makes a difference; the
                  same in every pool is one target */
    struct jst_addrs *addrs;       /* owned; of a literal, a Unix socket, or one of a name's */
    struct jst_name *dns;          /* counted; what has the addresses instead */
    struct jst_target *named;      /* owned; the one whose `dns` had the address; NULL: none */
    struct jst_tls_client *tls;    /* counted; NULL: plain */
    struct jst_tls_client *tls_h1; /* counted; offers HTTP/1.1 alone; NULL: `tls` does, or plain */
    struct jst_slice name;         /* in key: host and port */
    struct jst_slice label;        /* in key: as logs show it; the name, and which address */
    struct jst_slice host;         /* in key: what is resolved; empty with a Unix socket */
    struct jst_slice tls_name;     /* in key: what the certificate is verified against; or empty */
    uint16_t port;
    uint16_t weight;
    bool h2c;              /* HTTP/2 by prior knowledge */
    bool srv;              /* host is a service: SRV records say where */
    uint8_t proxy_version; /* each connection begins with a PROXY header, for one call; 0: none */
};

struct jst_tracking; /* track.h */

struct jst_pool {
    struct jst_tracking *tracking; /* owned; NULL: nothing is counted */
    struct jst_pool *base;         /* counted; the pool that this one was derived from, which owns
                                      all that both point to; NULL: it was made by itself */
    uint32_t refs;                 /* atomic */
    enum joist_strategy strategy;
    uint32_t idle_max;
    bool even;    /* all weights are the same */
    bool expands; /* each address of a name is a target of its own (expand.h) */
    uint32_t n;
    struct jst_target v[];
};

/** All but the addresses. `t` zeroed; fini also after a failure. JOIST_E_INVAL (no URL; TLS, after
 *  reporting it), JOIST_E_NOMEM. */
int jst_target_init(struct jst_target *t, const struct joist_target_conf *conf,
                    struct jst_tls_report *report);
void jst_target_fini(struct jst_target *t);

/** `out` shares all with `from`; each needs its fini. Any thread. */
void jst_target_copy(struct jst_target *out, const struct jst_target *from);

/** What stands in a key before the first "|": "http://host:port". NUL-terminated; JOIST_E_INVAL: no
 *  URL, or longer than `cap`. */
int jst_target_identity(char *out, size_t cap, const char *url);

/** Is that the target's? "" is every one's. */
bool jst_target_has_identity(const struct jst_target *t, const char *identity);

/** Number of the target with that key; p->n: none. `near`: where to look first. Copies of one
 *  target are found by their pointer. */
uint32_t jst_pool_find(const struct jst_pool *p, const char *key, uint32_t near);

/** Is that target in the pool, or an address of it? */
bool jst_pool_has(const struct jst_pool *p, const char *key);

/**
 * A pool like `from`, with copies of these targets instead of its own: strategy, limits, states
 * (those of targets that are new are made) are the same. It holds the pool that `from` itself was
 * derived from, so a row of changes makes no chain. `now_ms`: as with jst_pool_track().
 * JOIST_E_NOMEM.
 */
int jst_pool_derive(struct jst_pool **out, struct jst_pool *from,
                    const struct jst_target *const *targets, uint32_t n, uint64_t now_ms);

/** NULL: none known yet. */
static inline const struct jst_addrs *
jst_target_addrs(const struct jst_target *t)
{
    return t->dns == NULL ? t->addrs : jst_name_addrs(t->dns);
}
