// SPDX-License-Identifier: MIT
/* Paths and authorities: what normalizing promises, holds; and encoding what came out and reading
 * that again changes nothing. */
#include "codec/uri.h"

#include "codec/h1.h"
#include "parse.h"

static void
check_segments(struct jst_slice path)
{
    struct jst_slice rest = {path.p + 1, path.n - 1};

    JST_ASSERT(path.n > 0 && path.p[0] == '/');
    while (rest.p != NULL) {
        struct jst_slice segment = jst_slice_cut(&rest, '/');

        JST_ASSERT(!jst_slice_eq(segment, JST_S(".")) && !jst_slice_eq(segment, JST_S("..")));
        JST_ASSERT(segment.n > 0 || rest.p == NULL);
        for (size_t i = 0; i < segment.n; i++) {
            JST_ASSERT((unsigned char)segment.p[i] >= 0x20 && segment.p[i] != 0x7f);
            JST_ASSERT(segment.p[i] != '\\');
        }
    }
}

/* Normal text, encoded and normalized again, is the same text. */
static void
check_fixpoint(struct jst_slice normal)
{
    size_t cap = 3 * normal.n;
    char *encoded = malloc(cap);
    char *again = malloc(cap);
    int encoded_n;
    int n;

    JST_ASSERT(encoded != NULL && again != NULL);
    encoded_n = jst_path_encode(encoded, cap, normal);
    JST_ASSERT(encoded_n >= 0);
    n = jst_path_normalize(again, cap, jst_slice(encoded, (size_t)encoded_n));
    JST_ASSERT(n >= 0 && jst_slice_eq(jst_slice(again, (size_t)n), normal));
    free(encoded);
    free(again);
}

static void
check_path(struct jst_slice in)
{
    char *out = exact_copy(in);
    int n = jst_path_normalize(out, in.n, in);
    bool same = n >= 0 && jst_slice_eq(jst_slice(out, (size_t)n), in);

    JST_ASSERT(n >= 0 || n == JOIST_E_PROTO);
    JST_ASSERT(jst_path_is_normal(in) == same);
    if (n >= 0) {
        check_segments(jst_slice(out, (size_t)n));
        check_fixpoint(jst_slice(out, (size_t)n));
    }
    free(out);
}

static void
check_authority(struct jst_slice in)
{
    struct jst_slice host;
    uint16_t port;
    struct jst_url url;

    if (jst_host_split(in, &host, &port)) {
        JST_ASSERT(host.n > 0 && lies_inside(host, in));
        JST_ASSERT(jst_slice_find(host, '@') < 0 && jst_slice_find(host, '/') < 0);
    }
    if (jst_url_parse(&url, in) == JOIST_OK) {
        JST_ASSERT(lies_inside(url.host, in) && lies_inside(url.path, in));
        JST_ASSERT((url.port == 0) == jst_slice_eq(url.scheme, JST_S("unix")));
        JST_ASSERT(url.path.n == 0 || url.path.p[0] == '/');
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = exact_copy(jst_slice((const char *)data, size));
    struct jst_slice in = {bytes, size};

    check_path(in);
    check_authority(in);
    free(bytes);
    return 0;
}
