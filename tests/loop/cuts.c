// SPDX-License-Identifier: MIT
/*
 * Where the stream of bytes is cut never changes what is answered.
 */
#include "harness.h"

static const char script[] =
    "\r\nPOST /a?x=1 HTTP/1.1\r\nHost: r.test\r\nContent-Length: 5\r\n\r\nhello"
    "POST /b HTTP/1.1\r\nHost: s.test\r\nTransfer-Encoding: chunked\r\n\r\n"
    "3;x=\"y\"\r\nabc\r\n2\r\nde\r\n0\r\nX-T: v\r\n\r\n"
    "GET /f.txt HTTP/1.1\r\nHost: s.test\r\nRange: bytes=1-3\r\n\r\n"
    "HEAD /%66.txt HTTP/1.1\r\nhost: s.test\r\n\r\n"
    "GET http://x.test/x?y HTTP/1.1\r\nHost: x.test\r\n\r\n"
    "GET /last HTTP/1.1\r\nHost: r.test\r\nConnection: close\r\n\r\n";

static const char proxied[] =
    "POST /up HTTP/1.1\r\nHost: p.test\r\nContent-Length: 10\r\nX-A: b\r\n\r\n0123456789"
    "POST /up HTTP/1.1\r\nHost: p.test\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\n\r\n"
    "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n"
    "GET /down HTTP/1.1\r\nHost: p.test\r\nConnection: close\r\n\r\n";

#define ORIGINS_MAX 8

struct origins {
    struct peer v[ORIGINS_MAX];
    size_t n;
    unsigned requests;
};

/* Is a whole request there? The body is digits, in whatever framing. */
static bool
has_request(const struct peer *p)
{
    if (peer_has(p, "GET /down")) {
        return peer_has(p, "\r\n\r\n");
    }
    return peer_has(p, "\r\n\r\n0123456789") || peer_has(p, "\r\n0\r\n\r\n");
}

static void
serve_origins(struct rig *g, struct origins *o)
{
    while (o->n < ORIGINS_MAX && rig_accept(g, &o->v[o->n])) {
        o->n++;
    }
    for (size_t i = 0; i < o->n; i++) {
        struct peer *p = &o->v[i];

        while (peer_step(p, SIZE_MAX, SIZE_MAX)) {
        }
        if (p->in_n > 0 && has_request(p)) {
            o->requests++;
            peer_say(p, peer_has(p, "/down")
                            ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                              "4\r\ndown\r\n0\r\nT: v\r\n\r\n"
                            : "HTTP/1.1 201 Created\r\nContent-Length: 2\r\nX-Up: 1\r\n\r\nup");
            peer_forget(p);
            (void)peer_step(p, SIZE_MAX, 0);
        }
    }
}

static void
run(struct rig *g, struct peer *client, struct origins *o)
{
    for (int i = 0; i < 4; i++) {
        rig_run(g, client, NULL);
        if (o != NULL) {
            serve_origins(g, o);
        }
    }
}

/* Send `text` in pieces of `step` bytes behind a first one of `first`; what came back is the
 * caller's, NUL behind it. */
static void
converse(struct rig *g, struct peer *client, const char *text, size_t first, size_t step,
         struct origins *o)
{
    size_t n = strlen(text);

    rig_client(g, client);
    for (size_t at = 0; at < n;) {
        size_t k = JST_MIN(at == 0 && first > 0 ? first : step, n - at);

        peer_send(client, text + at, k);
        at += k;
        run(g, client, o);
    }
    run(g, client, o);
    assert_true(client->eof); /* the last request closes */
}

static void
compare(const struct peer *client, const struct peer *whole, size_t cut)
{
    if (client->in_n != whole->in_n || memcmp(client->in, whole->in, whole->in_n) != 0) {
        fail_msg("cut at %zu: \"%s\" instead of \"%s\"", cut, client->in, whole->in);
    }
}

static unsigned
count(const struct peer *p, const char *text)
{
    const char *at = p->in;
    unsigned n = 0;

    while (at != NULL && (at = strstr(at, text)) != NULL) {
        n++;
        at++;
    }
    return n;
}

static void
test_every_cut_of_a_pipeline(void **state)
{
    struct rig g;
    struct peer whole;

    (void)state;
    rig_init(&g);
    rig_start(&g);
    rig_file(&g, "f.txt", "0123456789", 10);
    converse(&g, &whole, script, 0, SIZE_MAX, NULL);
    assert_int_equal(count(&whole, "HTTP/1.1 "), 6);
    assert_int_equal(count(&whole, "HTTP/1.1 200 OK\r\n"), 3);
    assert_int_equal(count(&whole, "HTTP/1.1 405 "), 1);
    assert_int_equal(count(&whole, "HTTP/1.1 206 "), 1);
    assert_int_equal(count(&whole, "HTTP/1.1 308 "), 1);
    for (size_t cut = 1; cut < sizeof(script) - 1; cut++) {
        struct peer client;

        converse(&g, &client, script, cut, SIZE_MAX, NULL);
        compare(&client, &whole, cut);
        peer_fini(&client);
    }
    for (size_t step = 1; step < 8; step++) {
        struct peer client;

        converse(&g, &client, script, 0, step, NULL);
        compare(&client, &whole, step);
        peer_fini(&client);
    }
    peer_fini(&whole);
    rig_fini(&g);
}

static void
test_every_cut_through_the_proxy(void **state)
{
    struct rig g;
    struct peer whole;
    struct origins o = {0};
    unsigned conversations = 1;

    (void)state;
    rig_init(&g);
    rig_start(&g);
    converse(&g, &whole, proxied, 0, SIZE_MAX, &o);
    assert_int_equal(count(&whole, "HTTP/1.1 201 Created\r\n"), 2);
    assert_int_equal(count(&whole, "\r\n\r\n4\r\ndown\r\n0\r\n"), 1);
    for (size_t cut = 1; cut < sizeof(proxied) - 1; cut++, conversations++) {
        struct peer client;

        converse(&g, &client, proxied, cut, SIZE_MAX, &o);
        compare(&client, &whole, cut);
        peer_fini(&client);
    }
    for (size_t step = 1; step < 4; step++, conversations++) {
        struct peer client;

        converse(&g, &client, proxied, 0, step, &o);
        compare(&client, &whole, step);
        peer_fini(&client);
    }
    assert_int_equal(o.requests, 3 * conversations);
    assert_int_equal(g.r.local.stats.upstream_connects, 1); /* kept all the while */
    peer_fini(&whole);
    for (size_t i = 0; i < o.n; i++) {
        peer_fini(&o.v[i]);
    }
    rig_fini(&g);
}

/* A response of the origin, cut at every byte: the client sees the same. */
static void
test_every_cut_of_a_response(void **state)
{
    static const char response[] =
        "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Long: 0123456789\r\n\r\n"
        "a\r\n0123456789\r\n3;ext=1\r\nabc\r\n0\r\nT: v\r\nU: w\r\n\r\n";
    struct rig g;
    struct peer whole = {.fd = -1};

    (void)state;
    rig_init(&g);
    rig_start(&g);
    for (size_t cut = 0; cut < sizeof(response) - 1; cut++) {
        struct peer client;
        struct peer origin;

        rig_client(&g, &client);
        peer_say(&client, "GET / HTTP/1.1\r\nHost: p.test\r\nTE: trailers\r\n"
                          "Connection: close, te\r\n\r\n");
        rig_run(&g, &client, NULL);
        assert_true(rig_accept(&g, &origin));
        peer_send(&origin, response, cut);
        rig_run(&g, &client, &origin);
        peer_send(&origin, response + cut, sizeof(response) - 1 - cut);
        rig_run(&g, &client, &origin);
        peer_fini(&origin);
        rig_run(&g, &client, NULL);
        assert_true(client.eof);
        if (cut == 0) {
            peer_assert_has(&client, "HTTP/1.1 103 ");
            peer_assert_has(&client, "\r\n0\r\nT: v\r\nU: w\r\n\r\n");
            whole = client;
            continue;
        }
        /* Chunks may be cut anew: their sizes aside, it is the same. */
        assert_int_equal(count(&client, "HTTP/1.1 "), 2);
        peer_assert_has(&client, "\r\n0\r\nT: v\r\nU: w\r\n\r\n");
        assert_memory_equal(client.in, whole.in,
                            (size_t)(strstr(whole.in, "\r\n\r\nd\r\n") - whole.in));
        peer_fini(&client);
    }
    peer_fini(&whole);
    rig_fini(&g);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cut_of_a_pipeline),
        cmocka_unit_test(test_every_cut_through_the_proxy),
        cmocka_unit_test(test_every_cut_of_a_response),
    };

    return cmocka_run_group_tests_name("loop/cuts", tests, NULL, NULL);
}
