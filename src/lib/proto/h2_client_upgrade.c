// SPDX-License-Identifier: MIT
#include "proto/h2_client_int.h"

#include "proto/websocket.h"

bool
jst_h2c_is_websocket(const struct jst_call *call)
{
    return jst_slice_ieq(call->req->upgrade_to, JST_S("websocket"));
}

bool
jst_h2c_may_connect(const struct jst_h2_client *c, const struct jst_call *call)
{
    return c->got_settings && jst_h2c_is_websocket(call) &&
           nghttp2_session_get_remote_settings(c->session,
                                               NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}

int
jst_h2c_fill_101(struct jst_head *head, const struct jst_head *req, char *accept)
{
    const struct jst_field *key = jst_fields_find_name(&req->fields, JST_S("Sec-WebSocket-Key"));
    int rc;

    head->status = 101;
    head->reason = JST_SLICE_NONE;
    head->upgrade = true;
    head->upgrade_to = JST_S("websocket");
    head->length = JST_LENGTH_UNKNOWN;
    head->has_body = true;
    jst_fields_drop_name(&head->fields, JST_S("Sec-WebSocket-Accept"));
    if (key == NULL || key->value.n > JST_WEBSOCKET_KEY_MAX) {
        return JOIST_OK; /* who sent such a one does not check the answer */
    }
    rc = jst_websocket_accept(accept, key->value);
    return rc == JOIST_OK ? jst_fields_add(&head->fields, JST_S("Sec-WebSocket-Accept"),
                                           jst_slice(accept, JST_WEBSOCKET_ACCEPT_BYTES))
                          : rc;
}
