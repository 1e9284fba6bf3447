// SPDX-License-Identifier: MIT
#include "proto/websocket.h"

#include "base/str.h"
#include "wire/tls.h"

/* RFC 6455 4.2.2, 5.4: SHA-1 of the key and a fixed text. */
int
jst_websocket_accept(char out[JST_WEBSOCKET_ACCEPT_BYTES], struct jst_slice key)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char text[JST_WEBSOCKET_KEY_MAX + sizeof(guid)];
    struct jst_str s = jst_str(text, sizeof(text));
    struct jst_str accept = jst_str(out, JST_WEBSOCKET_ACCEPT_BYTES);
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

/* One field and no other, or a client that looks at another one would not agree. */
static bool
has_only(const struct jst_fields *fields, struct jst_slice name, struct jst_slice value)
{
    unsigned found = 0;

    for (uint32_t i = 0; i < fields->n; i++) {
        if (jst_slice_ieq(fields->v[i].name, name)) {
            if (!jst_slice_eq(fields->v[i].value, value)) {
                return false;
            }
            found++;
        }
    }
    return found == 1;
}

const char *
jst_websocket_refuse(const struct jst_head *response, const struct jst_head *req)
{
    const struct jst_field *key = jst_fields_find_name(&req->fields, JST_S("Sec-WebSocket-Key"));
    char due[JST_WEBSOCKET_ACCEPT_BYTES];

    if (!jst_slice_ieq(response->upgrade_to, req->upgrade_to)) {
        return "it switched to something other than WebSocket";
    }
    if (key == NULL || key->value.n > JST_WEBSOCKET_KEY_MAX ||
        jst_websocket_accept(due, key->value) < 0) {
        return "the answer to the WebSocket's key could not be made";
    }
    return has_only(&response->fields, JST_S("Sec-WebSocket-Accept"), jst_slice(due, sizeof(due)))
               ? NULL
               : "its Sec-WebSocket-Accept does not answer the key";
}
