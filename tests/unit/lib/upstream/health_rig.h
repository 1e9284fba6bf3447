// SPDX-License-Identifier: MIT
#pragma once
/*
 * A checker on a fake clock, with connections that the test drives. Its loop is turned here, no
 * thread runs. Targets are told by their ports.
 */
#include "fake.h"
#include "upstream/health.h"
#include "upstream/state.h"

#define TARGETS_MAX 600
#define PORT(i)     ((uint16_t)(1000 + (i)))

struct world {
    struct jst_local local;
    struct jst_log log;
    struct jst_states *states;
    struct jst_health *health;
    struct jst_pool *pool;
    struct joist_health_conf conf; /* of the pools to come */
    unsigned lines[JST_EVENTS_];   /* of the log */
    char line[JST_LOG_LINE_BYTES]; /* the last */
};

/* Checks as configured in `conf`, which may be changed before pools are made. */
void world_init(struct world *w);
void world_fini(struct world *w);
/* And with one more pool. */
void world_fini_with(struct world *w, struct jst_pool **take);

/* A pool "p" of targets with the ports PORT(first) and on, tracked. */
struct jst_pool *world_make(struct world *w, size_t first, size_t n);
/* The same; it is the configuration from now on. */
void world_set(struct world *w, size_t first, size_t n);
/* The pool is checked from now on, whatever others are. */
void world_set_pool(struct world *w);

void world_turn(struct world *w);
/* Later; timers have run. */
void world_wait(struct world *w, uint64_t ms);

/* The dial to that port; NULL: none is under way. */
struct fake *dial_to(uint16_t port);
/* It is connected: the connection, with the call on it that was begun. */
struct fake *connect_to(struct world *w, uint16_t port);
void give_head(struct fake *f, uint16_t status);
void give_body(struct fake *f, const char *text);
void give_end(struct world *w, struct fake *f);
/* All of it. */
void answer(struct world *w, uint16_t port, uint16_t status);
void refuse(struct world *w, uint16_t port);

struct jst_health_report report_of(const struct world *w, size_t target);
bool is_down(const struct world *w, size_t target);
