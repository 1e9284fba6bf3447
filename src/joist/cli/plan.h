// SPDX-License-Identifier: MIT
#pragma once
/*
 * WHAT, made ready to serve: the engine's configuration, the certificate, the ports.
 *
 * Flow:    jst_what_read() -> jst_plan_init() -> jst_plan_cert() -> jst_plan_open(), which tries
 *          ports until the engine has its listeners -> screen.c says what came of it
 * Owner:   the caller's struct; what it points to is its own or of the words, which must live
 *          longer.
 * Threads: the main one.
 * Start:   plan.c; ports.c: which ports; cert.c: which certificate
 */
#include <joist/cert.h>
#include <joist/joist.h>

#include "cli/what.h"
#include "conf/diags.h"

/* https and http, each for IPv4 and IPv6 where it is this machine's own addresses alone. */
#define JST_PLAN_LISTENERS 4u
/* Besides the given host names: localhost and the loopback addresses. */
#define JST_PLAN_HOSTS (JST_WHAT_HOSTS_MAX + 3u)

/* Places in the engine's reports, by which ports.c knows what they are about: the file's name is
 * "https" or "http" for a listener, and one of these for the rest. */
#define JST_PLAN_CERT_FILE   "certificate"
#define JST_PLAN_ORIGIN_FILE "origin"
#define JST_PLAN_IPV4_LINE   1u
#define JST_PLAN_IPV6_LINE   2u

enum jst_cert_from {
    JST_CERT_NONE, /* plain HTTP */
    JST_CERT_GIVEN,
    JST_CERT_MKCERT,
    JST_CERT_SELF_SIGNED,
};

struct jst_plan_cert {
    enum jst_cert_from from;
    const char *cert; /* in the arena */
    const char *key;  /* NULL: in `cert` */
    struct joist_cert_info info;
    bool fresh;          /* it was made just now */
    const char *missing; /* why --auto-tls came to nothing; NULL */
};

struct jst_plan {
    const struct jst_what *what;
    struct jst_arena arena;
    struct joist_conf conf;
    struct jst_plan_cert cert;
    uint16_t https_port;  /* 0: no such listener */
    uint16_t http_port;   /* 0: none */
    uint16_t origin_port; /* of an origin on this machine: not joist's, even if it is free; 0 */
    bool no_ipv6;         /* there is no ::1 here */
    struct joist_listener_conf listeners[JST_PLAN_LISTENERS];
    char binds[JST_PLAN_LISTENERS][32];
    struct joist_tls_conf tls;
    struct joist_cert_conf cert_conf;
    struct joist_route_conf route;
    struct joist_pool_conf pool;
    struct joist_target_conf target;
    const char *hosts[JST_PLAN_HOSTS];
};

/** Everything but certificate and ports. JST_EXIT_OK or, said, JST_EXIT_USAGE (no origin's URL). */
int jst_plan_init(struct jst_plan *p, const struct jst_what *what);
void jst_plan_fini(struct jst_plan *p);

/** Find, make or renew the certificate, unless it is plain HTTP. JST_EXIT_OK; said:
 *  JST_EXIT_USAGE (the given one cannot be used), JST_EXIT_FAILED (none can be made). */
int jst_plan_cert(struct jst_plan *p);

/** Where the certificate will be, without making one; for --dry. */
void jst_plan_cert_dry(struct jst_plan *p);

/** Ports that were not asked for make room for the origin's. */
void jst_plan_ports(struct jst_plan *p);

/** The listeners for the ports as they stand. */
void jst_plan_listeners(struct jst_plan *p);

/**
 * Create the engine on the first ports that can be had. Errors and warnings are in `report`.
 * JST_EXIT_OK, JST_EXIT_FAILED, or JST_EXIT_USAGE where the given certificate is at fault.
 */
int jst_plan_open(struct jst_plan *p, struct joist_engine **out, struct jst_diags *report);

/** As a configuration file. */
void jst_plan_print(const struct jst_plan *p, FILE *out);

/* state_dir.c */

/**
 * The folder for what joist keeps: $JOIST_STATE_DIR, $XDG_STATE_HOME/joist, ~/.local/state/joist,
 * for root without a home /var/lib/joist. With `make` it and the folder `below` it (may be NULL)
 * are made, with mode 0700. NULL, and said, if there is none.
 */
const char *jst_state_dir(struct jst_arena *arena, const char *below, bool make);

/* mkcert.c */

/** A certificate of mkcert's in the state folder for these names, made if it is not there. NULL if
 * it is; else what is missing, in the arena. */
const char *jst_mkcert(struct jst_plan_cert *out, struct jst_arena *arena, const char *state,
                       const char *const *names, size_t names_n);

/** Is a certificate good for all of these names, for some time yet? */
bool jst_cert_fits(const struct joist_cert_info *info, const char *const *names, size_t names_n);

/* welcome.c */

/** The page for who named nothing to serve. */
const char *jst_welcome_page(void);
