// SPDX-License-Identifier: MIT
/*
 * A waiting call's two ends: request body that comes meanwhile is kept, leaving takes it out of
 * where it waits: for a connection (wait.c), or for what comes before that.
 */
#include "upstream/live.h"

/* Who waits no longer is called once more: a caller that is gone says so at both ends. */

static void
forget(struct jst_call *call)
{
    void (*leave)(struct jst_call *) = call->forget;

    if (leave != NULL) {
        call->forget = NULL;
        leave(call);
        jst_chain_clear(&call->held);
    }
}

/* It was begun before and has been asked for body: at most the credit it got then. */
static void
hold_data(struct jst_sink *s, struct jst_chain *move)
{
    struct jst_call *call = JST_CONTAINER(s, struct jst_call, request);

    if (call->forget == NULL) {
        jst_chain_clear(move);
        return;
    }
    jst_chain_join(&call->held, move);
    jst_chain_compact(&call->held); /* it may take a while: hold no read buffers */
}

static void
hold_end(struct jst_sink *s, const struct jst_fields *trailers)
{
    struct jst_call *call = JST_CONTAINER(s, struct jst_call, request);

    if (call->forget == NULL) {
        return;
    }
    call->held_end = true;
    if (trailers != NULL && trailers->n > 0 && call->arena != NULL) {
        call->held_trailers = jst_arena_zalloc(call->arena, sizeof(*call->held_trailers));
        if (call->held_trailers == NULL ||
            jst_fields_copy(call->held_trailers, call->arena, trailers) < 0) {
            forget(call);
            jst_call_fail_later(call, JOIST_E_NOMEM);
        }
    }
}

static void
abort_waiting(struct jst_sink *s, int why)
{
    (void)why;
    forget(JST_CONTAINER(s, struct jst_call, request));
}

static void
resume_waiting(struct jst_source *s, size_t credit)
{
    JST_CONTAINER(s, struct jst_call, response)->credit += credit;
}

static void
cancel_waiting(struct jst_source *s, int why)
{
    (void)why;
    forget(JST_CONTAINER(s, struct jst_call, response));
}

static const struct jst_sink_ops waiting_request = {
    .data = hold_data,
    .end = hold_end,
    .abort = abort_waiting,
};
static const struct jst_source_ops waiting_response = {
    .resume = resume_waiting,
    .cancel = cancel_waiting,
};

void
jst_hold_begin(struct jst_call *call, void (*leave)(struct jst_call *call))
{
    JST_ASSERT(call->forget == NULL);
    call->client = NULL;
    call->forget = leave;
    call->request.ops = &waiting_request;
    call->response.ops = &waiting_response;
}

void
jst_hold_stop(struct jst_call *call)
{
    call->forget = NULL;
}

void
jst_hold_start(struct jst_live *live, struct jst_client *c, struct jst_call *call)
{
    struct jst_chain held = call->held;

    call->held = (struct jst_chain){0};
    if (call->held_end && held.bytes == 0 && call->held_trailers == NULL) {
        call->held_end = false;
        call->ended = true; /* the client says so with the head */
    }
    jst_call_start(live, c, call);
    if (held.bytes > 0) {
        jst_sink_data(&call->request, &held);
    }
    if (call->held_end) {
        call->held_end = false;
        jst_sink_end(&call->request, call->held_trailers);
    }
}
