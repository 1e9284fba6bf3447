// SPDX-License-Identifier: MIT
#pragma once
/*
 * Byte classes, and finding the first byte of a class 16 at a time.
 *
 * Job:     the two inner loops of every parser here: "is each byte of this kind?" by table, and
 *          "where does this run end?" by vector compare.
 * Not:     grammar; see token.c and h1_*.c.
 * Threads: pure, any.
 * Why:     SSE2 is part of every x86-64; elsewhere the table does the same work a byte at a time.
 */
#include "base/base.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum jst_byte_class {
    JST_BYTE_TOKEN = 1,   /* RFC 9110 5.6.2: tchar */
    JST_BYTE_TEXT = 2,    /* RFC 9110 5.5: what a field value may hold: HTAB, SP, VCHAR, obs-text */
    JST_BYTE_VISIBLE = 4, /* VCHAR: 0x21 to 0x7e */
    JST_BYTE_HOST = 8,    /* RFC 3986 3.2.2: reg-name less its percent sign */
    JST_BYTE_PATH = 16,   /* RFC 3986 3.3: pchar less its percent sign, and '/' */
    JST_BYTE_HEX = 32,
};

extern const uint8_t jst_byte_classes[256];

static inline bool
jst_byte_is(char c, unsigned classes)
{
    return (jst_byte_classes[(unsigned char)c] & classes) != 0;
}

static inline bool
jst_all_bytes_are(struct jst_slice s, unsigned classes)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!jst_byte_is(s.p[i], classes)) {
            return false;
        }
    }
    return true;
}

/** 0 to 15, or -1. */
static inline int
jst_hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What a run ends at. */
enum jst_scan {
    JST_SCAN_TEXT,  /* a byte that is not JST_BYTE_TEXT */
    JST_SCAN_PATH,  /* not JST_BYTE_VISIBLE, or '?' or '#' */
    JST_SCAN_QUERY, /* not JST_BYTE_VISIBLE, or '#' */
    JST_SCAN_COLON, /* ':' */
};

static inline bool
jst_scan_stops(char c, enum jst_scan what)
{
    switch (what) {
    case JST_SCAN_TEXT:
        return !jst_byte_is(c, JST_BYTE_TEXT);
    case JST_SCAN_PATH:
        return !jst_byte_is(c, JST_BYTE_VISIBLE) || c == '?' || c == '#';
    case JST_SCAN_QUERY:
        return !jst_byte_is(c, JST_BYTE_VISIBLE) || c == '#';
    case JST_SCAN_COLON:
        return c == ':';
    }
    return true;
}

#ifdef __SSE2__
/* One bit for each of the 16 bytes that stops. */
static inline __attribute__((always_inline)) unsigned
jst_scan_mask(const char *p, enum jst_scan what)
{
    const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i stop;

    if (what == JST_SCAN_COLON) {
        stop = _mm_cmpeq_epi8(v, _mm_set1_epi8(':'));
    } else if (what == JST_SCAN_TEXT) {
        stop = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
        stop = _mm_andnot_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\t')), stop);
        stop = _mm_or_si128(stop, _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f)));
    } else {
        /* Signed: 0x80 and above are negative, so below 0x21. */
        stop = _mm_cmplt_epi8(v, _mm_set1_epi8(0x21));
        stop = _mm_or_si128(stop, _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f)));
        stop = _mm_or_si128(stop, _mm_cmpeq_epi8(v, _mm_set1_epi8('#')));
        if (what == JST_SCAN_PATH) {
            stop = _mm_or_si128(stop, _mm_cmpeq_epi8(v, _mm_set1_epi8('?')));
        }
    }
    return (unsigned)_mm_movemask_epi8(stop);
}
#endif

/** First byte in [p, end) that stops the run, or `end`. Reads nothing outside [begin, end); `begin`
 *  (<= p) is there so that the last bytes can be looked at as part of the 16 that end at `end`. */
static inline __attribute__((always_inline)) const char *
jst_scan(const char *begin, const char *p, const char *end, enum jst_scan what)
{
#ifdef __SSE2__
    unsigned stops;

    for (; end - p >= 16; p += 16) {
        stops = jst_scan_mask(p, what);
        if (stops != 0) {
            return p + __builtin_ctz(stops);
        }
    }
    if (p < end && end - begin >= 16) {
        stops = jst_scan_mask(end - 16, what) >> (16 - (end - p));
        return stops != 0 ? p + __builtin_ctz(stops) : end;
    }
#else
    (void)begin;
#endif
    while (p < end && !jst_scan_stops(*p, what)) {
        p++;
    }
    return p;
}
