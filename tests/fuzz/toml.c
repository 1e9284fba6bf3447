// SPDX-License-Identifier: MIT
/*
 * Configuration text: the shim over toml++, the schema, and what prints it again.
 *
 * Properties: nothing crashes; every error about text has a line; what is shown of a good
 * configuration loads without an error and is shown the same. Includes are not followed: they
 * would read this machine's files.
 */
#include "conf/conf.h"
#include "conf/fill.h"
#include "conf/interpolate.h"

#include <stdlib.h>

#define INPUT_MAX 65536u

static struct jst_conf *
load(struct jst_diags *report, const char *name, const char *text, size_t n)
{
    struct jst_conf *conf = calloc(1, sizeof(*conf));
    struct jst_fill fill = {.arena = &conf->arena, .report = report};
    char *copy = malloc(n + 1);
    struct jst_slice in = {copy, n};
    struct jst_toml_error err;
    uint32_t file;

    memcpy(copy, text, n);
    file = jst_diags_add_source(report, name, &copy, n);
    if (jst_toml_parse(&conf->root, &conf->arena, in, file, &err) < 0) {
        JST_ASSERT(err.line >= 1 && err.column >= 1 && err.message[0] != '\0');
        jst_diags_error(report, &(struct jst_span){file, err.line, err.column, 1}, NULL, "%s",
                        err.message);
        return conf;
    }
    (void)jst_interpolate(conf->root, &conf->arena, report);
    conf->file = jst_fill_file(&fill, conf->root);
    JST_ASSERT(conf->file != NULL && jst_conf_build(conf, report) == JOIST_OK);
    return conf;
}

static char *
show(const struct jst_conf *conf, size_t *n)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, n);

    jst_conf_show(conf, out);
    (void)fclose(out);
    return text;
}

static void
print_report(struct jst_diags *report)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);

    jst_diags_print(report, out, false);
    jst_diags_print_json(report, out);
    (void)fclose(out);
    free(text);
}

static void
check_round_trip(const struct jst_conf *conf)
{
    struct jst_diags report;
    struct jst_conf *again;
    size_t once_n, twice_n;
    char *once = show(conf, &once_n), *twice;

    jst_diags_init(&report);
    /* Folders are shown as seen from here, so it is here that they are read again. */
    again = load(&report, "fuzz.toml", once, once_n);
    JST_ASSERT(!jst_diags_has_errors(&report));
    twice = show(again, &twice_n);
    JST_ASSERT(once_n == twice_n && memcmp(once, twice, once_n) == 0);
    free(once);
    free(twice);
    jst_conf_destroy(&again);
    jst_diags_fini(&report);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct jst_diags report;
    struct jst_conf *conf;

    if (n > INPUT_MAX) {
        return 0;
    }
    jst_diags_init(&report);
    conf = load(&report, "dir/fuzz.toml", (const char *)p, n);
    for (size_t i = 0; i < report.diags_n; i++) {
        JST_ASSERT(report.diags[i].at.line >= 1 || n == 0);
    }
    print_report(&report);
    if (!jst_diags_has_errors(&report)) {
        check_round_trip(conf);
    }
    jst_conf_destroy(&conf);
    jst_diags_fini(&report);
    return 0;
}
