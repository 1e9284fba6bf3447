// SPDX-License-Identifier: MIT
#include "upstream/health_conf.h"

#include "base/bounds.h"
#include "base/str.h"

#include <stdlib.h>

static const struct joist_status_range any_2xx = {200, 299};

static const struct joist_health_conf can_connect = {
    .type = JOIST_HEALTH_TCP,
    .interval_ms = JST_HEALTH_INTERVAL_MS_DEFAULT,
    .timeout_ms = JST_HEALTH_TIMEOUT_MS_DEFAULT,
    .up = JST_HEALTH_UP_DEFAULT,
    .down = JST_HEALTH_DOWN_DEFAULT,
};

/* Knuth, Morris, Pratt: no byte of a body is kept, however it is cut. */
static void
fill_fall(uint16_t *fall, struct jst_slice text)
{
    size_t k = 0;

    fall[0] = 0;
    for (size_t i = 1; i < text.n; i++) {
        while (k > 0 && text.p[i] != text.p[k]) {
            k = fall[k - 1];
        }
        k += text.p[i] == text.p[k];
        fall[i] = (uint16_t)k;
    }
}

size_t
jst_health_match(const struct jst_health_conf *conf, size_t matched, struct jst_slice piece)
{
    size_t k = matched;

    for (size_t i = 0; i < piece.n && k < conf->text.n; i++) {
        while (k > 0 && piece.p[i] != conf->text.p[k]) {
            k = conf->fall[k - 1];
        }
        k += piece.p[i] == conf->text.p[k];
    }
    return k;
}

/* ---- copying ---- */

static struct jst_slice
copy(struct jst_str *s, const char *text)
{
    struct jst_slice from = jst_slice_z(text);
    struct jst_slice to = jst_slice(s->p + s->n, from.n);

    jst_str_add(s, from);
    return from.n > 0 ? to : JST_SLICE_NONE;
}

static void
cut_query(struct jst_health_conf *c)
{
    const char *mark = c->path.n > 0 ? memchr(c->path.p, '?', c->path.n) : NULL;

    if (mark != NULL) {
        size_t n = (size_t)(mark - c->path.p);

        c->query = jst_slice(mark + 1, c->path.n - n - 1);
        c->path.n = n;
    }
}

static size_t
text_bytes(const char *text)
{
    return text != NULL ? strlen(text) : 0;
}

static void
fill(struct jst_health_conf *c, const struct joist_health_conf *from, char *memory, size_t cap)
{
    size_t ranges = from->expect_n * sizeof(*from->expect);
    size_t fall = text_bytes(from->body) * sizeof(uint16_t);
    struct jst_str s = jst_str(memory + ranges + fall, cap - ranges - fall);

    c->expect = &any_2xx;
    c->expect_n = 1;
    if (from->expect_n > 0) {
        memcpy(memory, from->expect, ranges);
        c->expect = (const struct joist_status_range *)(void *)memory;
        c->expect_n = from->expect_n;
    }
    c->method = copy(&s, from->method != NULL ? from->method : "GET");
    c->path = copy(&s, from->path != NULL ? from->path : "/");
    cut_query(c);
    c->host = copy(&s, from->host);
    c->text = copy(&s, from->body);
    if (c->text.n > 0) {
        fill_fall((uint16_t *)(void *)(memory + ranges), c->text);
        c->fall = (const uint16_t *)(void *)(memory + ranges);
    }
    JST_ASSERT(!s.full);
}

int
jst_health_conf_create(struct jst_health_conf **out, const struct joist_health_conf *from)
{
    struct jst_health_conf *c = calloc(1, sizeof(*c));
    size_t cap;

    if (from == NULL) {
        from = &can_connect;
    }
    cap = text_bytes(from->method) + text_bytes(from->path) + text_bytes(from->host) +
          text_bytes(from->body) * (1 + sizeof(uint16_t)) + from->expect_n * sizeof(*from->expect) +
          sizeof("GET") + sizeof("/");
    if (c == NULL || (c->memory = malloc(cap)) == NULL) {
        free(c);
        return JOIST_E_NOMEM;
    }
    c->type = from->type;
    c->port = from->port;
    c->interval_ms = from->interval_ms;
    c->timeout_ms = from->timeout_ms;
    c->up = JST_MAX(from->up, 1u);
    c->down = JST_MAX(from->down, 1u);
    fill(c, from, c->memory, cap);
    *out = c;
    return JOIST_OK;
}

void
jst_health_conf_destroy(struct jst_health_conf **take)
{
    if (*take != NULL) {
        free((*take)->memory);
    }
    free(*take);
    *take = NULL;
}

/* ---- statuses ---- */

bool
jst_health_expects(const struct jst_health_conf *conf, uint16_t status)
{
    for (size_t i = 0; i < conf->expect_n; i++) {
        if (status >= conf->expect[i].first && status <= conf->expect[i].last) {
            return true;
        }
    }
    return false;
}

void
jst_health_print_expected(const struct jst_health_conf *conf, char *out, size_t cap)
{
    size_t n = 0;

    for (size_t i = 0; i < conf->expect_n && n < cap; i++) {
        const struct joist_status_range *r = &conf->expect[i];

        n += r->first == r->last
                 ? jst_fmt(out + n, cap - n, "%s%u", i > 0 ? ", " : "", r->first)
                 : jst_fmt(out + n, cap - n, "%s%u-%u", i > 0 ? ", " : "", r->first, r->last);
    }
}
