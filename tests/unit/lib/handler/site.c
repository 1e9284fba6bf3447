// SPDX-License-Identifier: MIT
#include "site.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

/* ---- the reactor ---- */

static uint64_t
now_ns(void *ctx)
{
    return ((struct site *)ctx)->now_ms * 1000000;
}

static int64_t
wall_us(void *ctx)
{
    return (int64_t)time(NULL) * 1000000 + (int64_t)((struct site *)ctx)->now_ms * 1000;
}

static void
count_event(struct jst_log *log, enum joist_log_level level, enum jst_event event,
            struct jst_slice text)
{
    struct site *t = JST_CONTAINER(log, struct site, log);

    (void)level;
    assert_true(text.n > 0);
    t->events[event]++;
}

void
site_swap(struct site *t, struct joist_static_conf conf)
{
    jst_handler_destroy(t->handler);
    conf.root = conf.root != NULL ? conf.root : t->root;
    assert_int_equal(jst_static_create(&t->handler, &conf), JOIST_OK);
}

struct site *
site_begin(void **state, struct joist_static_conf conf)
{
    static const uint8_t seed[32] = {1, 2, 3};
    struct site *t = calloc(1, sizeof(*t));
    struct jst_clock clock = {now_ns, wall_us, t};

    assert_non_null(t);
    *state = t;
    t->now_ms = 1000000;
    snprintf(t->root, sizeof(t->root), "/tmp/static-XXXXXX");
    assert_non_null(mkdtemp(t->root));
    assert_int_equal(chmod(t->root, 0755), 0);
    assert_int_equal(jst_loop_create(&t->loop, &clock), JOIST_OK);
    t->log = (struct jst_log){.level = JOIST_LOG_DEBUG, .write = count_event};
    t->local.loop = t->loop;
    t->local.log = &t->log;
    jst_rand_init(&t->local.rand, seed);
    assert_int_equal(jst_files_create(&t->local.files, &t->local), JOIST_OK);
    t->body = malloc(REPLY_BYTES);
    t->head = calloc(1, REPLY_BYTES);
    t->block = calloc(1, REPLY_BYTES);
    assert_true(t->body != NULL && t->head != NULL && t->block != NULL);
    site_swap(t, conf);
    return t;
}

int
site_end(void **state)
{
    struct site *t = *state;
    char command[256];

    jst_handler_destroy(t->handler);
    jst_files_destroy(&t->local.files);
    jst_loop_destroy(&t->loop);
    jst_arena_fini(&t->stream.arena);
    jst_buf_thread_fini();
    free(t->body);
    free(t->head);
    free(t->block);
    snprintf(command, sizeof(command), "chmod -R u+rwX '%s'; rm -rf '%s'", t->root, t->root);
    assert_int_equal(system(command), 0);
    free(t);
    return 0;
}

void
site_wait(struct site *t, uint64_t ms)
{
    t->now_ms += ms;
    jst_loop_turn(t->loop, 0);
    jst_loop_turn(t->loop, 0); /* timers see the time that the turn before began with */
}

/* ---- files ---- */

char *
site_path(const struct site *t, const char *name)
{
    static char path[PATH_MAX];

    assert_true(snprintf(path, sizeof(path), "%s/%s", t->root, name) < (int)sizeof(path));
    return path;
}

void
site_put_bytes(struct site *t, const char *name, const char *bytes, size_t n)
{
    char *path = site_path(t, name);
    int fd;

    for (char *slash = path + strlen(t->root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
        *slash = '/';
    }
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), (ssize_t)n);
    close(fd);
    site_age(t, name, time(NULL) - 3600);
}

void
site_put(struct site *t, const char *name, const char *text)
{
    site_put_bytes(t, name, text, strlen(text));
}

void
site_age(struct site *t, const char *name, int64_t modified_s)
{
    struct timespec times[2] = {{.tv_sec = modified_s, .tv_nsec = 5},
                                {.tv_sec = modified_s, .tv_nsec = 5}};

    assert_int_equal(utimensat(AT_FDCWD, site_path(t, name), times, 0), 0);
}

/* ---- a stream that keeps what it is told ---- */

static struct site *
site_of(struct jst_sink *s)
{
    return JST_CONTAINER(s, struct site, response);
}

static void
on_head(struct jst_sink *s, const struct jst_head *head)
{
    struct site *t = site_of(s);
    char *to = t->head;

    t->heads++;
    t->status = head->status;
    t->length = head->length;
    for (uint32_t i = 0; i < head->fields.n; i++) {
        const struct jst_field *f = &head->fields.v[i];

        assert_int_equal(f->id, jst_field_id(f->name));
        to += snprintf(to, 4096, "%.*s: %.*s\n", JST_PRI(f->name), JST_PRI(f->value));
    }
    *to = '\0';
    to = t->block;
    for (size_t i = 0; i < head->block.n; i++) {
        if (head->block.p[i] != '\r') {
            *to++ = head->block.p[i];
        }
    }
    *to = '\0';
}

static void
on_data(struct jst_sink *s, struct jst_chain *move)
{
    struct site *t = site_of(s);
    bool has_file = false;

    assert_int_equal(t->heads, 1);
    assert_int_equal(t->ends, 0);
    for (const struct jst_seg *seg = move->first; seg != NULL; seg = seg->next) {
        assert_true(t->body_n + seg->n <= REPLY_BYTES);
        if (seg->file == NULL) {
            memcpy(t->body + t->body_n, seg->p, seg->n);
        } else {
            ssize_t n = pread(seg->file->fd, t->body + t->body_n, seg->n, seg->off);

            has_file = true;
            assert_int_equal(n, (ssize_t)seg->n);
        }
        t->body_n += seg->n;
    }
    assert_true(has_file || move->bytes <= JST_STREAM_WINDOW_BYTES);
    jst_chain_clear(move);
}

static void
on_end(struct jst_sink *s, const struct jst_fields *trailers)
{
    assert_null(trailers);
    site_of(s)->ends++;
}

static void
on_abort(struct jst_sink *s, int why)
{
    struct site *t = site_of(s);

    t->aborts++;
    if (!t->may_abort) {
        fail_msg("the response was aborted: %s", joist_error_name(why));
    }
}

static struct jst_fields
parse_fields(const char *text)
{
    static struct jst_field v[32]; /* not allocated: tests make allocations fail */
    struct jst_fields fields = {v, 0, 32};
    struct jst_slice rest = jst_slice_z(text);

    while (rest.p != NULL && rest.n > 0) {
        struct jst_slice value = jst_slice_cut(&rest, '\n');
        struct jst_slice name = jst_slice_cut(&value, ':');

        assert_int_equal(jst_fields_add(&fields, name, jst_slice_trim(value)), JOIST_OK);
    }
    return fields;
}

uint16_t
site_ask(struct site *t, const char *method, const char *path, const char *fields)
{
    static const struct jst_sink_ops ops = {on_head, on_data, on_end, on_abort};
    struct jst_stream *s = &t->stream;
    struct jst_slice whole = jst_slice_z(path);
    struct jst_slice query = whole;
    struct jst_slice only_path = jst_slice_cut(&query, '?');

    jst_arena_fini(&s->arena);
    *s = (struct jst_stream){.response = &t->response, .local = &t->local};
    s->req.method_text = jst_slice_z(method);
    s->req.method = jst_method_of(s->req.method_text);
    s->req.raw_path = only_path;
    s->req.path = only_path;
    s->req.query = query;
    s->req.fields = parse_fields(fields);
    t->response.ops = &ops;
    t->status = 0;
    t->body_n = 0;
    t->heads = t->ends = t->aborts = 0;
    t->handler->ops->serve(t->handler, s, only_path, only_path);
    assert_int_equal(t->heads, 1);
    assert_int_equal(t->ends + t->aborts, 1);
    assert_non_null(s->handler);
    assert_null(s->origin);
    if (t->aborts > 0 || strcmp(method, "HEAD") == 0 || t->status == 304) {
        assert_int_equal(t->body_n, 0);
    } else {
        assert_int_equal(t->body_n, t->length);
    }
    return t->status;
}

uint16_t
site_get(struct site *t, const char *path)
{
    return site_ask(t, "GET", path, NULL);
}

const char *
site_field(const struct site *t, const char *name)
{
    static char value[4096];
    size_t n = strlen(name);

    for (const char *line = t->head; *line != '\0'; line = strchr(line, '\n') + 1) {
        if (strncmp(line, name, n) == 0 && line[n] == ':') {
            snprintf(value, sizeof(value), "%.*s", (int)strcspn(line + n + 2, "\n"), line + n + 2);
            return value;
        }
    }
    return NULL;
}

void
site_expect_body(const struct site *t, const char *text)
{
    assert_int_equal(t->body_n, strlen(text));
    assert_memory_equal(t->body, text, t->body_n);
}
