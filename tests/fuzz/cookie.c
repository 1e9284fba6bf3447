// SPDX-License-Identifier: MIT
/* A cookie's value lies inside its field, and holds no ';'. The first line is the name. */
#include "upstream/hash_key.h"

#include "parse.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jst_slice rest = jst_slice((const char *)data, size);
    struct jst_slice name = jst_slice_cut(&rest, '\n');
    struct jst_slice value;
    char *field;

    if (rest.p == NULL) {
        return 0;
    }
    field = exact_copy(rest);
    value = jst_cookie_find(jst_slice(field, rest.n), name);
    if (value.p != NULL) {
        JST_ASSERT(value.p >= field && value.p + value.n <= field + rest.n);
        JST_ASSERT(value.n == 0 || jst_slice_find(value, ';') < 0);
    }
    free(field);
    return 0;
}
