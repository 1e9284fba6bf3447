// SPDX-License-Identifier: MIT
#pragma once
/*
 * The configuration file as C structs, one for each block of the schema, before it becomes the
 * engine's struct joist_conf.
 *
 * Flow:   schema.c gives each key its place here, fill.c writes it, build.c and show.c read it.
 * Owner:  everything lives in one arena (struct jst_conf).
 * Rule:   the first member of each is struct jst_part. Sub-blocks are pointers, NULL when absent.
 */
#include <joist/conf.h>

#include "conf/parts_tls.h"

struct jst_pairs {
    struct joist_pair *v;
    size_t n;
};

struct jst_pages {
    struct joist_error_page_conf *v;
    size_t n;
};

struct jst_part_server {
    struct jst_part part;
    uint32_t threads;
    uint64_t drain_ms;
    unsigned tunnels; /* enum joist_tunnel_policy */
    const char *server_header;
    bool via;
    bool debug;
    struct jst_texts trusted_proxies;
};

struct jst_part_limits {
    struct jst_part part;
    struct joist_limits_conf v;
};

struct jst_part_timeouts {
    struct jst_part part;
    struct joist_timeouts_conf v;
};

enum jst_access_format {
    JST_ACCESS_OFF,
    JST_ACCESS_COMBINED,
    JST_ACCESS_JSON,
};

struct jst_part_access {
    struct jst_part part;
    unsigned format;  /* enum jst_access_format */
    const char *path; /* "stdout", "stderr" or a file */
};

struct jst_part_log {
    struct jst_part part;
    unsigned level;    /* enum joist_log_level */
    const char *error; /* "stderr", "stdout" or a file */
    struct jst_part_access *access;
};

struct jst_part_dns {
    struct jst_part part;
    struct jst_texts servers;
    struct joist_dns_conf v; /* without the servers */
};

struct jst_part_listener {
    struct jst_part part;
    const char *name;
    const char *bind;
    struct jst_texts alpn; /* never empty once the file was read */
    struct jst_part_listener_tls *tls;
    uint32_t redirect_https; /* a port; 0: no */
    unsigned proxy_protocol; /* enum joist_proxy_protocol */
    struct jst_texts proxy_protocol_from;
};

/* What pools and their targets have in common: both structs begin like this one. */
struct jst_part_origin {
    struct jst_part part;
    struct joist_target_tls_conf tls;
};

/** Do the keys of TLS mean something to this origin? */
static inline bool
jst_part_is_https(const char *url)
{
    return url != NULL && jst_slice_starts(jst_slice_z(url), JST_S("https://"));
}

struct jst_part_target {
    struct jst_part part;
    struct joist_target_tls_conf tls;
    const char *url;
    uint32_t weight;
    unsigned proxy_protocol; /* enum joist_proxy_protocol */
    bool srv;
};

struct jst_part_outlier {
    struct jst_part part;
    struct joist_outlier_conf v;
};

struct jst_part_breaker {
    struct jst_part part;
    struct joist_breaker_conf v;
};

struct jst_part_health {
    struct jst_part part;
    unsigned type; /* enum joist_health_type */
    uint32_t port;
    struct jst_texts expect;    /* "200-299", "404": checked */
    struct joist_health_conf v; /* without these */
};

struct jst_part_retry {
    struct jst_part part;
    struct jst_texts on;       /* words and statuses: checked */
    struct joist_retry_conf v; /* without what `on` says */
};

struct jst_part_hedge {
    struct jst_part part;
    struct joist_hedge_conf v;
};

struct jst_part_queue {
    struct jst_part part;
    struct joist_queue_conf v;
};

struct jst_part_sticky {
    struct jst_part part;
    const char *cookie; /* exactly one of these */
    const char *app_cookie;
    const char *header;
    bool client;
    unsigned same_site;         /* enum joist_same_site */
    struct joist_sticky_conf v; /* without these */
};

struct jst_part_slot_rule {
    struct jst_part part;
    const char *slot;
    const char *header;
    const char *cookie;
    struct jst_texts values;
    uint32_t percent;
};

/* [upstreams.NAME]; a route's `upstream`, where `name` refers to one of those; and a slot of
 * either. */
struct jst_part_pool {
    struct jst_part part;
    struct joist_target_tls_conf tls; /* what its targets start from */
    const char *name;
    unsigned strategy;    /* enum joist_strategy */
    const char *hash_key; /* checked */
    uint64_t slow_start_ms;
    uint32_t panic;
    struct jst_part_health *health; /* NULL: off */
    struct jst_part_outlier *outlier;
    struct jst_part_breaker *breaker;
    struct jst_part_retry *retry;
    struct jst_part_hedge *hedge;
    struct jst_part_queue *queue; /* NULL: the defaults */
    struct jst_part_sticky *sticky;
    uint32_t max_inflight;
    bool dynamic;
    uint32_t weight; /* of slots */
    uint32_t idle_max;
    struct jst_part_target *targets;
    size_t targets_n;
    struct jst_part_slot_rule *rules;
    size_t rules_n;
    struct jst_part_pool *slots;
    size_t slots_n;
};

struct jst_part_respond {
    struct jst_part part;
    uint32_t status;
    const char *body;
    const char *content_type;
};

struct jst_part_redirect {
    struct jst_part part;
    uint32_t status;
    const char *to;
};

struct jst_part_matchers {
    struct jst_part part;
    struct jst_texts hosts;
    const char *path_prefix;
    const char *path;
    struct jst_texts methods;
    struct jst_pairs headers;
};

/* What a site, a site's route and a full route may do with a request. */
struct jst_part_handler {
    const char *root;
    const char *proxy;
    const char *proxy_host;
    struct jst_part_pool *upstream; /* full routes only */
    struct jst_part_respond *respond;
    struct jst_part_redirect *redirect;
    struct jst_texts index;
    struct jst_texts try_files;
    bool spa;
    bool listing;
    bool precompressed;
    bool dotfiles;
    const char *cache_control;
    struct jst_pages error_pages;
    struct jst_pairs headers;
    uint64_t hsts_ms;               /* 0: none */
    struct jst_part_limits *limits; /* NULL: the whole file's */
    struct jst_part_timeouts *timeouts;
};

/* One struct for [[sites]], [[sites.routes]] and [[routes]]; each block uses what it has. */
struct jst_part_route {
    struct jst_part part;
    const char *name;
    const char *host;
    struct jst_texts hosts;
    const char *path; /* [[sites.routes]]: a prefix */
    const char *exact;
    struct jst_texts methods;
    struct jst_pairs match_headers;
    struct jst_part_matchers *matchers;
    bool strip_prefix;
    struct jst_part_handler handler;
    struct jst_part_site_tls *tls; /* of sites */
    struct jst_part_route *routes;
    size_t routes_n;
};

struct jst_part_file {
    struct jst_part part;
    struct jst_texts include;
    struct jst_part_server *server;
    struct jst_part_limits *limits;
    struct jst_part_timeouts *timeouts;
    struct jst_part_log *log;
    struct jst_part_dns *dns;
    struct jst_part_listener *listeners;
    size_t listeners_n;
    struct jst_part_ech *ech;
    struct jst_part_pool *upstreams;
    size_t upstreams_n;
    struct jst_part_route *sites;
    size_t sites_n;
    struct jst_part_route *routes;
    size_t routes_n;
};
