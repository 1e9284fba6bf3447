// SPDX-License-Identifier: MIT
#include "upstream/replay.h"

#include "base/bounds.h"

void
jst_replay_init(struct jst_replay *r, const struct jst_head *req)
{
    *r = (struct jst_replay){
        .keeping = !req->has_body || req->length == JST_LENGTH_UNKNOWN ||
                   req->length <= JST_RETRY_BODY_BYTES,
        .under_way = true,
    };
}

void
jst_replay_stop_keeping(struct jst_replay *r)
{
    r->keeping = false;
    jst_chain_clear(&r->kept);
}

void
jst_replay_fini(struct jst_replay *r)
{
    jst_replay_stop_keeping(r);
    jst_chain_clear(&r->backlog);
}

/* Pieces of the same memory. */
static int
add_refs(struct jst_chain *to, const struct jst_chain *from)
{
    for (const struct jst_seg *s = from->first; s != NULL; s = s->next) {
        int rc = s->file != NULL  ? JOIST_E_UNSUPPORTED
                 : s->buf != NULL ? jst_chain_add(to, s->buf, s->p, s->n)
                                  : jst_chain_add_static(to, s->p, s->n);

        if (rc < 0) {
            return rc;
        }
    }
    return JOIST_OK;
}

static void
keep(struct jst_replay *r, const struct jst_chain *more)
{
    if (r->kept.bytes + more->bytes > JST_RETRY_BODY_BYTES || add_refs(&r->kept, more) < 0) {
        jst_replay_stop_keeping(r);
        return;
    }
    jst_chain_compact(&r->kept); /* a few bytes hold no read buffer */
}

void
jst_replay_data(struct jst_replay *r, struct jst_call *call, struct jst_chain *move)
{
    r->taken += move->bytes;
    if (r->keeping) {
        keep(r, move);
    }
    if (!r->under_way || r->backlog.bytes > 0 || r->asked == 0) {
        jst_chain_join(&r->backlog, move);
        jst_chain_compact(&r->backlog);
        return;
    }
    r->room -= JST_MIN(move->bytes, r->room);
    jst_sink_data(&call->request, move);
}

int
jst_replay_end(struct jst_replay *r, struct jst_call *call, const struct jst_fields *trailers)
{
    bool now = r->under_way && r->backlog.bytes == 0;

    r->ended = true;
    if (trailers != NULL && trailers->n > 0 && (r->keeping || !now)) {
        r->trailers = jst_arena_zalloc(call->arena, sizeof(*r->trailers));
        if (r->trailers == NULL || jst_fields_copy(r->trailers, call->arena, trailers) < 0) {
            return JOIST_E_NOMEM;
        }
    }
    if (now) {
        r->end_given = true;
        jst_sink_end(&call->request, trailers);
    }
    return JOIST_OK;
}

size_t
jst_replay_ask(struct jst_replay *r, size_t credit, bool *feed)
{
    size_t more;

    *feed = false;
    if (!r->under_way) { /* a try that is given up: its credit is not the next one's */
        return 0;
    }
    r->room += credit;
    r->asked += credit;
    more = r->asked > r->granted ? r->asked - r->granted : 0;
    r->granted += more;
    *feed = r->backlog.bytes > 0 || (r->ended && !r->end_given);
    return more;
}

void
jst_replay_feed(struct jst_replay *r, struct jst_call *call)
{
    size_t n = JST_MIN(r->room, r->backlog.bytes);
    struct jst_chain data = {0};

    if (n > 0 && (n == r->backlog.bytes || jst_chain_cut(&data, &r->backlog, n) < 0)) {
        n = r->backlog.bytes; /* without memory to cut it goes as it is */
        jst_chain_join(&data, &r->backlog);
    }
    if (n > 0) {
        r->room -= JST_MIN(n, r->room);
        jst_sink_data(&call->request, &data);
    }
    if (r->ended && !r->end_given && r->backlog.bytes == 0) {
        r->end_given = true;
        jst_sink_end(&call->request, r->trailers);
    }
}

int
jst_replay_rewind(struct jst_replay *r)
{
    struct jst_chain again = {0};

    JST_ASSERT(jst_replay_is_whole(r));
    if (add_refs(&again, &r->kept) < 0) {
        jst_chain_clear(&again);
        return JOIST_E_NOMEM;
    }
    jst_chain_clear(&r->backlog);
    jst_chain_join(&r->backlog, &again);
    r->under_way = false;
    r->asked = r->room = 0;
    r->end_given = false;
    return JOIST_OK;
}

void
jst_replay_begin(struct jst_replay *r, struct jst_call *call)
{
    r->under_way = true;
    call->asked_body = call->sent_body = false;
    call->ended = r->ended && r->backlog.bytes == 0 && r->trailers == NULL;
    r->end_given = call->ended;
}
