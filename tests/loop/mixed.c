// SPDX-License-Identifier: MIT
/*
 * Random pipelines of up to 32 requests to files, the proxy, fixed answers and redirects, cut at
 * random places on all sides, against a model of what must come back.
 *
 * SEED=7 in the environment runs with that seed; a failure names the case.
 */
#include "harness.h"

#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>

#define CASES       200
#define WANTS_MAX   32
#define ORIGINS_MAX 64
#define STEPS_MAX   400000

enum where { RESPOND, FILES, MISSING, REDIRECT, PROXY };
enum framing { NO_BODY, LENGTH, CHUNKS };
enum answer { A_LENGTH, A_CHUNKS, A_CLOSE, A_204, A_304, A_LENGTH_AND_CLOSE };
enum special { ORDINARY, SAYS_CLOSE, HTTP_10, EXPECT, UPGRADE }; /* the last request alone */

struct want {
    enum where where;
    enum framing framing;
    enum answer answer;
    enum special special;
    size_t body_n;
    size_t answer_n;
    bool head;
    bool hints;
    bool trailers;
    unsigned served; /* by the origin */
};

struct origin {
    struct peer p;
    bool close_at_end;
    bool continued;
    size_t tunnel; /* number of the want + 1 once it is one */
};

static struct rig g;
static struct want wants[WANTS_MAX];
static size_t wants_n;
static size_t answered; /* final responses that the client has in full */
static struct peer client;
static struct origin origins[ORIGINS_MAX];
static size_t origins_n;
static size_t body_max;

static char
byte_at(size_t id, size_t salt, size_t i)
{
    return (char)('!' + (id * 7 + salt * 3 + i * 13 + i / 256) % 90);
}

static char *
make_body(size_t id, size_t salt, size_t n)
{
    char *p = malloc(n + 1);

    assert_non_null(p);
    for (size_t i = 0; i < n; i++) {
        p[i] = byte_at(id, salt, i);
    }
    return p;
}

static void
check_body(const char *p, size_t n, size_t id, size_t salt, size_t expected)
{
    assert_int_equal(n, expected);
    for (size_t i = 0; i < n; i++) {
        if (p[i] != byte_at(id, salt, i)) {
            fail_msg("body %zu differs at %zu of %zu", id, i, n);
        }
    }
}

/* Formatted text for a peer. */
#define SAY(peer, ...)                                                                             \
    do {                                                                                           \
        char text_[512];                                                                           \
        size_t n_ = jst_fmt(text_, sizeof(text_), __VA_ARGS__);                                    \
                                                                                                   \
        peer_send((peer), text_, n_);                                                              \
    } while (0)

/* In chunks of random sizes, with a trailer or without. */
static void
send_chunks(struct peer *p, const char *body, size_t n, bool trailers)
{
    for (size_t at = 0; at < n;) {
        size_t k = 1 + rig_below(&g, n - at);

        SAY(p, "%zx%s\r\n", k, rig_below(&g, 4) == 0 ? ";ext=\"v\"" : "");
        peer_send(p, body + at, k);
        peer_say(p, "\r\n");
        at += k;
    }
    peer_say(p, trailers ? "0\r\nX-T: v\r\n\r\n" : "0\r\n\r\n");
}

static void
send_body(struct peer *p, enum framing framing, size_t id, size_t salt, size_t n, bool trailers)
{
    char *body = make_body(id, salt, n);

    if (framing == CHUNKS) {
        send_chunks(p, body, n, trailers);
    } else if (framing == LENGTH) {
        peer_send(p, body, n);
    }
    free(body);
}

/* ---- requests ---- */

static void
plan(struct want *w, bool last)
{
    *w = (struct want){.where = (enum where)rig_below(&g, 8)};
    if (w->where > PROXY) {
        w->where = PROXY;
    }
    w->framing = (enum framing)rig_below(&g, 3);
    w->body_n = w->framing != NO_BODY ? 1 + rig_below(&g, body_max) : 0;
    w->head = w->framing == NO_BODY && rig_below(&g, 4) == 0;
    w->answer = (enum answer)rig_below(&g, 6);
    w->answer_n = rig_below(&g, 3) == 0 ? 0 : rig_below(&g, body_max);
    w->hints = rig_below(&g, 4) == 0;
    w->trailers = rig_below(&g, 2) == 0;
    if (!last) {
        return;
    }
    w->special = (enum special)rig_below(&g, 5);
    if (w->special >= EXPECT) {
        w->where = PROXY;
        w->head = false;
    }
    if (w->special == EXPECT) {
        w->framing = rig_below(&g, 2) ? LENGTH : CHUNKS;
        w->body_n = 1 + rig_below(&g, body_max);
    } else if (w->special == UPGRADE) {
        w->framing = NO_BODY;
        w->body_n = 0;
    } else if (w->special == HTTP_10 && w->framing == CHUNKS) {
        w->framing = LENGTH; /* 1.0 knows no chunks */
    }
}

static void
send_request(struct want *w, size_t id)
{
    static const char *const hosts[] = {"r.test", "s.test", "s.test", "x.test", "p.test"};
    char target[32];
    char head[256];
    size_t n;

    if (w->where == FILES) {
        (void)jst_fmt(target, sizeof(target), "/f%zu", id % 3);
    } else {
        (void)jst_fmt(target, sizeof(target), "/%zu", id);
    }
    n = jst_fmt(head, sizeof(head), "%s %s HTTP/1.%d\r\nHost: %s\r\n",
                w->framing != NO_BODY ? "POST"
                : w->head             ? "HEAD"
                                      : "GET",
                target, w->special == HTTP_10 ? 0 : 1, hosts[w->where]);
    peer_send(&client, head, n);
    if (w->framing == LENGTH) {
        SAY(&client, "Content-Length: %zu\r\n", w->body_n);
    } else if (w->framing == CHUNKS) {
        peer_say(&client, "Transfer-Encoding: chunked\r\n");
    }
    peer_say(&client, w->special == EXPECT       ? "Expect: 100-continue\r\n"
                      : w->special == SAYS_CLOSE ? "Connection: close\r\n"
                      : w->special == UPGRADE    ? "Connection: Upgrade\r\nUpgrade: x\r\n"
                      : w->trailers              ? "Connection: TE\r\nTE: trailers\r\n"
                                                 : "");
    peer_say(&client, "\r\n");
    if (w->special != EXPECT) {
        send_body(&client, w->framing, id, 1, w->body_n, w->trailers);
    }
}

/* ---- what messages are made of ---- */

struct message {
    const char *head;
    size_t head_n;
    char *body; /* owned */
    size_t body_n;
    size_t bytes; /* of all */
};

static const char *
find(const char *in, size_t n, const char *text)
{
    return memmem(in, n, text, strlen(text));
}

static bool
has(const struct message *m, const char *text)
{
    return find(m->head, m->head_n, text) != NULL;
}

/* Reads chunks and trailers behind the head. */
static bool
take_chunks(struct message *m, const char *in, size_t n)
{
    size_t at = m->head_n;

    for (;;) {
        const char *line = find(in + at, n - at, "\r\n");
        size_t k;

        if (line == NULL) {
            return false;
        }
        k = strtoul(in + at, NULL, 16);
        at = (size_t)(line - in) + 2;
        if (k == 0) {
            break;
        }
        if (n - at < k + 2) {
            return false;
        }
        m->body = realloc(m->body, m->body_n + k);
        memcpy(m->body + m->body_n, in + at, k);
        m->body_n += k;
        at += k + 2;
    }
    for (;;) { /* trailers */
        const char *line = find(in + at, n - at, "\r\n");
        bool last = line == in + at;

        if (line == NULL) {
            return false;
        }
        at = (size_t)(line - in) + 2;
        if (last) {
            m->bytes = at;
            return true;
        }
    }
}

/* A whole message at the front of what came; `eof`: also one that lasts until the end. */
static bool
take_message(struct message *m, const struct peer *p, bool no_body, bool until_end)
{
    const char *end = p->in_n > 0 ? find(p->in, p->in_n, "\r\n\r\n") : NULL;
    const char *length;

    *m = (struct message){.head = p->in};
    if (end == NULL) {
        return false;
    }
    m->head_n = (size_t)(end - p->in) + 4;
    m->bytes = m->head_n;
    if (no_body || (m->head_n > 12 && memcmp(p->in, "HTTP/1.1 1", 10) == 0)) {
        return true;
    }
    if (has(m, "ransfer-Encoding: chunked\r\n")) {
        if (take_chunks(m, p->in, p->in_n)) {
            return true;
        }
        free(m->body);
        return false;
    }
    length = find(m->head, m->head_n, "\r\nContent-Length: ");
    if (length == NULL && until_end && !p->eof) {
        return false;
    }
    m->body_n = length != NULL ? strtoul(length + 18, NULL, 10)
                : until_end    ? p->in_n - m->head_n
                               : 0;
    if (p->in_n - m->head_n < m->body_n) {
        return false;
    }
    m->bytes += m->body_n;
    m->body = malloc(m->body_n + 1);
    memcpy(m->body, p->in + m->head_n, m->body_n);
    return true;
}

/* ---- the origin ---- */

static void
answer(struct origin *o, const struct want *w, size_t id)
{
    struct peer *p = &o->p;

    if (w->hints) {
        peer_say(p, "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n");
    }
    if (w->special == UPGRADE) {
        peer_say(p,
                 "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
        send_body(p, LENGTH, id, 2, w->answer_n, false);
        peer_shut(p);
        o->tunnel = id + 1;
        return;
    }
    switch (w->answer) {
    case A_204:
        peer_say(p, "HTTP/1.1 204 No Content\r\n\r\n");
        return;
    case A_304:
        peer_say(p, "HTTP/1.1 304 Not Modified\r\nETag: \"e\"\r\n\r\n");
        return;
    case A_CHUNKS:
        peer_say(p, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        break;
    case A_CLOSE:
        peer_say(p, "HTTP/1.1 200 OK\r\n\r\n");
        o->close_at_end = true;
        break;
    case A_LENGTH_AND_CLOSE:
    case A_LENGTH:
        SAY(p, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n", w->answer_n);
        peer_say(p, w->answer == A_LENGTH ? "\r\n" : "Connection: close\r\n\r\n");
        o->close_at_end = w->answer == A_LENGTH_AND_CLOSE;
        break;
    }
    if (!w->head) {
        send_body(p, w->answer == A_CHUNKS ? CHUNKS : LENGTH, id, 2, w->answer_n, true);
    }
}

static void
serve_origin(struct origin *o)
{
    struct message m;
    struct want *w;
    size_t id;

    if (o->tunnel > 0 || o->p.in_n == 0 || find(o->p.in, o->p.in_n, "\r\n\r\n") == NULL) {
        return;
    }
    id = strtoul(strchr(o->p.in, '/') + 1, NULL, 10);
    assert_true(id < wants_n);
    w = &wants[id];
    if (w->special == EXPECT && !o->continued) {
        assert_non_null(find(o->p.in, o->p.in_n, "\r\nExpect: 100-continue\r\n"));
        peer_say(&o->p, "HTTP/1.1 100 Continue\r\n\r\n");
        o->continued = true;
    }
    if (!take_message(&m, &o->p, false, false)) {
        return;
    }
    assert_int_equal(w->where, PROXY);
    assert_int_equal(w->served++, 0); /* exactly once */
    check_body(m.body, m.body_n, id, 1, w->body_n);
    free(m.body);
    peer_drop(&o->p, m.bytes);
    answer(o, w, id);
}

static void
step_origin(struct origin *o, size_t max)
{
    if (o->p.fd < 0) {
        return;
    }
    (void)peer_step(&o->p, 1 + rig_below(&g, max), 1 + rig_below(&g, max));
    serve_origin(o);
    if (o->close_at_end && o->p.out_n == 0) {
        peer_close(&o->p);
    } else if (o->tunnel > 0 && o->p.eof && o->p.out_n == 0) {
        struct want *w = &wants[o->tunnel - 1];

        check_body(o->p.in, o->p.in_n, o->tunnel - 1, 3, w->answer_n);
        peer_close(&o->p);
    }
}

/* ---- the client's side ---- */

static bool
closes(const struct want *w)
{
    return w->special == SAYS_CLOSE || w->special == HTTP_10;
}

static void
check_answer(const struct message *m, const struct want *w, size_t id)
{
    static const size_t files[] = {10, 5000, 100000};
    unsigned status = (unsigned)strtoul(m->head + 9, NULL, 10);
    unsigned expected = w->where == RESPOND     ? 200
                        : w->where == REDIRECT  ? 308
                        : w->where == PROXY     ? w->answer == A_204   ? 204
                                                  : w->answer == A_304 ? 304
                                                                       : 200
                        : w->framing != NO_BODY ? 405
                        : w->where == MISSING   ? 404
                                                : 200;

    if (status != expected) {
        fail_msg("request %zu: %u instead of %u: %.200s", id, status, expected, m->head);
    }
    if (w->head || status == 204 || status == 304) {
        assert_int_equal(m->body_n, 0);
    } else if (w->where == PROXY) {
        check_body(m->body, m->body_n, id, 2, w->answer_n);
    } else if (w->where == RESPOND) {
        assert_int_equal(m->body_n, 6);
    } else if (w->where == FILES && status == 200) {
        check_body(m->body, m->body_n, 0, 9, files[id % 3]);
    }
    if (closes(w)) {
        assert_true(has(m, "\r\nConnection: close\r\n"));
    }
}

/* Takes what has come. After a 101 the rest is the tunnel's. */
static void
take_answers(void)
{
    while (answered < wants_n) {
        struct want *w = &wants[answered];
        bool no_body = w->head || (w->where == PROXY && (w->answer == A_204 || w->answer == A_304));
        struct message m;

        if (!take_message(&m, &client, no_body, w->special == HTTP_10)) {
            return;
        }
        if (memcmp(m.head, "HTTP/1.1 100", 12) == 0) {
            assert_int_equal(w->special, EXPECT);
            send_body(&client, w->framing, answered, 1, w->body_n, false);
        } else if (memcmp(m.head, "HTTP/1.1 101", 12) == 0) {
            assert_int_equal(w->special, UPGRADE);
            send_body(&client, LENGTH, answered, 3, w->answer_n, false);
            peer_shut(&client);
            answered++;
        } else if (memcmp(m.head, "HTTP/1.1 1", 10) == 0) {
            assert_true(w->hints && w->where == PROXY && w->special != HTTP_10);
        } else {
            check_answer(&m, w, answered);
            answered++;
        }
        free(m.body);
        peer_drop(&client, m.bytes);
    }
}

static bool
is_done(void)
{
    const struct want *last = &wants[wants_n - 1];

    return answered == wants_n && (client.eof || (last->special != UPGRADE && !closes(last)));
}

static void
run_case(void)
{
    static const size_t maxima[] = {1, 7, 100, 5000, 100000};
    size_t max = maxima[rig_below(&g, JST_COUNT(maxima))];
    const struct want *last;

    body_max = max < 100 ? 100 : max < 5000 ? 3000 : 60000;
    wants_n = 1 + rig_below(&g, WANTS_MAX);
    answered = 0;
    rig_client(&g, &client);
    for (size_t i = 0; i < wants_n; i++) {
        plan(&wants[i], i + 1 == wants_n);
        if (max < 100 && wants[i].where == FILES) {
            wants[i].where = MISSING; /* large files a byte at a time take for ever */
        }
        send_request(&wants[i], i);
    }
    last = &wants[wants_n - 1];
    for (unsigned step = 0; step < STEPS_MAX && !is_done(); step++) {
        (void)peer_step(&client, 1 + rig_below(&g, max), 1 + rig_below(&g, max));
        rig_turn(&g);
        while (origins_n < ORIGINS_MAX && rig_accept(&g, &origins[origins_n].p)) {
            origins_n++;
        }
        for (size_t i = 0; i < origins_n; i++) {
            step_origin(&origins[i], max);
        }
        take_answers();
    }
    if (!is_done()) {
        fail_msg("%zu of %zu answers came; there is: %.300s", answered, wants_n, client.in);
    }
    if (last->special == UPGRADE) {
        check_body(client.in, client.in_n, wants_n - 1, 2, last->answer_n);
    } else {
        assert_int_equal(client.in_n, 0);
    }
}

static void
end_case(void)
{
    for (int i = 0; i < 20; i++) { /* let tunnels and closing connections see their ends */
        rig_turn(&g);
        for (size_t k = 0; k < origins_n; k++) {
            step_origin(&origins[k], 100000);
        }
    }
    peer_fini(&client);
    for (size_t i = 0; i < origins_n; i++) {
        peer_fini(&origins[i].p);
        origins[i] = (struct origin){0};
    }
    origins_n = 0;
    rig_run(&g, NULL, NULL);
    rig_assert_idle(&g);
    assert_int_equal(g.r.local.stats.client_gone, 0);
    assert_int_equal(g.r.local.stats.upstream_failures, 0);
}

static void
test_random_pipelines(void **state)
{
    char *file = make_body(0, 9, 100000);

    (void)state;
    rig_init(&g);
    print_message("# SEED=%llu\n", (unsigned long long)g.seed);
    rig_start(&g);
    rig_file(&g, "f0", file, 10);
    rig_file(&g, "f1", file, 5000);
    rig_file(&g, "f2", file, 100000);
    free(file);
    for (int i = 0; i < CASES; i++) {
        run_case();
        end_case();
    }
    assert_true(g.r.local.stats.upstream_reuses > 100);
    rig_fini(&g);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_pipelines),
    };

    return cmocka_run_group_tests_name("loop/mixed", tests, NULL, NULL);
}
