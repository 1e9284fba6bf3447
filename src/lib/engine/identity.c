// SPDX-License-Identifier: MIT
#include "engine/identity.h"

#include <endian.h>

#define REQUEST_ID_BYTES 36 /* a UUID, RFC 9562 */
#define REQUEST_ID_MAX   128

int
jst_identity_add(struct jst_stream *s, struct jst_slice name, struct jst_slice value)
{
    struct jst_fields *fields = &s->req.fields;

    if (fields->n == fields->cap) {
        uint32_t cap = fields->n + 4; /* all that is ever added */
        struct jst_field *v = jst_arena_alloc(&s->arena, cap * sizeof(*v));

        if (v == NULL) {
            return JOIST_E_NOMEM;
        }
        if (fields->n > 0) {
            memcpy(v, fields->v, fields->n * sizeof(*v));
        }
        fields->v = v;
        fields->cap = cap;
    }
    return jst_fields_add(fields, name, value);
}

/* ---- identifier ---- */

/* Eight digits at once: a nibble in each byte, the first digit's in the lowest. */
static void
put_hex(char out[8], uint32_t v)
{
    uint64_t x = __builtin_bswap32(v);
    uint64_t letters;

    x = (x | x << 16) & 0x0000ffff0000ffff;
    x = (x | x << 8) & 0x00ff00ff00ff00ff;
    x = (x >> 4 | x << 8) & 0x0f0f0f0f0f0f0f0f;
    letters = (x + 0x0606060606060606) >> 4 & 0x0101010101010101; /* 1 where it is 10 or more */
    x += 0x3030303030303030 + letters * ('a' - '0' - 10);
    x = htole64(x);
    memcpy(out, &x, sizeof(x));
}

static struct jst_slice
make_id(struct jst_stream *s)
{
    char *text = jst_arena_alloc(&s->arena, REQUEST_ID_BYTES);
    uint64_t a = jst_rand_next(&s->local->rand);
    uint64_t b = jst_rand_next(&s->local->rand);
    char digits[32];

    if (text == NULL) {
        return JST_SLICE_NONE;
    }
    a = (a & ~(uint64_t)0xf000) | 0x4000;                         /* version 4 */
    b = (b & ~((uint64_t)0xc000 << 48)) | (uint64_t)0x8000 << 48; /* variant 10 */
    put_hex(digits, (uint32_t)(a >> 32));
    put_hex(digits + 8, (uint32_t)a);
    put_hex(digits + 16, (uint32_t)(b >> 32));
    put_hex(digits + 24, (uint32_t)b);
    memcpy(text, digits, 8);
    text[8] = '-';
    memcpy(text + 9, digits + 8, 4);
    text[13] = '-';
    memcpy(text + 14, digits + 12, 4);
    text[18] = '-';
    memcpy(text + 19, digits + 16, 4);
    text[23] = '-';
    memcpy(text + 24, digits + 20, 12);
    return jst_slice(text, REQUEST_ID_BYTES);
}

static bool
is_plain_id(struct jst_slice v)
{
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] <= ' ' || v.p[i] > '~' || v.p[i] == '"') {
            return false;
        }
    }
    return v.n > 0 && v.n <= REQUEST_ID_MAX;
}

static void
choose_id(struct jst_stream *s)
{
    const struct jst_field *f = jst_fields_find(&s->req.fields, JST_FIELD_X_REQUEST_ID);

    s->request_id = f != NULL && is_plain_id(f->value) ? f->value : make_id(s);
}

/* ---- address ---- */

/* Bytes of an address, perhaps with a port, and nothing else: it goes to logs and origins. */
static bool
looks_like_address(struct jst_slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = jst_lower(text.p[i]);

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == '.' || c == ':' ||
              c == '[' || c == ']')) {
            return false;
        }
    }
    return text.n > 0 && text.n <= 64;
}

/* The nearest address in X-Forwarded-For that is not a proxy of ours: the last one that somebody
 * we trust has seen himself. */
static struct jst_slice
forwarded_client(const struct jst_stream *s, struct jst_slice peer)
{
    const struct jst_snapshot *snap = jst_gen_of(s)->snap;
    struct jst_slice client = peer;

    for (uint32_t i = s->req.fields.n; i > 0; i--) {
        const struct jst_field *f = &s->req.fields.v[i - 1];
        struct jst_slice list = f->value;

        if (f->id != JST_FIELD_X_FORWARDED_FOR || f->drop) {
            continue;
        }
        while (list.n > 0) {
            size_t at = list.n;
            struct jst_slice one;

            while (at > 0 && list.p[at - 1] != ',') {
                at--;
            }
            one = jst_slice_trim(jst_slice(list.p + at, list.n - at));
            list.n = at > 0 ? at - 1 : 0;
            if (!looks_like_address(one)) {
                return client;
            }
            client = one;
            if (!jst_snapshot_trusts_text(snap, one)) {
                return client;
            }
        }
    }
    return client;
}

/* The first bytes of a name in lower case and without disguise. */
static struct jst_slice
spell_plain(char *out, size_t cap, struct jst_slice name)
{
    size_t n = JST_MIN(name.n, cap);

    for (size_t i = 0; i < n; i++) {
        out[i] = name.p[i] == '_' ? '-' : jst_lower(name.p[i]);
    }
    return jst_slice(out, n);
}

/* Does `name` mean one of the fields that say who asks? Origins that follow CGI (RFC 3875 4.1.18)
 * read '_' and '-' as the same letter; `disguised` tells that it is spelled that way. */
static bool
is_forwarding_name(struct jst_slice name, bool *disguised)
{
    static const struct jst_slice family = {"x-forwarded-", 12};
    static const struct jst_slice names[] = {
        {"forwarded", 9}, {"x-real-ip", 9}, {"x-request-id", 12}};
    char plain[12];
    struct jst_slice start;

    if (name.n == 0 || (jst_lower(name.p[0]) != 'x' && jst_lower(name.p[0]) != 'f')) {
        return false;
    }
    start = spell_plain(plain, sizeof(plain), name);
    *disguised = jst_slice_find(name, '_') >= 0;
    for (size_t i = 0; i < JST_COUNT(names); i++) {
        if (name.n == names[i].n && jst_slice_eq(start, names[i])) {
            return true;
        }
    }
    return name.n > family.n && jst_slice_eq(start, family);
}

/* What a peer may say about who asks: nothing, if it is not trusted. Even of a trusted one nothing
 * in disguise: that is its client's, which it did not recognize. */
static void
drop_forwarding(struct jst_fields *fields, bool trusted)
{
    for (uint32_t i = 0; i < fields->n; i++) {
        struct jst_field *f = &fields->v[i];
        bool disguised = false;

        switch (f->id) {
        case JST_FIELD_FORWARDED:
        case JST_FIELD_X_FORWARDED_FOR:
        case JST_FIELD_X_FORWARDED_HOST:
        case JST_FIELD_X_FORWARDED_PROTO:
        case JST_FIELD_X_REQUEST_ID:
            f->drop = f->drop || !trusted;
            break;
        case JST_FIELD_OTHER:
            f->drop =
                f->drop || (is_forwarding_name(f->name, &disguised) && (disguised || !trusted));
            break;
        default:
            break;
        }
    }
}

void
jst_identify(struct jst_stream *s)
{
    char text[JST_ADDR_TEXT_BYTES];
    struct jst_slice peer = {text, jst_addr_print_ip(text, &s->peer->addr)};
    bool trusted = jst_gen_of(s)->snap->trusted_n > 0 &&
                   jst_snapshot_trusts(jst_gen_of(s)->snap, &s->peer->addr);

    drop_forwarding(&s->req.fields, trusted);
    if (trusted) {
        peer = forwarded_client(s, peer);
    }
    s->client_ip = jst_arena_copy(&s->arena, peer);
    choose_id(s);
}

/* ---- certificate ---- */

static const struct jst_slice cert_verify = {"X-Client-Verify", 15};
static const struct jst_slice cert_subject = {"X-Client-Subject", 16};
static const struct jst_slice cert_fingerprint = {"X-Client-Fingerprint", 20};

static bool
is_cert_name(struct jst_slice name, bool *disguised)
{
    char plain[20];
    struct jst_slice spelled;

    if ((name.n != cert_verify.n && name.n != cert_subject.n && name.n != cert_fingerprint.n) ||
        jst_lower(name.p[0]) != 'x') {
        return false;
    }
    spelled = spell_plain(plain, sizeof(plain), name);
    *disguised = jst_slice_find(name, '_') >= 0;
    return jst_slice_ieq(spelled, cert_verify) || jst_slice_ieq(spelled, cert_subject) ||
           jst_slice_ieq(spelled, cert_fingerprint);
}

/* As with the forwarding names: of a trusted proxy nothing in disguise is believed. The name goes
 * as well: routes look at fields that end here, too. */
static void
erase_cert_claims(struct jst_stream *s, bool asks)
{
    struct jst_fields *fields = &s->req.fields;

    for (uint32_t i = 0; i < fields->n; i++) {
        struct jst_field *f = &fields->v[i];
        bool disguised = false;

        if (f->id == JST_FIELD_OTHER && is_cert_name(f->name, &disguised) &&
            (asks || disguised || !jst_snapshot_trusts(jst_gen_of(s)->snap, &s->peer->addr))) {
            *f = (struct jst_field){.name = JST_S(""), .value = JST_S(""), .drop = true};
        }
    }
}

/* A subject is somebody's text: it goes into a head only if it cannot end a line there. */
static bool
is_printable(struct jst_slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (c < 0x20 || c == 0x7f) {
            return false;
        }
    }
    return text.n > 0;
}

int
jst_identify_certificate(struct jst_stream *s, const struct jst_front *front)
{
    const struct jst_tls_info *tls = s->peer->tls;
    int rc;

    erase_cert_claims(s, front->asks_cert);
    if (!front->asks_cert) {
        return JOIST_OK;
    }
    if (tls == NULL || tls->fingerprint.n == 0) {
        return jst_identity_add(s, cert_verify, JST_S("NONE"));
    }
    rc = jst_identity_add(s, cert_verify, JST_S("SUCCESS"));
    if (rc == JOIST_OK && is_printable(tls->subject)) {
        rc = jst_identity_add(s, cert_subject, tls->subject);
    }
    return rc < 0 ? rc : jst_identity_add(s, cert_fingerprint, tls->fingerprint);
}
