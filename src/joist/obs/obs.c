// SPDX-License-Identifier: MIT
#include "obs/obs.h"

#include "obs/format.h"
#include "obs/log_file.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

/* How long a line of the program waits for a log thread that is stuck in a write. */
#define SAY_PATIENCE_MS 200

#define OBS_MAGIC 0x6f627331u /* "obs1" */

struct jst_obs {
    pthread_mutex_t
        events_lock; /* `events` and `event_stamp`: the log thread's and jst_obs_say() */
    struct jst_log_file *events; /* owned */
    struct jst_log_file *access; /* owned; NULL: off */
    enum jst_access_format format;
    const char *const *hidden; /* borrowed; NULL: no events are left out */
    struct jst_stamp event_stamp;
    struct jst_stamp access_stamp;
    uint32_t magic; /* it travels as the callbacks' ctx */
};

static struct jst_obs *
obs_of(void *ctx)
{
    struct jst_obs *o = ctx;

    JST_ASSERT(o->magic == OBS_MAGIC);
    return o;
}

static uint64_t
now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

int
jst_obs_open(struct jst_obs **out, const struct jst_part_log *log, struct joist_err *err)
{
    struct jst_obs *o = calloc(1, sizeof(*o));
    int rc = JOIST_E_NOMEM;

    *err = (struct joist_err){.code = rc, .message = "out of memory"};
    if (o == NULL) {
        goto fail;
    }
    o->magic = OBS_MAGIC;
    (void)pthread_mutex_init(&o->events_lock, NULL);
    o->format = (enum jst_access_format)log->access->format;
    rc = jst_log_file_open(&o->events, log->error, err);
    if (rc == JOIST_OK && o->format != JST_ACCESS_OFF) {
        rc = jst_log_file_open(&o->access, log->access->path, err);
    }
    if (rc < 0) {
        goto fail;
    }
    *out = o;
    return JOIST_OK;
fail:
    jst_obs_close(&o);
    return rc;
}

void
jst_obs_close(struct jst_obs **take)
{
    struct jst_obs *o = *take;

    *take = NULL;
    if (o != NULL) {
        jst_log_file_close(&o->events);
        jst_log_file_close(&o->access);
        (void)pthread_mutex_destroy(&o->events_lock);
        o->magic = 0;
        free(o);
    }
}

static void
print_access(struct jst_str *line, const void *what, void *ctx)
{
    struct jst_obs *o = obs_of(ctx);

    if (o->format == JST_ACCESS_JSON) {
        jst_access_json(line, what, &o->access_stamp);
    } else {
        jst_access_combined(line, what, &o->access_stamp);
    }
}

static void
print_event(struct jst_str *line, const void *what, void *ctx)
{
    struct jst_obs *o = obs_of(ctx);

    jst_event_line(line, what, &o->event_stamp);
}

/* A batch may hold both kinds; only its last line says that it ends. */
static void
flush(struct jst_obs *o)
{
    uint64_t now = now_ms();

    (void)pthread_mutex_lock(&o->events_lock);
    jst_log_file_flush(o->events, now);
    (void)pthread_mutex_unlock(&o->events_lock);
    if (o->access != NULL) {
        jst_log_file_flush(o->access, now);
    }
}

static void
on_access(void *ctx, const struct joist_access *a, bool more)
{
    struct jst_obs *o = obs_of(ctx);

    jst_log_file_line(o->access, print_access, a, o);
    if (!more) {
        flush(o);
    }
}

static bool
is_hidden(const struct jst_obs *o, const char *name)
{
    for (size_t i = 0; o->hidden != NULL && o->hidden[i] != NULL; i++) {
        if (strcmp(o->hidden[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void
on_event(void *ctx, const struct joist_log_event *e, bool more)
{
    struct jst_obs *o = obs_of(ctx);

    if (!is_hidden(o, e->name)) {
        (void)pthread_mutex_lock(&o->events_lock);
        jst_log_file_line(o->events, print_event, e, o);
        (void)pthread_mutex_unlock(&o->events_lock);
    }
    if (!more) {
        flush(o);
    }
}

void
jst_obs_say(struct jst_obs *o, enum joist_log_level level, const char *name, const char *text)
{
    struct joist_log_event e = {.level = level, .name = name, .text = {text, strlen(text)}};
    struct timespec t;

    (void)clock_gettime(CLOCK_REALTIME, &t);
    e.time_us = (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
    t.tv_nsec += SAY_PATIENCE_MS * 1000000l;
    t.tv_sec += t.tv_nsec / 1000000000l;
    t.tv_nsec %= 1000000000l;
    if (pthread_mutex_timedlock(&o->events_lock, &t) == 0) {
        jst_log_file_line(o->events, print_event, &e, o);
        jst_log_file_flush(o->events, now_ms());
        (void)pthread_mutex_unlock(&o->events_lock);
    }
}

void
jst_obs_hide(struct jst_obs *o, const char *const *names)
{
    o->hidden = names;
}

void
jst_obs_attach(struct jst_obs *o, struct joist_log_conf *to)
{
    to->on_event = on_event;
    to->on_access = o->access != NULL ? on_access : NULL;
    to->ctx = o;
}
