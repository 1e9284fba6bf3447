// SPDX-License-Identifier: MIT
/*
 * One connection to several addresses, with real sockets and a clock of the test's own.
 *
 * An address is "silent" when its queue of connections is full: Linux drops what comes then, as a
 * packet filter would.
 */
#include "wire/race.h"

#include "base/str.h"
#include "sys/sock.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#define FILLERS_MAX 2
#define STEP_MS     250

struct racer {
    struct jst_conn conn; /* first */
    unsigned connected;
    unsigned failed;
    unsigned closed;
    int why;
    char told[64]; /* "-1 +2": by the last octet of what on_address said */
};

static struct jst_loop *l;
static uint64_t clock_ns;
static int fillers[FILLERS_MAX];
static size_t fillers_n;

static uint64_t
read_clock(void *ctx)
{
    (void)ctx;
    return clock_ns;
}

static int64_t
read_wall(void *ctx)
{
    (void)ctx;
    return (int64_t)(clock_ns / 1000);
}

static const struct jst_clock fake_clock = {.now_ns = read_clock, .wall_us = read_wall};

static struct racer *
of(struct jst_conn *c)
{
    return JST_CONTAINER(c, struct racer, conn);
}

static void
on_readable(struct jst_conn *c)
{
    (void)c;
}

static void
on_connected(struct jst_conn *c)
{
    of(c)->connected++;
}

static void
on_failed(struct jst_conn *c, int why)
{
    of(c)->failed++;
    of(c)->why = why;
}

static void
on_closed(struct jst_conn *c)
{
    of(c)->closed++;
}

static void
on_address(struct jst_conn *c, const struct jst_addr *addr, bool ok)
{
    struct racer *r = of(c);
    size_t n = strlen(r->told);
    const unsigned char *octets = (const unsigned char *)&addr->u.in4.sin_addr;

    (void)jst_fmt(r->told + n, sizeof(r->told) - n, "%s%c%u", n > 0 ? " " : "", ok ? '+' : '-',
                  octets[3]);
}

static const struct jst_conn_events events = {.on_readable = on_readable,
                                              .on_connected = on_connected,
                                              .on_failed = on_failed,
                                              .on_closed = on_closed,
                                              .on_address = on_address};

/* ---- addresses: 127.0.0.<n>, so that each is told from the others ---- */

static struct jst_addr
address_of(unsigned last, uint16_t port)
{
    struct jst_addr a;
    char text[32];

    (void)jst_fmt(text, sizeof(text), "127.0.0.%u", last);
    assert_int_equal(jst_addr_literal(&a, jst_slice_z(text), port), 0);
    return a;
}

/* Returns the listening socket. */
static int
make_good(struct jst_addr *at, unsigned last)
{
    int fd;

    *at = address_of(last, 0);
    fd = jst_sock_listen(at, false);
    assert_true(fd >= 0);
    assert_int_equal(jst_sock_local(fd, at), 0);
    return fd;
}

static void
make_refusing(struct jst_addr *at, unsigned last)
{
    close(make_good(at, last)); /* nobody else takes ports of this address */
}

static int
make_silent(struct jst_addr *at, unsigned last)
{
    int fd = make_good(at, last);
    int filler;
    struct pollfd p = {.events = POLLOUT};

    assert_int_equal(listen(fd, 0), 0);
    filler = jst_sock_connect(at); /* the one for which a queue of 0 has room */
    assert_true(filler >= 0);
    p.fd = filler;
    assert_int_equal(poll(&p, 1, 10000), 1);
    assert_int_equal(jst_sock_error(filler), 0);
    p = (struct pollfd){.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 10000), 1); /* it is in the queue */
    fillers[fillers_n++] = filler;
    return fd;
}

/* The call itself fails, as to IPv6 on a host without. Returns how. */
static int
make_unreachable(struct jst_addr *at)
{
    int rc;

    assert_int_equal(jst_addr_literal(at, JST_S("255.255.255.255"), 9), 0);
    rc = jst_sock_connect(at);
    assert_true(rc < 0); /* no broadcasts, or no route */
    return rc;
}

/* ---- the rig ---- */

static int
begin(void **state)
{
    (void)state;
    clock_ns = 1000000000;
    fillers_n = 0;
    return jst_loop_create(&l, &fake_clock);
}

static int
finish(void **state)
{
    (void)state;
    for (size_t i = 0; i < fillers_n; i++) {
        close(fillers[i]);
    }
    jst_loop_destroy(&l);
    jst_buf_thread_fini();
    return 0;
}

static int
race(struct racer *r, const struct jst_addr *v, uint32_t n)
{
    static const uint8_t order[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    struct jst_race_to to = {v, order, n, STEP_MS};

    *r = (struct racer){0};
    jst_loop_turn(l, 0); /* the loop's time */
    return jst_conn_race(&r->conn, l, &to, &events);
}

static bool
is_over(const struct racer *r)
{
    return r->connected + r->failed > 0;
}

/* What the sockets have to say at this time of the clock: until it is over, or for a while. */
static void
settle(const struct racer *r)
{
    for (int i = 0; i < 40 && !is_over(r); i++) {
        struct pollfd p = {.fd = -1};

        jst_loop_turn(l, 0);
        (void)poll(&p, 0, is_over(r) ? 0 : 1);
    }
}

static void
wait_for_end(const struct racer *r)
{
    for (int i = 0; i < 5000 && !is_over(r); i++) {
        settle(r);
    }
    assert_true(is_over(r));
}

static void
pass(uint64_t ms)
{
    clock_ns += ms * 1000000;
    jst_loop_turn(l, 0);
}

static void
end(struct racer *r)
{
    jst_conn_close(&r->conn, false);
    assert_int_equal(r->closed, 0);
    jst_loop_turn(l, 0);
    jst_loop_turn(l, 0);
    assert_int_equal(r->closed, 1);
}

static unsigned
last_octet_of_peer(const struct racer *r)
{
    struct jst_addr a = {.len = sizeof(a.u)};

    assert_int_equal(getpeername(r->conn.io.fd, &a.u.any, &a.len), 0);
    return ((const unsigned char *)&a.u.in4.sin_addr)[3];
}

/* How many descriptors are open. */
static unsigned
count_fds(void)
{
    unsigned n = 0;

    for (int fd = 0; fd < 256; fd++) {
        n += fcntl(fd, F_GETFD) >= 0;
    }
    return n;
}

/* ---- tests ---- */

static void
test_first_wins(void **state)
{
    struct racer r;
    struct jst_addr v[2];
    int good[2] = {make_good(&v[0], 1), make_good(&v[1], 2)};

    (void)state;
    assert_int_equal(race(&r, v, 2), 0);
    wait_for_end(&r);
    assert_int_equal(r.connected, 1);
    assert_string_equal(r.told, "+1");
    assert_int_equal(last_octet_of_peer(&r), 1);
    end(&r);
    close(good[0]);
    close(good[1]);
}

static void
test_second_is_begun_after_the_step(void **state)
{
    struct racer r;
    struct jst_addr v[2];
    int fds[2] = {make_silent(&v[0], 1), make_good(&v[1], 2)};

    (void)state;
    assert_int_equal(race(&r, v, 2), 0);
    settle(&r);
    pass(STEP_MS - 1);
    settle(&r);
    assert_false(is_over(&r));
    pass(1);
    wait_for_end(&r);
    assert_int_equal(r.connected, 1);
    assert_string_equal(r.told, "-1 +2");
    assert_int_equal(last_octet_of_peer(&r), 2);
    end(&r);
    close(fds[0]);
    close(fds[1]);
}

static void
test_second_is_begun_at_once_after_a_refusal(void **state)
{
    struct racer r;
    struct jst_addr v[2];
    int good;

    (void)state;
    make_refusing(&v[0], 1);
    good = make_good(&v[1], 2);
    assert_int_equal(race(&r, v, 2), 0);
    wait_for_end(&r); /* the clock stands still */
    assert_int_equal(r.connected, 1);
    assert_string_equal(r.told, "-1 +2");
    end(&r);
    close(good);
}

static void
test_all_fail(void **state)
{
    struct racer r;
    struct jst_addr v[3];

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        make_refusing(&v[i], i + 1);
    }
    assert_int_equal(race(&r, v, 3), 0);
    wait_for_end(&r);
    assert_int_equal(r.failed, 1);
    assert_int_equal(r.why, JOIST_E_REFUSED);
    assert_string_equal(r.told, "-1 -2 -3");
    end(&r);
}

/* The silent one is waited for on; what is told in the end is why the last one failed. */
static void
test_refused_beside_a_silent_one(void **state)
{
    struct racer r;
    struct jst_addr v[2];
    int silent = make_silent(&v[0], 1);

    (void)state;
    make_refusing(&v[1], 2);
    assert_int_equal(race(&r, v, 2), 0);
    pass(STEP_MS);
    settle(&r);
    assert_false(is_over(&r));
    assert_string_equal(r.told, "-2");
    end(&r); /* its owner's time is over */
    close(silent);
}

/* An overtaken one that gets through in the end is the connection after all. */
static void
test_first_wins_late(void **state)
{
    struct racer r;
    struct jst_addr v[2];
    struct jst_addr from;
    int silent[2] = {make_silent(&v[0], 1), make_silent(&v[1], 2)};
    int taken;

    (void)state;
    assert_int_equal(race(&r, v, 2), 0);
    settle(&r);
    pass(STEP_MS);
    settle(&r);
    assert_false(is_over(&r));
    while ((taken = jst_sock_accept(silent[0], &from)) >= 0) { /* now there is room */
        close(taken);
    }
    wait_for_end(&r); /* the kernel asks again after a second */
    assert_int_equal(r.connected, 1);
    assert_string_equal(r.told, "+1"); /* of the second nothing is known */
    assert_int_equal(last_octet_of_peer(&r), 1);
    end(&r);
    close(silent[0]);
    close(silent[1]);
}

static void
test_one_that_cannot_be_begun(void **state)
{
    struct racer r;
    struct jst_addr v[2];
    int good = make_good(&v[1], 2);

    (void)state;
    (void)make_unreachable(&v[0]);
    assert_int_equal(race(&r, v, 2), 0);
    assert_string_equal(r.told, "-255");
    wait_for_end(&r);
    assert_string_equal(r.told, "-255 +2");
    end(&r);
    close(good);
}

static void
test_nothing_can_be_begun(void **state)
{
    struct racer r;
    struct jst_addr v[2];
    int why = make_unreachable(&v[0]);

    (void)state;
    (void)make_unreachable(&v[1]);
    assert_int_equal(race(&r, v, 2), why);
    assert_string_equal(r.told, "-255 -255");
    jst_loop_turn(l, 0);
    assert_int_equal(r.failed + r.closed, 0); /* nothing was started, nothing comes */
}

static void
test_what_was_written_goes_to_the_winner(void **state)
{
    struct racer r;
    struct jst_addr v[2];
    struct jst_addr from;
    struct jst_chain chain = {0};
    char in[8];
    int fds[2] = {make_silent(&v[0], 1), make_good(&v[1], 2)};
    int other = -1;
    ssize_t n = -1;

    (void)state;
    assert_int_equal(race(&r, v, 2), 0);
    assert_int_equal(jst_chain_add_copy(&chain, "early", 5), 0);
    jst_conn_write(&r.conn, &chain);
    pass(STEP_MS);
    wait_for_end(&r);
    for (int i = 0; i < 5000 && n <= 0; i++) {
        struct pollfd p = {.fd = other < 0 ? fds[1] : other, .events = POLLIN};

        jst_loop_turn(l, 0);
        (void)poll(&p, 1, 1);
        other = other < 0 ? jst_sock_accept(fds[1], &from) : other;
        n = other >= 0 ? recv(other, in, sizeof(in), 0) : -1;
    }
    assert_int_equal(n, 5);
    assert_memory_equal(in, "early", 5);
    end(&r);
    close(other);
    close(fds[0]);
    close(fds[1]);
}

/* More silent ones than may be under way: the oldest gives way, and the last one is reached. */
static void
test_oldest_gives_way(void **state)
{
    enum { N = JST_RACE_OPEN_MAX + 2 };
    struct racer r;
    struct jst_addr v[N];
    unsigned before;
    int fds[2] = {make_silent(&v[0], 1), make_good(&v[N - 1], 2)};

    (void)state;
    for (size_t i = 1; i < N - 1; i++) {
        v[i] = v[0];
    }
    before = count_fds();
    assert_int_equal(race(&r, v, N), 0);
    for (unsigned i = 1; i < N - 1; i++) {
        pass(STEP_MS);
        assert_int_equal(count_fds() - before, JST_MIN(i + 1, JST_RACE_OPEN_MAX));
    }
    assert_string_equal(r.told, "-1");
    pass(STEP_MS);
    wait_for_end(&r);
    assert_int_equal(r.connected, 1);
    assert_int_equal(last_octet_of_peer(&r), 2);
    assert_int_equal(count_fds() - before, 1);
    end(&r);
    assert_int_equal(count_fds(), before);
    close(fds[0]);
    close(fds[1]);
}

/* No descriptor for the second: the first goes on alone, and the second has its turn later. */
static void
test_descriptors_are_out(void **state)
{
    struct racer r;
    struct jst_addr v[2];
    struct rlimit limit, old;
    int fds[2] = {make_silent(&v[0], 1), make_good(&v[1], 2)};

    (void)state;
    assert_int_equal(race(&r, v, 2), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    limit = (struct rlimit){.rlim_cur = 3, .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    pass(STEP_MS);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    settle(&r);
    assert_false(is_over(&r));
    assert_string_equal(r.told, "");
    pass(STEP_MS);
    wait_for_end(&r);
    assert_string_equal(r.told, "-1 +2");
    end(&r);
    close(fds[0]);
    close(fds[1]);
}

static void
test_closed_while_it_runs(void **state)
{
    struct racer r;
    struct jst_addr v[3];
    unsigned before;
    int silent = make_silent(&v[0], 1);

    (void)state;
    v[1] = v[2] = v[0];
    before = count_fds();
    assert_int_equal(race(&r, v, 3), 0);
    pass(STEP_MS);
    assert_int_equal(count_fds(), before + 2);
    end(&r);
    assert_int_equal(count_fds(), before);
    pass(STEP_MS); /* its timer is gone as well */
    assert_string_equal(r.told, "");
    close(silent);
}

static void
test_single_address_is_no_race(void **state)
{
    struct racer r;
    struct jst_addr v[1];
    int good = make_good(&v[0], 1);

    (void)state;
    assert_int_equal(race(&r, v, 1), 0);
    assert_null(r.conn.race);
    wait_for_end(&r);
    assert_int_equal(r.connected, 1);
    assert_string_equal(r.told, "");
    end(&r);
    close(good);
}

#define WITH_LOOP(test) cmocka_unit_test_setup_teardown(test, begin, finish)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LOOP(test_first_wins),
        WITH_LOOP(test_second_is_begun_after_the_step),
        WITH_LOOP(test_second_is_begun_at_once_after_a_refusal),
        WITH_LOOP(test_all_fail),
        WITH_LOOP(test_refused_beside_a_silent_one),
        WITH_LOOP(test_first_wins_late),
        WITH_LOOP(test_one_that_cannot_be_begun),
        WITH_LOOP(test_nothing_can_be_begun),
        WITH_LOOP(test_what_was_written_goes_to_the_winner),
        WITH_LOOP(test_oldest_gives_way),
        WITH_LOOP(test_descriptors_are_out),
        WITH_LOOP(test_closed_while_it_runs),
        WITH_LOOP(test_single_address_is_no_race),
    };

    return cmocka_run_group_tests_name("wire/race", tests, NULL, NULL);
}
