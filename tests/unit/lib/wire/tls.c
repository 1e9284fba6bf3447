// SPDX-License-Identifier: MIT
/* A server and a client of ours over a socket pair: handshakes, what they agree on, ends. */
#include "tls_help.h"

#include <stdlib.h>
#include <unistd.h>

static void
shake(struct help_end *s, struct help_end *c, struct jst_tls_server *server,
      struct jst_tls_client *client, struct jst_tls_session **slot)
{
    int fds[2];

    help_pair(fds, 0);
    help_open_server(s, fds[0], server);
    help_open_client(c, fds[1], client, slot);
    for (int i = 0; i < 200 && (s->connected + s->failed == 0 || c->connected + c->failed == 0);
         i++) {
        jst_loop_turn(help_loop, 1);
    }
    help_turns(2);
}

static void
test_handshake(void **state)
{
    struct jst_tls_server *server = help_server("leaf", NULL);
    struct jst_tls_client *client = help_client("ca", "a.example");
    char in[64];
    struct help_end s = {.hungry = true, .in = in, .in_cap = sizeof(in)};
    struct help_end c = {.hungry = true};
    const struct jst_tls_info *info;

    (void)state;
    shake(&s, &c, server, client, NULL);
    assert_string_equal(c.error, "");
    assert_string_equal(s.error, "");
    assert_int_equal(s.connected, 1);
    assert_int_equal(c.connected, 1);
    info = jst_tls_info(&s.conn);
    assert_non_null(info);
    assert_true(jst_slice_eq(info->version, JST_S("TLSv1.3")));
    assert_true(jst_slice_eq(info->group, JST_S("X25519MLKEM768")));
    assert_true(jst_slice_eq(info->sni, JST_S("a.example")));
    assert_int_equal(info->alpn, JST_ALPN_H2);
    assert_false(info->resumed);
    help_say(&c, "hello", 5);
    help_turns(4);
    assert_int_equal(s.got, 5);
    assert_memory_equal(in, "hello", 5);
    jst_conn_shutdown(&c.conn);
    help_turns(4);
    assert_int_equal(s.end, JOIST_E_CLOSED);
    help_close(&s);
    help_close(&c);
    jst_tls_server_unref(&server);
    jst_tls_client_unref(&client);
}

static int
begin(void **state)
{
    int rc = help_begin(state);

    if (rc == 0) {
        help_make_ca("ca");
        help_make_leaf("leaf", "DNS:a.example,DNS:*.wild.example,IP:127.0.0.1", "ca");
    }
    return rc;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshake),
    };

    return cmocka_run_group_tests_name("wire/tls", tests, begin, help_finish);
}
