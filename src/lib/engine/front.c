// SPDX-License-Identifier: MIT
#include "engine/front.h"

#include "codec/proxy_protocol.h"

#include <stdlib.h>
#include <time.h>

/* What a constructor of wire/ has said is enough; but an error is never silent. */
static int
settle(struct jst_report *r, unsigned errors_before, const struct joist_pos *pos, int rc)
{
    if (rc < 0 && r->errors == errors_before) {
        if (rc == JOIST_E_UNSUPPORTED) {
            jst_report_at(r, JOIST_LOG_ERROR, JOIST_E_INVAL, pos,
                          "the OpenSSL of this build knows no Encrypted ClientHello");
        } else {
            jst_report_at(r, JOIST_LOG_ERROR, rc, pos, "%s", joist_error_text(rc));
        }
    }
    return rc < 0 && rc != JOIST_E_NOMEM ? JOIST_E_INVAL : rc;
}

static int
make_server(struct jst_front *f, const struct joist_listener_conf *l, struct jst_tls_server_conf *c,
            struct jst_report *r)
{
    struct jst_tls_reporter report = jst_tls_reporter(r, JOIST_LOG_DEBUG);
    unsigned before = r->errors;

    c->tls = l->tls;
    c->h1 = f->h1;
    c->h2 = f->h2;
    return settle(r, before, &l->tls->pos, jst_tls_server_create(&f->tls, c, &report.base));
}

static int
set_proxy_protocol(struct jst_front *f, const struct joist_listener_conf *l)
{
    switch (l->proxy_protocol) {
    case JOIST_PROXY_PROTOCOL_OFF:
        return JOIST_OK;
    case JOIST_PROXY_PROTOCOL_V1:
        f->proxy_versions = JST_PROXY_V1;
        break;
    case JOIST_PROXY_PROTOCOL_V2:
        f->proxy_versions = JST_PROXY_V2;
        break;
    case JOIST_PROXY_PROTOCOL_ANY:
        f->proxy_versions = JST_PROXY_V1 | JST_PROXY_V2;
        break;
    }
    f->proxy_from = calloc(l->proxy_protocol_from_n + 1, sizeof(*f->proxy_from));
    if (f->proxy_from == NULL) {
        return JOIST_E_NOMEM;
    }
    for (; f->proxy_from_n < l->proxy_protocol_from_n; f->proxy_from_n++) {
        int rc = jst_cidr_parse(&f->proxy_from[f->proxy_from_n],
                                jst_slice_z(l->proxy_protocol_from[f->proxy_from_n]));

        JST_ASSERT(rc == JOIST_OK); /* checked before */
    }
    return JOIST_OK;
}

unsigned
jst_front_proxy_versions(const struct jst_front *f, const struct jst_addr *a)
{
    if (f->proxy_versions == 0 || f->proxy_from_n == 0 || a->u.any.sa_family == AF_UNIX) {
        return f->proxy_versions; /* whoever may open a Unix socket was let in by its folder */
    }
    for (size_t i = 0; i < f->proxy_from_n; i++) {
        if (jst_cidr_has(&f->proxy_from[i], a)) {
            return f->proxy_versions;
        }
    }
    return 0;
}

/* What a browser gets that was told http:// and a TLS port. */
#define PLAIN_BODY "This port speaks TLS: the address must begin with https:// here.\r\n"
_Static_assert(sizeof(PLAIN_BODY) - 1 == 66, "Content-Length below");

static const char plain_answer[] = "HTTP/1.1 400 Bad Request\r\n"
                                   "Content-Type: text/plain; charset=utf-8\r\n"
                                   "Content-Length: 66\r\n"
                                   "Connection: close\r\n\r\n" PLAIN_BODY;

static int
make_fronts(struct jst_fronts *fronts, const struct joist_conf *conf,
            struct jst_tls_tickets *tickets, struct jst_report *r)
{
    struct jst_tls_reporter report = jst_tls_reporter(r, JOIST_LOG_DEBUG);
    unsigned before = r->errors;
    struct jst_tls_server_conf c = {.tickets = tickets,
                                    .ech_keys = conf->ech_keys,
                                    .ech_keys_n = conf->ech_keys_n,
                                    .plain_answer = jst_slice_z(plain_answer),
                                    .now_s = (int64_t)time(NULL)};
    int first = JOIST_OK;

    if (conf->certs_n > 0) {
        first = settle(r, before, NULL,
                       jst_tls_certs_create(&fronts->certs, conf->certs, conf->certs_n, c.now_s,
                                            &report.base));
    }
    c.certs = fronts->certs;
    for (; fronts->n < conf->listeners_n; fronts->n++) { /* all of them: all errors at once */
        const struct joist_listener_conf *l = &conf->listeners[fronts->n];
        struct jst_front *f = &fronts->v[fronts->n];
        int rc = JOIST_OK;

        *f = (struct jst_front){.https_port = l->https_port, .h1 = l->h1 || !l->h2, .h2 = l->h2};
        /* Without the others' certificates one that has its own can still be looked at. */
        if (l->tls != NULL && (first == JOIST_OK || l->tls->certs_n > 0)) {
            f->asks_cert = l->tls->client_auth != JOIST_CLIENT_AUTH_OFF;
            f->needs_cert = l->tls->client_auth == JOIST_CLIENT_AUTH_REQUIRE;
            rc = make_server(f, l, &c, r);
        }
        if (set_proxy_protocol(f, l) < 0) {
            rc = settle(r, r->errors, &l->pos, JOIST_E_NOMEM);
        }
        first = first < 0 ? first : rc;
    }
    return first;
}

int
jst_fronts_create(struct jst_fronts **out, const struct joist_conf *conf,
                  struct jst_tls_tickets *tickets, struct jst_report *r)
{
    size_t bytes = sizeof(struct jst_fronts) + conf->listeners_n * sizeof(struct jst_front);
    struct jst_fronts *fronts = calloc(1, bytes);
    int rc;

    if (fronts == NULL) {
        jst_report_at(r, JOIST_LOG_ERROR, JOIST_E_NOMEM, NULL, "out of memory");
        return JOIST_E_NOMEM;
    }
    rc = make_fronts(fronts, conf, tickets, r);
    if (rc < 0) {
        jst_fronts_destroy(&fronts);
        return rc;
    }
    *out = fronts;
    return JOIST_OK;
}

void
jst_fronts_destroy(struct jst_fronts **take)
{
    struct jst_fronts *fronts = *take;

    *take = NULL;
    if (fronts == NULL) {
        return;
    }
    for (size_t i = 0; i < fronts->n; i++) {
        jst_tls_server_unref(&fronts->v[i].tls);
        free(fronts->v[i].proxy_from);
    }
    jst_tls_certs_unref(&fronts->certs);
    free(fronts);
}
