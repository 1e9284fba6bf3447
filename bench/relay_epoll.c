// SPDX-License-Identifier: MIT
// Blind TCP relay: one thread, epoll, no parsing. The floor for an epoll proxy.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
struct half {
    int fd;
    struct half *peer;
};
int
main(int c, char **v)
{
    int lp = atoi(v[1]), up = atoi(v[2]), one = 1;
    int l = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, 4);
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(lp), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(l, (void *)&a, sizeof a) || listen(l, 4096)) {
        perror("bind");
        return 1;
    }
    int ep = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL}, ev[256];
    epoll_ctl(ep, EPOLL_CTL_ADD, l, &e);
    static char buf[262144];
    for (;;) {
        int n = epoll_wait(ep, ev, 256, -1);
        for (int i = 0; i < n; i++) {
            struct half *h = ev[i].data.ptr;
            if (!h) {
                int f;
                while ((f = accept4(l, 0, 0, SOCK_NONBLOCK)) >= 0) {
                    int u = socket(AF_INET, SOCK_STREAM, 0);
                    struct sockaddr_in b = a;
                    b.sin_port = htons(up);
                    connect(u, (void *)&b, sizeof b);
                    setsockopt(f, IPPROTO_TCP, TCP_NODELAY, &one, 4);
                    setsockopt(u, IPPROTO_TCP, TCP_NODELAY, &one, 4);
                    struct half *x = malloc(sizeof *x), *y = malloc(sizeof *y);
                    *x = (struct half){f, y};
                    *y = (struct half){u, x};
                    e.events = EPOLLIN;
                    e.data.ptr = x;
                    epoll_ctl(ep, EPOLL_CTL_ADD, f, &e);
                    e.data.ptr = y;
                    epoll_ctl(ep, EPOLL_CTL_ADD, u, &e);
                }
                continue;
            }
            if (!h->peer)
                continue;
            ssize_t r = recv(h->fd, buf, sizeof buf, MSG_DONTWAIT);
            if (r <= 0) {
                close(h->fd);
                close(h->peer->fd);
                h->peer->peer = NULL;
                h->peer = NULL;
                continue;
            }
            for (ssize_t o = 0; o < r;) {
                ssize_t w = send(h->peer->fd, buf + o, r - o, MSG_NOSIGNAL);
                if (w <= 0) {
                    if (w < 0)
                        usleep(10);
                    else
                        break;
                } else
                    o += w;
            }
        }
    }
}
