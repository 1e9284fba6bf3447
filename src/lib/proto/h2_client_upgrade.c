// SPDX-License-Identifier: MIT
#include "proto/h2_client_int.h"

#include "base/str.h"

/* An HTTP/1.1 client chose the key: 24 bytes by RFC 6455 4.1, and not more than this. */
#define KEY_BYTES_MAX 64u

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

/* RFC 6455 4.2.2, 5.4: SHA-1 of the key and a fixed text. */
static int
print_accept(char out[JST_H2C_ACCEPT_BYTES], struct jst_slice key)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char text[KEY_BYTES_MAX + sizeof(guid)];
    struct jst_str s = jst_str(text, sizeof(text));
    struct jst_str accept = jst_str(out, JST_H2C_ACCEPT_BYTES);
    unsigned char hash[20];
    int rc;

    jst_str_add(&s, key);
    jst_str_add(&s, jst_slice(guid, sizeof(guid) - 1));
    JST_ASSERT(!s.full);
    rc = jst_tls_sha1(hash, jst_str_slice(&s));
    if (rc == JOIST_OK) {
        jst_str_add_base64(&accept, jst_slice((const char *)hash, sizeof(hash)));
    }
    return rc;
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
    if (key == NULL || key->value.n > KEY_BYTES_MAX) {
        return JOIST_OK; /* who sent such a one does not check the answer */
    }
    rc = print_accept(accept, key->value);
    return rc == JOIST_OK ? jst_fields_add(&head->fields, JST_S("Sec-WebSocket-Accept"),
                                           jst_slice(accept, JST_H2C_ACCEPT_BYTES))
                          : rc;
}
