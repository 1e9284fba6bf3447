// SPDX-License-Identifier: MIT
/*
 * Origins over TLS: verification, client certificates, resumption, and what a failure says.
 */
#include "proxy_world.h"
#include "tls_origin.h"

#include <stdio.h>
#include <stdlib.h>

static struct pki pki;
static char ca[256], client_cert[256], other_ca[256];
static char all_logs[1 << 14];

static const char request[] = "GET / HTTP/1.1\r\nHost: never.asked\r\n\r\n";

static void
keep_log(struct jst_log *log, enum joist_log_level level, enum jst_event event,
         struct jst_slice text)
{
    size_t n = strlen(all_logs);

    (void)log;
    (void)level;
    (void)snprintf(all_logs + n, sizeof(all_logs) - n, "%s %.*s\n", jst_event_name(event),
                   JST_PRI(text));
}

static void
tls_world(struct world *w, uint16_t port, const struct joist_target_tls_conf *tls)
{
    char url[64];
    struct joist_target_conf target = {.url = url, .weight = 1, .tls = tls};
    struct joist_pool_conf pool = {
        .name = "origin", .targets = &target, .targets_n = 1, .idle_max = 8};

    world_init(w, NULL);
    all_logs[0] = '\0';
    w->log.write = keep_log;
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u", port);
    world_pool(w, &pool);
}

/* One request on a connection of its own; what comes back is in side->in. */
static void
ask(struct world *w, struct side *client, const char *until)
{
    world_client(w, client);
    side_send(client, request);
    world_wait(w, client, until);
}

static void
test_own_authority_and_resumption(void **state)
{
    static const char *const http1[] = {"-alpn", "http/1.1", NULL};
    struct joist_target_tls_conf tls = {.ca = ca};
    struct tls_origin o;
    struct side a, b;
    struct world w;

    (void)state;
    for (int i = 0; i < 2; i++) { /* with ALPN, and with a server that knows none */
        origin_start(&o, &pki, "good", i == 0 ? http1 : NULL);
        tls_world(&w, o.port, &tls);
        ask(&w, &a, "</pre>");
        assert_true(side_has(&a, "HTTP/1.1 200"));
        assert_true(side_has(&a, "New, TLSv1.3"));
        ask(&w, &b, "</pre>");
        assert_true(side_has(&b, "Reused, TLSv1.3"));
        assert_int_equal(w.local.stats.upstream_tls, 2);
        assert_int_equal(w.local.stats.upstream_tls_resumed, 1);
        assert_int_equal(w.local.stats.upstream_tls_failures, 0);
        side_close(&a);
        side_close(&b);
        world_fini(&w);
        origin_stop(&o);
    }
}

static void
test_refused_certificates(void **state)
{
    static const struct {
        const char *cert;
        const char *verify_name;
        const char *ca;
        const char *says;
    } cases[] = {
        {"good", "other.example", ca, "other.example"},
        {"good", "127.0.0.2", ca, "127.0.0.2"},
        {"expired", NULL, ca, "expired"},
        {"good", NULL, other_ca, "local issuer"},
        {"good", NULL, NULL, "local issuer"}, /* the system's authorities */
    };

    (void)state;
    for (size_t i = 0; i < JST_COUNT(cases); i++) {
        struct joist_target_tls_conf tls = {.verify_name = cases[i].verify_name, .ca = cases[i].ca};
        struct tls_origin o;
        struct side a;
        struct world w;

        origin_start(&o, &pki, cases[i].cert, NULL);
        tls_world(&w, o.port, &tls);
        ask(&w, &a, "HTTP/1.1 502");
        if (strstr(all_logs, cases[i].says) == NULL ||
            strstr(all_logs, "UPSTREAM_TLS_FAILED") == NULL ||
            strstr(all_logs, "UPSTREAM_FAILED") == NULL) {
            fail_msg("case %zu: the log does not say \"%s\": %s", i, cases[i].says, all_logs);
        }
        assert_true(side_has(&a, "X-Joist-Error: "));
        assert_true(side_has(&a, cases[i].says));
        assert_int_equal(w.last_why, JOIST_E_CERT);
        assert_int_equal(w.local.stats.upstream_tls_failures, 1);
        side_close(&a);
        world_fini(&w);
        origin_stop(&o);
    }
}

static void
test_client_certificate(void **state)
{
    const char *const demand[] = {"-Verify", "1", "-verify_return_error", "-CAfile", ca, NULL};
    struct joist_target_tls_conf tls = {.ca = ca};
    struct tls_origin o;
    struct side a;
    struct world w;

    (void)state;
    origin_start(&o, &pki, "good", demand);
    tls_world(&w, o.port, &tls);
    ask(&w, &a, "HTTP/1.1 502");
    assert_true(strstr(all_logs, "certificate required") != NULL);
    side_close(&a);
    world_fini(&w);
    tls.cert = client_cert;
    tls_world(&w, o.port, &tls);
    ask(&w, &a, "</pre>");
    assert_true(side_has(&a, "HTTP/1.1 200"));
    side_close(&a);
    world_fini(&w);
    origin_stop(&o);
}

static void
test_nobody_listens(void **state)
{
    struct joist_target_tls_conf tls = {.ca = ca};
    struct side a;
    struct world w;

    (void)state;
    tls_world(&w, 1, &tls); /* nobody listens on port 1 */
    ask(&w, &a, "HTTP/1.1 502");
    assert_int_equal(w.last_why, JOIST_E_REFUSED);
    assert_int_equal(w.local.stats.upstream_tls_failures, 0);
    side_close(&a);
    world_fini(&w);
}

static void
use_own_listener(struct world *w, const struct joist_target_tls_conf *tls)
{
    char url[64];
    struct joist_target_conf target = {.url = url, .weight = 1, .tls = tls};
    struct joist_pool_conf pool = {
        .name = "origin", .targets = &target, .targets_n = 1, .idle_max = 8};

    world_init(w, NULL);
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u", w->port);
    world_pool(w, &pool);
}

static void
test_silent_handshake_times_out(void **state)
{
    struct joist_target_tls_conf tls = {.ca = ca};
    struct side a, b, origin;
    struct world w;

    (void)state;
    use_own_listener(&w, &tls);
    world_client(&w, &a);
    side_send(&a, request);
    world_client(&w, &b);
    side_send(&b, request);
    world_accept(&w, &origin);
    world_run(&w, &a, &origin);
    assert_true(origin.n > 100); /* a ClientHello */
    assert_int_equal(origin.in[0], 22);
    assert_false(world_has_connection(&w)); /* the second request waits for the first one's dial */
    world_pass(&w, 5001);
    world_wait(&w, &a, "HTTP/1.1 504");
    world_wait(&w, &b, "HTTP/1.1 504");
    assert_int_equal(w.local.stats.timeout_connect, 2);
    world_wait_closed(&w, &origin);
    side_close(&a);
    side_close(&b);
    side_close(&origin);
    world_fini(&w);
}

static void
test_plain_answer(void **state)
{
    struct joist_target_tls_conf tls = {.ca = ca};
    struct side a, origin;
    struct world w;

    (void)state;
    use_own_listener(&w, &tls);
    world_client(&w, &a);
    side_send(&a, request);
    world_accept(&w, &origin);
    world_run(&w, &a, &origin);
    side_send(&origin, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    world_wait(&w, &a, "HTTP/1.1 502");
    assert_int_equal(w.last_why, JOIST_E_TLS);
    assert_int_equal(w.local.stats.upstream_tls_failures, 1);
    side_close(&a);
    side_close(&origin);
    world_fini(&w);
}

static void
test_client_leaves_during_handshake(void **state)
{
    struct joist_target_tls_conf tls = {.ca = ca};
    struct side a, origin;
    struct world w;

    (void)state;
    use_own_listener(&w, &tls);
    world_client(&w, &a);
    side_send(&a, request);
    world_accept(&w, &origin);
    world_run(&w, &a, &origin);
    side_close(&a);
    world_run(&w, NULL, &origin);
    assert_int_equal(w.done, 1);
    assert_true(w.last_gone);
    world_fini(&w); /* cuts the dial */
    side_close(&origin);
}

static int
make_pki(void **state)
{
    (void)state;
    pki_make(&pki);
    (void)snprintf(ca, sizeof(ca), "%s", pki_path(&pki, "ca"));
    (void)snprintf(other_ca, sizeof(other_ca), "%s", pki_path(&pki, "other"));
    (void)snprintf(client_cert, sizeof(client_cert), "%s", pki_path(&pki, "client"));
    return 0;
}

static int
remove_pki(void **state)
{
    (void)state;
    pki_remove(&pki);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_authority_and_resumption),
        cmocka_unit_test(test_refused_certificates),
        cmocka_unit_test(test_client_certificate),
        cmocka_unit_test(test_nobody_listens),
        cmocka_unit_test(test_silent_handshake_times_out),
        cmocka_unit_test(test_plain_answer),
        cmocka_unit_test(test_client_leaves_during_handshake),
    };

    return cmocka_run_group_tests_name("loop/proxy_tls", tests, make_pki, remove_pki);
}
