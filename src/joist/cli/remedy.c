// SPDX-License-Identifier: MIT
/* Words that are no command here, and what those who type them are after. */
#include "cli/cli.h"

#include "base/str.h"

#include <sys/stat.h>

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
    struct jst_slice s = jst_slice_z(word);
    struct stat st;
    bool is_there = stat(word, &st) == 0;

    if (jst_cli_is_file_option(word)) {
        return "the file needs no option: joist run FILE";
    }
    for (size_t i = 0; i < JST_COUNT(remedies); i++) {
        if (strcmp(word, remedies[i][0]) == 0) {
            return remedies[i][1];
        }
    }
    if (jst_slice_starts(s, JST_S("http://")) || jst_slice_starts(s, JST_S("unix:"))) {
        return "joist run takes a file; for an origin, one with [[sites]] and proxy = \"URL\"";
    }
    if (is_there && S_ISREG(st.st_mode)) {
        return "a configuration whose name does not end in .toml: joist run FILE";
    }
    if (is_there || jst_slice_find(s, '/') >= 0) {
        return "joist run takes a file; for a folder, one with [[sites]] and root = \"FOLDER\"";
    }
    return NULL;
}
