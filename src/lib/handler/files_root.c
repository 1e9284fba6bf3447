// SPDX-License-Identifier: MIT
/* Root folders, held open. A slot for each hash: two sites that share one only open more often. */
#include "handler/files_int.h"
#include "sys/beneath.h"

#include <stdlib.h>
#include <unistd.h>

static void
close_root(struct jst_root *r)
{
    if (r->path == NULL) {
        return;
    }
    if (r->fd >= 0) {
        close(r->fd);
    }
    free(r->path);
    *r = (struct jst_root){0};
}

/* Open (again): the path may lead elsewhere by now, as when a release is switched by a link. */
static void
check_root(struct jst_files *f, struct jst_root *r, uint64_t now_ms)
{
    bool was_told = r->rc < 0;
    int fd = -1;

    r->rc = jst_beneath_root(&fd, r->path);
    if (r->rc == JOIST_E_NOFILE) {
        jst_files_clear(f);
        r->rc = jst_beneath_root(&fd, r->path);
    }
    r->checked_ms = now_ms;
    if (r->fd >= 0) {
        close(r->fd);
    }
    r->fd = fd;
    if (r->rc < 0 && !was_told) {
        JST_LOG(f->local->log, WARN, ROOT_MISSING, "root=%s err=\"%s\"", r->path,
                joist_error_text(r->rc));
    }
}

int
jst_root_get(int *fd, struct jst_files *f, const char *path)
{
    uint64_t now_ms = jst_loop_now_ms(f->local->loop);
    uint64_t hash = jst_hash(jst_slice_z(path), f->seed);
    struct jst_root *r = &f->roots[hash & (JST_FILES_ROOTS_MAX - 1)];
    bool is_new = r->path == NULL || strcmp(r->path, path) != 0;

    if (is_new) {
        close_root(r);
        r->path = strdup(path);
        if (r->path == NULL) {
            return JOIST_E_NOMEM;
        }
        r->fd = -1;
        jst_files_sweep_later(f);
    }
    if (is_new || now_ms - r->checked_ms >= JST_FILES_CHECK_MS) {
        check_root(f, r, now_ms);
    }
    r->used_ms = now_ms;
    *fd = r->fd;
    return r->rc;
}

bool
jst_roots_sweep(struct jst_files *f, uint64_t used_ms)
{
    bool some_left = false;

    for (size_t i = 0; i < JST_FILES_ROOTS_MAX; i++) {
        if (f->roots[i].path != NULL && f->roots[i].used_ms < used_ms) {
            close_root(&f->roots[i]);
        }
        some_left = some_left || f->roots[i].path != NULL;
    }
    return some_left;
}
