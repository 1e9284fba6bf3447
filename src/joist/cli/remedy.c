// SPDX-License-Identifier: MIT
/* Words that are no command here, and what those who type them are after. */
#include "cli/cli.h"

bool
jst_cli_is_file_option(const char *word)
{
    return strcmp(word, "-c") == 0 || strcmp(word, "-f") == 0 || strcmp(word, "--config") == 0;
}

const char *
jst_cli_find_remedy(const char *word)
{
    static const char *const remedies[][2] = {
        {"stop", "Ctrl-C or SIGTERM stops joist"},
        {"reload", "reload is not there yet: stop joist and start it again"},
        {"-v", "did you mean joist --version?"},
    };

    if (jst_cli_is_file_option(word)) {
        return "the file needs no option: joist FILE.toml";
    }
    for (size_t i = 0; i < JST_COUNT(remedies); i++) {
        if (strcmp(word, remedies[i][0]) == 0) {
            return remedies[i][1];
        }
    }
    return NULL;
}
