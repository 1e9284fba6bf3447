// SPDX-License-Identifier: MIT
/* What single values of pools must look like; as in check.c. */
#include "conf/schema.h"

static bool
refuse(const char **why, const char *text)
{
    *why = text;
    return false;
}

bool
jst_check_request_path(struct jst_slice s, const char **why)
{
    if (s.n == 0 || s.p[0] != '/') {
        return refuse(why, "must start with '/'");
    }
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] <= 0x20 || s.p[i] == 0x7f || s.p[i] == '#') {
            return refuse(why, "is what is sent: no space, no control character, no '#'");
        }
    }
    return true;
}

/* It is half of a pool's name: NAME.SLOT. */
bool
jst_check_slot_name(struct jst_slice s, const char **why)
{
    if (jst_slice_find(s, '.') >= 0) {
        return refuse(why, "is not a slot's name: it has no '.'");
    }
    return jst_check_pool_name(s, why);
}

bool
jst_status_range_parse(uint16_t *first, uint16_t *last, struct jst_slice s)
{
    struct jst_slice rest = s, one = jst_slice_cut(&rest, '-');
    uint64_t a, b;

    if (one.n != 3 || !jst_slice_u64(&a, one)) {
        return false;
    }
    b = a;
    if (rest.p != NULL && (rest.n != 3 || !jst_slice_u64(&b, rest))) {
        return false;
    }
    *first = (uint16_t)a;
    *last = (uint16_t)b;
    return a >= 100 && b <= 599 && a <= b;
}

bool
jst_check_status_range(struct jst_slice s, const char **why)
{
    uint16_t first, last;

    return jst_status_range_parse(&first, &last, s) ||
           refuse(why, "is no status: write 204, or a range of 100 to 599 as in \"200-299\"");
}

bool
jst_check_retry_on(struct jst_slice s, const char **why)
{
    uint16_t first, last;

    return jst_slice_eq(s, JST_S("connect")) || jst_slice_eq(s, JST_S("failure")) ||
           jst_slice_eq(s, JST_S("timeout")) ||
           (jst_status_range_parse(&first, &last, s) && first == last && first >= 300) ||
           refuse(why, "is not what is tried again: write \"connect\", \"failure\", \"timeout\" or "
                       "a status from 300 to 599");
}
