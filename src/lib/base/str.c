// SPDX-License-Identifier: MIT
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>

size_t
jst_fmt(char *out, size_t cap, const char *fmt, ...)
{
    va_list ap;
    int n;

    if (cap == 0) {
        return 0;
    }
    va_start(ap, fmt);
    n = vsnprintf(out, cap, fmt, ap);
    va_end(ap);
    if (n < 0) {
        out[0] = '\0';
        return 0;
    }
    return JST_MIN((size_t)n, cap - 1);
}

int
jst_fail(struct joist_err *err, int code, const char *fmt, ...)
{
    va_list ap;

    if (err != NULL) {
        *err = (struct joist_err){.code = code};
        va_start(ap, fmt);
        (void)vsnprintf(err->message, sizeof(err->message), fmt, ap);
        va_end(ap);
    }
    return code;
}

void
jst_str_add_u64(struct jst_str *s, uint64_t v)
{
    char text[20];
    size_t i = sizeof(text);

    do {
        text[--i] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    jst_str_add(s, jst_slice(text + i, sizeof(text) - i));
}

void
jst_str_add_hex(struct jst_str *s, uint64_t v)
{
    char text[16];
    size_t i = sizeof(text);

    do {
        text[--i] = "0123456789abcdef"[v & 15];
        v >>= 4;
    } while (v > 0);
    jst_str_add(s, jst_slice(text + i, sizeof(text) - i));
}

void
jst_str_add_base64(struct jst_str *s, struct jst_slice bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = (const unsigned char *)bytes.p;

    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t n = JST_MIN(bytes.n - i, 3u);
        uint32_t v = (uint32_t)p[i] << 16 | (n > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
                     (n > 2 ? (uint32_t)p[i + 2] : 0);

        jst_str_add_char(s, digits[v >> 18]);
        jst_str_add_char(s, digits[v >> 12 & 63]);
        jst_str_add_char(s, n > 1 ? digits[v >> 6 & 63] : '=');
        jst_str_add_char(s, n > 2 ? digits[v & 63] : '=');
    }
}

void
jst_str_fmt(struct jst_str *s, const char *fmt, ...)
{
    va_list ap;
    int n;

    if (s->full) {
        return;
    }
    va_start(ap, fmt);
    n = vsnprintf(s->p + s->n, s->cap - s->n, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= s->cap - s->n) {
        s->full = true;
        return;
    }
    s->n += (size_t)n;
}
