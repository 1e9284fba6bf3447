// SPDX-License-Identifier: MIT
/*
 * A waiting call's two ends: request body that comes meanwhile is kept, leaving takes it out of the
 * queue.
 */
#include "upstream/live.h"

/* Who has left the queue is called once more: a caller that is gone says so at both ends. */
static bool
is_waiting(const struct jst_call *call)
{
    return !jst_list_is_empty(&call->wait_link);
}

/* It was begun before and has been asked for body: at most the credit it got then. */
static void
hold_data(struct jst_sink *s, struct jst_chain *move)
{
    struct jst_call *call = JST_CONTAINER(s, struct jst_call, request);

    if (!is_waiting(call)) {
        jst_chain_clear(move);
        return;
    }
    jst_chain_join(&call->held, move);
    jst_chain_compact(&call->held); /* it may take a while: hold no read buffers */
}

static struct jst_fields *
copy_fields(struct jst_arena *arena, const struct jst_fields *from)
{
    struct jst_fields *to = jst_arena_zalloc(arena, sizeof(*to));

    if (to == NULL) {
        return NULL;
    }
    to->v = jst_arena_zalloc(arena, (from->n + 1) * sizeof(to->v[0]));
    for (uint32_t i = 0; to->v != NULL && i < from->n; i++) {
        to->v[i] = from->v[i];
        to->v[i].name = jst_arena_copy(arena, from->v[i].name);
        to->v[i].value = jst_arena_copy(arena, from->v[i].value);
        if (to->v[i].name.p == NULL || to->v[i].value.p == NULL) {
            return NULL;
        }
    }
    to->n = to->cap = from->n;
    return to->v != NULL ? to : NULL;
}

static void
hold_end(struct jst_sink *s, const struct jst_fields *trailers)
{
    struct jst_call *call = JST_CONTAINER(s, struct jst_call, request);

    if (!is_waiting(call)) {
        return;
    }
    call->held_end = true;
    if (trailers != NULL && trailers->n > 0 && call->arena != NULL) {
        call->held_trailers = copy_fields(call->arena, trailers);
        if (call->held_trailers == NULL) {
            jst_wait_fail(jst_call_live(call), call, JOIST_E_NOMEM);
        }
    }
}

static void
forget(struct jst_call *call)
{
    if (is_waiting(call)) {
        jst_wait_leave(jst_call_live(call), call);
        jst_chain_clear(&call->held);
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
jst_hold_begin(struct jst_call *call)
{
    call->client = NULL;
    call->request.ops = &waiting_request;
    call->response.ops = &waiting_response;
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
