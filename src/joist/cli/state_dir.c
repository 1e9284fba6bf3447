// SPDX-License-Identifier: MIT
/* The folder for what joist keeps: keys and certificates. */
#include "cli/plan.h"

#include "base/str.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where it is, by the environment; false: nothing says so. */
static bool
find_place(char *out, size_t cap)
{
    const char *given = getenv("JOIST_STATE_DIR");
    const char *xdg = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");

    if (given != NULL && given[0] != '\0') {
        return jst_fmt(out, cap, "%s", given) == strlen(given);
    }
    /* The XDG base directory specification: a relative path there is to be ignored. */
    if (xdg != NULL && xdg[0] == '/') {
        return jst_fmt(out, cap, "%s/joist", xdg) == strlen(xdg) + 6;
    }
    if (home != NULL && home[0] == '/') {
        return jst_fmt(out, cap, "%s/.local/state/joist", home) == strlen(home) + 19;
    }
    return geteuid() == 0 && jst_fmt(out, cap, "/var/lib/joist") > 0;
}

static bool
make_folders(char *path)
{
    for (char *p = path + 1; *p != '\0'; p++) {
        if (*p == '/') {
            *p = '\0';
            (void)mkdir(path, 0700); /* one that is there, or cannot be made: the last call tells */
            *p = '/';
        }
    }
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

/* Keys lie in it: nobody else may put any there. */
static bool
check_folder(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
        jst_cli_error("set JOIST_STATE_DIR to a folder for joist's keys",
                      "the state folder '%s' is no folder", path);
        return false;
    }
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0 || (st.st_uid != geteuid() && st.st_uid != 0)) {
        jst_cli_error("set JOIST_STATE_DIR to a folder of your own, of mode 0700",
                      "the state folder '%s' is not safe for keys: others may write to it", path);
        return false;
    }
    return true;
}

const char *
jst_state_dir(struct jst_arena *arena, const char *below, bool make)
{
    char path[PATH_MAX];
    size_t n;

    if (!find_place(path, sizeof(path))) {
        jst_cli_error("set JOIST_STATE_DIR to a folder for joist's keys",
                      "there is no place for what joist keeps: no HOME");
        return NULL;
    }
    n = strlen(path);
    if (below != NULL && jst_fmt(path + n, sizeof(path) - n, "/%s", below) != strlen(below) + 1) {
        jst_cli_error("set JOIST_STATE_DIR to a shorter one",
                      "the state folder's path is too long");
        return NULL;
    }
    if (make && !make_folders(path)) {
        jst_cli_error("set JOIST_STATE_DIR to a folder for joist's keys",
                      "cannot make the state folder '%s': %s", path, strerror(errno));
        return NULL;
    }
    if (make && !check_folder(path)) {
        return NULL;
    }
    return jst_arena_copy_z(arena, path);
}
