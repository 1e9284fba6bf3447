// SPDX-License-Identifier: MIT
/*
 * HTTP/2 through the whole pipeline: what HTTP/1.1 can, it can.
 */
#include "h2_peer.h"

#include <stdlib.h>

static struct h2_peer h;

static void
begin(struct rig *g)
{
    rig_init(g);
    rig_start(g);
    h2_open(g, &h, false);
}

static void
end(struct rig *g)
{
    h2_close(&h);
    rig_run(g, NULL, NULL);
    rig_assert_idle(g);
    rig_fini(g);
}

static bool
has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

static void
test_get(void **state)
{
    struct rig g;
    struct h2_reply *r;

    (void)state;
    begin(&g);
    r = h2_reply(&h, h2_get(&h, "r.test", "/"));
    h2_run(&g, &h, NULL);
    assert_int_equal(r->status, 200);
    assert_string_equal(r->body, "hello\n");
    assert_true(r->ended && r->closed);
    assert_int_equal(r->error, 0);
    assert_true(has(r->head, "server: joist\n"));
    assert_true(has(r->head, "content-length: 6\n"));
    assert_true(has(r->head, "date: "));
    assert_int_equal(g.r.local.stats.requests, 1);
    assert_int_equal(g.r.local.stats.status_2xx, 1);
    assert_int_equal(g.r.local.stats.h2_conns_open, 1);
    end(&g);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get),
    };

    return cmocka_run_group_tests_name("loop/h2_basic", tests, NULL, NULL);
}
