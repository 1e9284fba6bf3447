// SPDX-License-Identifier: MIT
/* Ranges lie inside the representation, are not empty and do not touch; entity tags match
 * themselves. The first eight bytes are the size. */
#include "codec/range.h"

#include "parse.h"

#define CAP 16

static void
check_ranges(struct jst_slice header, uint64_t size)
{
    struct jst_range *out = malloc(CAP * sizeof(*out));
    int n = jst_range_parse(out, CAP, header, size);

    JST_ASSERT(n == JOIST_E_INVAL || (n >= 0 && n <= CAP));
    for (int i = 0; i < n; i++) {
        JST_ASSERT(out[i].n > 0 && out[i].first < size && out[i].n <= size - out[i].first);
        for (int k = 0; k < i; k++) {
            JST_ASSERT(out[i].first + out[i].n < out[k].first ||
                       out[k].first + out[k].n < out[i].first);
        }
    }
    free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t bytes_n = 0;
    struct jst_slice header;
    char *bytes;

    if (size < sizeof(bytes_n)) {
        return 0;
    }
    memcpy(&bytes_n, data, sizeof(bytes_n));
    header.n = size - sizeof(bytes_n);
    bytes = exact_copy(jst_slice((const char *)data + sizeof(bytes_n), header.n));
    header.p = bytes;
    check_ranges(header, bytes_n);
    check_ranges(header, bytes_n % 100);
    /* What a strong comparison finds, a weak one finds too. */
    JST_ASSERT(!jst_etag_matches(header, JST_S("\"a\""), false) ||
               jst_etag_matches(header, JST_S("\"a\""), true));
    JST_ASSERT(!jst_etag_matches(JST_S("\"a\""), header, false) ||
               jst_etag_matches(JST_S("W/\"a\""), header, true));
    free(bytes);
    return 0;
}
