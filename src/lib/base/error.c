// SPDX-License-Identifier: MIT
#include <joist/error.h>

const char *
joist_error_name(int code)
{
    switch (code) {
#define X(name, text)                                                                              \
    case JOIST_E_##name:                                                                           \
        return #name;
        JOIST_ERR_MAP(X)
#undef X
    case JOIST_OK:
        return "OK";
    default:
        return "UNKNOWN";
    }
}

const char *
joist_error_text(int code)
{
    switch (code) {
#define X(name, text)                                                                              \
    case JOIST_E_##name:                                                                           \
        return text;
        JOIST_ERR_MAP(X)
#undef X
    case JOIST_OK:
        return "done";
    default:
        return "unknown error";
    }
}
