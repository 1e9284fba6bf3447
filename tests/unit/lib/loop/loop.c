// SPDX-License-Identifier: MIT
/*
 * The order of a turn, descriptors, mail from other threads.
 */
#include "loop/loop.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct jst_loop *l;
static char order[256]; /* what ran, a letter each */
static uint64_t now_ms;

static uint64_t
now_ns(void *ctx)
{
    (void)ctx;
    return now_ms * 1000000;
}

static int64_t
wall_us(void *ctx)
{
    (void)ctx;
    return 42;
}

static int
begin(void **state)
{
    struct jst_clock clock = {now_ns, wall_us, NULL};

    (void)state;
    order[0] = '\0';
    now_ms = 1000;
    return jst_loop_create(&l, &clock);
}

static int
finish(void **state)
{
    (void)state;
    jst_loop_destroy(&l);
    assert_null(l);
    jst_loop_destroy(&l);
    return 0;
}

static void
note(char c)
{
    size_t n = strlen(order);

    assert_true(n + 1 < sizeof(order));
    order[n] = c;
    order[n + 1] = '\0';
}

struct lettered {
    struct jst_task t;
    char letter;
    struct lettered *posts; /* in turn */
    struct lettered *defers;
    struct lettered *cancels;
};

static void
run_letter(struct jst_task *t)
{
    struct lettered *task = JST_CONTAINER(t, struct lettered, t);

    note(task->letter);
    if (task->posts != NULL) {
        jst_loop_post(l, &task->posts->t);
    }
    if (task->defers != NULL) {
        jst_loop_defer(l, &task->defers->t);
    }
    if (task->cancels != NULL) {
        jst_task_cancel(l, &task->cancels->t);
    }
}

static struct lettered
letter(char c)
{
    return (struct lettered){.t = {.run = run_letter}, .letter = c};
}

struct lettered_timer {
    struct jst_timer t;
    struct lettered *posts;
};

static void
on_timer(struct jst_timer *t)
{
    note('t');
    jst_loop_post(l, &JST_CONTAINER(t, struct lettered_timer, t)->posts->t);
}

static void
test_order_of_a_turn(void **state)
{
    struct lettered a = letter('a');
    struct lettered b = letter('b');
    struct lettered d = letter('d');
    struct lettered e = letter('e');
    struct lettered p = letter('p');
    struct lettered_timer timer = {.posts = &p};

    (void)state;
    assert_int_equal(jst_timer_init(l, &timer.t, on_timer), 0);
    jst_timer_set(l, &timer.t, now_ms);
    jst_loop_end(l, &e.t);
    jst_loop_defer(l, &d.t);
    jst_loop_post(l, &a.t);
    jst_loop_post(l, &b.t);
    jst_loop_post(l, &a.t); /* queued already */
    jst_loop_turn(l, 0);
    assert_string_equal(order, "abtpde");
    jst_loop_turn(l, 0);
    assert_string_equal(order, "abtpde");
    jst_timer_fini(l, &timer.t);
}

static void
test_what_is_queued_again_waits(void **state)
{
    struct lettered d = letter('d');
    struct lettered a = letter('a');

    (void)state;
    d.defers = &d; /* a busy writer */
    d.posts = &a;
    jst_loop_defer(l, &d.t);
    jst_loop_turn(l, 0);
    assert_string_equal(order, "d");
    jst_loop_turn(l, 0);
    assert_string_equal(order, "dad");
    jst_task_cancel(l, &d.t);
    jst_task_cancel(l, &a.t);
    jst_loop_turn(l, 0);
    assert_string_equal(order, "dad");
}

static void
test_a_task_that_posts_itself(void **state)
{
    struct lettered a = letter('a');

    (void)state;
    a.posts = &a;
    jst_loop_post(l, &a.t);
    jst_loop_turn(l, 0); /* comes back: bounded */
    assert_true(strlen(order) >= 1 && strlen(order) <= 3 * JST_LOOP_TASKS_MAX);
    jst_task_cancel(l, &a.t);
    assert_false(a.t.queued);
}

static void
test_cancel_from_each_queue(void **state)
{
    struct lettered v[9];

    (void)state;
    for (int i = 0; i < 9; i++) {
        v[i] = letter((char)('0' + i));
        (i < 3 ? jst_loop_post : i < 6 ? jst_loop_defer : jst_loop_end)(l, &v[i].t);
    }
    jst_task_cancel(l, &v[2].t); /* the last, the first, the middle one */
    jst_task_cancel(l, &v[3].t);
    jst_task_cancel(l, &v[7].t);
    jst_task_cancel(l, &v[7].t);
    jst_loop_post(l, &v[2].t); /* and behind a cancelled last one */
    jst_loop_turn(l, 0);
    assert_string_equal(order, "0124568");
}

/* What is due in this turn's end can still be taken out by what runs before it. */
static void
test_cancel_what_is_about_to_run(void **state)
{
    struct lettered v[6];

    (void)state;
    for (int i = 0; i < 6; i++) {
        v[i] = letter((char)('0' + i));
        (i < 3 ? jst_loop_defer : jst_loop_end)(l, &v[i].t);
    }
    v[0].cancels = &v[1];
    v[3].cancels = &v[5];
    jst_loop_turn(l, 0);
    assert_string_equal(order, "0234");
    assert_false(v[1].t.queued || v[5].t.queued);
    jst_loop_defer(l, &v[1].t); /* and it can be queued again */
    jst_loop_turn(l, 0);
    assert_string_equal(order, "02341");
}

/* ---- descriptors ---- */

struct watched {
    struct jst_io io;
    unsigned events;
    struct watched *removes;
};

static void
on_io(struct jst_io *io, unsigned events)
{
    struct watched *w = JST_CONTAINER(io, struct watched, io);

    w->events |= events;
    if (w->removes != NULL) {
        jst_io_remove(l, &w->removes->io);
    }
}

static void
test_edges(void **state)
{
    struct watched w = {.io = {-1, on_io}};
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    w.io.fd = fds[0];
    assert_int_equal(jst_io_add(l, &w.io), 0);
    jst_loop_turn(l, 0);
    assert_int_equal(w.events, JST_IO_WRITE);
    w.events = 0;
    jst_loop_turn(l, 0);
    assert_int_equal(w.events, 0);
    assert_int_equal(write(fds[1], "x", 1), 1);
    jst_loop_turn(l, 0);
    assert_true(w.events & JST_IO_READ);
    assert_false(w.events & JST_IO_HANGUP);
    w.events = 0;
    assert_int_equal(shutdown(fds[1], SHUT_WR), 0);
    jst_loop_turn(l, 0);
    assert_true(w.events & JST_IO_HANGUP);
    w.events = 0;
    jst_io_remove(l, &w.io);
    close(fds[1]);
    jst_loop_turn(l, 0);
    assert_int_equal(w.events, 0);
    close(fds[0]);
}

/* Two events in one turn, and the first one's callback removes the second. */
static void
test_removed_in_the_same_turn(void **state)
{
    struct watched v[2] = {{.io = {-1, on_io}}, {.io = {-1, on_io}}};
    int fds[2][2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds[i]), 0);
        v[i].io.fd = fds[i][0];
        assert_int_equal(jst_io_add(l, &v[i].io), 0);
    }
    jst_loop_turn(l, 0);
    v[0].events = v[1].events = 0;
    v[0].removes = &v[1];
    v[1].removes = &v[0];
    assert_int_equal(write(fds[0][1], "x", 1), 1);
    assert_int_equal(write(fds[1][1], "x", 1), 1);
    jst_loop_turn(l, 0);
    assert_true((v[0].events != 0) != (v[1].events != 0)); /* whichever was first */
    for (int i = 0; i < 2; i++) {
        close(fds[i][0]);
        close(fds[i][1]);
    }
}

static void
test_no_room_for_a_descriptor(void **state)
{
    struct watched w = {.io = {-1, on_io}};

    (void)state;
    assert_true(jst_io_add(l, &w.io) < 0);
}

/* ---- mail ---- */

#define SENDERS 4
#define LETTERS 2000

struct numbered {
    struct jst_mail mail;
    unsigned sender;
    unsigned number;
};

static unsigned arrived[SENDERS];
static unsigned dropped;

static void
deliver(struct jst_mail *m, struct jst_loop *to)
{
    struct numbered *n = JST_CONTAINER(m, struct numbered, mail);

    if (to == NULL) {
        dropped++;
    } else {
        assert_ptr_equal(to, l);
        assert_int_equal(n->number, arrived[n->sender]); /* in order */
        arrived[n->sender]++;
    }
    free(n);
}

static void
send_one(unsigned sender, unsigned number)
{
    struct numbered *n = malloc(sizeof(*n));

    *n = (struct numbered){{NULL, deliver}, sender, number};
    jst_loop_send(l, &n->mail);
}

static void *
run_sender(void *arg)
{
    for (unsigned i = 0; i < LETTERS; i++) {
        send_one((unsigned)(uintptr_t)arg, i);
    }
    return NULL;
}

static void
test_mail_from_threads(void **state)
{
    pthread_t threads[SENDERS];
    unsigned all = 0;

    (void)state;
    memset(arrived, 0, sizeof(arrived));
    for (uintptr_t i = 0; i < SENDERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, run_sender, (void *)i), 0);
    }
    while (all < SENDERS * LETTERS) {
        jst_loop_turn(l, -1); /* mail wakes it */
        all = 0;
        for (int i = 0; i < SENDERS; i++) {
            all += arrived[i];
        }
    }
    for (int i = 0; i < SENDERS; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void
test_undelivered_mail_is_given_back(void **state)
{
    (void)state;
    dropped = 0;
    send_one(0, 0);
    send_one(0, 1);
    jst_loop_destroy(&l);
    assert_int_equal(dropped, 2);
    assert_int_equal(begin(state), 0);
}

/* ---- clocks ---- */

static void
test_time_stands_still_within_a_turn(void **state)
{
    (void)state;
    jst_loop_turn(l, 0);
    assert_int_equal(jst_loop_now_ms(l), 1000);
    now_ms = 2000;
    assert_int_equal(jst_loop_now_ms(l), 1000);
    jst_loop_turn(l, 0);
    assert_int_equal(jst_loop_now_ms(l), 2000);
    assert_int_equal(jst_loop_wall_us(l), 42);
}

static void
run_stop(struct jst_task *t)
{
    (void)t;
    note('s');
    jst_loop_stop(l);
}

static void
test_run_until_stopped(void **state)
{
    struct jst_task stop = {.run = run_stop};

    (void)state;
    for (int i = 0; i < 2; i++) {
        jst_loop_post(l, &stop);
        jst_loop_run(l);
    }
    assert_string_equal(order, "ss");
}

#define WITH_LOOP(test) cmocka_unit_test_setup_teardown(test, begin, finish)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LOOP(test_order_of_a_turn),
        WITH_LOOP(test_what_is_queued_again_waits),
        WITH_LOOP(test_a_task_that_posts_itself),
        WITH_LOOP(test_cancel_from_each_queue),
        WITH_LOOP(test_cancel_what_is_about_to_run),
        WITH_LOOP(test_edges),
        WITH_LOOP(test_removed_in_the_same_turn),
        WITH_LOOP(test_no_room_for_a_descriptor),
        WITH_LOOP(test_mail_from_threads),
        WITH_LOOP(test_undelivered_mail_is_given_back),
        WITH_LOOP(test_time_stands_still_within_a_turn),
        WITH_LOOP(test_run_until_stopped),
    };

    return cmocka_run_group_tests_name("loop/loop", tests, NULL, NULL);
}
