// SPDX-License-Identifier: MIT
/*
 *   what happens                    what follows
 *   an attempt fails                the next address at once; none left and none under way: the end
 *   step_ms without a connection    the next address, beside those that are under way
 *   an attempt connects             it is the connection's socket now, the others are closed
 *   no descriptor, no memory        with others under way: again after step_ms; else the end
 */
#include "wire/race.h"

#include "sys/sock.h"
#include "wire/layer.h"

#include <stdlib.h>
#include <unistd.h>

/* An attempt beside the one that uses the connection's own socket. */
struct rival {
    struct jst_io io; /* owns io.fd; -1: free */
    struct jst_race *race;
    uint32_t at;
};

struct jst_race {
    /* owned */
    struct jst_timer timer;
    struct jst_task end;
    struct rival rivals[JST_RACE_OPEN_MAX - 1];
    /* borrowed */
    struct jst_conn *conn;
    /* plain */
    uint64_t step_ms;
    uint32_t own_at; /* the address that the connection's own socket goes to */
    uint32_t open_n;
    uint32_t next; /* the first that was not begun */
    uint32_t n;
    int why;
    struct jst_addr v[];
};

static void
tell(const struct jst_race *r, uint32_t at, bool ok)
{
    if (r->conn->ev->on_address != NULL) {
        r->conn->ev->on_address(r->conn, &r->v[at], ok);
    }
}

/* ---- the end ---- */

static void
run_end(struct jst_task *t)
{
    struct jst_race *r = JST_CONTAINER(t, struct jst_race, end);

    jst_timer_fini(r->conn->loop, &r->timer);
    free(r);
}

static void
close_rival(struct jst_race *r, struct rival *v)
{
    jst_io_remove(r->conn->loop, &v->io);
    close(v->io.fd);
    v->io.fd = -1;
    r->open_n--;
}

static void
close_own(struct jst_race *r)
{
    jst_io_remove(r->conn->loop, &r->conn->io);
    close(r->conn->io.fd);
    r->conn->io.fd = -1;
    r->open_n--;
}

/* All but the connection's own socket is given back; the memory at the end of the turn, as events
 * of this one may still lead to it. */
void
jst_race_stop(struct jst_conn *c)
{
    struct jst_race *r = c->race;

    c->race = NULL;
    for (size_t i = 0; i < JST_COUNT(r->rivals); i++) {
        if (r->rivals[i].io.fd >= 0) {
            close_rival(r, &r->rivals[i]);
        }
    }
    jst_timer_stop(&r->timer);
    jst_loop_end(c->loop, &r->end);
}

/* ---- beginning ---- */

static void on_rival(struct jst_io *io, unsigned events);

static struct rival *
find_free(struct jst_race *r)
{
    size_t i = 0;

    while (r->rivals[i].io.fd >= 0) {
        i++;
        JST_ASSERT(i < JST_COUNT(r->rivals));
    }
    return &r->rivals[i];
}

static int
begin(struct jst_race *r, uint32_t at)
{
    struct jst_conn *c = r->conn;
    struct rival *v = c->io.fd >= 0 ? find_free(r) : NULL;
    struct jst_io *io = v != NULL ? &v->io : &c->io;
    int fd = jst_sock_connect(&r->v[at]);
    int rc;

    if (fd < 0) {
        return fd;
    }
    io->fd = fd;
    rc = jst_io_add(c->loop, io);
    if (rc < 0) {
        io->fd = -1;
        close(fd);
        return rc;
    }
    if (v != NULL) {
        v->at = at;
    } else {
        r->own_at = at;
    }
    r->open_n++;
    return JOIST_OK;
}

static bool
is_ours(int rc)
{
    return rc == JOIST_E_NOFILE || rc == JOIST_E_NOMEM || rc == JOIST_E_LIMIT;
}

/* The next one that can be begun. */
static int
begin_next(struct jst_race *r)
{
    while (r->next < r->n) {
        int rc = begin(r, r->next);

        if (is_ours(rc)) {
            return rc; /* it says nothing about the address */
        }
        r->next++;
        if (rc == JOIST_OK) {
            return JOIST_OK;
        }
        r->why = rc;
        tell(r, r->next - 1, false);
    }
    return r->why;
}

/* After some have failed: another one; nothing is left: the connection fails. */
static void
go_on(struct jst_race *r)
{
    struct jst_conn *c = r->conn;
    int rc = begin_next(r);

    if (r->open_n == 0) {
        jst_race_stop(c);
        jst_conn_connected(c, rc);
        return;
    }
    jst_timer_set(c->loop, &r->timer,
                  r->next < r->n ? jst_loop_now_ms(c->loop) + r->step_ms : JST_NEVER);
}

/* ---- what happens to attempts ---- */

static void
lose(struct jst_race *r, uint32_t at, int why)
{
    r->why = why;
    tell(r, at, false);
}

static void
give_up_oldest(struct jst_race *r)
{
    struct rival *oldest = &r->rivals[0];

    for (size_t i = 1; i < JST_COUNT(r->rivals); i++) {
        oldest = r->rivals[i].at < oldest->at ? &r->rivals[i] : oldest;
    }
    if (r->own_at < oldest->at) {
        close_own(r);
        lose(r, r->own_at, JOIST_E_TIMEOUT);
    } else {
        close_rival(r, oldest);
        lose(r, oldest->at, JOIST_E_TIMEOUT);
    }
}

static void
on_timer(struct jst_timer *t)
{
    struct jst_race *r = JST_CONTAINER(t, struct jst_race, timer);

    if (r->open_n == JST_RACE_OPEN_MAX) {
        give_up_oldest(r);
    }
    go_on(r);
}

/* Those that were begun earlier had more time and did not make it. */
static void
tell_overtaken(const struct jst_race *r, uint32_t winner)
{
    if (r->conn->io.fd >= 0 && r->own_at < winner) {
        tell(r, r->own_at, false);
    }
    for (size_t i = 0; i < JST_COUNT(r->rivals); i++) {
        if (r->rivals[i].io.fd >= 0 && r->rivals[i].at < winner) {
            tell(r, r->rivals[i].at, false);
        }
    }
    tell(r, winner, true);
}

void
jst_race_own_done(struct jst_conn *c, int rc)
{
    struct jst_race *r = c->race;

    if (rc < 0) {
        close_own(r);
        lose(r, r->own_at, rc);
        go_on(r);
        return;
    }
    tell_overtaken(r, r->own_at);
    jst_race_stop(c);
    jst_conn_connected(c, JOIST_OK);
}

static void
win(struct jst_race *r, struct rival *v)
{
    struct jst_conn *c = r->conn;
    int rc;

    tell_overtaken(r, v->at);
    if (c->io.fd >= 0) {
        close_own(r);
    }
    rc = jst_io_move(c->loop, &c->io, &v->io);
    if (rc == JOIST_OK) {
        v->io.fd = -1;
    }
    jst_race_stop(c);
    jst_conn_connected(c, rc);
}

/* What else the event says is told again to the connection, after the move. */
static void
on_rival(struct jst_io *io, unsigned events)
{
    struct rival *v = JST_CONTAINER(io, struct rival, io);
    struct jst_race *r = v->race;
    int rc;

    if ((events & JST_IO_WRITE) == 0) {
        return;
    }
    rc = jst_sock_error(io->fd);
    if (rc == JOIST_OK) {
        win(r, v);
        return;
    }
    close_rival(r, v);
    lose(r, v->at, rc);
    go_on(r);
}

/* ---- the start ---- */

static int
create(struct jst_race **out, struct jst_conn *c, const struct jst_race_to *to)
{
    struct jst_race *r = calloc(1, sizeof(*r) + to->n * sizeof(r->v[0]));

    if (r == NULL || jst_timer_init(c->loop, &r->timer, on_timer) < 0) {
        free(r);
        return JOIST_E_NOMEM;
    }
    r->conn = c;
    r->end.run = run_end;
    r->step_ms = to->step_ms;
    r->n = to->n;
    for (uint32_t i = 0; i < to->n; i++) {
        r->v[i] = to->v[to->order[i]];
    }
    for (size_t i = 0; i < JST_COUNT(r->rivals); i++) {
        r->rivals[i] = (struct rival){.io = {-1, on_rival}, .race = r};
    }
    *out = r;
    return JOIST_OK;
}

int
jst_conn_race(struct jst_conn *c, struct jst_loop *l, const struct jst_race_to *to,
              const struct jst_conn_events *ev)
{
    struct jst_race *r;
    int rc;

    if (to->n == 1) {
        return jst_conn_connect(c, l, &to->v[to->order[0]], ev);
    }
    jst_conn_init(c, l, -1, ev, JST_CONN_CONNECTING);
    rc = create(&r, c, to);
    if (rc < 0) {
        return rc;
    }
    rc = begin_next(r);
    if (rc < 0) {
        jst_timer_fini(l, &r->timer);
        free(r);
        return rc;
    }
    c->race = r;
    if (r->next < r->n) {
        jst_timer_set(l, &r->timer, jst_loop_now_ms(l) + r->step_ms);
    }
    return JOIST_OK;
}
