// SPDX-License-Identifier: MIT
#pragma once
/*
 * Real TLS servers for tests: the openssl command's s_server, with certificates that it made too.
 *
 * Flow:    pki_make() -> origin_start() -> its page answers every GET -> origin_stop() ->
 *          pki_remove()
 * Owner:   the test; each server is ended by its PID.
 */
#include <stdint.h>
#include <sys/types.h>

/* A folder with ca.pem, other.pem (another authority), and for each of good, expired and client a
 * .pem that holds certificate and key. "good" is for localhost and 127.0.0.1. */
struct pki {
    char folder[64];
    char path[256]; /* of the last pki_path() */
};

void pki_make(struct pki *p);
void pki_remove(struct pki *p);

/** Valid until the pki's end; the same name gives the same text. */
const char *pki_path(struct pki *p, const char *name);

struct tls_origin {
    pid_t pid;
    int out; /* what it prints */
    uint16_t port;
};

/** `args`: more of s_server's, NULL-terminated; may be NULL. */
void origin_start(struct tls_origin *o, struct pki *p, const char *cert, const char *const *args);
void origin_stop(struct tls_origin *o);
