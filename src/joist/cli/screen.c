// SPDX-License-Identifier: MIT
#include "cli/screen.h"

#include "base/str.h"
#include "base/units.h"

#include <time.h>
#include <unistd.h>

#define HOSTS_SHOWN 5u

static void
print_title(const char *fmt, const char *what)
{
    bool colours = jst_cli_has_colours(STDERR_FILENO);

    (void)fprintf(stderr, "%sjoist %s%s", colours ? "\033[1m" : "", JOIST_VERSION,
                  colours ? "\033[0m" : "");
    (void)fprintf(stderr, " %s%s\n\n", fmt, what);
}

/* What the TLS library cannot do, where there is TLS. */
static void
tell_missing(struct jst_obs *logs)
{
    char text[128];

    if (joist_tls_missing()[0] == '\0') {
        return;
    }
    if (logs != NULL) {
        (void)jst_fmt(text, sizeof(text), "library=\"%s\" missing=%s", joist_tls_library(),
                      joist_tls_missing());
        jst_obs_say(logs, JOIST_LOG_WARN, "TLS_LIBRARY", text);
    } else {
        (void)fprintf(stderr, "\n  without %s: this is %s\n", joist_tls_missing(),
                      joist_tls_library());
    }
}

/* ---- a configuration ---- */

/* A wildcard address is reached by the name of this machine. */
static void
print_listener(const struct joist_listener_conf *l, uint16_t port)
{
    struct jst_slice bind = jst_slice_z(l->bind);
    char host[64];
    bool any;

    while (bind.n > 0 && bind.p[bind.n - 1] != ':') {
        bind.n--;
    }
    bind.n -= bind.n > 0;
    any = bind.n == 0 || jst_slice_eq(bind, JST_S("0.0.0.0")) || jst_slice_eq(bind, JST_S("[::]"));
    (void)jst_fmt(host, sizeof(host), "%.*s", any ? 9 : (int)bind.n, any ? "localhost" : bind.p);
    (void)fprintf(stderr, "  ");
    if (!jst_print_url(stderr, l, host, port)) {
        (void)fprintf(stderr, "\n");
    } else if (l->tls == NULL && l->https_port > 0) {
        (void)fprintf(stderr, "  (leads to https)\n");
    } else {
        (void)fprintf(stderr, any ? "  (every address of this machine)\n" : "\n");
    }
}

static bool
has_any_host(const struct joist_conf *conf)
{
    for (size_t i = 0; i < conf->routes_n; i++) {
        if (conf->routes[i].hosts_n == 0) {
            return true;
        }
    }
    return false;
}

/* When only some host names are answered, "localhost" gives 404: say which names there are. */
static void
print_hosts(const struct joist_conf *conf)
{
    const char *last = NULL;
    size_t shown = 0;

    if (has_any_host(conf)) {
        return;
    }
    (void)fprintf(stderr, "  answers to: ");
    for (size_t i = 0; i < conf->routes_n && shown < HOSTS_SHOWN; i++) {
        const char *host = conf->routes[i].hosts[0];

        if (last == NULL || strcmp(last, host) != 0) {
            (void)fprintf(stderr, "%s%s", shown > 0 ? ", " : "", host);
            last = host;
            shown++;
        }
    }
    (void)fprintf(stderr, shown == HOSTS_SHOWN ? ", ...\n" : "\n");
}

static void
print_listeners(const struct joist_engine *engine, const struct joist_conf *conf, bool tls)
{
    for (size_t i = 0; i < conf->listeners_n; i++) {
        if ((conf->listeners[i].tls != NULL) == tls) {
            print_listener(&conf->listeners[i], joist_engine_port(engine, i));
        }
    }
}

static bool
has_tls(const struct joist_conf *conf)
{
    for (size_t i = 0; i < conf->listeners_n; i++) {
        if (conf->listeners[i].tls != NULL) {
            return true;
        }
    }
    return false;
}

void
jst_screen_file(const struct joist_engine *engine, const struct jst_conf *conf,
                struct jst_obs *logs)
{
    char title[64];

    if (logs == NULL) {
        (void)jst_fmt(title, sizeof(title), "serves %zu route%s of ", conf->engine.routes_n,
                      conf->engine.routes_n == 1 ? "" : "s");
        print_title(title, conf->path);
        print_listeners(engine, &conf->engine, true); /* first: it is what to click */
        print_listeners(engine, &conf->engine, false);
        print_hosts(&conf->engine);
    }
    if (has_tls(&conf->engine)) {
        tell_missing(logs);
    }
    if (logs == NULL) {
        (void)fprintf(stderr, "\nPress Ctrl-C to stop.\n");
    }
}

/* ---- what the line names ---- */

static void
print_address(const struct joist_listener_conf *l, const char *host, uint16_t port)
{
    (void)fprintf(stderr, "  ");
    (void)jst_print_url(stderr, l, host, port);
    (void)fprintf(stderr, l->https_port > 0 && l->tls == NULL ? "  (leads to https)\n" : "\n");
}

/* The addresses of one port, by which it can be reached. */
static void
print_port(const struct jst_plan *p, const struct joist_listener_conf *l, uint16_t port)
{
    char own[2][64];
    size_t own_n, shown = 0;

    for (size_t i = 0; i < p->what->hosts_n; i++) {
        if (p->what->hosts[i][0] != '*') {
            print_address(l, p->what->hosts[i], port);
            shown++;
        }
    }
    if (shown > 0) {
        return; /* other names are answered with 404, and localhost is for looking */
    }
    print_address(l, "localhost", port);
    /* What only leads elsewhere need not be told for each address. */
    own_n = p->what->everywhere && p->what->hosts_n == 0 && l->https_port == 0
                ? jst_own_addresses(own)
                : 0;
    for (size_t i = 0; i < own_n; i++) {
        print_address(l, own[i], port);
    }
}

static const char *
cert_word(enum jst_cert_from from)
{
    return from == JST_CERT_GIVEN ? "given" : from == JST_CERT_MKCERT ? "mkcert" : "self-signed";
}

static void
print_cert(const struct jst_plan *p)
{
    const struct jst_plan_cert *c = &p->cert;
    time_t until = (time_t)c->info.not_after_s;
    char date[32] = "";
    struct tm tm;

    if (gmtime_r(&until, &tm) != NULL) {
        (void)strftime(date, sizeof(date), "%Y-%m-%d", &tm);
    }
    (void)fprintf(stderr, "\n  certificate: ");
    if (c->from == JST_CERT_SELF_SIGNED) {
        (void)fprintf(stderr, "self-signed, so browsers ask first");
    } else if (c->from == JST_CERT_MKCERT) {
        (void)fprintf(stderr, "by mkcert");
    } else {
        (void)fprintf(stderr, "%s, issued by %s", c->info.subject, c->info.issuer);
    }
    (void)fprintf(stderr, "\n  for %s; until %s\n", c->info.names, date);
    if (c->missing != NULL) {
        (void)fprintf(stderr, "  --auto-tls came to nothing: %s\n", c->missing);
    }
}

static void
log_cert(const struct jst_plan *p, struct jst_obs *logs)
{
    const struct jst_plan_cert *c = &p->cert;
    time_t until = (time_t)c->info.not_after_s;
    char date[32] = "", text[2048];
    struct tm tm;

    if (gmtime_r(&until, &tm) != NULL) {
        (void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm);
    }
    (void)jst_fmt(text, sizeof(text),
                  "kind=%s file=%s names=\"%s\" subject=\"%s\" issuer=\"%s\" "
                  "expires=%s",
                  cert_word(c->from), c->cert, c->info.names, c->info.subject, c->info.issuer,
                  date);
    jst_obs_say(logs, JOIST_LOG_INFO, "CERTIFICATE", text);
    if (c->missing != NULL) {
        (void)jst_fmt(text, sizeof(text), "why=\"%s\"", c->missing);
        jst_obs_say(logs, JOIST_LOG_WARN, "AUTO_TLS_MISSING", text);
    }
}

static void
print_plan(const struct jst_plan *p)
{
    const struct jst_what *w = p->what;
    const struct joist_listener_conf https = {.bind = "", .tls = &p->tls};
    const struct joist_listener_conf http = {.bind = "", .https_port = p->https_port};

    if (w->kind == JST_WHAT_WELCOME) {
        print_title("has nothing to serve yet but a welcome", "");
    } else {
        print_title(w->kind == JST_WHAT_FOLDER ? "serves the folder " : "passes on to ",
                    w->subject);
    }
    if (p->https_port > 0) {
        print_port(p, &https, p->https_port);
    }
    if (p->http_port > 0) {
        print_port(p, &http, p->http_port);
    }
    if (!w->everywhere) {
        (void)fprintf(stderr, "\n  for this machine alone; --public or a host name opens it\n");
    }
}

void
jst_screen_plan(const struct jst_plan *p, struct jst_obs *logs)
{
    bool tls = p->https_port > 0;

    if (logs == NULL) {
        print_plan(p);
    }
    if (tls && logs == NULL) {
        print_cert(p);
    } else if (tls) {
        log_cert(p, logs);
    }
    if (tls) {
        tell_missing(logs);
    }
    if (logs == NULL) {
        (void)fprintf(stderr, "\nPress Ctrl-C to stop.\n");
    }
}

void
jst_screen_stopping(uint64_t drain_ms)
{
    char text[40];

    (void)jst_duration_print(text, sizeof(text), drain_ms);
    (void)fprintf(stderr,
                  "\nStopping: requests under way have %s to end. Ctrl-C again ends at once.\n",
                  text);
}
