// SPDX-License-Identifier: MIT
/*
 * Whole requests while memory runs out: the n-th allocation fails, for each n until a run needs no
 * n-th. The answer is the right one, or an error, or the connection ends; nothing hangs, nothing
 * leaks, and the next request is served.
 */
#include "alloc.h"
#include "harness.h"

#include "base/str.h"

#include <stdio.h>

#define ALLOCS_MAX  400
#define ORIGINS_MAX 8
#define BIG_BYTES   300000

struct talk {
    const char *name;
    const char *head;
    size_t body_n; /* bytes of a body behind the head, in whatever framing the head says */
    const char *tail;
    const char *answer; /* the origin's */
    size_t answer_n;    /* body bytes behind it */
};

static struct rig keeper; /* of the files */
static char big[BIG_BYTES + 1];
static char long_head[40000];

static const struct talk talks[] = {
    {.name = "respond", .head = "GET / HTTP/1.1\r\nHost: r.test\r\nConnection: close\r\n\r\n"},
    {.name = "redirect", .head = "GET /a?b HTTP/1.1\r\nHost: x.test\r\nConnection: close\r\n\r\n"},
    {.name = "small file",
     .head = "GET /small HTTP/1.1\r\nHost: s.test\r\nConnection: close\r\n\r\n"},
    {.name = "large file",
     .head = "GET /large HTTP/1.1\r\nHost: s.test\r\nConnection: close\r\n\r\n"},
    {.name = "ranges",
     .head = "GET /small HTTP/1.1\r\nHost: s.test\r\nRange: bytes=0-1,4-5\r\n"
             "Connection: close\r\n\r\n"},
    {.name = "missing file",
     .head = "GET /none HTTP/1.1\r\nHost: s.test\r\nConnection: close\r\n\r\n"},
    {.name = "long head", .head = long_head},
    {.name = "decoded path",
     .head = "GET /%73mall/../small HTTP/1.1\r\nHost: s.test\r\nConnection: close\r\n\r\n"},
    {.name = "proxied",
     .head = "GET / HTTP/1.1\r\nHost: p.test\r\nConnection: close\r\n\r\n",
     .answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
     .answer_n = 2},
    {.name = "proxied, large answer",
     .head = "GET / HTTP/1.1\r\nHost: p.test\r\nConnection: close\r\n\r\n",
     .answer = "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n",
     .answer_n = BIG_BYTES},
    {.name = "proxied, length",
     .head = "POST / HTTP/1.1\r\nHost: p.test\r\nContent-Length: 300000\r\n"
             "Connection: close\r\n\r\n",
     .body_n = BIG_BYTES,
     .answer = "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n",
     .answer_n = 2},
    {.name = "proxied, chunks",
     .head = "POST / HTTP/1.1\r\nHost: p.test\r\nTransfer-Encoding: chunked\r\n"
             "Connection: close, te\r\nTE: trailers\r\n\r\n493e0\r\n", /* 300000 */
     .body_n = BIG_BYTES,
     .tail = "\r\n0\r\nX-T: v\r\n\r\n",
     .answer = "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"
               "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n",
     .answer_n = BIG_BYTES},
    {.name = "ignored body",
     .head = "POST / HTTP/1.1\r\nHost: r.test\r\nContent-Length: 9000\r\nConnection: close\r\n\r\n",
     .body_n = 9000},
};

struct origins {
    struct peer v[ORIGINS_MAX];
    size_t n;
};

/* Answer whoever has sent a whole request. */
static void
serve(struct rig *g, struct origins *o, const struct talk *t)
{
    while (o->n < ORIGINS_MAX && rig_accept(g, &o->v[o->n])) {
        o->n++;
    }
    for (size_t i = 0; i < o->n; i++) {
        struct peer *p = &o->v[i];

        (void)peer_step(p, SIZE_MAX, SIZE_MAX);
        if (p->in_n > t->body_n && peer_has(p, "\r\n\r\n") &&
            (t->tail == NULL || peer_has(p, "\r\n0\r\n"))) {
            peer_say(p, t->answer);
            peer_send(p, big, t->answer_n);
            peer_forget(p);
        }
    }
}

/* Memory fails only inside of the reactor's turn. */
static void
run(struct rig *g, struct peer *client, struct origins *o, const struct talk *t)
{
    int still = 0;

    for (int i = 0; i < 5000 && still < 5; i++) {
        uint64_t before = g->r.local.stats.bytes_in + client->total;
        bool moved;

        alloc_resume();
        rig_turn(g);
        alloc_pause();
        moved = peer_step(client, SIZE_MAX, SIZE_MAX);
        if (t->answer != NULL) {
            serve(g, o, t);
            for (size_t k = 0; k < o->n; k++) {
                moved = peer_step(&o->v[k], SIZE_MAX, SIZE_MAX) || moved;
            }
        }
        still = moved || g->r.local.stats.bytes_in + client->total != before ? 0 : still + 1;
    }
    assert_int_equal(still, 5);
}

static void
say(struct peer *client, const struct talk *t)
{
    peer_say(client, t->head);
    peer_send(client, big, t->body_n);
    if (t->tail != NULL) {
        peer_say(client, t->tail);
    }
}

/* Is it the whole answer, an error, or the beginning of the answer and then the end? */
static void
judge(const struct peer *client, const struct peer *whole, const char *name, unsigned n)
{
    if (client->in_n == whole->in_n && memcmp(client->in, whole->in, whole->in_n) == 0) {
        return;
    }
    if (peer_has(client, "HTTP/1.1 50") && peer_is_over(client)) {
        return;
    }
    if (peer_is_over(client) && client->in_n < whole->in_n &&
        (client->in_n == 0 || memcmp(client->in, whole->in, client->in_n) == 0)) {
        return;
    }
    if (peer_is_over(client) && peer_has(client, "HTTP/1.1 200 ") && peer_has(whole, " 103 ") &&
        client->in_n < whole->in_n) {
        return; /* an interim response is a hint, and may be left out */
    }
    fail_msg("%s: allocation %u failed, and the client has %zu of %zu bytes%s: \"%.300s\"", name, n,
             client->in_n, whole->in_n, peer_is_over(client) ? " and the end" : ", and waits",
             client->in != NULL ? client->in : "");
}

/* One conversation in a reactor of its own. True if an allocation failed. `whole`: what to compare
 * with, or NULL on the first run, whose answer goes to `*out`. */
static bool
converse(const struct talk *t, unsigned n, const struct peer *whole, struct peer *out)
{
    static const struct talk after = {
        .head = "GET /small HTTP/1.1\r\nHost: s.test\r\nConnection: close\r\n\r\n"};
    struct origins o = {0};
    struct peer client;
    struct rig g;
    bool failed;

    rig_init(&g);
    g.routes[1].handler.files.root =
        keeper.root; /* the same files, and so entity tags, each time */
    rig_start(&g);
    rig_client(&g, &client);
    say(&client, t);
    alloc_fail_at(n, false);
    run(&g, &client, &o, t);
    failed = alloc_off();
    if (whole != NULL) {
        judge(&client, whole, t->name, n);
        peer_fini(&client);
        rig_pass(&g, 2000); /* files that could not be looked at are looked at again */
        rig_client(&g, &client);
        say(&client, &after);
        run(&g, &client, &o, &after);
        peer_assert_has(&client, "\r\n\r\n0123456789");
    } else {
        *out = client;
    }
    for (size_t i = 0; i < o.n; i++) {
        peer_fini(&o.v[i]);
    }
    if (whole != NULL) {
        peer_fini(&client);
    } else {
        peer_close(out);
    }
    rig_fini(&g);
    return failed;
}

static void
test_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(talks) / sizeof(talks[0]); i++) {
        struct peer whole;
        unsigned n = 1;

        assert_false(converse(&talks[i], 0, NULL, &whole));
        assert_true(whole.in_n > 0 && peer_is_over(&whole));
        while (n < ALLOCS_MAX && converse(&talks[i], n, &whole, NULL)) {
            n++;
        }
        assert_true(n > 1 && n < ALLOCS_MAX);
        peer_fini(&whole);
    }
}

static int
fill(void **state)
{
    size_t n;

    (void)state;
    for (size_t i = 0; i < BIG_BYTES; i++) {
        big[i] = (char)('a' + i % 26);
    }
    n = jst_fmt(long_head, sizeof(long_head), "GET / HTTP/1.1\r\nHost: r.test\r\n");
    for (int i = 0; i < 80; i++) {
        n += jst_fmt(long_head + n, sizeof(long_head) - n, "X-%d: %.400s\r\n", i, big);
    }
    (void)jst_fmt(long_head + n, sizeof(long_head) - n, "Connection: close\r\n\r\n");
    rig_init(&keeper);
    rig_file(&keeper, "small", "0123456789", 10);
    rig_file(&keeper, "large", big, BIG_BYTES);
    return 0;
}

static int
remove_files(void **state)
{
    (void)state;
    rig_fini(&keeper);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
    };

    return cmocka_run_group_tests_name("loop/nomem_request", tests, fill, remove_files);
}
