// SPDX-License-Identifier: MIT
#include "base/bounds.h"

#include <joist/conf.h>
#include <string.h>

void
joist_conf_init(struct joist_conf *conf)
{
    *conf = (struct joist_conf){
        .drain_ms = JST_DRAIN_MS_DEFAULT,
        .tunnels = JOIST_TUNNEL_KEEP,
        .server_header = "joist",
        .via = true,
        .limits =
            {
                .header_bytes = JST_HEADER_BYTES_DEFAULT,
                .header_count = JST_HEADER_COUNT_DEFAULT,
                .uri_bytes = JST_URI_BYTES_DEFAULT,
                .body_bytes = JST_BODY_BYTES_DEFAULT,
                .conns_per_ip = JST_CONNS_PER_IP_DEFAULT,
                .conns_max = JST_CONNS_MAX_DEFAULT,
                .h2_streams = JST_H2_STREAMS_DEFAULT,
            },
        .timeouts =
            {
                .header_ms = JST_HEADER_MS_DEFAULT,
                .body_idle_ms = JST_BODY_IDLE_MS_DEFAULT,
                .keepalive_ms = JST_KEEPALIVE_MS_DEFAULT,
                .upstream_connect_ms = JST_UPSTREAM_CONNECT_MS_DEFAULT,
                .upstream_response_ms = JST_UPSTREAM_RESPONSE_MS_DEFAULT,
                .upstream_idle_ms = JST_UPSTREAM_IDLE_MS_DEFAULT,
                .upstream_total_ms = 0, /* downloads and streams may last */
                .upstream_keepalive_ms = JST_UPSTREAM_KEEPALIVE_MS_DEFAULT,
            },
        .log = {.level = JOIST_LOG_INFO},
        .dns =
            {
                .timeout_ms = JST_DNS_TIMEOUT_MS_DEFAULT,
                .min_ttl_ms = JST_DNS_MIN_TTL_MS_DEFAULT,
                .max_ttl_ms = JST_DNS_MAX_TTL_MS_DEFAULT,
            },
    };
}

void
joist_static_conf_init(struct joist_static_conf *conf)
{
    static const char *const index[] = {"index.html"};

    *conf = (struct joist_static_conf){.index = index, .index_n = 1, .precompressed = true};
}

void
joist_pool_conf_init(struct joist_pool_conf *conf)
{
    *conf = (struct joist_pool_conf){
        .strategy = JOIST_STRATEGY_ROUND_ROBIN,
        .idle_max = JST_UPSTREAM_IDLE_CONNS_DEFAULT,
        .panic_percent = JST_PANIC_PERCENT_DEFAULT,
        .queue = {.max = JST_QUEUE_MAX_DEFAULT, .timeout_ms = JST_QUEUE_MS_DEFAULT},
    };
}

void
joist_health_conf_init(struct joist_health_conf *conf)
{
    *conf = (struct joist_health_conf){
        .type = JOIST_HEALTH_HTTP,
        .path = "/",
        .method = "GET",
        .interval_ms = JST_HEALTH_INTERVAL_MS_DEFAULT,
        .timeout_ms = JST_HEALTH_TIMEOUT_MS_DEFAULT,
        .up = JST_HEALTH_UP_DEFAULT,
        .down = JST_HEALTH_DOWN_DEFAULT,
    };
}

void
joist_retry_conf_init(struct joist_retry_conf *conf)
{
    *conf = (struct joist_retry_conf){
        .attempts = JST_RETRY_ATTEMPTS_DEFAULT,
        .backoff_ms = JST_RETRY_BACKOFF_MS_DEFAULT,
        .backoff_max_ms = JST_RETRY_BACKOFF_MAX_MS_DEFAULT,
        .on_failure = true,
        .budget_percent = JST_RETRY_BUDGET_PERCENT_DEFAULT,
    };
}

void
joist_sticky_conf_init(struct joist_sticky_conf *conf)
{
    *conf = (struct joist_sticky_conf){
        .by = JOIST_STICKY_COOKIE,
        .name = "joist_affinity",
        .ttl_ms = JST_STICKY_TTL_MS_DEFAULT,
        .table_max = JST_STICKY_TABLE_MAX_DEFAULT,
        .path = "/",
    };
}

void
joist_route_conf_init(struct joist_route_conf *conf)
{
    *conf = (struct joist_route_conf){.path_kind = JOIST_PATH_ANY};
}

void
joist_listener_conf_init(struct joist_listener_conf *conf)
{
    *conf = (struct joist_listener_conf){.h1 = true};
}

void
joist_tls_conf_init(struct joist_tls_conf *conf)
{
    *conf = (struct joist_tls_conf){.min_version = 12};
}
