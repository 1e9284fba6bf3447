// SPDX-License-Identifier: MIT
/*
 * An engine's life as joist.h promises it: states, codes, reports, drains, ends.
 */
#include "traffic.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static uint64_t
now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void
test_states(void **state)
{
    static struct setup s;
    static struct client c;
    static struct reply r;
    struct joist_engine *e = NULL;
    struct joist_engine *none = NULL;

    (void)state;
    setup_init(&s, 2);
    setup_respond(&s, "/", "hi");
    assert_int_equal(joist_engine_create(&e, &s.conf, NULL, NULL), 0);
    assert_int_equal(joist_engine_state(e), JOIST_STATE_READY);
    assert_true(joist_engine_port(e, 0) > 0);
    assert_int_equal(joist_engine_port(e, 1), 0);
    assert_int_equal(joist_engine_swap(e, &s.conf, NULL, NULL), JOIST_E_STATE);
    assert_int_equal(joist_engine_drain(e, 0), JOIST_E_STATE);
    assert_int_equal(joist_engine_wait(e, 1), JOIST_E_STATE);
    assert_int_equal(joist_engine_start(e), 0);
    assert_int_equal(joist_engine_start(e), JOIST_E_STATE);
    assert_int_equal(joist_engine_state(e), JOIST_STATE_RUNNING);
    assert_int_equal(joist_engine_wait(e, 1), JOIST_E_STATE);
    assert_int_equal(client_connect(&c, joist_engine_port(e, 0)), 0);
    client_get(&c, &r, "/");
    assert_string_equal(r.body, "hi");
    assert_int_equal(joist_engine_drain(e, 60000), 0);
    assert_int_equal(joist_engine_wait(e, 5000), 0); /* the idle connection is closed at once */
    assert_int_equal(joist_engine_state(e), JOIST_STATE_STOPPED);
    assert_true(client_is_ended(&c));
    assert_int_equal(joist_engine_wait(e, 0), 0);
    assert_int_equal(joist_engine_swap(e, &s.conf, NULL, NULL), JOIST_E_STATE);
    assert_int_equal(joist_engine_drain(e, 0), JOIST_E_STATE);
    client_close(&c);
    joist_engine_destroy(&e);
    assert_null(e);
    joist_engine_destroy(&none);
}

static void
test_all_errors_are_told(void **state)
{
    static struct setup s;
    struct joist_engine *e = (struct joist_engine *)&s; /* stays as it is */
    const char *host = "a b";
    struct joist_pair header = {"Content-Length", "1"};

    (void)state;
    setup_init(&s, 1);
    s.listeners[0].bind = "nonsense";
    s.listeners[0].pos = (struct joist_pos){"joist.toml", 7, 3};
    s.conf.limits.header_bytes = 1;
    setup_pool(&s, "gopher://x");
    setup_respond(&s, "/", "hi");
    s.routes[0].hosts = &host;
    s.routes[0].hosts_n = 1;
    s.routes[0].response_headers = &header;
    s.routes[0].response_headers_n = 1;
    setup_route(&s, "/x", JOIST_HANDLER_PROXY)->handler.proxy.pool = "nobody";
    (void)setup_route(&s, "/y", JOIST_HANDLER_NONE);
    assert_int_equal(joist_engine_create(&e, &s.conf, reports_take, &s.reports), JOIST_E_INVAL);
    assert_ptr_equal(e, &s);
    assert_int_equal(s.reports.errors, 7);
    assert_int_equal(s.reports.first_code, JOIST_E_INVAL);
    assert_non_null(strstr(s.reports.text, "7:3 cannot listen on 'nonsense'"));
    assert_non_null(strstr(s.reports.text, "'gopher://x'"));
    assert_non_null(strstr(s.reports.text, "header_bytes"));
    assert_non_null(strstr(s.reports.text, "host 'a b'"));
    assert_non_null(strstr(s.reports.text, "'Content-Length'"));
    assert_non_null(strstr(s.reports.text, "'nobody'"));
    assert_non_null(strstr(s.reports.text, "answers nothing"));
    memset(&s.reports, 0, sizeof(s.reports));
    assert_int_equal(joist_conf_check(&s.conf, reports_take, &s.reports), JOIST_E_INVAL);
    assert_int_equal(s.reports.errors, 7);
    assert_int_equal(joist_conf_check(&s.conf, NULL, NULL), JOIST_E_INVAL);
}

static void
test_missing_things_are_warnings(void **state)
{
    static struct setup s;
    static struct client c;
    static struct reply r;
    struct joist_engine *e;

    (void)state;
    setup_init(&s, 1);
    setup_pool(&s, "http://no-such-host.invalid:80");
    joist_static_conf_init(&setup_route(&s, "/files", JOIST_HANDLER_STATIC)->handler.files);
    s.routes[0].handler.files.root = "/nonexistent/joist";
    setup_route(&s, "/app", JOIST_HANDLER_PROXY)->handler.proxy.pool = "origin";
    setup_respond(&s, "/ok", "fine");
    e = setup_start(&s);
    assert_int_equal(s.reports.errors, 0);
    assert_int_equal(s.reports.warnings, 2);
    assert_int_equal(client_connect(&c, joist_engine_port(e, 0)), 0);
    client_get(&c, &r, "/files/x");
    assert_int_equal(r.status, 404);
    client_get(&c, &r, "/app");
    assert_int_equal(r.status, 503);
    client_get(&c, &r, "/ok");
    assert_int_equal(r.status, 200);
    client_close(&c);
    joist_engine_destroy(&e);
}

static int
listen_somewhere(uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&at, n), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

/* All listeners are tried, and those that could be bound are free again. */
static void
test_ports_in_use(void **state)
{
    static struct setup s;
    struct joist_engine *e = NULL;
    static char bind[2][64];
    static char free_bind[64];
    uint16_t port;
    int fds[3];

    (void)state;
    fds[2] = listen_somewhere(&port);
    (void)snprintf(free_bind, sizeof(free_bind), "127.0.0.1:%u", port);
    close(fds[2]);
    for (int i = 0; i < 2; i++) {
        fds[i] = listen_somewhere(&port);
        (void)snprintf(bind[i], sizeof(bind[i]), "127.0.0.1:%u", port);
    }
    for (unsigned threads = 1; threads <= 2; threads++) {
        setup_init(&s, threads);
        setup_respond(&s, "/", "hi");
        s.listeners[0].bind = bind[0];
        s.listeners[1].bind = free_bind;
        s.listeners[2].bind = bind[1];
        s.conf.listeners_n = 3;
        assert_int_equal(joist_engine_create(&e, &s.conf, reports_take, &s.reports), JOIST_E_INUSE);
        assert_null(e);
        assert_int_equal(s.reports.errors, 2);
        assert_int_equal(s.reports.first_code, JOIST_E_INUSE);
        assert_non_null(strstr(s.reports.text, "in use by "));
        /* /proc/PID/comm holds 15 characters */
        assert_non_null(strstr(s.reports.text, "unit_engine_lif"));
    }
    setup_init(&s, 1);
    setup_respond(&s, "/", "hi");
    s.listeners[0].bind = free_bind;
    assert_int_equal(joist_engine_create(&e, &s.conf, NULL, NULL), 0);
    joist_engine_destroy(&e);
    close(fds[0]);
    close(fds[1]);
}

/* Two engines in one process on one port: the second must not steal connections silently. */
static void
test_an_engine_does_not_share_its_port(void **state)
{
    static struct setup s;
    static struct setup t;
    struct joist_engine *e;
    struct joist_engine *second = NULL;
    char bind[64];

    (void)state;
    setup_init(&s, 2);
    setup_respond(&s, "/", "hi");
    e = setup_start(&s);
    (void)snprintf(bind, sizeof(bind), "127.0.0.1:%u", joist_engine_port(e, 0));
    setup_init(&t, 2);
    setup_respond(&t, "/", "hi");
    t.listeners[0].bind = bind;
    assert_int_equal(joist_engine_create(&second, &t.conf, reports_take, &t.reports),
                     JOIST_E_INUSE);
    joist_engine_destroy(&e);
    e = setup_start(&t);
    joist_engine_destroy(&e);
}

/* ---- drains ---- */

static struct joist_engine *
start_holding(struct setup *s, struct origin *o, struct client *c, unsigned threads)
{
    struct joist_engine *e;

    origin_start(o);
    setup_init(s, threads);
    setup_pool(s, o->url);
    setup_route(s, "/", JOIST_HANDLER_PROXY)->handler.proxy.pool = "origin";
    e = setup_start(s);
    assert_int_equal(client_connect(c, joist_engine_port(e, 0)), 0);
    client_send(c, "GET /hold HTTP/1.1\r\nHost: a.test\r\n\r\n");
    origin_wait_held(o, 1);
    return e;
}

static void
test_drain_lets_requests_end(void **state)
{
    static struct setup s;
    static struct client c;
    static struct client late;
    static struct client idle;
    static struct reply r;
    struct origin o;
    struct joist_engine *e = start_holding(&s, &o, &c, 2);
    uint16_t port = joist_engine_port(e, 0);

    (void)state;
    assert_int_equal(client_connect(&idle, port), 0);
    client_get(&idle, &r, "/x");
    assert_int_equal(joist_engine_drain(e, 60000), 0);
    assert_int_equal(joist_engine_state(e), JOIST_STATE_DRAINING);
    assert_true(client_is_ended(&idle));
    assert_int_equal(client_connect(&late, port), -1);
    assert_int_equal(joist_engine_wait(e, 20), JOIST_E_TIMEOUT);
    origin_release(&o);
    client_reply(&c, &r);
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(r.head, "\r\nConnection: close\r\n"));
    assert_true(client_is_ended(&c));
    client_close(&c); /* else it would be lingered for */
    assert_int_equal(joist_engine_wait(e, 5000), 0);
    client_close(&idle);
    joist_engine_destroy(&e);
    origin_stop(&o);
}

static void
test_drain_deadline_cuts(void **state)
{
    static struct setup s;
    static struct client c;
    static struct reply r;
    struct origin o;
    struct joist_stats stats;
    struct joist_engine *e = start_holding(&s, &o, &c, 2);
    uint64_t began = now_ms();

    (void)state;
    assert_int_equal(joist_engine_drain(e, 60000), 0);
    assert_int_equal(joist_engine_drain(e, 150), 0); /* shortened */
    assert_int_equal(joist_engine_wait(e, 10000), 0);
    assert_true(now_ms() - began >= 140 && now_ms() - began < 9000);
    client_reply(&c, &r);
    assert_int_equal(r.status, 0);
    joist_engine_stats(e, &stats);
    assert_int_equal(stats.conns_open, 0);
    assert_int_equal(stats.requests_open, 0);
    client_close(&c);
    joist_engine_destroy(&e);
    origin_stop(&o);
}

static void
test_destroy_in_every_state(void **state)
{
    static struct setup s;
    static struct client c;
    static struct reply r;
    struct origin o;
    struct joist_engine *e = NULL;

    (void)state;
    setup_init(&s, 3);
    setup_respond(&s, "/", "hi");
    assert_int_equal(joist_engine_create(&e, &s.conf, NULL, NULL), 0);
    joist_engine_destroy(&e); /* ready */

    e = start_holding(&s, &o, &c, 2);
    joist_engine_destroy(&e); /* running, a request under way */
    client_reply(&c, &r);
    assert_int_equal(r.status, 0);
    client_close(&c);
    origin_stop(&o);

    e = start_holding(&s, &o, &c, 2);
    assert_int_equal(joist_engine_drain(e, 60000), 0);
    joist_engine_destroy(&e); /* draining */
    assert_true(client_is_ended(&c));
    client_close(&c);
    origin_stop(&o);
}

/* ---- listeners ---- */

static void
test_lent_descriptors(void **state)
{
    static struct setup s;
    static struct client c;
    static struct reply r;
    struct joist_engine *e;
    uint16_t port;
    int fds[1] = {listen_somewhere(&port)};

    (void)state;
    for (unsigned threads = 1; threads <= 3; threads++) { /* fewer sockets than reactors, too */
        setup_init(&s, threads);
        setup_respond(&s, "/", "hi");
        s.listeners[0] = (struct joist_listener_conf){.reuse_fds = true, .fds = fds, .fds_n = 1};
        e = setup_start(&s);
        assert_int_equal(joist_engine_port(e, 0), port);
        for (int i = 0; i < 8; i++) {
            assert_int_equal(client_connect(&c, port), 0);
            client_get(&c, &r, "/");
            assert_int_equal(r.status, 200);
            client_close(&c);
        }
        assert_int_equal(joist_engine_swap(e, &s.conf, NULL, NULL), 0);
        assert_int_equal(joist_engine_drain(e, 1000), 0);
        assert_int_equal(joist_engine_wait(e, 5000), 0);
        joist_engine_destroy(&e);
        assert_true(fcntl(fds[0], F_GETFD) >= 0);      /* still ours */
        assert_int_equal(client_connect(&c, port), 0); /* and it still listens */
        client_close(&c);
        close(accept(fds[0], NULL, NULL));
    }
    close(fds[0]);
}

/* One reactor runs, the other has nothing to listen on any more. */
static void
test_failed_start(void **state)
{
    static struct setup s;
    struct joist_engine *e = NULL;
    uint16_t port;
    int fds[2] = {listen_somewhere(&port), listen_somewhere(&port)};

    (void)state;
    setup_init(&s, 2);
    setup_respond(&s, "/", "hi");
    s.listeners[0] = (struct joist_listener_conf){.reuse_fds = true, .fds = fds, .fds_n = 2};
    assert_int_equal(joist_engine_create(&e, &s.conf, NULL, NULL), 0);
    close(fds[1]);
    assert_true(joist_engine_start(e) < 0);
    assert_int_equal(joist_engine_state(e), JOIST_STATE_STOPPED);
    assert_int_equal(joist_engine_start(e), JOIST_E_STATE);
    assert_int_equal(joist_engine_drain(e, 1), JOIST_E_STATE);
    joist_engine_destroy(&e);
    assert_null(e);
    close(fds[0]);
}

static void
test_unix_listener(void **state)
{
    static struct setup s;
    static struct client c[16];
    static struct reply r;
    struct joist_engine *e;
    struct stat st;
    char dir[] = "/tmp/joist-life-XXXXXX";
    char bind[128];

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(bind, sizeof(bind), "unix:%s/s.sock", dir);
    for (int round = 0; round < 2; round++) {
        setup_init(&s, 2);
        setup_respond(&s, "/", "hi");
        s.listeners[0].bind = bind;
        e = setup_start(&s);
        assert_int_equal(joist_engine_port(e, 0), 0);
        for (int i = 0; i < 16; i++) {
            assert_int_equal(client_connect_unix(&c[i], bind + 5), 0);
        }
        for (int i = 0; i < 16; i++) {
            client_get(&c[i], &r, "/");
            assert_int_equal(r.status, 200);
        }
        assert_int_equal(joist_engine_drain(e, 1000), 0);
        assert_int_equal(joist_engine_wait(e, 5000), 0);
        for (int i = 0; i < 16; i++) {
            assert_true(client_is_ended(&c[i]));
            client_close(&c[i]);
        }
        assert_int_equal(client_connect_unix(&c[0], bind + 5), -1);
        joist_engine_destroy(&e);
        assert_int_equal(stat(bind + 5, &st), -1);
    }
    assert_int_equal(rmdir(dir), 0);
}

static void
test_limits_of_connections(void **state)
{
    static struct setup s;
    static struct client c[4];
    static struct reply r;
    struct joist_stats stats;
    struct joist_engine *e;

    (void)state;
    for (int per_ip = 0; per_ip < 2; per_ip++) {
        setup_init(&s, 2);
        setup_respond(&s, "/", "hi");
        *(per_ip ? &s.conf.limits.conns_per_ip : &s.conf.limits.conns_max) = 2;
        e = setup_start(&s);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(client_connect(&c[i], joist_engine_port(e, 0)), 0);
            client_get(&c[i], &r, "/");
            assert_int_equal(r.status, 200);
        }
        assert_int_equal(client_connect(&c[2], joist_engine_port(e, 0)), 0);
        assert_true(client_is_ended(&c[2]));
        client_get(&c[0], &r, "/");
        assert_int_equal(r.status, 200);
        client_close(&c[0]);
        client_close(&c[2]);
        do { /* until the place is free again */
            assert_int_equal(client_connect(&c[3], joist_engine_port(e, 0)), 0);
            client_get(&c[3], &r, "/");
            if (r.status == 0) {
                client_close(&c[3]);
            }
        } while (r.status == 0);
        joist_engine_stats(e, &stats);
        assert_true(stats.limit_conns >= 1);
        assert_int_equal(stats.limit_conns, stats.conns_refused);
        client_close(&c[1]);
        client_close(&c[3]);
        joist_engine_destroy(&e);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_all_errors_are_told),
        cmocka_unit_test(test_missing_things_are_warnings),
        cmocka_unit_test(test_ports_in_use),
        cmocka_unit_test(test_an_engine_does_not_share_its_port),
        cmocka_unit_test(test_drain_lets_requests_end),
        cmocka_unit_test(test_drain_deadline_cuts),
        cmocka_unit_test(test_destroy_in_every_state),
        cmocka_unit_test(test_lent_descriptors),
        cmocka_unit_test(test_failed_start),
        cmocka_unit_test(test_unix_listener),
        cmocka_unit_test(test_limits_of_connections),
    };

    return cmocka_run_group_tests_name("engine/life", tests, NULL, NULL);
}
