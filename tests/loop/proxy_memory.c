// SPDX-License-Identifier: MIT
/*
 * Every allocation of the proxy's making and of an exchange failing once: an error, never a crash,
 * never a wrong answer, and whole again after it.
 */
#include "alloc.h"
#include "proto/h1_client.h"
#include "proxy_world.h"

#include "wire/readbuf.h"

#include <stdio.h>

/* What caches hold would not be asked of malloc. */
static void
fail_from(size_t n)
{
    jst_readbuf_thread_fini();
    jst_buf_thread_fini();
    alloc_fail_at((unsigned)n, false);
}

static void
test_making(void **state)
{
    static const struct joist_target_conf targets[] = {{.url = "http://127.0.0.1:1", .weight = 1},
                                                       {.url = "unix:/tmp/x", .weight = 2}};
    static const struct joist_pool_conf conf = {.targets = targets, .targets_n = 2};
    static const struct joist_proxy_conf proxy_conf = {.path_base = "/base", .host = "h"};
    struct jst_proxy_env env = {0};
    struct world w;

    (void)state;
    world_init(&w, NULL);
    for (size_t n = 1;; n++) {
        struct jst_pool *pool = NULL;
        struct jst_upstreams *u = NULL;
        struct jst_upool *upool = NULL;
        struct jst_handler *h = NULL;
        int rc;

        fail_from(n);
        rc = jst_pool_create(&pool, &conf, NULL, NULL);
        rc = rc < 0 ? rc : jst_upstreams_create(&u, &w.local, jst_h1_client_open);
        rc = rc < 0 ? rc : jst_upool_acquire(&upool, u, pool, 1);
        rc = rc < 0 ? rc : jst_proxy_create(&h, &proxy_conf, 0, &env);
        assert_int_equal(rc, alloc_off() ? JOIST_E_NOMEM : 0);
        if (upool != NULL) {
            jst_upool_release(&upool);
        }
        jst_upstreams_destroy(&u);
        jst_pool_unref(&pool);
        jst_handler_destroy(h);
        if (rc == 0) {
            break;
        }
    }
    world_fini(&w);
}

/* One exchange in which an allocation fails: whatever comes of it is no wrong answer. */
static bool
run_exchange(struct world *w, size_t n, const char *request, const char *response, const char *good)
{
    static struct side client, origin;
    bool failed;

    world_client(w, &client);
    fail_from(n);
    side_send(&client, request);
    memset(&origin, 0, sizeof(origin));
    origin.fd = -1;
    for (int i = 0; i < 50 && !side_has(&client, good) && !client.eof && !client.reset; i++) {
        world_run(w, &client, &origin);
        if (origin.fd < 0) {
            origin.fd = accept4(w->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        } else if (response != NULL && origin.n > 0) {
            side_send(&origin, response);
            response = NULL;
        }
        if (side_has(&client, " 503 ") || side_has(&client, " 502 ")) {
            break;
        }
    }
    failed = alloc_off();
    assert_true(side_has(&client, good) || client.eof || client.reset ||
                side_has(&client, " 503 ") || side_has(&client, " 502 "));
    side_close(&client);
    side_close(&origin);
    world_run(w, NULL, NULL);
    jst_upstreams_close_idle(w->local.upstreams);
    world_run(w, NULL, NULL);
    return failed;
}

static void
test_exchanges(void **state)
{
    static const struct {
        const char *request;
        const char *response;
        const char *good;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
         "\r\n\r\nok"},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX: y\r\n"
         "\r\n",
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\nX: y\r\n"
         "\r\n",
         "\r\n0\r\n"},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
         "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nhi",
         "\r\n\r\nhi"},
    };
    struct world w;

    (void)state;
    world_init(&w, NULL);
    for (size_t i = 0; i < JST_COUNT(cases); i++) {
        bool failed = true;
        size_t n;

        for (n = 1; n < 200 && failed; n++) {
            failed = run_exchange(&w, n, cases[i].request, cases[i].response, cases[i].good);
        }
        assert_false(failed); /* the last one was whole */
        assert_true(n > 5);   /* and some were not */
    }
    world_fini(&w);
}

/* A dial for TLS to an origin that answers in plain text: refused in the end, whatever fails on the
 * way there. */
static void
test_dials(void **state)
{
    char url[64];
    struct joist_target_conf target = {.url = url, .weight = 1};
    struct joist_pool_conf pool = {
        .name = "origin", .targets = &target, .targets_n = 1, .idle_max = 8};
    bool failed = true;
    struct world w;
    size_t n;

    (void)state;
    world_init(&w, NULL);
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u", w.port);
    world_pool(&w, &pool);
    for (n = 1; n < 2000 && failed; n++) {
        failed = run_exchange(&w, n, "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                              "HTTP/1.1 400 Bad Request\r\n\r\n", " 502 ");
    }
    assert_false(failed);
    assert_true(n > 20);
    world_fini(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_making),
        cmocka_unit_test(test_exchanges),
        cmocka_unit_test(test_dials),
    };

    return cmocka_run_group_tests_name("loop/proxy_memory", tests, NULL, NULL);
}
