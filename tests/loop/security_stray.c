// SPDX-License-Identifier: MIT
/*
 * What an origin says on an idle connection answers nobody: not even a request that starts in the
 * same turn of the loop, before the bytes are seen.
 */
#include "proxy_world.h"

#define GET   "GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n"
#define OK2   "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define STRAY "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ntaint"

/* A connection to the origin that has served, and is idle. */
static void
make_idle(struct world *w, struct side *client, struct side *origin)
{
    world_init(w, NULL);
    world_client(w, client);
    side_send(client, GET);
    world_accept(w, origin);
    world_wait(w, origin, "\r\n\r\n");
    side_send(origin, OK2);
    world_wait(w, client, "\r\n\r\nok");
    side_forget(client);
    side_forget(origin);
    assert_int_equal(w->local.stats.upstream_idle, 1);
}

static void
test_a_get_goes_elsewhere(void **state)
{
    static struct side client, origin, second;
    struct world w;

    (void)state;
    make_idle(&w, &client, &origin);
    side_send(&client,
              GET); /* the client's event comes first, so its request takes the connection */
    side_send(&origin, STRAY);
    world_accept(&w, &second);
    world_wait(&w, &second, "\r\n\r\n");
    side_send(&second, OK2);
    world_wait(&w, &client, "\r\n\r\nok");
    assert_false(side_has(&client, "taint"));
    assert_false(side_has(&origin, "GET")); /* it never left */
    assert_int_equal(w.local.stats.upstream_retries, 1);
    side_close(&origin);
    side_close(&client);
    side_close(&second);
    world_fini(&w);
}

static void
test_an_answer_after_the_request_is_taken(void **state)
{
    static struct side client, origin;
    struct world w;

    (void)state;
    make_idle(&w, &client, &origin);
    side_send(&client, GET);
    world_wait(&w, &origin, "\r\n\r\n");
    side_send(&origin, STRAY);
    world_wait(&w, &client, "\r\n\r\ntaint");
    side_close(&origin);
    side_close(&client);
    world_fini(&w);
}

static void
test_an_early_refusal_of_a_new_connection_is_taken(void **state)
{
    static struct side client, origin;
    struct world w;

    (void)state;
    world_init(&w, NULL);
    world_client(&w, &client);
    side_send(&client, GET);
    world_accept(&w, &origin);
    side_send(&origin, "HTTP/1.1 503 Full\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
    world_wait(&w, &client, "HTTP/1.1 503 Full");
    side_close(&origin);
    side_close(&client);
    world_fini(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_get_goes_elsewhere),
        cmocka_unit_test(test_an_answer_after_the_request_is_taken),
        cmocka_unit_test(test_an_early_refusal_of_a_new_connection_is_taken),
    };

    return cmocka_run_group_tests_name("security/stray", tests, NULL, NULL);
}
