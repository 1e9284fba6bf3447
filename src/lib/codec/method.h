// SPDX-License-Identifier: MIT
#pragma once
/*
 * Request methods by number, and what they promise (RFC 9110 9).
 *
 * Threads: pure, any.
 */
#include "base/base.h"

enum jst_method {
    JST_METHOD_OTHER = 0, /* any other token */
    JST_METHOD_GET,
    JST_METHOD_HEAD,
    JST_METHOD_POST,
    JST_METHOD_PUT,
    JST_METHOD_DELETE,
    JST_METHOD_CONNECT,
    JST_METHOD_OPTIONS,
    JST_METHOD_TRACE,
    JST_METHOD_PATCH,
};

/** The token's number, case-sensitive (RFC 9110 9.1). */
enum jst_method jst_method_of(struct jst_slice text);
struct jst_slice jst_method_name(enum jst_method m);

/** RFC 9110 9.2.1: it asks for nothing but the answer. */
static inline bool
jst_method_is_safe(enum jst_method m)
{
    return m == JST_METHOD_GET || m == JST_METHOD_HEAD || m == JST_METHOD_OPTIONS ||
           m == JST_METHOD_TRACE;
}

/** RFC 9110 9.2.2: twice comes to the same as once. */
static inline bool
jst_method_is_idempotent(enum jst_method m)
{
    return jst_method_is_safe(m) || m == JST_METHOD_PUT || m == JST_METHOD_DELETE;
}

/** RFC 9110 8.6: it announces a body, so that there is none has to be said. */
static inline bool
jst_method_expects_body(enum jst_method m)
{
    return m == JST_METHOD_POST || m == JST_METHOD_PUT || m == JST_METHOD_PATCH;
}
