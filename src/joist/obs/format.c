// SPDX-License-Identifier: MIT
#include "obs/format.h"

#include "conf/json.h"

#include <time.h>

/* "2026-11-20T13:00:00", or Apache's form. Two forms never share a stamp. */
static void
add_second(struct jst_str *line, struct jst_stamp *stamp, int64_t time_us, bool apache)
{
    time_t second = (time_t)(time_us / 1000000 - (time_us % 1000000 < 0));
    struct tm tm;

    if (stamp->n == 0 || stamp->second != second) {
        stamp->second = second;
        stamp->n = 0;
        if (gmtime_r(&second, &tm) != NULL) {
            stamp->n = apache
                           ? strftime(stamp->text, sizeof(stamp->text), "%d/%b/%Y:%H:%M:%S", &tm)
                           : strftime(stamp->text, sizeof(stamp->text), "%Y-%m-%dT%H:%M:%S", &tm);
        }
    }
    jst_str_add(line, jst_slice(stamp->text, stamp->n));
}

static unsigned
micros(int64_t time_us)
{
    return (unsigned)((time_us % 1000000 + 1000000) % 1000000);
}

/* ---- combined ---- */

/* As Apache escapes: quotes, backslashes and all that is not printable ASCII. */
static void
add_escaped(struct jst_str *line, struct joist_text t)
{
    static const char hex[] = "0123456789abcdef";
    size_t plain = 0;

    for (size_t i = 0; i < t.n; i++) {
        unsigned char c = (unsigned char)t.p[i];

        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
            continue;
        }
        jst_str_add(line, jst_slice(t.p + plain, i - plain));
        plain = i + 1;
        jst_str_add_char(line, '\\');
        if (c == '"' || c == '\\') {
            jst_str_add_char(line, (char)c);
        } else {
            jst_str_add_char(line, 'x');
            jst_str_add_char(line, hex[c >> 4]);
            jst_str_add_char(line, hex[c & 15]);
        }
    }
    if (t.n > plain) {
        jst_str_add(line, jst_slice(t.p + plain, t.n - plain));
    }
}

static void
add_or_dash(struct jst_str *line, struct joist_text t)
{
    if (t.n == 0) {
        jst_str_add_char(line, '-');
    } else {
        add_escaped(line, t);
    }
}

static void
add_request_line(struct jst_str *line, const struct joist_access *a)
{
    if (a->method.n == 0) {
        jst_str_add_char(line, '-'); /* no request line could be read */
        return;
    }
    add_escaped(line, a->method);
    jst_str_add_char(line, ' ');
    add_or_dash(line, a->path);
    if (a->query.p != NULL) {
        jst_str_add_char(line, '?');
        add_escaped(line, a->query);
    }
    jst_str_add_char(line, ' ');
    add_or_dash(line, a->proto);
}

void
jst_access_combined(struct jst_str *line, const struct joist_access *a, struct jst_stamp *stamp)
{
    add_or_dash(line, a->client_addr);
    jst_str_add(line, JST_S(" - - ["));
    add_second(line, stamp, a->time_us, true);
    jst_str_add(line, JST_S(" +0000] \""));
    add_request_line(line, a);
    jst_str_add(line, JST_S("\" "));
    jst_str_add_u64(line, a->status);
    jst_str_add_char(line, ' ');
    jst_str_add_u64(line, a->response_bytes);
    jst_str_add(line, JST_S(" \""));
    add_or_dash(line, a->referer);
    jst_str_add(line, JST_S("\" \""));
    add_or_dash(line, a->user_agent);
    jst_str_add(line, JST_S("\"\n"));
}

/* ---- JSON ---- */

static void
add_name(struct jst_str *line, struct jst_slice name)
{
    jst_str_add(line, JST_S(",\""));
    jst_str_add(line, name);
    jst_str_add(line, JST_S("\":"));
}

static void
add_text(struct jst_str *line, struct jst_slice name, struct joist_text t)
{
    add_name(line, name);
    jst_json_add(line, jst_slice(t.p, t.n));
}

static void
add_number(struct jst_str *line, struct jst_slice name, uint64_t v)
{
    add_name(line, name);
    jst_str_add_u64(line, v);
}

static void
add_bool(struct jst_str *line, struct jst_slice name, bool v)
{
    add_name(line, name);
    jst_str_add(line, v ? JST_S("true") : JST_S("false"));
}

static void
add_tls(struct jst_str *line, const struct joist_access *a)
{
    add_text(line, JST_S("tls_version"), a->tls_version);
    add_text(line, JST_S("tls_cipher"), a->tls_cipher);
    add_text(line, JST_S("tls_group"), a->tls_group);
    add_text(line, JST_S("tls_sni"), a->tls_sni);
    add_bool(line, JST_S("tls_resumed"), a->tls_resumed);
    add_bool(line, JST_S("tls_ech"), a->tls_ech);
    add_bool(line, JST_S("early_data"), a->early_data);
    add_text(line, JST_S("client_subject"), a->client_subject);
}

void
jst_access_json(struct jst_str *line, const struct joist_access *a, struct jst_stamp *stamp)
{
    jst_str_add(line, JST_S("{\"time\":\""));
    add_second(line, stamp, a->time_us, false);
    jst_str_fmt(line, ".%06uZ\"", micros(a->time_us));
    add_text(line, JST_S("host"), a->host);
    add_number(line, JST_S("port"), a->port);
    add_text(line, JST_S("path"), a->path);
    add_text(line, JST_S("request_id"), a->request_id);
    add_number(line, JST_S("status"), a->status);
    add_text(line, JST_S("service"), a->service);
    add_text(line, JST_S("target"), a->target);
    add_number(line, JST_S("duration"), a->duration_ns);
    add_number(line, JST_S("upstream_duration"), a->upstream_ns);
    add_text(line, JST_S("method"), a->method);
    add_number(line, JST_S("req_content_length"), a->request_bytes);
    add_text(line, JST_S("req_content_type"), a->request_type);
    add_number(line, JST_S("resp_content_length"), a->response_bytes);
    add_text(line, JST_S("resp_content_type"), a->response_type);
    add_text(line, JST_S("client_addr"), a->client_addr);
    add_number(line, JST_S("client_port"), a->client_port);
    add_text(line, JST_S("remote_addr"), a->remote_addr);
    add_number(line, JST_S("remote_port"), a->remote_port);
    add_text(line, JST_S("user_agent"), a->user_agent);
    add_text(line, JST_S("referer"), a->referer);
    add_text(line, JST_S("proto"), a->proto);
    add_text(line, JST_S("scheme"), a->scheme);
    add_text(line, JST_S("query"), a->query);
    if (a->tls) {
        add_tls(line, a);
    }
    if (a->aborted) {
        jst_str_add(line, JST_S(",\"aborted\":true"));
    }
    if (a->why != 0) {
        jst_str_add(line, JST_S(",\"error\":\""));
        jst_str_add(line, jst_slice_z(joist_error_name(a->why)));
        jst_str_add_char(line, '"');
    }
    jst_str_add(line, JST_S("}\n"));
}

/* ---- events ---- */

static const char *
level_name(enum joist_log_level level)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};

    return (size_t)level < JST_COUNT(names) ? names[level] : "error";
}

void
jst_event_line(struct jst_str *line, const struct joist_log_event *e, struct jst_stamp *stamp)
{
    add_second(line, stamp, e->time_us, false);
    jst_str_fmt(line, ".%03uZ %s %s", micros(e->time_us) / 1000, level_name(e->level), e->name);
    if (e->text.n > 0) {
        jst_str_add_char(line, ' ');
        for (size_t i = 0; i < e->text.n; i++) {
            unsigned char c = (unsigned char)e->text.p[i];
            /* U+0080 to U+009F, of which some are commands to terminals */
            bool c1 = c >= 0x80 && c < 0xa0 && i > 0 && (unsigned char)e->text.p[i - 1] == 0xc2;

            if (c < 0x20 || c == 0x7f || c1) {
                jst_str_fmt(line, "\\x%02x", c);
            } else {
                jst_str_add_char(line, (char)c);
            }
        }
    }
    jst_str_add_char(line, '\n');
}
