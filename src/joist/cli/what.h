// SPDX-License-Identifier: MIT
#pragma once
/*
 * WHAT: the words that say on the command line what to serve, in any order.
 *
 * Job:     words and options -> struct jst_what, or why they do not go together.
 * Not:     it opens nothing but to look: what is served is made of it in plan.c.
 * Flow:    jst_cli_run() -> jst_what_read() -> jst_plan_init()
 * Owner:   the caller's struct; texts are the command line's but for its arena.
 * Threads: the main one.
 * Start:   what_token.c: what a word is; what.c: what goes together
 */
#include "base/arena.h"
#include "cli/cli.h"

#define JST_WHAT_HOSTS_MAX 32u

enum jst_token {
    JST_TOKEN_UNKNOWN, /* nothing known; a folder or file that is not there */
    JST_TOKEN_TOML,
    JST_TOKEN_FOLDER,
    JST_TOKEN_ORIGIN,
    JST_TOKEN_HOSTS,
    JST_TOKEN_HTTPS_PORT,
    JST_TOKEN_HTTP_PORT,
    JST_TOKEN_BAD_PORT, /* of the form of a port, and none */
    JST_TOKEN_BAD_URL,  /* of the form of an origin, and none */
    JST_TOKEN_APP,      /* a program, or what is said of its workers */
    JST_TOKEN_NO_TOML,  /* a file of another kind */
};

enum jst_what_kind {
    JST_WHAT_WELCOME,
    JST_WHAT_FILE, /* a configuration says all */
    JST_WHAT_FOLDER,
    JST_WHAT_ORIGIN,
};

struct jst_what {
    struct jst_arena arena;
    enum jst_what_kind kind;
    const char *subject; /* file, folder or origin as it was written; NULL: the welcome page */
    const char *url;     /* of the origin, complete */
    const char *hosts[JST_WHAT_HOSTS_MAX];
    size_t hosts_n;
    uint16_t https_port; /* 0: not said */
    uint16_t http_port;  /* not 0: plain HTTP and no https */
    const char *cert;    /* NULL: none given */
    const char *key;     /* NULL: in `cert` */
    bool auto_tls;
    bool hsts;
    bool redirect;   /* a port of plain HTTP that leads to https */
    bool everywhere; /* listen on all addresses, not on this machine's own alone */
    bool spa;
    bool listing;
    bool dry;
};

/** JST_EXIT_OK; or JST_EXIT_USAGE, and it was said why and what to do. */
int jst_what_read(struct jst_what *out, const struct jst_args *args);
void jst_what_fini(struct jst_what *w);

/** What is this word? Looks whether files are there. */
enum jst_token jst_token_of(const char *word);

/** 1 to 65535 in digits; 0 if it is anything else. */
uint16_t jst_token_port(struct jst_slice text);

/** May the line begin with this word in place of `run`? */
bool jst_token_is_what(const char *word);

/** "no such folder ..." and the like for a word that does not say what to serve. */
void jst_token_refuse(const char *word, enum jst_token token);

/** The origin's URL for ":3000" and "localhost:3000"; any other word as it is. */
const char *jst_token_url(struct jst_arena *arena, const char *word);
