// SPDX-License-Identifier: MIT
#include "handler/handler.h"

#include <stdlib.h>

struct respond {
    struct jst_handler h; /* first: freed with it */
    uint16_t status;
    struct jst_slice content_type;
    struct jst_slice body;
    char text[]; /* both slices' bytes */
};

static void
serve(const struct jst_handler *h, struct jst_stream *s, struct jst_slice path,
      struct jst_slice raw_path)
{
    const struct respond *r = JST_CONTAINER(h, const struct respond, h);

    (void)path;
    (void)raw_path;
    jst_stream_ignore_body(s);
    jst_stream_respond(s, r->status, r->body.n > 0 ? r->content_type : JST_SLICE_NONE, r->body,
                       NULL);
}

static void
destroy(struct jst_handler *h)
{
    free(JST_CONTAINER(h, struct respond, h));
}

static const struct jst_handler_ops ops = {serve, destroy};

int
jst_respond_create(struct jst_handler **out, const struct joist_respond_conf *conf)
{
    const char *type =
        conf->content_type != NULL ? conf->content_type : "text/plain; charset=utf-8";
    size_t type_n = strlen(type);
    struct respond *r = malloc(sizeof(*r) + type_n + conf->body_n);

    if (r == NULL) {
        return JOIST_E_NOMEM;
    }
    r->h.ops = &ops;
    r->status = conf->status;
    memcpy(r->text, type, type_n);
    if (conf->body_n > 0) {
        memcpy(r->text + type_n, conf->body, conf->body_n);
    }
    r->content_type = jst_slice(r->text, type_n);
    r->body = jst_slice(r->text + type_n, conf->body_n);
    *out = &r->h;
    return JOIST_OK;
}
