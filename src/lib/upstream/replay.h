// SPDX-License-Identifier: MIT
#pragma once
/*
 * The body of a request that may have to be sent again.
 *
 * Job:     give each try the body from its beginning, as that asks for it, and keep what was given
 *          as long as it may be wanted again: the first JST_RETRY_BODY_BYTES, by reference.
 * Flow:    caller -> jst_replay_data/end -> the try's call->request; the try's resume ->
 *          jst_replay_ask() -> what of it is more than the tries before have asked for is passed
 *          on to the caller.
 * Owner:   struct jst_guard. Threads: the reactor's.
 */
#include "http/client.h"

struct jst_replay {
    struct jst_chain kept;       /* owned; all that came, while keeping */
    struct jst_chain backlog;    /* owned; what the present try was not given yet */
    struct jst_fields *trailers; /* arena; NULL: none */
    uint64_t taken;              /* that came in all */
    size_t granted;              /* credit that the caller was given in all */
    size_t asked;                /* credit that the present try has asked for, and ... */
    size_t room;                 /* ... what is left of it */
    bool keeping;
    bool under_way; /* there is a try that takes it */
    bool ended;
    bool end_given;
};

/** Before the first try. */
void jst_replay_init(struct jst_replay *r, const struct jst_head *req);
/** It will not be sent again. */
void jst_replay_stop_keeping(struct jst_replay *r);
void jst_replay_fini(struct jst_replay *r);

/** JOIST_E_NOMEM: trailers that must be kept could not be. */
int jst_replay_end(struct jst_replay *r, struct jst_call *call, const struct jst_fields *trailers);
void jst_replay_data(struct jst_replay *r, struct jst_call *call, struct jst_chain *move);

/** The try wants `credit` more. Returns what of it the caller has to be asked for. `*feed`: it is
 * to be fed, from the loop. */
size_t jst_replay_ask(struct jst_replay *r, size_t credit, bool *feed);
void jst_replay_feed(struct jst_replay *r, struct jst_call *call);

/** Is all of it that came still there? */
static inline bool
jst_replay_is_whole(const struct jst_replay *r)
{
    return r->keeping || (r->taken == 0 && !r->end_given);
}

/** The try has failed, and it is whole: from now on what comes waits for another try.
 *  JOIST_E_NOMEM: there cannot be one. */
int jst_replay_rewind(struct jst_replay *r);
/** Another one begins: says so in the call's facts. */
void jst_replay_begin(struct jst_replay *r, struct jst_call *call);
