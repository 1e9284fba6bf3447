// SPDX-License-Identifier: MIT
#include "obs/log_file.h"

#include "obs/format.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct jst_log_file {
    char *path; /* owned; NULL: a stream of the process, never closed */
    int fd;
    struct jst_str held; /* whole lines; memory owned */
    size_t lines;        /* in `held` */
    bool torn;           /* the last write ended inside a line */
    bool failing;        /* writes fail, and it was said */
    bool stuck;          /* the new file cannot be opened, and it was said */
    uint64_t dropped;
    uint64_t checked_ms;
    dev_t dev;
    ino_t ino;
};

static int
open_file(struct jst_log_file *f)
{
    struct stat st;
    int fd = open(f->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);

    if (fd < 0) {
        return -errno;
    }
    if (fstat(fd, &st) < 0) {
        int rc = -errno;

        (void)close(fd);
        return rc;
    }
    if (f->fd >= 0) {
        (void)close(f->fd);
    }
    f->fd = fd;
    f->dev = st.st_dev;
    f->ino = st.st_ino;
    return JOIST_OK;
}

static int
code_of(int err)
{
    switch (err) {
    case EACCES:
    case EPERM:
    case EROFS:
        return JOIST_E_ACCESS;
    case ENOENT:
    case ENOTDIR:
        return JOIST_E_NOTFOUND;
    case ENOMEM:
        return JOIST_E_NOMEM;
    default:
        return JOIST_E_IO;
    }
}

static int
open_target(struct jst_log_file *f, const char *path, struct joist_err *err)
{
    int rc;

    if (strcmp(path, "stdout") == 0 || strcmp(path, "stderr") == 0) {
        f->fd = path[3] == 'o' ? STDOUT_FILENO : STDERR_FILENO;
        return JOIST_OK;
    }
    f->path = strdup(path);
    if (f->path == NULL) {
        return JOIST_E_NOMEM;
    }
    rc = open_file(f);
    if (rc < 0) {
        err->code = code_of(-rc);
        (void)jst_fmt(err->message, sizeof(err->message), "cannot open the log '%s': %s", path,
                      strerror(-rc));
        return err->code;
    }
    return JOIST_OK;
}

int
jst_log_file_open(struct jst_log_file **out, const char *path, struct joist_err *err)
{
    struct jst_log_file *f = calloc(1, sizeof(*f));
    int rc = JOIST_E_NOMEM;

    if (f == NULL) {
        goto fail;
    }
    f->fd = -1;
    f->held = jst_str(malloc(JST_LOG_FILE_BYTES), JST_LOG_FILE_BYTES);
    if (f->held.p == NULL) {
        goto fail;
    }
    rc = open_target(f, path, err);
    if (rc < 0) {
        goto fail;
    }
    *out = f;
    return JOIST_OK;
fail:
    if (rc == JOIST_E_NOMEM) {
        err->code = rc;
        (void)jst_fmt(err->message, sizeof(err->message), "out of memory");
    }
    jst_log_file_close(&f);
    return rc;
}

void
jst_log_file_close(struct jst_log_file **take)
{
    struct jst_log_file *f = *take;

    *take = NULL;
    if (f == NULL) {
        return;
    }
    if (f->fd >= 0) {
        jst_log_file_flush(f, f->checked_ms);
    }
    if (f->path != NULL && f->fd >= 0) {
        (void)close(f->fd);
    }
    free(f->path);
    free(f->held.p);
    free(f);
}

static void
print_failure(const char *path, int err, const char *what)
{
    char text[512], line[640];
    struct jst_str to = jst_str(line, sizeof(line));
    struct jst_stamp stamp = {0};
    struct joist_log_event e = {.level = JOIST_LOG_WARN, .name = "LOG_FAILED"};
    struct timespec t;

    (void)clock_gettime(CLOCK_REALTIME, &t);
    e.time_us = (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
    (void)jst_fmt(text, sizeof(text), "path=%s err=\"%s\" %s", path, strerror(err), what);
    e.text = (struct joist_text){text, strlen(text)};
    jst_event_line(&to, &e, &stamp);
    (void)fwrite(to.p, 1, to.n, stderr);
}

/* Said once until it works again; stderr is all there is to say it on. */
static void
say_once(const struct jst_log_file *f, bool *said, int err, const char *what)
{
    if (!*said && f->fd != STDERR_FILENO) {
        print_failure(f->path != NULL ? f->path : "stdout", err, what);
    }
    *said = true;
}

/* May the write be tried again? A pipe whose reader sleeps gets some time. */
static bool
may_retry(const struct jst_log_file *f, int err)
{
    struct pollfd p = {.fd = f->fd, .events = POLLOUT};

    if (err == EINTR) {
        return true;
    }
    return (err == EAGAIN || err == EWOULDBLOCK) && poll(&p, 1, JST_LOG_FILE_PATIENCE_MS) > 0;
}

/* Bytes written before it failed; all if it did not. */
static size_t
write_all(struct jst_log_file *f, const char *p, size_t n)
{
    size_t done = 0;

    while (done < n) {
        ssize_t wrote = write(f->fd, p + done, n - done);

        if (wrote > 0) {
            done += (size_t)wrote;
            continue;
        }
        if (wrote == 0 || !may_retry(f, errno)) {
            say_once(f, &f->failing, wrote == 0 ? EIO : errno, "lines are lost");
            return done;
        }
    }
    f->failing = false;
    return done;
}

static size_t
count_lines(const char *p, size_t n)
{
    size_t lines = 0;

    for (const char *end = p + n, *at = p; at < end; at++) {
        at = memchr(at, '\n', (size_t)(end - at));
        if (at == NULL) {
            break;
        }
        lines++;
    }
    return lines;
}

static void
write_held(struct jst_log_file *f)
{
    size_t done;

    if (f->held.n == 0) {
        return;
    }
    /* Half a line is there from a write that failed: what follows starts on its own line. */
    if (f->torn && write_all(f, "\n", 1) == 1) {
        f->torn = false;
    }
    done = f->torn ? 0 : write_all(f, f->held.p, f->held.n);
    f->dropped += f->lines - count_lines(f->held.p, done);
    f->torn = f->torn || (done > 0 && f->held.p[done - 1] != '\n');
    f->held.n = 0;
    f->lines = 0;
}

/* Log rotation moves the file away; its successor is opened by name. */
static void
check_moved(struct jst_log_file *f, uint64_t now_ms)
{
    struct stat st;
    int rc;

    if (f->path == NULL || now_ms - f->checked_ms < JST_LOG_FILE_CHECK_MS) {
        return;
    }
    f->checked_ms = now_ms;
    if (stat(f->path, &st) == 0 && st.st_dev == f->dev && st.st_ino == f->ino) {
        return;
    }
    rc = open_file(f);
    if (rc < 0) {
        say_once(f, &f->stuck, -rc, "the file that was moved away takes the lines");
    } else {
        f->torn = false;
        f->stuck = false;
    }
}

void
jst_log_file_flush(struct jst_log_file *f, uint64_t now_ms)
{
    check_moved(f, now_ms);
    write_held(f);
}

static bool
try_line(struct jst_log_file *f, jst_log_line_f *print, const void *what, void *ctx)
{
    size_t before = f->held.n;

    print(&f->held, what, ctx);
    if (f->held.full) {
        f->held.full = false;
        f->held.n = before;
        return false;
    }
    f->lines++;
    return true;
}

void
jst_log_file_line(struct jst_log_file *f, jst_log_line_f *print, const void *what, void *ctx)
{
    if (try_line(f, print, what, ctx)) {
        return;
    }
    write_held(f);
    if (!try_line(f, print, what, ctx)) {
        f->dropped++;
    }
}

uint64_t
jst_log_file_dropped(const struct jst_log_file *f)
{
    return f->dropped;
}
