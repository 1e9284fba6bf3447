// SPDX-License-Identifier: MIT
#include "codec/field.h"

#include "codec/h1.h"

/* Names are padded to whole words, so that comparing never reads beyond one. */
struct known_name {
    char text[24];
    uint8_t n;
    bool hop;
};

static const struct known_name known[JST_FIELD_IDS_] = {
#define X(id, name, hop) [JST_FIELD_##id] = {name, sizeof(name) - 1, hop},
    JST_FIELD_MAP(X)
#undef X
};

#define X(id, name, hop)                                                                           \
    _Static_assert(sizeof(name) <= sizeof(known[0].text), "longer than struct known_name holds");
JST_FIELD_MAP(X)
#undef X

/* Equal but for the case of letters. `y` is a word of a known name, so it holds letters (bit 0x40
 * is set) and '-' (it is not): bit 0x20 may differ where there is a letter, nothing else may. */
static inline bool
words_match(uint64_t x, uint64_t y)
{
    return ((x ^ y) & ~((y & 0x4040404040404040u) >> 1)) == 0;
}

static inline uint64_t
load_8(const char *p)
{
    uint64_t w;

    memcpy(&w, p, 8);
    return w;
}

static inline uint64_t
load_4(const char *p)
{
    uint32_t w;

    memcpy(&w, p, 4);
    return w;
}

/* The lengths are equal. Words may overlap; none reaches outside the name. */
static inline bool
is_name(const char *p, size_t n, const char *y)
{
    if (n >= 8) {
        return words_match(load_8(p), load_8(y)) &&
               words_match(load_8(p + n - 8), load_8(y + n - 8)) &&
               (n <= 16 || words_match(load_8(p + 8), load_8(y + 8)));
    }
    if (n >= 4) {
        return words_match(load_4(p), load_4(y)) &&
               words_match(load_4(p + n - 4), load_4(y + n - 4));
    }
    for (size_t i = 0; i < n; i++) {
        if (!words_match((unsigned char)p[i], (unsigned char)y[i])) {
            return false;
        }
    }
    return true;
}

/* The one known name that has this length and this last letter (lower case), or among several the
 * one with this first letter. Every name of JST_FIELD_MAP needs its place here: the unit test
 * looks each of them up. */
static inline enum jst_field_id
guess_id(size_t n, char first, char last)
{
    switch (n) {
    case 2:
        return JST_FIELD_TE;
    case 3:
        return last == 'e' ? JST_FIELD_AGE : JST_FIELD_VIA;
    case 4:
        return first == 'h'   ? JST_FIELD_HOST
               : first == 'd' ? JST_FIELD_DATE
               : first == 'e' ? JST_FIELD_ETAG
                              : JST_FIELD_VARY;
    case 5:
        return last == 'w' ? JST_FIELD_ALLOW : JST_FIELD_RANGE;
    case 6:
        return first == 'a'   ? JST_FIELD_ACCEPT
               : first == 'c' ? JST_FIELD_COOKIE
               : first == 's' ? JST_FIELD_SERVER
               : first == 'o' ? JST_FIELD_ORIGIN
                              : JST_FIELD_EXPECT;
    case 7:
        return first == 'r'   ? JST_FIELD_REFERER
               : first == 'u' ? JST_FIELD_UPGRADE
               : first == 'e' ? JST_FIELD_EXPIRES
                              : JST_FIELD_TRAILER;
    case 8:
        return first == 'l'  ? JST_FIELD_LOCATION
               : last == 'h' ? JST_FIELD_IF_MATCH
                             : JST_FIELD_IF_RANGE;
    case 9:
        return JST_FIELD_FORWARDED;
    case 10:
        return first == 'u'   ? JST_FIELD_USER_AGENT
               : first == 'c' ? JST_FIELD_CONNECTION
               : first == 's' ? JST_FIELD_SET_COOKIE
                              : JST_FIELD_KEEP_ALIVE;
    case 11:
        return JST_FIELD_RETRY_AFTER;
    case 12:
        return first == 'c'   ? JST_FIELD_CONTENT_TYPE
               : first == 'x' ? JST_FIELD_X_REQUEST_ID
                              : JST_FIELD_MAX_FORWARDS;
    case 13:
        return first == 'c'   ? (last == 'l' ? JST_FIELD_CACHE_CONTROL : JST_FIELD_CONTENT_RANGE)
               : first == 'a' ? (last == 's' ? JST_FIELD_ACCEPT_RANGES : JST_FIELD_AUTHORIZATION)
               : first == 'i' ? JST_FIELD_IF_NONE_MATCH
                              : JST_FIELD_LAST_MODIFIED;
    case 14:
        return JST_FIELD_CONTENT_LENGTH;
    case 15:
        return first == 'a' ? JST_FIELD_ACCEPT_ENCODING : JST_FIELD_X_FORWARDED_FOR;
    case 16:
        return first == 'c'   ? JST_FIELD_CONTENT_ENCODING
               : first == 'p' ? JST_FIELD_PROXY_CONNECTION
               : first == 'w' ? JST_FIELD_WWW_AUTHENTICATE
                              : JST_FIELD_X_FORWARDED_HOST;
    case 17:
        return first == 'i'   ? JST_FIELD_IF_MODIFIED_SINCE
               : first == 't' ? JST_FIELD_TRANSFER_ENCODING
                              : JST_FIELD_X_FORWARDED_PROTO;
    case 18:
        return JST_FIELD_PROXY_AUTHENTICATE;
    case 19:
        return first == 'i' ? JST_FIELD_IF_UNMODIFIED_SINCE : JST_FIELD_PROXY_AUTHORIZATION;
    default:
        return JST_FIELD_OTHER;
    }
}

enum jst_field_id
jst_field_id(struct jst_slice name)
{
    enum jst_field_id id;

    if (name.n == 0) {
        return JST_FIELD_OTHER;
    }
    id = guess_id(name.n, (char)(name.p[0] | 0x20), (char)(name.p[name.n - 1] | 0x20));
    if (id != JST_FIELD_OTHER && is_name(name.p, name.n, known[id].text)) {
        return id;
    }
    return JST_FIELD_OTHER;
}

struct jst_slice
jst_field_name(enum jst_field_id id)
{
    JST_ASSERT(id > JST_FIELD_OTHER && id < JST_FIELD_IDS_);
    return jst_slice(known[id].text, known[id].n);
}

bool
jst_field_is_hop(enum jst_field_id id)
{
    JST_ASSERT(id < JST_FIELD_IDS_);
    return known[id].hop;
}

const struct jst_field *
jst_fields_find(const struct jst_fields *f, enum jst_field_id id)
{
    for (uint32_t i = 0; i < f->n; i++) {
        if (f->v[i].id == id && !f->v[i].drop) {
            return &f->v[i];
        }
    }
    return NULL;
}

const struct jst_field *
jst_fields_find_name(const struct jst_fields *f, struct jst_slice name)
{
    enum jst_field_id id = jst_field_id(name);

    if (id != JST_FIELD_OTHER) {
        return jst_fields_find(f, id);
    }
    for (uint32_t i = 0; i < f->n; i++) {
        if (f->v[i].id == JST_FIELD_OTHER && !f->v[i].drop && jst_slice_ieq(f->v[i].name, name)) {
            return &f->v[i];
        }
    }
    return NULL;
}

int
jst_fields_add(struct jst_fields *f, struct jst_slice name, struct jst_slice value)
{
    if (f->n >= f->cap) {
        return JOIST_E_LIMIT;
    }
    f->v[f->n++] = (struct jst_field){name, value, (uint16_t)jst_field_id(name), false};
    return JOIST_OK;
}

int
jst_fields_copy(struct jst_fields *out, struct jst_arena *a, const struct jst_fields *from)
{
    struct jst_field *v = jst_arena_alloc(a, from->n * sizeof(*v));

    if (v == NULL) {
        return JOIST_E_NOMEM;
    }
    for (uint32_t i = 0; i < from->n; i++) {
        v[i] = from->v[i];
        v[i].name = jst_arena_copy(a, v[i].name);
        v[i].value = jst_arena_copy(a, v[i].value);
        if (v[i].name.p == NULL || v[i].value.p == NULL) {
            return JOIST_E_NOMEM;
        }
    }
    *out = (struct jst_fields){v, from->n, from->n};
    return JOIST_OK;
}

/* RFC 9110 7.6.1 has a sender never name a field that is meant for all recipients. These decide
 * what the message is, who sent it and who may see the answer: a peer that names one would have
 * us cut what the next server relies on, so they stay. */
static bool
is_kept(enum jst_field_id id)
{
    switch (id) {
    case JST_FIELD_AUTHORIZATION:
    case JST_FIELD_CACHE_CONTROL:
    case JST_FIELD_CONTENT_ENCODING:
    case JST_FIELD_CONTENT_LENGTH:
    case JST_FIELD_CONTENT_RANGE:
    case JST_FIELD_CONTENT_TYPE:
    case JST_FIELD_COOKIE:
    case JST_FIELD_FORWARDED:
    case JST_FIELD_HOST:
    case JST_FIELD_SET_COOKIE:
    case JST_FIELD_VARY:
    case JST_FIELD_VIA:
    case JST_FIELD_X_FORWARDED_FOR:
    case JST_FIELD_X_FORWARDED_HOST:
    case JST_FIELD_X_FORWARDED_PROTO:
    case JST_FIELD_X_REQUEST_ID:
        return true;
    default:
        return false;
    }
}

void
jst_fields_drop_name(struct jst_fields *f, struct jst_slice name)
{
    enum jst_field_id id = jst_field_id(name);

    if (is_kept(id)) {
        return;
    }
    for (uint32_t i = 0; i < f->n; i++) {
        struct jst_field *field = &f->v[i];

        if (field->id == id && (id != JST_FIELD_OTHER || jst_slice_ieq(field->name, name))) {
            field->drop = true;
        }
    }
}

void
jst_fields_drop_hop(struct jst_fields *f)
{
    for (uint32_t i = 0; i < f->n; i++) {
        if (known[f->v[i].id].hop) {
            f->v[i].drop = true;
        }
        if (f->v[i].id == JST_FIELD_CONNECTION) {
            struct jst_slice rest = f->v[i].value;
            struct jst_slice name;

            while (jst_list_next(&rest, &name)) {
                jst_fields_drop_name(f, name);
            }
        }
    }
}
