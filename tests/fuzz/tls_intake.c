// SPDX-License-Identifier: MIT
/* A client's first flight as raw bytes, in pieces: whatever they are, the connection ends once and
 * in order, and where they are cut changes nothing about how. */
#include "tls_peer.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct peer whole;
    struct peer split;

    peer_init();
    if (size < 2 || size > 60000) {
        return 0;
    }
    whole = peer_feed(data + 1, size - 1, size);
    split = peer_feed(data + 1, size - 1, 1 + size / 200 + (size_t)data[0] * 7);
    JST_ASSERT(whole.connected == split.connected);
    /* What comes behind a failure may be lost with the connection: its kind may not. */
    JST_ASSERT(whole.failed == split.failed && whole.why == split.why);
    return 0;
}
