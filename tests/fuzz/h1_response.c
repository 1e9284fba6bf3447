// SPDX-License-Identifier: MIT
/* Response heads, as h1_request.c; the first byte says which method is answered. */
#include "h1_head.h"

static void
check_response(const struct jst_h1_head *h, struct jst_slice head, enum jst_method request)
{
    bool tunnel = h->status == 101 || (request == JST_METHOD_CONNECT && h->status / 100 == 2);

    check_accepted(h, head);
    JST_ASSERT(h->status >= 100 && h->status <= 599);
    JST_ASSERT(lies_inside(h->reason, head) && jst_all_bytes_are(h->reason, JST_BYTE_TEXT));
    if (h->status < 200 || h->status == 204 || h->status == 304 || request == JST_METHOD_HEAD) {
        JST_ASSERT(h->body == JST_H1_BODY_NONE || h->status == 101);
    } else {
        JST_ASSERT(tunnel || h->body != JST_H1_BODY_NONE || h->has_length);
    }
    /* Where only the connection's end ends the body, or there is no end, nothing follows. */
    JST_ASSERT(!h->keep_alive || (h->body != JST_H1_BODY_CLOSE && h->body != JST_H1_BODY_TUNNEL));
}

static void
check_round_trip(const struct jst_h1_head *h, size_t head_n, enum jst_method request)
{
    struct jst_field fields[FIELDS_MAX];
    struct jst_h1_head again = {.fields = {fields, 0, FIELDS_MAX}};
    size_t cap = head_n + h->fields.n + 1; /* "X:y" becomes "X: y"; a missing space comes */
    struct jst_str out = jst_str(malloc(cap), cap);

    JST_ASSERT(out.p != NULL);
    jst_str_add(&out, h->version_minor == 0 ? JST_S("HTTP/1.0 ") : JST_S("HTTP/1.1 "));
    jst_str_add_u64(&out, h->status);
    jst_str_add_char(&out, ' ');
    jst_str_add(&out, h->reason);
    jst_str_add(&out, JST_S("\r\n"));
    print_fields(&out, &h->fields);
    JST_ASSERT(jst_h1_parse_response(&again, jst_str_slice(&out), request) == JST_H1_OK);
    check_same(h, &again);
    JST_ASSERT(h->status == again.status && jst_slice_eq(h->reason, again.reason));
    free(out.p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jst_field fields[FIELDS_MAX];
    struct jst_h1_head h = {.fields = {fields, 0, FIELDS_MAX}};
    enum jst_method request;
    struct jst_slice in;
    struct jst_slice head;
    size_t end;
    char *bytes;

    if (size == 0) {
        return 0;
    }
    in = jst_slice((const char *)data + 1, size - 1);
    request = (enum jst_method)(data[0] % (JST_METHOD_PATCH + 1));
    end = find_end(in, in.n > 0 ? data[size / 2] % in.n : 0);
    head.n = end > 0 ? end : in.n;
    bytes = exact_copy(jst_slice(in.p, head.n));
    head.p = bytes;
    if (jst_h1_parse_response(&h, head, request) == JST_H1_OK) {
        JST_ASSERT(end > 0);
        check_response(&h, head, request);
        check_round_trip(&h, head.n, request);
    }
    free(bytes);
    return 0;
}
