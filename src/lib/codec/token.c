// SPDX-License-Identifier: MIT
#include "codec/h1.h"
#include "codec/scan.h"

/* ---- byte classes ---- */

#define IS_ALNUM(c)                                                                                \
    (((c) >= '0' && (c) <= '9') || ((c) >= 'A' && (c) <= 'Z') || ((c) >= 'a' && (c) <= 'z'))
#define IS_UNRESERVED(c) (IS_ALNUM(c) || (c) == '-' || (c) == '.' || (c) == '_' || (c) == '~')
#define IS_SUB_DELIM(c)                                                                            \
    ((c) == '!' || (c) == '$' || (c) == '&' || (c) == '\'' || (c) == '(' || (c) == ')' ||          \
     (c) == '*' || (c) == '+' || (c) == ',' || (c) == ';' || (c) == '=')
#define IS_TOKEN(c)                                                                                \
    (IS_ALNUM(c) || (c) == '!' || (c) == '#' || (c) == '$' || (c) == '%' || (c) == '&' ||          \
     (c) == '\'' || (c) == '*' || (c) == '+' || (c) == '-' || (c) == '.' || (c) == '^' ||          \
     (c) == '_' || (c) == '`' || (c) == '|' || (c) == '~')
#define IS_VISIBLE(c) ((c) >= 0x21 && (c) <= 0x7e)
#define IS_TEXT(c)    ((c) == '\t' || ((c) >= 0x20 && (c) != 0x7f))
#define IS_PATH(c)    (IS_UNRESERVED(c) || IS_SUB_DELIM(c) || (c) == ':' || (c) == '@' || (c) == '/')
#define IS_HEX(c)                                                                                  \
    (((c) >= '0' && (c) <= '9') || ((c) >= 'A' && (c) <= 'F') || ((c) >= 'a' && (c) <= 'f'))

#define CLASSES(c)                                                                                 \
    ((IS_TOKEN(c) ? JST_BYTE_TOKEN : 0) | (IS_TEXT(c) ? JST_BYTE_TEXT : 0) |                       \
     (IS_VISIBLE(c) ? JST_BYTE_VISIBLE : 0) |                                                      \
     (IS_UNRESERVED(c) || IS_SUB_DELIM(c) ? JST_BYTE_HOST : 0) |                                   \
     (IS_PATH(c) ? JST_BYTE_PATH : 0) | (IS_HEX(c) ? JST_BYTE_HEX : 0))
#define FOUR(c)    CLASSES(c), CLASSES(c + 1), CLASSES(c + 2), CLASSES(c + 3)
#define SIXTEEN(c) FOUR(c), FOUR(c + 4), FOUR(c + 8), FOUR(c + 12)

const uint8_t jst_byte_classes[256] = {
    SIXTEEN(0x00), SIXTEEN(0x10), SIXTEEN(0x20), SIXTEEN(0x30), SIXTEEN(0x40), SIXTEEN(0x50),
    SIXTEEN(0x60), SIXTEEN(0x70), SIXTEEN(0x80), SIXTEEN(0x90), SIXTEEN(0xa0), SIXTEEN(0xb0),
    SIXTEEN(0xc0), SIXTEEN(0xd0), SIXTEEN(0xe0), SIXTEEN(0xf0),
};

/* ---- tokens and lists ---- */

bool
jst_is_token(struct jst_slice s)
{
    return s.n > 0 && jst_all_bytes_are(s, JST_BYTE_TOKEN);
}

/* The first comma outside a quoted string, or the end. A string that is not closed reaches to the
 * end: nothing in it is taken for an element of its own. */
static size_t
find_element_end(struct jst_slice s)
{
    bool quoted = false;
    size_t i = 0;

    for (; i < s.n; i++) {
        char c = s.p[i];

        if (c == '"') {
            quoted = !quoted;
        } else if (quoted && c == '\\') {
            i++; /* RFC 9110 5.6.4: quoted-pair */
        } else if (c == ',' && !quoted) {
            break;
        }
    }
    return JST_MIN(i, s.n);
}

bool
jst_list_next(struct jst_slice *rest, struct jst_slice *element)
{
    while (rest->n > 0) {
        size_t n = find_element_end(*rest);
        struct jst_slice found = jst_slice_trim(jst_slice(rest->p, n));
        size_t used = JST_MIN(n + 1, rest->n);

        *rest = jst_slice(rest->p + used, rest->n - used);
        if (found.n > 0) { /* RFC 9110 5.6.1.2: empty elements do not count */
            *element = found;
            return true;
        }
    }
    return false;
}

bool
jst_list_has(struct jst_slice list, struct jst_slice token)
{
    struct jst_slice element;

    while (jst_list_next(&list, &element)) {
        if (jst_slice_ieq(element, token)) {
            return true;
        }
    }
    return false;
}

/* ---- host[:port] ---- */

/* RFC 3986 3.2.2: dec-octet four times, no leading zeros. */
static bool
is_ipv4(struct jst_slice s)
{
    unsigned parts = 0;

    while (s.p != NULL) {
        struct jst_slice octet = jst_slice_cut(&s, '.');
        uint64_t v;

        if (octet.n > 3 || !jst_slice_u64(&v, octet) || v > 255 ||
            (octet.n > 1 && octet.p[0] == '0')) {
            return false;
        }
        parts++;
    }
    return parts == 4;
}

/* RFC 3986 3.2.2: eight groups of up to four hex digits, "::" once for one or more of them, the
 * last two perhaps as an IPv4 address. */
static bool
is_ipv6(struct jst_slice s)
{
    unsigned groups = 0;
    bool gap = false;

    if (jst_slice_starts(s, JST_S("::"))) {
        gap = true;
        s = jst_slice(s.p + 2, s.n - 2);
    }
    while (s.n > 0) {
        ptrdiff_t colon = jst_slice_find(s, ':');
        struct jst_slice group = jst_slice(s.p, colon < 0 ? s.n : (size_t)colon);

        if (colon < 0 && jst_slice_find(group, '.') >= 0) {
            groups += 2;
            return is_ipv4(group) && (gap ? groups < 8 : groups == 8);
        }
        if (group.n == 0 || group.n > 4 || !jst_all_bytes_are(group, JST_BYTE_HEX)) {
            return false;
        }
        groups++;
        if (colon < 0) {
            break;
        }
        s = jst_slice(s.p + group.n + 1, s.n - group.n - 1);
        if (s.n == 0) {
            return false; /* one colon at the end */
        }
        if (s.p[0] == ':') {
            if (gap) {
                return false;
            }
            gap = true;
            s = jst_slice(s.p + 1, s.n - 1);
        }
    }
    return gap ? groups < 8 : groups == 8;
}

/* RFC 3986 3.2.2: reg-name, of which IPv4 addresses are a part. Returns its length; what stops it
 * is the caller's to judge. */
static size_t
reg_name_length(struct jst_slice s)
{
    size_t i = 0;

    while (i < s.n) {
        if (JST_LIKELY(jst_byte_is(s.p[i], JST_BYTE_HOST))) {
            i++;
        } else if (s.p[i] == '%' && s.n - i >= 3 && jst_byte_is(s.p[i + 1], JST_BYTE_HEX) &&
                   jst_byte_is(s.p[i + 2], JST_BYTE_HEX)) {
            i += 3;
        } else {
            break;
        }
    }
    return i;
}

/* RFC 3986 3.2.3: digits, perhaps none; and a port that exists. */
static bool
read_port(uint16_t *port, struct jst_slice text)
{
    uint64_t v;

    *port = 0;
    if (text.n == 0) {
        return true;
    }
    if (!jst_slice_u64(&v, text) || v == 0 || v > UINT16_MAX) {
        return false;
    }
    *port = (uint16_t)v;
    return true;
}

/* "[address]": its length, or 0. */
static size_t
ip_literal_length(struct jst_slice s)
{
    ptrdiff_t close = jst_slice_find(s, ']');

    return close > 0 && is_ipv6(jst_slice(s.p + 1, (size_t)close - 1)) ? (size_t)close + 1 : 0;
}

bool
jst_host_split(struct jst_slice authority, struct jst_slice *host, uint16_t *port)
{
    bool literal = authority.n > 0 && authority.p[0] == '[';
    size_t n = literal ? ip_literal_length(authority) : reg_name_length(authority);
    struct jst_slice name = {authority.p, n};

    *port = 0;
    if (!literal && n > 0 && name.p[n - 1] == '.') {
        name.n--;
    }
    if (name.n == 0 || name.p[name.n - 1] == '.') {
        return false;
    }
    *host = name;
    if (n == authority.n) {
        return true;
    }
    return authority.p[n] == ':' &&
           read_port(port, jst_slice(authority.p + n + 1, authority.n - n - 1));
}
