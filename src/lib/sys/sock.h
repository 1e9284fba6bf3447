// SPDX-License-Identifier: MIT
#pragma once
/*
 * Sockets: open, listen, accept, connect; errno as JOIST_E_*.
 *
 * Threads: any; a descriptor belongs to whoever made it.
 */
#include "sys/addr.h"

/** The code for an errno value of a socket call. */
int jst_errno_code(int err);

/**
 * A listening, non-blocking socket. TCP: SO_REUSEADDR, SO_REUSEPORT if `shared_port`, TCP_NODELAY
 * and keep-alive (accepted sockets inherit both); an IPv6 wildcard takes IPv4 too. Unix: a socket
 * file that nobody listens on is replaced.
 * Returns the descriptor, or JOIST_E_INUSE, ACCESS, UNREACH, NOFILE, INVAL, IO.
 */
int jst_sock_listen(const struct jst_addr *at, bool shared_port);

/** From now on others may listen on the port of this listening TCP socket with `shared_port`, and
 *  take a share of its connections. */
void jst_sock_share_port(int fd);

/** Take one connection: returns the non-blocking descriptor, JOIST_E_AGAIN when there is none,
 *  JOIST_E_RESET if it went away meanwhile (try again), JOIST_E_NOFILE, NOMEM, IO. */
int jst_sock_accept(int fd, struct jst_addr *peer);

/** Begin to connect; returns the descriptor (the connect may be under way), or an error. */
int jst_sock_connect(const struct jst_addr *to);

/** After a connect: 0 or how it failed. */
int jst_sock_error(int fd);

/** The address a socket is bound to. JOIST_E_IO. */
int jst_sock_local(int fd, struct jst_addr *out);

/** Closing will send a reset instead of a FIN. */
void jst_sock_set_reset(int fd);
