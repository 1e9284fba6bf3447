// SPDX-License-Identifier: MIT
#pragma once
/*
 * ${NAME} and ${NAME:default} in string values, from the environment.
 *
 * Grammar: only "${" is special; "$${" stands for a plain "${". A default goes up to the next '}'.
 *          A value from outside is not looked into again. Keys are left alone.
 * Threads: as getenv(): not while somebody changes the environment.
 */
#include "conf/diags.h"

/** Replace in all strings of the tree. What is wrong is reported; JOIST_E_NOMEM, else 0. */
int jst_interpolate(struct jst_node *root, struct jst_arena *arena, struct jst_diags *report);
