// SPDX-License-Identifier: MIT
/* Keys of TLS that depend on each other, as no table can say. */
#include "conf/fill.h"

/* As written, good or not. */
static size_t
count_files(const struct jst_part *part, const char *name)
{
    const struct jst_node *node = jst_node_find(part->node, name);

    return node == NULL ? 0 : node->kind == JST_NODE_ARRAY ? node->count : 1;
}

/* Files that belong to those of `cert`, one by one. */
static void
check_count(struct jst_fill *f, const struct jst_part *part, const char *name)
{
    size_t certs = count_files(part, "cert"), n = count_files(part, name);

    if (n > 0 && certs > 0 && n != certs) {
        jst_diags_error(f->report, jst_rules_place(part, name), NULL,
                        "'%s' names %zu file%s and 'cert' %zu: each certificate has its own", name,
                        n, n == 1 ? "" : "s", certs);
    }
}

static void
check_certs(struct jst_fill *f, const struct jst_part *part)
{
    check_count(f, part, "key");
    check_count(f, part, "ocsp");
}

static bool
has_key(const struct jst_part *part, const char *name)
{
    return part->node != NULL && part->node->kind == JST_NODE_TABLE &&
           jst_node_find(part->node, name) != NULL;
}

static void
check_site_tls(struct jst_fill *f, const struct jst_part_site_tls *tls)
{
    const struct jst_node *mode = jst_node_find(tls->part.node, "mode");
    bool wrong = mode != NULL && tls->mode == JST_SITE_TLS_FILES &&
                 !(mode->kind == JST_NODE_STRING && strcmp(mode->v.text.p, "files") == 0);

    if (tls->mode == JST_SITE_TLS_OFF && has_key(&tls->part, "cert")) {
        jst_diags_error(f->report, jst_rules_place(&tls->part, "mode"), NULL,
                        "'cert' and 'mode' = 'off' exclude each other");
    } else if (tls->mode == JST_SITE_TLS_FILES && !wrong && !has_key(&tls->part, "cert") &&
               !has_key(&tls->part, "key") && !tls->part.unknown) {
        jst_diags_error(f->report, &tls->part.node->at,
                        "for example: tls = { cert = \"cert.pem\", key = \"key.pem\" }",
                        "'tls' of a site lacks the key 'cert'");
    }
}

/* The names of a certificate are those of its site: which requests it is for is said once. */
static void
check_site(struct jst_fill *f, const struct jst_part_route *site)
{
    if (site->tls != NULL && site->tls->mode == JST_SITE_TLS_FILES && !site->tls->part.bad &&
        !has_key(&site->part, "host") && !has_key(&site->part, "hosts") && !site->part.unknown) {
        jst_diags_error(f->report, jst_rules_place(&site->part, "tls"),
                        "add host = \"example.com\", or give the certificate to the listener: "
                        "[listeners.tls]",
                        "a site without 'host' has no names for a certificate");
    }
}

/* What is said of TLS where no origin speaks it would be silently without effect. */
static void
check_https(struct jst_fill *f, const struct jst_block *block, const struct jst_part *part)
{
    const struct jst_block *base = block->base;

    for (size_t i = 0; i < base->keys_n; i++) {
        if ((part->given & 1ull << (block->keys_n + i)) != 0) {
            jst_diags_error(f->report, jst_rules_place(part, base->keys[i].name), NULL,
                            "'%s' is for origins with https://", base->keys[i].name);
        }
    }
}

static void
check_target(struct jst_fill *f, const struct jst_block *block, struct jst_part_target *t)
{
    if (has_key(&t->part, "cert") && !has_key(&t->part, "key")) {
        t->tls.key = NULL; /* the pool's belongs to the pool's certificate */
    }
    if (t->url != NULL && !jst_part_is_https(t->url)) {
        check_https(f, block, &t->part);
    }
}

static bool
has_https(const struct jst_part_pool *pool)
{
    bool any = false;

    for (size_t i = 0; i < pool->targets_n; i++) {
        /* Of one that is wrong nobody knows what it should have been. */
        any = any || pool->targets[i].part.bad || jst_part_is_https(pool->targets[i].url);
    }
    return any;
}

static void
check_pool(struct jst_fill *f, const struct jst_block *block, const struct jst_part_pool *pool)
{
    size_t targets_n = pool->targets_n;
    bool any = has_https(pool);

    for (size_t i = 0; i < pool->slots_n; i++) {
        any = any || pool->slots[i].part.bad || has_https(&pool->slots[i]);
        targets_n += pool->slots[i].targets_n;
    }
    if (targets_n > 0 && !any) {
        check_https(f, block, &pool->part);
    }
}

void
jst_rules_check_tls(struct jst_fill *f, const struct jst_block *block, void *object)
{
    struct jst_part_listener_tls *listener_tls = object;
    struct jst_part_site_tls *site_tls = object;

    switch (block->id) {
    case JST_BLOCK_LISTENER_TLS:
        check_certs(f, &listener_tls->part);
        return;
    case JST_BLOCK_SITE_TLS:
        check_certs(f, &site_tls->part);
        check_site_tls(f, site_tls);
        return;
    case JST_BLOCK_SITE:
        check_site(f, object);
        return;
    case JST_BLOCK_TARGET:
        check_target(f, block, object);
        return;
    case JST_BLOCK_POOL:
    case JST_BLOCK_ROUTE_POOL:
    case JST_BLOCK_SLOT:
        check_pool(f, block, object);
        return;
    default:
        return;
    }
}
