// SPDX-License-Identifier: MIT
#pragma once
/*
 * Key files: written whole or not at all, and their errors in words.
 *
 * Threads: pure but for the disk, any.
 */
#include <openssl/bio.h>

#include "base/base.h"

/**
 * Put the bytes of a memory BIO into a file of mode 0600, in one step: who opens `path` sees the
 * file of before or the whole new one. `replace` false: JOIST_E_INUSE if it is there already.
 * JOIST_E_ACCESS, NOTFOUND (its folder), IO, NOMEM.
 */
int jst_pki_write(const char *path, BIO *from, bool replace, struct joist_err *err);

/** Open for reading. JOIST_E_NOTFOUND, ACCESS, IO, NOMEM. */
int jst_pki_open(BIO **out, const char *path, struct joist_err *err);
