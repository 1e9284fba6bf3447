// SPDX-License-Identifier: MIT
/* PROXY protocol headers: an answer does not change with what follows, and what was read, printed
 * and read again is the same. */
#include "codec/proxy_protocol.h"

#include "parse.h"

#define BOTH (JST_PROXY_V1 | JST_PROXY_V2)

static void
check_printed(const struct jst_proxy_header *h)
{
    for (unsigned version = JST_PROXY_V1; version <= JST_PROXY_V2; version++) {
        char out[JST_PROXY_PRINT_BYTES_MAX];
        struct jst_proxy_header back;
        size_t n = jst_proxy_print(out, h, version);

        JST_ASSERT(jst_proxy_parse(&back, jst_slice(out, n), version) == (int)n);
        JST_ASSERT(h->family == JST_PROXY_UNIX || back.family == h->family);
        JST_ASSERT(memcmp(back.source, h->source, sizeof(h->source)) == 0);
        JST_ASSERT(memcmp(back.target, h->target, sizeof(h->target)) == 0);
        JST_ASSERT(back.source_port == h->source_port && back.target_port == h->target_port);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jst_slice in = {(const char *)data, size};
    struct jst_proxy_header h;
    int rc = jst_proxy_parse(&h, in, BOTH);
    size_t step = size > 256 ? size / 64 : 1;

    JST_ASSERT(rc > 0 || rc == JOIST_E_AGAIN || rc == JOIST_E_PROTO || rc == JOIST_E_LIMIT);
    JST_ASSERT(rc <= (int)JST_PROXY_V2_BYTES_MAX && rc <= (int)size);
    JST_ASSERT(rc != JOIST_E_AGAIN || size < JST_PROXY_V2_BYTES_MAX);
    if (rc > 0) {
        check_printed(&h);
    }
    for (size_t n = 0; n < size; n += step) {
        char *part = exact_copy(jst_slice(in.p, n));
        int early = jst_proxy_parse(&h, jst_slice(part, n), BOTH);

        JST_ASSERT(early == rc || early == JOIST_E_AGAIN);
        JST_ASSERT(early < 0 || (size_t)early <= n);
        free(part);
    }
    return 0;
}
