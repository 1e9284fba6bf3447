// SPDX-License-Identifier: MIT
/* Reactors share contexts and ticket keys: handshakes on several threads while keys rotate. */
#include "wire/tls_tickets.h"

#include "tls_help.h"
#include "wire/readbuf.h"

#include <pthread.h>
#include <unistd.h>

#define THREADS 3
#define ROUNDS  30

static struct jst_tls_server *server;
static struct jst_tls_client *client;
static struct jst_tls_tickets *tickets;

struct side {
    struct jst_conn conn; /* first */
    unsigned connected;
    unsigned closed;
};

static void
on_readable(struct jst_conn *c)
{
    char block[256];

    while (jst_conn_read(c, block, sizeof(block)) > 0) {
    }
}

static void
on_connected(struct jst_conn *c)
{
    ((struct side *)c)->connected++;
}

static void
on_failed(struct jst_conn *c, int why)
{
    (void)c;
    (void)why;
}

static void
on_closed(struct jst_conn *c)
{
    ((struct side *)c)->closed++;
}

static const struct jst_conn_events side_events = {on_readable, NULL,      on_connected,
                                                   on_failed,   on_closed, NULL};

/* Returns 1 for a full handshake, 2 for a resumed one, 0 for neither. */
static uintptr_t
one_round(struct jst_loop *l, struct jst_tls_session **slot)
{
    struct side s = {0};
    struct side c = {0};
    uintptr_t result = 0;
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0 ||
        jst_conn_open(&s.conn, l, fds[0], &side_events) != 0 ||
        jst_conn_open(&c.conn, l, fds[1], &side_events) != 0 ||
        jst_tls_accept(&s.conn, server) != 0 || jst_tls_connect(&c.conn, client, slot) != 0) {
        return 0;
    }
    for (int i = 0; i < 200 && (s.connected == 0 || c.connected == 0); i++) {
        jst_loop_turn(l, 1);
    }
    if (s.connected && c.connected) {
        result = jst_tls_info(&s.conn)->resumed ? 2 : 1;
    }
    for (int i = 0; i < 3; i++) {
        jst_loop_turn(l, 0);
    }
    jst_conn_close(&s.conn, false);
    jst_conn_close(&c.conn, false);
    for (int i = 0; i < 3; i++) {
        jst_loop_turn(l, 0);
    }
    return s.closed && c.closed ? result : 0;
}

/* How many were resumed; 0 if any failed. */
static void *
run(void *arg)
{
    struct jst_tls_session *slot = NULL;
    struct jst_loop *l = NULL;
    uintptr_t resumed = 0;
    bool ok = jst_loop_create(&l, NULL) == 0;

    (void)arg;
    for (int i = 0; ok && i < ROUNDS; i++) {
        uintptr_t how = one_round(l, &slot);

        ok = how != 0;
        resumed += how == 2;
        if (i % 10 == 9) {
            ok = ok && jst_tls_tickets_rotate(tickets) == 0;
        }
    }
    jst_tls_session_free(&slot);
    jst_loop_destroy(&l);
    jst_readbuf_thread_fini();
    jst_buf_thread_fini();
    return (void *)(ok ? resumed : 0);
}

static void
test_threads(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, run, NULL), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *resumed = NULL;

        assert_int_equal(pthread_join(threads[i], &resumed), 0);
        assert_true((uintptr_t)resumed > ROUNDS / 2);
    }
}

static int
begin(void **state)
{
    int rc = help_begin(state);

    if (rc == 0) {
        help_make_ca("ca");
        help_make_leaf("leaf", "DNS:a.example", "ca");
        rc = jst_tls_tickets_create(&tickets);
        server = help_server("leaf", tickets);
        client = help_client("ca", "a.example");
    }
    return rc;
}

static int
finish(void **state)
{
    jst_tls_server_unref(&server);
    jst_tls_client_unref(&client);
    jst_tls_tickets_destroy(&tickets);
    return help_finish(state);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests_name("wire/tls_threads", tests, begin, finish);
}
