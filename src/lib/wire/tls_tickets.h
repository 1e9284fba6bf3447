// SPDX-License-Identifier: MIT
#pragma once
/*
 * Private to wire/tls*: the keys that session tickets are sealed with.
 *
 * Job:     one key seals, the two before still open; a new one every JST_TLS_TICKET_ROTATE_S.
 * Owner:   the engine's struct jst_tls_tickets, which outlives snapshots.
 * Threads: any; one lock, held for a copy of 80 bytes.
 * Why:     keys are random and never leave the process: a stolen certificate key opens no session.
 */
#include "wire/tls.h"

#include <openssl/ssl.h>

/** For SSL_CTX_set_tlsext_ticket_key_evp_cb(): 1, 2 (opened, and a new one is due), 0 (unknown
 * key), -1. */
int jst_tls_tickets_crypt(struct jst_tls_tickets *t, bool tls13, unsigned char *name,
                          unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int seal);

/** A new key now. JOIST_E_IO: no random bytes; the old one goes on. */
int jst_tls_tickets_rotate(struct jst_tls_tickets *t);
