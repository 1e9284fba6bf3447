// SPDX-License-Identifier: MIT
/* Request heads: cut anywhere the end is the same; nothing outside is read; what is accepted, said
 * again in the plainest way, is accepted with the same meaning. */
#include "h1_head.h"

/* Every prefix of an accepted head must have been let through while it was incomplete. */
static void
check_prefixes(struct jst_slice head)
{
    for (size_t n = 0; n <= JST_MIN(head.n, JST_H1_METHOD_MAX_BYTES + 2); n++) {
        JST_ASSERT(jst_h1_may_be_request(jst_slice(head.p, n)));
    }
}

static void
check_request(const struct jst_h1_head *h, struct jst_slice head)
{
    struct jst_slice host;
    uint16_t port;

    check_accepted(h, head);
    check_prefixes(head);
    JST_ASSERT(h->body == JST_H1_BODY_NONE || h->body == JST_H1_BODY_LENGTH ||
               h->body == JST_H1_BODY_CHUNKED);
    JST_ASSERT(jst_is_token(h->method_text) && lies_inside(h->method_text, head));
    JST_ASSERT(h->target.n > 0 && jst_all_bytes_are(h->target, JST_BYTE_VISIBLE));
    JST_ASSERT(jst_slice_find(h->target, '#') < 0);
    JST_ASSERT(lies_inside(h->query, h->target) && lies_inside(h->authority, head));
    JST_ASSERT(h->authority.n == 0 || jst_host_split(h->authority, &host, &port));
    JST_ASSERT(h->form == JST_H1_FORM_AUTHORITY || h->path.n > 0);
    JST_ASSERT(jst_slice_find(h->path, '?') < 0);
}

static void
check_round_trip(const struct jst_h1_head *h, size_t head_n)
{
    struct jst_field fields[FIELDS_MAX];
    struct jst_h1_head again = {.fields = {fields, 0, FIELDS_MAX}};
    size_t cap = head_n + h->fields.n; /* "X:y" becomes "X: y" */
    struct jst_str out = jst_str(malloc(cap), cap);

    JST_ASSERT(out.p != NULL);
    jst_str_add(&out, h->method_text);
    jst_str_add_char(&out, ' ');
    jst_str_add(&out, h->target);
    jst_str_add(&out, h->version_minor == 0 ? JST_S(" HTTP/1.0\r\n") : JST_S(" HTTP/1.1\r\n"));
    print_fields(&out, &h->fields);
    JST_ASSERT(jst_h1_parse_request(&again, jst_str_slice(&out)) == JST_H1_OK);
    check_same(h, &again);
    JST_ASSERT(h->method == again.method && h->form == again.form);
    JST_ASSERT(jst_slice_eq(h->authority, again.authority));
    JST_ASSERT(jst_slice_eq(h->path, again.path) && jst_slice_eq(h->query, again.query));
    free(out.p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jst_slice in = {(const char *)data, size};
    size_t end = find_end(in, size > 0 ? data[size / 2] % size : 0);
    struct jst_field fields[FIELDS_MAX];
    struct jst_h1_head h = {.fields = {fields, 0, FIELDS_MAX}};
    /* Without an end the parser gets all there is: it must refuse, and read no further. */
    struct jst_slice head = {NULL, end > 0 ? end : size};
    char *bytes = exact_copy(jst_slice(in.p, head.n));

    head.p = bytes;
    if (jst_h1_parse_request(&h, head) == JST_H1_OK) {
        JST_ASSERT(end > 0);
        check_request(&h, head);
        check_round_trip(&h, head.n);
    }
    free(bytes);
    return 0;
}
