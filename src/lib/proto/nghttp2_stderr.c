// SPDX-License-Identifier: MIT
/*
 * For the shared library alone: what a debugging function of nghttp2, which nobody calls, reads
 * instead of `stderr` (see meson.build).
 */
#include <stdio.h>

extern FILE *jst_nghttp2_stderr;
FILE *jst_nghttp2_stderr;
