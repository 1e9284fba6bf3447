// SPDX-License-Identifier: MIT
#include "cli/cli.h"

#include <joist/cert.h>
#include <joist/joist.h>

#include "conf/json.h"

#include <stdio.h>

int
jst_cli_version(const struct jst_args *args)
{
    const char *missing = joist_tls_missing();

    if ((args->options & JST_OPTION_JSON) != 0) {
        (void)printf("{\"version\":\"%s\",\"tls\":{\"library\":", JOIST_VERSION);
        jst_json_print(stdout, jst_slice_z(joist_tls_library()));
        (void)printf(",\"missing\":[");
        if (missing[0] != '\0') {
            jst_json_print(stdout, jst_slice_z(missing));
        }
        (void)printf("]}}\n");
        return JST_EXIT_OK;
    }
    (void)printf("joist %s\n%s%s%s\n", JOIST_VERSION, joist_tls_library(),
                 missing[0] != '\0' ? ", which lacks " : "", missing);
    return JST_EXIT_OK;
}
