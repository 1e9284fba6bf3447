// SPDX-License-Identifier: MIT
#include "codec/h1_parse.h"
#include "codec/scan.h"

/* RFC 9112 4: "HTTP/1.1 200 OK"; the reason may be empty, and many senders then leave out the
 * space before it as well. */
static enum jst_h1_err
read_status_line(struct jst_h1_head *h, struct jst_h1_cursor *c)
{
    enum jst_h1_err err = jst_h1_read_version(&h->version_minor, c);
    const char *p = c->p;

    if (err != JST_H1_OK) {
        return err;
    }
    if (c->end - p < 5 || p[0] != ' ' || p[1] < '1' || p[1] > '5' || p[2] < '0' || p[2] > '9' ||
        p[3] < '0' || p[3] > '9') {
        return JST_H1_E_LINE;
    }
    h->status = (uint16_t)((p[1] - '0') * 100 + (p[2] - '0') * 10 + (p[3] - '0'));
    c->p = p + 4;
    if (*c->p == ' ') {
        p = c->p + 1;
        c->p = jst_scan(c->begin, p, c->end, JST_SCAN_TEXT);
        h->reason = jst_slice(p, (size_t)(c->p - p));
    }
    return jst_h1_read_eol(c);
}

/* RFC 9112 6.3, in its order. */
static enum jst_h1_err
decide_body(struct jst_h1_head *h, enum jst_method request)
{
    if (h->status == 101) {
        if (!h->upgrade) {
            return JST_H1_E_LINE; /* RFC 9110 15.2.2: it must say to what */
        }
        h->body = JST_H1_BODY_TUNNEL;
        h->keep_alive = false;
        return JST_H1_OK;
    }
    if (h->status < 200 || h->status == 204) {
        /* RFC 9112 6.1, RFC 9110 8.6: a sender must not announce content here. One that does may
         * send it as well: nothing after this head can be trusted to be the next response. */
        if (h->body != JST_H1_BODY_NONE) {
            h->keep_alive = false;
        }
        h->body = JST_H1_BODY_NONE;
        return JST_H1_OK;
    }
    if (request == JST_METHOD_HEAD || h->status == 304) {
        h->body = JST_H1_BODY_NONE;
        return JST_H1_OK;
    }
    if (request == JST_METHOD_CONNECT && h->status < 300) {
        h->body = JST_H1_BODY_TUNNEL;
        h->keep_alive = false;
        return JST_H1_OK;
    }
    if (h->body == JST_H1_BODY_NONE && !h->has_length) {
        h->body = JST_H1_BODY_CLOSE;
        h->keep_alive = false;
    }
    return JST_H1_OK;
}

enum jst_h1_err
jst_h1_parse_response(struct jst_h1_head *h, struct jst_slice head, enum jst_method request)
{
    struct jst_h1_cursor c = {head.p, head.p, head.p + head.n};
    struct jst_h1_facts facts = {0};
    enum jst_h1_err err;

    *h = (struct jst_h1_head){.fields = {h->fields.v, 0, h->fields.cap}};
    err = read_status_line(h, &c);
    if (err == JST_H1_OK) {
        err = jst_h1_read_fields(h, &facts, &c);
    }
    if (err == JST_H1_OK) {
        err = jst_h1_read_framing(h, &facts);
    }
    if (err == JST_H1_OK) {
        err = jst_h1_read_connection(h, &facts);
    }
    return err == JST_H1_OK ? decide_body(h, request) : err;
}
