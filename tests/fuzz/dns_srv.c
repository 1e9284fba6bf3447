// SPDX-License-Identifier: MIT
/* SRV records of a DNS response: names are of a host's letters, ports are not 0, the lowest
 * priority is first, and a smaller array gets the first of them. */
#include "upstream/resolve_int.h"

#include "parse.h"

static void
check_record(const struct jst_srv *srv)
{
    size_t n = strnlen(srv->host, sizeof(srv->host));

    JST_ASSERT(n > 1 && n < sizeof(srv->host) && srv->host[n - 1] == '.' && srv->port != 0);
    for (size_t i = 0; i < n; i++) {
        JST_ASSERT(srv->host[i] > ' ' && srv->host[i] < 127);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jst_srv *all = malloc(JST_SRV_MAX * sizeof(*all));
    struct jst_srv one;
    char *bytes = exact_copy(jst_slice((const char *)data, size));
    uint32_t ttl_s = 0;
    int n = jst_srv_parse(all, JST_SRV_MAX, &ttl_s, (const uint8_t *)bytes, size);

    JST_ASSERT(n == JOIST_E_PROTO || (n >= 0 && n <= (int)JST_SRV_MAX));
    for (int i = 0; i < n; i++) {
        check_record(&all[i]);
        JST_ASSERT(i == 0 || all[i - 1].rank.priority <= all[i].rank.priority);
        JST_ASSERT(ttl_s <= 0x7fffffff);
    }
    if (n > 0) {
        JST_ASSERT(jst_srv_parse(&one, 1, &ttl_s, (const uint8_t *)bytes, size) == 1);
        JST_ASSERT(one.port == all[0].port && one.rank.priority == all[0].rank.priority);
    }
    free(bytes);
    free(all);
    return 0;
}
