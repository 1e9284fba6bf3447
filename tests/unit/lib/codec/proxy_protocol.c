// SPDX-License-Identifier: MIT
/* Headers of both versions, at every cut, and all that is none. */
#include "codec/proxy_protocol.h"

#include "support.h"

#define BOTH (JST_PROXY_V1 | JST_PROXY_V2)
#define SIG  "\r\n\r\n\0\r\nQUIT\n"

/* A literal with its NULs. */
#define BYTES(text)                                                                                \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

static const struct {
    struct jst_slice bytes;
    enum jst_proxy_family family;
    const char *printed; /* by version 1 */
} good[] = {
    {BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 40000 443\r\n"), JST_PROXY_TCP4,
     "PROXY TCP4 192.0.2.1 198.51.100.2 40000 443\r\n"},
    {BYTES("PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n"), JST_PROXY_TCP4,
     "PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n"},
    {BYTES("PROXY TCP6 2001:db8::1 ::1 1 2\r\n"), JST_PROXY_TCP6,
     "PROXY TCP6 2001:db8:0:0:0:0:0:1 0:0:0:0:0:0:0:1 1 2\r\n"},
    {BYTES("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
     JST_PROXY_TCP6,
     "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"},
    {BYTES("PROXY UNKNOWN\r\n"), JST_PROXY_NONE, "PROXY UNKNOWN\r\n"},
    {BYTES("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"), /* 107 bytes */
     JST_PROXY_NONE, "PROXY UNKNOWN\r\n"},
    {BYTES(SIG "\x21\x11\0\x0c"
               "\xc0\0\x02\x01\xc6\x33\x64\x02\x9c\x40\x01\xbb"),
     JST_PROXY_TCP4, "PROXY TCP4 192.0.2.1 198.51.100.2 40000 443\r\n"},
    {BYTES(SIG "\x21\x21\0\x24"
               "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
               "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\x01\0\x02"),
     JST_PROXY_TCP6, "PROXY TCP6 2001:db8:0:0:0:0:0:1 0:0:0:0:0:0:0:1 1 2\r\n"},
    /* a name and padding are skipped */
    {BYTES(SIG "\x21\x11\0\x19"
               "\xc0\0\x02\x01\xc6\x33\x64\x02\x9c\x40\x01\xbb"
               "\x02\0\x04name\x04\0\x03\0\0\0"),
     JST_PROXY_TCP4, "PROXY TCP4 192.0.2.1 198.51.100.2 40000 443\r\n"},
    /* the proxy itself: nothing of it is looked at */
    {BYTES(SIG "\x20\0\0\0"), JST_PROXY_NONE, "PROXY UNKNOWN\r\n"},
    {BYTES(SIG "\x20\x11\0\x03"
               "abc"),
     JST_PROXY_NONE, "PROXY UNKNOWN\r\n"},
    {BYTES(SIG "\x20\xff\0\x01"
               "a"),
     JST_PROXY_NONE, "PROXY UNKNOWN\r\n"},
    {BYTES(SIG "\x21\0\0\0"), JST_PROXY_NONE, "PROXY UNKNOWN\r\n"},
    {BYTES(SIG "\x21\0\0\x04"
               "\x04\0\x01\0"),
     JST_PROXY_NONE, "PROXY UNKNOWN\r\n"},
};

static const struct {
    struct jst_slice bytes;
    int code;
} bad[] = {
    {BYTES("GET / HTTP/1.1\r\n"), JOIST_E_PROTO},
    {BYTES("\x16\x03\x01"), JOIST_E_PROTO},
    {BYTES("PRI * HTTP/2.0\r\n"), JOIST_E_PROTO},
    {BYTES("proxy TCP4"), JOIST_E_PROTO},
    {BYTES("PROXY\r\n"), JOIST_E_PROTO},
    {BYTES("PROXY  UNKNOWN\r\n"), JOIST_E_PROTO},
    {BYTES("PROXY UNKNOWN\n"), JOIST_E_PROTO},
    {BYTES("PROXY UNKNOWN\r\r"), JOIST_E_PROTO},
    {BYTES("PROXY UNKNOWN \0\r\n"), JOIST_E_PROTO},
    {BYTES("PROXY UNKNOWNS\r\n"), JOIST_E_PROTO},
    {BYTES("PROXY TCP4\r\n"), JOIST_E_PROTO},
    {BYTES("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n"), JOIST_E_PROTO},
    {BYTES("PROXY TCP4 1.2.3.4 1.2.3.4 1 \r\n"), JOIST_E_PROTO},
    {BYTES("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n"), JOIST_E_PROTO},
    {BYTES("PROXY TCP4 1.2.3.4 1.2.3.4  1 2\r\n"), JOIST_E_PROTO},
    {BYTES("PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n"), JOIST_E_PROTO},
    {BYTES("PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n"), JOIST_E_PROTO},
    {BYTES("PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n"), JOIST_E_PROTO},
    {BYTES("PROXY TCP4 1.2.3.256 1.2.3.4 1 2\r\n"), JOIST_E_PROTO},
    {BYTES("PROXY TCP4 1.2.3.04 1.2.3.4 1 2\r\n"), JOIST_E_PROTO},
    {BYTES("PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n"), JOIST_E_PROTO},
    {BYTES("PROXY TCP4 ::1 ::1 1 2\r\n"), JOIST_E_PROTO},
    {BYTES("PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n"), JOIST_E_PROTO},
    {BYTES("PROXY TCP6 [::1] [::1] 1 2\r\n"), JOIST_E_PROTO},
    {BYTES("PROXY TCP6 ::1%lo ::1 1 2\r\n"), JOIST_E_PROTO},
    {BYTES("PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n"), JOIST_E_PROTO},
    {BYTES("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535 \r\n"),
     JOIST_E_LIMIT},
    {BYTES(SIG "\x11\x11\0\x0c"), JOIST_E_PROTO}, /* version 1 in version 2's clothes */
    {BYTES(SIG "\x22\x11\0\x0c"), JOIST_E_PROTO}, /* no such command */
    {BYTES(SIG "\x21\x12\0\x0c"), JOIST_E_PROTO}, /* a datagram */
    {BYTES(SIG "\x21\x41\0\x0c"), JOIST_E_PROTO}, /* no such family */
    {BYTES(SIG "\x21\x11\0\x0b"), JOIST_E_PROTO}, /* too short for its family */
    {BYTES(SIG "\x21\x21\0\x23"), JOIST_E_PROTO},
    {BYTES(SIG "\x21\x31\0\xd7"), JOIST_E_PROTO},
    {BYTES(SIG "\x21\x11\x0f\xf1"), JOIST_E_LIMIT}, /* 4097 */
    {BYTES(SIG "\x20\0\xff\xff"), JOIST_E_LIMIT},
    {BYTES(SIG "\x21\0\0\x02"
               "\x04\0"),
     JOIST_E_PROTO}, /* half an extension */
    {BYTES(SIG "\x21\0\0\x04"
               "\x04\0\x02\0"),
     JOIST_E_PROTO}, /* one that is longer than the header */
    {BYTES(SIG "\x21\0\0\x05"
               "\x03\0\x02\0\0"),
     JOIST_E_PROTO}, /* a checksum of two bytes */
    {BYTES(SIG "\x21\0\0\x07"
               "\x03\0\x04\0\0\0\0"),
     JOIST_E_PROTO}, /* a wrong one */
};

/* `in` with `more` bytes behind it, in memory of exactly that size. */
static int
parse(struct jst_proxy_header *h, struct jst_slice in, size_t more, unsigned versions)
{
    char *bytes = malloc(in.n + more + 1);
    char *exact;
    int rc;

    assert_non_null(bytes);
    memcpy(bytes, in.p, in.n);
    memset(bytes + in.n, 'x', more);
    exact = exact_copy(jst_slice(bytes, in.n + more));
    rc = jst_proxy_parse(h, jst_slice(exact, in.n + more), versions);
    free(exact);
    free(bytes);
    return rc;
}

static void
test_good(void **state)
{
    struct jst_proxy_header h;
    char out[JST_PROXY_PRINT_BYTES_MAX];

    (void)state;
    for (size_t i = 0; i < JST_COUNT(good); i++) {
        for (size_t cut = 0; cut < good[i].bytes.n; cut++) {
            int rc = parse(&h, jst_slice(good[i].bytes.p, cut), 0, BOTH);

            if (rc != JOIST_E_AGAIN) {
                fail_msg("header %zu cut at %zu: %d", i, cut, rc);
            }
        }
        for (size_t more = 0; more < 300; more += 33) {
            if (parse(&h, good[i].bytes, more, BOTH) != (int)good[i].bytes.n) {
                fail_msg("header %zu with %zu behind it", i, more);
            }
        }
        assert_int_equal(h.family, good[i].family);
        check_slice("printed", jst_slice(out, jst_proxy_print(out, &h, JST_PROXY_V1)),
                    good[i].printed);
    }
}

/* What is wrong is so at some cut, and stays so whatever follows. */
static void
test_bad(void **state)
{
    struct jst_proxy_header h;

    (void)state;
    for (size_t i = 0; i < JST_COUNT(bad); i++) {
        bool found = false;

        for (size_t cut = 0; cut <= bad[i].bytes.n; cut++) {
            int rc = parse(&h, jst_slice(bad[i].bytes.p, cut), 0, BOTH);

            if (rc != (found ? bad[i].code : JOIST_E_AGAIN) && rc != bad[i].code) {
                fail_msg("header %zu cut at %zu: %d", i, cut, rc);
            }
            found = rc == bad[i].code;
        }
        if (!found || parse(&h, bad[i].bytes, 200, BOTH) != bad[i].code) {
            fail_msg("header %zu was taken", i);
        }
    }
}

static void
test_versions(void **state)
{
    struct jst_slice v1 = good[0].bytes;
    struct jst_slice v2 = good[6].bytes;
    struct jst_proxy_header h;

    (void)state;
    assert_int_equal(parse(&h, v1, 0, JST_PROXY_V1), (int)v1.n);
    assert_int_equal(parse(&h, v1, 0, JST_PROXY_V2), JOIST_E_PROTO);
    assert_int_equal(parse(&h, v2, 0, JST_PROXY_V2), (int)v2.n);
    assert_int_equal(parse(&h, v2, 0, JST_PROXY_V1), JOIST_E_PROTO);
    assert_int_equal(parse(&h, jst_slice(v2.p, 1), 0, JST_PROXY_V1), JOIST_E_PROTO);
}

static void
test_unix(void **state)
{
    char bytes[16 + 216] = SIG "\x21\x31\0\xd8/run/a.sock";
    struct jst_proxy_header h;
    char out[JST_PROXY_PRINT_BYTES_MAX];

    (void)state;
    assert_int_equal(parse(&h, jst_slice(bytes, sizeof(bytes)), 5, BOTH), (int)sizeof(bytes));
    assert_int_equal(h.family, JST_PROXY_UNIX);
    assert_int_equal(jst_proxy_print(out, &h, JST_PROXY_V2), 16);
    assert_int_equal(out[12], 0x20);
}

/* As slowly and plainly as it can be written. */
static uint32_t
plain_crc32c(const uint8_t *p, size_t n)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < n; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            bool odd = ((crc ^ p[i] >> bit) & 1) != 0;

            crc = crc >> 1 ^ (odd ? 0x82f63b78u : 0);
        }
    }
    return ~crc;
}

static void
test_checksum(void **state)
{
    uint8_t bytes[16 + 12 + 7 + 4] = SIG "\x21\x11\0\x17"
                                         "\xc0\0\x02\x01\xc6\x33\x64\x02\x9c\x40\x01\xbb"
                                         "\x03\0\x04\0\0\0\0\x04\0\x01";
    const size_t at = 16 + 12 + 3;
    struct jst_slice in = {(const char *)bytes, sizeof(bytes)};
    struct jst_proxy_header h;
    uint32_t crc = plain_crc32c(bytes, sizeof(bytes));

    (void)state;
    assert_int_equal(plain_crc32c((const uint8_t *)"123456789", 9), 0xe3069283); /* the known one */
    for (unsigned i = 0; i < 4; i++) {
        bytes[at + i] = (uint8_t)(crc >> (24 - 8 * i));
    }
    assert_int_equal(parse(&h, in, 3, BOTH), (int)sizeof(bytes));
    for (size_t i = 16; i < sizeof(bytes); i++) {
        if (i >= at - 2 && i < at) {
            continue; /* the checksum's own length: malformed in another way */
        }
        bytes[i] ^= 0x10;
        if (i == at - 3 || i == at + 4) {
            bytes[i] ^= 0x10; /* types: another extension is no checksum */
        } else {
            assert_int_equal(parse(&h, in, 0, BOTH), JOIST_E_PROTO);
            bytes[i] ^= 0x10;
        }
    }
    assert_int_equal(parse(&h, in, 0, BOTH), (int)sizeof(bytes));
}

static void
test_longest(void **state)
{
    static char bytes[JST_PROXY_V2_BYTES_MAX] = SIG "\x21\0\x0f\xf0\x04\x0f\xed";
    struct jst_proxy_header h;

    (void)state;
    assert_int_equal(parse(&h, jst_slice(bytes, sizeof(bytes) - 1), 0, BOTH), JOIST_E_AGAIN);
    assert_int_equal(parse(&h, jst_slice(bytes, sizeof(bytes)), 0, BOTH), (int)sizeof(bytes));
}

static void
test_print_reads_back(void **state)
{
    struct jst_proxy_header h = {.family = JST_PROXY_TCP6, .source_port = 65535, .target_port = 8};
    struct jst_proxy_header back;
    char out[JST_PROXY_PRINT_BYTES_MAX];

    (void)state;
    for (unsigned i = 0; i < 16; i++) {
        h.source[i] = (uint8_t)(0xf0 + i);
        h.target[i] = (uint8_t)(0xff - i);
    }
    for (unsigned version = JST_PROXY_V1; version <= JST_PROXY_V2; version++) {
        size_t n = jst_proxy_print(out, &h, version);

        assert_int_equal(parse(&back, jst_slice(out, n), 1, version), (int)n);
        assert_memory_equal(&back, &h, sizeof(h));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_unix),
        cmocka_unit_test(test_checksum),
        cmocka_unit_test(test_longest),
        cmocka_unit_test(test_print_reads_back),
    };

    return cmocka_run_group_tests_name("codec/proxy_protocol", tests, NULL, NULL);
}
