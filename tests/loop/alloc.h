// SPDX-License-Identifier: MIT
#pragma once
/*
 * An allocator that fails when it is told to.
 *
 * How:     the test is linked with --wrap for malloc, calloc, realloc, strdup: calls of the library
 *          and the test come here, those inside of the C library do not.
 * Threads: counts either the calling thread's allocations or everybody's.
 */
#include <stdbool.h>
#include <stddef.h>

/** The n-th allocation from now on fails (from 1), and only it; 0: none. */
void alloc_fail_at(unsigned n, bool all_threads);

/** Not counted, never failing, until resumed; nothing to do with other threads. */
void alloc_pause(void);
void alloc_resume(void);

/** Ends it. Has one failed? */
bool alloc_off(void);
