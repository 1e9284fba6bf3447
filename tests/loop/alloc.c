// SPDX-License-Identifier: MIT
#include "alloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The linker's names, see --wrap in ld(1). */
/* NOLINTBEGIN(bugprone-reserved-identifier) */
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t alignment, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t alignment, size_t n);
char *__wrap_strdup(const char *z);
/* NOLINTEND(bugprone-reserved-identifier) */

static unsigned left;   /* atomic; allocations until one fails; 0: off */
static unsigned failed; /* atomic */
static bool everybody;  /* set while nobody else runs */
static _Thread_local bool counted;

static bool
must_fail(void)
{
    unsigned now = __atomic_load_n(&left, __ATOMIC_RELAXED);

    if (now == 0 || (!everybody && !counted)) {
        return false;
    }
    while (now > 0 && !__atomic_compare_exchange_n(&left, &now, now - 1, false, __ATOMIC_RELAXED,
                                                   __ATOMIC_RELAXED)) {
    }
    if (now != 1) {
        return false;
    }
    __atomic_store_n(&failed, 1, __ATOMIC_RELAXED);
    errno = ENOMEM;
    return true;
}

void *
__wrap_malloc(size_t n)
{
    return must_fail() ? NULL : __real_malloc(n);
}

void *
__wrap_calloc(size_t n, size_t size)
{
    return must_fail() ? NULL : __real_calloc(n, size);
}

void *
__wrap_aligned_alloc(size_t alignment, size_t n)
{
    return must_fail() ? NULL : __real_aligned_alloc(alignment, n);
}

void *
__wrap_realloc(void *p, size_t n)
{
    return must_fail() ? NULL : __real_realloc(p, n);
}

char *
__wrap_strdup(const char *z)
{
    size_t n = strlen(z) + 1;
    char *p = must_fail() ? NULL : __real_malloc(n);

    return p != NULL ? memcpy(p, z, n) : NULL;
}

void
alloc_fail_at(unsigned n, bool all_threads)
{
    everybody = all_threads;
    counted = true;
    __atomic_store_n(&failed, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&left, n, __ATOMIC_RELAXED);
}

void
alloc_pause(void)
{
    counted = false;
}

void
alloc_resume(void)
{
    counted = true;
}

bool
alloc_off(void)
{
    counted = false;
    __atomic_store_n(&left, 0, __ATOMIC_RELAXED);
    return __atomic_load_n(&failed, __ATOMIC_RELAXED) != 0;
}
