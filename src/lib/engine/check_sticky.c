// SPDX-License-Identifier: MIT
/* How a pool binds clients to its targets. */
#include "base/bounds.h"
#include "codec/h1.h"
#include "engine/check.h"

#define WRONG(r, pos, ...) jst_report_at((r), JOIST_LOG_ERROR, JOIST_E_INVAL, (pos), __VA_ARGS__)

/* RFC 6265 4.1.1: any character but controls and ';'. */
static bool
is_path(const char *path)
{
    for (const char *p = path; *p != '\0'; p++) {
        if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f || *p == ';') {
            return false;
        }
    }
    return *path == '/';
}

static void
check_own(struct jst_report *r, const struct joist_pool_conf *p, const struct joist_sticky_conf *s)
{
    if (s->path != NULL && !is_path(s->path)) {
        WRONG(r, &p->pos, "upstream '%s': the sticky cookie's path begins with '/', not '%s'",
              p->name, s->path);
    }
    if (s->same_site < JOIST_SAME_SITE_LAX || s->same_site > JOIST_SAME_SITE_NONE) {
        WRONG(r, &p->pos, "upstream '%s': there is no SameSite %d", p->name, (int)s->same_site);
    }
    if (s->same_site == JOIST_SAME_SITE_NONE && s->insecure) {
        WRONG(r, &p->pos,
              "upstream '%s': browsers drop a cookie with SameSite=None that is not Secure",
              p->name);
    }
    if (s->ttl_ms != 0 && s->ttl_ms < 1000) {
        WRONG(r, &p->pos, "upstream '%s': a cookie lives for a second at least, not %llu ms",
              p->name, (unsigned long long)s->ttl_ms);
    }
}

static void
check_table(struct jst_report *r, const struct joist_pool_conf *p,
            const struct joist_sticky_conf *s)
{
    if (s->table_max < 1 || s->table_max > JST_STICKY_TABLE_MAX) {
        WRONG(r, &p->pos, "upstream '%s': sticky.table_max is from 1 to %u, not %u", p->name,
              JST_STICKY_TABLE_MAX, s->table_max);
    }
    if (s->ttl_ms == 0) {
        WRONG(r, &p->pos, "upstream '%s': sticky clients need a ttl", p->name);
    }
}

void
jst_report_sticky(struct jst_report *r, const struct joist_pool_conf *p)
{
    const struct joist_sticky_conf *s = p->sticky;

    if (s == NULL) {
        return;
    }
    if (s->by < JOIST_STICKY_COOKIE || s->by > JOIST_STICKY_CLIENT) {
        WRONG(r, &p->pos, "upstream '%s': sticky by %d is unknown", p->name, (int)s->by);
        return;
    }
    if (s->by != JOIST_STICKY_CLIENT && (s->name == NULL || !jst_is_token(jst_slice_z(s->name)))) {
        WRONG(r, &p->pos, "upstream '%s': sticky needs the name of a cookie or header, not '%s'",
              p->name, s->name != NULL ? s->name : "");
    }
    if (s->ttl_ms > JST_STICKY_TTL_MS_MAX) {
        WRONG(r, &p->pos, "upstream '%s': a sticky ttl ends at %llu days", p->name,
              JST_STICKY_TTL_MS_MAX / 86400000ull);
    }
    if (s->by == JOIST_STICKY_COOKIE) {
        check_own(r, p, s);
    } else {
        check_table(r, p, s);
    }
}
