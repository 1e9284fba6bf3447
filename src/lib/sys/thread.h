// SPDX-License-Identifier: MIT
#pragma once
/*
 * Threads of the library.
 *
 * Why: signals are the embedder's business on its own threads, so ours block them all; among them
 *      the SIGPIPE that sendfile into a closed connection raises, which nobody wants.
 */
#include "base/base.h"

#include <pthread.h>

/** Run `run(arg)` on a new thread with all signals blocked. JOIST_E_NOMEM. */
int jst_thread_start(pthread_t *out, void *(*run)(void *), void *arg);
