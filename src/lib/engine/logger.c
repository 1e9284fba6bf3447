// SPDX-License-Identifier: MIT
#include "engine/logger.h"

#include "base/str.h"
#include "sys/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* After a batch the writer rests for so long before it lets itself be woken: under load that is a
 * hundred wake-ups a second instead of one a request. */
#define REST_NS        (10 * 1000 * 1000)
#define BUSY_RECORDS   512
#define TEXT_MAX_BYTES 8192 /* of one text in an access record; longer ones are cut */

enum record_kind { RECORD_EVENT, RECORD_ACCESS };

struct event_record {
    uint32_t kind;
    uint32_t level;
    int64_t time_us;
    const char *name;
    size_t text_n;
    char text[];
};

struct access_record {
    uint32_t kind;
    struct joist_access a; /* texts as lengths; their bytes follow */
};

struct jst_logger {
    struct joist_log_conf conf;
    struct jst_log_source *sources; /* owned */
    size_t sources_n;
    pthread_t thread;
    bool started;
    int wake_fd;
    int asleep;            /* atomic: the writer waits on wake_fd */
    int stop;              /* atomic */
    uint64_t dropped_told; /* the writer's: lost lines it has spoken of */
    int64_t dropped_told_us;
};

/* The texts of an access record, in one place for writing and reading. */
#define TEXT_MAP(X)                                                                                \
    X(method)                                                                                      \
    X(host)                                                                                        \
    X(path)                                                                                        \
    X(query)                                                                                       \
    X(proto)                                                                                       \
    X(scheme)                                                                                      \
    X(request_id)                                                                                  \
    X(user_agent)                                                                                  \
    X(referer)                                                                                     \
    X(request_type)                                                                                \
    X(response_type)                                                                               \
    X(client_addr)                                                                                 \
    X(remote_addr)                                                                                 \
    X(service)                                                                                     \
    X(target)                                                                                      \
    X(tls_version)                                                                                 \
    X(tls_cipher)                                                                                  \
    X(tls_group)                                                                                   \
    X(tls_sni)                                                                                     \
    X(client_subject)

static void
wake(struct jst_logger *l)
{
    static const uint64_t one = 1;

    /* Pairs with the fence in wait_for_more(): either we see it asleep, or it sees our record. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__atomic_load_n(&l->asleep, __ATOMIC_RELAXED) &&
        __atomic_exchange_n(&l->asleep, 0, __ATOMIC_RELAXED)) {
        if (write(l->wake_fd, &one, sizeof(one)) < 0) {
            JST_ASSERT(errno == EAGAIN || errno == EINTR);
        }
    }
}

static void
drop(struct jst_log_source *source)
{
    __atomic_store_n(&source->dropped, source->dropped + 1, __ATOMIC_RELAXED);
}

static int64_t
wall_us(const struct jst_log_source *source)
{
    struct timespec ts;

    if (source->loop != NULL) {
        return jst_loop_wall_us(source->loop);
    }
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* ---- pushing ---- */

static void
push_event(struct jst_log_source *source, enum joist_log_level level, enum jst_event event,
           struct jst_slice text)
{
    size_t n = sizeof(struct event_record) + text.n;
    struct event_record *r = jst_ring_reserve(&source->ring, n);

    if (r == NULL) {
        drop(source);
        return;
    }
    *r = (struct event_record){.kind = RECORD_EVENT,
                               .level = (uint32_t)level,
                               .time_us = wall_us(source),
                               .name = jst_event_name(event),
                               .text_n = text.n};
    memcpy(r->text, text.p, text.n);
    jst_ring_commit(&source->ring, n);
    wake(source->logger);
}

static void
write_event(struct jst_log *log, enum joist_log_level level, enum jst_event event,
            struct jst_slice text)
{
    struct jst_log_source *source = JST_CONTAINER(log, struct jst_log_source, log);
    int64_t now_s = wall_us(source) / 1000000;
    uint32_t rate = jst_event_rate(event);
    char line[JST_LOG_LINE_BYTES + 64];

    if (source->rate_s[event] != now_s) {
        uint32_t over = source->rate_n[event] > rate ? source->rate_n[event] - rate : 0;

        source->rate_s[event] = now_s;
        source->rate_n[event] = 0;
        if (rate > 0 && over > 0) {
            text.n = jst_fmt(line, sizeof(line), "%.*s suppressed=%u", JST_PRI(text), over);
            text.p = line;
        }
    }
    source->rate_n[event]++;
    if (rate == 0 || source->rate_n[event] <= rate) {
        push_event(source, level, event, text);
    }
}

static size_t
text_bytes(struct joist_text t)
{
    return JST_MIN(t.n, TEXT_MAX_BYTES);
}

void
jst_logger_access(struct jst_log_source *source, const struct joist_access *a)
{
    size_t n = sizeof(struct access_record);
    struct access_record *r;
    char *p;

#define X(text) n += text_bytes(a->text);
    TEXT_MAP(X)
#undef X
    r = jst_ring_reserve(&source->ring, n);
    if (r == NULL) {
        drop(source);
        return;
    }
    r->kind = RECORD_ACCESS;
    r->a = *a;
    p = (char *)(r + 1);
#define X(text)                                                                                    \
    r->a.text.n = text_bytes(a->text);                                                             \
    if (r->a.text.n > 0) {                                                                         \
        memcpy(p, a->text.p, r->a.text.n);                                                         \
        p += r->a.text.n;                                                                          \
    }
    TEXT_MAP(X)
#undef X
    jst_ring_commit(&source->ring, n);
    wake(source->logger);
}

/* ---- writing out ---- */

static void
deliver_event(const struct jst_logger *l, const struct event_record *r, bool more)
{
    struct joist_log_event e = {.time_us = r->time_us,
                                .level = (enum joist_log_level)r->level,
                                .name = r->name,
                                .text = {r->text, r->text_n}};

    if (l->conf.on_event != NULL) {
        l->conf.on_event(l->conf.ctx, &e, more);
    }
}

static void
deliver_access(const struct jst_logger *l, const struct access_record *r, bool more)
{
    struct joist_access a = r->a;
    const char *p = (const char *)(r + 1);

#define X(text)                                                                                    \
    if (a.text.p != NULL) {                                                                        \
        a.text.p = p;                                                                              \
        p += a.text.n;                                                                             \
    }
    TEXT_MAP(X)
#undef X
    l->conf.on_access(l->conf.ctx, &a, more);
}

/* Everything in one ring: how many records. The kind is the first word of each. */
static size_t
empty_ring(struct jst_logger *l, struct jst_log_source *source)
{
    size_t records = 0;
    const void *record;
    size_t n;

    while ((record = jst_ring_front(&source->ring, &n)) != NULL) {
        bool more = jst_ring_has_more(&source->ring, n);
        uint32_t kind;

        memcpy(&kind, record, sizeof(kind));
        if (kind == RECORD_EVENT) {
            deliver_event(l, record, more);
        } else {
            deliver_access(l, record, more);
        }
        jst_ring_release(&source->ring);
        records++;
    }
    return records;
}

/* A lost line leaves no trace of its own: say how many there were, once a second at the most. */
static void
tell_dropped(struct jst_logger *l)
{
    struct jst_log_source *source = &l->sources[0];
    int64_t now_us = wall_us(source);
    uint64_t dropped = 0;
    char text[64];
    struct joist_log_event e;

    for (size_t i = 0; i < l->sources_n; i++) {
        dropped += __atomic_load_n(&l->sources[i].dropped, __ATOMIC_RELAXED);
    }
    if (dropped == l->dropped_told || now_us - l->dropped_told_us < 1000000 ||
        l->conf.on_event == NULL || l->conf.level > JOIST_LOG_WARN) {
        return;
    }
    e = (struct joist_log_event){
        .time_us = now_us, .level = JOIST_LOG_WARN, .name = jst_event_name(JST_EVENT_LOG_DROPPED)};
    e.text.n =
        jst_fmt(text, sizeof(text), "lines=%llu", (unsigned long long)(dropped - l->dropped_told));
    e.text.p = text;
    l->dropped_told = dropped;
    l->dropped_told_us = now_us;
    l->conf.on_event(l->conf.ctx, &e, false);
}

static size_t
empty_rings(struct jst_logger *l)
{
    size_t records = 0;

    for (size_t i = 0; i < l->sources_n; i++) {
        records += empty_ring(l, &l->sources[i]);
    }
    tell_dropped(l);
    return records;
}

static void
wait_for_more(struct jst_logger *l)
{
    uint64_t n;

    __atomic_store_n(&l->asleep, 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (empty_rings(l) > 0 || __atomic_load_n(&l->stop, __ATOMIC_ACQUIRE)) {
        __atomic_store_n(&l->asleep, 0, __ATOMIC_RELAXED);
        return;
    }
    if (read(l->wake_fd, &n, sizeof(n)) < 0) {
        JST_ASSERT(errno == EINTR || errno == EAGAIN);
    }
}

static void *
run_writer(void *arg)
{
    struct jst_logger *l = arg;
    const struct timespec rest = {.tv_nsec = REST_NS};

    while (!__atomic_load_n(&l->stop, __ATOMIC_ACQUIRE)) {
        size_t records = empty_rings(l);

        if (records == 0) {
            wait_for_more(l);
        } else if (records < BUSY_RECORDS) { /* more: the rings would be full after a rest */
            (void)nanosleep(&rest, NULL);
        }
    }
    l->dropped_told_us = 0; /* the last word */
    (void)empty_rings(l);
    return NULL;
}

/* ---- life ---- */

int
jst_logger_create(struct jst_logger **out, const struct joist_log_conf *conf, size_t sources)
{
    struct jst_logger *l = calloc(1, sizeof(*l));
    int rc = JOIST_E_NOMEM;

    if (l == NULL) {
        return rc;
    }
    l->conf = *conf;
    l->wake_fd = eventfd(0, EFD_CLOEXEC);
    l->sources = calloc(sources, sizeof(*l->sources));
    if (l->wake_fd < 0) {
        rc = JOIST_E_NOFILE;
        goto fail;
    }
    if (l->sources == NULL) {
        goto fail;
    }
    l->sources_n = sources;
    for (size_t i = 0; i < sources; i++) {
        struct jst_log_source *source = &l->sources[i];

        source->log = (struct jst_log){conf->level, write_event};
        source->logger = l;
        rc = jst_ring_init(&source->ring);
        if (rc < 0) {
            goto fail;
        }
    }
    *out = l;
    return JOIST_OK;
fail:
    jst_logger_destroy(&l);
    return rc;
}

int
jst_logger_start(struct jst_logger *l)
{
    int rc = jst_thread_start(&l->thread, run_writer, l);

    l->started = rc == JOIST_OK;
    return rc;
}

void
jst_logger_destroy(struct jst_logger **take)
{
    struct jst_logger *l = *take;

    *take = NULL;
    if (l == NULL) {
        return;
    }
    if (l->started) {
        __atomic_store_n(&l->stop, 1, __ATOMIC_RELEASE);
        __atomic_store_n(&l->asleep, 1, __ATOMIC_RELAXED);
        wake(l);
        pthread_join(l->thread, NULL);
    } else if (l->sources != NULL) {
        (void)empty_rings(l);
    }
    for (size_t i = 0; i < l->sources_n; i++) {
        jst_ring_fini(&l->sources[i].ring);
    }
    free(l->sources);
    if (l->wake_fd >= 0) {
        close(l->wake_fd);
    }
    free(l);
}

struct jst_log_source *
jst_logger_source(struct jst_logger *l, size_t i)
{
    JST_ASSERT(i < l->sources_n);
    return &l->sources[i];
}

bool
jst_logger_has_conf(const struct jst_logger *l, const struct joist_log_conf *conf)
{
    return l->conf.level == conf->level && l->conf.on_event == conf->on_event &&
           l->conf.on_access == conf->on_access && l->conf.ctx == conf->ctx;
}

bool
jst_logger_wants_access(const struct jst_logger *l)
{
    return l->conf.on_access != NULL;
}
