// SPDX-License-Identifier: MIT
#pragma once
/*
 * Printing heads, in one pass into memory of known size.
 *
 * Job:     room at the end of a chain for a head of any size; the request head as an origin gets it
 *          (the response head is h1_response.c's).
 * Not:     it decides nothing: what is forwarded was decided by the handler (dropped fields, extra
 *          lines, upgrade).
 * Threads: pure, any.
 */
#include "base/str.h"
#include "http/client.h"

/** A head that is being printed. */
struct jst_h1_print {
    struct jst_str s;      /* print here */
    struct jst_chain *out; /* borrowed */
    struct jst_buf *own;   /* of a head that is larger than JST_BUF_PAGE */
};

/** Room for at least `cap` bytes behind what `out` holds. JOIST_E_NOMEM: nothing to close. */
int jst_h1_print_open(struct jst_h1_print *p, struct jst_chain *out, size_t cap);

/** Append what was printed. `cap` must have sufficed (asserted). JOIST_E_NOMEM. */
int jst_h1_print_close(struct jst_h1_print *p);

/** "Name: value\r\n". */
static inline void
jst_h1_print_field(struct jst_str *s, struct jst_slice name, struct jst_slice value)
{
    jst_str_add(s, name);
    jst_str_add(s, JST_S(": "));
    jst_str_add(s, value);
    jst_str_add(s, JST_S("\r\n"));
}

/** Enough for all fields. */
size_t jst_h1_print_bytes(const struct jst_fields *fields);

/** Print behind what `out` holds. JOIST_E_NOMEM: nothing is printed. */
int jst_h1_print_request(struct jst_chain *out, const struct jst_call *call);
