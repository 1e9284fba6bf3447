// SPDX-License-Identifier: MIT
#pragma once
/*
 * Between PROXY headers (codec/proxy_protocol.h) and connections: whom one names, what one says.
 *
 * Threads: the reactor's.
 */
#include "codec/proxy_protocol.h"
#include "http/stream.h"

/** The client's address, as the header names it; if it names none `*addr` stays as it is. */
void jst_proxy_header_source(struct jst_addr *addr, const struct jst_proxy_header *h);

/** Print the header for an origin: from the client `peer` to the address that it has reached here
 *  (costs a system call). `peer` NULL, or a Unix socket's: one that names nobody. */
size_t jst_proxy_header_print(char out[JST_PROXY_PRINT_BYTES_MAX], const struct jst_peer *peer,
                              unsigned version);
