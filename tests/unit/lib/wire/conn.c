// SPDX-License-Identifier: MIT
/*
 * One connection over a socket pair or loopback: reads, writes, files, shutdowns, failures, ends.
 */
#include "wire/conn.h"

#include "sys/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

struct end {
    struct jst_conn conn; /* first */
    unsigned readable;
    unsigned connected;
    unsigned failed;
    unsigned closed;
    int why;
    size_t sent;
    bool close_on_sent;
};

static struct jst_loop *l;

static struct end *
of(struct jst_conn *c)
{
    return JST_CONTAINER(c, struct end, conn);
}

static void
on_readable(struct jst_conn *c)
{
    of(c)->readable++;
}

static void
on_sent(struct jst_conn *c, size_t n)
{
    of(c)->sent += n;
    if (of(c)->close_on_sent) {
        jst_conn_close(c, false);
    }
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

static const struct jst_conn_events events = {on_readable, on_sent,   on_connected,
                                              on_failed,   on_closed, NULL};

static int
begin(void **state)
{
    (void)state;
    return jst_loop_create(&l, NULL);
}

static int
finish(void **state)
{
    (void)state;
    jst_loop_destroy(&l);
    jst_buf_thread_fini();
    return 0;
}

static void
turns(int n)
{
    for (int i = 0; i < n; i++) {
        jst_loop_turn(l, 0);
    }
}

/* Returns the other side's descriptor. */
static int
open_pair(struct end *e)
{
    int fds[2];

    *e = (struct end){0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(jst_conn_open(&e->conn, l, fds[0], &events), 0);
    return fds[1];
}

static void
end_conn(struct end *e, int other)
{
    jst_conn_close(&e->conn, false);
    assert_int_equal(e->closed, 0); /* never inside of the call */
    turns(2);
    assert_int_equal(e->closed, 1);
    close(other);
}

static void
say(struct end *e, const char *text)
{
    struct jst_chain data = {0};

    assert_int_equal(jst_chain_add_copy(&data, text, strlen(text)), 0);
    jst_conn_write(&e->conn, &data);
    assert_true(jst_chain_is_empty(&data));
}

static void
test_reads(void **state)
{
    struct end e;
    char in[8];
    int other = open_pair(&e);

    (void)state;
    assert_false(jst_conn_is_readable(&e.conn));
    assert_int_equal(jst_conn_read(&e.conn, in, sizeof(in)), JOIST_E_AGAIN);
    assert_int_equal(write(other, "0123456789", 10), 10);
    turns(1);
    assert_int_equal(e.readable, 1);
    assert_int_equal(jst_conn_read(&e.conn, in, 8), 8);
    assert_true(jst_conn_is_readable(&e.conn)); /* it was full: there may be more */
    assert_int_equal(jst_conn_read(&e.conn, in, 8), 2);
    assert_memory_equal(in, "89", 2);
    assert_false(jst_conn_is_readable(&e.conn)); /* a short read has emptied it */
    jst_conn_want_read(&e.conn);
    turns(1);
    assert_int_equal(e.readable, 2);
    assert_false(jst_conn_is_dead(&e.conn));
    assert_int_equal(shutdown(other, SHUT_WR), 0);
    turns(1);
    assert_true(jst_conn_has_hangup(&e.conn));
    assert_true(jst_conn_is_at_end(&e.conn));
    assert_true(jst_conn_is_dead(&e.conn));
    assert_int_equal(jst_conn_read(&e.conn, in, 8), JOIST_E_CLOSED);
    assert_int_equal(jst_conn_read(&e.conn, in, 8), JOIST_E_CLOSED);
    assert_int_equal(e.failed, 0);
    end_conn(&e, other);
}

/* Bytes and the end in one event: the end is not lost behind a short read. */
static void
test_bytes_and_end_together(void **state)
{
    struct end e;
    char in[64];
    int other = open_pair(&e);

    (void)state;
    turns(1);
    assert_int_equal(write(other, "last", 4), 4);
    assert_int_equal(shutdown(other, SHUT_WR), 0);
    turns(1);
    assert_false(jst_conn_is_at_end(&e.conn));
    assert_int_equal(jst_conn_read(&e.conn, in, sizeof(in)), 4);
    assert_true(jst_conn_is_readable(&e.conn));
    assert_int_equal(jst_conn_read(&e.conn, in, sizeof(in)), JOIST_E_CLOSED);
    end_conn(&e, other);
}

static void
test_writes_leave_together(void **state)
{
    struct end e;
    char in[64];
    int other = open_pair(&e);

    (void)state;
    say(&e, "one ");
    say(&e, "two ");
    assert_int_equal(jst_chain_add_copy(&e.conn.out, "three", 5), 0);
    jst_conn_write(&e.conn, &(struct jst_chain){0});
    assert_int_equal(recv(other, in, sizeof(in), 0), -1); /* not before the turn's end */
    turns(1);
    assert_int_equal(recv(other, in, sizeof(in), 0), 13);
    assert_memory_equal(in, "one two three", 13);
    assert_int_equal(e.sent, 13);
    jst_conn_shutdown(&e.conn);
    say(&e, "too late");
    turns(1);
    assert_int_equal(recv(other, in, sizeof(in), 0), 0);
    end_conn(&e, other);
}

static void
test_full_socket(void **state)
{
    static char block[65536];
    const size_t total = 5000000;
    struct end e;
    size_t got = 0;
    size_t asked = 0;
    int other = open_pair(&e);

    (void)state;
    while (asked < total) {
        struct jst_chain data = {0};

        for (size_t i = 0; i < sizeof(block); i++) {
            block[i] = (char)((asked + i) % 253);
        }
        assert_int_equal(jst_chain_add_copy(&data, block, sizeof(block)), 0);
        jst_conn_write(&e.conn, &data);
        asked += sizeof(block);
    }
    turns(3);
    assert_true(e.conn.out.bytes > 0);
    assert_int_equal(e.sent + e.conn.out.bytes, asked);
    jst_conn_shutdown(&e.conn); /* comes behind all of it */
    for (;;) {
        ssize_t n = recv(other, block, sizeof(block), 0);

        if (n == 0) {
            break;
        }
        for (ssize_t i = 0; i < n; i++) {
            assert_int_equal((uint8_t)block[i], (got + (size_t)i) % 253);
        }
        got += n > 0 ? (size_t)n : 0;
        turns(1);
    }
    assert_int_equal(got, asked);
    assert_int_equal(e.sent, asked);
    end_conn(&e, other);
}

static struct jst_file *
make_file(size_t n)
{
    char block[1000];
    int fd = memfd_create("conn", MFD_CLOEXEC);

    assert_true(fd >= 0);
    for (size_t i = 0; i < n; i += sizeof(block)) {
        memset(block, 'a' + (int)(i / sizeof(block) % 26), sizeof(block));
        assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
    }
    return jst_file_create(fd);
}

static void
test_memory_and_files_in_order(void **state)
{
    struct jst_file *f = make_file(100000);
    struct jst_chain data = {0};
    struct end e;
    char in[70000];
    size_t got = 0;
    int other = open_pair(&e);

    (void)state;
    assert_int_equal(jst_chain_add_static(&data, "head", 4), 0);
    assert_int_equal(jst_chain_add_file(&data, f, 1000, 50000), 0);
    assert_int_equal(jst_chain_add_static(&data, "tail", 4), 0);
    jst_conn_write(&e.conn, &data);
    for (int i = 0; i < 50 && got < 50008; i++) {
        ssize_t n;

        turns(1);
        n = recv(other, in + got, sizeof(in) - got, 0);
        got += n > 0 ? (size_t)n : 0;
    }
    assert_int_equal(got, 50008);
    assert_memory_equal(in, "headbbbb", 8);
    assert_memory_equal(in + 50000, "yyyytail", 8);
    jst_file_unref(f);
    end_conn(&e, other);
}

/* The length was promised: a file that has shrunk ends the connection. */
static void
test_file_that_shrank(void **state)
{
    struct jst_file *f = make_file(10000);
    struct jst_chain data = {0};
    struct end e;
    int other = open_pair(&e);

    (void)state;
    assert_int_equal(ftruncate(f->fd, 5000), 0);
    assert_int_equal(jst_chain_add_file(&data, f, 0, 10000), 0);
    jst_conn_write(&e.conn, &data);
    turns(3);
    assert_int_equal(e.failed, 1);
    assert_int_equal(e.why, JOIST_E_IO);
    assert_int_equal(e.conn.out.bytes, 0);
    jst_file_unref(f);
    end_conn(&e, other);
}

static void
test_peer_gone_while_writing(void **state)
{
    struct end e;
    int other = open_pair(&e);

    (void)state;
    turns(1);
    close(other);
    say(&e, "into nothing");
    turns(3);
    assert_int_equal(e.failed, 1);
    assert_int_not_equal(e.why, 0);
    say(&e, "more");
    turns(2);
    assert_int_equal(e.failed, 1); /* told once */
    assert_int_equal(e.conn.out.bytes, 0);
    end_conn(&e, -1);
}

static void
test_close_drops_what_is_queued(void **state)
{
    struct end e;
    char in[8];
    int other = open_pair(&e);

    (void)state;
    say(&e, "never");
    jst_conn_close(&e.conn, false);
    jst_conn_close(&e.conn, false);
    say(&e, "ever");
    jst_conn_shutdown(&e.conn);
    jst_conn_want_read(&e.conn);
    assert_int_equal(jst_conn_read(&e.conn, in, sizeof(in)), JOIST_E_AGAIN);
    turns(2);
    assert_int_equal(e.closed, 1);
    assert_int_equal(e.sent, 0);
    assert_int_equal(recv(other, in, sizeof(in), 0), 0);
    turns(2);
    assert_int_equal(e.closed, 1);
    close(other);
}

static void
test_close_inside_of_a_callback(void **state)
{
    struct end e;
    char in[8];
    int other = open_pair(&e);

    (void)state;
    e.close_on_sent = true;
    say(&e, "bye");
    turns(3);
    assert_int_equal(e.closed, 1);
    assert_int_equal(recv(other, in, sizeof(in), 0), 3);
    assert_int_equal(recv(other, in, sizeof(in), 0), 0);
    close(other);
}

/* ---- over TCP ---- */

static int
listen_local(struct jst_addr *at)
{
    int fd;

    assert_int_equal(jst_addr_parse(at, JST_S("127.0.0.1:0")), 0);
    fd = jst_sock_listen(at, false);
    assert_true(fd >= 0);
    assert_int_equal(jst_sock_local(fd, at), 0);
    return fd;
}

static void
test_connect(void **state)
{
    struct end e = {0};
    struct jst_addr at;
    struct jst_addr from;
    char in[8];
    int listening = listen_local(&at);
    int other = -1;

    (void)state;
    assert_int_equal(jst_conn_connect(&e.conn, l, &at, &events), 0);
    say(&e, "early"); /* may be queued at once */
    for (int i = 0; i < 1000 && (e.connected == 0 || other < 0 || e.sent == 0); i++) {
        jst_loop_turn(l, 1);
        other = other < 0 ? jst_sock_accept(listening, &from) : other;
    }
    assert_int_equal(e.connected, 1);
    assert_int_equal(recv(other, in, sizeof(in), 0), 5);
    end_conn(&e, other);
    close(listening);
}

static void
test_connect_refused(void **state)
{
    struct end e = {0};
    struct jst_addr at;
    int rc;

    (void)state;
    close(listen_local(&at));
    rc = jst_conn_connect(&e.conn, l, &at, &events);
    if (rc == 0) {
        for (int i = 0; i < 1000 && e.failed == 0; i++) {
            jst_loop_turn(l, 1);
        }
        assert_int_equal(e.failed, 1);
        assert_int_equal(e.connected, 0);
        rc = e.why;
        end_conn(&e, -1);
    }
    assert_int_equal(rc, JOIST_E_REFUSED);
}

static void
test_reset(void **state)
{
    struct end a = {0};
    struct end b = {0};
    struct jst_addr at;
    struct jst_addr from;
    char in[8];
    int listening = listen_local(&at);
    int fd = -1;

    (void)state;
    assert_int_equal(jst_conn_connect(&a.conn, l, &at, &events), 0);
    for (int i = 0; i < 1000 && fd < 0; i++) {
        jst_loop_turn(l, 1);
        fd = jst_sock_accept(listening, &from);
    }
    assert_int_equal(jst_conn_open(&b.conn, l, fd, &events), 0);
    turns(2);
    jst_conn_close(&a.conn, true); /* with an RST */
    for (int i = 0; i < 1000 && b.failed == 0; i++) {
        jst_loop_turn(l, 1);
    }
    assert_int_equal(b.why, JOIST_E_RESET);
    assert_true(jst_conn_is_dead(&b.conn));
    assert_true(jst_conn_read(&b.conn, in, sizeof(in)) < 0);
    assert_int_equal(a.closed, 1);
    end_conn(&b, -1);
    close(listening);
}

#define WITH_LOOP(test) cmocka_unit_test_setup_teardown(test, begin, finish)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LOOP(test_reads),
        WITH_LOOP(test_bytes_and_end_together),
        WITH_LOOP(test_writes_leave_together),
        WITH_LOOP(test_full_socket),
        WITH_LOOP(test_memory_and_files_in_order),
        WITH_LOOP(test_file_that_shrank),
        WITH_LOOP(test_peer_gone_while_writing),
        WITH_LOOP(test_close_drops_what_is_queued),
        WITH_LOOP(test_close_inside_of_a_callback),
        WITH_LOOP(test_connect),
        WITH_LOOP(test_connect_refused),
        WITH_LOOP(test_reset),
    };

    return cmocka_run_group_tests_name("wire/conn", tests, NULL, NULL);
}
