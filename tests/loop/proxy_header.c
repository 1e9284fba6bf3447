// SPDX-License-Identifier: MIT
/*
 * A PROXY header before the first request: at every cut, never in time, wrong, and when memory is
 * out. What came behind it in the same piece is not lost.
 */
#include "alloc.h"
#include "harness.h"

#include "codec/proxy_protocol.h"

#define BOTH       (JST_PROXY_V1 | JST_PROXY_V2)
#define HEADER_MS  1000u
#define ALLOCS_MAX 200u

static const char request[] = "GET /f HTTP/1.1\r\nHost: s.test\r\nConnection: close\r\n\r\n";
static const char v1[] = "PROXY TCP4 192.0.2.1 198.51.100.2 40000 443\r\n";
static const char v2[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x13\xc0\0\x02\x01\xc6\x33\x64\x02\x9c\x40"
                         "\x01\xbb\x04\0\x04----";
static const char local[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

static const struct {
    const char *p;
    size_t n;
} headers[] = {{v1, sizeof(v1) - 1}, {v2, sizeof(v2) - 1}, {local, sizeof(local) - 1}};

static void
begin(struct rig *g)
{
    rig_init(g);
    g->proxy_versions = BOTH;
    g->conf.timeouts.header_ms = HEADER_MS;
    rig_file(g, "f", "0123456789", 10);
    rig_start(g);
}

/* The header and the request behind it, in pieces of at most `first`, then `step` bytes. */
static void
talk(struct rig *g, size_t header, size_t first, size_t step)
{
    char all[256];
    size_t n = headers[header].n + sizeof(request) - 1;
    struct peer client;

    memcpy(all, headers[header].p, headers[header].n);
    memcpy(all + headers[header].n, request, sizeof(request) - 1);
    rig_client(g, &client);
    for (size_t at = 0; at < n;) {
        size_t piece = JST_MIN(at == 0 ? first : step, n - at);

        peer_send(&client, all + at, piece);
        rig_run(g, &client, NULL);
        at += piece;
    }
    peer_assert_has(&client, "HTTP/1.1 200 ");
    peer_assert_has(&client, "\r\n\r\n0123456789");
    peer_fini(&client);
    rig_run(g, NULL, NULL);
}

static void
test_every_cut(void **state)
{
    struct rig g;
    uint64_t talks = 0;

    (void)state;
    begin(&g);
    for (size_t i = 0; i < JST_COUNT(headers); i++) {
        for (size_t cut = 1; cut < headers[i].n + 4; cut++) {
            talk(&g, i, cut, SIZE_MAX);
            talks++;
        }
        talk(&g, i, 1, 1);
        talk(&g, i, 3, 7);
        talks += 2;
    }
    assert_int_equal(g.r.local.stats.proxy_headers, talks);
    assert_int_equal(g.r.local.stats.proxy_failures, 0);
    rig_fini(&g);
}

static void
test_wrong(void **state)
{
    struct peer client;
    struct rig g;

    (void)state;
    begin(&g);
    for (size_t cut = 1; cut < sizeof(request) - 1; cut++) {
        rig_client(&g, &client);
        peer_send(&client, request, cut);
        rig_run(&g, &client, NULL);
        assert_true(peer_is_over(&client) && client.in_n == 0);
        peer_fini(&client);
    }
    assert_int_equal(g.r.local.stats.proxy_failures, sizeof(request) - 2);
    assert_int_equal(g.r.local.stats.requests, 0);
    rig_fini(&g);
}

static void
test_too_slow(void **state)
{
    struct peer client;
    struct rig g;

    (void)state;
    begin(&g);
    for (size_t n = 0; n < sizeof(v1) - 1; n += 11) {
        rig_client(&g, &client);
        peer_send(&client, v1, n);
        rig_run(&g, &client, NULL);
        rig_pass(&g, HEADER_MS - 1);
        rig_run(&g, &client, NULL);
        assert_false(peer_is_over(&client));
        rig_pass(&g, 1);
        rig_run(&g, &client, NULL);
        assert_true(peer_is_over(&client));
        peer_fini(&client);
    }
    assert_int_equal(g.r.local.stats.proxy_failures, g.r.local.stats.timeout_header);
    rig_fini(&g);
}

/* Who leaves without a word is no failure, who leaves in the middle is. */
static void
test_leaving(void **state)
{
    struct peer client;
    struct rig g;

    (void)state;
    begin(&g);
    for (size_t n = 0; n < 3; n++) {
        rig_client(&g, &client);
        peer_send(&client, v1, n);
        peer_shut(&client);
        rig_run(&g, &client, NULL);
        assert_true(peer_is_over(&client));
        peer_fini(&client);
        assert_int_equal(g.r.local.stats.proxy_failures, n);
    }
    rig_fini(&g);
}

/* True if an allocation failed. */
static bool
talk_without_memory(unsigned n)
{
    struct peer client;
    struct rig g;
    bool failed;
    int rc;

    begin(&g);
    alloc_fail_at(n, false);
    rc = rig_try_client(&g, &client);
    alloc_pause();
    if (rc == JOIST_OK) {
        peer_send(&client, v2, sizeof(v2) - 1);
        peer_send(&client, request, sizeof(request) - 1);
        for (unsigned i = 0; i < 20; i++) {
            (void)peer_step(&client, SIZE_MAX, SIZE_MAX);
            alloc_resume();
            rig_turn(&g);
            alloc_pause();
        }
        (void)peer_step(&client, SIZE_MAX, SIZE_MAX);
        assert_true(peer_is_over(&client));
        peer_fini(&client);
    }
    failed = alloc_off();
    talk(&g, 0, SIZE_MAX, SIZE_MAX); /* the next one is served */
    rig_fini(&g);
    return failed;
}

static void
test_no_memory(void **state)
{
    unsigned n = 1;

    (void)state;
    while (n < ALLOCS_MAX && talk_without_memory(n)) {
        n++;
    }
    assert_true(n > 4 && n < ALLOCS_MAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cut), cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_too_slow),  cmocka_unit_test(test_leaving),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests_name("loop/proxy_header", tests, NULL, NULL);
}
