// SPDX-License-Identifier: MIT
#pragma once
/*
 * Private to wire/: does this OpenSSL know ECH (RFC 9849)? One answer for who makes keys and for
 * who uses them.
 */
#include <openssl/opensslconf.h>
#include <openssl/opensslv.h>

#if OPENSSL_VERSION_NUMBER >= 0x40000000L && !defined(OPENSSL_NO_ECH)
#include <openssl/ech.h>
#define JST_HAS_ECH 1
#endif
