// SPDX-License-Identifier: MIT
/* The page of a folder: one HTML file without scripts, and nothing that it would have to fetch. */
#include "base/str.h"
#include "codec/uri.h"
#include "handler/listing.h"

#include <stdlib.h>
#include <time.h>

/* ---- text ---- */

static void
add(struct jst_text *t, struct jst_slice s)
{
    if (t->failed || s.n == 0) {
        return;
    }
    if (s.n > t->cap - t->n) {
        size_t cap = (t->cap + s.n) * 2 + 4096;
        char *p = realloc(t->p, cap);

        if (p == NULL) {
            t->failed = true;
            return;
        }
        t->p = p;
        t->cap = cap;
    }
    memcpy(t->p + t->n, s.p, s.n);
    t->n += s.n;
}

#define ADD(t, literal) add((t), JST_S(literal))

/* Length of a well-formed UTF-8 sequence at the start, 0 if there is none (RFC 3629 4). */
static size_t
sequence_bytes(const unsigned char *p, size_t n)
{
    static const struct {
        unsigned char first, last; /* of the first byte */
        unsigned char low, high;   /* of the second */
        unsigned char n;
    } forms[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t i = 0; i < JST_COUNT(forms); i++) {
        if (p[0] < forms[i].first || p[0] > forms[i].last || n < forms[i].n) {
            continue;
        }
        if (forms[i].n > 1 && (p[1] < forms[i].low || p[1] > forms[i].high)) {
            return 0;
        }
        for (size_t k = 2; k < forms[i].n; k++) {
            if (p[k] < 0x80 || p[k] > 0xbf) {
                return 0;
            }
        }
        return forms[i].n;
    }
    return 0;
}

/* As text or in an attribute's quotes; what is no UTF-8 shows as U+FFFD. */
static void
add_escaped(struct jst_text *t, struct jst_slice s)
{
    while (s.n > 0) {
        size_t n = sequence_bytes((const unsigned char *)s.p, s.n);

        switch (s.p[0]) {
        case '&':
            ADD(t, "&amp;");
            break;
        case '<':
            ADD(t, "&lt;");
            break;
        case '>':
            ADD(t, "&gt;");
            break;
        case '"':
            ADD(t, "&quot;");
            break;
        case '\'':
            ADD(t, "&#39;");
            break;
        default:
            add(t, n > 0 ? jst_slice(s.p, n) : JST_S("\xef\xbf\xbd"));
        }
        n = n > 0 ? n : 1;
        s = jst_slice(s.p + n, s.n - n);
    }
}

/* As a link: percent-encoded first, then escaped, since quotes and "&" may stay in a path. */
static void
add_link(struct jst_text *t, struct jst_slice name)
{
    char encoded[3 * 256];
    int n = jst_path_encode(encoded, sizeof(encoded), name);

    ADD(t, "./"); /* or "a:b" would be a scheme */
    if (n > 0) {
        add_escaped(t, jst_slice(encoded, (size_t)n));
    }
}

static void
add_number(struct jst_text *t, uint64_t v)
{
    char memory[20];
    struct jst_str s = jst_str(memory, sizeof(memory));

    jst_str_add_u64(&s, v);
    add(t, jst_str_slice(&s));
}

/* "0 B", "999 B", "1.2 KiB", "34 MiB". */
static void
add_size(struct jst_text *t, uint64_t bytes)
{
    static const char units[] = "KMGTPE";
    uint64_t unit = 1024;
    size_t i = 0;

    if (bytes < 1024) {
        add_number(t, bytes);
        ADD(t, " B");
        return;
    }
    while (bytes / unit >= 1024) {
        unit *= 1024;
        i++;
    }
    add_number(t, bytes / unit);
    if (bytes / unit < 10) {
        ADD(t, ".");
        add_number(t, bytes % unit * 10 / unit);
    }
    ADD(t, " ");
    add(t, jst_slice(units + i, 1));
    ADD(t, "iB");
}

static void
add_time(struct jst_text *t, int64_t unix_s)
{
    time_t when = (time_t)unix_s;
    char text[64];
    struct tm tm;
    size_t n;

    if (gmtime_r(&when, &tm) == NULL) {
        return;
    }
    n = strftime(text, sizeof(text), "<time datetime=\"%Y-%m-%dT%H:%M:%SZ\">%Y-%m-%d %H:%M</time>",
                 &tm);
    add(t, jst_slice(text, n));
}

/* ---- page ---- */

/* Icons are masks, so that they take the colour of the theme. */
#define ICON(path)                                                                                 \
    "url(\"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"    \
    "%3Cpath d='" path "'/%3E%3C/svg%3E\")"
#define ICON_FOLDER                                                                                \
    ICON("M1.5 3A1.5 1.5 0 0 1 3 1.5h3.1c.4 0 .8.2 1.1.4l1.1 1.1H13A1.5 1.5 0 0 1 14.5 4.5v8"      \
         "A1.5 1.5 0 0 1 13 14H3a1.5 1.5 0 0 1-1.5-1.5z")
#define ICON_FILE                                                                                  \
    ICON("M4 1h5l4 4v8.5A1.5 1.5 0 0 1 11.5 15h-7A1.5 1.5 0 0 1 3 13.5V2a1 1 0 0 1 1-1zm.5 1.5v11" \
         "h7V6H8V2.5zm5 .6v1.4h1.4z")
#define ICON_UP ICON("M8 2.5l5 5-1.1 1.1L8.8 5.4v8.1H7.2V5.4L4.1 8.6 3 7.5z")

static const char style[] =
    ":root{--bg:#fff;--fg:#1c2128;--dim:#67707b;--line:#e6e8eb;--hover:#f4f6f8;--link:#0b57d0;"
    "--folder:#d9952b}"
    "@media(prefers-color-scheme:dark){:root{--bg:#14171b;--fg:#e4e7eb;--dim:#8e98a4;"
    "--line:#272c33;--hover:#1c2127;--link:#8ab4f8;--folder:#e2b25f}}"
    "*{box-sizing:border-box}"
    "body{margin:0;background:var(--bg);color:var(--fg);"
    "font:15px/1.5 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Liberation Sans\",sans-serif}"
    "main{max-width:60rem;margin:0 auto;padding:2.5rem 1.25rem 4rem}"
    "h1,p{padding:0 "
    ".6rem}h1{margin:0;font-size:1.35rem;font-weight:600;line-height:1.4;overflow-wrap:anywhere}"
    "h1 a,h1 b{font-weight:inherit}h1 i{font-style:normal;color:var(--dim);margin:0 .35em}"
    "p{margin:.35rem 0 1.5rem;color:var(--dim);font-size:.875rem}"
    "a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}"
    "a:focus-visible{outline:2px solid var(--link);outline-offset:2px;border-radius:2px}"
    "table{width:100%;border-collapse:collapse}"
    "th{padding:.4rem .6rem;text-align:left;font-weight:500;font-size:.8125rem;color:var(--dim)}"
    "td{padding:0 .6rem;border-top:1px solid var(--line);height:2.4rem}"
    "tbody tr:hover{background:var(--hover)}"
    "td:first-child{width:100%;overflow-wrap:anywhere}"
    "td:first-child a{display:block;padding:.45rem 0 .45rem 1.9rem;position:relative}"
    "tr{--icon:" ICON_FILE "}tr.d{--icon:" ICON_FOLDER ";--dye:var(--folder)}tr.u{--icon:" ICON_UP
    "}"
    "td:first-child a::before{content:\"\";position:absolute;left:.15rem;top:.65rem;width:1.05rem;"
    "height:1.05rem;background:var(--dye,var(--dim));"
    "-webkit-mask:var(--icon) center/contain no-repeat;"
    "mask:var(--icon) center/contain no-repeat}"
    "td+td{white-space:nowrap;color:var(--dim);font-size:.875rem;"
    "font-variant-numeric:tabular-nums}"
    "th:nth-child(2),td:nth-child(2){text-align:right}"
    "@media(max-width:34rem){main{padding:1.25rem .6rem 3rem}"
    "th:nth-child(3),td:nth-child(3){display:none}}";

/* How many folders up from the end of `path` is the place `at`? */
static void
add_way_up(struct jst_text *t, struct jst_slice path, size_t at)
{
    bool some = false;

    for (size_t i = at; i < path.n; i++) {
        if (path.p[i] == '/') {
            ADD(t, "../");
            some = true;
        }
    }
    if (!some) {
        ADD(t, "./");
    }
}

/* "Index / a / b": all but the last are links. */
static void
add_breadcrumb(struct jst_text *t, struct jst_slice path)
{
    size_t from = 1;

    ADD(t, "<nav aria-label=\"Breadcrumb\"><h1>");
    if (path.n <= 1) {
        ADD(t, "<b aria-current=\"page\">Index of /</b>");
    } else {
        ADD(t, "<a href=\"");
        add_way_up(t, path, 1);
        ADD(t, "\">Index</a>");
    }
    for (size_t i = 1; i < path.n; i++) {
        struct jst_slice name = jst_slice(path.p + from, i - from);
        bool is_last = i + 1 == path.n;

        if (path.p[i] != '/') {
            continue;
        }
        from = i + 1;
        if (name.n == 0) {
            continue;
        }
        ADD(t, "<i>/</i>");
        if (is_last) {
            ADD(t, "<b aria-current=\"page\">");
            add_escaped(t, name);
            ADD(t, "</b>");
        } else {
            ADD(t, "<a href=\"");
            add_way_up(t, path, from);
            ADD(t, "\">");
            add_escaped(t, name);
            ADD(t, "</a>");
        }
    }
    ADD(t, "</h1></nav>\n");
}

static void
add_count(struct jst_text *t, uint64_t n, struct jst_slice one, struct jst_slice many)
{
    add_number(t, n);
    ADD(t, " ");
    add(t, n == 1 ? one : many);
}

static void
add_summary(struct jst_text *t, const struct jst_listing *l)
{
    uint64_t folders = 0;
    uint64_t bytes = 0;

    for (size_t i = 0; i < l->n; i++) {
        folders += l->v[i].is_folder;
        bytes += l->v[i].is_folder ? 0 : l->v[i].size;
    }
    ADD(t, "<p>");
    if (l->n == 0) {
        ADD(t, "This folder is empty.");
    }
    if (folders > 0) {
        add_count(t, folders, JST_S("folder"), JST_S("folders"));
        if (l->n > folders) {
            ADD(t, ", ");
        }
    }
    if (l->n > folders) {
        add_count(t, l->n - folders, JST_S("file"), JST_S("files"));
        ADD(t, ", ");
        add_size(t, bytes);
    }
    if (l->is_cut) {
        ADD(t, ". There is more in this folder than is shown here.");
    }
    ADD(t, "</p>\n");
}

static void
add_row(struct jst_text *t, const struct jst_listed *e)
{
    struct jst_slice name = jst_slice_z(e->name);

    if (e->is_folder) {
        ADD(t, "<tr class=\"d\"><td><a href=\"");
    } else {
        ADD(t, "<tr><td><a href=\"");
    }
    add_link(t, name);
    if (e->is_folder) {
        ADD(t, "/");
    }
    ADD(t, "\">");
    add_escaped(t, name);
    ADD(t, "</a></td><td>");
    if (!e->is_folder) {
        add_size(t, e->size);
    }
    ADD(t, "</td><td>");
    add_time(t, e->modified_s);
    ADD(t, "</td></tr>\n");
}

void
jst_listing_print(struct jst_text *t, const struct jst_listing *l)
{
    ADD(t, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
           "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
           "<meta name=\"color-scheme\" content=\"light dark\">\n<title>Index of ");
    add_escaped(t, l->path);
    ADD(t, "</title>\n<style>");
    add(t, jst_slice(style, sizeof(style) - 1));
    ADD(t, "</style>\n</head>\n<body>\n<main>\n");
    add_breadcrumb(t, l->path);
    add_summary(t, l);
    ADD(t, "<table>\n<thead><tr><th scope=\"col\">Name</th><th scope=\"col\">Size</th>"
           "<th scope=\"col\">Modified (UTC)</th></tr></thead>\n<tbody>\n");
    if (l->path.n > 1) {
        ADD(t,
            "<tr class=\"u\"><td><a href=\"../\">Parent folder</a></td><td></td><td></td></tr>\n");
    }
    for (size_t i = 0; i < l->n; i++) {
        add_row(t, &l->v[i]);
    }
    ADD(t, "</tbody>\n</table>\n</main>\n</body>\n</html>\n");
}
