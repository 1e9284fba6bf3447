// SPDX-License-Identifier: MIT
#include "base/buf.h"

#include "base/bounds.h"

#include <stdlib.h>
#include <unistd.h>

/* How many free ones of each kind a thread keeps: what a few hundred requests at once use, and
 * 5 MiB at most. */
struct size_class {
    uint32_t cap;
    uint32_t keep_max;
    uint32_t kept;
    struct jst_buf *free;
};

static _Thread_local struct size_class classes[] = {
    {JST_BUF_SMALL, 512, 0, NULL},
    {JST_BUF_PAGE, 64, 0, NULL},
    {JST_BUF_READ, 12, 0, NULL},
};
#define SEGS_KEEP_MAX 1024
static _Thread_local struct jst_seg *free_segs;
static _Thread_local uint32_t free_segs_n;

static struct size_class *
find_class(size_t cap)
{
    for (size_t i = 0; i < JST_COUNT(classes); i++) {
        if (cap <= classes[i].cap) {
            return &classes[i];
        }
    }
    return NULL;
}

struct jst_buf *
jst_buf_take(size_t cap)
{
    struct size_class *c = find_class(cap);
    struct jst_buf *b;

    if (c != NULL && c->free != NULL) {
        b = c->free;
        c->free = b->next_free;
        c->kept--;
        b->refs = 1;
        return b;
    }
    if (c != NULL) {
        cap = c->cap;
    }
    if (cap > UINT32_MAX) {
        return NULL;
    }
    b = malloc(sizeof(*b) + cap);
    if (b == NULL) {
        return NULL;
    }
    b->refs = 1;
    b->cap = (uint32_t)cap;
    b->data = (char *)(b + 1);
    b->free_fn = NULL;
    b->next_free = NULL;
    return b;
}

void
jst_buf_free_(struct jst_buf *b)
{
    struct size_class *c;

    if (b->free_fn != NULL) {
        b->free_fn(b);
        return;
    }
    c = JST_BUF_CACHED ? find_class(b->cap) : NULL;
    if (c == NULL || c->cap != b->cap || c->kept >= c->keep_max) {
        free(b);
        return;
    }
    b->next_free = c->free;
    c->free = b;
    c->kept++;
}

void
jst_buf_thread_fini(void)
{
    for (size_t i = 0; i < JST_COUNT(classes); i++) {
        struct jst_buf *b;

        while ((b = classes[i].free) != NULL) {
            classes[i].free = b->next_free;
            free(b);
        }
        classes[i].kept = 0;
    }
    while (free_segs != NULL) {
        struct jst_seg *s = free_segs;

        free_segs = s->next;
        free(s);
    }
    free_segs_n = 0;
}

struct jst_file *
jst_file_create(int fd)
{
    struct jst_file *f = malloc(sizeof(*f));

    if (f != NULL) {
        f->refs = 1;
        f->fd = fd;
    }
    return f;
}

void
jst_file_unref(struct jst_file *f)
{
    if (f != NULL && --f->refs == 0) {
        close(f->fd);
        free(f);
    }
}

static struct jst_seg *
seg_take(void)
{
    struct jst_seg *s = free_segs;

    if (s != NULL) {
        free_segs = s->next;
        free_segs_n--;
        return s;
    }
    return malloc(sizeof(*s));
}

static void
seg_release(struct jst_seg *s)
{
    jst_buf_unref(s->buf);
    jst_file_unref(s->file);
    if (!JST_BUF_CACHED || free_segs_n >= SEGS_KEEP_MAX) {
        free(s);
        return;
    }
    s->next = free_segs;
    free_segs = s;
    free_segs_n++;
}

static void
append(struct jst_chain *c, struct jst_seg *s)
{
    s->next = NULL;
    if (c->last != NULL) {
        c->last->next = s;
    } else {
        c->first = s;
    }
    c->last = s;
    c->bytes += s->n;
}

static int
add_memory(struct jst_chain *c, struct jst_buf *b, const char *p, size_t n)
{
    struct jst_seg *s = c->last;

    if (n == 0) {
        return JOIST_OK;
    }
    if (s != NULL && s->buf == b && s->file == NULL && s->p + s->n == p && b != NULL) {
        s->n += n; /* it continues the last piece */
        c->bytes += n;
        return JOIST_OK;
    }
    s = seg_take();
    if (s == NULL) {
        return JOIST_E_NOMEM;
    }
    *s = (struct jst_seg){.buf = b != NULL ? jst_buf_ref(b) : NULL, .p = p, .n = n};
    append(c, s);
    return JOIST_OK;
}

int
jst_chain_add(struct jst_chain *c, struct jst_buf *b, const char *p, size_t n)
{
    JST_ASSERT_HOT(b != NULL);
    return add_memory(c, b, p, n);
}

int
jst_chain_add_static(struct jst_chain *c, const char *p, size_t n)
{
    return add_memory(c, NULL, p, n);
}

int
jst_chain_add_file(struct jst_chain *c, struct jst_file *f, off_t off, size_t n)
{
    struct jst_seg *s;

    if (n == 0) {
        return JOIST_OK;
    }
    s = seg_take();
    if (s == NULL) {
        return JOIST_E_NOMEM;
    }
    f->refs++;
    *s = (struct jst_seg){.file = f, .off = off, .n = n};
    append(c, s);
    return JOIST_OK;
}

/* Bytes free behind a piece, if its buffer is ours alone. */
static size_t
room_behind(const struct jst_seg *s)
{
    if (s == NULL || s->buf == NULL || s->buf->refs != 1 || s->buf->free_fn != NULL) {
        return 0;
    }
    return s->buf->cap - (size_t)(s->p + s->n - s->buf->data);
}

char *
jst_chain_reserve(struct jst_chain *c, size_t n)
{
    struct jst_buf *b;
    struct jst_seg *s;

    JST_ASSERT(n <= JST_BUF_PAGE);
    if (room_behind(c->last) >= n) {
        return c->last->buf->data + (c->last->p - c->last->buf->data) + c->last->n;
    }
    b = jst_buf_take(n <= JST_BUF_SMALL ? JST_BUF_SMALL : JST_BUF_PAGE);
    if (b == NULL) {
        return NULL;
    }
    s = seg_take();
    if (s == NULL) {
        jst_buf_unref(b);
        return NULL;
    }
    *s = (struct jst_seg){.buf = b, .p = b->data, .n = 0}; /* until commit */
    append(c, s);
    return b->data;
}

void
jst_chain_commit(struct jst_chain *c, size_t n)
{
    struct jst_seg *s = c->last;

    JST_ASSERT_HOT(n <= room_behind(c->last));
    s->n += n;
    c->bytes += n;
    if (s->n > 0) {
        return;
    }
    if (c->first == s) {
        c->first = c->last = NULL;
    } else {
        struct jst_seg *before = c->first;

        while (before->next != s) {
            before = before->next;
        }
        before->next = NULL;
        c->last = before;
    }
    seg_release(s);
}

int
jst_chain_add_copy(struct jst_chain *c, const char *p, size_t n)
{
    if (n > 0 && n <= room_behind(c->last)) { /* the common case */
        struct jst_seg *s = c->last;

        memcpy(s->buf->data + (s->p - s->buf->data) + s->n, p, n);
        s->n += n;
        c->bytes += n;
        return JOIST_OK;
    }
    while (n > 0) {
        size_t room = room_behind(c->last);
        size_t now = JST_MIN(n, room > 0 ? JST_MIN(room, JST_BUF_PAGE) : JST_BUF_PAGE);
        char *to = jst_chain_reserve(c, now);

        if (to == NULL) {
            return JOIST_E_NOMEM;
        }
        memcpy(to, p, now);
        jst_chain_commit(c, now);
        p += now;
        n -= now;
    }
    return JOIST_OK;
}

void
jst_chain_join(struct jst_chain *c, struct jst_chain *move)
{
    if (move->first == NULL) {
        return;
    }
    if (c->last != NULL) {
        c->last->next = move->first;
    } else {
        c->first = move->first;
    }
    c->last = move->last;
    c->bytes += move->bytes;
    *move = (struct jst_chain){0};
}

int
jst_chain_append(struct jst_chain *c, struct jst_chain *move)
{
    const struct jst_seg *s = move->first;
    int rc = JOIST_OK;

    if (s != NULL && s->next == NULL && s->file == NULL && s->n <= JST_COPY_BYTES_MAX) {
        rc = jst_chain_add_copy(c, s->p, s->n);
        jst_chain_clear(move);
    } else {
        jst_chain_join(c, move);
    }
    return rc;
}

int
jst_chain_cut(struct jst_chain *dst, struct jst_chain *src, size_t n)
{
    struct jst_seg *part = NULL;
    struct jst_seg *s = src->first;
    size_t before = 0;

    JST_ASSERT_HOT(n <= src->bytes);
    while (s != NULL && before + s->n <= n) {
        before += s->n;
        s = s->next;
    }
    if (before < n) { /* n falls inside s: get the extra piece first, so that failing is clean */
        part = seg_take();
        if (part == NULL) {
            return JOIST_E_NOMEM;
        }
    }
    while (src->first != s) {
        struct jst_seg *whole = src->first;

        src->first = whole->next;
        append(dst, whole);
    }
    if (part != NULL) {
        size_t k = n - before;

        JST_ASSERT(s != NULL);
        *part = *s;
        part->n = k;
        if (part->buf != NULL) {
            part->buf->refs++;
        }
        if (part->file != NULL) {
            part->file->refs++;
        }
        s->p += s->file == NULL ? k : 0;
        s->off += s->file != NULL ? (off_t)k : 0;
        s->n -= k;
        append(dst, part);
    }
    src->bytes -= n;
    if (src->first == NULL) {
        src->last = NULL;
    }
    return JOIST_OK;
}

void
jst_chain_drop(struct jst_chain *c, size_t n)
{
    JST_ASSERT_HOT(n <= c->bytes);
    c->bytes -= n;
    while (n > 0) {
        struct jst_seg *s = c->first;

        JST_ASSERT(s != NULL);
        if (n < s->n) {
            s->p += s->file == NULL ? n : 0;
            s->off += s->file != NULL ? (off_t)n : 0;
            s->n -= n;
            return;
        }
        n -= s->n;
        c->first = s->next;
        seg_release(s);
    }
    if (c->first == NULL) {
        c->last = NULL;
    }
}

void
jst_chain_clear(struct jst_chain *c)
{
    jst_chain_drop(c, c->bytes);
}

/* Move it into a buffer of its own, if that is smaller. */
static void
shrink(struct jst_seg *s)
{
    struct jst_buf *b = jst_buf_take(s->n);

    if (b == NULL || b->cap >= s->buf->cap) {
        jst_buf_unref(b);
        return;
    }
    memcpy(b->data, s->p, s->n);
    jst_buf_unref(s->buf);
    s->buf = b;
    s->p = b->data;
}

void
jst_chain_compact(struct jst_chain *c)
{
    struct jst_seg *before = NULL;

    for (struct jst_seg *s = c->first; s != NULL; s = before->next) {
        if (s->buf == NULL || s->buf->cap < JST_BUF_READ || s->n > s->buf->cap / 2) {
            before = s;
        } else if (before == NULL || room_behind(before) < s->n) {
            shrink(s);
            before = s;
        } else { /* a buffer for each of many small pieces would be worse than what they had */
            memcpy(before->buf->data + (before->p - before->buf->data) + before->n, s->p, s->n);
            before->n += s->n;
            before->next = s->next;
            c->last = c->last == s ? before : c->last;
            seg_release(s);
        }
    }
}

size_t
jst_chain_peek(const struct jst_chain *c, char *out, size_t cap)
{
    size_t done = 0;

    for (const struct jst_seg *s = c->first; s != NULL && s->file == NULL && done < cap;
         s = s->next) {
        size_t k = JST_MIN(s->n, cap - done);

        memcpy(out + done, s->p, k);
        done += k;
    }
    return done;
}
