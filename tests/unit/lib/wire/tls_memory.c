// SPDX-License-Identifier: MIT
/* What an idle server connection keeps: OpenSSL's own, and what we add. Prints the figures. */
#include "tls_help.h"

#include "wire/tls_int.h"

#include <stdlib.h>
#include <unistd.h>

static size_t live;                 /* bytes that OpenSSL holds */
static size_t trace_min = SIZE_MAX; /* print what is freed from this size on */

/* In front of each piece: its size, in as many bytes as keep it aligned. */
#define HEAD 16

static void *
counted_malloc(size_t n, const char *file, int line)
{
    char *p = malloc(n + HEAD);

    (void)file;
    (void)line;
    if (p == NULL) {
        return NULL;
    }
    memcpy(p, &n, sizeof(n));
    live += n;
    return p + HEAD;
}

static void
counted_free(void *at, const char *file, int line)
{
    char *p = at;
    size_t n;

    if (p == NULL) {
        return;
    }
    memcpy(&n, p - HEAD, sizeof(n));
    live -= n;
    if (n >= trace_min) {
        printf("#   %6zu %s:%d\n", n, file != NULL ? file : "", line);
    }
    free(p - HEAD);
}

static void *
counted_realloc(void *at, size_t n, const char *file, int line)
{
    void *fresh = counted_malloc(n, file, line);
    size_t before;

    if (at != NULL && fresh != NULL) {
        memcpy(&before, (char *)at - HEAD, sizeof(before));
        memcpy(fresh, at, JST_MIN(n, before));
        counted_free(at, file, line);
    }
    return fresh;
}

static size_t
measure(const char *group, const char *name)
{
    struct joist_cert_conf cert = {.cert = help_path("leaf", "pem"),
                                   .key = help_path("leaf", "key")};
    struct joist_tls_conf tls = {
        .certs = &cert, .certs_n = 1, .min_version = 12, .groups = &group, .groups_n = 1};
    struct jst_tls_server_conf conf = {.tls = &tls, .h1 = true};
    struct jst_tls_server *server;
    struct help_end s = {.hungry = true};
    SSL_CTX *ctx = help_raw_ctx();
    size_t ours;
    size_t with;
    SSL *ssl;
    int fds[2];

    assert_int_equal(jst_tls_tickets_create(&conf.tickets), 0);
    server = help_server_of(&conf);
    help_pair(fds, 0);
    ssl = help_raw(ctx, fds[1], "a.example");
    help_open_server(&s, fds[0], server);
    assert_int_equal(help_raw_connect(ssl), 1);
    assert_int_equal(SSL_write(ssl, "x", 1), 1);
    help_turns(3);
    help_say(&s, "y", 1);
    help_turns(3);
    ours = sizeof(struct jst_tls_conn) + strlen("a.example");
    assert_int_equal(jst_tls_of(&s.conn)->held_n, 0);
    with = live;
    if (getenv("TRACE") != NULL) {
        trace_min = 200;
    }
    help_close(&s);
    trace_min = SIZE_MAX;
    printf("# %s: OpenSSL keeps %zu bytes, we add %zu\n", name, with - live, ours);
    assert_true(ours <= 1024);
    with -= live;
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fds[1]);
    jst_tls_server_unref(&server);
    jst_tls_tickets_destroy(&conf.tickets);
    return with;
}

static void
test_idle_connection(void **state)
{
    size_t plain = measure("X25519", "X25519");
    size_t hybrid = measure("X25519MLKEM768", "X25519MLKEM768");

    (void)state;
    assert_true(plain > 0 && plain < 24000);
    assert_true(hybrid < 32000);
}

static int
begin(void **state)
{
    int rc = help_begin(state);

    if (rc == 0) {
        help_make_leaf("leaf", "DNS:a.example", NULL);
    }
    return rc;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle_connection),
    };

    if (CRYPTO_set_mem_functions(counted_malloc, counted_realloc, counted_free) != 1) {
        return 1;
    }
    return cmocka_run_group_tests_name("wire/tls_memory", tests, begin, help_finish);
}
