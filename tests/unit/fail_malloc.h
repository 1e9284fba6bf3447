// SPDX-License-Identifier: MIT
#pragma once
/*
 * An allocator that fails once: malloc and its like, replaced in the program that includes this.
 *
 * Flow: fail_at = n; call what is tested; `failed` tells whether the n-th allocation was reached.
 * Not:  sanitizers bring allocators of their own, and so do other C libraries than glibc: then
 *       CANNOT_FAIL_MALLOC is defined, and nothing else.
 */
#include <stdbool.h>
#include <stdlib.h> /* and with it __GLIBC__ */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define CANNOT_FAIL_MALLOC 1
#endif

#ifndef CANNOT_FAIL_MALLOC
/* glibc's own names of what this program replaces. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t each);
void *__libc_realloc(void *p, size_t n);
void *malloc(size_t n);
void *calloc(size_t n, size_t each);
void *realloc(void *p, size_t n);

static size_t fail_at; /* counts down; 0: never */
static bool failed;

static bool
is_time_to_fail(void)
{
    if (fail_at == 0 || --fail_at > 0) {
        return false;
    }
    failed = true;
    return true;
}

void *
malloc(size_t n)
{
    return is_time_to_fail() ? NULL : __libc_malloc(n);
}

void *
calloc(size_t n, size_t each)
{
    return is_time_to_fail() ? NULL : __libc_calloc(n, each);
}

void *
realloc(void *p, size_t n)
{
    return is_time_to_fail() ? NULL : __libc_realloc(p, n);
}
#endif
