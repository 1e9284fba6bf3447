// SPDX-License-Identifier: MIT
#include "engine/access.h"

static struct joist_text
text_of(struct jst_slice s)
{
    return (struct joist_text){s.n > 0 ? s.p : NULL, s.n};
}

static struct joist_text
field_text(const struct jst_stream *s, enum jst_field_id id)
{
    const struct jst_field *f = jst_fields_find(&s->req.fields, id);

    return text_of(f != NULL ? f->value : JST_SLICE_NONE);
}

static struct jst_slice
proto_of(const struct jst_stream *s)
{
    return s->version_major == 2       ? JST_S("HTTP/2.0")
           : s->req.version_minor == 0 ? JST_S("HTTP/1.0")
                                       : JST_S("HTTP/1.1");
}

static void
add_tls(struct joist_access *a, const struct jst_tls_info *tls)
{
    a->tls = true;
    a->tls_resumed = tls->resumed;
    a->tls_ech = tls->ech;
    a->tls_version = text_of(tls->version);
    a->tls_cipher = text_of(tls->cipher);
    a->tls_group = text_of(tls->group);
    a->tls_sni = text_of(tls->sni);
    a->client_subject = text_of(tls->subject);
}

void
jst_access_log(struct jst_reactor *r, const struct jst_stream *s)
{
    const struct jst_snapshot *snap = s->engine != NULL ? jst_gen_of(s)->snap : r->gen->snap;
    char ip[JST_ADDR_TEXT_BYTES];
    struct jst_slice remote = {ip, jst_addr_print_ip(ip, &s->peer->addr)};
    struct jst_slice path = s->req.raw_path.n > 0 ? s->req.raw_path : s->req.target;
    struct joist_access a = {
        .time_us = jst_loop_wall_us(r->loop),
        .duration_ns = jst_loop_read_ns(r->loop) - s->start_ns,
        .upstream_ns = s->upstream_ns,
        .request_bytes = s->request_bytes,
        .response_bytes = s->response_bytes,
        .status = s->status == 0 ? 499 : s->status,
        .remote_port = jst_addr_port(&s->peer->addr),
        .port = s->peer->local_port,
        .early_data = s->early,
        .aborted = s->client_gone || (s->why != 0 && s->status != 0 && s->status < 400),
        .why = s->why,
    };

    a.client_port = a.remote_port;
    a.method = text_of(s->req.method_text);
    a.host = text_of(s->req.host);
    a.path = text_of(path);
    a.query = text_of(s->req.query);
    a.proto = text_of(proto_of(s));
    a.scheme = text_of(s->req.scheme);
    a.request_id = text_of(s->request_id);
    a.user_agent = field_text(s, JST_FIELD_USER_AGENT);
    a.referer = field_text(s, JST_FIELD_REFERER);
    a.request_type = field_text(s, JST_FIELD_CONTENT_TYPE);
    a.response_type = text_of(s->response_type);
    a.client_addr = text_of(s->client_ip.n > 0 ? s->client_ip : remote);
    a.remote_addr = text_of(remote);
    a.service = text_of(s->route >= 0 ? snap->routes[s->route].name : JST_SLICE_NONE);
    a.target = text_of(s->target_name);
    if (s->peer->tls != NULL) {
        add_tls(&a, s->peer->tls);
    }
    jst_logger_access(r->log, &a);
}
