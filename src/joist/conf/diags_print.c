// SPDX-License-Identifier: MIT
/*
 * Printing a report. The shape is the compilers' own, so that editors can jump to the places:
 *
 *     joist.toml:7:1: error: unknown key 'rooot' in [[sites]]
 *         7 | rooot = "/srv/www"
 *           | ^~~~~
 *     help: did you mean 'root'?
 */
#include "base/str.h"
#include "conf/diags.h"
#include "conf/json.h"

#include <stdlib.h>

/* A line of a file is shown up to here; longer ones are cut around the place. */
#define LINE_SHOWN_MAX 120u
#define LINE_LEAD      40u

struct paint {
    const char *bold, *red, *yellow, *green, *cyan, *off;
};

static const struct paint no_paint = {"", "", "", "", "", ""};
static const struct paint ansi_paint = {"\033[1m",  "\033[1;31m", "\033[1;33m",
                                        "\033[32m", "\033[36m",   "\033[0m"};

static int
compare(const void *a, const void *b)
{
    const struct jst_diag *x = a, *y = b;

    if (x->at.file != y->at.file) {
        return x->at.file < y->at.file ? -1 : 1;
    }
    if (x->at.line != y->at.line) {
        return x->at.line < y->at.line ? -1 : 1;
    }
    if (x->at.column != y->at.column) {
        return x->at.column < y->at.column ? -1 : 1;
    }
    return x->order < y->order ? -1 : x->order > y->order;
}

static void
sort(struct jst_diags *r)
{
    if (r->diags_n > 1) {
        qsort(r->diags, r->diags_n, sizeof(r->diags[0]), compare);
    }
}

static bool
find_line(struct jst_slice *out, struct jst_slice text, uint32_t number)
{
    struct jst_slice rest = text;

    for (uint32_t line = 1; rest.p != NULL; line++) {
        struct jst_slice s = jst_slice_cut(&rest, '\n');

        if (line == number) {
            *out = s.n > 0 && s.p[s.n - 1] == '\r' ? jst_slice(s.p, s.n - 1) : s;
            return true;
        }
    }
    return false;
}

static bool
is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* Bytes that `points` code points take at most. */
static size_t
bytes_of(struct jst_slice s, size_t points)
{
    size_t i = 0;

    for (; i < s.n && points > 0; points--) {
        i++;
        while (i < s.n && is_continuation(s.p[i])) {
            i++;
        }
    }
    return i;
}

/* A terminal must not be steered by a file: control bytes are shown as '?'. */
static void
print_clean(FILE *out, struct jst_slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        (void)fputc((c < 0x20 && c != '\t') || c == 0x7f ? '?' : c, out);
    }
}

static void
print_underline(FILE *out, struct jst_slice lead, size_t width)
{
    for (size_t i = 0; i < lead.n; i++) {
        if (!is_continuation(lead.p[i])) {
            (void)fputc(lead.p[i] == '\t' ? '\t' : ' ', out);
        }
    }
    (void)fputc('^', out);
    for (size_t i = 1; i < width; i++) {
        (void)fputc('~', out);
    }
}

static void
print_source(FILE *out, const struct paint *p, struct jst_slice text, const struct jst_span *at)
{
    struct jst_slice line;
    size_t lead, points;

    if (at->line == 0 || at->column == 0 || !find_line(&line, text, at->line)) {
        return;
    }
    if (line.n == 0) {
        return; /* a caret below nothing shows nothing */
    }
    lead = bytes_of(line, at->column - 1);
    if (line.n > LINE_SHOWN_MAX && lead > LINE_LEAD) {
        size_t skip = lead - LINE_LEAD;

        while (skip < lead && is_continuation(line.p[skip])) {
            skip++;
        }
        line = jst_slice(line.p + skip, line.n - skip);
        lead -= skip;
    }
    if (line.n > LINE_SHOWN_MAX) {
        line.n = bytes_of(jst_slice(line.p, LINE_SHOWN_MAX), LINE_SHOWN_MAX);
    }
    points = 0;
    for (size_t i = lead; i < line.n; i++) {
        points += !is_continuation(line.p[i]);
    }
    (void)fprintf(out, "%6u | ", at->line);
    print_clean(out, line);
    (void)fprintf(out, "\n       | %s", p->green);
    print_underline(out, jst_slice(line.p, JST_MIN(lead, line.n)),
                    JST_MAX(JST_MIN((size_t)at->width, points), 1));
    (void)fprintf(out, "%s\n", p->off);
}

static void
print_place(FILE *out, const struct paint *p, const struct jst_diags *r, const struct jst_span *at)
{
    const char *file = jst_diags_file(r, at->file);

    if (file == NULL) {
        return;
    }
    (void)fprintf(out, "%s%s:", p->bold, file);
    if (at->line > 0) {
        (void)fprintf(out, "%u:%u:", at->line, at->column);
    }
    (void)fprintf(out, " %s", p->off);
}

void
jst_diags_print(struct jst_diags *r, FILE *out, bool colours)
{
    const struct paint *p = colours ? &ansi_paint : &no_paint;
    size_t hidden = r->errors_n + r->warnings_n - r->diags_n;

    sort(r);
    for (size_t i = 0; i < r->diags_n; i++) {
        const struct jst_diag *d = &r->diags[i];
        bool bad = d->level == JOIST_LOG_ERROR;

        print_place(out, p, r, &d->at);
        (void)fprintf(out, "%s%s:%s ", bad ? p->red : p->yellow, bad ? "error" : "warning", p->off);
        print_clean(out, jst_slice_z(d->text));
        (void)fputc('\n', out);
        if (d->at.file > 0 && d->at.file < r->sources_n) {
            print_source(out, p, r->sources[d->at.file].text, &d->at);
        }
        if (d->help != NULL) {
            (void)fprintf(out, "%shelp:%s ", p->cyan, p->off);
            print_clean(out, jst_slice_z(d->help));
            (void)fputc('\n', out);
        }
    }
    if (hidden > 0) {
        (void)fprintf(out, "... and %zu more\n", hidden);
    }
    if (r->out_of_memory) {
        (void)fprintf(out, "%serror:%s out of memory\n", p->red, p->off);
    }
}

static void
print_json_member(FILE *out, const char *name, const char *value)
{
    (void)fprintf(out, ",\"%s\":", name);
    jst_json_print(out, jst_slice_z(value));
}

void
jst_diags_print_json(struct jst_diags *r, FILE *out)
{
    sort(r);
    (void)fputc('[', out);
    for (size_t i = 0; i < r->diags_n; i++) {
        const struct jst_diag *d = &r->diags[i];
        const char *file = jst_diags_file(r, d->at.file);

        (void)fprintf(out, "%s\n{\"level\":\"%s\"", i > 0 ? "," : "",
                      d->level == JOIST_LOG_ERROR ? "error" : "warning");
        if (file != NULL) {
            print_json_member(out, "file", file);
        }
        if (d->at.line > 0) {
            (void)fprintf(out, ",\"line\":%u,\"column\":%u", d->at.line, d->at.column);
        }
        print_json_member(out, "message", d->text);
        if (d->help != NULL) {
            print_json_member(out, "help", d->help);
        }
        (void)fputc('}', out);
    }
    (void)fputs(r->diags_n > 0 ? "\n]\n" : "]\n", out);
}
