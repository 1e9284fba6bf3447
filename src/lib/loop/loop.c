// SPDX-License-Identifier: MIT
#include "loop/loop.h"

#include "loop/timer.h"
#include "sys/call.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct task_queue {
    struct jst_task *first;
    struct jst_task **tail;
};

struct jst_loop {
    /* owned */
    int epoll_fd;
    int wake_fd;
    struct jst_timers timers;
    /* plain */
    struct jst_clock clock;
    uint64_t now_ns;
    int64_t wall_us;
    uint64_t wall_read_ns; /* when wall_us was read, by now_ns */
    int64_t wall_read_us;
    struct task_queue tasks;
    struct task_queue deferred;
    struct task_queue endings;
    struct task_queue running; /* of deferred or endings: what is left of this turn's */
    struct jst_io wake_io;
    bool stop;
    /* any thread */
    struct jst_mail *mail; /* newest first; atomic */
    /* this turn's events, so that a removed descriptor's later event can be taken out */
    struct epoll_event *events;
    int events_n;
    int event_at;
};

static uint64_t
system_now_ns(void *ctx)
{
    struct timespec ts;

    (void)ctx;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int64_t
system_wall_us(void *ctx)
{
    struct timespec ts;

    (void)ctx;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* ---- queues ---- */

static void
queue_init(struct task_queue *q)
{
    q->first = NULL;
    q->tail = &q->first;
}

static void
queue_push(struct task_queue *q, struct jst_task *t)
{
    JST_ASSERT_HOT(t->run != NULL);
    t->queued = true;
    t->next = NULL;
    *q->tail = t;
    q->tail = &t->next;
}

static struct jst_task *
queue_pull(struct task_queue *q)
{
    struct jst_task *t = q->first;

    if (t != NULL) {
        q->first = t->next;
        if (q->first == NULL) {
            q->tail = &q->first;
        }
        t->queued = false;
    }
    return t;
}

static bool
queue_remove(struct task_queue *q, struct jst_task *t)
{
    for (struct jst_task **at = &q->first; *at != NULL; at = &(*at)->next) {
        if (*at == t) {
            *at = t->next;
            if (q->tail == &t->next) {
                q->tail = at;
            }
            t->queued = false;
            return true;
        }
    }
    return false;
}

void
jst_loop_post(struct jst_loop *l, struct jst_task *t)
{
    if (!t->queued) {
        queue_push(&l->tasks, t);
    }
}

void
jst_loop_defer(struct jst_loop *l, struct jst_task *t)
{
    if (!t->queued) {
        queue_push(&l->deferred, t);
    }
}

void
jst_loop_end(struct jst_loop *l, struct jst_task *t)
{
    if (!t->queued) {
        queue_push(&l->endings, t);
    }
}

void
jst_task_cancel(struct jst_loop *l, struct jst_task *t)
{
    if (t->queued && !queue_remove(&l->tasks, t) && !queue_remove(&l->deferred, t) &&
        !queue_remove(&l->endings, t)) {
        (void)queue_remove(&l->running, t);
    }
}

static void
run_tasks(struct jst_loop *l)
{
    /* A task may post others, and itself: the bound keeps one busy stream from owning the loop. */
    for (int i = 0; i < JST_LOOP_TASKS_MAX && l->tasks.first != NULL; i++) {
        struct jst_task *t = queue_pull(&l->tasks);

        t->run(t);
    }
}

/* Runs what is queued now; what these queue again waits for the next turn. */
static void
run_once(struct jst_loop *l, struct task_queue *q)
{
    struct jst_task *t;

    JST_ASSERT_HOT(l->running.first == NULL);
    if (q->first == NULL) {
        return;
    }
    l->running = *q;
    queue_init(q);
    while ((t = queue_pull(&l->running)) != NULL) {
        t->run(t);
    }
}

/* ---- descriptors ---- */

static int
io_add(struct jst_loop *l, struct jst_io *io, uint32_t events)
{
    struct epoll_event e = {.events = events, .data = {.ptr = io}};

    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, io->fd, &e) == 0) {
        return JOIST_OK;
    }
    return errno == ENOSPC ? JOIST_E_LIMIT : JOIST_E_NOMEM;
}

int
jst_io_add(struct jst_loop *l, struct jst_io *io)
{
    return io_add(l, io, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

int
jst_io_add_shared(struct jst_loop *l, struct jst_io *io)
{
    return io_add(l, io, EPOLLIN | EPOLLEXCLUSIVE);
}

void
jst_io_remove(struct jst_loop *l, struct jst_io *io)
{
    /* The close that follows would take it out of epoll as well, but not if the descriptor was
     * inherited by a child; and connections are closed once in their life. */
    (void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, io->fd, NULL);
    for (int i = l->event_at + 1; i < l->events_n; i++) {
        if (l->events[i].data.ptr == io) {
            l->events[i].data.ptr = NULL;
        }
    }
}

int
jst_io_move(struct jst_loop *l, struct jst_io *to, const struct jst_io *from)
{
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                            .data = {.ptr = to}};

    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, from->fd, &e) != 0) {
        return JOIST_E_NOMEM;
    }
    to->fd = from->fd;
    for (int i = l->event_at + 1; i < l->events_n; i++) {
        if (l->events[i].data.ptr == from) {
            l->events[i].data.ptr = to;
        }
    }
    return JOIST_OK;
}

static unsigned
io_events(uint32_t e)
{
    unsigned out = 0;

    if (e & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        out |= JST_IO_READ;
    }
    if (e & (EPOLLOUT | EPOLLHUP | EPOLLERR)) {
        out |= JST_IO_WRITE;
    }
    if (e & (EPOLLRDHUP | EPOLLHUP)) {
        out |= JST_IO_HANGUP;
    }
    if (e & EPOLLERR) {
        out |= JST_IO_ERROR;
    }
    return out;
}

/* ---- mail ---- */

static void
deliver_mail(struct jst_loop *l, struct jst_loop *to)
{
    struct jst_mail *m = __atomic_exchange_n(&l->mail, NULL, __ATOMIC_ACQUIRE);
    struct jst_mail *in_order = NULL;

    while (m != NULL) {
        struct jst_mail *next = m->next;

        m->next = in_order;
        in_order = m;
        m = next;
    }
    while (in_order != NULL) {
        m = in_order;
        in_order = m->next;
        m->deliver(m, to);
    }
}

static void
on_wake(struct jst_io *io, unsigned events)
{
    struct jst_loop *l = JST_CONTAINER(io, struct jst_loop, wake_io);
    uint64_t n;

    (void)events;
    if (read(l->wake_fd, &n, sizeof(n)) < 0) {
        JST_ASSERT(errno == EAGAIN || errno == EINTR);
    }
    deliver_mail(l, l);
}

void
jst_loop_send(struct jst_loop *l, struct jst_mail *m)
{
    static const uint64_t one = 1;
    struct jst_mail *head = __atomic_load_n(&l->mail, __ATOMIC_RELAXED);

    do {
        m->next = head;
    } while (
        !__atomic_compare_exchange_n(&l->mail, &head, m, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
    if (head == NULL && write(l->wake_fd, &one, sizeof(one)) < 0) {
        JST_ASSERT(errno == EAGAIN || errno == EINTR); /* the counter is full: it is awake */
    }
}

/* ---- life ---- */

/* Turns can be microseconds apart: the wall clock is read now and then and carried on in between,
 * so that a step of it shows within WALL_EVERY_NS. */
#define WALL_EVERY_NS (10u * 1000 * 1000)

static void
read_clock(struct jst_loop *l)
{
    uint64_t since_ns;

    l->now_ns = l->clock.now_ns(l->clock.ctx);
    since_ns = l->now_ns - l->wall_read_ns;
    if (since_ns >= WALL_EVERY_NS || l->wall_read_us == 0) {
        l->wall_read_us = l->clock.wall_us(l->clock.ctx);
        l->wall_read_ns = l->now_ns;
        since_ns = 0;
    }
    l->wall_us = l->wall_read_us + (int64_t)(since_ns / 1000);
}

int
jst_loop_create(struct jst_loop **out, const struct jst_clock *clock)
{
    struct jst_loop *l = calloc(1, sizeof(*l));
    int rc = JOIST_E_NOMEM;

    if (l == NULL) {
        return rc;
    }
    l->epoll_fd = -1;
    l->wake_fd = -1;
    l->clock = clock != NULL ? *clock : (struct jst_clock){system_now_ns, system_wall_us, NULL};
    queue_init(&l->tasks);
    queue_init(&l->deferred);
    queue_init(&l->endings);
    queue_init(&l->running);
    jst_timers_init(&l->timers);
    l->events = calloc(JST_LOOP_EVENTS_MAX, sizeof(*l->events));
    if (l->events == NULL) {
        goto fail;
    }
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (l->epoll_fd < 0 || l->wake_fd < 0) {
        rc = JOIST_E_NOFILE;
        goto fail;
    }
    l->wake_io = (struct jst_io){l->wake_fd, on_wake};
    rc = jst_io_add(l, &l->wake_io);
    if (rc < 0) {
        goto fail;
    }
    read_clock(l);
    *out = l;
    return JOIST_OK;
fail:
    jst_loop_destroy(&l);
    return rc;
}

void
jst_loop_destroy(struct jst_loop **take)
{
    struct jst_loop *l = *take;

    *take = NULL;
    if (l == NULL) {
        return;
    }
    deliver_mail(l, NULL);
    if (l->epoll_fd >= 0) {
        close(l->epoll_fd);
    }
    if (l->wake_fd >= 0) {
        close(l->wake_fd);
    }
    jst_timers_fini(&l->timers);
    free(l->events);
    free(l);
}

static int
wait_ms_of(const struct jst_loop *l, int wait_ms)
{
    uint64_t next_ms = jst_timers_next(&l->timers);
    uint64_t now_ms = l->now_ns / 1000000;
    uint64_t until_ms;

    if (l->tasks.first != NULL || l->deferred.first != NULL || l->endings.first != NULL) {
        return 0;
    }
    if (next_ms == JST_NEVER || wait_ms == 0) {
        return wait_ms;
    }
    until_ms = next_ms > now_ms ? next_ms - now_ms : 0;
    until_ms = JST_MIN(until_ms, 3600u * 1000); /* fits an int; waking once an hour is harmless */
    return wait_ms < 0 ? (int)until_ms : JST_MIN(wait_ms, (int)until_ms);
}

void
jst_loop_turn(struct jst_loop *l, int wait_ms)
{
    int n =
        jst_call_epoll_wait(l->epoll_fd, l->events, JST_LOOP_EVENTS_MAX, wait_ms_of(l, wait_ms));

    read_clock(l);
    run_tasks(l); /* left over from the last turn's writes */
    l->events_n = JST_MAX(n, 0);
    for (l->event_at = 0; l->event_at < l->events_n; l->event_at++) {
        struct jst_io *io = l->events[l->event_at].data.ptr;

        if (io != NULL) {
            io->on_io(io, io_events(l->events[l->event_at].events));
            run_tasks(l);
        }
    }
    l->events_n = 0;
    jst_timers_run(&l->timers, l->now_ns / 1000000);
    run_tasks(l);
    run_once(l, &l->deferred);
    run_once(l, &l->endings);
}

void
jst_loop_run(struct jst_loop *l)
{
    l->stop = false;
    while (!l->stop) {
        jst_loop_turn(l, -1);
    }
}

void
jst_loop_stop(struct jst_loop *l)
{
    l->stop = true;
}

uint64_t
jst_loop_now_ns(const struct jst_loop *l)
{
    return l->now_ns;
}

uint64_t
jst_loop_now_ms(const struct jst_loop *l)
{
    return l->now_ns / 1000000;
}

uint64_t
jst_loop_read_ns(const struct jst_loop *l)
{
    return l->clock.now_ns(l->clock.ctx);
}

int64_t
jst_loop_wall_us(const struct jst_loop *l)
{
    return l->wall_us;
}

struct jst_timers *
jst_loop_timers_(struct jst_loop *l)
{
    return &l->timers;
}
