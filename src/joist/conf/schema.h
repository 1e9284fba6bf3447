// SPDX-License-Identifier: MIT
#pragma once
/*
 * The one table of what may stand in a configuration file.
 *
 * Job:     name, type, default, range and one sentence for each key. From it come: validation and
 *          filling (fill.c), the JSON Schema (schema_json.c), the reference page
 *          (schema_markdown.c) and `config show` (show.c).
 * Not:     what two keys mean together beyond "not both" and "needs the other": rules.c.
 * To add a key: a line in schema.c (of pools: schema_upstream.c), a member in parts.h, its use in
 * build.c. Nothing else. Threads: constant data.
 */
#include "base/base.h"

enum jst_key_type {
    JST_KEY_BOOL,
    JST_KEY_UINT,     /* `words[0]`, if any, is a word that means 0 */
    JST_KEY_DURATION, /* kept in ms */
    JST_KEY_SIZE,     /* kept in bytes */
    JST_KEY_PERCENT,  /* "50%" */
    JST_KEY_TEXT,
    JST_KEY_WORD,   /* one of `words`; kept as its number */
    JST_KEY_TEXTS,  /* struct jst_texts */
    JST_KEY_PAIRS,  /* table of strings; struct jst_pairs */
    JST_KEY_PAGES,  /* table of status = "/path"; struct jst_pages */
    JST_KEY_TABLE,  /* pointer to `block` */
    JST_KEY_TABLES, /* pointer and count of `block` */
    JST_KEY_NAMED,  /* table of `block`s, their names as keys; pointer and count */
    JST_KEY_LATER,  /* known, but not there yet; `doc` says which part brings it */
};

enum jst_key_flag {
    JST_KEY_REQUIRED = 1 << 0,
    JST_KEY_ALWAYS = 1 << 1,   /* TABLE: made of defaults when absent */
    JST_KEY_ONE_OK = 1 << 2,   /* TABLES, TEXTS: a single one is a list of one */
    JST_KEY_PATH = 1 << 3,     /* TEXT, TEXTS: relative to the file's folder */
    JST_KEY_STREAM = 1 << 4,   /* PATH: "stdout" and "stderr" are no files */
    JST_KEY_MERGE = 1 << 5,    /* PAIRS: added to what the site has */
    JST_KEY_FILES = 1 << 6,    /* belongs to `root` */
    JST_KEY_PROXIED = 1 << 7,  /* belongs to `proxy` */
    JST_KEY_HANDLER = 1 << 8,  /* says what answers: one of these in a route */
    JST_KEY_NUMBERS = 1 << 10, /* TEXTS: whole numbers too, kept as text */
    JST_KEY_NAME = 1 << 9,     /* NAMED: the table's own key goes here; not written inside */
};

struct jst_block;

/** Is the text good? If not, *why is a sentence's end ("must start with '/'"). */
typedef bool jst_check_f(struct jst_slice text, const char **why);

/** A known word that is not there yet, and the part that brings it. */
struct jst_word_later {
    const char *word;
    const char *part;
};

struct jst_key {
    const char *name;
    size_t name_n;
    enum jst_key_type type;
    unsigned flags;
    size_t offset;            /* in the block's struct */
    size_t width;             /* of a scalar there */
    const char *fallback;     /* the default as text; NULL: none */
    uint64_t min;             /* UINT, SIZE, PERCENT, DURATION */
    uint64_t max;             /* 0: no limit */
    const char *truth;        /* UINT, DURATION, WORD: what `true` stands for; false is 0 */
    const char *const *words; /* ends in NULL; of TEXTS: there are no others */
    const struct jst_word_later *words_later; /* ends in a NULL word */
    jst_check_f *check;                       /* TEXT, TEXTS: each; PAIRS: each name */
    jst_check_f *check_value;                 /* PAIRS, PAGES: each value */
    const struct jst_block *block;
    const char *example; /* a value as TOML writes it, for messages */
    const char *doc;
};

enum jst_rule_kind {
    JST_RULE_NOT_BOTH, /* a and b exclude each other */
    JST_RULE_NEEDS,    /* a needs b */
    JST_RULE_ONE_OF,   /* at least one of a, b and `more` */
};

struct jst_rule {
    enum jst_rule_kind kind;
    const char *a;
    const char *b;
    const char *help;
    const char *more[2]; /* ONE_OF: NULL: no more */
};

/* In the order of the reference page. */
enum jst_block_id {
    JST_BLOCK_FILE,
    JST_BLOCK_SERVER,
    JST_BLOCK_LISTENER,
    JST_BLOCK_LISTENER_TLS,
    JST_BLOCK_CLIENT_AUTH,
    JST_BLOCK_ECH,
    JST_BLOCK_DNS,
    JST_BLOCK_SITE,
    JST_BLOCK_SITE_TLS,
    JST_BLOCK_SITE_ROUTE,
    JST_BLOCK_HANDLER, /* only as `base` of others */
    JST_BLOCK_RESPOND,
    JST_BLOCK_REDIRECT,
    JST_BLOCK_ROUTE_LIMITS,
    JST_BLOCK_ROUTE_TIMEOUTS,
    JST_BLOCK_ROUTE,
    JST_BLOCK_MATCHERS,
    JST_BLOCK_ROUTE_POOL,
    JST_BLOCK_POOL,
    JST_BLOCK_TARGET,
    JST_BLOCK_HEALTH,
    JST_BLOCK_OUTLIER,
    JST_BLOCK_BREAKER,
    JST_BLOCK_RETRY,
    JST_BLOCK_HEDGE,
    JST_BLOCK_QUEUE,
    JST_BLOCK_STICKY,
    JST_BLOCK_SLOT,
    JST_BLOCK_SLOT_RULE,
    JST_BLOCK_ORIGIN_TLS, /* only as `base` of others */
    JST_BLOCK_LIMITS,
    JST_BLOCK_TIMEOUTS,
    JST_BLOCK_LOG,
    JST_BLOCK_ACCESS,
    JST_BLOCKS_N,
};

struct jst_block {
    enum jst_block_id id;
    const char *name;  /* for $defs and anchors: "site-route" */
    const char *title; /* as people write it: "[[sites.routes]]" */
    const char *doc;
    const struct jst_key *keys;
    size_t keys_n;
    const struct jst_block *base; /* more keys, shared with other blocks; NULL: none */
    const struct jst_rule *rules;
    size_t rules_n;
    size_t bytes;                 /* of its struct; 0 for one that is only a base */
    const char *short_key;        /* a plain value instead of a table is this key's; NULL: not so */
    const struct jst_block *like; /* for the page: the keys from own_n on stand there; NULL: none */
    size_t own_n;
};

/** The block of the whole file. */
const struct jst_block *jst_schema_root(void);

/** All blocks, in the order of the reference page. */
const struct jst_block *jst_schema_block(enum jst_block_id id);

/** Keys of a block and of its base, by number (0 .. count-1, at most 64). */
static inline size_t
jst_block_keys_n(const struct jst_block *b)
{
    return b->keys_n + (b->base != NULL ? b->base->keys_n : 0);
}

static inline const struct jst_key *
jst_block_key(const struct jst_block *b, size_t i)
{
    return i < b->keys_n ? &b->keys[i] : &b->base->keys[i - b->keys_n];
}

/** A site, a site's route or a full route: struct jst_part_route. */
static inline bool
jst_block_is_route(const struct jst_block *b)
{
    return b->base != NULL && b->base->id == JST_BLOCK_HANDLER;
}

/** "http://", "https://" and "h2c://" at the start of an origin: their length, else 0. (check.c) */
size_t jst_origin_scheme_bytes(struct jst_slice url);

/** "204" or "200-299": statuses from 100 to 599. (check_upstream.c) */
bool jst_status_range_parse(uint16_t *first, uint16_t *last, struct jst_slice text);

/** The number of a key, or -1. */
ptrdiff_t jst_block_find(const struct jst_block *b, struct jst_slice name);

/** The number of a key that must be there: for code that names one. */
size_t jst_block_get(const struct jst_block *b, const char *name);

/* check.c, check_upstream.c: what single values must look like. */
jst_check_f jst_check_bind, jst_check_cidr, jst_check_dns_server, jst_check_host, jst_check_path,
    jst_check_method, jst_check_field_name, jst_check_field_value, jst_check_target,
    jst_check_proxy, jst_check_pool_name, jst_check_hash_key, jst_check_plain, jst_check_redirect,
    jst_check_error_page, jst_check_name, jst_check_request_path, jst_check_slot_name,
    jst_check_status_range, jst_check_retry_on;
