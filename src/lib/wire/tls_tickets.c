// SPDX-License-Identifier: MIT
#include "wire/tls_tickets.h"

#include "wire/tls_int.h"

#include <openssl/core_names.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define KEYS     3 /* of 12 h each: a ticket lives for 24 h */
#define NAME_LEN 16
#define IV_LEN   16

struct ticket_key {
    unsigned char name[NAME_LEN];
    unsigned char aes[32];
    unsigned char mac[32];
};

struct jst_tls_tickets {
    pthread_mutex_t lock;
    struct ticket_key keys[KEYS]; /* newest first */
    unsigned n;
    time_t made_s;      /* monotonic */
    EVP_CIPHER *cipher; /* owned; looked up once: a lookup in each handshake costs a lock */
};

static time_t
now_s(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec;
}

/* With the lock held (or not shared yet). */
static int
add_key(struct jst_tls_tickets *t)
{
    struct ticket_key fresh;

    if (RAND_bytes((unsigned char *)&fresh, sizeof(fresh)) != 1) {
        return JOIST_E_IO;
    }
    memmove(&t->keys[1], &t->keys[0], sizeof(t->keys[0]) * (KEYS - 1));
    t->keys[0] = fresh;
    t->n = JST_MIN(t->n + 1, KEYS);
    t->made_s = now_s();
    OPENSSL_cleanse(&fresh, sizeof(fresh));
    return JOIST_OK;
}

int
jst_tls_tickets_create(struct jst_tls_tickets **out)
{
    struct jst_tls_tickets *t = calloc(1, sizeof(*t));
    int rc = JOIST_E_NOMEM;

    if (t == NULL) {
        return rc;
    }
    jst_tls_init_once();
    if (pthread_mutex_init(&t->lock, NULL) != 0) {
        free(t);
        return rc;
    }
    t->cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    rc = t->cipher != NULL ? add_key(t) : JOIST_E_NOMEM;
    if (rc < 0) {
        jst_tls_tickets_destroy(&t);
        return rc;
    }
    *out = t;
    return JOIST_OK;
}

void
jst_tls_tickets_destroy(struct jst_tls_tickets **take)
{
    struct jst_tls_tickets *t = *take;

    *take = NULL;
    if (t == NULL) {
        return;
    }
    EVP_CIPHER_free(t->cipher);
    (void)pthread_mutex_destroy(&t->lock);
    OPENSSL_cleanse(t->keys, sizeof(t->keys));
    free(t);
}

int
jst_tls_tickets_rotate(struct jst_tls_tickets *t)
{
    int rc;

    (void)pthread_mutex_lock(&t->lock);
    rc = add_key(t);
    (void)pthread_mutex_unlock(&t->lock);
    return rc;
}

/* The key that seals; rotates first if it is time. */
static void
take_newest(struct jst_tls_tickets *t, struct ticket_key *out)
{
    (void)pthread_mutex_lock(&t->lock);
    if (now_s() - t->made_s >= (time_t)JST_TLS_TICKET_ROTATE_S) {
        /* Without random bytes the old one goes on; the next ticket tries again. */
        (void)add_key(t);
    }
    *out = t->keys[0];
    (void)pthread_mutex_unlock(&t->lock);
}

/* How old the key of that name is: 0 the newest; KEYS: unknown. */
static unsigned
find_key(struct jst_tls_tickets *t, const unsigned char *name, struct ticket_key *out)
{
    unsigned i;

    (void)pthread_mutex_lock(&t->lock);
    for (i = 0; i < t->n && memcmp(t->keys[i].name, name, NAME_LEN) != 0; i++) {
    }
    if (i < t->n) {
        *out = t->keys[i];
    } else {
        i = KEYS;
    }
    (void)pthread_mutex_unlock(&t->lock);
    return i;
}

static bool
set_mac(EVP_MAC_CTX *mac, struct ticket_key *k)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, k->mac, sizeof(k->mac)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };

    return EVP_MAC_CTX_set_params(mac, params) == 1;
}

int
jst_tls_tickets_crypt(struct jst_tls_tickets *t, bool tls13, unsigned char *name, unsigned char *iv,
                      EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int seal)
{
    struct ticket_key k;
    unsigned age = 0;
    bool ok;

    if (seal) {
        take_newest(t, &k);
        memcpy(name, k.name, NAME_LEN);
        ok = RAND_bytes(iv, IV_LEN) == 1 &&
             EVP_EncryptInit_ex2(cipher, t->cipher, k.aes, iv, NULL) == 1;
    } else {
        age = find_key(t, name, &k);
        if (age == KEYS) {
            return 0;
        }
        ok = EVP_DecryptInit_ex2(cipher, t->cipher, k.aes, iv, NULL) == 1;
    }
    ok = ok && set_mac(mac, &k);
    OPENSSL_cleanse(&k, sizeof(k));
    if (!ok) {
        return -1;
    }
    /* RFC 8446 C.4: a client uses a ticket once, so each resumption gives it another. */
    return !seal && (tls13 || age > 0) ? 2 : 1;
}
