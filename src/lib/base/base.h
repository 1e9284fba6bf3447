// SPDX-License-Identifier: MIT
#pragma once
/*
 * The words every file speaks: slices, assertions, small macros.
 *
 * Job:     what C lacks and everything here needs; nothing that allocates.
 * Not:     buffers and chains (buf.h), arenas (arena.h), string building (str.h).
 * Threads: pure, any.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include <joist/error.h>

#define JST_COUNT(array)                 (sizeof(array) / sizeof((array)[0]))
#define JST_CONTAINER(ptr, type, member) ((type *)((uintptr_t)(ptr)-offsetof(type, member)))
#define JST_MIN(a, b)                    ((a) < (b) ? (a) : (b))
#define JST_MAX(a, b)                    ((a) > (b) ? (a) : (b))
#define JST_LIKELY(cond)                 __builtin_expect(!!(cond), 1)
#define JST_UNLIKELY(cond)               __builtin_expect(!!(cond), 0)
#define JST_PRINTF(fmt, va)              __attribute__((format(printf, fmt, va)))

/* Called with the place of a failed assertion, then the process aborts. NULL: nobody is told. Set
 * once, before threads start; it may write to a descriptor, and must not allocate. */
extern void (*jst_panic_hook)(const char *cond, const char *file, int line);

/* Calls the hook and aborts. */
__attribute__((noreturn, cold)) void jst_assert_failed(const char *cond, const char *file,
                                                       int line);

/* Cheap and always on: a programmer's mistake, never a peer's. */
#define JST_ASSERT(cond)                                                                           \
    do {                                                                                           \
        if (JST_UNLIKELY(!(cond))) {                                                               \
            jst_assert_failed(#cond, __FILE__, __LINE__);                                          \
        }                                                                                          \
    } while (0)

/* On where it would cost too much: only in debug and sanitizer builds. */
#ifdef JST_DEBUG
#define JST_ASSERT_HOT(cond) JST_ASSERT(cond)
#else
#define JST_ASSERT_HOT(cond) ((void)sizeof(!(cond)))
#endif

#define JST_UNREACHABLE() jst_assert_failed("unreachable", __FILE__, __LINE__)

/* These do not know the size of what they write to. */
#define JST_BANNED(text) __attribute__((error(text)))
#if !defined(__clang__) && !defined(__cplusplus)
char *strcpy(char *, const char *) JST_BANNED("use jst_fmt(): it knows the size");
char *strcat(char *, const char *) JST_BANNED("use struct jst_str: it knows the size");
int sprintf(char *, const char *, ...) JST_BANNED("use jst_fmt(): it knows the size");
char *strtok(char *, const char *) JST_BANNED("use jst_slice_cut(): it keeps no hidden state");
#endif

/** Bytes that somebody else owns; not NUL-terminated; p may be NULL only if n is 0. */
struct jst_slice {
    const char *p;
    size_t n;
};

#define JST_S(literal) ((struct jst_slice){"" literal, sizeof(literal) - 1})
#define JST_SLICE_NONE ((struct jst_slice){NULL, 0})
#define JST_PRI(slice) (int)(slice).n, (slice).p /* for "%.*s" */

static inline struct jst_slice
jst_slice(const char *p, size_t n)
{
    return (struct jst_slice){p, n};
}

static inline struct jst_slice
jst_slice_z(const char *z)
{
    return z != NULL ? (struct jst_slice){z, strlen(z)} : JST_SLICE_NONE;
}

static inline bool
jst_slice_eq(struct jst_slice a, struct jst_slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/** ASCII letters compare without case; other bytes as they are. */
bool jst_slice_ieq(struct jst_slice a, struct jst_slice b);
bool jst_slice_starts(struct jst_slice s, struct jst_slice prefix);
bool jst_slice_ends(struct jst_slice s, struct jst_slice suffix);

/** Without leading and trailing space and tab. */
struct jst_slice jst_slice_trim(struct jst_slice s);

/** Cut `*rest` at the first `sep`: returns what is before it and leaves what is after it.
 *  Without a `sep` all is returned and `rest->p` becomes NULL, so `while (rest.p != NULL)` ends. */
struct jst_slice jst_slice_cut(struct jst_slice *rest, char sep);

/** Position of `c`, or -1. */
ptrdiff_t jst_slice_find(struct jst_slice s, char c);

/** Decimal digits only, no sign, no space; false if empty, not digits, or over UINT64_MAX. */
bool jst_slice_u64(uint64_t *out, struct jst_slice s);

static inline char
jst_lower(char c)
{
    return (c >= 'A' && c <= 'Z') ? (char)(c | 0x20) : c;
}

/** A fast 64-bit hash. It withstands no attacker who knows `seed`: where peers choose the keys, the
 *  seed is random. */
uint64_t jst_hash(struct jst_slice s, uint64_t seed);
