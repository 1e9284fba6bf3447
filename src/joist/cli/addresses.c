// SPDX-License-Identifier: MIT
/* Addresses to click. */
#include "cli/screen.h"

#include "base/str.h"
#include "sys/addr.h"

#include <sys/socket.h>
#include <unistd.h>

bool
jst_print_url(FILE *out, const struct joist_listener_conf *l, const char *host, uint16_t port)
{
    bool tls = l->tls != NULL;

    if (jst_slice_starts(jst_slice_z(l->bind), JST_S("unix:"))) {
        (void)fprintf(out, "%s", l->bind);
        return false;
    }
    (void)fprintf(out, "%s://%s", tls ? "https" : "http", host);
    if (port != (tls ? 443 : 80)) {
        (void)fprintf(out, ":%u", port);
    }
    return true;
}

/* The address that the system would send from. No packet leaves: connecting a datagram socket only
 * asks for the route. */
static bool
find_own(char *out, size_t cap, const char *far)
{
    char text[JST_ADDR_TEXT_BYTES];
    struct jst_addr to, from = {.len = sizeof(from.u)};
    bool found, ipv6;
    int fd;

    if (jst_addr_parse(&to, jst_slice_z(far)) < 0) {
        return false;
    }
    ipv6 = to.u.any.sa_family == AF_INET6;
    fd = socket(to.u.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    found = connect(fd, &to.u.any, to.len) == 0 && getsockname(fd, &from.u.any, &from.len) == 0 &&
            !(ipv6 && (IN6_IS_ADDR_LOOPBACK(&from.u.in6.sin6_addr) ||
                       IN6_IS_ADDR_LINKLOCAL(&from.u.in6.sin6_addr)));
    (void)close(fd);
    if (found) {
        (void)jst_addr_print_ip(text, &from);
        (void)jst_fmt(out, cap, ipv6 ? "[%s]" : "%s", text);
    }
    return found;
}

size_t
jst_own_addresses(char out[2][64])
{
    /* RFC 5737 and RFC 3849: addresses of nobody, routed like those of everybody */
    static const char *const far[] = {"192.0.2.1:9", "[2001:db8::1]:9"};
    size_t n = 0;

    for (size_t i = 0; i < JST_COUNT(far); i++) {
        n += find_own(out[n], sizeof(out[0]), far[i]);
    }
    return n;
}
