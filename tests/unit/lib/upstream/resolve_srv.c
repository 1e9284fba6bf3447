// SPDX-License-Identifier: MIT
/* SRV records out of a DNS response, and the order of what was found. */
#include "base/str.h"
#include "upstream/resolve_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct message {
    uint8_t p[2048];
    size_t n;
};

static void
put(struct message *m, const void *p, size_t n)
{
    assert_true(m->n + n <= sizeof(m->p));
    memcpy(m->p + m->n, p, n);
    m->n += n;
}

static void
put16(struct message *m, unsigned v)
{
    const uint8_t bytes[] = {(uint8_t)(v >> 8), (uint8_t)v};

    put(m, bytes, 2);
}

#define NAME(m, text) put((m), (text), sizeof(text)) /* with the root's NUL */

static void
begin(struct message *m, unsigned answers)
{
    m->n = 0;
    put(m, "\0\1\x84\0\0\1", 6);
    put16(m, answers);
    put(m, "\0\0\0\0", 4);
    NAME(m, "\5_http\4_tcp\1a\4test");
    put16(m, 33);
    put16(m, 1);
}

/* The record's owner is the question's name. */
static void
put_head(struct message *m, unsigned type, unsigned ttl, size_t data_n)
{
    put16(m, 0xc00c);
    put16(m, type);
    put16(m, 1);
    put16(m, ttl >> 16);
    put16(m, ttl & 0xffff);
    put16(m, (unsigned)data_n);
}

static void
put_srv(struct message *m, unsigned priority, unsigned weight, unsigned port, const char *host,
        size_t host_n, unsigned ttl)
{
    put_head(m, 33, ttl, 6 + host_n);
    put16(m, priority);
    put16(m, weight);
    put16(m, port);
    put(m, host, host_n);
}

#define SRV(m, priority, port, host, ttl)                                                          \
    put_srv((m), (priority), 7, (port), (host), sizeof(host), (ttl))

static int
parse(struct jst_srv *out, size_t cap, uint32_t *ttl_s, const struct message *m)
{
    uint8_t *exact = malloc(m->n + 1); /* what reads behind it is seen */
    int rc;

    assert_non_null(exact);
    memcpy(exact, m->p, m->n);
    rc = jst_srv_parse(out, cap, ttl_s, exact, m->n);
    free(exact);
    return rc;
}

static void
test_records(void **state)
{
    struct jst_srv v[4];
    struct message m;
    uint32_t ttl_s;

    (void)state;
    begin(&m, 4);
    SRV(&m, 20, 1, "\1b\4test", 300);
    put_head(&m, 5, 1, 2); /* a CNAME on the way does not count */
    put16(&m, 0xc00c);
    SRV(&m, 10, 2, "\1a\4test", 60);
    put_srv(&m, 10, 7, 3, "\1c\xc0\x19", 4, 90); /* its end is in the question */
    assert_int_equal(parse(v, 4, &ttl_s, &m), 3);
    assert_int_equal(ttl_s, 60);
    assert_string_equal(v[0].host, "a.test.");
    assert_int_equal(v[0].port, 2);
    assert_int_equal(v[0].rank.priority, 10);
    assert_int_equal(v[0].rank.weight, 7);
    assert_string_equal(v[1].host, "c.test.");
    assert_string_equal(v[2].host, "b.test.");
    assert_int_equal(parse(v, 1, &ttl_s, &m), 1); /* the best ones stay */
    assert_string_equal(v[0].host, "a.test.");
}

static void
test_no_records(void **state)
{
    struct jst_srv v[4];
    struct message m;
    uint32_t ttl_s;

    (void)state;
    begin(&m, 0);
    assert_int_equal(parse(v, 4, &ttl_s, &m), 0);
    begin(&m, 1);
    put_srv(&m, 0, 0, 0, "", 1, 60); /* RFC 2782: the service is decidedly not there */
    assert_int_equal(parse(v, 4, &ttl_s, &m), 0);
}

static void
test_malformed(void **state)
{
    static const struct {
        const char *host;
        size_t n;
    } hosts[] = {
        {"\1a\4test", 6},      /* no end */
        {"\1a\4test\0x", 9},   /* something behind it */
        {"\xc0\xff", 2},       /* a pointer behind the message */
        {"\1a\x80", 3},        /* neither a length nor a pointer */
        {"\3a.b\4test\0", 10}, /* a dot inside a label */
        {"\1 \0", 3},          {"", 0},
    };
    struct jst_srv v[4];
    struct message m;
    uint32_t ttl_s;

    (void)state;
    for (size_t i = 0; i < JST_COUNT(hosts); i++) {
        begin(&m, 1);
        put_srv(&m, 1, 1, 80, hosts[i].host, hosts[i].n, 1);
        assert_int_equal(parse(v, 4, &ttl_s, &m), JOIST_E_PROTO);
    }
    begin(&m, 1); /* a name that leads to itself */
    put_srv(&m, 1, 1, 80, "", 0, 1);
    m.p[m.n - 7] = 8;
    put16(&m, 0xc000u | (unsigned)m.n);
    assert_int_equal(parse(v, 4, &ttl_s, &m), JOIST_E_PROTO);
}

static void
test_cut_anywhere(void **state)
{
    struct jst_srv v[4];
    struct message m;
    uint32_t ttl_s;

    (void)state;
    begin(&m, 2);
    SRV(&m, 20, 1, "\1b\4test", 300);
    SRV(&m, 10, 2, "\1a\4test", 60);
    for (size_t n = m.n; n-- > 0;) {
        m.n = n;
        assert_int_equal(parse(v, 4, &ttl_s, &m), JOIST_E_PROTO);
    }
}

static void
test_order_of_addresses(void **state)
{
    static const char *const texts[] = {"10.0.0.1", "10.0.0.2", "::1", "10.0.0.3", "::2"};
    static const char wanted[] = "10.0.0.1 ::1 10.0.0.2 ::2 10.0.0.3 ";
    struct jst_found f = {0};
    struct jst_addr v[JST_COUNT(texts)];
    char order[128], one[JST_ADDR_TEXT_BYTES];
    struct jst_str s = jst_str(order, sizeof(order) - 1);

    (void)state;
    for (size_t i = 0; i < JST_COUNT(texts); i++) {
        assert_int_equal(jst_addr_literal(&v[i], jst_slice_z(texts[i]), 80), 0);
    }
    jst_found_interleave(v, JST_COUNT(v));
    for (size_t i = 0; i < JST_COUNT(v); i++) {
        jst_addr_print_ip(one, &v[i]);
        jst_str_fmt(&s, "%s ", one);
        assert_true(jst_found_add(&f, &v[i], (struct jst_addr_rank){(uint16_t)(9 - i / 2), 1}));
        assert_false(jst_found_add(&f, &v[i], (struct jst_addr_rank){0, 0})); /* it is there */
    }
    assert_true(jst_slice_eq(jst_str_slice(&s), jst_slice_z(wanted)));
    jst_found_sort(&f);
    jst_addr_print_ip(one, &f.v[0]);
    assert_string_equal(one, "10.0.0.3");
    jst_addr_print_ip(one, &f.v[1]); /* else the order stays */
    assert_string_equal(one, "10.0.0.2");
}

static void
test_servers(void **state)
{
    static const char *const good[] = {"127.0.0.1", "127.0.0.1:53", "::1", "[::1]:5353"};
    static const char *const bad[] = {"", ":53", "dns.test", "unix:/x", "127.0.0.1:0", "1.2.3.4:x"};

    (void)state;
    for (size_t i = 0; i < JST_COUNT(good); i++) {
        assert_true(jst_names_is_server(jst_slice_z(good[i])));
    }
    for (size_t i = 0; i < JST_COUNT(bad); i++) {
        assert_false(jst_names_is_server(jst_slice_z(bad[i])));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_no_records),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_order_of_addresses),
        cmocka_unit_test(test_servers),
    };

    return cmocka_run_group_tests_name("upstream/resolve_srv", tests, NULL, NULL);
}
