// SPDX-License-Identifier: MIT
#include "cli/cli.h"

#include "conf/conf.h"

#include <unistd.h>

static const char *
plural(size_t n)
{
    return n == 1 ? "" : "s";
}

static void
print_verdict(const struct jst_diags *report, const struct jst_conf *conf, const char *file)
{
    if (conf == NULL || jst_diags_has_errors(report)) {
        (void)fprintf(stderr, "%s: %zu error%s\n", file, report->errors_n,
                      plural(report->errors_n));
        return;
    }
    (void)printf("%s: good: %zu route%s", file, conf->engine.routes_n,
                 plural(conf->engine.routes_n));
    if (conf->engine.pools_n > 0) {
        (void)printf(", %zu pool%s of origins", conf->engine.pools_n, plural(conf->engine.pools_n));
    }
    (void)printf(", %zu listener%s", conf->engine.listeners_n, plural(conf->engine.listeners_n));
    if (report->warnings_n > 0) {
        (void)printf(", %zu warning%s", report->warnings_n, plural(report->warnings_n));
    }
    (void)printf("\n");
}

int
jst_cli_config_validate(const struct jst_args *args)
{
    const char *file = jst_cli_file(args);
    struct jst_conf *conf = NULL;
    struct jst_diags report;
    bool bad;

    if (file == NULL) {
        return JST_EXIT_FAILED;
    }
    jst_diags_init(&report);
    bad = jst_conf_load(&conf, file, &report) < 0;
    if (conf != NULL) {
        bad = jst_conf_check(conf, &report) < 0 || bad;
    }
    bad = bad || jst_diags_has_errors(&report);
    if ((args->options & JST_OPTION_JSON) != 0) {
        (void)printf("{\"ok\":%s,\"messages\":", bad ? "false" : "true");
        jst_diags_print_json(&report, stdout);
        (void)printf("}\n");
    } else {
        jst_diags_print(&report, stderr, jst_cli_has_colours(STDERR_FILENO));
        print_verdict(&report, conf, file);
    }
    jst_conf_destroy(&conf);
    jst_diags_fini(&report);
    return bad ? JST_EXIT_FAILED : JST_EXIT_OK;
}

int
jst_cli_config_show(const struct jst_args *args)
{
    const char *file = jst_cli_file(args);
    struct jst_conf *conf = NULL;
    struct jst_diags report;
    int rc;

    if (file == NULL) {
        return JST_EXIT_FAILED;
    }
    jst_diags_init(&report);
    rc = jst_conf_load(&conf, file, &report);
    if (rc == JOIST_OK) {
        if ((args->options & JST_OPTION_JSON) != 0) {
            jst_conf_show_json(conf, stdout);
        } else {
            jst_conf_show(conf, stdout);
        }
    }
    jst_diags_print(&report, stderr, jst_cli_has_colours(STDERR_FILENO));
    jst_conf_destroy(&conf);
    jst_diags_fini(&report);
    return rc == JOIST_OK ? JST_EXIT_OK : JST_EXIT_FAILED;
}

int
jst_cli_config_schema(const struct jst_args *args)
{
    if ((args->options & JST_OPTION_MARKDOWN) != 0) {
        jst_schema_print_markdown(stdout);
    } else {
        jst_schema_print_json(stdout);
    }
    return JST_EXIT_OK;
}
