// SPDX-License-Identifier: MIT
#pragma once
/*
 * What h1_client.c (the connection), h1_client_call.c (a call's start, request and credit) and
 * h1_client_read.c (its response) share; nobody else includes it.
 */
#include "proto/h1_body.h"
#include "proto/h1_client.h"
#include "proto/h1_print.h"
#include "wire/conn.h"

#define JST_H1C_MAGIC 0x68316331u /* "h1c1" */

/* See h1_client.h. */
enum jst_h1c_phase {
    H1C_IDLE,
    H1C_HEAD,
    H1C_BODY,
    H1C_TUNNEL,
    H1C_FLUSH,
    H1C_GONE,
};

struct jst_h1_client {
    struct jst_conn conn; /* first: freed with it */
    struct jst_client base;
    /* owned */
    struct jst_timer timer;
    struct jst_task task; /* credit came while bytes wait, or the start failed */
    struct jst_h1_decoder decoder;
    struct jst_buf *held; /* bytes read and not used: part of a head, or body beyond the credit */
    /* borrowed */
    struct jst_call *call;   /* NULL while idle */
    struct jst_local *local; /* of one that shakes hands itself, to count that; else NULL */
    /* plain */
    uint64_t keepalive_ms;
    size_t unsent_body; /* body bytes taken and not yet given back as credit */
    size_t head_seen;
    uint32_t held_off;
    uint32_t held_n;
    uint32_t serial; /* changes when a call ends: "is it still the same?" after calling out */
    uint32_t magic;
    uint32_t shake_ms; /* of its own dial to one of several addresses; 0: no limit of its own */
    int failed;        /* JOIST_E_* of a request that could not be printed */
    uint8_t phase;     /* enum jst_h1c_phase */
    uint8_t interim_n;
    bool connected;
    bool served;  /* a call has ended well on it */
    bool retired; /* close instead of going idle */
    bool sending; /* something of the request has left */
    bool keep_alive;
    bool waits_continue; /* the body waits for 100 (Continue) */
    bool request_done;   /* the request's last byte is queued; a tunnel's: the client's end */
    bool response_done;  /* a tunnel's: the origin's end */
};

static inline struct jst_h1_client *
jst_h1c_of(struct jst_client *base)
{
    struct jst_h1_client *c = JST_CONTAINER(base, struct jst_h1_client, base);

    JST_ASSERT_HOT(c->magic == JST_H1C_MAGIC);
    return c;
}

/* NULL when the call is over. */
static inline struct jst_h1_client *
jst_h1c_of_call(const struct jst_call *call)
{
    return call->client != NULL ? jst_h1c_of(call->client) : NULL;
}

/* Read and use what can be read now. */
void jst_h1c_pump(struct jst_h1_client *c);

/* The clock that fits the phase. */
void jst_h1c_touch(struct jst_h1_client *c);

/* jst_client_ops.start. */
void jst_h1c_start(struct jst_client *base, struct jst_call *call);

/* Resume the request's body for the first time, if it may be sent now. */
void jst_h1c_ask_body(struct jst_h1_client *c);

/* Give back as credit what has been sent. */
void jst_h1c_credit_body(struct jst_h1_client *c);

/* The call's failure: detaches it, closes, retries or aborts. `detail` is static, or NULL. */
void jst_h1c_fail(struct jst_h1_client *c, int why, const char *detail);

/* The call and the connection know each other no more; the call, which must be there. */
struct jst_call *jst_h1c_detach(struct jst_h1_client *c);

/* Tell the pool and close; no call may be left. Idempotent. */
void jst_h1c_let_go(struct jst_h1_client *c, int why, bool reset);

/* Both directions of a tunnel have ended: detach, close when the output has left. */
void jst_h1c_end_tunnel(struct jst_h1_client *c);
