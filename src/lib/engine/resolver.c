// SPDX-License-Identifier: MIT
/*
 * The engine's side of names: a thread for the look-ups, mail to the reactors when addresses
 * change, and what is written about it. The thread runs only if there ever was a name.
 */
#include "engine/engine_int.h"
#include "sys/thread.h"

#include <stdlib.h>

static void *
run(void *arg)
{
    struct joist_engine *e = arg;

    jst_names_run(e->names);
    jst_buf_thread_fini();
    return NULL;
}

static int
on_needed(void *ctx)
{
    struct joist_engine *e = ctx;
    int rc = jst_thread_start(&e->resolver, run, e);

    e->resolver_started = rc == JOIST_OK;
    return rc;
}

/* On the reactor's thread; without a loop it is on its way out. */
static void
deliver(struct jst_mail *m, struct jst_loop *l)
{
    struct jst_news *news = JST_CONTAINER(m, struct jst_news, mail);

    if (l != NULL) {
        jst_upstreams_refresh(news->reactor->local.upstreams);
    }
    jst_names_seen(news->names);
}

/* The mail before this one has been delivered: a round ends when all are. */
static void
on_changed(void *ctx)
{
    struct joist_engine *e = ctx;

    for (size_t i = 0; i < e->reactors_n; i++) {
        e->news[i] = (struct jst_news){{NULL, deliver}, e->reactors[i], e->names};
        jst_loop_send(e->reactors[i]->loop, &e->news[i].mail);
    }
}

static int
on_moved(void *ctx)
{
    return jst_engine_follow_names(ctx);
}

static struct jst_log *
log_of(struct joist_engine *e)
{
    return &jst_logger_source(e->logger, e->threads + 1)->log;
}

static void
on_lost(void *ctx, struct jst_slice name, const char *why)
{
    JST_LOG(log_of(ctx), WARN, UPSTREAM_UNRESOLVED, "name=%.*s err=\"%s\"", JST_PRI(name), why);
}

static void
on_found(void *ctx, struct jst_slice name)
{
    JST_LOG(log_of(ctx), INFO, UPSTREAM_RESOLVED, "name=%.*s", JST_PRI(name));
}

static const struct jst_names_events events = {
    .on_needed = on_needed,
    .on_changed = on_changed,
    .on_moved = on_moved,
    .on_lost = on_lost,
    .on_found = on_found,
};

int
jst_resolver_create(struct joist_engine *e, const struct joist_conf *conf)
{
    int rc = jst_names_create(&e->names, &events, e);

    return rc < 0 ? rc : jst_names_set(e->names, &conf->dns);
}

void
jst_resolver_serve(struct joist_engine *e)
{
    jst_names_serve(e->names, (unsigned)e->reactors_n);
}

void
jst_resolver_stop(struct joist_engine *e)
{
    if (e->resolver_started) {
        jst_names_stop(e->names);
        pthread_join(e->resolver, NULL);
        e->resolver_started = false;
    }
}
