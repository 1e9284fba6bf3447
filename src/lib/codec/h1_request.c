// SPDX-License-Identifier: MIT
#include "codec/h1_parse.h"
#include "codec/scan.h"

/* ---- method ---- */

/* Method names are case-sensitive (RFC 9110 9.1). */
static const struct jst_slice method_names[] = {
    [JST_METHOD_OTHER] = {"", 0},          [JST_METHOD_GET] = {"GET", 3},
    [JST_METHOD_HEAD] = {"HEAD", 4},       [JST_METHOD_POST] = {"POST", 4},
    [JST_METHOD_PUT] = {"PUT", 3},         [JST_METHOD_DELETE] = {"DELETE", 6},
    [JST_METHOD_CONNECT] = {"CONNECT", 7}, [JST_METHOD_OPTIONS] = {"OPTIONS", 7},
    [JST_METHOD_TRACE] = {"TRACE", 5},     [JST_METHOD_PATCH] = {"PATCH", 5},
};

struct jst_slice
jst_method_name(enum jst_method m)
{
    JST_ASSERT(m < JST_COUNT(method_names));
    return method_names[m];
}

enum jst_method
jst_method_of(struct jst_slice text)
{
    for (unsigned m = JST_METHOD_GET; m < JST_COUNT(method_names); m++) {
        if (jst_slice_eq(text, method_names[m])) {
            return (enum jst_method)m;
        }
    }
    return JST_METHOD_OTHER;
}

bool
jst_h1_may_be_request(struct jst_slice in)
{
    if (in.n == 1 && in.p[0] == '\r') {
        return true; /* an empty line in two pieces: jst_h1_skip_empty() will tell */
    }
    for (size_t i = 0; i < in.n; i++) {
        if (in.p[i] == ' ') {
            return i > 0;
        }
        if (i == JST_H1_METHOD_MAX_BYTES || !jst_byte_is(in.p[i], JST_BYTE_TOKEN)) {
            return false;
        }
    }
    return true;
}

static enum jst_h1_err
read_method(struct jst_h1_head *h, struct jst_h1_cursor *c)
{
    const char *p = c->p;

    if (c->end - p > 4 && memcmp(p, "GET ", 4) == 0) {
        h->method = JST_METHOD_GET;
        h->method_text = jst_slice(p, 3);
        c->p = p + 4;
        return JST_H1_OK;
    }
    while (p < c->end && jst_byte_is(*p, JST_BYTE_TOKEN)) {
        p++;
    }
    h->method_text = jst_slice(c->p, (size_t)(p - c->p));
    if (p == c->end || *p == '\r' || *p == '\n') {
        /* An empty line, or a method alone. */
        return JST_H1_E_LINE;
    }
    if (*p != ' ' || h->method_text.n == 0 || h->method_text.n > JST_H1_METHOD_MAX_BYTES) {
        return JST_H1_E_METHOD;
    }
    h->method = jst_method_of(h->method_text);
    c->p = p + 1;
    return JST_H1_OK;
}

/* ---- target ---- */

/* [scheme]://authority, of which path and query were cut. RFC 9110 4.2: http and https only. */
static enum jst_h1_err
read_absolute(struct jst_h1_head *h)
{
    ptrdiff_t colon = jst_slice_find(h->target, ':');
    const char *end = h->target.p + h->target.n;
    const char *p;

    if (colon < 0) {
        return JST_H1_E_TARGET;
    }
    h->scheme = jst_slice(h->target.p, (size_t)colon);
    p = h->target.p + colon;
    if ((!jst_slice_ieq(h->scheme, JST_S("http")) && !jst_slice_ieq(h->scheme, JST_S("https"))) ||
        end - p < 3 || memcmp(p, "://", 3) != 0) {
        return JST_H1_E_TARGET;
    }
    p += 3;
    h->authority.p = p;
    while (p < end && *p != '/' && *p != '?') {
        p++;
    }
    h->authority.n = (size_t)(p - h->authority.p);
    h->form = JST_H1_FORM_ABSOLUTE;
    h->path = JST_S("/");
    if (p < end && *p == '/') {
        const char *query = memchr(p, '?', (size_t)(end - p));

        h->path = jst_slice(p, (size_t)((query != NULL ? query : end) - p));
    } else if (h->method == JST_METHOD_OPTIONS && p == end) {
        /* RFC 9112 3.2.4: no path and no query asks about the whole server. */
        h->form = JST_H1_FORM_ASTERISK;
        h->path = JST_S("*");
    }
    return JST_H1_OK;
}

/* RFC 9112 3.2.1 to 3.2.4. Which form it may be depends on the method. */
static enum jst_h1_err
read_form(struct jst_h1_head *h)
{
    if (JST_LIKELY(h->target.p[0] == '/' && h->method != JST_METHOD_CONNECT)) {
        h->form = JST_H1_FORM_ORIGIN;
        return JST_H1_OK;
    }
    if (h->method == JST_METHOD_CONNECT) {
        h->form = JST_H1_FORM_AUTHORITY;
        h->authority = h->target;
        h->path = jst_slice(h->target.p, 0);
        return h->query.p != NULL ? JST_H1_E_TARGET : JST_H1_OK;
    }
    if (h->method == JST_METHOD_OPTIONS && jst_slice_eq(h->target, JST_S("*"))) {
        h->form = JST_H1_FORM_ASTERISK;
        h->path = h->target;
        return JST_H1_OK;
    }
    return read_absolute(h);
}

/* The bytes of the target, and where its path ends if it is one. */
static enum jst_h1_err
read_target(struct jst_h1_head *h, struct jst_h1_cursor *c)
{
    const char *first = c->p;
    const char *p = jst_scan(c->begin, first, c->end, JST_SCAN_PATH);

    h->path = jst_slice(first, (size_t)(p - first));
    if (p < c->end && *p == '?') {
        const char *query = p + 1;

        p = jst_scan(c->begin, query, c->end, JST_SCAN_QUERY);
        h->query = jst_slice(query, (size_t)(p - query));
    }
    if (p == c->end || *p == '\r' || *p == '\n') {
        return JST_H1_E_LINE; /* no version: HTTP/0.9, or cut off */
    }
    if (*p != ' ' || p == first) {
        return JST_H1_E_TARGET;
    }
    h->target = jst_slice(first, (size_t)(p - first));
    c->p = p + 1;
    return JST_H1_OK;
}

/* ---- what the fields mean for a request ---- */

static uint16_t
port_or_default(uint16_t port, struct jst_slice scheme)
{
    if (port != 0) {
        return port;
    }
    return jst_slice_ieq(scheme, JST_S("https")) ? 443 : 80;
}

/* RFC 9112 3.2.2 lets the target's authority win over Host. Whoever sends two different names
 * hopes that somebody behind us takes the other one: refused. */
static enum jst_h1_err
compare_host(struct jst_h1_head *h, const struct jst_h1_facts *facts)
{
    struct jst_slice target_name;
    struct jst_slice name;
    uint16_t target_port;
    uint16_t port;

    if (!jst_host_split(h->authority, &target_name, &target_port)) {
        return JST_H1_E_TARGET;
    }
    if (h->form == JST_H1_FORM_AUTHORITY && target_port == 0) {
        return JST_H1_E_TARGET; /* RFC 9110 9.3.6: CONNECT names a port */
    }
    h->host = target_name;
    if (facts->hosts == 0) {
        return JST_H1_OK;
    }
    if (facts->host.n == 0) {
        return JST_H1_E_HOST_MISMATCH;
    }
    if (!jst_host_split(facts->host, &name, &port)) {
        return JST_H1_E_HOST_INVALID;
    }
    if (h->form == JST_H1_FORM_AUTHORITY) {
        /* RFC 9112 3.2.3 has an example whose Host leaves the port out. */
        port = port != 0 ? port : target_port;
    } else {
        port = port_or_default(port, h->scheme);
        target_port = port_or_default(target_port, h->scheme);
    }
    return jst_slice_ieq(name, target_name) && port == target_port ? JST_H1_OK
                                                                   : JST_H1_E_HOST_MISMATCH;
}

static enum jst_h1_err
read_host(struct jst_h1_head *h, const struct jst_h1_facts *facts)
{
    uint16_t port;

    if (facts->hosts > 1) {
        return JST_H1_E_HOST_REPEATED;
    }
    if (facts->hosts == 0 && h->version_minor > 0) {
        return JST_H1_E_HOST_MISSING;
    }
    if (h->authority.p != NULL) {
        return compare_host(h, facts);
    }
    h->authority = facts->host;
    if (facts->host.n > 0 && !jst_host_split(facts->host, &h->host, &port)) {
        return JST_H1_E_HOST_INVALID;
    }
    return JST_H1_OK;
}

/* RFC 9110 10.1.1: 100-continue is the only expectation there is; HTTP/1.0 has none. */
static enum jst_h1_err
read_expect(struct jst_h1_head *h)
{
    for (uint32_t i = 0; i < h->fields.n; i++) {
        struct jst_slice rest = h->fields.v[i].value;
        struct jst_slice one;

        if (h->fields.v[i].id != JST_FIELD_EXPECT) {
            continue;
        }
        while (jst_list_next(&rest, &one)) {
            if (!jst_slice_ieq(one, JST_S("100-continue"))) {
                return JST_H1_E_EXPECT;
            }
            h->expect_continue = h->body != JST_H1_BODY_NONE;
        }
    }
    return JST_H1_OK;
}

static enum jst_h1_err
read_meaning(struct jst_h1_head *h, struct jst_h1_facts *facts)
{
    enum jst_h1_err err = read_form(h);

    if (err == JST_H1_OK) {
        err = read_host(h, facts);
    }
    if (err == JST_H1_OK) {
        err = jst_h1_read_framing(h, facts);
    }
    if (err == JST_H1_OK) {
        err = jst_h1_read_connection(h, facts);
    }
    if (err == JST_H1_OK && facts->expects > 0 && h->version_minor > 0) {
        err = read_expect(h);
    }
    return err;
}

enum jst_h1_err
jst_h1_parse_request(struct jst_h1_head *h, struct jst_slice head)
{
    struct jst_h1_cursor c = {head.p, head.p, head.p + head.n};
    struct jst_h1_facts facts = {0};
    enum jst_h1_err err;

    *h = (struct jst_h1_head){.fields = {h->fields.v, 0, h->fields.cap}};
    err = read_method(h, &c);
    if (err == JST_H1_OK) {
        err = read_target(h, &c);
    }
    if (err == JST_H1_OK) {
        err = jst_h1_read_version(&h->version_minor, &c);
    }
    if (err == JST_H1_OK) {
        err = jst_h1_read_eol(&c);
    }
    if (err == JST_H1_OK) {
        err = jst_h1_read_fields(h, &facts, &c);
    }
    return err == JST_H1_OK ? read_meaning(h, &facts) : err;
}
