// SPDX-License-Identifier: MIT
#include "proto/h2_fields.h"

#include "base/bounds.h"

#include <pthread.h>

/* ---- coming in ---- */

#define FIELDS_FIRST 16u /* room for the common request; then it doubles */
#define FRAME_HEADER 9u

/* Content-Length as RFC 9110 8.6 writes it; nghttp2 has checked that it is one number. */
static uint64_t
read_length(struct jst_slice v)
{
    uint64_t n = 0;

    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] < '0' || v.p[i] > '9' || n > (JST_H1_LENGTH_MAX_BYTES - 9) / 10) {
            return JST_H1_LENGTH_MAX_BYTES;
        }
        n = n * 10 + (uint64_t)(v.p[i] - '0');
    }
    return n;
}

static struct jst_slice
keep(struct jst_h2_block *b, struct jst_slice s)
{
    struct jst_slice kept = jst_arena_copy(b->arena, s);

    b->no_memory = b->no_memory || kept.p == NULL;
    return kept;
}

static void
add_pseudo(struct jst_h2_block *b, struct jst_slice name, struct jst_slice value)
{
    if (jst_slice_eq(name, JST_S(":status"))) {
        b->status = (uint16_t)JST_MIN(read_length(value), 999);
        return;
    }
    value = keep(b, value);
    if (jst_slice_eq(name, JST_S(":method"))) {
        b->method = value;
    } else if (jst_slice_eq(name, JST_S(":scheme"))) {
        b->scheme = value;
    } else if (jst_slice_eq(name, JST_S(":authority"))) {
        b->authority = value;
    } else if (jst_slice_eq(name, JST_S(":path"))) {
        b->path = value;
    } else if (jst_slice_eq(name, JST_S(":protocol"))) {
        b->protocol = value;
    }
}

static bool
grow(struct jst_h2_block *b)
{
    uint32_t cap = b->fields.cap > 0 ? b->fields.cap * 2 : FIELDS_FIRST;
    struct jst_field *v;

    cap = JST_MIN(cap, b->fields_max);
    v = jst_arena_alloc(b->arena, cap * sizeof(*v));
    if (v == NULL) {
        b->no_memory = true;
        return false;
    }
    if (b->fields.n > 0) {
        memcpy(v, b->fields.v, b->fields.n * sizeof(*v));
    }
    b->fields.v = v;
    b->fields.cap = cap;
    return true;
}

/* What a field says beside being one. False: it is not for `fields`. */
static bool
read_fact(struct jst_h2_block *b, enum jst_field_id id, struct jst_slice name,
          struct jst_slice value)
{
    switch (id) {
    case JST_FIELD_HOST:
        b->hosts++;
        b->host = value;
        return false;
    case JST_FIELD_CONTENT_LENGTH:
        b->has_length = true;
        b->length = read_length(value);
        return false;
    case JST_FIELD_TE:
        b->te_trailers = b->te_trailers || jst_list_has(value, JST_S("trailers"));
        return false;
    case JST_FIELD_EXPECT:
        if (jst_slice_ieq(value, JST_S("100-continue"))) {
            b->expect = true;
        } else {
            b->expect_bad = true;
        }
        return true;
    case JST_FIELD_COOKIE:
        b->cookies++;
        return true;
    case JST_FIELD_OTHER:
        if (jst_slice_eq(name, JST_S("priority"))) {
            b->priority = value;
        }
        return true;
    default:
        return !jst_field_is_hop(id);
    }
}

void
jst_h2_block_add(struct jst_h2_block *b, struct jst_slice name, struct jst_slice value)
{
    enum jst_field_id id;
    size_t bytes = name.n + value.n + 4;

    if (bytes > b->bytes_max - b->bytes) {
        b->too_big = true;
        b->excess += (uint32_t)JST_MIN(bytes, UINT32_MAX - b->excess);
    } else {
        b->bytes += (uint32_t)bytes;
    }
    if (b->too_big || b->no_memory) {
        return;
    }
    if (name.n > 0 && name.p[0] == ':') {
        add_pseudo(b, name, value);
        return;
    }
    if (b->fields.n == b->fields_max) {
        b->too_many = true;
        return;
    }
    id = jst_field_id(name);
    value = keep(b, value);
    name = id != JST_FIELD_OTHER ? jst_field_name(id) : keep(b, name);
    if (b->no_memory || !read_fact(b, id, name, value) ||
        (b->fields.n == b->fields.cap && !grow(b))) {
        return;
    }
    b->fields.v[b->fields.n++] = (struct jst_field){name, value, (uint16_t)id, false};
}

/* RFC 9113 8.2.3: one field again before it leaves HTTP/2. */
static int
join_cookies(struct jst_h2_block *b)
{
    struct jst_field *first = NULL;
    size_t n = 0;
    char *p;

    for (uint32_t i = 0; i < b->fields.n; i++) {
        n += b->fields.v[i].id == JST_FIELD_COOKIE ? b->fields.v[i].value.n + 2 : 0;
    }
    p = jst_arena_alloc(b->arena, n);
    if (p == NULL) {
        return JOIST_E_NOMEM;
    }
    for (uint32_t i = 0; i < b->fields.n; i++) {
        struct jst_field *f = &b->fields.v[i];

        if (f->id != JST_FIELD_COOKIE) {
            continue;
        }
        if (first == NULL) {
            first = f;
            memcpy(p, f->value.p, f->value.n);
            f->value.p = p;
            continue;
        }
        memcpy(p + first->value.n, "; ", 2);
        memcpy(p + first->value.n + 2, f->value.p, f->value.n);
        first->value.n += 2 + f->value.n;
        f->drop = true;
    }
    return JOIST_OK;
}

int
jst_h2_block_finish(struct jst_h2_block *b)
{
    if (b->no_memory) {
        return JOIST_E_NOMEM;
    }
    if (b->too_big || b->too_many) {
        return JOIST_E_LIMIT;
    }
    return b->cookies > 1 ? join_cookies(b) : JOIST_OK;
}

/* ---- going out ---- */

#define NAME_BYTES 24u

static pthread_once_t names_once = PTHREAD_ONCE_INIT;
static char names[JST_FIELD_IDS_][NAME_BYTES]; /* in lower case */

static void
fill_names(void)
{
    for (int id = JST_FIELD_OTHER + 1; id < JST_FIELD_IDS_; id++) {
        struct jst_slice name = jst_field_name((enum jst_field_id)id);

        JST_ASSERT(name.n <= NAME_BYTES);
        for (size_t i = 0; i < name.n; i++) {
            names[id][i] = jst_lower(name.p[i]);
        }
    }
}

static void
add_nv(struct jst_h2_nvs *o, struct jst_slice name, struct jst_slice value, uint8_t flags)
{
    union { /* nghttp2 only reads what it copies, but its pointers are not const */
        const char *in;
        uint8_t *out;
    } n = {.in = name.p}, v = {.in = value.p};

    if (o->n == o->cap) {
        o->full = true;
        return;
    }
    o->v[o->n++] = (nghttp2_nv){n.out, v.out, name.n, value.n, flags};
}

void
jst_h2_nvs_add(struct jst_h2_nvs *o, struct jst_slice name, struct jst_slice value)
{
    add_nv(o, name, value, NGHTTP2_NV_FLAG_NO_COPY_NAME);
}

/* A known field's name need not be copied and turned into lower case each time. After names_once.
 */
static void
add_field(struct jst_h2_nvs *o, enum jst_field_id id, struct jst_slice name, struct jst_slice value)
{
    if (id == JST_FIELD_OTHER) {
        add_nv(o, name, value, NGHTTP2_NV_FLAG_NONE);
        return;
    }
    add_nv(o, jst_slice(names[id], name.n), value, NGHTTP2_NV_FLAG_NO_COPY_NAME);
}

static bool
has_place(enum jst_field_id id)
{
    return id != JST_FIELD_CONTENT_LENGTH && id != JST_FIELD_HOST && id != JST_FIELD_CONNECTION &&
           id != JST_FIELD_KEEP_ALIVE && id != JST_FIELD_PROXY_CONNECTION && id != JST_FIELD_TE &&
           id != JST_FIELD_TRANSFER_ENCODING && id != JST_FIELD_UPGRADE;
}

void
jst_h2_nvs_add_fields(struct jst_h2_nvs *o, const struct jst_fields *f)
{
    (void)pthread_once(&names_once, fill_names);
    for (uint32_t i = 0; i < f->n; i++) {
        if (!f->v[i].drop && has_place((enum jst_field_id)f->v[i].id)) {
            add_field(o, (enum jst_field_id)f->v[i].id, f->v[i].name, f->v[i].value);
        }
    }
}

void
jst_h2_nvs_drop(struct jst_h2_nvs *o, struct jst_slice name)
{
    size_t n = 0;

    for (size_t i = 0; i < o->n; i++) {
        if (!jst_slice_ieq(jst_slice((const char *)o->v[i].name, o->v[i].namelen), name)) {
            o->v[n++] = o->v[i];
        }
    }
    o->n = n;
}

void
jst_h2_nvs_add_block(struct jst_h2_nvs *o, struct jst_slice block)
{
    (void)pthread_once(&names_once, fill_names);
    while (block.n > 0) {
        struct jst_slice line = jst_slice_cut(&block, '\n');
        struct jst_slice value = jst_slice(line.p, line.n - (line.n > 0)); /* the CR */
        struct jst_slice name = jst_slice_cut(&value, ':');
        enum jst_field_id id = jst_field_id(name);

        if (name.n > 0 && name.n < line.n && (has_place(id) || id == JST_FIELD_CONTENT_LENGTH)) {
            add_field(o, id, name, jst_slice_trim(value));
        }
    }
}

int
jst_h2_put_data(struct jst_chain *out, const uint8_t *frame_header, struct jst_chain *body,
                size_t n)
{
    struct jst_chain part = {0};
    int rc = jst_chain_add_copy(out, (const char *)frame_header, FRAME_HEADER);

    if (rc == JOIST_OK && n > 0) {
        rc = jst_chain_cut(&part, body, n);
    }
    return rc == JOIST_OK ? jst_chain_append(out, &part) : rc;
}
