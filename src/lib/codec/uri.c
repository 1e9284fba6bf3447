// SPDX-License-Identifier: MIT
#include "codec/uri.h"

#include "codec/h1.h"
#include "codec/scan.h"

/* ---- normalizing ---- */

/* Bytes that may be in a decoded path. A backslash is a separator to some file systems and
 * browsers; control bytes are in no file name that one wants to serve. */
static bool
is_path_byte(char c)
{
    return (unsigned char)c >= 0x20 && c != 0x7f && c != '\\';
}

/* A raw byte of a path or its percent-encoded form: returns how many bytes it took, 0 if refused.
 */
static size_t
decode_byte(char *out, const char *p, const char *end)
{
    int high;
    int low;

    if (*p != '%') {
        /* '?' and '#' end a path: one that comes here raw was cut wrongly. */
        *out = *p;
        return is_path_byte(*p) && *p != '?' && *p != '#' ? 1 : 0;
    }
    if (end - p < 3) {
        return 0;
    }
    high = jst_hex_digit(p[1]);
    low = jst_hex_digit(p[2]);
    if (high < 0 || low < 0) {
        return 0;
    }
    *out = (char)(high << 4 | low);
    return is_path_byte(*out) ? 3 : 0;
}

/* "..;x": some origins cut what follows the ';' and climb; nobody means it well. */
static bool
has_dots_with_parameter(const char *segment, size_t n)
{
    size_t dots = n > 0 && segment[0] == '.' ? (n > 1 && segment[1] == '.' ? 2 : 1) : 0;

    return dots > 0 && n > dots && segment[dots] == ';';
}

/* `out` ends with a whole segment behind its '/': take "." and ".." out again. Returns the new
 * length, or -1 for ".." above the root or one with a parameter. `last`: no '/' follows, so the one
 * before stays. `twofold`: an empty segment or an encoded slash came before. Then ".." takes out
 * one segment for some origins (RFC 3986 5.2.4, 6.2.2) and another for others: refused. */
static ptrdiff_t
fold_dots(const char *out, size_t n, bool last, bool twofold)
{
    size_t start = n;

    while (out[start - 1] != '/') { /* the first byte is a '/' */
        start--;
    }
    if (has_dots_with_parameter(out + start, n - start)) {
        return -1;
    }
    if (n - start == 1 && out[start] == '.') {
        return (ptrdiff_t)(last ? start : start - 1);
    }
    if (n - start == 2 && out[start] == '.' && out[start + 1] == '.') {
        if (start == 1 || twofold) {
            return -1;
        }
        start--;
        while (out[start - 1] != '/') {
            start--;
        }
        return (ptrdiff_t)(last ? start : start - 1);
    }
    return (ptrdiff_t)n;
}

int
jst_path_normalize(char *out, size_t cap, struct jst_slice path)
{
    const char *p = path.p;
    const char *end = p + path.n;
    size_t n = 0;
    bool twofold = false;
    ptrdiff_t folded;

    if (path.n == 0 || *p != '/' || path.n > INT32_MAX) {
        return JOIST_E_PROTO;
    }
    while (p < end) {
        char c;
        size_t used = decode_byte(&c, p, end);

        if (used == 0) {
            return JOIST_E_PROTO;
        }
        p += used;
        twofold = twofold || (c == '/' && used > 1);
        if (c == '/' && n > 0) {
            folded = fold_dots(out, n, false, twofold);
            if (folded < 0) {
                return JOIST_E_PROTO;
            }
            n = (size_t)folded;
            if (n > 0 && out[n - 1] == '/') {
                twofold = true; /* an empty segment */
                continue;
            }
        }
        if (n == cap) {
            return JOIST_E_LIMIT;
        }
        out[n++] = c;
    }
    folded = fold_dots(out, n, true, twofold);
    return folded < 0 ? JOIST_E_PROTO : (int)folded;
}

bool
jst_path_is_normal(struct jst_slice path)
{
    char before = '\0';

    if (path.n == 0 || path.p[0] != '/') {
        return false;
    }
    for (size_t i = 0; i < path.n; i++) {
        char c = path.p[i];

        if (JST_LIKELY(jst_byte_is(c, JST_BYTE_PATH) && c != '.')) {
            if (c == '/' && before == '/') {
                return false;
            }
            before = c;
            continue;
        }
        if (c == '.' && before == '/') {
            /* "/." and "/.." as whole segments; "/.name" is a name */
            size_t dots = i + 1 < path.n && path.p[i + 1] == '.' ? 2 : 1;

            if (i + dots == path.n || path.p[i + dots] == '/' || path.p[i + dots] == ';') {
                return false;
            }
        }
        if (!is_path_byte(c) || c == '%' || c == '?' || c == '#') {
            return false;
        }
        before = c;
    }
    return true;
}

int
jst_path_encode(char *out, size_t cap, struct jst_slice path)
{
    size_t n = 0;

    for (size_t i = 0; i < path.n; i++) {
        unsigned char c = (unsigned char)path.p[i];
        size_t need = jst_byte_is((char)c, JST_BYTE_PATH) ? 1 : 3;

        if (need > cap - n || n > INT32_MAX - need) {
            return JOIST_E_LIMIT;
        }
        if (need == 1) {
            out[n++] = (char)c;
            continue;
        }
        out[n++] = '%';
        out[n++] = "0123456789ABCDEF"[c >> 4]; /* RFC 3986 2.1: upper case */
        out[n++] = "0123456789ABCDEF"[c & 15];
    }
    return (int)n;
}

/* ---- origins ---- */

static int
parse_unix(struct jst_url *out, struct jst_slice rest)
{
    /* "unix:///run/x" is the same with an empty authority. */
    if (jst_slice_starts(rest, JST_S("///"))) {
        rest = jst_slice(rest.p + 2, rest.n - 2);
    }
    /* "unix://run/x" has "run" for a host: surely a slash is missing. */
    if (rest.n < 2 || rest.p[0] != '/' || rest.p[1] == '/' || rest.n > JST_URL_UNIX_MAX_BYTES) {
        return JOIST_E_INVAL;
    }
    for (size_t i = 0; i < rest.n; i++) {
        if ((unsigned char)rest.p[i] < 0x20 || rest.p[i] == 0x7f) {
            return JOIST_E_INVAL;
        }
    }
    out->path = rest;
    return JOIST_OK;
}

/* A base path is sent as it is, so it must be what a request line may hold. */
static bool
is_base_path(struct jst_slice path)
{
    for (size_t i = 0; i < path.n; i++) {
        if (!jst_byte_is(path.p[i], JST_BYTE_VISIBLE) || path.p[i] == '?' || path.p[i] == '#' ||
            path.p[i] == '\\') {
            return false;
        }
    }
    return true;
}

static int
parse_authority(struct jst_url *out, struct jst_slice rest)
{
    ptrdiff_t slash;
    struct jst_slice authority;
    uint16_t port;

    if (!jst_slice_starts(rest, JST_S("//"))) {
        return JOIST_E_INVAL;
    }
    rest = jst_slice(rest.p + 2, rest.n - 2);
    slash = jst_slice_find(rest, '/');
    authority = jst_slice(rest.p, slash < 0 ? rest.n : (size_t)slash);
    out->path = jst_slice(rest.p + authority.n, rest.n - authority.n);
    if (!jst_host_split(authority, &out->host, &port) || !is_base_path(out->path) ||
        authority.p[authority.n - 1] == ':') {
        return JOIST_E_INVAL;
    }
    if (port != 0) {
        out->port = port;
    }
    if (out->host.p[0] == '[') {
        out->is_ipv6 = true;
        out->host = jst_slice(out->host.p + 1, out->host.n - 2);
    }
    return JOIST_OK;
}

int
jst_url_parse(struct jst_url *out, struct jst_slice text)
{
    static const struct {
        struct jst_slice name;
        uint16_t port;
    } schemes[] = {{{"http", 4}, 80}, {{"https", 5}, 443}, {{"h2c", 3}, 80}, {{"unix", 4}, 0}};
    ptrdiff_t colon = jst_slice_find(text, ':');
    struct jst_slice rest;

    if (colon < 0) {
        return JOIST_E_INVAL;
    }
    *out = (struct jst_url){.scheme = jst_slice(text.p, (size_t)colon)};
    rest = jst_slice(text.p + colon + 1, text.n - (size_t)colon - 1);
    for (size_t i = 0; i < JST_COUNT(schemes); i++) {
        if (!jst_slice_ieq(out->scheme, schemes[i].name)) {
            continue;
        }
        out->scheme = schemes[i].name; /* one spelling, for whoever compares */
        out->port = schemes[i].port;
        return out->port == 0 ? parse_unix(out, rest) : parse_authority(out, rest);
    }
    return JOIST_E_INVAL;
}
