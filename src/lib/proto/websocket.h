// SPDX-License-Identifier: MIT
#pragma once
/*
 * The handshake of WebSocket (RFC 6455 4), as far as a proxy has to say or to check it.
 *
 * Job:     where HTTP/1.1 and HTTP/2 meet, one side has a key and its answer and the other has not
 *          (RFC 8441 5): who invents the key checks the answer.
 * Threads: any.
 */
#include "base/base.h"
#include "http/message.h"

/** A client chose the key: 24 bytes by RFC 6455 4.1, and not more than this. */
#define JST_WEBSOCKET_KEY_MAX      64u
#define JST_WEBSOCKET_ACCEPT_BYTES 28u

/** The answer to `key`, which is at most JST_WEBSOCKET_KEY_MAX long. JOIST_E_NOMEM. */
int jst_websocket_accept(char out[JST_WEBSOCKET_ACCEPT_BYTES], struct jst_slice key);

/** RFC 6455 4.1: is `response`, a 101, the answer to `req`, whose key is ours? NULL if so, else why
 *  not (static). */
const char *jst_websocket_refuse(const struct jst_head *response, const struct jst_head *req);
