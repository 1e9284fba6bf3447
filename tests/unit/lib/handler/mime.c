// SPDX-License-Identifier: MIT
#include "handler/mime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const struct {
    const char *name;
    const char *type;
} cases[] = {
    {"/index.html", "text/html; charset=utf-8"},
    {"/INDEX.HTML", "text/html; charset=utf-8"},
    {"a.js", "text/javascript; charset=utf-8"},
    {"a.mjs", "text/javascript; charset=utf-8"},
    {"a.css", "text/css; charset=utf-8"},
    {"a.json", "application/json"},
    {"a.svg", "image/svg+xml"},
    {"a.wasm", "application/wasm"},
    {"a.woff2", "font/woff2"},
    {"a.tar.gz", "application/gzip"},
    {"a.3gp", "video/3gpp"},                        /* the first of the table */
    {"a.zst", "application/zstd"},                  /* the last */
    {"a.webmanifest", "application/manifest+json"}, /* the longest */
    {"a.webmanifests", "application/octet-stream"},
    {"a.", "application/octet-stream"},
    {"a", "application/octet-stream"},
    {"", "application/octet-stream"},
    {"/a.html/b", "application/octet-stream"},
    {"html", "application/octet-stream"},
    {".html", "text/html; charset=utf-8"},
    {"a.nosuchthing", "application/octet-stream"},
    {"a.html~", "application/octet-stream"},
};

static void
test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < JST_COUNT(cases); i++) {
        struct jst_slice type = jst_mime_type(jst_slice_z(cases[i].name));

        if (!jst_slice_eq(type, jst_slice_z(cases[i].type))) {
            fail_msg("%s: %.*s", cases[i].name, JST_PRI(type));
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
    };

    return cmocka_run_group_tests_name("handler/mime", tests, NULL, NULL);
}
