// SPDX-License-Identifier: MIT
#pragma once
/*
 * Handlers: what answers a request. Made once for a snapshot, shared by all reactors, immutable.
 *
 * Flow:    engine picks the route -> h->ops->serve(h, s, path) -> the handler sets s->handler (and
 *          s->origin if its response has more than a window of data) and answers through
 *          s->response, at once or later.
 * Owner:   the snapshot; per-reactor state lives in s->local, per-request state in s->arena.
 * Threads: serve on any reactor at the same time; create and destroy on one.
 */
#include "http/stream.h"

#include <joist/conf.h>

struct jst_handler;
struct jst_upool;

/** What the proxy handler asks the engine for. */
struct jst_proxy_env {
    /** The reactor's side of pool number `pool` for the generation that `s` began with. */
    struct jst_upool *(*upool)(const struct jst_stream *s, size_t pool);
    bool via;   /* add Via */
    bool debug; /* responses of our own say why in X-Joist-Error */
};

struct jst_handler_ops {
    /** `path`: the normalized path, without the route's prefix where it strips ("/" at least);
     *  `raw_path`: the same as the client encoded it. Both live in the stream's arena. */
    void (*serve)(const struct jst_handler *h, struct jst_stream *s, struct jst_slice path,
                  struct jst_slice raw_path);
    void (*destroy)(struct jst_handler *h);
};

struct jst_handler {
    const struct jst_handler_ops *ops;
};

/** NULL is fine. */
static inline void
jst_handler_destroy(struct jst_handler *h)
{
    if (h != NULL) {
        h->ops->destroy(h);
    }
}

/** Each copies what it needs of `conf`. JOIST_E_NOMEM; a missing root is not an error (see
 *  jst_static_root_check), it answers 404 and looks again. */
int jst_static_create(struct jst_handler **out, const struct joist_static_conf *conf);
int jst_respond_create(struct jst_handler **out, const struct joist_respond_conf *conf);
int jst_redirect_create(struct jst_handler **out, const struct joist_redirect_conf *conf);

/** `pool`: number of the pool in the snapshot; `env` is copied. */
int jst_proxy_create(struct jst_handler **out, const struct joist_proxy_conf *conf, size_t pool,
                     const struct jst_proxy_env *env);

/** Can the folder be opened now? JOIST_E_NOTFOUND, JOIST_E_ACCESS, JOIST_E_INVAL (no folder). */
int jst_static_root_check(const char *root);

/** A reactor's cache of open files and small contents. JOIST_E_NOMEM. */
int jst_files_create(struct jst_files **out, struct jst_local *local);
void jst_files_destroy(struct jst_files **take);
