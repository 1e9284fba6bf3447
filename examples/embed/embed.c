// SPDX-License-Identifier: MIT
/*
 * A web server inside another program, with libjoist's public headers alone.
 *
 *     embed FOLDER [ORIGIN [CERT]]        e.g.  embed . http://127.0.0.1:3000
 *
 * Serves FOLDER at /, a text of its own at /hello, and ORIGIN, if one is given (and not "-"), at
 * /api. With CERT, a PEM file of a certificate and its key, it does so over TLS. Each line
 * on standard input becomes the text of /hello from the next request on, while connections stay
 * open; the end of the input lets requests end and stops.
 *
 * Start: main(), then serve().
 */
#include <joist/joist.h>

#include <stdio.h>
#include <string.h>

/* How long requests under way may take at the end. */
#define DRAIN_MS 5000

/* Everything that is wrong with a configuration, once each: before anything is served. */
static void
on_report(void *ctx, enum joist_log_level level, const struct joist_err *err)
{
    (void)ctx;
    fprintf(stderr, "embed: %s: %s\n", level == JOIST_LOG_ERROR ? "error" : "warning",
            err->message);
}

/* On the engine's log thread. Texts are not NUL-terminated and end with this call. */
static void
on_access(void *ctx, const struct joist_access *a, bool more)
{
    (void)ctx;
    printf("%.*s %.*s %u\n", (int)a->method.n, a->method.p, (int)a->path.n, a->path.p, a->status);
    if (!more) {
        fflush(stdout);
    }
}

/* The command line. */
struct wish {
    const char *folder;
    const char *origin; /* NULL: none */
    const char *cert;   /* NULL: no TLS */
};

/* What the engine is told. It copies what it keeps: all of this may go when the call returns. */
struct setup {
    struct joist_conf conf;
    struct joist_listener_conf listener;
    struct joist_tls_conf tls;
    struct joist_cert_conf cert;
    struct joist_target_conf target;
    struct joist_pool_conf pool;
    struct joist_route_conf routes[3];
};

/* The listener's own certificate is the default, for any name. HTTP/2 is chosen by the client. */
static void
fill_tls(struct setup *s, const char *cert)
{
    joist_tls_conf_init(&s->tls);
    s->cert = (struct joist_cert_conf){.cert = cert}; /* the key is in the same file */
    s->tls.certs = &s->cert;
    s->tls.certs_n = 1;
    s->listener.tls = &s->tls;
    s->listener.h2 = true;
}

static void
fill_conf(struct setup *s, const struct wish *wish, const char *text)
{
    struct joist_route_conf *files = &s->routes[0];
    struct joist_route_conf *hello = &s->routes[1];
    struct joist_route_conf *api = &s->routes[2];

    joist_conf_init(&s->conf);
    joist_listener_conf_init(&s->listener);
    s->listener.bind = "127.0.0.1:0"; /* any free port */
    if (wish->cert != NULL) {
        fill_tls(s, wish->cert);
    }
    s->conf.listeners = &s->listener;
    s->conf.listeners_n = 1;
    s->conf.threads = 1;
    s->conf.log.on_access = on_access;

    joist_route_conf_init(files); /* any host, any path: what no other route takes */
    files->kind = JOIST_HANDLER_STATIC;
    joist_static_conf_init(&files->handler.files);
    files->handler.files.root = wish->folder;

    joist_route_conf_init(hello);
    hello->path_kind = JOIST_PATH_EXACT;
    hello->path = "/hello";
    hello->kind = JOIST_HANDLER_RESPOND;
    hello->handler.respond =
        (struct joist_respond_conf){.status = 200, .body = text, .body_n = strlen(text)};

    s->conf.routes = s->routes;
    s->conf.routes_n = 2;
    if (wish->origin == NULL) {
        return;
    }
    s->target = (struct joist_target_conf){.url = wish->origin, .weight = 1};
    joist_pool_conf_init(&s->pool);
    s->pool.name = "app";
    s->pool.targets = &s->target;
    s->pool.targets_n = 1;
    s->conf.pools = &s->pool;
    s->conf.pools_n = 1;

    joist_route_conf_init(api);
    api->path_kind = JOIST_PATH_PREFIX;
    api->path = "/api";
    api->kind = JOIST_HANDLER_PROXY;
    api->handler.proxy = (struct joist_proxy_conf){.pool = "app"};
    s->conf.routes_n = 3;
}

/* Until the input ends: each line is a new configuration, swapped in under traffic. */
static int
serve(struct joist_engine *engine, const struct wish *wish)
{
    struct setup setup = {0};
    char line[1024];

    printf("listening on %s://127.0.0.1:%u\n", wish->cert != NULL ? "https" : "http",
           joist_engine_port(engine, 0));
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        int rc;

        fill_conf(&setup, wish, line);
        rc = joist_engine_swap(engine, &setup.conf, on_report, NULL);
        if (rc < 0) {
            return rc; /* the engine goes on with what it had; here it is reason to stop */
        }
        printf("changed\n");
        fflush(stdout);
    }
    return JOIST_OK;
}

static int
run(struct joist_engine *engine, const struct wish *wish)
{
    struct joist_stats stats;
    int rc = joist_engine_start(engine);

    if (rc == JOIST_OK) {
        rc = serve(engine, wish);
    }
    if (rc == JOIST_OK) {
        rc = joist_engine_drain(engine, DRAIN_MS);
    }
    if (rc == JOIST_OK) {
        rc = joist_engine_wait(engine, 0);
    }
    joist_engine_stats(engine, &stats);
    fprintf(stderr, "embed: %llu requests on %llu connections\n",
            (unsigned long long)stats.requests, (unsigned long long)stats.conns_accepted);
    return rc;
}

int
main(int argc, char **argv)
{
    struct setup setup = {0};
    struct joist_engine *engine = NULL;
    struct wish wish = {.folder = argv[1], .cert = argc > 3 ? argv[3] : NULL};
    int rc;

    if (argc < 2) {
        fprintf(stderr, "usage: embed FOLDER [ORIGIN [CERT]]\n");
        return 2;
    }
    if (argc > 2 && strcmp(argv[2], "-") != 0) {
        wish.origin = argv[2];
    }
    fill_conf(&setup, &wish, "hello\n");
    rc = joist_engine_create(&engine, &setup.conf, on_report, NULL);
    if (rc == JOIST_OK) {
        rc = run(engine, &wish);
    }
    if (rc < 0) {
        fprintf(stderr, "embed: %s\n", joist_error_text(rc));
    }
    joist_engine_destroy(&engine); /* NULL inside is fine; writes what is left of the log */
    return rc < 0 ? 1 : 0;
}
