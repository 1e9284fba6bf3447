// SPDX-License-Identifier: MIT
/*
 * Full TLS handshakes as load: `handshake_load PORT PATH CONNS SECONDS GROUPS [SITES]`.
 *
 * CONNS threads, each: connect, a full handshake (TLS 1.3, no session), one GET with
 * "Connection: close", read to the end; again, until the time is over. With SITES the names
 * site0.test, site1.test ... are asked for in turn, each with its own certificate. Prints JSON:
 * requests, seconds, errors, group. Built against the private OpenSSL, so that every program under
 * test meets the same client, with post-quantum groups too.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNS_MAX   256
#define SECONDS_MAX 600
#define IO_S        10 /* longest wait of one read or write */

struct load {
    SSL_CTX *ctx;
    struct sockaddr_in to;
    const char *path;
    double end_s;
    unsigned sites;
};

struct worker {
    pthread_t thread;
    const struct load *load;
    unsigned long requests;
    unsigned long errors;
    unsigned next_site;
    char group[64];
};

static double
now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int
connect_to(const struct load *l)
{
    struct timeval wait = {.tv_sec = IO_S};
    struct linger cut = {.l_onoff = 1}; /* no TIME_WAIT: ports would run out within seconds */
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &cut, sizeof(cut));
    if (connect(fd, (const struct sockaddr *)&l->to, sizeof(l->to)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* The name to ask for, and the request; its length. */
static int
choose(struct worker *w, SSL *ssl, char *request, size_t cap)
{
    char name[32] = "localhost";

    if (w->load->sites > 0) {
        (void)snprintf(name, sizeof(name), "site%u.test", w->next_site++ % w->load->sites);
        (void)SSL_set_tlsext_host_name(ssl, name);
    }
    return snprintf(request, cap, "GET %.256s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
                    w->load->path, name);
}

/* True: a whole answer 200 and a full handshake. */
static int
ask(struct worker *w, SSL *ssl)
{
    char answer[16384];
    char request[512];
    size_t total = 0;
    int length = choose(w, ssl, request, sizeof(request));
    int n;

    if (SSL_connect(ssl) != 1 || SSL_session_reused(ssl) ||
        SSL_write(ssl, request, length) != length) {
        return 0;
    }
    while ((n = SSL_read(ssl, answer + total, (int)(sizeof(answer) - total))) > 0) {
        total += (size_t)n;
        if (total == sizeof(answer)) {
            return 0;
        }
    }
    if (w->group[0] == '\0' && SSL_get0_group_name(ssl) != NULL) {
        (void)snprintf(w->group, sizeof(w->group), "%s", SSL_get0_group_name(ssl));
    }
    return total > 12 && memcmp(answer, "HTTP/1.1 200", 12) == 0;
}

static void *
run(void *arg)
{
    struct worker *w = arg;

    while (now_s() < w->load->end_s) {
        int fd = connect_to(w->load);
        SSL *ssl = SSL_new(w->load->ctx);

        if (fd >= 0 && ssl != NULL && SSL_set_fd(ssl, fd) == 1 && ask(w, ssl)) {
            w->requests++;
        } else {
            w->errors++;
        }
        SSL_free(ssl);
        if (fd >= 0) {
            close(fd);
        }
    }
    return NULL;
}

static int
prepare(struct load *l, char **argv)
{
    l->ctx = SSL_CTX_new(TLS_client_method());
    if (l->ctx == NULL || SSL_CTX_set1_groups_list(l->ctx, argv[5]) != 1 ||
        SSL_CTX_set_min_proto_version(l->ctx, TLS1_3_VERSION) != 1) {
        return 0;
    }
    SSL_CTX_set_session_cache_mode(l->ctx, SSL_SESS_CACHE_OFF);
    l->to.sin_family = AF_INET;
    l->to.sin_port = htons((uint16_t)atoi(argv[1]));
    l->to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    l->path = argv[2];
    return 1;
}

int
main(int argc, char **argv)
{
    static struct worker workers[CONNS_MAX];
    struct load l = {0};
    unsigned long requests = 0;
    unsigned long errors = 0;
    double began_s;
    int conns;
    int seconds;

    if (argc < 6 || argc > 7 || (conns = atoi(argv[3])) < 1 || conns > CONNS_MAX ||
        (seconds = atoi(argv[4])) < 1 || seconds > SECONDS_MAX || !prepare(&l, argv)) {
        (void)fprintf(stderr, "usage: %s PORT PATH CONNS SECONDS GROUPS [SITES]\n", argv[0]);
        return 2;
    }
    l.sites = argc == 7 ? (unsigned)atoi(argv[6]) : 0;
    (void)signal(SIGPIPE, SIG_IGN);
    began_s = now_s();
    l.end_s = began_s + seconds;
    for (int i = 0; i < conns; i++) {
        workers[i].load = &l;
        workers[i].next_site = (unsigned)i * 13;
        if (pthread_create(&workers[i].thread, NULL, run, &workers[i]) != 0) {
            return 1;
        }
    }
    for (int i = 0; i < conns; i++) {
        (void)pthread_join(workers[i].thread, NULL);
        requests += workers[i].requests;
        errors += workers[i].errors;
    }
    (void)printf("{\"requests\": %lu, \"seconds\": %.3f, \"errors\": %lu, \"group\": \"%s\"}\n",
                 requests, now_s() - began_s, errors, workers[0].group);
    SSL_CTX_free(l.ctx);
    return 0;
}
