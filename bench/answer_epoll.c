// SPDX-License-Identifier: MIT
// The floor of the static rows: one thread, epoll, nothing parsed. Whatever a client sends, one
// read of it is answered by one write of the same bytes, made ready at the start: a usual head and
// the contents of one file.
//     answer_epoll PORT FILE
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD_MAX = 512, BODY_MAX = 65536, EVENTS_MAX = 256, BACKLOG = 4096 };

static char answer[HEAD_MAX + BODY_MAX];
static char request[65536];

/* Puts head and body into `answer`; returns their length, 0 if the file cannot be read. */
static size_t
load_answer(const char *path)
{
    static char body[BODY_MAX];
    FILE *f = fopen(path, "rb");

    if (f == NULL) {
        return 0;
    }
    size_t body_bytes = fread(body, 1, sizeof(body), f);
    fclose(f);
    int head_bytes =
        snprintf(answer, HEAD_MAX,
                 "HTTP/1.1 200 OK\r\nServer: floor\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
                 "Content-Type: text/plain\r\nContent-Length: %zu\r\n"
                 "Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
                 "ETag: \"6592008000-400\"\r\nAccept-Ranges: bytes\r\n\r\n",
                 body_bytes);
    for (size_t i = 0; i < body_bytes; i++) {
        answer[(size_t)head_bytes + i] = body[i];
    }
    return (size_t)head_bytes + body_bytes;
}

static int
open_listener(int port)
{
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((unsigned short)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&to, sizeof(to)) < 0 || listen(fd, BACKLOG) < 0) {
        perror("listen");
        exit(1);
    }
    return fd;
}

static void
accept_all(int epoll, int listener)
{
    int fd, one = 1;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct epoll_event e = {.events = EPOLLIN | EPOLLET, .data.fd = fd};

        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
    }
}

int
main(int argc, char **argv)
{
    size_t bytes = argc == 3 ? load_answer(argv[2]) : 0;

    if (bytes == 0) {
        fprintf(stderr, "usage: answer_epoll PORT FILE\n");
        return 2;
    }
    int listener = open_listener(atoi(argv[1])), epoll = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = listener}, events[EVENTS_MAX];

    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e);
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS_MAX, -1);

        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;

            if (fd == listener) {
                accept_all(epoll, listener);
            } else if (recv(fd, request, sizeof(request), 0) <= 0 ||
                       send(fd, answer, bytes, MSG_NOSIGNAL) != (ssize_t)bytes) {
                close(fd);
            }
        }
    }
}
