// SPDX-License-Identifier: MIT
/*
 * Descriptors run out: create says so and leaves none behind; who waits is served when there are
 * some again.
 */
#include "traffic.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#define CLIENTS 20

static struct rlimit before;

/* The lowest free one, and with it how many are in use below. */
static int
next_fd(void)
{
    int fd = dup(0);

    assert_true(fd >= 0);
    close(fd);
    return fd;
}

static void
allow(int more)
{
    struct rlimit limit = before;

    limit.rlim_cur = (rlim_t)next_fd() + (rlim_t)more;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void
allow_all(void)
{
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static int
set_up(void **state)
{
    (void)state;
    return getrlimit(RLIMIT_NOFILE, &before);
}

/* Each descriptor that create needs fails once. */
static void
test_create(void **state)
{
    static struct setup s;
    struct joist_engine *e = NULL;
    int first = next_fd();
    int rc = JOIST_E_NOFILE;
    int n;

    (void)state;
    for (n = 0; n < 50 && rc != 0; n++) {
        setup_init(&s, 2);
        setup_respond(&s, "/", "hi");
        s.listeners[1].bind = "127.0.0.1:0";
        s.conf.listeners_n = 2;
        allow(n);
        rc = joist_engine_create(&e, &s.conf, reports_take, &s.reports);
        allow_all();
        if (rc != 0) {
            assert_int_equal(rc, JOIST_E_NOFILE);
            assert_null(e);
        }
        joist_engine_destroy(&e);
        assert_int_equal(next_fd(), first);
    }
    assert_int_equal(rc, 0);
    assert_true(n > 6); /* four sockets, two loops with two each, the log */
}

/* The clients have connected before anybody accepts; there are descriptors for a few. */
static void
test_accept(void **state)
{
    static struct client c[CLIENTS];
    static struct setup s;
    static struct reply r;
    struct joist_engine *e = NULL;

    (void)state;
    setup_init(&s, 1);
    setup_respond(&s, "/", "hi");
    assert_int_equal(joist_engine_create(&e, &s.conf, NULL, NULL), 0);
    for (int i = 0; i < CLIENTS; i++) {
        assert_int_equal(client_connect(&c[i], joist_engine_port(e, 0)), 0);
    }
    allow(3);
    assert_int_equal(joist_engine_start(e), 0);
    for (int i = 0; i < 3; i++) {
        client_get(&c[i], &r, "/");
        assert_int_equal(r.status, 200);
    }
    client_close(&c[0]); /* makes room for one more, or two: the client's end was one, too */
    client_get(&c[3], &r, "/");
    assert_int_equal(r.status, 200);
    allow_all();
    for (int i = 1; i < CLIENTS; i++) {
        client_get(&c[i], &r, "/");
        assert_int_equal(r.status, 200);
        client_close(&c[i]);
    }
    joist_engine_destroy(&e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_create, set_up),
        cmocka_unit_test_setup(test_accept, set_up),
    };

    return cmocka_run_group_tests_name("engine/nofile", tests, NULL, NULL);
}
