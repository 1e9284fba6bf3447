// SPDX-License-Identifier: MIT
#include "sys/port_owner.h"

#include "base/str.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TCP_LISTEN_STATE 0x0a /* /proc/net/tcp's "st" column */

static unsigned long
find_inode(const char *table, uint16_t port)
{
    char line[512];
    unsigned long found = 0;
    FILE *f = fopen(table, "re");

    if (f == NULL) {
        return 0;
    }
    while (found == 0 && fgets(line, sizeof(line), f) != NULL) {
        unsigned local_port;
        unsigned state;
        unsigned long inode;

        /* The kernel prints this table, and what overflows would match no port.
         * NOLINTNEXTLINE(cert-err34-c) */
        if (sscanf(line, " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*u %*u %lu",
                   &local_port, &state, &inode) == 3 &&
            state == TCP_LISTEN_STATE && local_port == port) {
            found = inode;
        }
    }
    (void)fclose(f);
    return found;
}

static bool
holds(const char *pid, const char *socket_name)
{
    char path[300];
    char target[64];
    bool found = false;
    struct dirent *e;
    DIR *d;

    jst_fmt(path, sizeof(path), "/proc/%s/fd", pid);
    d = opendir(path);
    if (d == NULL) {
        return false;
    }
    while (!found && (e = readdir(d)) != NULL) {
        ssize_t n = readlinkat(dirfd(d), e->d_name, target, sizeof(target) - 1);

        target[n > 0 ? n : 0] = '\0';
        found = strcmp(target, socket_name) == 0;
    }
    (void)closedir(d);
    return found;
}

static void
read_name(char *out, size_t cap, const char *pid)
{
    char path[300];
    char name[64] = "";
    FILE *f;

    jst_fmt(path, sizeof(path), "/proc/%s/comm", pid);
    f = fopen(path, "re");
    if (f != NULL) {
        if (fgets(name, sizeof(name), f) != NULL) {
            name[strcspn(name, "\n")] = '\0';
        }
        (void)fclose(f);
    }
    jst_fmt(out, cap, "%s (pid %s)", name[0] != '\0' ? name : "process", pid);
}

bool
jst_port_owner(char *out, size_t cap, uint16_t port)
{
    char socket_name[64];
    bool found = false;
    unsigned long inode = find_inode("/proc/net/tcp", port);
    struct dirent *e;
    DIR *proc;

    if (inode == 0) {
        inode = find_inode("/proc/net/tcp6", port);
    }
    proc = inode != 0 ? opendir("/proc") : NULL;
    if (proc == NULL) {
        return false;
    }
    jst_fmt(socket_name, sizeof(socket_name), "socket:[%lu]", inode);
    while (!found && (e = readdir(proc)) != NULL) {
        if (e->d_name[0] >= '1' && e->d_name[0] <= '9' && holds(e->d_name, socket_name)) {
            read_name(out, cap, e->d_name);
            found = true;
        }
    }
    (void)closedir(proc);
    return found;
}
