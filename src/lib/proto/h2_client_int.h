// SPDX-License-Identifier: MIT
#pragma once
/*
 * What h2_client.c (the connection's life), h2_client_io.c (its output, input and clock),
 * h2_client_request.c (a call's start), h2_client_call.c (its body, credit and end),
 * h2_client_session.c and h2_client_frames.c (nghttp2's callbacks), h2_client_response.c and
 * h2_client_upgrade.c share; nobody else includes it.
 *
 * Rules:   nghttp2 may be told things (nghttp2_submit_*) at any time; it is asked for output only
 *          by the flush task and given input only by on_readable, so none of it nests.
 *          Heads go to their sinks from within nghttp2's callbacks; data and ends wait in `fresh`
 *          until it has returned. After calling out, compare `serial`.
 */
#include "proto/h2_client_types.h"

/* ---- h2_client.c ---- */

/* calls_max follows the facts; tells the pool if there is room now. */
void jst_h2c_update_max(struct jst_h2_client *c);

/* In place of a code: close at once, with a reset. */
#define JST_H2C_NO_GOAWAY UINT32_MAX

/* Tell the pool and close, behind GOAWAY(`code`); no call may be left. Idempotent. */
void jst_h2c_let_go(struct jst_h2_client *c, int why, uint32_t code);

/* The connection has failed: it leaves the pool, then every call is lost, oldest first. */
void jst_h2c_fail_all(struct jst_h2_client *c, int why, const char *detail, uint32_t code);

/* Idempotent; no call may be left. */
void jst_h2c_close(struct jst_h2_client *c, bool reset);

/* Frees; the connection is closed, or was never there. */
void jst_h2c_destroy(struct jst_h2_client *c);

/* Where the connection's end met a call: static, or NULL. */
const char *jst_h2c_detail_of(const struct jst_h2c_call *x, int why);

/* ---- h2_client_io.c ---- */

/* Ask nghttp2 for output at the end of this turn. */
void jst_h2c_want_flush(struct jst_h2_client *c);

/* Hand on or tell about `x` soon, from a task. */
void jst_h2c_want_deliver(struct jst_h2c_call *x);

/* The timer fires no later than this. */
void jst_h2c_arm(struct jst_h2_client *c, uint64_t at_ms);

void jst_h2c_run_flush(struct jst_task *t);
void jst_h2c_run_task(struct jst_task *t);
void jst_h2c_on_timer(struct jst_timer *t);
extern const struct jst_conn_events jst_h2c_conn_events;

/* ---- h2_client_request.c ---- */

/* jst_client_ops.start. */
void jst_h2c_start(struct jst_client *base, struct jst_call *call);

/* HEADERS of the request; a failure is told later. */
void jst_h2c_submit(struct jst_h2c_call *x);

/* ---- h2_client_call.c ---- */

extern const struct jst_sink_ops jst_h2c_request_ops;
extern const struct jst_source_ops jst_h2c_response_ops;

/* The clock that fits the phase. */
void jst_h2c_touch(struct jst_h2c_call *x);

/* Resume the request's body for the first time, if it may be sent now. */
void jst_h2c_ask_body(struct jst_h2c_call *x);

/* Give back as credit what has left. */
void jst_h2c_credit_body(struct jst_h2c_call *x);

/* More of the body, or its end, is there. */
void jst_h2c_resume_body(struct jst_h2c_call *x);

/* Open the stream's window as far as the call's credit goes. */
void jst_h2c_pay_window(struct jst_h2c_call *x);

/* One call more may be kept track of. JOIST_E_NOMEM. */
int jst_h2c_add_spare(struct jst_h2_client *c);

/* RST_STREAM, if the stream is there. */
void jst_h2c_reset(struct jst_h2c_call *x, uint32_t code);

/* The call and the connection know each other no more; `x` is spare. The pool is not told. */
struct jst_call *jst_h2c_detach(struct jst_h2c_call *x);

/* After a detach: one call less, and the pool is told. May let go. */
void jst_h2c_leave(struct jst_h2_client *c);

/* One call's failure: RST_STREAM(`code`) unless the stream is closed, detach, retry or abort. */
void jst_h2c_fail(struct jst_h2c_call *x, int why, const char *detail, uint32_t code);

/* A tunnel's directions have both ended: the call is over; `x` stays until its bytes have left. */
void jst_h2c_end_tunnel(struct jst_h2c_call *x);

/* ---- h2_client_session.c ---- */

/* JOIST_E_NOMEM. */
int jst_h2c_open_session(struct jst_h2_client *c);

/* For nghttp2_submit_request(): DATA of the stream's call. */
extern const nghttp2_data_provider jst_h2c_body;

/* ---- h2_client_frames.c: nghttp2's callbacks; see nghttp2.h ---- */

int jst_h2c_on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *user_data);
int jst_h2c_on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user_data);
int jst_h2c_on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                      size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags,
                      void *user_data);
int jst_h2c_on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame,
                              const uint8_t *name, size_t name_n, const uint8_t *value,
                              size_t value_n, uint8_t flags, void *user_data);
int jst_h2c_on_data(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *data,
                    size_t n, void *user_data);
int jst_h2c_on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user_data);
int jst_h2c_on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int error,
                             void *user_data);
int jst_h2c_on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t code,
                            void *user_data);

/* ---- h2_client_response.c ---- */

/* A header section begins; is complete. */
void jst_h2c_begin_block(struct jst_h2c_call *x);
void jst_h2c_take_block(struct jst_h2c_call *x, bool end_stream);

/* END_STREAM has come: nothing more will. */
void jst_h2c_take_end(struct jst_h2c_call *x);

/* Response bytes have come. JOIST_E_NOMEM. */
int jst_h2c_take_data(struct jst_h2c_call *x, const uint8_t *data, size_t n);

/* Hand on what credit allows, and the end. */
void jst_h2c_deliver(struct jst_h2c_call *x);

/* ---- h2_client_upgrade.c ---- */

bool jst_h2c_is_websocket(const struct jst_call *call);

/* Do the origin's SETTINGS allow this call's upgrade? */
bool jst_h2c_may_connect(const struct jst_h2_client *c, const struct jst_call *call);

/* Turn the head that accepts an extended CONNECT (RFC 8441 5) into the 101 that HTTP/1 has for it.
 * `accept` is memory of JST_WEBSOCKET_ACCEPT_BYTES for that field's value. JOIST_E_NOMEM. */
int jst_h2c_fill_101(struct jst_head *head, const struct jst_head *req, char *accept);
