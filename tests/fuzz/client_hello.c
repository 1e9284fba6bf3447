// SPDX-License-Identifier: MIT
/* The body of a ClientHello, in a correct message and correct records: name, ALPN, tickets, key
 * shares and ECH come to our callbacks. How it is spread over records changes nothing. */
#include "tls_peer.h"

#define BODY_MAX 16000

/* `cut`: where the message goes on in another record; 0: it is one. */
static size_t
frame(uint8_t *out, const uint8_t *body, size_t n, size_t cut)
{
    uint8_t message[4 + BODY_MAX] = {1, 0, (uint8_t)(n >> 8), (uint8_t)n};
    size_t total = n + 4;
    size_t done = 0;
    size_t at = 0;

    memcpy(message + 4, body, n);
    while (done < total) {
        size_t k = done == 0 && cut > 0 ? cut : total - done;
        const uint8_t head[5] = {22, 3, 1, (uint8_t)(k >> 8), (uint8_t)k};

        memcpy(out + at, head, 5);
        memcpy(out + at + 5, message + done, k);
        at += 5 + k;
        done += k;
    }
    return at;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t flight[BODY_MAX + 32];
    struct peer whole;
    struct peer split;
    size_t n;

    peer_init();
    if (size < 3 || size - 2 > BODY_MAX) {
        return 0;
    }
    n = frame(flight, data + 2, size - 2, 0);
    whole = peer_feed(flight, n, n);
    n = frame(flight, data + 2, size - 2, 1 + (data[0] * 256u + data[1]) % (size + 1));
    split = peer_feed(flight, n, n);
    JST_ASSERT(whole.connected == split.connected && whole.why == split.why);
    return 0;
}
