// SPDX-License-Identifier: MIT
#pragma once
/*
 * The thread's read buffer: all connections of a reactor read into the same hot memory, and only a
 * body piece that somebody keeps takes it away.
 *
 * Flow:    jst_readbuf_get() -> jst_conn_read() into it -> pieces of it go into chains (each with a
 *          reference) -> the next get gives the same buffer if no piece is left, else a fresh one.
 * Owner:   the thread; what get() returns is borrowed until the next get() on this thread. Whoever
 *          needs bytes longer takes a reference or copies.
 * Threads: each has its own.
 */
#include "base/buf.h"

/** This thread's buffer of JST_BUF_READ bytes, referenced by nobody else; NULL when out of memory.
 *  Nested use is an error: nothing that reads may be called while its bytes are looked at. */
struct jst_buf *jst_readbuf_get(void);

/** A reactor's last act, before jst_buf_thread_fini(). */
void jst_readbuf_thread_fini(void);
