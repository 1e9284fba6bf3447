// SPDX-License-Identifier: MIT
#include "codec/scan.h"
#include "codec/uri.h"
#include "route/route.h"

#include <joist/conf.h>

static int
refuse(const char **why, const char *sentence)
{
    *why = sentence;
    return JOIST_E_INVAL;
}

static int
check_label(struct jst_slice label, const char **why)
{
    if (label.n == 0) {
        return refuse(why, "a host has no empty label: a dot too many");
    }
    if (label.n > 63) { /* RFC 1035 2.3.4 */
        return refuse(why, "a label of a host name is at most 63 bytes long");
    }
    for (size_t i = 0; i < label.n; i++) {
        unsigned char c = (unsigned char)label.p[i];

        if (c == '*') {
            return refuse(why, "a wildcard stands for one whole label, the first, as in "
                               "*.example.com");
        }
        if (c >= 0x80) {
            return refuse(why, "write an international name in its ASCII form (xn--...)");
        }
        if (c == ':' || c == '/') {
            return refuse(why, "a host is a name alone, without scheme, port or path");
        }
        if (!jst_byte_is((char)c, JST_BYTE_HOST)) {
            return refuse(why, "this is no host name: letters, digits, '-' and dots make one");
        }
    }
    return JOIST_OK;
}

int
jst_route_host_check(const char *host, const char **why)
{
    struct jst_slice rest = jst_slice_z(host);
    struct jst_slice name;
    uint16_t port;

    if (rest.n == 0) {
        return refuse(why, "the host is empty; leave it out to take any host");
    }
    if (jst_slice_eq(rest, JST_S("*"))) {
        return refuse(why, "leave the host out to take any host");
    }
    if (rest.n > JST_ROUTE_HOST_MAX_BYTES) {
        return refuse(why, "a host name is at most 253 bytes long");
    }
    if (rest.p[0] == '[') {
        if (!jst_host_split(rest, &name, &port) || name.n != rest.n) {
            return refuse(why, "an IPv6 host looks like [2001:db8::1], without a port");
        }
        return JOIST_OK;
    }
    if (rest.p[rest.n - 1] == '.') {
        return refuse(why, "write the host without the dot at its end");
    }
    if (jst_slice_starts(rest, JST_S("*."))) {
        rest = jst_slice(rest.p + 2, rest.n - 2);
    }
    while (rest.p != NULL) {
        int rc = check_label(jst_slice_cut(&rest, '.'), why);

        if (rc < 0) {
            return rc;
        }
    }
    return JOIST_OK;
}

int
jst_route_path_check(const char *path, const char **why)
{
    struct jst_slice p = jst_slice_z(path);

    if (p.n == 0 || p.p[0] != '/') {
        return refuse(why, "a path starts with '/'");
    }
    if (p.n > JST_ROUTE_PATH_MAX_BYTES) {
        return refuse(why, "a path is at most 8192 bytes long");
    }
    if (jst_slice_find(p, '?') >= 0 || jst_slice_find(p, '#') >= 0) {
        return refuse(why, "a path has no query and no fragment: '?' and '#' are not part of it");
    }
    if (jst_slice_find(p, '%') >= 0) {
        return refuse(why, "paths are compared after decoding: write the character itself, not "
                           "its percent code");
    }
    if (jst_slice_find(p, '*') >= 0) {
        return refuse(why, "a path has no wildcard; a prefix takes everything below it");
    }
    for (size_t i = 1; i < p.n; i++) {
        if (p.p[i] == '/' && p.p[i - 1] == '/') {
            return refuse(why, "slashes that follow each other count as one: write one");
        }
    }
    if (!jst_path_is_normal(p)) {
        return refuse(why, "a path holds no '.' or '..' segment, backslash or control byte");
    }
    return JOIST_OK;
}
