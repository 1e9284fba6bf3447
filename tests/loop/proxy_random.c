// SPDX-License-Identifier: MIT
/*
 * Random requests and responses, cut at random places, in random order, with and without faults.
 *
 * What is held: a response that arrives whole is the right one, byte for byte, or an error of the
 * proxy's own; without faults all of them arrive; nothing leaks (the sanitizers and world_fini()).
 * SEED=7 in the environment runs one case, SEED=7 COUNT=1000 a thousand from there on.
 */
#include "proxy_world.h"

#include "base/rand.h"
#include "proto/h1_body.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CASES        120
#define REQUESTS_MAX 12
#define ORIGINS_MAX  64
#define STEPS_MAX    200000
#define BODY_MAX     400000

struct bytes {
    char *p;
    size_t n;
    size_t cap;
    size_t off; /* used, or sent */
};

struct plan {        /* of one request */
    unsigned kind;   /* of the request's body: 0 none, 1 length, 2 chunks */
    unsigned answer; /* 0 length, 1 chunks, 2 until the close, 3 204, 4 length and close */
    size_t body_n;
    size_t answer_n;
    bool head;
    bool hints;
};

struct origin {
    int fd;
    struct bytes in;
    struct bytes out;
    bool close_at_end;
};

struct run {
    struct world w;
    struct jst_rand rand;
    struct plan plans[REQUESTS_MAX];
    size_t plans_n;
    struct bytes to_proxy;
    struct bytes from_proxy;
    struct side client;
    struct origin origins[ORIGINS_MAX];
    size_t origins_n;
    size_t answered; /* final responses that arrived whole */
    size_t errors;   /* ... of the proxy's own */
    bool faults;
    bool closed; /* the proxy has closed the client's connection */
};

static uint64_t now_running; /* the seed: told when a check fails */

static uint64_t
pick(struct run *r, uint64_t n)
{
    return jst_rand_next(&r->rand) % n;
}

/* Mostly small, sometimes large. */
static size_t
pick_size(struct run *r)
{
    switch (pick(r, 6)) {
    case 0:
        return 0;
    case 1:
        return (size_t)pick(r, BODY_MAX);
    case 2:
        return (size_t)pick(r, 20000);
    default:
        return (size_t)pick(r, 300);
    }
}

static void
add(struct bytes *b, const char *p, size_t n)
{
    if (b->n + n > b->cap) {
        b->cap = (b->n + n) * 2;
        b->p = realloc(b->p, b->cap);
        assert_non_null(b->p);
    }
    memcpy(b->p + b->n, p, n);
    b->n += n;
}

static void
add_text(struct bytes *b, const char *text)
{
    add(b, text, strlen(text));
}

static char
byte_at(unsigned salt, size_t id, size_t i)
{
    return (char)('a' + (id * 7 + i * 3 + i / 1000 + salt) % 26);
}

static void
add_body(struct bytes *b, unsigned salt, size_t id, size_t from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char c = byte_at(salt, id, from + i);

        add(b, &c, 1);
    }
}

static void
add_chunks(struct run *r, struct bytes *b, unsigned salt, size_t id, size_t n)
{
    char line[64];

    for (size_t at = 0; at < n;) {
        size_t k = (size_t)pick(r, pick(r, 4) == 0 ? 3 : 5000) + 1;

        k = JST_MIN(k, n - at);
        (void)snprintf(line, sizeof(line), "%zx%s\r\n", k, pick(r, 5) == 0 ? ";x=y" : "");
        add_text(b, line);
        add_body(b, salt, id, at, k);
        add_text(b, "\r\n");
        at += k;
    }
    add_text(b, pick(r, 2) == 0 ? "0\r\n\r\n" : "0\r\nX-Trailer: t\r\n\r\n");
}

static void
plan_request(struct run *r, size_t id)
{
    struct plan *p = &r->plans[id];
    char text[256];

    p->kind = (unsigned)pick(r, 3);
    p->answer = (unsigned)pick(r, 5);
    p->head = p->kind == 0 && pick(r, 6) == 0;
    p->hints = pick(r, 4) == 0;
    p->body_n = p->kind > 0 ? pick_size(r) : 0;
    p->answer_n = pick_size(r);
    (void)snprintf(text, sizeof(text), "%s /%zu HTTP/1.1\r\nHost: a.test\r\n",
                   p->kind > 0 ? "POST"
                   : p->head   ? "HEAD"
                               : "GET",
                   id);
    add_text(&r->to_proxy, text);
    if (p->kind == 1) {
        (void)snprintf(text, sizeof(text), "Content-Length: %zu\r\n\r\n", p->body_n);
        add_text(&r->to_proxy, text);
        add_body(&r->to_proxy, 1, id, 0, p->body_n);
    } else if (p->kind == 2) {
        add_text(&r->to_proxy, "Transfer-Encoding: chunked\r\n\r\n");
        add_chunks(r, &r->to_proxy, 1, id, p->body_n);
    } else {
        add_text(&r->to_proxy, "\r\n");
    }
}

/* ---- reading messages ---- */

/* Decode a body at the front of `text`: its length in bytes of text, or 0 if it is not whole. `ok`
 * tells whether what is there is what it should be. What an origin ends by closing may be short
 * without anybody knowing. */
static bool
take_body(struct jst_slice *text, enum jst_h1_body kind, uint64_t length, unsigned salt, size_t id,
          size_t expected, bool may_be_short, bool *ok)
{
    struct jst_buf buf = {.refs = 1u << 30, .cap = (uint32_t)text->n};
    struct jst_slice in = *text;
    struct jst_h1_decoder d;
    struct jst_chain out = {0};
    enum jst_h1_err why;
    size_t at = 0;
    bool done;

    buf.data = (char *)(uintptr_t)text->p;
    jst_h1_decoder_init(&d, kind, length);
    assert_int_equal(jst_h1_decode(&d, &buf, &in, SIZE_MAX, &out, &why), 0);
    for (const struct jst_seg *s = out.first; s != NULL; s = s->next) {
        for (size_t i = 0; i < s->n; i++, at++) {
            *ok = *ok && s->p[i] == byte_at(salt, id, at);
        }
    }
    done = d.done;
    *ok = *ok && (done && !may_be_short ? at == expected : at <= expected);
    jst_chain_clear(&out);
    jst_h1_decoder_fini(&d);
    *text = in;
    return done;
}

/* Has the client got the next response whole? */
static bool
take_response(struct run *r)
{
    struct jst_slice in = {r->from_proxy.p + r->from_proxy.off,
                           r->from_proxy.n - r->from_proxy.off};
    const struct plan *p = &r->plans[r->answered];
    struct jst_field v[64];
    struct jst_h1_head h = {.fields = {v, 0, 64}};
    size_t seen = 0;
    size_t n = in.n > 0 ? jst_h1_head_end(in, &seen) : 0;
    bool ok = true;

    if (n == 0) {
        return false;
    }
    assert_true(r->answered < r->plans_n);
    assert_int_equal(
        jst_h1_parse_response(&h, jst_slice(in.p, n), p->head ? JST_METHOD_HEAD : JST_METHOD_GET),
        JST_H1_OK);
    in = jst_slice(in.p + n, in.n - n);
    if (h.status == 103) {
        r->from_proxy.off += n;
        return true;
    }
    if (h.status >= 400) { /* 408: time has passed as well */
        if (!r->faults) {
            fail_msg("%u for request %zu (log: %s)", h.status, r->answered, r->w.last_log);
        }
        assert_true(h.has_length);
        if (!p->head && in.n < h.length) {
            return false;
        }
        in.p += p->head ? 0 : h.length;
        r->errors++;
    } else {
        assert_int_equal(h.status, p->answer == 3 ? 204 : 200);
        if (!take_body(&in, h.body, h.length, 2, r->answered, p->answer_n,
                       r->faults && p->answer == 2, &ok)) {
            assert_true(ok);
            return false;
        }
        assert_true(ok || p->head || p->answer == 3);
    }
    r->from_proxy.off = (size_t)(in.p - r->from_proxy.p);
    r->answered++;
    return true;
}

static void
answer(struct run *r, struct origin *o, size_t id)
{
    const struct plan *p = &r->plans[id];
    char text[256];

    if (p->hints) {
        add_text(&o->out, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
    }
    switch (p->answer) {
    case 1:
        add_text(&o->out, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        if (!p->head) {
            add_chunks(r, &o->out, 2, id, p->answer_n);
        }
        return;
    case 2:
        /* Without a body it would not be told from one that is kept. */
        add_text(&o->out, p->head ? "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
                                  : "HTTP/1.1 200 OK\r\n\r\n");
        o->close_at_end = true;
        break;
    case 3:
        add_text(&o->out, "HTTP/1.1 204 No Content\r\n\r\n");
        return;
    default:
        (void)snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n%sContent-Length: %zu\r\n\r\n",
                       p->answer == 4 ? "Connection: close\r\n" : "", p->answer_n);
        add_text(&o->out, text);
        o->close_at_end = p->answer == 4;
        break;
    }
    if (!p->head) {
        add_body(&o->out, 2, id, 0, p->answer_n);
    }
}

/* Has this origin got a whole request? Then it answers. */
static bool
take_request(struct run *r, struct origin *o)
{
    struct jst_slice in = {o->in.p + o->in.off, o->in.n - o->in.off};
    struct jst_field v[64];
    struct jst_h1_head h = {.fields = {v, 0, 64}};
    size_t seen = 0;
    size_t n = in.n > 0 ? jst_h1_head_end(in, &seen) : 0;
    uint64_t id;
    bool ok = true;

    if (n == 0) {
        return false;
    }
    assert_int_equal(jst_h1_parse_request(&h, jst_slice(in.p, n)), JST_H1_OK);
    assert_true(jst_slice_u64(&id, jst_slice(h.path.p + 1, h.path.n - 1)));
    assert_true(id < r->plans_n);
    in = jst_slice(in.p + n, in.n - n);
    if (!take_body(&in, h.body, h.length, 1, id, r->plans[id].body_n, false, &ok)) {
        assert_true(ok);
        return false;
    }
    assert_true(ok);
    o->in.off = (size_t)(in.p - o->in.p);
    assert_int_equal(o->in.off, o->in.n); /* one at a time */
    answer(r, o, id);
    return true;
}

/* ---- steps ---- */

static void
receive(int fd, struct bytes *b, bool *closed)
{
    char block[65536];
    ssize_t n = recv(fd, block, sizeof(block), MSG_DONTWAIT);

    if (n > 0) {
        add(b, block, (size_t)n);
    } else if (n == 0 || errno != EAGAIN) {
        *closed = true;
    }
}

static size_t
send_some(struct run *r, int fd, struct bytes *b)
{
    size_t max = pick(r, 3) == 0 ? (size_t)pick(r, 20) + 1 : 100000;
    ssize_t n = send(fd, b->p + b->off, JST_MIN(max, b->n - b->off), MSG_DONTWAIT | MSG_NOSIGNAL);

    b->off += n > 0 ? (size_t)n : 0;
    return n > 0 ? (size_t)n : 0;
}

static void
end_origin(struct run *r, struct origin *o, bool reset)
{
    struct linger now = {1, 0};

    (void)r;
    if (reset) {
        (void)setsockopt(o->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    }
    close(o->fd);
    o->fd = -1;
}

static void
step_origin(struct run *r, struct origin *o)
{
    bool closed = false;

    receive(o->fd, &o->in, &closed);
    if (closed) {
        end_origin(r, o, false);
        return;
    }
    if (o->out.off == o->out.n && !o->close_at_end) {
        (void)take_request(r, o);
    }
    if (o->out.off < o->out.n) {
        (void)send_some(r, o->fd, &o->out);
    } else if (o->close_at_end) {
        end_origin(r, o, false);
        return;
    }
    if (r->faults && pick(r, 150) == 0) {
        end_origin(r, o, pick(r, 2) == 0);
    }
}

static void
accept_origins(struct run *r)
{
    int fd = accept4(r->w.listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0) {
        /* Else two sends in a row wait for a delayed acknowledgement, and no turn brings it. */
        assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)), 0);
        assert_true(r->origins_n < ORIGINS_MAX);
        r->origins[r->origins_n++] = (struct origin){.fd = fd};
    }
}

static void
step(struct run *r)
{
    switch (pick(r, 4)) {
    case 0:
        if (r->to_proxy.off < r->to_proxy.n) {
            (void)send_some(r, r->client.fd, &r->to_proxy);
        }
        break;
    case 1:
        accept_origins(r);
        for (size_t i = 0; i < r->origins_n; i++) {
            if (r->origins[i].fd >= 0) {
                step_origin(r, &r->origins[i]);
            }
        }
        break;
    case 2:
        receive(r->client.fd, &r->from_proxy, &r->closed);
        while (take_response(r)) {
        }
        break;
    default:
        jst_loop_turn(r->w.loop, 0);
        if (r->faults && pick(r, 200) == 0) {
            r->w.now_ns += pick(r, 30000) * 1000000;
        }
        break;
    }
}

static void
run_case(uint64_t seed)
{
    static struct run r;
    uint8_t key[32] = {0};
    bool leaves;

    now_running = seed;

    memset(&r, 0, sizeof(r));
    for (size_t i = 0; i < sizeof(key); i++) { /* spread a small number over all bits */
        key[i] = (uint8_t)(jst_hash(jst_slice((const char *)&seed, sizeof(seed)), i) >> 24);
    }
    jst_rand_init(&r.rand, key);
    world_init(&r.w, NULL);
    world_client(&r.w, &r.client);
    r.faults = pick(&r, 2) == 0;
    leaves = r.faults && pick(&r, 3) == 0;
    r.plans_n = (size_t)pick(&r, REQUESTS_MAX) + 1;
    for (size_t i = 0; i < r.plans_n; i++) {
        plan_request(&r, i);
    }
    for (int i = 0; i < STEPS_MAX && !r.closed && r.answered < r.plans_n; i++) {
        step(&r);
        if (leaves && pick(&r, 300) == 0) {
            break;
        }
    }
    if (!r.faults && r.answered < r.plans_n) {
        fail_msg("seed %llu: %zu of %zu responses (log: %s)", (unsigned long long)seed, r.answered,
                 r.plans_n, r.w.last_log);
    }
    assert_true(r.faults || r.errors == 0);
    side_close(&r.client);
    world_run(&r.w, NULL, NULL);
    for (size_t i = 0; i < r.origins_n; i++) {
        if (r.origins[i].fd >= 0) {
            close(r.origins[i].fd);
        }
        free(r.origins[i].in.p);
        free(r.origins[i].out.p);
    }
    free(r.to_proxy.p);
    free(r.from_proxy.p);
    world_fini(&r.w);
}

static void
test_random(void **state)
{
    const char *seed = getenv("SEED");
    const char *count = getenv("COUNT");
    uint64_t first = seed != NULL ? strtoull(seed, NULL, 10) : 0;
    uint64_t n = seed != NULL ? 1 : CASES;

    (void)state;
    n = count != NULL ? strtoull(count, NULL, 10) : n;
    for (uint64_t i = 0; i < n; i++) {
        run_case(first + i);
    }
}

static int
tell_seed(void **state)
{
    (void)state;
    print_message("# the last seed: %llu\n", (unsigned long long)now_running);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(test_random, tell_seed)};

    return cmocka_run_group_tests_name("loop/proxy_random", tests, NULL, NULL);
}
