// SPDX-License-Identifier: MIT
#pragma once
/*
 * Where log lines go: stdout, stderr or a file, a batch at a time.
 *
 * Job:     collect lines, write them with one call, survive full disks and rotation.
 * Not:     it knows no formats: format.c prints the lines.
 * Threads: one at a time (the engine's log thread).
 * Limits:  JST_LOG_FILE_BYTES of lines are held; when a write fails they are dropped and counted.
 * Clock:   passed in as now_ms (monotonic), so tests need no waiting.
 */
#include <joist/error.h>

#include "base/str.h"

#define JST_LOG_FILE_BYTES       (256u * 1024)
#define JST_LOG_FILE_CHECK_MS    1000u /* how often a file's name is looked up */
#define JST_LOG_FILE_PATIENCE_MS 1000  /* a pipe that nobody reads: then the batch is dropped */

struct jst_log_file;

/** "stdout", "stderr", or a file's path, which is opened for appending (0640).
 *  JOIST_E_NOMEM, JOIST_E_ACCESS, JOIST_E_NOTFOUND, JOIST_E_IO: *err says why. */
int jst_log_file_open(struct jst_log_file **out, const char *path, struct joist_err *err);

/** Flush and close. NULL inside is fine. */
void jst_log_file_close(struct jst_log_file **take);

/** Add a line by a printer, which gets an empty builder and adds the newline. A line that does not
 *  even fit into the empty buffer is dropped and counted. */
typedef void jst_log_line_f(struct jst_str *line, const void *what, void *ctx);
void jst_log_file_line(struct jst_log_file *f, jst_log_line_f *print, const void *what, void *ctx);

/** Write what is held; look whether the file was moved. */
void jst_log_file_flush(struct jst_log_file *f, uint64_t now_ms);

/** Lines lost so far. */
uint64_t jst_log_file_dropped(const struct jst_log_file *f);
