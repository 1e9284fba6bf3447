// SPDX-License-Identifier: MIT
/* What was asked of a target, and what came back, for people. */
#include "base/str.h"
#include "upstream/health_check.h"

#define NAME_BYTES  200u /* of a target's name */
#define WHAT_BYTES  280u
#define RANGE_BYTES 64u

/* "http://10.0.0.1:80", "unix:/run/app.sock"; with the port that is asked. */
static void
print_origin(const struct jst_health_check *k, char *out, size_t cap)
{
    const struct jst_target *t = k->target;
    const char *scheme = t->tls != NULL ? "https" : t->h2c ? "h2c" : "http";
    bool bracket = t->host.n > 0 && memchr(t->host.p, ':', t->host.n) != NULL;
    int n = (int)JST_MIN(t->host.n, NAME_BYTES);

    if (t->host.n == 0) {
        (void)jst_fmt(out, cap, "%.*s", (int)JST_MIN(t->name.n, NAME_BYTES), t->name.p);
    } else if (k->conf->port > 0) {
        (void)jst_fmt(out, cap, "%s://%s%.*s%s:%u", scheme, bracket ? "[" : "", n, t->host.p,
                      bracket ? "]" : "", k->conf->port);
    } else {
        (void)jst_fmt(out, cap, "%s://%.*s", scheme, (int)JST_MIN(t->name.n, NAME_BYTES),
                      t->name.p);
    }
}

/* What was asked: "GET http://10.0.0.1:80/up", "connect to http://10.0.0.1:80". */
static void
print_what(const struct jst_health_check *k, char out[WHAT_BYTES])
{
    const struct jst_health_conf *c = k->conf;
    char origin[NAME_BYTES + 32];

    print_origin(k, origin, sizeof(origin));
    if (c->type == JOIST_HEALTH_TCP) {
        (void)jst_fmt(out, WHAT_BYTES, "connect to %s", origin);
    } else {
        (void)jst_fmt(out, WHAT_BYTES, "%.*s %s%s%.*s%s%.*s", JST_PRI(c->method), origin,
                      k->target->host.n == 0 ? ":" : "", JST_PRI(c->path),
                      c->query.p != NULL ? "?" : "", (int)c->query.n,
                      c->query.p != NULL ? c->query.p : "");
    }
}

/* Peers and files have a say in it: fit for a line of a log. */
static void
clean(char *text)
{
    for (char *p = text; *p != '\0'; p++) {
        if (*p < 0x20 || *p > 0x7e || *p == '"') {
            *p = *p == '"' ? '\'' : '?';
        }
    }
}

static const char *
missing_phase(const struct jst_health_check *k)
{
    return !k->connected            ? "not connected"
           : k->outcome.status == 0 ? "no answer"
                                    : "its text was not seen";
}

/* What came back: "status 500, expected 200-299". */
static void
print_result(const struct jst_health_check *k, char *out, size_t cap)
{
    const struct jst_health_outcome *o = &k->outcome;
    const char *detail = k->call.detail != NULL ? k->call.detail : joist_error_text(o->why);
    char range[RANGE_BYTES];

    if (o->why == JOIST_E_TIMEOUT) {
        (void)jst_fmt(out, cap, "%s within %llu ms", missing_phase(k),
                      (unsigned long long)k->conf->timeout_ms);
    } else if (o->why < 0) {
        (void)jst_fmt(out, cap, "%s%s%s", detail, k->error[0] != '\0' ? ": " : "", k->error);
    } else if (o->good && o->status == 0) {
        (void)jst_fmt(out, cap, "connected");
    } else if (o->good) {
        (void)jst_fmt(out, cap, "status %u", o->status);
    } else if (!jst_health_expects(k->conf, o->status)) {
        jst_health_print_expected(k->conf, range, sizeof(range));
        (void)jst_fmt(out, cap, "status %u, expected %s,", o->status, range);
    } else {
        (void)jst_fmt(out, cap, "status %u, but the text '%.*s' is not in %s", o->status,
                      (int)JST_MIN(k->conf->text.n, 48u), k->conf->text.p,
                      k->body_bytes >= JST_HEALTH_BODY_BYTES ? "the first 64 KiB of its body,"
                                                             : "its body,");
    }
}

void
jst_health_check_print(struct jst_health_check *k)
{
    struct jst_health_outcome *o = &k->outcome;
    char what[WHAT_BYTES];
    char result[JST_HEALTH_TEXT_BYTES];
    size_t n;

    print_what(k, what);
    print_result(k, result, sizeof(result));
    n = jst_fmt(o->text, sizeof(o->text), "%s: %s", what, result);
    if (o->why != JOIST_E_TIMEOUT) {
        (void)jst_fmt(o->text + n, sizeof(o->text) - n, " after %llu ms",
                      (unsigned long long)(o->took_us / 1000));
    }
    clean(o->text);
}
