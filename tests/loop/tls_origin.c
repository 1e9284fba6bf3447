// SPDX-License-Identifier: MIT
#include "tls_origin.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ARGS_MAX 40

/* Each line a command: an authority, another one, and what the first has signed. */
static const char make_script[] =
    "set -e; cd \"$1\"\n"
    "key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'\n"
    "for ca in ca other; do\n"
    "  openssl req -x509 $key -keyout $ca.key -out $ca.pem -days 30 -subj \"/CN=$ca of a test\"\n"
    "done\n"
    "sign() { # name, days, extension\n"
    "  openssl req $key -keyout $1.key -out $1.csr -subj \"/CN=$1\"\n"
    "  echo \"$3\" >$1.ext\n"
    "  openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca.key -set_serial $4 -days $2"
    " -extfile $1.ext -out $1.crt\n"
    "  cat $1.crt $1.key >$1.pem\n"
    "}\n"
    "names='subjectAltName=DNS:localhost,IP:127.0.0.1'\n"
    "sign good 30 \"$names\" 1; sign expired -1 \"$names\" 2\n"
    "sign client 30 'extendedKeyUsage=clientAuth' 3\n";

static void
run_script(const char *script, const char *arg)
{
    pid_t pid = fork();
    int status = -1;

    assert_true(pid >= 0);
    if (pid == 0) {
        (void)!freopen("/dev/null", "w", stdout);
        (void)!freopen("/dev/null", "w", stderr);
        execlp("sh", "sh", "-c", script, "sh", arg, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

void
pki_make(struct pki *p)
{
    const char *tmp = getenv("TMPDIR");

    (void)snprintf(p->folder, sizeof(p->folder), "%.30s/joist-tls-XXXXXX",
                   tmp != NULL ? tmp : "/tmp");
    assert_non_null(mkdtemp(p->folder));
    run_script(make_script, p->folder);
}

void
pki_remove(struct pki *p)
{
    run_script("rm -r -- \"$1\"", p->folder);
}

const char *
pki_path(struct pki *p, const char *name)
{
    (void)snprintf(p->path, sizeof(p->path), "%s/%s.pem", p->folder, name);
    return p->path;
}

/* It says which port it got: "ACCEPT 127.0.0.1:40123". */
static uint16_t
read_port(int fd)
{
    char text[512];
    size_t n = 0;
    unsigned port = 0;

    while (n < sizeof(text) - 1) {
        ssize_t k = read(fd, text + n, sizeof(text) - 1 - n);
        const char *at;

        assert_true(k > 0); /* else it has ended */
        n += (size_t)k;
        text[n] = '\0';
        at = strstr(text, "ACCEPT 127.0.0.1:");
        if (at != NULL && strchr(at, '\n') != NULL &&
            sscanf(at, "ACCEPT 127.0.0.1:%u", &port) == 1) {
            return (uint16_t)port;
        }
    }
    fail_msg("s_server says: %s", text);
    return 0;
}

void
origin_start(struct tls_origin *o, struct pki *p, const char *cert, const char *const *args)
{
    const char *v[ARGS_MAX] = {"openssl", "s_server", "-accept", "127.0.0.1:0",
                               "-cert",   NULL,       "-www"};
    char path[256];
    size_t n = 7;
    int fds[2];

    (void)snprintf(path, sizeof(path), "%s", pki_path(p, cert));
    v[5] = path;
    for (; args != NULL && *args != NULL && n < ARGS_MAX - 1; args++) {
        v[n++] = *args;
    }
    assert_int_equal(pipe(fds), 0);
    o->pid = fork();
    assert_true(o->pid >= 0);
    if (o->pid == 0) {
        (void)dup2(fds[1], STDOUT_FILENO);
        (void)!freopen("/dev/null", "w", stderr);
        (void)!freopen("/dev/null", "r", stdin);
        close(fds[0]);
        close(fds[1]);
        execvp("openssl", (char *const *)(uintptr_t)v);
        _exit(127);
    }
    close(fds[1]);
    o->out = fds[0];
    o->port = read_port(o->out);
}

void
origin_stop(struct tls_origin *o)
{
    int status;

    assert_int_equal(kill(o->pid, SIGKILL), 0);
    assert_int_equal(waitpid(o->pid, &status, 0), o->pid);
    close(o->out);
}
