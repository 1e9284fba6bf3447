// SPDX-License-Identifier: MIT
#pragma once
/*
 * Every limit that is not a matter of grammar: a unit and a reason each. What users may change has
 * its default here and its key in the configuration.
 */

/* -- configurable: defaults -- */
#define JST_HEADER_BYTES_DEFAULT         65536u /* what Apache and Node allow in all, or more */
#define JST_HEADER_COUNT_DEFAULT         100u   /* Apache's default */
#define JST_URI_BYTES_DEFAULT            8192u  /* RFC 9110 4.1 asks for 8000 at least */
#define JST_BODY_BYTES_DEFAULT           (1024ull * 1024 * 1024)
#define JST_CONNS_PER_IP_DEFAULT         1024u
#define JST_CONNS_MAX_DEFAULT            0u /* the process's descriptor limit bounds it */
#define JST_DRAIN_MS_DEFAULT             30000u
#define JST_HEADER_MS_DEFAULT            10000u
#define JST_BODY_IDLE_MS_DEFAULT         60000u
#define JST_KEEPALIVE_MS_DEFAULT         75000u /* nginx's default; browsers expect a minute */
#define JST_UPSTREAM_CONNECT_MS_DEFAULT  5000u
#define JST_UPSTREAM_RESPONSE_MS_DEFAULT 60000u
#define JST_UPSTREAM_IDLE_MS_DEFAULT     60000u
/* Below the 5 s after which Node's http server closes idle connections by default. */
#define JST_UPSTREAM_KEEPALIVE_MS_DEFAULT 4000u
#define JST_UPSTREAM_IDLE_CONNS_DEFAULT   128u /* a target and reactor */
/* What is idle above that is closed when it was not needed for so long. */
#define JST_UPSTREAM_TRIM_MS 250u
/* Fewer targets in order than this share of them: all are used. */
#define JST_PANIC_PERCENT_DEFAULT 50u
/* Requests that wait while all targets are at max_inflight. */
#define JST_QUEUE_MAX_DEFAULT 512u
#define JST_QUEUE_MS_DEFAULT  2000u
/* Of health checks. */
#define JST_HEALTH_INTERVAL_MS_DEFAULT 5000u
#define JST_HEALTH_TIMEOUT_MS_DEFAULT  2000u
#define JST_HEALTH_UP_DEFAULT          1u
#define JST_HEALTH_DOWN_DEFAULT        3u
#define JST_HEALTH_BODY_BYTES          65536u /* searched for the text that is expected */
#define JST_HEALTH_BODY_TEXT_MAX       1024u  /* of that text */
#define JST_HEALTH_CHECKS_MAX          512u   /* at once: each has a descriptor */
/* Who waits until targets are well has them checked again at least so often. */
#define JST_HEALTH_WAIT_INTERVAL_MS 500u
/* Tries of a request in all, and what is kept of a body so that it can be sent again. */
/* ... where nothing is configured: targets that are asked for a connection. */
#define JST_RETRY_CONNECTS_DEFAULT       3u
#define JST_RETRY_ATTEMPTS_DEFAULT       2u
#define JST_RETRY_ATTEMPTS_MAX           10u
#define JST_RETRY_BACKOFF_MS_DEFAULT     25u
#define JST_RETRY_BACKOFF_MAX_MS_DEFAULT 1000u
#define JST_RETRY_BUDGET_PERCENT_DEFAULT 20u
#define JST_RETRY_BUDGET_MIN             3u /* tries at once that a budget always allows */
#define JST_RETRY_BODY_BYTES             65536u
#define JST_STICKY_TTL_MS_DEFAULT        600000u
#define JST_STICKY_TABLE_MAX_DEFAULT     100000u
/* How long the targets of a deploy have to become well. */
#define JST_DEPLOY_MS_DEFAULT 30000u
/* Generations of an upstream: they are tried in turn for each request. */
#define JST_SLOTS_MAX 32u

/* Names of origins: one question to one server; how long an answer counts. A minute's TTL is usual;
 * five bound how long a wrong one can live. */
#define JST_DNS_TIMEOUT_MS_DEFAULT 2000u
#define JST_DNS_MIN_TTL_MS_DEFAULT 1000u
#define JST_DNS_MAX_TTL_MS_DEFAULT 300000u

#define JST_H2_STREAMS_DEFAULT 128u /* RFC 9113 6.5.2 asks for 100 at least */

/* -- configurable: what may be set -- */
#define JST_H2_STREAMS_MAX   1024u
#define JST_HEADER_BYTES_MIN 512u
#define JST_HEADER_BYTES_MAX (1024u * 1024)
#define JST_HEADER_COUNT_MAX 1000u
#define JST_THREADS_MAX      256u
#define JST_LISTENERS_MAX    1024u
/* 48 bytes each; clients, so to speak, of a whole country's provider. */
#define JST_STICKY_TABLE_MAX  10000000u
#define JST_STICKY_TTL_MS_MAX (400ull * 86400000) /* what browsers keep a cookie for at most */

/* -- fixed -- */
/* Credit of one stream and direction: bytes that may be under way between its two sockets. The
 * size of one read, so that big bodies move in big steps. */
#define JST_STREAM_WINDOW_BYTES 262144u
/* What one read for a request head takes: it bounds the pipelined requests behind the current one.
 */
#define JST_HEAD_READ_BYTES 16384u
/* A response that is complete counts as done when no more than this waits for the client. */
#define JST_RESPONSE_TAIL_BYTES 65536u
/* A body must move by so many bytes within body_idle to count as progress: a byte at a time is no
 * transfer but an attack. The last bytes of a body count too. */
#define JST_PROGRESS_BYTES 256u
/* Pieces up to this are copied behind a head instead of keeping a read buffer busy. */
#define JST_COPY_BYTES_MAX 4096u
/* Output of this size is written at once, while its bytes are in the CPU's cache. */
#define JST_WRITE_NOW_BYTES 32768u
/* After an error response: how much of the rest of the request is read and thrown away, and how
 * long, so that the client can read the response before the reset (RFC 9112 9.6). */
#define JST_LINGER_BYTES_MAX (1024u * 1024)
#define JST_LINGER_MS        2000u
/* A response that came before the request's end: how much more body is read before we close. */
#define JST_DISCARD_BYTES_MAX (256u * 1024)
/* Header fields of a response from an origin, and the bytes of its head. */
#define JST_RESPONSE_FIELDS_MAX     256u
#define JST_RESPONSE_HEAD_BYTES_MAX (256u * 1024)
/* Trailer sections, both directions. */
#define JST_TRAILER_BYTES_MAX  8192u
#define JST_TRAILER_FIELDS_MAX 32u
/* Interim (1xx) responses an origin may send before the final one. */
#define JST_INTERIM_MAX 16u
/* Wait for an origin's 100 (Continue) before sending the body without it (RFC 9110 10.1.1). */
#define JST_CONTINUE_WAIT_MS 1000u
/* Sockets taken from one accept queue before others get their turn. */
#define JST_ACCEPT_BATCH 64
/* Stop accepting for so long when descriptors or memory are out. */
#define JST_ACCEPT_PAUSE_MS 100u
/* Events of one epoll_wait, and tasks run after one event. */
#define JST_LOOP_EVENTS_MAX 256
#define JST_LOOP_TASKS_MAX  64
/* Pieces in one writev; Linux's IOV_MAX is 1024. */
#define JST_WRITE_PIECES_MAX 64
/* Bytes that one connection may write before others get their turn. */
#define JST_WRITE_BATCH_BYTES (4u * 1024 * 1024)
/* Listening sockets' queue; the kernel cuts it to net.core.somaxconn. */
#define JST_LISTEN_BACKLOG 4096

/* -- HTTP/2, of one client's connection -- */
/* What a client may send for a stream before somebody takes it (SETTINGS_INITIAL_WINDOW_SIZE), and
 * for all streams together. */
#define JST_H2_WINDOW_BYTES      65535u
#define JST_H2_CONN_WINDOW_BYTES (1024u * 1024)
/* Floods: how many of each within a window of time end the connection. What a browser does stays
 * far below; what an attack does is far above. */
#define JST_H2_FLOOD_WINDOW_MS   10000u
#define JST_H2_FLOOD_RESETS      200u /* streams opened and reset by the client (CVE-2023-44487) */
#define JST_H2_FLOOD_PINGS       100u /* PING, and SETTINGS apart (CVE-2019-9512, -9515) */
#define JST_H2_FLOOD_SETTINGS    50u
#define JST_H2_FLOOD_EMPTY       200u  /* DATA and HEADERS without a byte (CVE-2019-9518) */
#define JST_H2_FLOOD_WINDOWS     5000u /* WINDOW_UPDATE and PRIORITY frames (CVE-2019-9511, -9513) */
#define JST_H2_FLOOD_ERRORS      100u  /* streams that we must reset: malformed requests */
#define JST_H2_CONTINUATIONS_MAX 16u   /* frames of one header block (CVE-2024-27316 and others) */
#define JST_H2_OUT_FRAMES_MAX    1000u /* answers to PING and SETTINGS that wait to be sent */

/* -- connections to origins, of a target and reactor -- */
/* A full HTTP/2 connection makes another one; so many times a hundred streams is more than an
 * origin can want. */
#define JST_UPSTREAM_H2_CONNS_MAX 64u
/* Requests that wait for a connection. Each holds its stream already, so this bounds only how far
 * behind an origin may be that does not answer a handshake. */
#define JST_UPSTREAM_WAITING_MAX 8192u
/* Calls that wait for a target look so often whether one has come back or is new, or their time is
 * over. One that becomes free is theirs at once. */
#define JST_QUEUE_LOOK_MS 20u
/* Most that a configuration may let wait: each holds its request. */
#define JST_QUEUE_MAX 1000000u
/* A target that is put aside again and again: so many times as long at most. */
#define JST_EJECT_TIMES_MAX 10u
/* The average time to first byte halves with each of these without a request: who was slow once is
 * tried again. */
#define JST_LATENCY_HALF_MS 5000u
/* Of a pool: what joist_upstream_add() ends at. */
#define JST_POOL_TARGETS_MAX 65536u
/* Drains of targets whose deadlines are still to come, a reactor: a timer each. */
#define JST_DRAINS_MAX 65536u
/* How often one request may be started again because the origin did nothing with it. */
#define JST_UPSTREAM_RETRIES_MAX 3u

/* An address of a name that has not connected for so long gets company: the next one is begun
 * beside it (RFC 8305 5). So many are under way for one connection; the oldest gives way. */
#define JST_RACE_STEP_MS  250u
#define JST_RACE_OPEN_MAX 8u
/* An address that let us connect and does not shake hands has its share of the time, in so many
 * parts, and so long at least, before another one is tried. */
#define JST_ADDR_SHAKES_MAX 4u
#define JST_ADDR_SHAKE_MS   250u
/* An address that could not be connected to is left out for so long. */
#define JST_ADDR_SKIP_MS 10000u

/* -- names of origins -- */
#define JST_DNS_SERVERS_MAX 8u
#define JST_DNS_FLIGHTS_MAX 64u   /* names that are looked up at once */
#define JST_DNS_RETRY_MS    5000u /* a name that was not found is tried again after this */
#define JST_DNS_FIRST_MS    5000u /* how long a start or a reload waits for first answers */
#define JST_DNS_TRIES       2     /* questions to each server */
#define JST_DNS_UDP_BYTES   1232  /* of one answer: no fragments (RFC 9715 recommends it) */

/* -- HTTP/2, of a connection to an origin -- */
#define JST_H2C_STREAMS_DEFAULT   100u /* until its SETTINGS come (RFC 9113 6.5.2 has no limit) */
#define JST_H2C_STREAMS_MAX       256u
#define JST_H2C_WINDOW_BYTES      JST_STREAM_WINDOW_BYTES
#define JST_H2C_CONN_WINDOW_BYTES (16u * 1024 * 1024)
/* A call got no answer in its time, and nothing else came meanwhile: how long the origin has to
 * answer a PING before its other calls are given up with the connection. */
#define JST_H2C_PING_MS 2000u

/* -- TLS -- */
#define JST_TLS_TICKET_ROTATE_S 43200u /* a new key twice a day; the two before still open */
#define JST_TLS_TICKET_LIFE_S   86400u /* RFC 8446 4.6.1 allows seven days */
#define JST_TLS_EARLY_BYTES_MAX 16384u /* 0-RTT data of a connection */
#define JST_TLS_RECORD_BYTES    16384u /* RFC 8446 5.1 */
