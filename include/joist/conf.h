// SPDX-License-Identifier: MIT
#pragma once
/*
 * What an engine is told: listeners, routes, pools, limits. Plain data, no file, no text format.
 *
 * Owner:  the caller. joist_engine_create() and joist_engine_swap() copy what they keep, so that
 *         everything here may be freed as soon as they return.
 * Strings are NUL-terminated UTF-8; NULL means "not given". Arrays are pointer and count.
 * A zeroed struct is not a default: start from joist_conf_init() and the joist_*_init() of a part.
 * Parts that have none start zeroed: all is "not given" then, and a target's weight is to be set.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/** Where a part was written, for messages: file may be NULL, lines and columns count from 1. */
struct joist_pos {
    const char *file;
    unsigned line;
    unsigned column;
};

struct joist_pair {
    const char *name;
    const char *value;
};

/** 0 means "no limit", except for header_count and header_bytes, which are always limited.
 *  Of a route's own limits body_bytes alone counts: the others are decided before there is one. */
struct joist_limits_conf {
    uint32_t header_bytes; /* request head: 431 */
    uint32_t header_count; /* fields: 431 */
    uint32_t uri_bytes;    /* request target: 414 */
    uint64_t body_bytes;   /* request body: 413 */
    uint32_t conns_per_ip; /* open connections of one IPv4 address or IPv6 /64: accept closes */
    uint32_t conns_max;    /* open client connections of the engine: accept refused (closed) */
    uint32_t h2_streams;   /* requests at once on an HTTP/2 connection; always limited */
};

/** Milliseconds; 0 means "for ever". Of a route's own, header_ms and both keepalives do not count:
 *  they belong to connections, which serve many routes. */
struct joist_timeouts_conf {
    uint64_t header_ms;            /* from the first byte (or the accept) to the whole head: 408 */
    uint64_t body_idle_ms;         /* without progress of a body in either direction: 408, or cut */
    uint64_t keepalive_ms;         /* idle between requests: closed without a word */
    uint64_t upstream_connect_ms;  /* 504 */
    uint64_t upstream_response_ms; /* from the request's last byte to the response head: 504 */
    uint64_t upstream_idle_ms;     /* without progress of a response body: the client is cut */
    uint64_t upstream_total_ms;    /* from the request's head to the response's last byte, queue,
                                      retries and all: 504, or cut. Not for tunnels */
    uint64_t upstream_keepalive_ms; /* idle connections to origins are closed after this */
};

/** A certificate and its key, for the names of one site or for a listener's default. Two for the
 * same names, of different key types, stand side by side: the client's signature algorithms choose.
 */
struct joist_cert_conf {
    const char *cert; /* PEM file: the certificate, then its chain */
    const char *key;  /* PEM file; NULL: in `cert` as well */
    const char *ocsp; /* DER file of an OCSP response to staple; NULL: none. Not sent when
                         it is out of date */
    const unsigned char *ocsp_der; /* the responder's answer itself, instead of a file */
    size_t ocsp_der_n;
    const char *const *hosts; /* names of SNI: "example.com", "*.example.com"; of a listener's own
                                 they do not count: it is the default */
    size_t hosts_n;
    const char *site; /* for messages; NULL: the first of the hosts */
    struct joist_pos cert_pos;
    struct joist_pos key_pos;
};

enum joist_client_auth {
    JOIST_CLIENT_AUTH_OFF,
    JOIST_CLIENT_AUTH_REQUEST, /* asked for; none is fine, a wrong one is not */
    JOIST_CLIENT_AUTH_REQUIRE, /* the handshake fails without one */
};

/** TLS of a listener. */
struct joist_tls_conf {
    const struct joist_cert_conf *certs; /* the default, one for each key type; none: the first of
                                            joist_conf.certs is the default */
    size_t certs_n;
    unsigned min_version;      /* 12 or 13 */
    const char *const *groups; /* key exchange, best first; none: X25519MLKEM768, X25519, P-256,
                                  P-384 */
    size_t groups_n;
    enum joist_client_auth client_auth;
    const char *client_ca;   /* PEM file of the authorities that client certificates need */
    bool reject_unknown_sni; /* a name that no certificate is for: alert unrecognized_name,
                                instead of the default certificate */
    bool early_data;         /* 0-RTT: safe methods only, marked with Early-Data (RFC 8470) */
    struct joist_pos pos;
};

/** An Encrypted ClientHello key (RFC 9849). */
struct joist_ech_key_conf {
    const char *path; /* PEM file: PRIVATE KEY and ECHCONFIG, as `joist ech new` writes it */
    bool retry;       /* offered to clients that used another one; at least one must be */
    struct joist_pos pos;
};

/** TLS to an origin. Verification is always on. */
struct joist_target_tls_conf {
    const char *sni;         /* NULL: the URL's host, if it is a name */
    const char *verify_name; /* the name or address that the certificate must have; NULL: `sni`,
                                else the URL's host */
    const char *ca;          /* PEM file of authorities; NULL: the system's */
    const char *cert;        /* our own certificate, PEM; NULL: none */
    const char *key;         /* NULL: in `cert` as well */
    bool http1_only;         /* do not offer h2 */
};

/** What a drain does with WebSockets and other tunnels. */
enum joist_tunnel_policy {
    JOIST_TUNNEL_KEEP,  /* of a target: they live as long as they like. Of a listener or the engine,
                           which end themselves: until the drain's deadline */
    JOIST_TUNNEL_CUT,   /* closed at once */
    JOIST_TUNNEL_DELAY, /* they live until the drain's deadline */
};

/** PROXY protocol (HAProxy's proxy-protocol.txt): a header that names the client, before anything
 *  else on a connection. */
enum joist_proxy_protocol {
    JOIST_PROXY_PROTOCOL_OFF,
    JOIST_PROXY_PROTOCOL_V1,  /* text */
    JOIST_PROXY_PROTOCOL_V2,  /* binary */
    JOIST_PROXY_PROTOCOL_ANY, /* listeners: either */
};

struct joist_listener_conf {
    const char *name; /* for logs; NULL: the bind text */
    const char *bind; /* ":8080" both families, "127.0.0.1:80", "[::1]:80", "unix:/run/x.sock" */
    bool reuse_fds;   /* `fds` hold listening sockets, made by somebody else */
    const int *fds;   /* lent until destroy, which leaves them open; one per reactor, or else all
                         reactors accept from the first */
    size_t fds_n;
    const struct joist_tls_conf *tls; /* NULL: plain */
    bool h1;                          /* HTTP/1.1 is spoken here; neither this nor h2: it is too */
    bool h2;                          /* HTTP/2: with TLS by ALPN, plain by prior knowledge */
    /* Plain: requests for hosts that a route takes get a 301 to this port; 0: they are served */
    uint16_t https_port;
    enum joist_proxy_protocol proxy_protocol; /* connections must begin with its header */
    /* CIDRs of who may and must send it; who connects from elsewhere is served as a plain client.
     * None: everyone. Unix sockets always count as named here */
    const char *const *proxy_protocol_from;
    size_t proxy_protocol_from_n;
    struct joist_pos pos;
};

struct joist_target_conf {
    const char *url; /* "http://host:port", "https://host" (h2 where the origin offers it),
                        "h2c://host:port" (HTTP/2 by prior knowledge), "unix:/run/app.sock" */
    uint32_t weight; /* 1..65535 */
    const struct joist_target_tls_conf *tls; /* for https; NULL: all at its default */
    /* OFF, V1 or V2: each connection begins by naming one client, so each request gets one of its
     * own, and HTTP/1.1 alone is spoken */
    enum joist_proxy_protocol proxy_protocol;
    bool srv; /* the host is a service, "_http._tcp.example.com": its SRV records (RFC 2782) say
                 hosts and ports, the URL's own port does not count */
    struct joist_pos pos;
};

enum joist_strategy {
    JOIST_STRATEGY_SINGLE, /* the first target that can be used; the others stand by, in order */
    JOIST_STRATEGY_ROUND_ROBIN, /* in turn, by weight, evenly spread */
    JOIST_STRATEGY_LEAST_CONN,  /* the fewest requests under way for its weight, in all reactors */
    JOIST_STRATEGY_LEAST_LATENCY, /* the better of two by chance: time to first byte (moving
                                     average) times requests under way */
    JOIST_STRATEGY_HASH,   /* the same key goes to the same target, unless that has 1.25 times its
                              share of the requests under way on a reactor */
    JOIST_STRATEGY_RANDOM, /* by weight */
};

/** What JOIST_STRATEGY_HASH looks at. */
enum joist_hash_by {
    JOIST_HASH_CLIENT, /* its address, behind trusted_proxies */
    JOIST_HASH_PATH,   /* decoded, without the query */
    JOIST_HASH_HEADER, /* the first of hash_name; not there: the client */
    JOIST_HASH_COOKIE, /* of hash_name; not there: the client */
};

/** A target that fails again and again is put aside for a while. A failure is a status of 5xx, a
 *  connection that is not made, reset or closed too early, no answer in time, a malformed one. */
struct joist_outlier_conf {
    uint32_t failures;            /* one after the other; 1.. */
    uint64_t eject_ms;            /* the first time; up to ten times as long when it goes on */
    uint32_t max_ejected_percent; /* of the targets, rounded down; 1..100 */
};

/** A target whose share of failures is too high gets nothing for a while (up to 30 % longer, by
 *  chance), then one request; if that goes well, all. */
struct joist_breaker_conf {
    uint32_t error_percent; /* 1..100 */
    uint32_t min_requests;  /* in the window, before the share counts; 1.. */
    uint64_t window_ms;
    uint64_t open_ms;
};

enum joist_health_type {
    JOIST_HEALTH_TCP,  /* a connection can be made (with https: and its TLS handshake) */
    JOIST_HEALTH_HTTP, /* a request gets the answer that is expected */
};

struct joist_status_range {
    uint16_t first; /* 100..599 */
    uint16_t last;
};

/** Active checks of every target: one checker for all reactors. A target without a verdict is used;
 *  the first check is made at once. Start from joist_health_conf_init(). */
struct joist_health_conf {
    enum joist_health_type type;
    const char *path;                        /* HTTP: request target; default "/" */
    const char *method;                      /* default "GET" */
    const char *host;                        /* Host sent; NULL: the target's own */
    uint16_t port;                           /* 0: the target's own */
    const struct joist_status_range *expect; /* none: 200 to 299 */
    size_t expect_n;
    const char *body;     /* text that the first 64 KiB of the body must hold; NULL: any */
    uint64_t interval_ms; /* from the end of one to the next, a tenth more or less by chance */
    uint64_t timeout_ms;  /* of one check, all of it */
    uint32_t up;          /* so many good ones in a row: it is up again; 1.. */
    uint32_t down;        /* so many bad ones in a row: it is down; 1.. */
};

/** A second try, on another target where there is one: after a failed connect always; after a
 *  failure of a request that was sent, or a status of `on`, only for idempotent methods whose body
 *  is still there (up to 64 KiB are kept); never after a byte of the response was passed on.
 *  Start from joist_retry_conf_init(). */
struct joist_retry_conf {
    uint32_t attempts;       /* in all, with the first; 1..10 */
    uint64_t backoff_ms;     /* before try n a random time up to backoff * 2^(n-2); 0: at once. The
                                first try on another target after a failed connect never waits */
    uint64_t backoff_max_ms; /* the most of that */
    bool on_failure;         /* reset, closed early, malformed, after it was sent */
    bool on_timeout;         /* no response head in time */
    const uint16_t *on;      /* statuses */
    size_t on_n;
    uint32_t budget_percent; /* tries under way, of the pool's requests under way in all reactors;
                                3 are allowed always; 100: no budget; 0..100 */
};

/** A GET or HEAD without a body that has no response head after this time is sent to a second
 * target as well; the first answer wins, the other request is cancelled. Counts as a retry of the
 * budget (20 % where retry is NULL). */
struct joist_hedge_conf {
    uint64_t after_ms;
};

/** Who waits while all targets have max_inflight requests under way, in order of arrival, whichever
 *  reactor they came by. */
struct joist_queue_conf {
    uint32_t max;        /* more than this: 503 with Retry-After; 0: nobody waits */
    uint64_t timeout_ms; /* waited so long: 504; 0: for ever */
};

enum joist_sticky_by {
    JOIST_STICKY_COOKIE,     /* our own: says the target itself, nothing is kept */
    JOIST_STICKY_APP_COOKIE, /* a cookie that the application sets */
    JOIST_STICKY_HEADER,
    JOIST_STICKY_CLIENT, /* its address, behind trusted_proxies */
};

enum joist_same_site {
    JOIST_SAME_SITE_LAX,
    JOIST_SAME_SITE_STRICT,
    JOIST_SAME_SITE_NONE, /* with Secure alone */
};

/** The same client goes to the same target, as long as that one can take it. Start from
 *  joist_sticky_conf_init(). */
struct joist_sticky_conf {
    enum joist_sticky_by by;
    const char *name;   /* of cookie or header */
    uint64_t ttl_ms;    /* since it was last used. Own cookie: its Max-Age; 0: of the session */
    uint32_t table_max; /* entries kept, least recently used go first; not for the own cookie */
    const char *path;   /* own cookie; default "/" */
    bool insecure;      /* own cookie: without Secure even over TLS (plain never has it) */
    bool script;        /* own cookie: without HttpOnly */
    enum joist_same_site same_site;
};

/** A generation of an upstream: a pool of its own, under a name. */
struct joist_slot_conf {
    const char *name; /* unique in its upstream: "blue" */
    const char *pool; /* name of a pool without slots; its targets may be changed: it is dynamic */
    uint32_t weight;  /* share of requests that no rule decides: 0..65535, not all 0 */
    struct joist_pos pos;
};

/** Requests with that header, or that cookie, go to a slot. The first that fits counts. */
struct joist_slot_rule_conf {
    const char *slot;
    const char *header;        /* name; or: */
    const char *cookie;        /* name */
    const char *const *values; /* one of them; none: see percent */
    size_t values_n;
    uint32_t percent; /* of the cookie's (or header's) values, by FNV-1a-32 of the value: 0..100 */
    struct joist_pos pos;
};

struct joist_pool_conf {
    const char *name; /* unique */
    enum joist_strategy strategy;
    enum joist_hash_by hash_by;
    const char *hash_name;  /* of the header or cookie */
    uint64_t slow_start_ms; /* weight of a new or recovered target grows for so long; 0: at once.
                               Not for single; for hash it holds back what exceeds its share */
    uint32_t panic_percent; /* fewer targets than this neither put aside nor found down: all are
                               used that have an address; 0: never. A breaker is respected always */
    const struct joist_outlier_conf *outlier; /* NULL: off */
    const struct joist_breaker_conf *breaker; /* NULL: off */
    const struct joist_health_conf *health;   /* NULL: off */
    const struct joist_retry_conf *retry;     /* NULL: off */
    const struct joist_hedge_conf *hedge;     /* NULL: off */
    const struct joist_sticky_conf *sticky;   /* NULL: off */
    uint32_t max_inflight;         /* requests at once of a target, in all reactors; 0: no limit */
    struct joist_queue_conf queue; /* with max_inflight, and while the pool is paused */
    bool dynamic; /* targets, weights and states will be changed by joist_upstream_*() */
    const struct joist_target_conf *targets;
    size_t targets_n;
    /* instead of targets: slots, whose pools stand beside this one */
    const struct joist_slot_conf *slots;
    size_t slots_n;
    const struct joist_slot_rule_conf *slot_rules;
    size_t slot_rules_n;
    uint32_t idle_max; /* idle connections kept per target and reactor */
    struct joist_pos pos;
};

enum joist_handler_kind {
    JOIST_HANDLER_NONE,
    JOIST_HANDLER_STATIC,
    JOIST_HANDLER_PROXY,
    JOIST_HANDLER_RESPOND,
    JOIST_HANDLER_REDIRECT,
};

struct joist_error_page_conf {
    uint16_t status;  /* 400..599 */
    const char *path; /* file below the root */
};

struct joist_static_conf {
    const char *root;         /* folder; a missing one is a warning and answers 404 */
    const char *const *index; /* file names tried for a folder; default index.html */
    size_t index_n;
    const char *const *try_files; /* in order: "$path", "$path.html", "$path/", "/index.html",
                                     "=404"; none: just the path */
    size_t try_files_n;
    const struct joist_error_page_conf *error_pages;
    size_t error_pages_n;
    const char *cache_control; /* added to 200 and 304 if given */
    bool listing;              /* folders without an index show their entries */
    bool precompressed;        /* .zst .br .gz siblings are served to those who accept them */
    bool dotfiles; /* names that start with '.' are served (but ".well-known" always is) */
};

struct joist_proxy_conf {
    const char *pool;      /* name of a pool */
    const char *path_base; /* put before the path: of an origin "http://host/base"; NULL none */
    const char *host;      /* Host sent to the origin; NULL: the client's */
};

struct joist_respond_conf {
    uint16_t status;  /* 200..599 */
    const char *body; /* may be NULL */
    size_t body_n;
    const char *content_type; /* default "text/plain; charset=utf-8" */
};

struct joist_redirect_conf {
    const char *to;  /* "https://example.com$uri": $uri is path and query, $path, $query, $host */
    uint16_t status; /* 301, 302, 303, 307, 308 */
};

enum joist_path_kind {
    JOIST_PATH_ANY,
    JOIST_PATH_PREFIX, /* on a segment boundary: "/api" takes /api and /api/x, not /apis */
    JOIST_PATH_EXACT,
};

/** One route. The most specific one wins, in this order: host (exact, one-label wildcard, any),
 *  path (exact, longest prefix, any), number of method and header conditions, order. */
struct joist_route_conf {
    const char *name;         /* for logs, best unique; NULL: made from host and path */
    const char *const *hosts; /* "example.com", "*.example.com"; none: any host */
    size_t hosts_n;
    enum joist_path_kind path_kind;
    const char *path;           /* starts with '/', normalized */
    const char *const *methods; /* none: all */
    size_t methods_n;
    const struct joist_pair *headers; /* all must be there with that value; value "*": any value */
    size_t headers_n;
    bool strip_prefix;                         /* the handler sees the path without `path` */
    const struct joist_pair *response_headers; /* set on every response; value "" removes */
    size_t response_headers_n;
    uint64_t hsts_s; /* over TLS: Strict-Transport-Security with this max-age (RFC 6797); 0: none */
    const struct joist_limits_conf *limits;     /* NULL: the engine's */
    const struct joist_timeouts_conf *timeouts; /* NULL: the engine's */
    enum joist_handler_kind kind;
    union {
        struct joist_static_conf files;
        struct joist_proxy_conf proxy;
        struct joist_respond_conf respond;
        struct joist_redirect_conf redirect;
    } handler;
    struct joist_pos pos;
};

enum joist_log_level {
    JOIST_LOG_DEBUG,
    JOIST_LOG_INFO,
    JOIST_LOG_WARN,
    JOIST_LOG_ERROR,
};

/** Text in a log callback: not NUL-terminated; lives until the callback returns. Absent: p is NULL.
 */
struct joist_text {
    const char *p;
    size_t n;
};

/** One finished request. Its texts may hold any byte that HTTP allows. */
struct joist_access {
    int64_t time_us;         /* wall clock at the end of the request, Unix epoch */
    uint64_t duration_ns;    /* complete head until at most 64 KiB of the response wait */
    uint64_t upstream_ns;    /* request handed to the origin until its response head; 0 if none */
    uint64_t request_bytes;  /* body */
    uint64_t response_bytes; /* body, as sent */
    uint16_t status;         /* sent to the client; 499: the client left before */
    uint16_t client_port;
    uint16_t remote_port;
    uint16_t port; /* of the listener */
    bool tls;
    bool tls_resumed; /* a session of before: no certificate was sent */
    bool tls_ech;     /* the name came encrypted */
    bool early_data;  /* the request came before the handshake was over: it may be a replay */
    bool aborted;     /* the response was cut */
    int why;          /* JOIST_E_* of a failure, else 0 */
    struct joist_text method, host, path, query, proto, scheme;
    struct joist_text request_id, user_agent, referer, request_type, response_type;
    struct joist_text client_addr; /* after trusted_proxies */
    struct joist_text remote_addr; /* the connection's peer, or whom its PROXY header names */
    struct joist_text service;     /* the route's name */
    struct joist_text target;      /* the origin's address, or empty */
    struct joist_text tls_version; /* "TLSv1.3"; these are absent without TLS */
    struct joist_text tls_cipher;
    struct joist_text tls_group;      /* of the key exchange: "X25519MLKEM768" */
    struct joist_text tls_sni;        /* the name that the client asked for; the inner one of ECH */
    struct joist_text client_subject; /* of a verified client certificate, RFC 2253 */
};

struct joist_log_event {
    int64_t time_us;
    enum joist_log_level level;
    const char *name;       /* event name, e.g. "UPSTREAM_FAILED"; static storage */
    struct joist_text text; /* key=value pairs; no secrets */
};

/** Called on the engine's log thread, one call at a time; may block (then lines are dropped and
 *  counted, requests never wait). `more` is false for the last of a batch: flush then. */
typedef void joist_access_f(void *ctx, const struct joist_access *a, bool more);
typedef void joist_log_f(void *ctx, const struct joist_log_event *e, bool more);

struct joist_log_conf {
    enum joist_log_level level;
    joist_log_f *on_event;     /* NULL: no events */
    joist_access_f *on_access; /* NULL: no access log, and nothing is collected for one */
    void *ctx;                 /* of both; must outlive the engine */
};

/** How names of origins are looked up. /etc/hosts goes first. */
struct joist_dns_conf {
    const char *const *servers; /* "127.0.0.1", "127.0.0.1:53", "[::1]:53"; none: the system's */
    size_t servers_n;
    uint64_t timeout_ms; /* of one question to one server; each gets two. 0: two seconds */
    uint64_t min_ttl_ms; /* an answer counts so long at least, */
    uint64_t max_ttl_ms; /* and at most, whatever it says itself */
};

struct joist_conf {
    unsigned threads;  /* reactors; 0: one per CPU the process may use */
    uint64_t drain_ms; /* for who calls joist_engine_drain(): the engine itself does not look */
    enum joist_tunnel_policy tunnels;
    const char *server_header; /* Server: value; "" sends none; default "joist" */
    bool via;                  /* add Via to forwarded messages */
    bool debug;                /* responses of our own say why in X-Joist-Error */
    /* CIDRs whose X-Forwarded-* and X-Request-Id are believed */
    const char *const *trusted_proxies;
    size_t trusted_proxies_n;
    struct joist_limits_conf limits;
    struct joist_timeouts_conf timeouts;
    struct joist_log_conf log;
    struct joist_dns_conf dns;
    const struct joist_listener_conf *listeners;
    size_t listeners_n;
    const struct joist_cert_conf *certs; /* by name, for every listener with TLS */
    size_t certs_n;
    const struct joist_ech_key_conf *ech_keys; /* for every listener with TLS; none: no ECH */
    size_t ech_keys_n;
    const struct joist_pool_conf *pools;
    size_t pools_n;
    const struct joist_route_conf *routes;
    size_t routes_n;
};

/** Everything at its default: the figures of the reference page. */
void joist_conf_init(struct joist_conf *conf);
void joist_static_conf_init(struct joist_static_conf *conf);
void joist_pool_conf_init(struct joist_pool_conf *conf);
void joist_health_conf_init(struct joist_health_conf *conf);
void joist_retry_conf_init(struct joist_retry_conf *conf);
void joist_sticky_conf_init(struct joist_sticky_conf *conf);
void joist_listener_conf_init(struct joist_listener_conf *conf); /* plain, HTTP/1.1 */
void joist_tls_conf_init(struct joist_tls_conf *conf);
void joist_route_conf_init(struct joist_route_conf *conf);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
