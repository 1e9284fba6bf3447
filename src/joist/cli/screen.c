// SPDX-License-Identifier: MIT
#include "cli/screen.h"

#include "base/str.h"
#include "base/units.h"
#include "cli/cli.h"

#include <unistd.h>

#define HOSTS_SHOWN 5u

/* The URL to open for a listener: a wildcard address is reached by the name of this machine. */
static void
print_listener(const struct joist_listener_conf *l, uint16_t port)
{
    struct jst_slice bind = jst_slice_z(l->bind);
    size_t host_n = bind.n;
    bool any;

    if (jst_slice_starts(bind, JST_S("unix:"))) {
        (void)fprintf(stderr, "  %s\n", l->bind);
        return;
    }
    while (host_n > 0 && bind.p[host_n - 1] != ':') {
        host_n--;
    }
    bind.n = host_n > 0 ? host_n - 1 : 0;
    any = bind.n == 0 || jst_slice_eq(bind, JST_S("0.0.0.0")) || jst_slice_eq(bind, JST_S("[::]"));
    (void)fprintf(stderr, "  http://%.*s", any ? 9 : (int)bind.n, any ? "localhost" : bind.p);
    if (port != 80) {
        (void)fprintf(stderr, ":%u", port);
    }
    (void)fprintf(stderr, any ? "  (every address of this machine)\n" : "\n");
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

void
jst_screen_started(const struct joist_engine *engine, const struct jst_conf *conf)
{
    bool colours = jst_cli_has_colours(STDERR_FILENO);

    (void)fprintf(stderr, "%sjoist %s%s serves %zu route%s of %s\n\n", colours ? "\033[1m" : "",
                  JOIST_VERSION, colours ? "\033[0m" : "", conf->engine.routes_n,
                  conf->engine.routes_n == 1 ? "" : "s", conf->path);
    for (size_t i = 0; i < conf->engine.listeners_n; i++) {
        print_listener(&conf->engine.listeners[i], joist_engine_port(engine, i));
    }
    print_hosts(&conf->engine);
    (void)fprintf(stderr, "\nPress Ctrl-C to stop.\n");
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
