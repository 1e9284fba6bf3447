// SPDX-License-Identifier: MIT
/*
 * What single values must look like. A `why` ends the sentence "'key': 'value' ...".
 *
 * The grammar of hosts, paths and origins is the engine's: it checks them again, and what passes
 * here and not there is still an error with its place. What stands here gives the better words.
 */
#include "conf/schema.h"
#include "sys/addr.h"

static bool
refuse(const char **why, const char *text)
{
    *why = text;
    return false;
}

static bool
is_token_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* RFC 9110 5.6.2 */
static bool
is_token(struct jst_slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!is_token_char(s.p[i])) {
            return false;
        }
    }
    return s.n > 0;
}

static bool
has_control(struct jst_slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return true;
        }
    }
    return false;
}

bool
jst_check_plain(struct jst_slice s, const char **why)
{
    if (s.n == 0) {
        return refuse(why, "must not be empty");
    }
    return !has_control(s) || refuse(why, "has a control character");
}

bool
jst_check_bind(struct jst_slice s, const char **why)
{
    struct jst_addr addr;

    if (jst_addr_parse(&addr, s) == JOIST_OK) {
        return true;
    }
    return refuse(why, "is not an address to listen on: write \":8080\", \"127.0.0.1:80\", "
                       "\"[::1]:80\" or \"unix:/run/joist.sock\"");
}

bool
jst_check_cidr(struct jst_slice s, const char **why)
{
    struct jst_cidr net;

    return jst_cidr_parse(&net, s) == JOIST_OK ||
           refuse(why, "is not a network: write \"10.0.0.0/8\", \"fd00::/8\" or one address");
}

bool
jst_check_dns_server(struct jst_slice s, const char **why)
{
    struct jst_addr a;

    if (jst_addr_literal(&a, s, 53) == JOIST_OK) {
        return true;
    }
    return (s.n > 0 && s.p[0] != ':' && jst_addr_parse(&a, s) == JOIST_OK &&
            a.u.any.sa_family != AF_UNIX && jst_addr_port(&a) != 0) ||
           refuse(why, "is no address of a server: write \"127.0.0.1\", \"127.0.0.1:53\" or "
                       "\"[::1]:53\"");
}

bool
jst_check_host(struct jst_slice s, const char **why)
{
    if (s.n == 0) {
        return refuse(why, "must not be empty: leave it out for any host");
    }
    if (jst_slice_eq(s, JST_S("*"))) {
        return refuse(why, "is not needed: leave it out for any host");
    }
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '/' || s.p[i] == ' ' || (s.p[i] == ':' && s.p[0] != '[')) {
            return refuse(why, "is not a host name: write it without scheme, port and path");
        }
    }
    return !has_control(s) || refuse(why, "has a control character");
}

bool
jst_check_path(struct jst_slice s, const char **why)
{
    if (s.n == 0 || s.p[0] != '/') {
        return refuse(why, "must start with '/'");
    }
    if (jst_slice_find(s, '?') >= 0 || jst_slice_find(s, '#') >= 0) {
        return refuse(why, "is a path: no '?' and no '#'");
    }
    return !has_control(s) || refuse(why, "has a control character");
}

bool
jst_check_method(struct jst_slice s, const char **why)
{
    return is_token(s) || refuse(why, "is not a method: write it as in \"GET\"");
}

bool
jst_check_field_name(struct jst_slice s, const char **why)
{
    return is_token(s) || refuse(why, "is not a header name");
}

bool
jst_check_field_value(struct jst_slice s, const char **why)
{
    if (has_control(s)) {
        return refuse(why, "has a control character: a header's value is one line");
    }
    return jst_slice_trim(s).n == s.n || refuse(why, "has a space at an end");
}

bool
jst_check_pool_name(struct jst_slice s, const char **why)
{
    if (s.n == 0 || jst_slice_find(s, ':') >= 0 || jst_slice_find(s, '/') >= 0) {
        return refuse(why, "is not a pool's name: it has no ':' and no '/'");
    }
    return !has_control(s) || refuse(why, "has a control character");
}

bool
jst_check_hash_key(struct jst_slice s, const char **why)
{
    struct jst_slice name = s;
    struct jst_slice kind = jst_slice_cut(&name, ':');

    if (name.p == NULL &&
        (jst_slice_eq(kind, JST_S("client")) || jst_slice_eq(kind, JST_S("path")))) {
        return true;
    }
    if (jst_slice_eq(kind, JST_S("header")) || jst_slice_eq(kind, JST_S("cookie"))) {
        return (name.p != NULL && is_token(name)) ||
               refuse(why, "lacks the name: write \"header:NAME\" or \"cookie:NAME\"");
    }
    return refuse(why, "is not what requests are hashed by: write \"client\", \"path\", "
                       "\"header:NAME\" or \"cookie:NAME\"");
}

/* Starts a `$word` that stands for nothing? Other servers have more of them. */
static bool
is_unknown_variable(struct jst_slice s)
{
    static const char *const names[] = {"$uri", "$path", "$query", "$host"};

    if (s.n < 2 || s.p[0] != '$' ||
        !((s.p[1] >= '0' && s.p[1] <= '9') || s.p[1] == '_' ||
          (jst_lower(s.p[1]) >= 'a' && jst_lower(s.p[1]) <= 'z'))) {
        return false;
    }
    for (size_t i = 0; i < JST_COUNT(names); i++) {
        if (jst_slice_starts(s, jst_slice_z(names[i]))) {
            return false;
        }
    }
    return true;
}

bool
jst_check_redirect(struct jst_slice s, const char **why)
{
    if (s.n == 0) {
        return refuse(why, "must not be empty");
    }
    for (size_t i = 0; i < s.n; i++) {
        if (is_unknown_variable(jst_slice(s.p + i, s.n - i))) {
            return refuse(why, "has an unknown variable: there are $uri, $path, $query and $host "
                               "(a plain '$' is %24)");
        }
    }
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] <= 0x20 || s.p[i] == 0x7f) {
            return refuse(why, "is not a Location: it has a space or control character");
        }
    }
    return true;
}

/* A DNS name or an address, of TLS: no wildcard, no port. */
bool
jst_check_name(struct jst_slice s, const char **why)
{
    if (s.n == 0 || s.n > 253) {
        return refuse(why, "is not a host name");
    }
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] <= 0x20 || (unsigned char)s.p[i] >= 0x7f ||
            strchr("/*@?#", s.p[i]) != NULL) {
            return refuse(why, "is not a host name: write it without scheme, port and path");
        }
    }
    return true;
}

bool
jst_check_error_page(struct jst_slice s, const char **why)
{
    return jst_check_path(s, why);
}

size_t
jst_origin_scheme_bytes(struct jst_slice url)
{
    static const char *const schemes[] = {"http://", "https://", "h2c://"};

    for (size_t i = 0; i < JST_COUNT(schemes); i++) {
        if (jst_slice_starts(url, jst_slice_z(schemes[i]))) {
            return strlen(schemes[i]);
        }
    }
    return 0;
}

/* Schemes that have their own issue are named, so that nobody looks for a typing error. */
static bool
check_scheme(struct jst_slice s, const char **why)
{
    if (jst_slice_starts(s, JST_S("h2://"))) {
        return refuse(why, "has no known scheme: https:// offers HTTP/2, h2c:// speaks it without "
                           "TLS");
    }
    if (jst_slice_starts(s, JST_S("fcgi://"))) {
        return refuse(why, "cannot be reached: FastCGI is not there yet");
    }
    if (jst_origin_scheme_bytes(s) > 0 || jst_slice_starts(s, JST_S("unix:"))) {
        return true;
    }
    return refuse(why, "is not an origin: write \"http://host:port\", \"https://host\", "
                       "\"h2c://host:port\" or \"unix:/run/app.sock\"");
}

static bool
check_origin(struct jst_slice s, const char **why)
{
    struct jst_slice authority;
    size_t scheme = jst_origin_scheme_bytes(s);

    if (!check_scheme(s, why)) {
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] <= 0x20 || s.p[i] == 0x7f) {
            return refuse(why, "has a space or control character");
        }
    }
    if (jst_slice_starts(s, JST_S("unix:"))) {
        return s.n > 5 || refuse(why, "lacks the socket's path");
    }
    if (jst_slice_find(s, '?') >= 0 || jst_slice_find(s, '#') >= 0) {
        return refuse(why, "must end before '?' and '#'");
    }
    authority = jst_slice(s.p + scheme, s.n - scheme);
    authority = jst_slice_cut(&authority, '/');
    if (authority.n == 0 || authority.p[0] == ':') {
        return refuse(why, "lacks the host");
    }
    return jst_slice_find(authority, '@') < 0 || refuse(why, "must not hold a name and password");
}

bool
jst_check_target(struct jst_slice s, const char **why)
{
    size_t scheme = jst_origin_scheme_bytes(s);
    ptrdiff_t slash;

    if (!check_origin(s, why)) {
        return false;
    }
    if (scheme == 0) {
        return true;
    }
    slash = jst_slice_find(jst_slice(s.p + scheme, s.n - scheme), '/');
    return slash < 0 || scheme + (size_t)slash + 1 == s.n ||
           refuse(why, "must end after the port: only `proxy = \"http://host:port/path\"` takes a "
                       "path");
}

bool
jst_check_proxy(struct jst_slice s, const char **why)
{
    if (jst_slice_find(s, ':') < 0 && jst_slice_find(s, '/') < 0 && s.n > 0) {
        return !has_control(s) || refuse(why, "has a control character");
    }
    return check_origin(s, why);
}
