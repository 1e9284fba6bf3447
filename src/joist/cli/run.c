// SPDX-License-Identifier: MIT
/*
 * joist run: load, bind, start, wait for a signal, drain.
 *
 * Signals are blocked before the engine makes its threads, so that they come only here.
 */
#include "cli/cli.h"
#include "cli/screen.h"
#include "conf/conf.h"
#include "obs/obs.h"

#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* How soon a second signal is seen while requests end. */
#define DRAIN_LOOK_MS 50

struct server {
    struct jst_diags report;
    struct jst_conf *conf; /* until the engine has its copy of what it needs */
    struct jst_obs *logs;
    struct joist_engine *engine;
    uint64_t drain_ms;
    bool screen; /* a person looks on */
};

static void
block_signals(sigset_t *set)
{
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGTERM);
    (void)sigaddset(set, SIGINT);
    (void)sigaddset(set, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, set, NULL);
    /* A peer that left is an error of its connection, not of the process. */
    (void)signal(SIGPIPE, SIG_IGN);
}

/* Each connection takes a descriptor or two; the soft limit is often 1024. */
static void
raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static bool
open_logs(struct server *s)
{
    const struct jst_part_log *log = s->conf->file->log;
    const struct jst_node *node = log->part.node;
    struct joist_err err;

    if (jst_obs_open(&s->logs, log, &err) < 0) {
        const char *key = strstr(err.message, log->error) != NULL ? "error" : "access";
        const struct jst_node *said = jst_node_find(node, key);

        jst_diags_error(&s->report, said != NULL ? &said->at : NULL, NULL, "%s", err.message);
        return false;
    }
    jst_obs_attach(s->logs, &s->conf->engine.log);
    return true;
}

/* All that can fail, before anything is served. The report says why. */
static bool
prepare(struct server *s, const char *file)
{
    struct jst_conf_report_to to = {NULL, &s->report};
    int rc = jst_conf_load(&s->conf, file, &s->report);

    if (rc < 0) {
        if (s->conf != NULL) {
            (void)jst_conf_check(s->conf, &s->report);
        }
        return false;
    }
    to.conf = s->conf;
    s->drain_ms = s->conf->engine.drain_ms;
    if (!open_logs(s)) {
        return false;
    }
    rc = joist_engine_create(&s->engine, &s->conf->engine, jst_conf_on_report, &to);
    if (rc < 0 && !jst_diags_has_errors(&s->report)) {
        jst_diags_error(&s->report, NULL, NULL, "cannot start: %s", joist_error_text(rc));
    }
    return rc == JOIST_OK;
}

/* Is this signal one that stops? SIGHUP does when the terminal is gone, and asks for a reload
 * otherwise. */
static bool
is_stop(struct server *s, int number)
{
    if (number != SIGHUP || (s->screen && isatty(STDERR_FILENO) == 0)) {
        return true;
    }
    jst_obs_say(s->logs, JOIST_LOG_WARN, "SIGHUP_IGNORED",
                "why=\"reload is not there yet: stop joist and start it again\"");
    return false;
}

/* Let requests end; a second signal cuts them. */
static int
drain(struct server *s, const sigset_t *set)
{
    static const struct timespec no_time = {0, 0};
    int rc = joist_engine_drain(s->engine, s->drain_ms);
    int number;

    if (rc < 0) {
        return JST_EXIT_FAILED;
    }
    for (;;) {
        rc = joist_engine_wait(s->engine, DRAIN_LOOK_MS);
        if (rc != JOIST_E_TIMEOUT) {
            return rc < 0 ? JST_EXIT_FAILED : JST_EXIT_OK;
        }
        number = sigtimedwait(set, NULL, &no_time);
        if (number > 0 && is_stop(s, number)) {
            return JST_EXIT_FAILED; /* the caller's destroy cuts what is left */
        }
    }
}

static int
serve(struct server *s, const sigset_t *set)
{
    int rc = joist_engine_start(s->engine);
    int number;

    if (rc < 0) {
        jst_cli_error(NULL, "cannot start: %s", joist_error_text(rc));
        return JST_EXIT_FAILED;
    }
    if (s->screen) {
        jst_screen_started(s->engine, s->conf);
    }
    jst_conf_destroy(&s->conf);
#ifdef __GLIBC__
    (void)malloc_trim(0); /* 10,000 sites leave over 100 MB of freed parse tree behind */
#endif
    do {
        if (sigwait(set, &number) != 0) {
            return JST_EXIT_FAILED;
        }
    } while (!is_stop(s, number));
    if (s->screen) {
        jst_screen_stopping(s->drain_ms);
    }
    return drain(s, set);
}

int
jst_cli_run(const struct jst_args *args)
{
    struct server s = {.screen = isatty(STDERR_FILENO) != 0};
    const char *file = jst_cli_file(args);
    int code = JST_EXIT_FAILED;
    sigset_t set;
    bool ready;

    if (file == NULL) {
        return JST_EXIT_FAILED;
    }
    block_signals(&set);
    raise_descriptor_limit();
    jst_diags_init(&s.report);
    ready = prepare(&s, file);
    jst_diags_print(&s.report, stderr, jst_cli_has_colours(STDERR_FILENO));
    jst_diags_fini(&s.report);
    if (ready) {
        code = serve(&s, &set);
    }
    joist_engine_destroy(&s.engine);
    jst_obs_close(&s.logs);
    jst_conf_destroy(&s.conf);
    return code;
}
