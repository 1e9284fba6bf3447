// SPDX-License-Identifier: MIT
/*
 * `joist config show`: the typed structs as TOML, by the schema. What it prints loads again to the
 * same configuration, secrets apart.
 */
#include "conf/show.h"
#include "conf/conf.h"
#include "conf/schema.h"
#include "conf/value.h"

#include <stdlib.h>

/* The way to a table, the innermost first: "app", "upstreams". */
struct path {
    const struct path *outer; /* NULL: the outermost */
    const char *name;
};

struct show {
    FILE *out;
    char *scratch; /* one printed value */
    size_t cap;
};

static void show_block(struct show *s, const struct jst_block *block, const void *object,
                       const struct path *at);
static void print_value(struct show *s, const struct jst_key *key, const void *object);

/* A value as TOML writes a string. Longer ones than the scratch holds are cut: no key has them but
 * the body of `respond`, for which there is room. */
static void
print_string(struct show *s, const char *text)
{
    const struct jst_key key = {.name = "", .type = JST_KEY_TEXT};

    (void)jst_value_print(s->scratch, s->cap, &text, &key);
    (void)fputs(s->scratch, s->out);
}

static bool
is_bare(const char *key)
{
    for (const char *p = key; *p != '\0'; p++) {
        char c = jst_lower(*p);

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-')) {
            return false;
        }
    }
    return key[0] != '\0';
}

static void
print_key(struct show *s, const char *key)
{
    if (is_bare(key)) {
        (void)fputs(key, s->out);
    } else {
        print_string(s, key);
    }
}

bool
jst_show_is_secret(const char *name)
{
    static const char *const parts[] = {"auth", "cookie", "token", "secret", "key", "password"};

    for (size_t i = 0; i < JST_COUNT(parts); i++) {
        if (strcasestr(name, parts[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static void
print_pairs(struct show *s, const struct jst_pairs *list)
{
    (void)fputs("{ ", s->out);
    for (size_t i = 0; i < list->n; i++) {
        (void)fputs(i > 0 ? ", " : "", s->out);
        print_key(s, list->v[i].name);
        (void)fputs(" = ", s->out);
        print_string(s, jst_show_is_secret(list->v[i].name) ? JST_SHOW_REDACTED : list->v[i].value);
    }
    (void)fputs(" }", s->out);
}

static void
print_pages(struct show *s, const struct jst_pages *list)
{
    (void)fputs("{ ", s->out);
    for (size_t i = 0; i < list->n; i++) {
        (void)fprintf(s->out, "%s%u = ", i > 0 ? ", " : "", list->v[i].status);
        print_string(s, list->v[i].path);
    }
    (void)fputs(" }", s->out);
}

static void
print_texts(struct show *s, const struct jst_texts *list)
{
    (void)fputc('[', s->out);
    for (size_t i = 0; i < list->n; i++) {
        (void)fputs(i > 0 ? ", " : "", s->out);
        print_string(s, list->v[i]);
    }
    (void)fputc(']', s->out);
}

/* { key = value, ... } */
static void
print_inline_table(struct show *s, const struct jst_block *block, const void *object)
{
    const char *before = "{ ";

    for (size_t i = 0; i < jst_block_keys_n(block); i++) {
        const struct jst_key *key = jst_block_key(block, i);

        if (!jst_show_is_idle(block, object, key)) {
            (void)fprintf(s->out, "%s%s = ", before, key->name);
            print_value(s, key, object);
            before = ", ";
        }
    }
    (void)fputs(" }", s->out);
}

static void
print_targets(struct show *s, const struct jst_block *block, const struct jst_part_target *targets,
              size_t n)
{
    (void)fputc('[', s->out);
    for (size_t i = 0; i < n; i++) {
        (void)fputs(i > 0 ? ", " : "", s->out);
        print_inline_table(s, block, &targets[i]);
    }
    (void)fputc(']', s->out);
}

const void *
jst_show_pointer(const void *object, const struct jst_key *key)
{
    const void *p;

    memcpy(&p, jst_value_at_const(object, key), sizeof(p));
    return p;
}

size_t
jst_show_count(const void *object, const struct jst_key *key)
{
    size_t n;

    memcpy(&n, (const char *)jst_value_at_const(object, key) + sizeof(void *), sizeof(n));
    return n;
}

static bool
is_empty(const void *object, const struct jst_key *key)
{
    switch (key->type) {
    case JST_KEY_TEXT:
    case JST_KEY_TABLE:
        return jst_show_pointer(object, key) == NULL;
    case JST_KEY_TEXTS:
    case JST_KEY_PAIRS:
    case JST_KEY_PAGES:
    case JST_KEY_TABLES:
    case JST_KEY_NAMED:
        return jst_show_count(object, key) == 0;
    default:
        return false;
    }
}

/* What is said of TLS to origins without TLS. */
static bool
is_idle_tls(const struct jst_block *block, const void *object, const struct jst_key *key)
{
    const struct jst_part_target *target = object;
    const struct jst_part_pool *pool = object;
    bool https = false;

    if (block->base == NULL || block->base->id != JST_BLOCK_ORIGIN_TLS ||
        jst_block_find(block->base, jst_slice_z(key->name)) < 0) {
        return false;
    }
    if (block->id == JST_BLOCK_TARGET) {
        return !jst_part_is_https(target->url);
    }
    for (size_t i = 0; i < pool->targets_n; i++) {
        https = https || jst_part_is_https(pool->targets[i].url);
    }
    return !https;
}

static bool
is_pool(const struct jst_block *block)
{
    return block->id == JST_BLOCK_POOL || block->id == JST_BLOCK_ROUTE_POOL ||
           block->id == JST_BLOCK_SLOT;
}

static bool
is_idle_sticky(const struct jst_part_sticky *sticky, const struct jst_key *key)
{
    static const char *const of_cookie[] = {"path", "same_site", "insecure", "script"};

    for (size_t i = 0; i < JST_COUNT(of_cookie); i++) {
        if (strcmp(key->name, of_cookie[i]) == 0) {
            return sticky->cookie == NULL;
        }
    }
    return (strcmp(key->name, "table_max") == 0 && sticky->cookie != NULL) ||
           (strcmp(key->name, "client") == 0 && !sticky->client);
}

bool
jst_show_is_idle(const struct jst_block *block, const void *object, const struct jst_key *key)
{
    const struct jst_part_route *route = object;
    const struct jst_part_pool *pool = object;
    const struct jst_part_ech *ech = object;
    const struct jst_part_health *health = object;
    const struct jst_part_slot_rule *rule = object;

    if ((key->flags & JST_KEY_NAME) != 0 || key->type == JST_KEY_LATER || is_empty(object, key)) {
        return true;
    }
    if (is_idle_tls(block, object, key)) {
        return true;
    }
    if (block->id == JST_BLOCK_FILE) {
        return strcmp(key->name, "include") == 0; /* its files are part of what is shown */
    }
    if (block->id == JST_BLOCK_ECH) {
        return strcmp(key->name, "keep") == 0 && ech->dir == NULL;
    }
    if (block->id == JST_BLOCK_HEALTH) {
        return health->type == JOIST_HEALTH_TCP && key->type != JST_KEY_DURATION &&
               key->type != JST_KEY_UINT && key->type != JST_KEY_WORD;
    }
    if (block->id == JST_BLOCK_STICKY) {
        return is_idle_sticky(object, key);
    }
    if (block->id == JST_BLOCK_SLOT_RULE) {
        return strcmp(key->name, "percent") == 0 && rule->values.n > 0;
    }
    if (block->id == JST_BLOCK_ROUTE_POOL && pool->name != NULL) {
        return strcmp(key->name, "name") != 0;
    }
    if (is_pool(block) && pool->slots_n == 0) {
        return (strcmp(key->name, "hash_key") == 0 && pool->strategy != JOIST_STRATEGY_HASH) ||
               (strcmp(key->name, "slow_start") == 0 && pool->strategy == JOIST_STRATEGY_SINGLE);
    }
    if (jst_block_is_route(block)) {
        const struct jst_part_handler *h = &route->handler;

        return ((key->flags & JST_KEY_FILES) != 0 && h->root == NULL) ||
               ((key->flags & JST_KEY_PROXIED) != 0 && h->proxy == NULL && h->upstream == NULL);
    }
    return false;
}

static bool
is_inline(const struct jst_key *key)
{
    if (key->type == JST_KEY_TABLE || key->type == JST_KEY_TABLES) {
        return key->block->id >= JST_BLOCK_TARGET && key->block->id <= JST_BLOCK_STICKY;
    }
    return key->type < JST_KEY_TABLE;
}

static void
print_value(struct show *s, const struct jst_key *key, const void *object)
{
    switch (key->type) {
    case JST_KEY_TEXTS:
        print_texts(s, jst_value_at_const(object, key));
        break;
    case JST_KEY_PAIRS:
        print_pairs(s, jst_value_at_const(object, key));
        break;
    case JST_KEY_PAGES:
        print_pages(s, jst_value_at_const(object, key));
        break;
    case JST_KEY_TABLE:
        print_inline_table(s, key->block, jst_show_pointer(object, key));
        break;
    case JST_KEY_TABLES:
        print_targets(s, key->block, jst_show_pointer(object, key), jst_show_count(object, key));
        break;
    default:
        (void)jst_value_print(s->scratch, s->cap, object, key);
        (void)fputs(s->scratch, s->out);
    }
}

static void
print_path(struct show *s, const struct path *at)
{
    if (at->outer != NULL) {
        print_path(s, at->outer);
        (void)fputc('.', s->out);
    }
    print_key(s, at->name);
}

static void
print_header(struct show *s, const struct path *at, bool many)
{
    (void)fputs(many ? "\n[[" : "\n[", s->out);
    print_path(s, at);
    (void)fputs(many ? "]]\n" : "]\n", s->out);
}

static void
show_named(struct show *s, const struct jst_key *key, const void *object, const struct path *outer)
{
    const char *child = jst_show_pointer(object, key);
    size_t n = jst_show_count(object, key);

    for (size_t i = 0; i < n; i++, child += key->block->bytes) {
        struct path at = {outer, jst_show_pointer(child, jst_block_key(key->block, 0))};

        print_header(s, &at, false);
        show_block(s, key->block, child, &at);
    }
}

static void
show_nested(struct show *s, const struct jst_key *key, const void *object, const struct path *outer)
{
    struct path at = {outer, key->name};
    const char *child = jst_show_pointer(object, key);
    bool many = key->type == JST_KEY_TABLES;
    size_t n = many ? jst_show_count(object, key) : 1;

    if (key->type == JST_KEY_NAMED) {
        show_named(s, key, object, &at);
        return;
    }
    for (size_t i = 0; i < n; i++, child += key->block->bytes) {
        print_header(s, &at, many);
        show_block(s, key->block, child, &at);
    }
}

/* Plain keys first: in TOML what follows a header belongs to it. */
static void
show_block(struct show *s, const struct jst_block *block, const void *object, const struct path *at)
{
    size_t n = jst_block_keys_n(block);

    for (size_t i = 0; i < n; i++) {
        const struct jst_key *key = jst_block_key(block, i);

        if (is_inline(key) && !jst_show_is_idle(block, object, key)) {
            (void)fprintf(s->out, "%s = ", key->name);
            print_value(s, key, object);
            (void)fputc('\n', s->out);
        }
    }
    /* The base's first: a site's own tables before its routes, which would take them over. */
    for (size_t j = 0; j < n; j++) {
        const struct jst_key *key = jst_block_key(block, (j + block->keys_n) % n);

        if (!is_inline(key) && !jst_show_is_idle(block, object, key)) {
            show_nested(s, key, object, at);
        }
    }
}

/* The longest text anywhere in the tree. */
static size_t
longest_text(const struct jst_node *node)
{
    size_t most = node->kind == JST_NODE_STRING ? node->v.text.n : 0;

    for (const struct jst_node *c = node->first; c != NULL; c = c->next) {
        most = JST_MAX(most, longest_text(c));
    }
    return most;
}

size_t
jst_show_scratch_bytes(const struct jst_conf *conf)
{
    return 6 * longest_text(conf->root) + 8192;
}

void
jst_conf_show(const struct jst_conf *conf, FILE *out)
{
    struct show s = {.out = out, .cap = jst_show_scratch_bytes(conf)};

    s.scratch = malloc(s.cap);
    if (s.scratch != NULL) {
        show_block(&s, jst_schema_root(), conf->file, NULL);
    }
    free(s.scratch);
}
