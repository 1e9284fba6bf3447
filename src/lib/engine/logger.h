// SPDX-License-Identifier: MIT
#pragma once
/*
 * Logs: a ring for each reactor, one for the caller's thread and one for the resolver's, and the
 * thread that empties them into the embedder's callbacks.
 *
 * Flow:    JST_LOG / jst_logger_access() -> ring -> writer thread -> joist_log_conf's callbacks.
 * Owner:   the engine. Threads: each source belongs to one thread; the writer is its own.
 * Limits:  a full ring drops the line and counts it (log_dropped).
 */
#include "engine/ring.h"
#include "http/stream.h"

struct jst_logger;

/** Where one thread's lines go in. */
struct jst_log_source {
    struct jst_log log;        /* first: what JST_LOG writes to */
    struct jst_logger *logger; /* borrowed */
    struct jst_ring ring;
    struct jst_loop *loop;       /* for the time; NULL: the system's clock */
    uint64_t dropped;            /* relaxed; read by any thread */
    int64_t rate_s[JST_EVENTS_]; /* the second that is being counted */
    uint32_t rate_n[JST_EVENTS_];
};

/** `sources` of them; JOIST_E_NOMEM, JOIST_E_NOFILE. The thread starts at jst_logger_start(). */
int jst_logger_create(struct jst_logger **out, const struct joist_log_conf *conf, size_t sources);
int jst_logger_start(struct jst_logger *l);

/** Writes what is left, ends the thread, frees all. */
void jst_logger_destroy(struct jst_logger **take);

struct jst_log_source *jst_logger_source(struct jst_logger *l, size_t i);

/** The same level, callbacks and context as at create? */
bool jst_logger_has_conf(const struct jst_logger *l, const struct joist_log_conf *conf);

/** Is there an access log at all? */
bool jst_logger_wants_access(const struct jst_logger *l);

/** `a` is copied with its texts. */
void jst_logger_access(struct jst_log_source *source, const struct joist_access *a);
