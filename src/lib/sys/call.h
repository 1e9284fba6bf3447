// SPDX-License-Identifier: MIT
#pragma once
/*
 * The system calls of the hot path, without the C library's cancellation points.
 *
 * Why:     in a process with threads glibc wraps each of recv, send, sendmsg, epoll_wait and
 *          sendfile in two atomic operations, so that pthread_cancel() may interrupt it. Nothing
 *          here is ever cancelled; perf showed 3 % of a small request in these wrappers.
 * Threads: any. errno as with the C library's functions.
 * Sanitizers see the C library's functions, which they check.
 */
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define JST_CALL_LIBC 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define JST_CALL_LIBC 1
#endif
#endif
/* Other architectures number or split these calls in other ways. */
#if !defined(JST_CALL_LIBC) && !defined(__x86_64__) && !defined(__aarch64__)
#define JST_CALL_LIBC 1
#endif

#ifdef JST_CALL_LIBC
#define jst_call_recv(fd, p, n, flags)         recv((fd), (p), (n), (flags))
#define jst_call_send(fd, p, n, flags)         send((fd), (p), (n), (flags))
#define jst_call_sendmsg(fd, msg, flags)       sendmsg((fd), (msg), (flags))
#define jst_call_sendfile(out, in, off, n)     sendfile((out), (in), (off), (n))
#define jst_call_epoll_wait(fd, v, n, wait_ms) epoll_wait((fd), (v), (n), (wait_ms))
#else
static inline ssize_t
jst_call_recv(int fd, void *p, size_t n, int flags)
{
    return syscall(SYS_recvfrom, fd, p, n, flags, NULL, NULL);
}

static inline ssize_t
jst_call_send(int fd, const void *p, size_t n, int flags)
{
    return syscall(SYS_sendto, fd, p, n, flags, NULL, 0);
}

static inline ssize_t
jst_call_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    return syscall(SYS_sendmsg, fd, msg, flags);
}

static inline ssize_t
jst_call_sendfile(int out, int in, off_t *off, size_t n)
{
    return syscall(SYS_sendfile, out, in, off, n);
}

static inline int
jst_call_epoll_wait(int fd, struct epoll_event *v, int n, int wait_ms)
{
    return (int)syscall(SYS_epoll_pwait, fd, v, n, wait_ms, NULL, 8); /* 8: of a kernel sigset */
}
#endif
