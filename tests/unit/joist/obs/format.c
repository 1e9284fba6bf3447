// SPDX-License-Identifier: MIT
/* The lines of the access log and of events, with the bytes that clients may send. */
#include "obs/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* 2026-11-20 13:00:00.123456 UTC */
#define TIME_US INT64_C(1795179600123456)

#define TEXT(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

typedef void print_f(struct jst_str *line, const struct joist_access *a, struct jst_stamp *stamp);

static const char *
print(print_f *f, const struct joist_access *a)
{
    static char memory[4096];
    struct jst_str line = jst_str(memory, sizeof(memory) - 1);
    struct jst_stamp stamp = {0};

    f(&line, a, &stamp);
    assert_false(line.full);
    memory[line.n] = '\0';
    return memory;
}

static struct joist_access
make_access(void)
{
    return (struct joist_access){
        .time_us = TIME_US,
        .duration_ns = 1500000,
        .upstream_ns = 1000000,
        .request_bytes = 5,
        .response_bytes = 12,
        .status = 200,
        .client_port = 40000,
        .remote_port = 40001,
        .port = 8080,
        .method = TEXT("GET"),
        .host = TEXT("example.com"),
        .path = TEXT("/x"),
        .query = TEXT("y=1"),
        .proto = TEXT("HTTP/1.1"),
        .scheme = TEXT("http"),
        .request_id = TEXT("id-1"),
        .user_agent = TEXT("curl/8"),
        .referer = TEXT("http://r/"),
        .request_type = TEXT("text/a"),
        .response_type = TEXT("text/b"),
        .client_addr = TEXT("203.0.113.7"),
        .remote_addr = TEXT("127.0.0.1"),
        .service = TEXT("front"),
        .target = TEXT("127.0.0.1:3000"),
    };
}

static void
test_combined(void **state)
{
    struct joist_access a = make_access();

    (void)state;
    assert_string_equal(print(jst_access_combined, &a),
                        "203.0.113.7 - - [20/Nov/2026:13:00:00 +0000] \"GET /x?y=1 HTTP/1.1\" "
                        "200 12 \"http://r/\" \"curl/8\"\n");
    a = (struct joist_access){.time_us = TIME_US, .status = 400};
    assert_string_equal(print(jst_access_combined, &a),
                        "- - - [20/Nov/2026:13:00:00 +0000] \"-\" 400 0 \"-\" \"-\"\n");
}

static void
test_combined_escapes(void **state)
{
    struct joist_access a = make_access();

    (void)state;
    a.user_agent = (struct joist_text)TEXT("a\"b\\c\n\x7f\xff\033[31m");
    a.query = (struct joist_text)TEXT("");
    assert_string_equal(print(jst_access_combined, &a),
                        "203.0.113.7 - - [20/Nov/2026:13:00:00 +0000] \"GET /x? HTTP/1.1\" "
                        "200 12 \"http://r/\" \"a\\\"b\\\\c\\x0a\\x7f\\xff\\x1b[31m\"\n");
}

static void
test_json(void **state)
{
    struct joist_access a = make_access();

    (void)state;
    assert_string_equal(
        print(jst_access_json, &a),
        "{\"time\":\"2026-11-20T13:00:00.123456Z\",\"host\":\"example.com\",\"port\":8080,"
        "\"path\":\"/x\",\"request_id\":\"id-1\",\"status\":200,\"service\":\"front\","
        "\"target\":\"127.0.0.1:3000\",\"duration\":1500000,\"upstream_duration\":1000000,"
        "\"method\":\"GET\",\"req_content_length\":5,\"req_content_type\":\"text/a\","
        "\"resp_content_length\":12,\"resp_content_type\":\"text/b\","
        "\"client_addr\":\"203.0.113.7\",\"client_port\":40000,\"remote_addr\":\"127.0.0.1\","
        "\"remote_port\":40001,\"user_agent\":\"curl/8\",\"referer\":\"http://r/\","
        "\"proto\":\"HTTP/1.1\",\"scheme\":\"http\",\"query\":\"y=1\"}\n");
    a.aborted = true;
    a.why = JOIST_E_TIMEOUT;
    a.user_agent = (struct joist_text)TEXT("\"\\\r\n\0\xff\xc3\xa9");
    assert_non_null(
        strstr(print(jst_access_json, &a), ",\"aborted\":true,\"error\":\"TIMEOUT\"}\n"));
    assert_non_null(strstr(print(jst_access_json, &a),
                           "\"user_agent\":\"\\\"\\\\\\u000d\\u000a\\u0000\\ufffd\xc3\xa9\""));
}

/* What TLS agreed on stands there with TLS alone. */
static void
test_json_tls(void **state)
{
    struct joist_access a = make_access();

    (void)state;
    a.tls_version = (struct joist_text)TEXT("TLSv1.3");
    assert_null(strstr(print(jst_access_json, &a), "tls_"));
    assert_null(strstr(print(jst_access_json, &a), "early_data"));
    a.tls = true;
    a.proto = (struct joist_text)TEXT("HTTP/2.0");
    a.scheme = (struct joist_text)TEXT("https");
    a.tls_cipher = (struct joist_text)TEXT("TLS_AES_128_GCM_SHA256");
    a.tls_group = (struct joist_text)TEXT("X25519MLKEM768");
    a.tls_sni = (struct joist_text)TEXT("example.com");
    a.client_subject = (struct joist_text)TEXT("CN=a\\,b,O=\"x\"");
    a.tls_ech = true;
    assert_non_null(strstr(print(jst_access_json, &a),
                           "\"proto\":\"HTTP/2.0\",\"scheme\":\"https\",\"query\":\"y=1\","
                           "\"tls_version\":\"TLSv1.3\",\"tls_cipher\":\"TLS_AES_128_GCM_SHA256\","
                           "\"tls_group\":\"X25519MLKEM768\",\"tls_sni\":\"example.com\","
                           "\"tls_resumed\":false,\"tls_ech\":true,\"early_data\":false,"
                           "\"client_subject\":\"CN=a\\\\,b,O=\\\"x\\\"\"}\n"));
    a.tls_resumed = a.early_data = true;
    assert_non_null(strstr(print(jst_access_json, &a), "\"tls_resumed\":true,"));
    assert_non_null(strstr(print(jst_access_json, &a), "\"early_data\":true,"));
    assert_non_null(strstr(print(jst_access_combined, &a), "\"GET /x?y=1 HTTP/2.0\" 200 12 "
                                                           "\"http://r/\" \"curl/8\"\n"));
}

static void
test_seconds_change(void **state)
{
    char memory[512];
    struct jst_str line = jst_str(memory, sizeof(memory) - 1);
    struct jst_stamp stamp = {0};
    struct joist_log_event e = {.time_us = TIME_US, .level = JOIST_LOG_WARN, .name = "A"};

    (void)state;
    jst_event_line(&line, &e, &stamp);
    e.time_us += 999999;
    e.level = JOIST_LOG_ERROR;
    e.name = "B";
    e.text = (struct joist_text)TEXT("k=v x=\"a\nb\033\"");
    jst_event_line(&line, &e, &stamp);
    e.time_us = -1;
    e.level = JOIST_LOG_DEBUG;
    e.text.n = 0;
    jst_event_line(&line, &e, &stamp);
    memory[line.n] = '\0';
    assert_string_equal(memory, "2026-11-20T13:00:00.123Z warn A\n"
                                "2026-11-20T13:00:01.123Z error B k=v x=\"a\\x0ab\\x1b\"\n"
                                "1969-12-31T23:59:59.999Z debug B\n");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_combined),       cmocka_unit_test(test_combined_escapes),
        cmocka_unit_test(test_json),           cmocka_unit_test(test_json_tls),
        cmocka_unit_test(test_seconds_change),
    };

    return cmocka_run_group_tests_name("obs/format", tests, NULL, NULL);
}
