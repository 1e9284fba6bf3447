// SPDX-License-Identifier: MIT
#pragma once
/*
 * What tests of joist/upstream.h share: origins that say who they are, an engine before them, an
 * origin that speaks to tunnels.
 */
#include "traffic.h"

#define ORIGINS 4

/* One engine, a listener each; the body of every answer is that listener's letter. */
struct letters {
    struct joist_engine *engines[ORIGINS];
    char urls[ORIGINS][64];
};

void letters_start(struct letters *l);
void letters_stop(struct letters *l);

/* A proxy to pool "origin", which is dynamic, with `n` of these URLs. */
struct front {
    struct setup s;
    struct joist_target_conf targets[ORIGINS];
};

void front_fill(struct front *f, unsigned threads, const char *const *urls, size_t n);

/* One request on a connection of its own; its status, and in `body` the beginning of its body. */
int front_ask(struct joist_engine *e, const char *path, char body[16]);

/* Takes one connection, switches protocols, and says what it hears. */
struct echo {
    pthread_t thread;
    int listen_fd;
    char url[64];
};

void echo_start(struct echo *o);
void echo_stop(struct echo *o);

/* Open a tunnel; send a byte through it, 1 if it comes back, 0 if the tunnel is over. */
void tunnel_open(struct client *c, struct joist_engine *e);
int tunnel_is_alive(struct client *c);
