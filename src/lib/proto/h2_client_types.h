// SPDX-License-Identifier: MIT
#pragma once
/*
 * A connection to an HTTP/2 origin and its calls, for h2_client*.c alone.
 *
 * Owner:   the connection owns its calls' structs, spare ones too: they are freed with it, at a
 *          turn's end, so whoever called out may still look at `serial`.
 */
#include "proto/h2_client.h"
#include "proto/h2_fields.h"
#include "proto/h2_mem.h"

#define JST_H2C_MAGIC 0x68326331u /* "h2c1" */

enum jst_h2c_phase {
    H2C_WAIT, /* an upgrade: do the origin's SETTINGS allow it? */
    H2C_HEAD, /* no final head yet */
    H2C_BODY,
    H2C_TUNNEL,
    H2C_FLUSH, /* a tunnel's call is over, its last bytes are not sent: `call` is NULL */
};

enum jst_h2c_state {
    H2C_OPEN,
    H2C_LEAVING, /* the pool knows it no more; GOAWAY and what was queued leave */
    H2C_CLOSED,
};

/* Frames that cost us work and bring nobody anything. */
enum jst_h2c_flood {
    H2C_FLOOD_PING,
    H2C_FLOOD_SETTINGS,
    H2C_FLOOD_EMPTY,
    H2C_FLOOD_OTHER, /* WINDOW_UPDATE, PRIORITY, extensions */
    H2C_FLOODS_,
};

/* One call under way. Owned by the connection, also when spare. */
struct jst_h2c_call {
    struct jst_list link;  /* c->calls, oldest first, or c->spare */
    struct jst_list fresh; /* c->fresh: something is to be handed on, or told */
    /* owned */
    struct jst_chain body;  /* of the request: waits for the origin's windows */
    struct jst_chain held;  /* of the response: not handed on yet */
    struct jst_arena arena; /* trailers of both directions */
    /* borrowed */
    struct jst_h2_client *c;
    struct jst_call *call;
    /* plain */
    struct jst_fields request_trailers;
    struct jst_fields response_trailers;
    uint64_t deadline_ms;
    uint64_t reads;     /* c->reads at the start */
    size_t unpaid;      /* request bytes that have left and are not yet given back as credit */
    size_t unannounced; /* response bytes that came and are not yet given back to the window */
    const char *detail;
    int32_t stream_id;
    uint32_t serial; /* changes when a call ends */
    int failed;      /* JOIST_E_* of a call that could not be started */
    uint8_t phase;   /* enum jst_h2c_phase */
    uint8_t interim_n;
    bool open;           /* nghttp2 has the stream, or will open it */
    bool sent;           /* its HEADERS are in conn.out, or further */
    bool deferred;       /* nghttp2 waits for nghttp2_session_resume_data() */
    bool end_due;        /* END_STREAM follows `body` */
    bool waits_continue; /* the body waits for 100 (Continue) */
    bool request_done;   /* the end of the request was given; a tunnel's: the client's end */
    bool response_done;  /* a tunnel's: the origin's end was handed on */
    bool remote_ended;   /* END_STREAM has come; `held` may be left */
    bool was_reset;      /* by the origin */
};

struct jst_h2_client {
    struct jst_conn conn; /* first: freed with it */
    struct jst_client base;
    /* owned */
    nghttp2_session *session;
    struct jst_h2_mem mem; /* owned: the session's; stays where it is */
    struct jst_timer timer;
    struct jst_task flush; /* deferred: a turn's frames leave together */
    struct jst_task task;  /* posted: `fresh` */
    struct jst_list calls;
    struct jst_list fresh;
    struct jst_list spare;
    struct jst_arena scratch;  /* of the header block that comes in */
    struct jst_h2_block block; /* of block_call */
    /* borrowed */
    struct jst_local *local;
    struct jst_buf *reading;         /* what nghttp2 is being fed from */
    struct jst_h2c_call *block_call; /* NULL: nobody's */
    /* plain */
    uint64_t keepalive_ms;
    uint64_t idle_ms;  /* when an idle connection closes; JST_NEVER */
    uint64_t ping_ms;  /* when a silent one is given up; JST_NEVER: not suspected */
    uint64_t flood_ms; /* when the current window of flood counting began */
    uint64_t reads;    /* that brought something */
    uint32_t floods[H2C_FLOODS_];
    uint32_t work; /* frames within that window that carried something, either way */
    uint32_t magic;
    int why;            /* JOIST_E_* that nghttp2's callbacks found, for whoever called nghttp2 */
    const char *detail; /* with it; static */
    uint8_t state;      /* enum jst_h2c_state */
    bool is_flood;      /* `why` is one */
    bool tls;
    bool got_settings;
    bool served;    /* a call has ended well on it */
    bool retired;   /* takes no new calls */
    bool goaway;    /* the origin's: takes no new calls */
    bool exhausted; /* no stream numbers are left */
    bool has_body;  /* some call's `body` was added to since the last flush */
};

static inline struct jst_h2_client *
jst_h2c_of(struct jst_client *base)
{
    struct jst_h2_client *c = JST_CONTAINER(base, struct jst_h2_client, base);

    JST_ASSERT_HOT(c->magic == JST_H2C_MAGIC);
    return c;
}

/* NULL when the call is over. */
static inline struct jst_h2c_call *
jst_h2c_of_call(const struct jst_call *call)
{
    return call->client != NULL ? call->stream : NULL;
}

static inline struct jst_h2c_call *
jst_h2c_of_stream(struct jst_h2_client *c, int32_t stream_id)
{
    return nghttp2_session_get_stream_user_data(c->session, stream_id);
}
