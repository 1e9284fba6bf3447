// SPDX-License-Identifier: MIT
/*
 * A TLS client for the tests, on the same OpenSSL as the program: X25519MLKEM768, ECH, sessions,
 * early data, each as asked for on the command line.
 *
 * Standard input is sent, what comes is written to standard output, facts are JSON lines on
 * standard error. Ends with the peer's end: 0; 1: no handshake; 2: wrong usage.
 */
#include "tls_client.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EARLY_BYTES_MAX 65536
#define READ_BYTES      65536

struct flag {
    const char *name;
    const char **text; /* takes a value */
    bool *on;          /* takes none */
    const char *help;
};

struct options opt;

static const struct flag flags[] = {
    {"--sni", &opt.sni, NULL, "NAME    server name; none: no extension"},
    {"--alpn", &opt.alpn, NULL, "LIST    protocols: h2,http/1.1"},
    {"--groups", &opt.groups, NULL, "LIST    key exchange: X25519:P-256"},
    {"--sigalgs", &opt.sigalgs, NULL, "LIST    signature algorithms"},
    {"--ciphers", &opt.ciphers, NULL, "LIST    of TLS 1.2"},
    {"--suites", &opt.suites, NULL, "LIST    of TLS 1.3"},
    {"--min", &opt.min, NULL, "1.0|1.1|1.2|1.3"},
    {"--max", &opt.max, NULL, "1.0|1.1|1.2|1.3"},
    {"--ca", &opt.ca, NULL, "FILE    verify by these authorities"},
    {"--cert", &opt.cert, NULL, "FILE    our certificate and its chain"},
    {"--key", &opt.key, NULL, "FILE    its key"},
    {"--session-in", &opt.session_in, NULL, "FILE    resume this"},
    {"--session-out", &opt.session_out, NULL, "FILE    keep the newest here"},
    {"--ech", &opt.ech, NULL, "BASE64  an ECHConfigList"},
    {"--ech-outer", &opt.ech_outer, NULL, "NAME    outer name; else the list's"},
    {"--grease", NULL, &opt.grease, "send GREASE ECH"},
    {"--early", NULL, &opt.early, "standard input is early data"},
    {"--status", NULL, &opt.status, "ask for an OCSP response"},
    {"--no-tickets", NULL, &opt.no_tickets, "no session tickets"},
    {"--end-after", NULL, &opt.end_after, "leave when standard input ends"},
};

/* ---- the exchange ---- */

/* All of standard input; returns how much. */
static size_t
read_input(char *buf, size_t max)
{
    size_t n = 0;

    for (;;) {
        ssize_t got = read(STDIN_FILENO, buf + n, max - n);

        if (got <= 0) {
            return n;
        }
        n += (size_t)got;
    }
}

static void
send_all(SSL *ssl, const char *p, size_t n)
{
    size_t sent = 0;

    if (n > 0 && SSL_write_ex(ssl, p, n, &sent) != 1) {
        facts_end("send failed");
    }
}

/* Early data goes with the first flight; where it is refused, it is sent again after the handshake,
 * as RFC 8446 4.2.10 lets a client do. */
static void
shake_hands(SSL *ssl)
{
    static char early[EARLY_BYTES_MAX];
    size_t early_n = 0;
    size_t sent = 0;

    if (opt.early) {
        early_n = read_input(early, sizeof(early));
        if (SSL_write_early_data(ssl, early, early_n, &sent) != 1) {
            facts_no_handshake(ssl);
        }
    }
    if (SSL_connect(ssl) != 1) {
        facts_no_handshake(ssl);
    }
    facts_handshake(ssl);
    if (opt.early && SSL_get_early_data_status(ssl) != SSL_EARLY_DATA_ACCEPTED) {
        send_all(ssl, early, early_n);
    }
}

static bool
pump_in(SSL *ssl)
{
    static char buf[READ_BYTES];
    size_t n = 0;

    do {
        if (SSL_read_ex(ssl, buf, sizeof(buf), &n) != 1) {
            int why = SSL_get_error(ssl, 0);

            if (why == SSL_ERROR_WANT_READ) {
                return true;
            }
            facts_end(why == SSL_ERROR_ZERO_RETURN ? "close_notify" : "cut");
            return false;
        }
        for (size_t done = 0; done < n;) {
            ssize_t put = write(STDOUT_FILENO, buf + done, n - done);

            if (put <= 0) {
                return false;
            }
            done += (size_t)put;
        }
    } while (SSL_pending(ssl) > 0);
    return true;
}

static void
pump(SSL *ssl, int fd)
{
    static char buf[READ_BYTES];
    struct pollfd watched[2] = {{fd, POLLIN, 0}, {opt.early ? -1 : STDIN_FILENO, POLLIN, 0}};

    for (;;) {
        if (poll(watched, 2, -1) < 0) {
            return;
        }
        if (watched[1].revents != 0) {
            ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));

            if (n <= 0 && opt.end_after) {
                return;
            }
            if (n <= 0) {
                watched[1].fd = -1;
            } else {
                send_all(ssl, buf, (size_t)n);
            }
        }
        if (watched[0].revents != 0 && !pump_in(ssl)) {
            return;
        }
    }
}

/* ---- usage ---- */

_Noreturn static void
usage(int code)
{
    fputs("usage: tls_client HOST:PORT [OPTIONS] <request\n", stderr);
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        fprintf(stderr, "  %-14s %s\n", flags[i].name, flags[i].help);
    }
    exit(code);
}

static void
parse(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const struct flag *found = NULL;

        for (size_t k = 0; k < sizeof(flags) / sizeof(flags[0]); k++) {
            if (strcmp(flags[k].name, argv[i]) == 0) {
                found = &flags[k];
            }
        }
        if (found == NULL && argv[i][0] != '-' && opt.target == NULL) {
            opt.target = argv[i];
        } else if (found != NULL && found->on != NULL) {
            *found->on = true;
        } else if (found != NULL && i + 1 < argc) {
            *found->text = argv[++i];
        } else {
            usage(strcmp(argv[i], "--help") == 0 ? 0 : 2);
        }
    }
    if (opt.target == NULL) {
        usage(2);
    }
}

int
main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    parse(argc, argv);

    SSL_CTX *ctx = make_context();
    int fd = connect_to(opt.target);
    SSL *ssl = make_connection(ctx, fd);

    shake_hands(ssl);
    /* From here on a read may find only a ticket: it must not block then. */
    SSL_clear_mode(ssl, SSL_MODE_AUTO_RETRY);
    pump(ssl, fd);
    SSL_shutdown(ssl);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fd);
    return 0;
}
