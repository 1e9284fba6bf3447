// SPDX-License-Identifier: MIT
/* Addresses in text, against the system's own reading of them. */
#include "codec/ip_text.h"

#include "support.h"

#include <arpa/inet.h>

static const char *const texts[] = {
    "0.0.0.0",
    "255.255.255.255",
    "1.2.3.4",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.256",
    "01.2.3.4",
    "1.2.3.4.",
    ".1.2.3.4",
    "1..2.3",
    "",
    ".",
    "1.2.3.+4",
    "1.2.3. 4",
    "1.2.3.00",
    "1.2.3.0",
    "1.2.3.1000",
    "::",
    "::1",
    "1::",
    "1::2",
    "1:2:3:4:5:6:7:8",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7::",
    "::2:3:4:5:6:7:8",
    "1::3:4:5:6:7:8",
    "1:2:3:4::5:6:7:8",
    "ABCD:ef01::",
    "12345::",
    "g::",
    ":::",
    "::::",
    "1:::2",
    "1::2::3",
    ":1",
    "1:",
    ":",
    "1:2:3:4:5:6:7:",
    ":2:3:4:5:6:7:8",
    "::1.2.3.4",
    "::ffff:1.2.3.4",
    "1:2:3:4:5:6:1.2.3.4",
    "1:2:3:4:5:6:7:1.2.3.4",
    "1:2:3:4:5:1.2.3.4",
    "::1.2.3",
    "::1.2.3.4:5",
    "1.2.3.4::",
    "::%lo",
    "[::1]",
    "::1 ",
    " ::1",
    "::1.2.3.04",
    "1:2:3:4:5:6::1.2.3.4",
    "1:2:3:4:5::1.2.3.4",
    "0:0:0:0:0:0:0:0",
    "::00001",
};

static void
test_as_the_system_reads(void **state)
{
    (void)state;
    for (size_t i = 0; i < JST_COUNT(texts); i++) {
        struct jst_slice text = jst_slice_z(texts[i]);
        char *copy = exact_copy(text);
        uint8_t want[16] = {0};
        uint8_t got[16] = {0};
        bool good4 = inet_pton(AF_INET, texts[i], want) == 1;

        text.p = copy;
        if (jst_ip4_read(got, text) != good4 || (good4 && memcmp(want, got, 4) != 0)) {
            fail_msg("%s as IPv4", texts[i]);
        }
        if (inet_pton(AF_INET6, texts[i], want) == 1) {
            if (!jst_ip6_read(got, text) || memcmp(want, got, 16) != 0) {
                fail_msg("%s as IPv6", texts[i]);
            }
        } else if (jst_ip6_read(got, text)) {
            fail_msg("%s is no IPv6", texts[i]);
        }
        free(copy);
    }
}

/* Short texts of the letters that matter: all of them. */
static void
test_all_short_ones(void **state)
{
    static const char letters[] = "0:.1f";
    char text[7];

    (void)state;
    for (unsigned n = 0; n < 5 * 5 * 5 * 5 * 5 * 5; n++) {
        uint8_t want[16];
        uint8_t got[16];
        unsigned rest = n;

        for (unsigned i = 0; i < 6; i++, rest /= 5) {
            text[i] = letters[rest % 5];
        }
        text[6] = '\0';
        for (size_t from = 0; from < 6; from++) {
            bool good = inet_pton(AF_INET6, text + from, want) == 1;

            if (jst_ip6_read(got, jst_slice_z(text + from)) != good ||
                (good && memcmp(want, got, 16) != 0)) {
                fail_msg("%s", text + from);
            }
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_the_system_reads),
        cmocka_unit_test(test_all_short_ones),
    };

    return cmocka_run_group_tests_name("codec/ip_text", tests, NULL, NULL);
}
