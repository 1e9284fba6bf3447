// SPDX-License-Identifier: MIT
/* Pools, their targets and what goes with them; see schema.h. */
#include "conf/schema_keys.h"

static const struct jst_key origin_tls_keys[] = {
    KEY_AS("sni", jst_part_origin, tls.sni, JST_KEY_TEXT, .check = jst_check_name,
           .example = "\"app.internal\"",
           .doc = "Name that the origin is asked for; else the URL's host"),
    KEY_AS("verify_name", jst_part_origin, tls.verify_name, JST_KEY_TEXT, .check = jst_check_name,
           .example = "\"app.internal\"",
           .doc = "Name or address that the origin's certificate must have; else `sni`, else the "
                  "URL's host"),
    KEY_AS("ca", jst_part_origin, tls.ca, JST_KEY_TEXT, .flags = JST_KEY_PATH,
           .check = jst_check_plain, .example = "\"internal-ca.pem\"",
           .doc = "PEM file of the authorities that the origin's certificate must come from; else "
                  "the system's"),
    KEY_AS("cert", jst_part_origin, tls.cert, JST_KEY_TEXT, .flags = JST_KEY_PATH,
           .check = jst_check_plain, .example = "\"client.pem\"",
           .doc = "PEM file of the certificate to show to the origin"),
    KEY_AS("key", jst_part_origin, tls.key, JST_KEY_TEXT, .flags = JST_KEY_PATH,
           .check = jst_check_plain, .example = "\"client-key.pem\"",
           .doc = "PEM file of its private key; else the key is in `cert` too"),
    KEY_AS("http1_only", jst_part_origin, tls.http1_only, JST_KEY_BOOL, .fallback = "false",
           .doc = "Do not offer HTTP/2 to the origin"),
};

static const struct jst_rule origin_tls_rules[] = {NEEDS("key", "cert", NULL)};

static const struct jst_key target_keys[] = {
    KEY(jst_part_target, url, JST_KEY_TEXT, .flags = JST_KEY_REQUIRED, .check = jst_check_target,
        .example = "\"http://127.0.0.1:3000\"",
        .doc = "\"http://host:port\", \"https://host\" (HTTP/2 where the origin offers it), "
               "\"h2c://host:port\" (HTTP/2 without TLS) or \"unix:/run/app.sock\""),
    KEY(jst_part_target, weight, JST_KEY_UINT, .fallback = "1", .min = 1, .max = 65535,
        .example = "2", .doc = "Its share of the requests, compared with the other targets"),
    KEY(jst_part_target, proxy_protocol, JST_KEY_WORD, .fallback = "off", WORDS("off", "v1", "v2"),
        .doc = "Tell the origin who the client is, by a header of the PROXY protocol at the "
               "beginning of each connection, before TLS: every request gets a connection of its "
               "own, over HTTP/1.1"),
    KEY(jst_part_target, srv, JST_KEY_BOOL, .fallback = "false",
        .doc = "The URL's host is a service, as in \"http://_http._tcp.example.com\": its SRV "
               "records say which hosts and ports there are, with priority and weight"),
};

static const struct jst_key outlier_keys[] = {
    KEY_AS("consecutive_5xx", jst_part_outlier, v.failures, JST_KEY_UINT, .fallback = "5", .min = 1,
           .max = 1000000, .example = "5",
           .doc = "So many failures one after the other: a status of 5xx, no connection, a reset, "
                  "no answer in time, a malformed one"),
    KEY_AS("eject", jst_part_outlier, v.eject_ms, JST_KEY_DURATION, .fallback = "30s", .min = 1,
           .max = 86400000,
           .doc = "For how long; each time longer, up to ten times, until it was well for as long "
                  "as it was away"),
    KEY_AS("max_ejected", jst_part_outlier, v.max_ejected_percent, JST_KEY_PERCENT,
           .fallback = "50%", .min = 1, .max = 100, .example = "\"50%\"",
           .doc = "At most so many of the targets at once, rounded down: of two one, of one none"),
};

static const struct jst_key breaker_keys[] = {
    KEY_AS("error_rate", jst_part_breaker, v.error_percent, JST_KEY_PERCENT, .fallback = "50%",
           .min = 1, .max = 100, .example = "\"50%\"",
           .doc = "Share of failures that opens it (see outlier for what a failure is)"),
    KEY_AS("min_requests", jst_part_breaker, v.min_requests, JST_KEY_UINT, .fallback = "10",
           .min = 1, .max = 1000000, .example = "10",
           .doc = "Requests in the window before the share counts"),
    KEY_AS("window", jst_part_breaker, v.window_ms, JST_KEY_DURATION, .fallback = "10s", .min = 100,
           .max = 3600000, .doc = "How far back it looks"),
    KEY_AS("open", jst_part_breaker, v.open_ms, JST_KEY_DURATION, .fallback = "30s", .min = 1,
           .max = 86400000,
           .doc = "How long nothing is sent, up to 30% longer by chance; then one request is "
                  "tried, and if it goes well, all are sent again"),
};

static const struct jst_key health_keys[] = {
    KEY_AS("type", jst_part_health, type, JST_KEY_WORD, .fallback = "http", WORDS("tcp", "http"),
           .doc = "\"http\": a request gets the answer that is expected; \"tcp\": a connection can "
                  "be made, with TLS for https://"),
    KEY_AS("path", jst_part_health, v.path, JST_KEY_TEXT, .fallback = "/",
           .check = jst_check_request_path, .example = "\"/up\"",
           .doc = "What is asked for; `health = \"/up\"` is short for it"),
    KEY_AS("method", jst_part_health, v.method, JST_KEY_TEXT, .fallback = "GET",
           .check = jst_check_method, .example = "\"GET\"", .doc = "Method of the request"),
    KEY_AS("host", jst_part_health, v.host, JST_KEY_TEXT, .check = jst_check_name,
           .example = "\"app.internal\"", .doc = "Host header sent; else the target's own"),
    KEY_AS("port", jst_part_health, port, JST_KEY_UINT, .fallback = "0", .max = 65535,
           .example = "9000", .doc = "Port to connect to; 0: the target's own"),
    KEY_AS("expect", jst_part_health, expect, JST_KEY_TEXTS, .flags = JST_KEY_NUMBERS,
           .fallback = "200-299", .check = jst_check_status_range, .example = "[\"200-299\", 404]",
           .doc = "Statuses that are good, single ones and ranges"),
    KEY_AS("body", jst_part_health, v.body, JST_KEY_TEXT, .check = jst_check_plain,
           .example = "\"ok\"",
           .doc = "Text that the first 64 KiB of the response body must hold; else any body"),
    KEY_AS("interval", jst_part_health, v.interval_ms, JST_KEY_DURATION, .fallback = "5s",
           .min = 10, .max = 86400000,
           .doc = "From the end of one check to the next, a tenth more or less by chance"),
    KEY_AS("timeout", jst_part_health, v.timeout_ms, JST_KEY_DURATION, .fallback = "2s", .min = 1,
           .max = 3600000, .doc = "For one check, all of it"),
    KEY_AS("up", jst_part_health, v.up, JST_KEY_UINT, .fallback = "1", .min = 1, .max = 1000,
           .example = "1", .doc = "So many good ones in a row, and a target that was down is up"),
    KEY_AS("down", jst_part_health, v.down, JST_KEY_UINT, .fallback = "3", .min = 1, .max = 1000,
           .example = "3", .doc = "So many bad ones in a row, and a target is down"),
};

static const struct jst_key retry_keys[] = {
    KEY_AS("attempts", jst_part_retry, v.attempts, JST_KEY_UINT, .fallback = "2", .min = 1,
           .max = 10, .example = "2", .doc = "Tries in all, with the first"),
    KEY_AS("backoff", jst_part_retry, v.backoff_ms, JST_KEY_DURATION, .fallback = "25ms",
           .max = 3600000,
           .doc = "A wait by chance up to this before the second try, up to twice as long before "
                  "the third, and so on; \"0\": none. After a failed connect another target is "
                  "tried at once"),
    KEY_AS("backoff_max", jst_part_retry, v.backoff_max_ms, JST_KEY_DURATION, .fallback = "1s",
           .max = 3600000, .doc = "The most of it"),
    KEY_AS("on", jst_part_retry, on, JST_KEY_TEXTS, .flags = JST_KEY_NUMBERS, .fallback = "failure",
           .check = jst_check_retry_on, .example = "[\"failure\", \"timeout\", 502, 503]",
           .doc = "After what: \"connect\" (no connection, which always counts), \"failure\" "
                  "(reset, closed early, malformed), \"timeout\" (no response head in time), and "
                  "statuses. What was sent once is sent again only if its method is idempotent"),
    KEY_AS("budget", jst_part_retry, v.budget_percent, JST_KEY_PERCENT, .fallback = "20%",
           .max = 100, .example = "\"20%\"",
           .doc = "Further tries at once, of the pool's requests under way; three are always "
                  "allowed; \"100%\": no budget"),
};

static const struct jst_key hedge_keys[] = {
    KEY_AS("after", jst_part_hedge, v.after_ms, JST_KEY_DURATION, .flags = JST_KEY_REQUIRED,
           .min = 1, .max = 3600000, .example = "\"50ms\"",
           .doc = "Without a response head for so long, a GET or HEAD is sent to a second target "
                  "too; the first answer counts. It takes from the budget of `retry`"),
};

static const struct jst_key queue_keys[] = {
    KEY_AS("max", jst_part_queue, v.max, JST_KEY_UINT, .fallback = "512", .max = 1000000,
           .example = "512",
           .doc = "Requests that wait at once; more get 503 with Retry-After; 0: nobody waits"),
    KEY_AS("timeout", jst_part_queue, v.timeout_ms, JST_KEY_DURATION, .fallback = "2s",
           .max = 86400000, .doc = "How long one waits (else 504); \"0\": for ever"),
};

static const struct jst_key sticky_keys[] = {
    KEY(jst_part_sticky, cookie, JST_KEY_TEXT, .check = jst_check_field_name,
        .example = "\"joist_affinity\"",
        .doc = "Name of a cookie that joist sets itself: it says the target, nothing is kept"),
    KEY(jst_part_sticky, app_cookie, JST_KEY_TEXT, .check = jst_check_field_name,
        .example = "\"JSESSIONID\"", .doc = "Name of a cookie that the application sets"),
    KEY(jst_part_sticky, header, JST_KEY_TEXT, .check = jst_check_field_name,
        .example = "\"X-User\"", .doc = "Name of a request header"),
    KEY(jst_part_sticky, client, JST_KEY_BOOL, .fallback = "false",
        .doc = "By the client's address, behind `trusted_proxies`"),
    KEY_AS("ttl", jst_part_sticky, v.ttl_ms, JST_KEY_DURATION, .fallback = "10m",
           .max = 31536000000,
           .doc = "How long it counts since it was last used; for `cookie` its Max-Age, and \"0\" "
                  "makes it a cookie of the browser's session"),
    KEY_AS("table_max", jst_part_sticky, v.table_max, JST_KEY_UINT, .fallback = "100000", .min = 1,
           .max = 10000000, .example = "100000",
           .doc = "Clients remembered, not for `cookie`; who was not seen for longest is forgotten "
                  "first"),
    KEY_AS("path", jst_part_sticky, v.path, JST_KEY_TEXT, .fallback = "/", .check = jst_check_path,
           .example = "\"/\"", .doc = "Path of `cookie`"),
    KEY(jst_part_sticky, same_site, JST_KEY_WORD, .fallback = "lax", WORDS("lax", "strict", "none"),
        .doc = "SameSite of `cookie`; \"none\" needs Secure"),
    KEY_AS("insecure", jst_part_sticky, v.insecure, JST_KEY_BOOL, .fallback = "false",
           .doc = "`cookie` without Secure even over TLS"),
    KEY_AS("script", jst_part_sticky, v.script, JST_KEY_BOOL, .fallback = "false",
           .doc = "`cookie` without HttpOnly: scripts of the page may read it"),
};

static const struct jst_rule sticky_rules[] = {
    NOT_BOTH("cookie", "app_cookie"),
    NOT_BOTH("cookie", "header"),
    NOT_BOTH("cookie", "client"),
    NOT_BOTH("app_cookie", "header"),
    NOT_BOTH("app_cookie", "client"),
    NOT_BOTH("header", "client"),
    {RULE(ONE_OF, "cookie", "app_cookie", "for example: cookie = \"joist_affinity\""),
     .more = {"header", "client"}},
    NOT_BOTH("cookie", "table_max"),
    NEEDS("path", "cookie", NULL),
    NEEDS("same_site", "cookie", NULL),
    NEEDS("insecure", "cookie", NULL),
    NEEDS("script", "cookie", NULL),
};

static const struct jst_key slot_rule_keys[] = {
    KEY(jst_part_slot_rule, slot, JST_KEY_TEXT, .flags = JST_KEY_REQUIRED,
        .check = jst_check_pool_name, .example = "\"green\"", .doc = "The slot they go to"),
    KEY(jst_part_slot_rule, header, JST_KEY_TEXT, .check = jst_check_field_name,
        .example = "\"X-Canary\"", .doc = "Requests with this header, the first of that name"),
    KEY(jst_part_slot_rule, cookie, JST_KEY_TEXT, .check = jst_check_field_name,
        .example = "\"kamal-rollout\"", .doc = "Requests with this cookie"),
    KEY(jst_part_slot_rule, values, JST_KEY_TEXTS, .flags = JST_KEY_ONE_OK,
        .check = jst_check_field_value, .example = "[\"1\"]", .doc = "With one of these values"),
    KEY(jst_part_slot_rule, percent, JST_KEY_UINT, .fallback = "100", .max = 100, .example = "10",
        .doc = "So many of all values, the same ones each time: those whose FNV-1a-32 is in this "
               "share of its range"),
};

static const struct jst_rule slot_rule_rules[] = {
    NOT_BOTH("header", "cookie"),
    ONE_OF("header", "cookie", NULL),
    NOT_BOTH("values", "percent"),
};

/* What pools and slots say alike. */
#define BALANCE_KEYS(targets_flags)                                                                \
    KEY(jst_part_pool, targets, JST_KEY_TABLES, .block = UPSTREAM_BLOCK(TARGET),                   \
        .flags = (targets_flags), .example = "[\"http://127.0.0.1:3000\"]",                        \
        .doc = "The origins: URLs, or tables with a URL and what goes with it"),                   \
        KEY(jst_part_pool, strategy, JST_KEY_WORD, .fallback = "round_robin",                      \
            WORDS("single", "round_robin", "least_conn", "least_latency", "hash", "random"),       \
            .doc =                                                                                 \
                "Which target takes a request: \"single\": the first that can be used, the "       \
                "others stand by, in order; "                                                      \
                "\"round_robin\": in turn, by weight; \"least_conn\": the one with the fewest "    \
                "requests under way for its weight (among more than 16 targets: of five by "       \
                "chance); \"least_latency\": of two by chance the one that answers sooner, "       \
                "times its requests under way; \"hash\": the same `hash_key`, the same target, "   \
                "as long as that has no more than 1.25 times its share; \"random\": by chance "    \
                "and weight"),                                                                     \
        KEY(jst_part_pool, hash_key, JST_KEY_TEXT, .fallback = "client",                           \
            .check = jst_check_hash_key, .example = "\"cookie:session\"",                          \
            .doc = "Of strategy \"hash\": \"client\" (its address), \"path\", \"header:NAME\" or " \
                   "\"cookie:NAME\"; where a header or cookie is not there, the client counts"),   \
        KEY_AS("slow_start", jst_part_pool, slow_start_ms, JST_KEY_DURATION, .fallback = "0",      \
               .max = 3600000,                                                                     \
               .doc = "How long the weight of a new or recovered target grows from a sixteenth "   \
                      "to all of it; not for \"single\""),                                         \
        KEY(jst_part_pool, panic, JST_KEY_PERCENT, .fallback = "50%", .max = 100,                  \
            .example = "\"50%\"",                                                                  \
            .doc = "When fewer of the targets than this are in order, the fault is hardly "        \
                   "theirs: all are used (but for open breakers); \"0%\": never"),                 \
        KEY(jst_part_pool, health, JST_KEY_TABLE, .block = UPSTREAM_BLOCK(HEALTH),                 \
            .example = "{ path = \"/up\", interval = \"5s\" }",                                    \
            .doc = "Ask every target again and again whether it is well"),                         \
        KEY(jst_part_pool, outlier, JST_KEY_TABLE, .block = UPSTREAM_BLOCK(OUTLIER),               \
            .example = "{ consecutive_5xx = 5, eject = \"30s\" }",                                 \
            .doc = "Put a target aside for a while that fails again and again"),                   \
        KEY(jst_part_pool, breaker, JST_KEY_TABLE, .block = UPSTREAM_BLOCK(BREAKER),               \
            .example = "{ error_rate = \"50%\", open = \"30s\" }",                                 \
            .doc = "Send nothing for a while to a target that fails too often"),                   \
        KEY(jst_part_pool, retry, JST_KEY_TABLE, .block = UPSTREAM_BLOCK(RETRY),                   \
            .example = "{ attempts = 2, on = [\"failure\", 502, 503] }",                           \
            .doc = "Try again what failed, on another target where there is one"),                 \
        KEY(jst_part_pool, hedge, JST_KEY_TABLE, .block = UPSTREAM_BLOCK(HEDGE),                   \
            .example = "\"50ms\"", .doc = "Do not wait for a slow target alone"),                  \
        KEY(jst_part_pool, max_inflight, JST_KEY_UINT, .fallback = "0", .max = UINT32_MAX,         \
            .example = "100",                                                                      \
            .doc = "Requests that a target has at once, from all threads; 0: no limit"),           \
        KEY(jst_part_pool, queue, JST_KEY_TABLE, .block = UPSTREAM_BLOCK(QUEUE),                   \
            .example = "{ max = 512, timeout = \"2s\" }",                                          \
            .doc = "Who waits while all targets have `max_inflight` requests, or the pool is "     \
                   "paused"),                                                                      \
        KEY(jst_part_pool, sticky, JST_KEY_TABLE, .block = UPSTREAM_BLOCK(STICKY),                 \
            .example = "{ cookie = \"joist_affinity\", ttl = \"10m\" }",                           \
            .doc = "The same client goes to the same target"),                                     \
        KEY(jst_part_pool, dynamic, JST_KEY_BOOL, .fallback = "false",                             \
            .doc = "Targets, weights and states will be changed while it runs"),                   \
        KEY(jst_part_pool, idle_max, JST_KEY_UINT, .fallback = "128", .max = 65535,                \
            .example = "128", .doc = "Unused connections kept for each target and thread")

/* `slots` come last: they start from what stands before. */
#define POOL_KEYS                                                                                  \
    BALANCE_KEYS(0),                                                                               \
        KEY(jst_part_pool, rules, JST_KEY_TABLES, .block = UPSTREAM_BLOCK(SLOT_RULE),              \
            .doc = "Requests that go to a certain slot; the first rule that fits counts"),         \
        KEY(jst_part_pool, slots, JST_KEY_NAMED, .block = UPSTREAM_BLOCK(SLOT),                    \
            .doc = "Generations of the upstream instead of targets, by name; requests are shared " \
                   "out by their weights")

/* The name comes first: [upstreams.NAME] hides it, a route's `upstream` refers by it. */
static const struct jst_key pool_keys[] = {
    KEY(jst_part_pool, name, JST_KEY_TEXT, .flags = JST_KEY_NAME, .check = jst_check_pool_name,
        .doc = "The NAME of the table"),
    POOL_KEYS,
};

static const struct jst_key route_pool_keys[] = {
    KEY(jst_part_pool, name, JST_KEY_TEXT, .check = jst_check_pool_name, .example = "\"app\"",
        .doc = "Name of a pool of [upstreams]; `upstream = \"NAME\"` is short for it"),
    POOL_KEYS,
};

static const struct jst_key slot_keys[] = {
    KEY(jst_part_pool, name, JST_KEY_TEXT, .flags = JST_KEY_NAME, .check = jst_check_slot_name,
        .doc = "The SLOT of the table"),
    KEY(jst_part_pool, weight, JST_KEY_UINT, .fallback = "1", .max = 65535, .example = "1",
        .doc = "Its share of the requests that no rule decides, compared with the other slots; "
               "0: rules and changes while it runs alone send some there"),
    BALANCE_KEYS(JST_KEY_REQUIRED),
};

#define SLOT_RULES NOT_BOTH("slots", "targets"), NEEDS("rules", "slots", NULL)

static const struct jst_rule pool_rules[] = {
    ONE_OF("targets", "slots", "for example: targets = [\"http://127.0.0.1:3000\"]"),
    SLOT_RULES,
};

static const struct jst_rule route_pool_rules[] = {
    NOT_BOTH("name", "targets"),
    NOT_BOTH("name", "strategy"),
    NOT_BOTH("name", "hash_key"),
    NOT_BOTH("name", "slow_start"),
    NOT_BOTH("name", "panic"),
    NOT_BOTH("name", "health"),
    NOT_BOTH("name", "outlier"),
    NOT_BOTH("name", "breaker"),
    NOT_BOTH("name", "retry"),
    NOT_BOTH("name", "hedge"),
    NOT_BOTH("name", "max_inflight"),
    NOT_BOTH("name", "queue"),
    NOT_BOTH("name", "sticky"),
    NOT_BOTH("name", "dynamic"),
    NOT_BOTH("name", "idle_max"),
    NOT_BOTH("name", "rules"),
    NOT_BOTH("name", "slots"),
    NOT_BOTH("name", "sni"),
    NOT_BOTH("name", "verify_name"),
    NOT_BOTH("name", "ca"),
    NOT_BOTH("name", "cert"),
    NOT_BOTH("name", "http1_only"),
    {RULE(ONE_OF, "name", "targets", NULL), .more = {"slots"}},
    SLOT_RULES,
};

#define AT_BLOCK(block_id) [JST_BLOCK_##block_id - JST_BLOCK_ROUTE_POOL]

const struct jst_block jst_upstream_blocks[JST_UPSTREAM_BLOCKS_N] = {
    AT_BLOCK(POOL) = {BLOCK(POOL, jst_part_pool), .name = "upstream", .title = "[upstreams.NAME]",
                      LIST(pool_keys), RULES(pool_rules), .base = UPSTREAM_BLOCK(ORIGIN_TLS),
                      .doc = "A pool of origins that sites and routes refer to by NAME"},
    AT_BLOCK(TARGET) = {BLOCK(TARGET, jst_part_target), .name = "target",
                        .title = "an entry of targets", LIST(target_keys), .short_key = "url",
                        .base = UPSTREAM_BLOCK(ORIGIN_TLS),
                        .doc = "A URL alone, or a table with these keys"},
    AT_BLOCK(HEALTH) = {BLOCK(HEALTH, jst_part_health), .name = "health",
                        .title = "[upstreams.NAME.health]", LIST(health_keys), .short_key = "path",
                        .doc = "Each target is asked at once and then again and again, for all "
                               "threads together. `health = \"/up\"` alone, or a table with these "
                               "keys"},
    AT_BLOCK(RETRY) = {BLOCK(RETRY, jst_part_retry), .name = "retry",
                       .title = "[upstreams.NAME.retry]", LIST(retry_keys),
                       .doc = "`retry = {}` with what stands here, or with other values. A body of "
                              "up to 64 KiB is kept to be sent again; never after a byte of the "
                              "response went out"},
    AT_BLOCK(HEDGE) = {BLOCK(HEDGE, jst_part_hedge), .name = "hedge",
                       .title = "[upstreams.NAME.hedge]", LIST(hedge_keys), .short_key = "after",
                       .doc = "`hedge = \"50ms\"` alone, or a table"},
    AT_BLOCK(QUEUE) = {BLOCK(QUEUE, jst_part_queue), .name = "queue",
                       .title = "[upstreams.NAME.queue]", LIST(queue_keys),
                       .doc = "Requests wait in the order in which they came. Without it the "
                              "values that stand here"},
    AT_BLOCK(STICKY) = {BLOCK(STICKY, jst_part_sticky), .name = "sticky",
                        .title = "[upstreams.NAME.sticky]", LIST(sticky_keys), RULES(sticky_rules),
                        .doc = "By exactly one of `cookie`, `app_cookie`, `header` and `client`. A "
                               "client whose target cannot take it gets another one"},
    AT_BLOCK(SLOT) = {BLOCK(SLOT, jst_part_pool), .name = "slot",
                      .title = "[upstreams.NAME.slots.SLOT]", LIST(slot_keys),
                      .base = UPSTREAM_BLOCK(ORIGIN_TLS), .own_n = 2, .like = UPSTREAM_BLOCK(POOL),
                      .doc = "A generation of the upstream: \"blue\" and \"green\", or \"stable\" "
                             "and \"canary\". What it does not say is as the upstream says, its "
                             "tables key by key, but for `sticky`. It is a pool, too, which others "
                             "may refer to as NAME.SLOT; it has no slots of its own"},
    AT_BLOCK(SLOT_RULE) = {BLOCK(SLOT_RULE, jst_part_slot_rule), .name = "slot-rule",
                           .title = "[[upstreams.NAME.rules]]", LIST(slot_rule_keys),
                           RULES(slot_rule_rules),
                           .doc = "Who has the header or cookie, with one of `values`, or with a "
                                  "value that is in the share of `percent`, or with any value, "
                                  "goes to the slot. All others go by the weights of the slots"},
    AT_BLOCK(OUTLIER) = {BLOCK(OUTLIER, jst_part_outlier), .name = "outlier",
                         .title = "[upstreams.NAME.outlier]", LIST(outlier_keys),
                         .doc = "`outlier = {}` with what stands here, or with other values"},
    AT_BLOCK(BREAKER) = {BLOCK(BREAKER, jst_part_breaker), .name = "breaker",
                         .title = "[upstreams.NAME.breaker]", LIST(breaker_keys),
                         .doc = "A circuit breaker for each target, the same one for all "
                                "threads. `breaker = {}` with what stands here, or with other "
                                "values. When all targets of a pool are cut off, requests get "
                                "503 with Retry-After"},
    AT_BLOCK(ORIGIN_TLS) = {.id = JST_BLOCK_ORIGIN_TLS,
                            .name = "origin-tls",
                            .title = "TLS to origins",
                            LIST(origin_tls_keys),
                            RULES(origin_tls_rules),
                            .doc = "Keys of pools, for all of their targets, and of single "
                                   "targets, for https://. What a target does not say is as the "
                                   "pool says. Certificates are always verified"},
    AT_BLOCK(ROUTE_POOL) = {BLOCK(ROUTE_POOL, jst_part_pool), .name = "route-upstream",
                            .title = "[routes.upstream]", LIST(route_pool_keys),
                            RULES(route_pool_rules), .short_key = "name", .own_n = 1,
                            .like = UPSTREAM_BLOCK(POOL), .base = UPSTREAM_BLOCK(ORIGIN_TLS),
                            .doc = "The name of a pool alone, or a table with these keys"},
};
