// SPDX-License-Identifier: MIT
/* Dates: what is read, printed and read again is the same second. */
#include "codec/date.h"

#include "parse.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const int64_t now_s = 1763600000;
    char *bytes = exact_copy(jst_slice((const char *)data, size));
    int64_t unix_s;
    int64_t again;
    char out[JST_DATE_BYTES];

    if (jst_date_parse(&unix_s, jst_slice(bytes, size), now_s)) {
        JST_ASSERT(unix_s >= -62167219200 && unix_s <= 253402300800); /* years 0 to 9999 */
        jst_date_print(out, unix_s);
        JST_ASSERT(jst_date_parse(&again, jst_slice(out, sizeof(out)), now_s));
        JST_ASSERT(again == unix_s || unix_s < 0 ||
                   unix_s == 253402300800); /* the rest is clamped */
    }
    free(bytes);
    return 0;
}
