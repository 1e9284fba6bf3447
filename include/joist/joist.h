// SPDX-License-Identifier: MIT
#pragma once
/*
 * libjoist: an HTTP engine to embed.
 *
 * Flow:    joist_engine_create() -> joist_engine_start() -> joist_engine_swap()* ->
 *          joist_engine_drain() -> joist_engine_destroy()
 * Threads: the engine runs its own threads. Calls on one engine must not overlap, except
 *          joist_engine_stats(), joist_engine_state() and those of upstream.h, which any thread may
 *          call at any time.
 * Promise: no signal handler, no output, no environment, no change of directory, no exit.
 */
#include <joist/conf.h>
#include <joist/error.h>
#include <joist/upstream.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define JOIST_VERSION "0.1.0"

struct joist_engine;

/** Called once for each thing that is wrong, on the caller's thread. */
typedef void joist_report_f(void *ctx, enum joist_log_level level, const struct joist_err *err);

/**
 * Check and compile `conf`, bind the listeners. Nothing is accepted before start.
 * Every error is reported (not the first alone), then one of the codes is returned: JOIST_E_INVAL,
 * JOIST_E_INUSE (a port is taken: the message names its owner where it can be known),
 * JOIST_E_ACCESS, JOIST_E_UNREACH (no such address here), JOIST_E_NOFILE, JOIST_E_NOMEM,
 * JOIST_E_LIMIT (too many routes), JOIST_E_IO. Things that are missing but do not hinder the rest
 * (a root folder, an origin's name) are reported as warnings. Names are looked up here, which may
 * take seconds. `report` may be NULL. On failure *out is untouched.
 */
int joist_engine_create(struct joist_engine **out, const struct joist_conf *conf,
                        joist_report_f *report, void *report_ctx);

/** Only check: what create would report, without binding or opening anything but the files and
 *  folders that `conf` names, and without looking up names. Returns 0 or JOIST_E_INVAL,
 *  JOIST_E_NOMEM. */
int joist_conf_check(const struct joist_conf *conf, joist_report_f *report, void *report_ctx);

/** Start the reactors. JOIST_E_STATE if it was started before; JOIST_E_NOMEM, JOIST_E_LIMIT (no
 *  more descriptors can be watched): then only destroy is left. */
int joist_engine_start(struct joist_engine *e);

/**
 * Compile `conf` and make it current on every reactor, without closing any connection. Requests
 * under way end with what they began with. Returns when all reactors have switched.
 * Live: routes, pools, limits, timeouts, headers, certificates and all else of TLS. `threads`,
 * `log` and the listeners' addresses must be the same as at create: JOIST_E_UNSUPPORTED otherwise.
 * JOIST_E_STATE unless it runs and does not drain; JOIST_E_INVAL, JOIST_E_LIMIT, JOIST_E_NOMEM as
 * at create. On any error the running configuration stays.
 */
int joist_engine_swap(struct joist_engine *e, const struct joist_conf *conf, joist_report_f *report,
                      void *report_ctx);

/**
 * Stop accepting, close idle connections, let requests end. Returns when all reactors know;
 * joist_engine_wait() waits for the end. What is left after `deadline_ms` is cut. A second call
 * sets another deadline, from then on. JOIST_E_STATE if it does not run.
 */
int joist_engine_drain(struct joist_engine *e, uint64_t deadline_ms);

/** Wait until a drain is over; 0 also if it is over already. JOIST_E_STATE if none was begun;
 *  JOIST_E_TIMEOUT after `timeout_ms` (0: wait without limit). */
int joist_engine_wait(struct joist_engine *e, uint64_t timeout_ms);

/** Cut what is left, end the threads, free all. NULL inside is fine. */
void joist_engine_destroy(struct joist_engine **take);

/** The port a listener is bound to (for ":0"); 0 for Unix sockets or an unknown index. */
uint16_t joist_engine_port(const struct joist_engine *e, size_t listener);

#define JOIST_COUNTER_MAP(X)                                                                       \
    X(conns_accepted, "client connections accepted")                                               \
    X(conns_open, "client connections open now")                                                   \
    X(conns_refused, "client connections refused by a limit")                                      \
    X(requests, "requests begun")                                                                  \
    X(requests_open, "requests under way now")                                                     \
    X(status_1xx, "interim responses sent")                                                        \
    X(status_2xx, "responses 2xx, and 101")                                                        \
    X(status_3xx, "responses 3xx")                                                                 \
    X(status_4xx, "responses 4xx")                                                                 \
    X(status_5xx, "responses 5xx")                                                                 \
    X(client_gone, "clients that left before their response was complete")                         \
    X(bytes_in, "bytes read from clients")                                                         \
    X(bytes_out, "bytes written to clients")                                                       \
    X(tunnels_open, "upgraded connections open now")                                               \
    X(bad_messages, "requests refused as malformed or ambiguous")                                  \
    X(bad_responses, "responses of origins refused as malformed")                                  \
    X(limit_header_bytes, "limit reached: header_bytes")                                           \
    X(limit_header_count, "limit reached: header_count")                                           \
    X(limit_uri_bytes, "limit reached: uri_bytes")                                                 \
    X(limit_body_bytes, "limit reached: body_bytes")                                               \
    X(limit_conns, "limit reached: conns_max or conns_per_ip")                                     \
    X(timeout_header, "timeouts: header")                                                          \
    X(timeout_body, "timeouts: body_idle")                                                         \
    X(timeout_keepalive, "timeouts: keepalive")                                                    \
    X(timeout_connect, "timeouts: upstream_connect")                                               \
    X(timeout_response, "timeouts: upstream_response")                                             \
    X(timeout_total, "timeouts: upstream_total")                                                   \
    X(upstream_connects, "connections opened to origins")                                          \
    X(upstream_reuses, "requests sent on a kept connection")                                       \
    X(upstream_retries, "requests sent again, on another connection to the origin")                \
    X(upstream_tried_again, "tries after a failed one, on another target or the same")             \
    X(upstream_budget_denials, "further tries that a retry budget did not allow")                  \
    X(upstream_hedges, "requests sent to a second target while the first had no answer")           \
    X(upstream_hedges_won, "of these, those that were answered first")                             \
    X(upstream_failures, "exchanges with origins that failed")                                     \
    X(upstream_ejections, "targets put aside for failures in a row")                               \
    X(upstream_breaker_opens, "breakers of targets that opened")                                   \
    X(upstream_queued, "requests that wait for a target now")                                      \
    X(upstream_queue_full, "requests refused because too many wait for a target")                  \
    X(upstream_queue_timeout, "requests that waited too long for a target")                        \
    X(upstream_panics, "requests of upstreams with too few targets in order")                      \
    X(health_checks, "health checks of targets made")                                              \
    X(health_failures, "health checks that failed")                                                \
    X(targets_down, "targets that health checks have found down, now")                             \
    X(upstream_idle, "idle connections to origins now")                                            \
    X(proxy_headers, "PROXY headers taken from clients' connections")                              \
    X(proxy_failures, "client connections closed for a PROXY header that was missing or wrong")    \
    X(tls_handshakes, "TLS handshakes of clients completed")                                       \
    X(tls_failures, "TLS handshakes of clients that failed")                                       \
    X(tls_resumed, "TLS handshakes that resumed a session")                                        \
    X(tls_ech, "TLS handshakes with the name encrypted (ECH)")                                     \
    X(tls_ech_retries, "ECH attempts with a key that is not ours, or grease: retry keys sent")     \
    X(tls_unknown_sni, "TLS handshakes for a name that no certificate is for")                     \
    X(early_data, "requests that came in 0-RTT data")                                              \
    X(early_refused, "requests in 0-RTT data refused with 425")                                    \
    X(misdirected, "requests for a host of another certificate: 421")                              \
    X(h2_conns, "client connections that spoke HTTP/2")                                            \
    X(h2_conns_open, "HTTP/2 client connections open now")                                         \
    X(h2_resets, "HTTP/2 streams reset by clients")                                                \
    X(h2_errors, "HTTP/2 client connections ended by a protocol error")                            \
    X(h2_floods, "HTTP/2 client connections ended by a flood limit")                               \
    X(upstream_tls, "TLS handshakes with origins completed")                                       \
    X(upstream_tls_resumed, "TLS handshakes with origins that resumed a session")                  \
    X(upstream_tls_failures, "TLS handshakes with origins that failed")                            \
    X(upstream_h2, "requests sent to origins over HTTP/2")                                         \
    X(static_cache_hits, "static files answered from memory")                                      \
    X(static_cache_misses, "static files looked up on disk")                                       \
    X(log_dropped, "log lines dropped because the ring was full")

/** Sums over all reactors, each read at some moment during the call. */
struct joist_stats {
#define X(name, text) uint64_t name;
    JOIST_COUNTER_MAP(X)
#undef X
};

void joist_engine_stats(const struct joist_engine *e, struct joist_stats *out);

enum joist_state {
    JOIST_STATE_READY, /* bound, not started */
    JOIST_STATE_RUNNING,
    JOIST_STATE_DRAINING,
    JOIST_STATE_STOPPED, /* drained, or it could not start */
};

enum joist_state joist_engine_state(const struct joist_engine *e);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
