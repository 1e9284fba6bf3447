// SPDX-License-Identifier: MIT
#include "upstream/sticky_cookie.h"

#include "base/str.h"

#define TARGET_DIGITS  16u
#define SECONDS_DIGITS 10u /* to the year 36812 */

/* ---- what our own says ---- */

size_t
jst_mark_print(char out[JST_MARK_BYTES_MAX], const struct jst_mark *m)
{
    if (m->set_s < 0) {
        return jst_fmt(out, JST_MARK_BYTES_MAX, "%016llx", (unsigned long long)m->target);
    }
    return jst_fmt(out, JST_MARK_BYTES_MAX, "%016llx.%llx", (unsigned long long)m->target,
                   (unsigned long long)m->set_s);
}

static bool
parse_hex(uint64_t *out, struct jst_slice text)
{
    uint64_t v = 0;

    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];

        if (c >= '0' && c <= '9') {
            v = v << 4 | (uint64_t)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            v = v << 4 | (uint64_t)(c - 'a' + 10);
        } else {
            return false;
        }
    }
    *out = v;
    return text.n > 0;
}

bool
jst_mark_parse(struct jst_mark *out, struct jst_slice text)
{
    struct jst_mark m = {.set_s = -1};
    struct jst_slice seconds;
    uint64_t set_s;

    if (text.n < TARGET_DIGITS || !parse_hex(&m.target, jst_slice(text.p, TARGET_DIGITS))) {
        return false;
    }
    if (text.n > TARGET_DIGITS) {
        seconds = jst_slice(text.p + TARGET_DIGITS + 1, text.n - TARGET_DIGITS - 1);
        if (text.p[TARGET_DIGITS] != '.' || seconds.n > SECONDS_DIGITS ||
            !parse_hex(&set_s, seconds)) {
            return false;
        }
        m.set_s = (int64_t)set_s;
    }
    *out = m;
    return true;
}

/* ---- in a request ---- */

static bool
is_named(struct jst_slice pair, struct jst_slice name)
{
    struct jst_slice value = pair;
    struct jst_slice found = jst_slice_cut(&value, '=');

    return value.p != NULL && jst_slice_eq(jst_slice_trim(found), name);
}

struct jst_slice
jst_cookie_without(struct jst_arena *a, struct jst_slice field, struct jst_slice name)
{
    struct jst_slice left = field;
    struct jst_str s;
    bool found = false;

    while (left.p != NULL && !found) {
        found = is_named(jst_slice_cut(&left, ';'), name);
    }
    if (!found) {
        return field;
    }
    s = jst_str(jst_arena_alloc(a, 2 * field.n), 2 * field.n); /* ";" may become "; " */
    if (s.p == NULL) {
        return JST_SLICE_NONE;
    }
    for (left = field; left.p != NULL;) {
        struct jst_slice pair = jst_slice_trim(jst_slice_cut(&left, ';'));

        if (pair.n == 0 || is_named(pair, name)) {
            continue;
        }
        if (s.n > 0) {
            jst_str_add(&s, JST_S("; "));
        }
        jst_str_add(&s, pair);
    }
    JST_ASSERT(!s.full);
    return jst_str_slice(&s);
}

/* ---- in a response ---- */

struct jst_slice
jst_set_cookie_value(struct jst_slice field, struct jst_slice name)
{
    struct jst_slice value = jst_slice_cut(&field, ';');
    struct jst_slice found = jst_slice_cut(&value, '=');

    if (value.p == NULL || !jst_slice_eq(jst_slice_trim(found), name)) {
        return JST_SLICE_NONE;
    }
    value = jst_slice_trim(value);
    if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"') {
        value = jst_slice(value.p + 1, value.n - 2);
    }
    return value;
}

struct jst_slice
jst_set_cookie_print(struct jst_arena *a, const struct jst_set_cookie *c)
{
    static const char *const same_sites[] = {"; SameSite=Lax", "; SameSite=Strict",
                                             "; SameSite=None"};
    size_t cap = c->name.n + c->value.n + c->path.n + 128;
    struct jst_str s = jst_str(jst_arena_alloc(a, cap), cap);

    if (s.p == NULL) {
        return JST_SLICE_NONE;
    }
    jst_str_fmt(&s, "%.*s=%.*s; Path=%.*s", JST_PRI(c->name), JST_PRI(c->value), JST_PRI(c->path));
    if (c->max_age_s > 0) {
        jst_str_add(&s, JST_S("; Max-Age="));
        jst_str_add_u64(&s, c->max_age_s);
    }
    if (c->http_only) {
        jst_str_add(&s, JST_S("; HttpOnly"));
    }
    if (c->secure) {
        jst_str_add(&s, JST_S("; Secure"));
    }
    if (c->secure || c->same_site != JOIST_SAME_SITE_NONE) {
        jst_str_add(&s, jst_slice_z(same_sites[c->same_site]));
    }
    JST_ASSERT(!s.full);
    return jst_str_slice(&s);
}
