// SPDX-License-Identifier: MIT
/*
 * Requests over HTTP/2 while memory runs out: the n-th allocation fails, for each n until a run
 * needs no n-th. The answer is the right one, or an error, or the stream or the connection ends;
 * nothing hangs, nothing leaks, and the next connection is served.
 */
#include "alloc.h"
#include "h2_peer.h"

#include "base/str.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ALLOCS_MAX 600
#define ROUNDS     60
#define BIG_BYTES  100000

static struct rig keeper; /* of the files */
static char big[BIG_BYTES];
static struct h2_peer h;

struct talk {
    const char *name;
    nghttp2_nv v[6];
    size_t n;
    size_t body_n;
    bool trailers;
    const char *answer; /* the origin's */
    size_t answer_n;    /* body bytes behind it */
};

#define TO(method, host, path)                                                                     \
    H2_NV(":method", method), H2_NV(":scheme", "http"), H2_NV(":authority", host),                 \
        H2_NV(":path", path)

static const struct talk talks[] = {
    {.name = "respond", .v = {TO("GET", "r.test", "/")}, .n = 4},
    {.name = "decoded path", .v = {TO("GET", "S.test", "/%73mall/../small")}, .n = 4},
    {.name = "large file", .v = {TO("GET", "s.test", "/large")}, .n = 4},
    {.name = "refused", .v = {TO("GET", "r.test", "/"), H2_NV("host", "x.test")}, .n = 5},
    {.name = "cookies",
     .v = {TO("GET", "r.test", "/"), H2_NV("cookie", "a=1"), H2_NV("cookie", "b=2")},
     .n = 6},
    {.name = "proxied",
     .v = {TO("GET", "p.test", "/")},
     .n = 4,
     .answer = "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"
               "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
     .answer_n = BIG_BYTES},
    {.name = "proxied, body and trailers",
     .v = {TO("POST", "p.test", "/"), H2_NV("te", "trailers")},
     .n = 5,
     .body_n = BIG_BYTES,
     .trailers = true,
     .answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n"
               "2\r\nok\r\n0\r\nX-T: v\r\n\r\n"},
};

/* The origin: answers whoever has sent a whole request. */
static void
serve(struct rig *g, struct peer *origin, bool *there, const struct talk *t)
{
    if (!*there) {
        *there = rig_accept(g, origin);
    }
    if (!*there || !peer_step(origin, SIZE_MAX, SIZE_MAX)) {
        return;
    }
    if (peer_is_over(origin)) {
        peer_fini(origin);
        *there = false;
        return;
    }
    if (peer_has(origin, t->trailers ? "\r\n0\r\n" : "\r\n\r\n")) {
        peer_forget(origin);
        peer_say(origin, t->answer);
        peer_send(origin, big, t->answer_n);
    }
}

/* May fail like any other. */
static bool
connect_client(struct rig *g)
{
    struct jst_peer peer = {.local_port = 80};
    struct jst_server_how how = {.h2 = true};
    int fds[2];
    int rc;

    h = (struct h2_peer){0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(jst_addr_literal(&peer.addr, JST_S("192.0.2.7"), 4711), 0);
    peer_init(&h.p, fds[1]);
    rc = jst_server_open(&g->r.owner, fds[0], &peer, &how);
    if (rc < 0) {
        assert_int_equal(rc, JOIST_E_NOMEM);
        close(fds[0]);
    }
    return rc == 0;
}

static void
talk_to_the_end(struct rig *g, const struct talk *t)
{
    static const nghttp2_nv trailer[] = {H2_NV("x-sum", "abc")};
    struct h2_body body = {.p = big, .n = t->body_n, .may = t->body_n};
    struct peer origin;
    bool there = false;

    body.trailers = trailer;
    body.trailers_n = t->trailers ? 1 : 0;
    alloc_pause();
    h2_speak(&h, false);
    (void)h2_request(&h, t->v, t->n, t->body_n > 0 ? &body : NULL);
    for (int i = 0; i < ROUNDS; i++) {
        h2_push(&h);
        (void)peer_step(&h.p, SIZE_MAX, SIZE_MAX);
        h2_pull(&h);
        serve(g, &origin, &there, t);
        alloc_resume();
        rig_turn(g);
        rig_turn(g);
        alloc_pause();
    }
    if (there) {
        peer_fini(&origin);
    }
    alloc_resume();
}

/* Whole, or seen not to be. */
static void
judge(const struct talk *t, unsigned n)
{
    const struct h2_reply *r = h2_reply(&h, 1);

    if (h.dead || (!r->closed && !peer_is_over(&h.p))) {
        fail_msg("%s, allocation %u: it hangs", t->name, n);
    }
    if (r->ended && r->status == 200 && t->answer_n > 0 && r->body_n != t->answer_n) {
        fail_msg("%s, allocation %u: %zu bytes look whole", t->name, n, r->body_n);
    }
}

static bool
run(const struct talk *t, unsigned n)
{
    struct rig g;
    bool failed;

    rig_init(&g);
    (void)jst_fmt(g.root, sizeof(g.root), "%s", keeper.root);
    rig_start(&g);
    alloc_fail_at(n, false);
    if (connect_client(&g)) {
        talk_to_the_end(&g, t);
        failed = alloc_off();
        judge(t, n);
    } else {
        failed = alloc_off();
    }
    h2_close(&h);
    rig_run(&g, NULL, NULL);
    rig_assert_idle(&g);
    h2_open(&g, &h, false);
    (void)h2_get(&h, "r.test", "/");
    h2_run(&g, &h, NULL);
    assert_int_equal(h2_reply(&h, 1)->status, 200);
    h2_close(&h);
    rig_run(&g, NULL, NULL);
    rig_fini(&g);
    return failed;
}

static void
test_each_allocation_fails_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < JST_COUNT(talks); i++) {
        unsigned n = 1;

        while (n < ALLOCS_MAX && run(&talks[i], n)) {
            n++;
        }
        assert_true(n > 5 && n < ALLOCS_MAX);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_allocation_fails_once),
    };
    int rc;

    rig_init(&keeper);
    rig_file(&keeper, "small", "text", 4);
    rig_file(&keeper, "large", big, sizeof(big));
    rc = cmocka_run_group_tests_name("loop/h2_nomem", tests, NULL, NULL);
    rig_fini(&keeper);
    return rc;
}
