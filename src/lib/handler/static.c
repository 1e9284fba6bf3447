// SPDX-License-Identifier: MIT
/* One request for a file: find it, choose its coding, send it; or say why not. */
#include "handler/static.h"

#include "base/str.h"

#define ALLOW "GET, HEAD, OPTIONS"

static void
add_field(struct jst_fields *f, struct jst_slice name, struct jst_slice value)
{
    int rc = jst_fields_add(f, name, value);

    JST_ASSERT(rc == JOIST_OK); /* all callers count what they add */
}

static uint16_t
status_of(int rc)
{
    switch (rc) {
    case JOIST_E_NOTFOUND:
        return 404;
    case JOIST_E_ACCESS:
        return 403;
    case JOIST_E_NOFILE:
    case JOIST_E_NOMEM:
        return 503;
    default:
        return 500;
    }
}

/* ---- content coding ---- */

/* Load the best coding that the client takes. A sibling that cannot be read is left out. Returns
 * the coding, or an error; JOIST_E_UNSUPPORTED: nothing there is acceptable. */
static int
load_best(struct jst_variant **v, const struct jst_site *site, struct jst_stream *s,
          struct jst_entry *e)
{
    struct jst_accept accept;
    int rc;

    if (!site->precompressed || e->found != JST_FOUND_FILE ||
        (e->there == 1u << JST_CODING_IDENTITY && jst_accept_is_plain(&s->req.fields))) {
        return jst_files_load(v, s->local->files, site, e, JST_CODING_IDENTITY);
    }
    jst_accept_parse(&accept, &s->req.fields);
    do {
        int coding = jst_accept_choose(&accept, e->there);

        if (coding < 0 && !e->is_page) {
            return JOIST_E_UNSUPPORTED;
        }
        rc = jst_files_load(v, s->local->files, site, e,
                            coding < 0 ? JST_CODING_IDENTITY : (enum jst_coding)coding);
    } while (rc == JOIST_E_AGAIN);
    return rc;
}

/* ---- errors ---- */

static struct jst_slice
page_of(const struct jst_site *site, uint16_t status)
{
    for (size_t i = 0; i < site->pages_n; i++) {
        if (site->pages[i].status == status) {
            return site->pages[i].path;
        }
    }
    return JST_SLICE_NONE;
}

/* The page as it is, but with another status: of its fields those that say what the bytes are. */
static bool
send_page(struct jst_stream *s, uint16_t status, const struct jst_variant *v,
          const struct jst_fields *extra)
{
    struct jst_field storage[JST_VARIANT_FIELDS_MAX + JST_EXTRA_FIELDS_MAX];
    struct jst_head head = {.status = status, .length = v->id.size};
    struct jst_chain body = {0};

    head.fields = (struct jst_fields){storage, 0, JST_COUNT(storage)};
    for (uint32_t i = 0; i < v->fields_n; i++) {
        const struct jst_field *f = &v->fields[i];

        if (f->id == JST_FIELD_CONTENT_TYPE || f->id == JST_FIELD_CONTENT_ENCODING ||
            f->id == JST_FIELD_VARY) {
            add_field(&head.fields, f->name, f->value);
        }
    }
    for (uint32_t i = 0; extra != NULL && i < extra->n; i++) {
        add_field(&head.fields, extra->v[i].name, extra->v[i].value);
    }
    if (jst_variant_add(&body, v, 0, v->id.size) < 0) {
        return false;
    }
    jst_static_send_head_and_body(s, &head, &body);
    return true;
}

void
jst_static_error(const struct jst_site *site, struct jst_stream *s, uint16_t status,
                 const struct jst_fields *extra)
{
    struct jst_slice page = page_of(site, status);
    struct jst_variant *v;
    struct jst_entry *e;

    if (page.n > 0 && jst_files_find(&e, s->local->files, site, page, true) == JOIST_OK &&
        e->found == JST_FOUND_FILE && load_best(&v, site, s, e) == JOIST_OK &&
        send_page(s, status, v, extra)) {
        return;
    }
    jst_stream_respond_error(s, status, extra);
}

/* One field more than the error itself. */
static void
refuse(const struct jst_site *site, struct jst_stream *s, uint16_t status, struct jst_slice name,
       struct jst_slice value)
{
    struct jst_field storage[1];
    struct jst_fields extra = {storage, 0, 1};

    add_field(&extra, name, value);
    jst_static_error(site, s, status, &extra);
}

/* ---- answers without a file ---- */

static void
answer_other_method(const struct jst_site *site, struct jst_stream *s)
{
    struct jst_field storage[1];
    struct jst_fields extra = {storage, 0, 1};

    if (s->req.method != JST_METHOD_OPTIONS) {
        refuse(site, s, 405, JST_S("Allow"), JST_S(ALLOW)); /* RFC 9110 15.5.6 */
        return;
    }
    add_field(&extra, JST_S("Allow"), JST_S(ALLOW));
    jst_stream_respond(s, 204, JST_SLICE_NONE, JST_SLICE_NONE, &extra);
}

/* The path as the client wrote it and a slash. It must stay a path: with two slashes in front it
 * would name another host (RFC 3986 4.2). */
static void
send_to_folder(const struct jst_site *site, struct jst_stream *s)
{
    struct jst_slice path = s->req.raw_path;
    size_t cap = path.n + s->req.query.n + 3;
    char *memory = jst_arena_alloc(&s->arena, cap);
    struct jst_str where = jst_str(memory, memory != NULL ? cap : 0);
    struct jst_field storage[1];
    struct jst_fields extra = {storage, 0, 1};

    while (path.n > 0 && path.p[0] == '/') {
        path = jst_slice(path.p + 1, path.n - 1);
    }
    jst_str_add_char(&where, '/');
    jst_str_add(&where, path);
    jst_str_add_char(&where, '/');
    if (s->req.query.p != NULL) {
        jst_str_add_char(&where, '?');
        jst_str_add(&where, s->req.query);
    }
    if (where.full) {
        jst_static_error(site, s, 503, NULL);
        return;
    }
    add_field(&extra, JST_S("Location"), jst_str_slice(&where));
    jst_stream_respond(s, 301, JST_SLICE_NONE, JST_SLICE_NONE, &extra);
}

/* ---- the handler ---- */

static void
answer(const struct jst_site *site, struct jst_stream *s, struct jst_slice path)
{
    struct jst_variant *v = NULL;
    struct jst_entry *e;
    int rc = jst_files_find(&e, s->local->files, site, path, false);

    if (rc == JOIST_OK && e->found == JST_FOUND_MOVED) {
        send_to_folder(site, s);
        return;
    }
    if (rc == JOIST_OK && e->found == JST_FOUND_STATUS) {
        jst_static_error(site, s, e->status, NULL);
        return;
    }
    if (rc == JOIST_OK) {
        rc = load_best(&v, site, s, e);
    }
    if (rc == JOIST_E_UNSUPPORTED) { /* RFC 9110 12.5.3, 15.5.7 */
        refuse(site, s, 406, JST_S("Vary"), JST_S("Accept-Encoding"));
    } else if (rc < 0) {
        jst_static_error(site, s, status_of(rc), NULL);
    } else {
        jst_static_send(site, s, v);
    }
}

void
jst_static_serve(const struct jst_handler *h, struct jst_stream *s, struct jst_slice path,
                 struct jst_slice raw_path)
{
    const struct jst_site *site = JST_CONTAINER(h, const struct jst_site, handler);

    (void)raw_path; /* a redirect needs the whole path, also what a route strips */
    jst_stream_ignore_body(s);
    if (s->req.method != JST_METHOD_GET && s->req.method != JST_METHOD_HEAD) {
        answer_other_method(site, s);
        return;
    }
    answer(site, s, path);
}
