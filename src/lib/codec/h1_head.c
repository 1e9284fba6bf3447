// SPDX-License-Identifier: MIT
#include "codec/h1_parse.h"
#include "codec/scan.h"

/* ---- errors ---- */

uint16_t
jst_h1_err_status(enum jst_h1_err err)
{
    static const uint16_t statuses[] = {[JST_H1_OK] = 200,
#define X(name, status, text, source) [JST_H1_E_##name] = status,
                                        JST_H1_ERR_MAP(X)
#undef X
    };

    JST_ASSERT(err < JST_COUNT(statuses));
    return statuses[err];
}

const char *
jst_h1_err_text(enum jst_h1_err err)
{
    static const char *const texts[] = {[JST_H1_OK] = "well-formed",
#define X(name, status, text, source) [JST_H1_E_##name] = text,
                                        JST_H1_ERR_MAP(X)
#undef X
    };

    JST_ASSERT(err < JST_COUNT(texts));
    return texts[err];
}

/* ---- where does it end? ---- */

/* An LF is at `in[lf]`: is an empty line next? Returns the bytes up to and with it; 0 if another
 * line follows; -1 if the bytes that would tell are still to come. */
static ptrdiff_t
end_after_lf(struct jst_slice in, size_t lf)
{
    size_t next = lf + 1;

    if (next == in.n) {
        return -1;
    }
    if (in.p[next] == '\n') {
        return (ptrdiff_t)next + 1;
    }
    if (in.p[next] != '\r') {
        return 0;
    }
    if (next + 1 == in.n) {
        return -1;
    }
    return in.p[next + 1] == '\n' ? (ptrdiff_t)next + 2 : 0;
}

size_t
jst_h1_head_end(struct jst_slice in, size_t *seen)
{
    size_t at = *seen;

    while (at < in.n) {
        const char *lf = memchr(in.p + at, '\n', in.n - at);
        ptrdiff_t end;

        if (lf == NULL) {
            at = in.n;
            break;
        }
        at = (size_t)(lf - in.p);
        end = end_after_lf(in, at);
        if (end > 0) {
            *seen = (size_t)end;
            return (size_t)end;
        }
        if (end < 0) {
            break; /* look at this LF again when there is more */
        }
        at++;
    }
    /* A lone CR may be half of an empty line that the caller will skip, if it can still see it. */
    *seen = in.n == 1 && in.p[0] == '\r' ? 0 : at;
    return 0;
}

size_t
jst_h1_skip_empty(struct jst_slice in)
{
    return in.n >= 2 && in.p[0] == '\r' && in.p[1] == '\n' ? 2 : 0;
}

/* ---- field lines ---- */

/* A line end is at `at` if `at` holds LF, or CR and LF follow. Otherwise: which mistake is it? */
static enum jst_h1_err
judge_control(const char *at, const char *end)
{
    if (*at == '\n') {
        return JST_H1_E_BARE_LF;
    }
    if (*at == '\r') {
        return at + 1 < end && at[1] == '\n' ? JST_H1_OK : JST_H1_E_BARE_CR;
    }
    return JST_H1_E_FIELD_VALUE;
}

/* The bytes before the colon are not a token: say why. `stop` is the colon, or the end of all. */
__attribute__((cold, noinline)) static enum jst_h1_err
judge_name(const char *p, const char *stop, const char *end)
{
    const char *bad = p;

    while (bad < stop && jst_byte_is(*bad, JST_BYTE_TOKEN)) {
        bad++;
    }
    if (bad == end || bad == p) {
        return JST_H1_E_FIELD_NAME;
    }
    if (*bad == '\r' || *bad == '\n') {
        enum jst_h1_err err = judge_control(bad, end);

        return err != JST_H1_OK ? err : JST_H1_E_FIELD_NAME; /* a line without a colon */
    }
    for (const char *q = bad; q < stop; q++) {
        if (*q != ' ' && *q != '\t') {
            return JST_H1_E_FIELD_NAME;
        }
    }
    return JST_H1_E_FIELD_SPACE;
}

/* One field line, without the white space around its value. */
static inline enum jst_h1_err
read_line(struct jst_h1_cursor *c, struct jst_slice *name, struct jst_slice *value,
          enum jst_field_id *id)
{
    const char *end = c->end;
    const char *colon = jst_scan(c->begin, c->p, end, JST_SCAN_COLON);
    const char *first;
    const char *stop;
    enum jst_h1_err err;

    *name = jst_slice(c->p, (size_t)(colon - c->p));
    *id = jst_field_id(*name);
    /* A known name is a token; only the others need a look at each byte. */
    if (colon == end || (*id == JST_FIELD_OTHER && JST_UNLIKELY(!jst_is_token(*name)))) {
        return judge_name(c->p, colon, end);
    }
    first = colon + 1;
    while (first < end && (*first == ' ' || *first == '\t')) {
        first++;
    }
    stop = jst_scan(c->begin, first, end, JST_SCAN_TEXT);
    if (JST_UNLIKELY(stop == end)) {
        return JST_H1_E_LINE;
    }
    err = judge_control(stop, end);
    if (JST_UNLIKELY(err != JST_H1_OK)) {
        return err;
    }
    c->p = stop + 2;
    while (stop > first && (stop[-1] == ' ' || stop[-1] == '\t')) {
        stop--;
    }
    *value = jst_slice(first, (size_t)(stop - first));
    return JST_H1_OK;
}

static inline void
note_field(struct jst_h1_head *h, struct jst_h1_facts *facts, const struct jst_field *f)
{
    switch (f->id) {
    case JST_FIELD_HOST:
        facts->host = f->value;
        facts->hosts++;
        break;
    case JST_FIELD_CONTENT_LENGTH:
        facts->length = f->value;
        facts->lengths++;
        break;
    case JST_FIELD_TRANSFER_ENCODING:
        facts->coding = f->value;
        facts->codings++;
        break;
    case JST_FIELD_CONNECTION:
        facts->connections++;
        break;
    case JST_FIELD_EXPECT:
        facts->expects++;
        break;
    case JST_FIELD_UPGRADE:
        facts->has_upgrade = facts->has_upgrade || f->value.n > 0;
        break;
    case JST_FIELD_TE:
        h->te_trailers = h->te_trailers || jst_list_has(f->value, JST_S("trailers"));
        break;
    default:
        break;
    }
}

enum jst_h1_err
jst_h1_read_fields(struct jst_h1_head *h, struct jst_h1_facts *facts, struct jst_h1_cursor *c)
{
    while (c->p < c->end) {
        struct jst_field *f;
        enum jst_field_id id;
        enum jst_h1_err err;

        if (*c->p == '\r' || *c->p == '\n') {
            err = judge_control(c->p, c->end);
            if (err == JST_H1_OK && c->end - c->p != 2) {
                err = JST_H1_E_LINE; /* bytes after the head: the caller cut it wrongly */
            }
            return err;
        }
        if (*c->p == ' ' || *c->p == '\t') {
            return JST_H1_E_FOLD;
        }
        if (h->fields.n >= h->fields.cap) {
            return JST_H1_E_FIELD_COUNT;
        }
        f = &h->fields.v[h->fields.n];
        err = read_line(c, &f->name, &f->value, &id);
        if (JST_UNLIKELY(err != JST_H1_OK)) {
            return err;
        }
        f->id = (uint16_t)id;
        f->drop = jst_field_is_hop(id);
        h->fields.n++;
        note_field(h, facts, f);
    }
    return JST_H1_E_LINE; /* no empty line */
}

/* ---- start lines ---- */

enum jst_h1_err
jst_h1_read_eol(struct jst_h1_cursor *c)
{
    if (c->end - c->p >= 2 && c->p[0] == '\r' && c->p[1] == '\n') {
        c->p += 2;
        return JST_H1_OK;
    }
    if (c->p < c->end && (*c->p == '\r' || *c->p == '\n')) {
        return judge_control(c->p, c->end);
    }
    return JST_H1_E_LINE;
}

enum jst_h1_err
jst_h1_read_version(uint8_t *minor, struct jst_h1_cursor *c)
{
    const char *p = c->p;

    if (JST_LIKELY(c->end - p >= 9 && memcmp(p, "HTTP/1.1\r", 9) == 0)) {
        *minor = 1;
        c->p += 8;
        return JST_H1_OK;
    }
    /* RFC 9112 2.3: HTTP-name is case-sensitive, one digit on each side of the dot. */
    if (c->end - p < 9 || memcmp(p, "HTTP/", 5) != 0 || p[5] < '0' || p[5] > '9' || p[6] != '.' ||
        p[7] < '0' || p[7] > '9' || jst_byte_is(p[8], JST_BYTE_VISIBLE)) {
        return JST_H1_E_LINE;
    }
    if (p[5] != '1') {
        return JST_H1_E_VERSION;
    }
    *minor = p[7] == '0' ? 0 : 1;
    c->p += 8;
    return JST_H1_OK;
}

/* ---- framing ---- */

/* RFC 9112 6.1: the one coding that is taken is "chunked", once. */
static enum jst_h1_err
judge_coding(struct jst_slice coding)
{
    struct jst_slice last = JST_SLICE_NONE;
    bool others = false;
    bool repeated = false;

    if (JST_LIKELY(jst_slice_ieq(coding, JST_S("chunked")))) {
        return JST_H1_OK;
    }
    while (coding.p != NULL) {
        if (last.p != NULL) {
            bool chunked = jst_slice_ieq(last, JST_S("chunked"));

            repeated = repeated || chunked;
            others = others || !chunked;
        }
        last = jst_slice_trim(jst_slice_cut(&coding, ','));
        if (!jst_is_token(last)) {
            return JST_H1_E_TE_INVALID; /* empty elements and parameters too */
        }
    }
    /* RFC 9112 6.3: when chunked is not the last, the length cannot be known: 400. When it is,
     * something that we cannot undo was done before: 501. */
    if (!repeated && others && jst_slice_ieq(last, JST_S("chunked"))) {
        return JST_H1_E_TE_UNKNOWN;
    }
    return JST_H1_E_TE_INVALID;
}

enum jst_h1_err
jst_h1_read_framing(struct jst_h1_head *h, const struct jst_h1_facts *facts)
{
    h->body = JST_H1_BODY_NONE;
    if (JST_LIKELY(facts->lengths + facts->codings == 0)) {
        return JST_H1_OK;
    }
    if (facts->codings > 0) {
        if (facts->lengths > 0) {
            return JST_H1_E_LENGTH_AND_TE;
        }
        if (h->version_minor == 0) {
            return JST_H1_E_TE_IN_10;
        }
        if (facts->codings > 1) {
            return JST_H1_E_TE_INVALID;
        }
        h->body = JST_H1_BODY_CHUNKED;
        return judge_coding(facts->coding);
    }
    if (facts->lengths > 1 || jst_slice_find(facts->length, ',') >= 0) {
        return JST_H1_E_LENGTH_REPEATED;
    }
    if (!jst_slice_u64(&h->length, facts->length) || h->length > JST_H1_LENGTH_MAX_BYTES) {
        return JST_H1_E_LENGTH_INVALID;
    }
    h->has_length = true;
    h->body = h->length > 0 ? JST_H1_BODY_LENGTH : JST_H1_BODY_NONE;
    return JST_H1_OK;
}

/* ---- Connection ---- */

/* One connection option. RFC 9110 7.6.1: of those that are not about the connection itself each
 * names a field that ends here. */
static enum jst_h1_err
read_option(struct jst_h1_head *h, struct jst_h1_facts *facts, struct jst_slice option)
{
    if (jst_slice_ieq(option, JST_S("keep-alive"))) {
        facts->keep_alive = true;
    } else if (jst_slice_ieq(option, JST_S("close"))) {
        facts->close = true;
    } else if (jst_slice_ieq(option, JST_S("upgrade"))) {
        facts->upgrade = true;
    } else if (++facts->names > JST_H1_CONNECTION_NAMES_MAX) {
        return JST_H1_E_FIELD_COUNT;
    } else {
        jst_fields_drop_name(&h->fields, option);
    }
    return JST_H1_OK;
}

static enum jst_h1_err
read_options(struct jst_h1_head *h, struct jst_h1_facts *facts, struct jst_slice list)
{
    struct jst_slice option;
    enum jst_h1_err err = JST_H1_OK;

    if (JST_LIKELY(jst_is_token(list))) {
        return read_option(h, facts, list);
    }
    while (err == JST_H1_OK && jst_list_next(&list, &option)) {
        err = read_option(h, facts, option);
    }
    return err;
}

enum jst_h1_err
jst_h1_read_connection(struct jst_h1_head *h, struct jst_h1_facts *facts)
{
    for (uint32_t i = 0; facts->connections > 0 && i < h->fields.n; i++) {
        if (h->fields.v[i].id == JST_FIELD_CONNECTION) {
            enum jst_h1_err err = read_options(h, facts, h->fields.v[i].value);

            if (err != JST_H1_OK) {
                return err;
            }
        }
    }
    /* RFC 9112 9.3 */
    h->keep_alive = !facts->close && (h->version_minor > 0 || facts->keep_alive);
    h->upgrade = h->version_minor > 0 && facts->upgrade && facts->has_upgrade;
    return JST_H1_OK;
}
