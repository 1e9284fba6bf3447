// SPDX-License-Identifier: MIT
#pragma once
/*
 * Every error libjoist can return: one list makes the enum, the name and the text.
 *
 * A function returns 0 or a positive count on success and one of these negative codes on failure.
 */
#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define JOIST_ERR_MAP(X)                                                                           \
    X(AGAIN, "not ready yet; the caller will be woken")                                            \
    X(NOMEM, "out of memory")                                                                      \
    X(INVAL, "argument or configuration is not valid")                                             \
    X(PROTO, "peer broke the protocol")                                                            \
    X(LIMIT, "a limit was reached")                                                                \
    X(TIMEOUT, "took too long")                                                                    \
    X(CLOSED, "peer closed the connection")                                                        \
    X(RESET, "peer reset the connection")                                                          \
    X(REFUSED, "connection refused")                                                               \
    X(UNREACH, "address cannot be reached")                                                        \
    X(RESOLVE, "name does not resolve")                                                            \
    X(NOTFOUND, "it is not there")                                                                 \
    X(ACCESS, "permission denied")                                                                 \
    X(INUSE, "address is in use")                                                                  \
    X(NOFILE, "no file descriptor left")                                                           \
    X(CANCELED, "canceled by the caller")                                                          \
    X(STATE, "not allowed in this state")                                                          \
    X(UNSUPPORTED, "not supported here")                                                           \
    X(UNAVAILABLE, "no upstream can take the request")                                             \
    X(TLS, "TLS handshake or record failed")                                                       \
    X(CERT, "certificate was not accepted")                                                        \
    X(IO, "input or output failed")                                                                \
    X(EXISTS, "it is there already")                                                               \
    X(BUSY, "too many requests wait")                                                              \
    X(EXPIRED, "waited too long for its turn")

enum joist_code {
    JOIST_OK = 0,
    JOIST_E_BASE_ = -1000,
#define X(name, text) JOIST_E_##name,
    JOIST_ERR_MAP(X)
#undef X
};

/**
 * An error of the control plane with its place. The caller owns it; it holds no pointers, so it
 * works when memory is out. line and column count from 1; 0 means unknown.
 */
struct joist_err {
    int code; /* one of enum joist_code */
    unsigned line;
    unsigned column;
    char file[256];
    char message[512];
};

/** "NOMEM" for JOIST_E_NOMEM; "UNKNOWN" for a code that is not in the list. Static storage. */
const char *joist_error_name(int code);

/** The sentence of the list. Static storage. */
const char *joist_error_text(int code);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
