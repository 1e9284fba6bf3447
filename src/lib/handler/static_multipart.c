// SPDX-License-Identifier: MIT
/* Several ranges of a file in one response: multipart/byteranges (RFC 9110 14.6). */
#include "base/str.h"
#include "handler/static.h"

#define BOUNDARY_BYTES 32 /* two random numbers in hex */
#define TYPE           "multipart/byteranges; boundary="

/* Not in the file but by a chance of 1 to 2^128 a place: it need not be looked for. */
static struct jst_slice
make_boundary(char out[BOUNDARY_BYTES], struct jst_rand *rand)
{
    struct jst_str text = jst_str(out, BOUNDARY_BYTES);

    jst_str_add_hex(&text, jst_rand_next(rand));
    jst_str_add_hex(&text, jst_rand_next(rand));
    return jst_str_slice(&text);
}

static int
add_text(struct jst_chain *c, struct jst_slice text)
{
    return jst_chain_add_copy(c, text.p, text.n);
}

static int
add_part(struct jst_chain *c, const struct jst_variant *v, struct jst_range r,
         struct jst_slice boundary)
{
    char number[JST_CONTENT_RANGE_BYTES];
    char memory[256];
    struct jst_str head = jst_str(memory, sizeof(memory));
    int rc;

    jst_str_add(&head, JST_S("\r\n--"));
    jst_str_add(&head, boundary);
    jst_str_add(&head, JST_S("\r\nContent-Type: "));
    jst_str_add(&head, v->type);
    jst_str_add(&head, JST_S("\r\nContent-Range: "));
    jst_str_add(&head, jst_content_range(number, r, v->id.size));
    jst_str_add(&head, JST_S("\r\n\r\n"));
    JST_ASSERT(!head.full);
    rc = add_text(c, jst_str_slice(&head));
    return rc < 0 ? rc : jst_variant_add(c, v, r.first, r.n);
}

static int
add_parts(struct jst_chain *c, const struct jst_variant *v, const struct jst_range *ranges,
          size_t n, struct jst_slice boundary)
{
    int rc = JOIST_OK;

    for (size_t i = 0; i < n && rc == JOIST_OK; i++) {
        rc = add_part(c, v, ranges[i], boundary);
    }
    if (rc == JOIST_OK) {
        rc = add_text(c, JST_S("\r\n--"));
    }
    if (rc == JOIST_OK) {
        rc = add_text(c, boundary);
    }
    return rc < 0 ? rc : add_text(c, JST_S("--\r\n"));
}

bool
jst_multipart_send(struct jst_stream *s, const struct jst_variant *v,
                   const struct jst_range *ranges, size_t n)
{
    char boundary_text[BOUNDARY_BYTES];
    char type_text[sizeof(TYPE) + BOUNDARY_BYTES];
    struct jst_slice boundary = make_boundary(boundary_text, &s->local->rand);
    struct jst_str type = jst_str(type_text, sizeof(type_text));
    struct jst_field storage[JST_VARIANT_FIELDS_MAX + 1];
    struct jst_head head = {.status = 206, .fields = {storage, 0, JST_COUNT(storage)}};
    struct jst_chain body = {0};

    jst_str_add(&type, JST_S(TYPE));
    jst_str_add(&type, boundary);
    (void)jst_fields_add(&head.fields, JST_S("Content-Type"), jst_str_slice(&type));
    for (uint32_t i = 0; i < v->fields_n; i++) {
        if (v->fields[i].id != JST_FIELD_CONTENT_TYPE) {
            head.fields.v[head.fields.n++] = v->fields[i];
        }
    }
    if (add_parts(&body, v, ranges, n, boundary) < 0) {
        jst_chain_clear(&body);
        return false;
    }
    head.length = body.bytes;
    jst_static_send_head_and_body(s, &head, &body);
    return true;
}
