// SPDX-License-Identifier: MIT
#include "conf/json.h"

/* Length of the well-formed UTF-8 sequence at the start of `s` (RFC 3629 section 4), or 0. */
static size_t
utf8_length(struct jst_slice s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    unsigned char low = 0x80, high = 0xbf;
    size_t n;

    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        n = 2;
    } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
        n = 3;
        low = p[0] == 0xe0 ? 0xa0 : 0x80;  /* no overlong form */
        high = p[0] == 0xed ? 0x9f : 0xbf; /* no surrogate */
    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        n = 4;
        low = p[0] == 0xf0 ? 0x90 : 0x80;
        high = p[0] == 0xf4 ? 0x8f : 0xbf; /* not above U+10FFFF */
    } else {
        return 0;
    }
    if (s.n < n || p[1] < low || p[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return n;
}

static size_t
plain_length(struct jst_slice s)
{
    size_t n = 0;

    while (n < s.n && (unsigned char)s.p[n] >= 0x20 && (unsigned char)s.p[n] < 0x7f &&
           s.p[n] != '"' && s.p[n] != '\\') {
        n++;
    }
    return n;
}

/* One piece of the escaped text: `*piece` is what to write, the result what was read. `memory` has
 * room for an escape. */
static size_t
next_piece(struct jst_slice *piece, char memory[8], struct jst_slice s)
{
    size_t n = plain_length(s);
    unsigned char c;

    if (n == 0 && (unsigned char)s.p[0] >= 0x80) {
        n = utf8_length(s);
        if (n == 2 && (unsigned char)s.p[0] == 0xc2 && (unsigned char)s.p[1] < 0xa0) {
            /* U+0080 to U+009F: to a terminal on which the log is read, some are commands. */
            *piece = jst_slice(memory, jst_fmt(memory, 8, "\\u%04x", (unsigned char)s.p[1]));
            return 2;
        }
    }
    if (n > 0) {
        *piece = jst_slice(s.p, n);
        return n;
    }
    c = (unsigned char)s.p[0];
    if (c == '"' || c == '\\') {
        memory[0] = '\\';
        memory[1] = (char)c;
        *piece = jst_slice(memory, 2);
    } else {
        n = jst_fmt(memory, 8, "\\u%04x", c >= 0x80 ? 0xfffdu : (unsigned)c);
        *piece = jst_slice(memory, n);
    }
    return 1;
}

void
jst_json_add(struct jst_str *s, struct jst_slice text)
{
    struct jst_slice piece;
    char memory[8];

    jst_str_add_char(s, '"');
    while (text.n > 0) {
        size_t n = next_piece(&piece, memory, text);

        jst_str_add(s, piece);
        text = jst_slice(text.p + n, text.n - n);
    }
    jst_str_add_char(s, '"');
}

void
jst_json_print(FILE *out, struct jst_slice text)
{
    struct jst_slice piece;
    char memory[8];

    (void)fputc('"', out);
    while (text.n > 0) {
        size_t n = next_piece(&piece, memory, text);

        (void)fwrite(piece.p, 1, piece.n, out);
        text = jst_slice(text.p + n, text.n - n);
    }
    (void)fputc('"', out);
}
