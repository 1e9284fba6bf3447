// SPDX-License-Identifier: MIT
/*
 * The names that are there, for those who add, read and wait for them; the thread that looks them
 * up is in resolve_run.c.
 */
#include "upstream/resolve_int.h"

#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

void
jst_names_wake(struct jst_names *n)
{
    (void)!write(n->wake[1], "", 1); /* full: it will wake anyway */
}

/* ---- names ---- */

static struct jst_name **
bucket_of(struct jst_names *n, struct jst_slice host, uint16_t port)
{
    return &n->buckets[jst_hash(host, port) & (JST_NAME_BUCKETS - 1)];
}

static struct jst_name *
make_name(struct jst_slice host, uint16_t port, bool srv)
{
    struct jst_name *name = calloc(1, sizeof(*name));

    if (name == NULL) {
        return NULL;
    }
    name->host = strndup(host.p, host.n);
    if (name->host == NULL) {
        free(name);
        return NULL;
    }
    name->port = port;
    name->srv = srv;
    name->refs = 1;
    return name;
}

void
jst_name_free(struct jst_name *name)
{
    free(name->host);
    free(name->addrs);
    free(name->old);
    free(name);
}

int
jst_name_get(struct jst_name **out, struct jst_names *n, struct jst_slice host, uint16_t port,
             bool srv)
{
    struct jst_name **bucket;
    struct jst_name *name;
    bool first = false;

    port = srv ? 0 : port;
    bucket = bucket_of(n, host, port);
    pthread_mutex_lock(&n->lock);
    for (name = *bucket; name != NULL; name = name->next) {
        if (name->port == port && name->srv == srv && jst_slice_eq(jst_slice_z(name->host), host)) {
            break;
        }
    }
    if (name == NULL && (name = make_name(host, port, srv)) != NULL) {
        name->next = *bucket;
        *bucket = name;
        n->unanswered++;
        first = !n->started;
        n->started = true;
    }
    if (name != NULL) {
        *out = jst_name_ref(name);
    }
    pthread_mutex_unlock(&n->lock);
    if (first && n->ev->on_needed(n->ctx) < 0) {
        pthread_mutex_lock(&n->lock);
        n->started = false;
        pthread_mutex_unlock(&n->lock);
    }
    jst_names_wake(n);
    return name != NULL ? JOIST_OK : JOIST_E_NOMEM;
}

struct jst_name *
jst_name_ref(struct jst_name *name)
{
    (void)__atomic_add_fetch(&name->refs, 1, __ATOMIC_RELAXED);
    return name;
}

/* The thread finds out that nobody else has it. */
void
jst_name_unref(struct jst_name **take)
{
    struct jst_name *name = *take;

    *take = NULL;
    if (name != NULL) {
        (void)__atomic_sub_fetch(&name->refs, 1, __ATOMIC_RELEASE);
    }
}

const struct jst_addrs *
jst_name_addrs(const struct jst_name *name)
{
    return __atomic_load_n(&name->addrs, __ATOMIC_ACQUIRE);
}

/* ---- who reads, and who waits ---- */

void
jst_names_seen(struct jst_names *n)
{
    if (__atomic_sub_fetch(&n->unseen, 1, __ATOMIC_ACQ_REL) == 0) {
        jst_names_wake(n);
    }
}

void
jst_names_stop(struct jst_names *n)
{
    pthread_mutex_lock(&n->lock);
    n->stop = true;
    pthread_cond_broadcast(&n->answered);
    pthread_mutex_unlock(&n->lock);
    jst_names_wake(n);
}

void
jst_names_wait(struct jst_names *n, uint64_t ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&n->lock);
    while (n->unanswered > 0 && n->started && !n->stop) {
        if (pthread_cond_timedwait(&n->answered, &n->lock, &until) == ETIMEDOUT) {
            break;
        }
    }
    pthread_mutex_unlock(&n->lock);
}

void
jst_names_serve(struct jst_names *n, unsigned readers)
{
    pthread_mutex_lock(&n->lock);
    n->readers = readers;
    pthread_mutex_unlock(&n->lock);
    jst_names_wake(n);
}

/* Who is replaced stays until free_old() has the lock. */
struct jst_addrs *
jst_name_copy_addrs(struct jst_names *n, const struct jst_name *name)
{
    const struct jst_addrs *from;
    struct jst_addrs *copy = NULL;

    pthread_mutex_lock(&n->lock);
    from = jst_name_addrs(name);
    if (from != NULL && (copy = malloc(sizeof(*copy) + from->n * sizeof(copy->v[0]))) != NULL) {
        memcpy(copy, from, sizeof(*copy) + from->n * sizeof(copy->v[0]));
    }
    pthread_mutex_unlock(&n->lock);
    return copy;
}

/* ---- settings ---- */

static int
parse_server(struct jst_addr *out, struct jst_slice text)
{
    return jst_addr_literal(out, text, 53) == JOIST_OK ? JOIST_OK : jst_addr_parse(out, text);
}

bool
jst_names_is_server(struct jst_slice text)
{
    struct jst_addr a;

    if (jst_addr_literal(&a, text, 53) == JOIST_OK) {
        return true;
    }
    return text.n > 0 && text.p[0] != ':' && jst_addr_parse(&a, text) == JOIST_OK &&
           a.u.any.sa_family != AF_UNIX && jst_addr_port(&a) != 0;
}

int
jst_names_set(struct jst_names *n, const struct joist_dns_conf *conf)
{
    char text[JST_DNS_SERVERS_BYTES];
    struct jst_str s = jst_str(text, sizeof(text));

    for (size_t i = 0; i < conf->servers_n; i++) {
        char one[JST_ADDR_TEXT_BYTES];
        struct jst_addr a;

        if (parse_server(&a, jst_slice_z(conf->servers[i])) < 0) {
            return JOIST_E_INVAL;
        }
        jst_str_fmt(&s, "%s%.*s", i > 0 ? "," : "", (int)jst_addr_print(one, &a), one);
    }
    jst_str_add_char(&s, '\0');
    if (s.full) {
        return JOIST_E_INVAL;
    }
    pthread_mutex_lock(&n->lock);
    memcpy(n->servers, text, s.n);
    n->timeout_ms = conf->timeout_ms > 0 ? (uint32_t)JST_MIN(conf->timeout_ms, 60000u)
                                         : JST_DNS_TIMEOUT_MS_DEFAULT;
    n->min_ttl_ms = JST_MAX(conf->min_ttl_ms, 100u);
    n->max_ttl_ms = JST_MAX(conf->max_ttl_ms, n->min_ttl_ms);
    pthread_mutex_unlock(&n->lock);
    return JOIST_OK;
}

/* ---- life ---- */

int
jst_names_create(struct jst_names **out, const struct jst_names_events *ev, void *ctx)
{
    struct jst_names *n = calloc(1, sizeof(*n));
    pthread_condattr_t attr;

    if (n == NULL) {
        return JOIST_E_NOMEM;
    }
    if (pipe2(n->wake, O_CLOEXEC | O_NONBLOCK) < 0) {
        free(n);
        return JOIST_E_NOFILE;
    }
    n->ev = ev;
    n->ctx = ctx;
    n->timeout_ms = JST_DNS_TIMEOUT_MS_DEFAULT;
    n->min_ttl_ms = JST_DNS_MIN_TTL_MS_DEFAULT;
    n->max_ttl_ms = JST_DNS_MAX_TTL_MS_DEFAULT;
    pthread_mutex_init(&n->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&n->answered, &attr);
    pthread_condattr_destroy(&attr);
    *out = n;
    return JOIST_OK;
}

void
jst_names_destroy(struct jst_names **take)
{
    struct jst_names *n = *take;

    *take = NULL;
    if (n == NULL) {
        return;
    }
    for (size_t i = 0; i < JST_NAME_BUCKETS; i++) {
        while (n->buckets[i] != NULL) {
            struct jst_name *name = n->buckets[i];

            JST_ASSERT(name->refs == 1);
            n->buckets[i] = name->next;
            jst_name_free(name);
        }
    }
    close(n->wake[0]);
    close(n->wake[1]);
    pthread_cond_destroy(&n->answered);
    pthread_mutex_destroy(&n->lock);
    free(n);
}
