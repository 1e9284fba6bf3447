// SPDX-License-Identifier: MIT
#include "cli/cli.h"

#include <stdio.h>

#include <joist/joist.h>

int
jst_cli_version(const struct jst_args *args)
{
    bool json = (args->options & JST_OPTION_JSON) != 0;

    (void)printf(json ? "{\"version\":\"%s\"}\n" : "joist %s\n", JOIST_VERSION);
    return JST_EXIT_OK;
}
