// SPDX-License-Identifier: MIT
#include "base/str.h"
#include "handler/handler.h"

#include <stdlib.h>

struct redirect {
    struct jst_handler h; /* first: freed with it */
    uint16_t status;
    struct jst_slice to;
    char text[];
};

/* What a variable of `to` stands for; the names are those of struct joist_redirect_conf. */
static bool
find_variable(struct jst_slice *name, struct jst_slice rest, const struct jst_stream *s,
              struct jst_slice raw_path, struct jst_str *out)
{
    static const struct jst_slice names[] = {
        {"$uri", 4}, {"$path", 5}, {"$query", 6}, {"$host", 5}};
    const struct jst_head *req = &s->req;
    size_t i = 0;

    while (i < JST_COUNT(names) && !jst_slice_starts(rest, names[i])) {
        i++;
    }
    if (i == JST_COUNT(names)) {
        return false;
    }
    *name = names[i];
    switch (i) {
    case 0:
        jst_str_add(out, raw_path);
        if (req->query.p != NULL) {
            jst_str_add_char(out, '?');
            jst_str_add(out, req->query);
        }
        break;
    case 1:
        jst_str_add(out, raw_path);
        break;
    case 2:
        jst_str_add(out, req->query);
        break;
    default:
        jst_str_add(out, req->host);
        break;
    }
    return true;
}

static void
expand(struct jst_str *out, struct jst_slice to, const struct jst_stream *s,
       struct jst_slice raw_path)
{
    while (to.n > 0) {
        struct jst_slice name = {to.p, 1};

        if (*to.p != '$' || !find_variable(&name, to, s, raw_path, out)) {
            jst_str_add_char(out, *to.p);
        }
        to.p += name.n;
        to.n -= name.n;
    }
}

/* RFC 3986 4.2: "//evil.example" names another host, and browsers read a backslash as a slash.
 * Where the client's path comes first, it must not choose the host. */
static void
keep_on_this_host(struct jst_str *where, struct jst_slice to)
{
    size_t n = 0;

    if (where->n == 0 || where->p[0] != '/' ||
        (to.p[0] != '$' && !jst_slice_starts(to, JST_S("/$")))) {
        return;
    }
    while (n + 1 < where->n && (where->p[n + 1] == '/' || where->p[n + 1] == '\\')) {
        n++;
    }
    memmove(where->p, where->p + n, where->n - n);
    where->p[0] = '/';
    where->n -= n;
}

static void
serve(const struct jst_handler *h, struct jst_stream *s, struct jst_slice path,
      struct jst_slice raw_path)
{
    const struct redirect *r = JST_CONTAINER(h, const struct redirect, h);
    size_t cap = r->to.n + 4 * (raw_path.n + s->req.query.n + s->req.host.n) + 16;
    char *memory = jst_arena_alloc(&s->arena, cap);
    struct jst_str where = jst_str(memory, memory != NULL ? cap : 0);
    struct jst_field storage[1];
    struct jst_fields extra = {storage, 0, 1};

    (void)path;
    jst_stream_ignore_body(s);
    expand(&where, r->to, s, raw_path);
    keep_on_this_host(&where, r->to);
    if (where.full) { /* a `to` that repeats a long path many times, or no memory */
        jst_stream_respond_error(s, 500, NULL);
        return;
    }
    (void)jst_fields_add(&extra, JST_S("Location"), jst_str_slice(&where));
    jst_stream_respond(s, r->status, JST_SLICE_NONE, JST_SLICE_NONE, &extra);
}

static void
destroy(struct jst_handler *h)
{
    free(JST_CONTAINER(h, struct redirect, h));
}

static const struct jst_handler_ops ops = {serve, destroy};

int
jst_redirect_create(struct jst_handler **out, const struct joist_redirect_conf *conf)
{
    size_t n = strlen(conf->to);
    struct redirect *r = malloc(sizeof(*r) + n);

    if (r == NULL) {
        return JOIST_E_NOMEM;
    }
    r->h.ops = &ops;
    r->status = conf->status;
    memcpy(r->text, conf->to, n);
    r->to = jst_slice(r->text, n);
    *out = &r->h;
    return JOIST_OK;
}
