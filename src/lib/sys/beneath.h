// SPDX-License-Identifier: MIT
#pragma once
/*
 * Open a path that cannot leave a folder, whatever links and dots it is made of.
 *
 * Job:     openat2(RESOLVE_BENEATH), or a walk of our own where the kernel or a sandbox has none.
 * Not:     it decides nothing about names (dotfiles and the like): handler/ does.
 * Threads: any; whether openat2 works is found out once per process.
 * Why:     checking a path and then opening it is two steps, and a link swapped in between wins.
 */
#include "base/base.h"

/**
 * Open the folder that paths will be opened below; a link to a folder is followed.
 * JOIST_E_NOTFOUND, JOIST_E_ACCESS, JOIST_E_INVAL (it is no folder), JOIST_E_NOFILE, JOIST_E_NOMEM,
 * JOIST_E_IO. The caller owns the descriptor: close it.
 */
int jst_beneath_root(int *out, const char *path);

/**
 * Open `path` (relative; "" and "." are the folder itself) below `dir` with `flags` (O_RDONLY or
 * O_PATH and the like; O_CLOEXEC is added, and O_NONBLOCK and O_NOCTTY where they mean something).
 * Links are followed as long as they stay below `dir`; absolute links count as leaving.
 * JOIST_E_NOTFOUND (also for what leaves), JOIST_E_ACCESS, JOIST_E_NOFILE, JOIST_E_NOMEM,
 * JOIST_E_IO.
 */
int jst_beneath_open(int *out, int dir, const char *path, int flags);

/** The same without openat2: component by component, following no links at all. */
int jst_beneath_walk(int *out, int dir, const char *path, int flags);
