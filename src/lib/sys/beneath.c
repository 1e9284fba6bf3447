// SPDX-License-Identifier: MIT
#include "sys/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* openat2 says EAGAIN when something was renamed while it resolved "..": it could not be sure. */
#define RETRIES_MAX 8

enum { UNKNOWN, THERE, MISSING };
static int openat2_state = UNKNOWN; /* atomic; every thread finds out the same */

static int
code_of(int err)
{
    switch (err) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
    case ELOOP:
    case EXDEV:  /* RESOLVE_BENEATH: it would have left */
    case EAGAIN: /* still moving after all retries */
    case ENXIO:  /* a socket */
    case ENODEV:
    case EINVAL:
        return JOIST_E_NOTFOUND;
    case EACCES:
    case EPERM:
        return JOIST_E_ACCESS;
    case EMFILE:
    case ENFILE:
        return JOIST_E_NOFILE;
    case ENOMEM:
        return JOIST_E_NOMEM;
    default:
        return JOIST_E_IO;
    }
}

static int
full_flags(int flags)
{
    if ((flags & O_PATH) != 0) {
        return flags | O_CLOEXEC; /* openat2 refuses the others beside O_PATH */
    }
    return flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
}

static int
open_plain(int dir, const char *path, int flags)
{
    int fd;

    do {
        fd = openat(dir, path, full_flags(flags));
    } while (fd < 0 && errno == EINTR);
    return fd;
}

static int
open_resolved(int dir, const char *path, int flags)
{
    struct open_how how = {
        .flags = (unsigned)full_flags(flags),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    int retries = 0;
    long fd;

    do {
        fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));
    } while (fd < 0 && (errno == EINTR || (errno == EAGAIN && retries++ < RETRIES_MAX)));
    return (int)fd;
}

/* An old kernel says ENOSYS; sandboxes that do not know the call say EPERM. The call itself never
 * says EPERM to this: any folder may be opened with O_PATH. */
static bool
has_openat2(int dir)
{
    int state = __atomic_load_n(&openat2_state, __ATOMIC_RELAXED);

    if (JST_UNLIKELY(state == UNKNOWN)) {
        int fd = open_resolved(dir, ".", O_PATH);

        if (fd >= 0) {
            close(fd);
        } else if (errno != ENOSYS && errno != EPERM) {
            return true; /* out of descriptors, perhaps: the real call will tell */
        }
        state = fd >= 0 ? THERE : MISSING;
        __atomic_store_n(&openat2_state, state, __ATOMIC_RELAXED);
    }
    return state == THERE;
}

int
jst_beneath_root(int *out, const char *path)
{
    int fd = open_plain(AT_FDCWD, path, O_PATH | O_DIRECTORY);

    if (fd < 0) {
        return errno == ENOTDIR ? JOIST_E_INVAL : code_of(errno);
    }
    *out = fd;
    return JOIST_OK;
}

int
jst_beneath_open(int *out, int dir, const char *path, int flags)
{
    int fd;

    if (!has_openat2(dir)) {
        return jst_beneath_walk(out, dir, path, flags);
    }
    fd = open_resolved(dir, path[0] != '\0' ? path : ".", flags);
    if (fd < 0) {
        return code_of(errno);
    }
    *out = fd;
    return JOIST_OK;
}

/* Open one name in `dir`. O_PATH with O_NOFOLLOW opens a link itself: that is refused here. */
static int
open_step(int *out, int dir, const char *name, int flags)
{
    struct stat st;
    int fd = open_plain(dir, name, flags | O_NOFOLLOW);

    if (fd < 0) {
        return code_of(errno);
    }
    if ((flags & O_PATH) != 0 && (fstat(fd, &st) < 0 || S_ISLNK(st.st_mode))) {
        close(fd);
        return JOIST_E_NOTFOUND;
    }
    *out = fd;
    return JOIST_OK;
}

/* Cut the next name off `*path` into `name`; false if it is too long for any file system. */
static bool
next_name(char name[NAME_MAX + 1], const char **path)
{
    size_t n = strcspn(*path, "/");

    if (n > NAME_MAX) {
        return false;
    }
    memcpy(name, *path, n);
    name[n] = '\0';
    *path += n;
    *path += strspn(*path, "/");
    return true;
}

int
jst_beneath_walk(int *out, int dir, const char *path, int flags)
{
    char name[NAME_MAX + 1];
    int at = dir;
    int rc = JOIST_OK;

    if (path[0] == '/') {
        return JOIST_E_NOTFOUND;
    }
    path = path[0] != '\0' ? path : ".";
    do {
        bool is_folder;
        int next = -1;

        if (!next_name(name, &path) || strcmp(name, "..") == 0) {
            rc = JOIST_E_NOTFOUND;
            break;
        }
        /* "a/" must be a folder, though nothing follows the slash. */
        is_folder = path[0] != '\0' || path[-1] == '/';
        rc = open_step(&next, at, name,
                       path[0] != '\0' ? O_PATH | O_DIRECTORY
                                       : flags | (is_folder ? O_DIRECTORY : 0));
        if (at != dir) {
            close(at);
        }
        at = next;
    } while (rc == JOIST_OK && path[0] != '\0');
    if (rc < 0) {
        if (at != dir && at >= 0) {
            close(at);
        }
        return rc;
    }
    *out = at;
    return JOIST_OK;
}
