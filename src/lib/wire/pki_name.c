// SPDX-License-Identifier: MIT
#include "wire/pki_name.h"

#include <stddef.h>
#include <string.h>

/* RFC 1035 2.3.4, as text */
#define HOST_MAX  253
#define LABEL_MAX 63

static bool
is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool
jst_pki_is_host_name(const char *name, bool underscore)
{
    size_t n = strlen(name), label = 0;

    if (n == 0 || n > HOST_MAX) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        char c = name[i];
        bool edge = label == 0 || i + 1 == n || name[i + 1] == '.';
        bool fine = is_alnum(c) || (underscore && c == '_') || (c == '-' && !edge);

        if (c == '.' ? label == 0 || i + 1 == n : !fine) {
            return false;
        }
        label = c == '.' ? 0 : label + 1;
        if (label > LABEL_MAX) {
            return false;
        }
    }
    return true;
}
