// SPDX-License-Identifier: MIT
/* --auto-tls: certificates of mkcert, whose authority the browsers of this machine trust. */
#include "cli/plan.h"

#include "base/str.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CERT_FILE "mkcert.pem"
#define KEY_FILE  "mkcert-key.pem"
/* How long mkcert may take; it makes a key or prints a path. */
#define PATIENCE_MS   15000
#define ARGUMENTS_MAX 96u

extern char **environ;

/* Read until the end or until the time is over; what does not fit is dropped. */
static bool
read_output(int fd, char *out, size_t cap)
{
    size_t n = 0;
    char rest[256];
    struct pollfd p = {.fd = fd, .events = POLLIN};

    for (;;) {
        bool room = n + 1 < cap;
        ssize_t got;

        if (poll(&p, 1, PATIENCE_MS) <= 0) {
            return false;
        }
        got = room ? read(fd, out + n, cap - 1 - n) : read(fd, rest, sizeof(rest));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            out[n] = '\0';
            return got == 0;
        }
        n += room ? (size_t)got : 0;
    }
}

/* Run it; its standard output and errors go to `out`. True if it ended well. */
static bool
run_mkcert(char *const *argv, char *out, size_t cap)
{
    posix_spawn_file_actions_t actions;
    int ends[2], status = 0;
    pid_t pid;
    bool ok;

    out[0] = '\0';
    if (pipe(ends) != 0) {
        return false;
    }
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", 0, 0);
    (void)posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    (void)posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    (void)posix_spawn_file_actions_addclose(&actions, ends[0]);
    (void)posix_spawn_file_actions_addclose(&actions, ends[1]);
    ok = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ) == 0;
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(ends[1]);
    if (ok) {
        ok = read_output(ends[0], out, cap);
        if (!ok) {
            (void)kill(pid, SIGKILL);
        }
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        }
        ok = ok && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    (void)close(ends[0]);
    return ok;
}

/* The authority's certificate. NULL: there it is; else what is missing. */
static const char *
find_authority(struct joist_cert_info *out, char *path, size_t cap)
{
    char *argv[] = {(char *)(uintptr_t) "mkcert", (char *)(uintptr_t) "-CAROOT", NULL};
    char folder[PATH_MAX];
    struct joist_err err;

    if (!run_mkcert(argv, folder, sizeof(folder))) {
        return "mkcert is not installed";
    }
    folder[strcspn(folder, "\r\n")] = '\0';
    (void)jst_fmt(path, cap, "%s/rootCA.pem", folder);
    return joist_cert_read(out, path, &err) == JOIST_OK
               ? NULL
               : "mkcert is there, but its authority is not: mkcert -install";
}

static bool
make_cert(char *cert, char *key, const char *const *names, size_t names_n, char *said, size_t cap)
{
    char *argv[ARGUMENTS_MAX] = {(char *)(uintptr_t) "mkcert", (char *)(uintptr_t) "-cert-file",
                                 cert, (char *)(uintptr_t) "-key-file", key};

    for (size_t i = 0; i < names_n && i + 6 < ARGUMENTS_MAX; i++) {
        argv[5 + i] = (char *)(uintptr_t)names[i];
    }
    return run_mkcert(argv, said, cap);
}

const char *
jst_mkcert(struct jst_plan_cert *out, struct jst_arena *arena, const char *state,
           const char *const *names, size_t names_n)
{
    char cert[PATH_MAX], key[PATH_MAX], root[PATH_MAX], said[512], why[640];
    struct joist_cert_info authority, info;
    struct joist_err err;
    const char *missing = find_authority(&authority, root, sizeof(root));

    if (missing != NULL) {
        return missing;
    }
    (void)jst_fmt(cert, sizeof(cert), "%s/%s", state, CERT_FILE);
    (void)jst_fmt(key, sizeof(key), "%s/%s", state, KEY_FILE);
    /* One of another authority than today's would not be trusted. */
    if (joist_cert_read(&info, cert, &err) < 0 || access(key, R_OK) != 0 ||
        strcmp(info.issuer, authority.subject) != 0 || !jst_cert_fits(&info, names, names_n)) {
        out->fresh = make_cert(cert, key, names, names_n, said, sizeof(said)) &&
                     joist_cert_read(&info, cert, &err) == JOIST_OK;
        if (!out->fresh) {
            said[strcspn(said, "\r\n")] = '\0';
            (void)jst_fmt(why, sizeof(why), "mkcert failed: %s", said);
            why[strcspn(why, "\033")] = '\0'; /* no commands to the terminal */
            missing = jst_arena_copy_z(arena, why);
            return missing != NULL ? missing : "mkcert failed";
        }
    }
    out->from = JST_CERT_MKCERT;
    out->cert = jst_arena_copy_z(arena, cert);
    out->key = jst_arena_copy_z(arena, key);
    out->info = info;
    return NULL;
}
