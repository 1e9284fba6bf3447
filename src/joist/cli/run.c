// SPDX-License-Identifier: MIT
/*
 * joist run: load or plan, bind, start, wait for a signal, drain.
 *
 * Signals are blocked before the engine makes its threads, so that they come only here.
 */
#include "cli/cli.h"
#include "cli/plan.h"
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
    struct jst_what what;
    struct jst_plan plan; /* of what the words say; unused with a configuration */
    struct jst_diags report;
    struct jst_conf *conf; /* until the engine has its copy of what it needs; NULL with a plan */
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

/* What the screen shows need not stand below it once more. */
static void
hide_shown(struct server *s, const struct jst_part_log *log)
{
    static const char *const shown[] = {"LISTENING", "DRAINING", "DRAINED", NULL};
    bool to_terminal = strcmp(log->error, "stderr") == 0 ||
                       (strcmp(log->error, "stdout") == 0 && isatty(STDOUT_FILENO) != 0);

    if (s->screen && to_terminal) {
        jst_obs_hide(s->logs, shown);
    }
}

static int
open_logs(struct server *s, const struct jst_part_log *log, struct joist_log_conf *to)
{
    const struct jst_node *node = log->part.node;
    struct joist_err err;

    if (jst_obs_open(&s->logs, log, &err) < 0) {
        const char *key = strstr(err.message, log->error) != NULL ? "error" : "access";
        const struct jst_node *said = node != NULL ? jst_node_find(node, key) : NULL;

        jst_diags_error(&s->report, said != NULL ? &said->at : NULL, NULL, "%s", err.message);
        return JST_EXIT_FAILED;
    }
    jst_obs_attach(s->logs, to);
    hide_shown(s, log);
    return JST_EXIT_OK;
}

/* All that can fail, before anything is served. The report says why. */
static int
prepare_file(struct server *s, const char *file)
{
    struct jst_conf_report_to to = {NULL, &s->report};
    int rc = jst_conf_load(&s->conf, file, &s->report);

    if (rc < 0) {
        if (s->conf != NULL) {
            (void)jst_conf_check(s->conf, &s->report);
        }
        return JST_EXIT_FAILED;
    }
    to.conf = s->conf;
    s->drain_ms = s->conf->engine.drain_ms;
    if (open_logs(s, s->conf->file->log, &s->conf->engine.log) != JST_EXIT_OK) {
        return JST_EXIT_FAILED;
    }
    rc = joist_engine_create(&s->engine, &s->conf->engine, jst_conf_on_report, &to);
    if (rc < 0 && !jst_diags_has_errors(&s->report)) {
        jst_diags_error(&s->report, NULL, NULL, "cannot start: %s", joist_error_text(rc));
    }
    return rc == JOIST_OK ? JST_EXIT_OK : JST_EXIT_FAILED;
}

static int
prepare_plan(struct server *s)
{
    static struct jst_part_access access = {.format = JST_ACCESS_COMBINED, .path = "stdout"};
    struct jst_part_log log = {.level = JOIST_LOG_INFO, .error = "stderr", .access = &access};
    int code = jst_plan_cert(&s->plan);

    if (code != JST_EXIT_OK) {
        return code;
    }
    s->drain_ms = s->plan.conf.drain_ms;
    s->plan.conf.log.level = (enum joist_log_level)log.level;
    code = open_logs(s, &log, &s->plan.conf.log);
    return code != JST_EXIT_OK ? code : jst_plan_open(&s->plan, &s->engine, &s->report);
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
    if (s->conf != NULL) {
        jst_screen_file(s->engine, s->conf, s->screen ? NULL : s->logs);
    } else {
        jst_screen_plan(&s->plan, s->screen ? NULL : s->logs);
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

/* Make ready, and say what stands in the way. */
static int
prepare(struct server *s)
{
    int code;

    jst_diags_init(&s->report);
    code = s->what.kind == JST_WHAT_FILE ? prepare_file(s, s->what.subject) : prepare_plan(s);
    jst_diags_print(&s->report, stderr, jst_cli_has_colours(STDERR_FILENO));
    jst_diags_fini(&s->report);
    return code;
}

static int
print_dry(struct server *s)
{
    jst_plan_cert_dry(&s->plan);
    jst_plan_listeners(&s->plan);
    jst_plan_print(&s->plan, stdout);
    return JST_EXIT_OK;
}

static int
run(struct server *s)
{
    int code = JST_EXIT_OK;
    sigset_t set;

    if (s->what.kind != JST_WHAT_FILE) {
        code = jst_plan_init(&s->plan, &s->what);
    }
    if (code != JST_EXIT_OK || s->what.dry) {
        return code != JST_EXIT_OK ? code : print_dry(s);
    }
    block_signals(&set);
    raise_descriptor_limit();
    code = prepare(s);
    return code == JST_EXIT_OK ? serve(s, &set) : code;
}

int
jst_cli_run(const struct jst_args *args)
{
    struct server s = {.screen = isatty(STDERR_FILENO) != 0};
    int code = jst_what_read(&s.what, args);

    if (code == JST_EXIT_OK) {
        code = run(&s);
    }
    joist_engine_destroy(&s.engine);
    jst_obs_close(&s.logs);
    jst_conf_destroy(&s.conf);
    jst_plan_fini(&s.plan);
    jst_what_fini(&s.what);
    return code;
}
