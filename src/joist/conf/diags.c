// SPDX-License-Identifier: MIT
#include "conf/diags.h"

#include <stdarg.h>
#include <stdlib.h>

void
jst_diags_init(struct jst_diags *r)
{
    *r = (struct jst_diags){.sources_n = 1};
}

void
jst_diags_fini(struct jst_diags *r)
{
    for (size_t i = 1; i < r->sources_n; i++) {
        free((void *)(uintptr_t)r->sources[i].text.p);
    }
    free(r->sources);
    free(r->diags);
    jst_arena_fini(&r->arena);
    *r = (struct jst_diags){0};
}

/* Room for one more element; the old array stays when there is no memory. */
static void *
grow(void *array, size_t *cap, size_t n, size_t bytes)
{
    void *grown;
    size_t wanted = *cap > 0 ? *cap * 2 : 16;

    if (n < *cap) {
        return array;
    }
    grown = realloc(array, wanted * bytes);
    if (grown != NULL) {
        *cap = wanted;
    }
    return grown;
}

uint32_t
jst_diags_add_source(struct jst_diags *r, const char *name, char **take, size_t n)
{
    struct jst_diag_source *grown = grow(r->sources, &r->sources_cap, r->sources_n, sizeof(*grown));
    const char *copy = jst_arena_copy_z(&r->arena, name);

    if (grown != NULL) {
        r->sources = grown;
    }
    if (grown == NULL || copy == NULL) {
        r->out_of_memory = true;
        free(*take);
        *take = NULL;
        return 0;
    }
    r->sources[0] = (struct jst_diag_source){0};
    r->sources[r->sources_n] = (struct jst_diag_source){copy, {*take, n}};
    *take = NULL;
    return (uint32_t)r->sources_n++;
}

const char *
jst_diags_file(const struct jst_diags *r, uint32_t file)
{
    return file > 0 && file < r->sources_n ? r->sources[file].name : NULL;
}

JST_PRINTF(2, 0)
static const char *
print_text(struct jst_diags *r, const char *fmt, va_list args)
{
    char text[2048];
    struct jst_slice copy;
    int n = vsnprintf(text, sizeof(text), fmt, args);

    if (n < 0) {
        return "";
    }
    copy = jst_arena_copy(&r->arena, jst_slice(text, JST_MIN((size_t)n, sizeof(text) - 1)));
    if (copy.p == NULL) {
        r->out_of_memory = true;
        return "";
    }
    return copy.p;
}

const char *
jst_diags_fmt(struct jst_diags *r, const char *fmt, ...)
{
    va_list args;
    const char *text;

    va_start(args, fmt);
    text = print_text(r, fmt, args);
    va_end(args);
    return text;
}

static void
add(struct jst_diags *r, enum joist_log_level level, const struct jst_span *at, const char *help,
    const char *text)
{
    struct jst_diag *grown;
    size_t *count = level == JOIST_LOG_ERROR ? &r->errors_n : &r->warnings_n;

    (*count)++;
    if (r->diags_n >= JST_DIAGS_MAX) {
        return;
    }
    grown = grow(r->diags, &r->diags_cap, r->diags_n, sizeof(*grown));
    if (grown == NULL) {
        r->out_of_memory = true;
        return;
    }
    r->diags = grown;
    r->diags[r->diags_n] = (struct jst_diag){
        .level = level,
        .at = at != NULL ? *at : (struct jst_span){0},
        .text = text,
        .help = help != NULL ? jst_arena_copy_z(&r->arena, help) : NULL,
        .order = r->diags_n,
    };
    r->diags_n++;
}

void
jst_diags_error(struct jst_diags *r, const struct jst_span *at, const char *help, const char *fmt,
                ...)
{
    va_list args;

    va_start(args, fmt);
    add(r, JOIST_LOG_ERROR, at, help, print_text(r, fmt, args));
    va_end(args);
}

void
jst_diags_warn(struct jst_diags *r, const struct jst_span *at, const char *help, const char *fmt,
               ...)
{
    va_list args;

    va_start(args, fmt);
    add(r, JOIST_LOG_WARN, at, help, print_text(r, fmt, args));
    va_end(args);
}

bool
jst_diags_has_errors(const struct jst_diags *r)
{
    return r->errors_n > 0 || r->out_of_memory;
}
