// SPDX-License-Identifier: MIT
#pragma once
/*
 * Who listens on a port? For error messages only: reads /proc.
 */
#include "base/base.h"

/** Write "nginx (pid 1234)" for the process that listens on TCP `port`; false if it cannot be
 *  known (another user's process, no /proc). */
bool jst_port_owner(char *out, size_t cap, uint16_t port);
