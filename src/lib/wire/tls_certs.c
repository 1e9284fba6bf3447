// SPDX-License-Identifier: MIT
/* Certificates by name: loaded once, found by hash. */
#include "wire/tls_certs.h"

#include "wire/tls_int.h"

#include <stdlib.h>

struct entry {
    char *name; /* owned; lower case; NULL: free */
    uint32_t n;
    struct jst_tls_site site;
};

struct jst_tls_certs {
    uint32_t refs; /* atomic */
    /* owned */
    struct jst_tls_pair *pairs;
    size_t pairs_n;
    struct entry *entries; /* open addressing */
    size_t mask;
    X509 **shared; /* authorities' certificates, each once; open addressing */
    size_t shared_mask;
    /* plain */
    uint64_t seed;
    struct jst_tls_site first;
};

/* ---- names ---- */

static struct entry *
probe(const struct jst_tls_certs *c, struct jst_slice name)
{
    size_t at = (size_t)jst_hash(name, c->seed) & c->mask;

    while (c->entries[at].name != NULL &&
           !jst_slice_eq(jst_slice(c->entries[at].name, c->entries[at].n), name)) {
        at = (at + 1) & c->mask;
    }
    return &c->entries[at];
}

const struct jst_tls_site *
jst_tls_certs_find(const struct jst_tls_certs *c, struct jst_slice name)
{
    char wild[256];
    ptrdiff_t dot = jst_slice_find(name, '.');
    struct entry *e;
    size_t n;

    if (c == NULL || c->entries == NULL || name.n == 0) {
        return NULL;
    }
    e = probe(c, name);
    if (e->name != NULL) {
        return &e->site;
    }
    if (dot <= 0 || name.n - (size_t)dot + 1 > sizeof(wild)) {
        return NULL;
    }
    n = name.n - (size_t)dot;
    wild[0] = '*';
    memcpy(wild + 1, name.p + dot, n);
    e = probe(c, jst_slice(wild, n + 1));
    return e->name != NULL ? &e->site : NULL;
}

void
jst_tls_site_add(struct jst_tls_site *site, const struct jst_tls_pair *pair)
{
    if (site->pairs[pair->kind] == NULL) {
        site->pairs[pair->kind] = pair;
    }
}

bool
jst_tls_site_is_empty(const struct jst_tls_site *site)
{
    for (size_t i = 0; i < JST_TLS_KEYS_; i++) {
        if (site->pairs[i] != NULL) {
            return false;
        }
    }
    return true;
}

const struct jst_tls_site *
jst_tls_certs_first(const struct jst_tls_certs *c)
{
    return c != NULL && !jst_tls_site_is_empty(&c->first) ? &c->first : NULL;
}

static int
add_name(struct jst_tls_certs *c, const char *host, const struct jst_tls_pair *pair)
{
    size_t n = strlen(host);
    char *name = malloc(n + 1);
    struct entry *e;

    if (name == NULL) {
        return JOIST_E_NOMEM;
    }
    for (size_t i = 0; i <= n; i++) {
        name[i] = jst_lower(host[i]);
    }
    e = probe(c, jst_slice(name, n));
    if (e->name == NULL) {
        e->name = name;
        e->n = (uint32_t)n;
    } else {
        free(name);
    }
    jst_tls_site_add(&e->site, pair);
    return JOIST_OK;
}

static size_t
table_size(size_t n)
{
    size_t size = 8;

    while (size < n * 2) {
        size *= 2;
    }
    return size;
}

/* ---- authorities ---- */

/* Thousands of sites have a few issuers: keep each of their certificates once. */
static void
share_chain(struct jst_tls_certs *c, struct jst_tls_pair *p)
{
    for (int i = 0; i < sk_X509_num(p->chain); i++) {
        X509 *x = sk_X509_value(p->chain, i);
        size_t at = (size_t)X509_subject_name_hash(x) & c->shared_mask;

        while (c->shared[at] != NULL && X509_cmp(c->shared[at], x) != 0) {
            at = (at + 1) & c->shared_mask;
        }
        if (c->shared[at] == NULL) {
            c->shared[at] = x; /* lives with the chain that it was first seen in */
        } else if (X509_up_ref(c->shared[at]) == 1) {
            (void)sk_X509_set(p->chain, i, c->shared[at]);
            X509_free(x);
        }
    }
}

static bool
same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* The same files as those of an earlier one: several sites of one certificate. Only the last few
 * are looked at, so that ten thousand stay quick; what is missed is loaded twice. */
static const struct jst_tls_pair *
find_loaded(const struct joist_cert_conf *v, size_t i, const struct jst_tls_pair *const *loaded)
{
    for (size_t k = i; k > 0 && i - k < 64; k--) {
        const struct joist_cert_conf *before = &v[k - 1];

        if (loaded[k - 1] != NULL && same_text(before->cert, v[i].cert) &&
            same_text(before->key, v[i].key) && same_text(before->ocsp, v[i].ocsp) &&
            before->ocsp_der == v[i].ocsp_der) {
            return loaded[k - 1];
        }
    }
    return NULL;
}

/* ---- life ---- */

static size_t
count_names(const struct joist_cert_conf *v, size_t n)
{
    size_t names = 0;

    for (size_t i = 0; i < n; i++) {
        names += v[i].hosts_n;
    }
    return names;
}

static int
alloc_tables(struct jst_tls_certs *c, const struct joist_cert_conf *v, size_t n)
{
    size_t names = table_size(count_names(v, n));
    size_t shared = table_size(n * 4); /* longer chains are rare; load_all() looks */

    c->pairs = calloc(n + 1, sizeof(*c->pairs));
    c->entries = calloc(names, sizeof(*c->entries));
    c->shared = calloc(shared, sizeof(X509 *));
    c->mask = names - 1;
    c->shared_mask = shared - 1;
    return c->pairs != NULL && c->entries != NULL && c->shared != NULL ? JOIST_OK : JOIST_E_NOMEM;
}

static int
add_one(struct jst_tls_certs *c, const struct joist_cert_conf *conf,
        const struct jst_tls_pair *pair)
{
    for (size_t i = 0; i < conf->hosts_n; i++) {
        int rc = add_name(c, conf->hosts[i], pair);

        if (rc < 0) {
            return rc;
        }
    }
    return JOIST_OK;
}

static int
load_all(struct jst_tls_certs *c, const struct joist_cert_conf *v, size_t n, int64_t now_s,
         struct jst_tls_report *r, const struct jst_tls_pair **loaded)
{
    size_t shared_n = 0;
    int result = JOIST_OK;

    for (size_t i = 0; i < n; i++) {
        const struct jst_tls_pair *pair = find_loaded(v, i, loaded);
        int rc = JOIST_OK;

        if (pair == NULL) {
            struct jst_tls_pair *fresh = &c->pairs[c->pairs_n];

            rc = jst_tls_pair_load(fresh, &v[i], now_s, r);
            if (rc == JOIST_OK) {
                c->pairs_n++;
                pair = fresh;
                shared_n += (size_t)sk_X509_num(fresh->chain);
                if (shared_n <= c->shared_mask / 2) { /* the table never fills up */
                    share_chain(c, fresh);
                }
            }
        }
        loaded[i] = pair;
        if (rc == JOIST_OK) {
            rc = add_one(c, &v[i], pair);
        }
        if (rc == JOIST_E_NOMEM) {
            return rc;
        }
        result = rc < 0 ? rc : result; /* go on: all faults are told at once */
    }
    return result;
}

/* The default of who has none: the first certificate, and what stands beside it for its names. */
static void
choose_first(struct jst_tls_certs *c, const struct joist_cert_conf *v, size_t n)
{
    const struct jst_tls_site *site = NULL;

    if (n > 0 && v[0].hosts_n > 0) {
        struct entry *e;
        char name[256];
        size_t len = JST_MIN(strlen(v[0].hosts[0]), sizeof(name));

        for (size_t i = 0; i < len; i++) {
            name[i] = jst_lower(v[0].hosts[0][i]);
        }
        e = probe(c, jst_slice(name, len));
        site = e->name != NULL ? &e->site : NULL;
    }
    if (site != NULL) {
        c->first = *site;
    } else if (c->pairs_n > 0) {
        jst_tls_site_add(&c->first, &c->pairs[0]);
    }
}

int
jst_tls_certs_create(struct jst_tls_certs **out, const struct joist_cert_conf *v, size_t n,
                     int64_t now_s, struct jst_tls_report *r)
{
    struct jst_tls_certs *c = calloc(1, sizeof(*c));
    const struct jst_tls_pair **loaded = calloc(n + 1, sizeof(struct jst_tls_pair *));
    int rc = JOIST_E_NOMEM;

    if (c == NULL || loaded == NULL) {
        free(c);
        free(loaded);
        return rc;
    }
    c->refs = 1;
    c->seed = (uint64_t)(uintptr_t)c; /* names come from the configuration alone */
    rc = alloc_tables(c, v, n);
    if (rc == JOIST_OK) {
        rc = load_all(c, v, n, now_s, r, loaded);
    }
    free(loaded);
    if (rc < 0) {
        jst_tls_certs_unref(&c);
        return rc;
    }
    choose_first(c, v, n);
    free(c->shared); /* it was of use while loading */
    c->shared = NULL;
    *out = c;
    return JOIST_OK;
}

struct jst_tls_certs *
jst_tls_certs_ref(struct jst_tls_certs *c)
{
    (void)__atomic_add_fetch(&c->refs, 1, __ATOMIC_RELAXED);
    return c;
}

void
jst_tls_certs_unref(struct jst_tls_certs **take)
{
    struct jst_tls_certs *c = *take;

    *take = NULL;
    if (c == NULL || __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) > 0) {
        return;
    }
    for (size_t i = 0; i < c->pairs_n; i++) {
        jst_tls_pair_fini(&c->pairs[i]);
    }
    for (size_t i = 0; c->entries != NULL && i <= c->mask; i++) {
        free(c->entries[i].name);
    }
    free(c->pairs);
    free(c->entries);
    free(c->shared);
    free(c);
}
