// SPDX-License-Identifier: MIT
#include "base/units.h"

#include "base/str.h"

#define DURATION_MAX_MS (UINT64_C(10) * 365 * 24 * 3600 * 1000)
#define SIZE_MAX_BYTES  (UINT64_C(1) << 62)

struct unit {
    char name[4];
    uint64_t factor;
};

/* Largest first: of two spellings of the same length the larger unit is the clearer one. */
static const struct unit durations[] = {
    {"d", 24 * 3600 * 1000}, {"h", 3600 * 1000}, {"m", 60 * 1000}, {"s", 1000}, {"ms", 1},
};
static const struct unit sizes[] = {
    {"TiB", UINT64_C(1) << 40},
    {"TB", 1000000000000},
    {"GiB", 1 << 30},
    {"GB", 1000000000},
    {"MiB", 1 << 20},
    {"MB", 1000000},
    {"KiB", 1 << 10},
    {"kB", 1000},
    {"KB", 1000},
    {"B", 1},
    {"", 1},
};

/* Whole number and unit of the table; no space, no sign, no fraction. */
static int
parse_with_unit(uint64_t *out, struct jst_slice text, const struct unit *units, size_t units_n,
                uint64_t max)
{
    size_t digits = 0;
    uint64_t v;

    while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9') {
        digits++;
    }
    if (!jst_slice_u64(&v, jst_slice(text.p, digits))) {
        return JOIST_E_INVAL;
    }
    for (size_t i = 0; i < units_n; i++) {
        struct jst_slice name = jst_slice_z(units[i].name);

        if (jst_slice_eq(jst_slice(text.p + digits, text.n - digits), name)) {
            if (v > max / units[i].factor) {
                return JOIST_E_INVAL;
            }
            *out = v * units[i].factor;
            return JOIST_OK;
        }
    }
    return JOIST_E_INVAL;
}

int
jst_duration_parse(uint64_t *ms, struct jst_slice text)
{
    if (jst_slice_eq(text, JST_S("0"))) {
        *ms = 0;
        return JOIST_OK;
    }
    return parse_with_unit(ms, text, durations, JST_COUNT(durations), DURATION_MAX_MS);
}

int
jst_size_parse(uint64_t *bytes, struct jst_slice text)
{
    return parse_with_unit(bytes, text, sizes, JST_COUNT(sizes), SIZE_MAX_BYTES);
}

/* The shortest of the spellings that are exact; of equally short ones the first of the table. */
static size_t
print_with_unit(char *out, size_t cap, uint64_t v, const struct unit *units, size_t units_n)
{
    char best[32];
    size_t best_n = sizeof(best);

    for (size_t i = 0; i < units_n; i++) {
        char text[32];
        size_t n;

        if (v % units[i].factor != 0) {
            continue;
        }
        n = jst_fmt(text, sizeof(text), "%llu%s", (unsigned long long)(v / units[i].factor),
                    units[i].name);
        if (n < best_n) {
            best_n = n;
            memcpy(best, text, n + 1);
        }
    }
    return jst_fmt(out, cap, "%s", best);
}

size_t
jst_duration_print(char *out, size_t cap, uint64_t ms)
{
    if (ms == 0) {
        return jst_fmt(out, cap, "0");
    }
    return print_with_unit(out, cap, ms, durations, JST_COUNT(durations));
}

size_t
jst_size_print(char *out, size_t cap, uint64_t bytes)
{
    if (bytes == 0) {
        return jst_fmt(out, cap, "0");
    }
    return print_with_unit(out, cap, bytes, sizes, JST_COUNT(sizes));
}
