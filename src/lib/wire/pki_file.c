// SPDX-License-Identifier: MIT
#include "wire/pki_file.h"

#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* The same for errno after a call on `path`. */
static int
fail_errno(struct joist_err *err, const char *what, const char *path)
{
    int no = errno;
    int code = no == ENOENT || no == ENOTDIR                ? JOIST_E_NOTFOUND
               : no == EACCES || no == EPERM || no == EROFS ? JOIST_E_ACCESS
               : no == EEXIST                               ? JOIST_E_INUSE
               : no == ENOMEM                               ? JOIST_E_NOMEM
                                                            : JOIST_E_IO;

    return jst_fail(err, code, "cannot %s '%s': %s", what, path, strerror(no));
}

static bool
write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t wrote = write(fd, p, n);

        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            return false;
        }
        p += wrote;
        n -= (size_t)wrote;
    }
    return fsync(fd) == 0;
}

/* link() refuses a name that is taken, as rename() does not. */
static bool
give_name(const char *temp, const char *path, bool replace)
{
    int no;

    if (replace) {
        return rename(temp, path) == 0;
    }
    if (link(temp, path) != 0) {
        return false;
    }
    no = errno;
    (void)unlink(temp);
    errno = no;
    return true;
}

int
jst_pki_write(const char *path, BIO *from, bool replace, struct joist_err *err)
{
    char temp[PATH_MAX];
    char *bytes = NULL;
    long n = BIO_get_mem_data(from, &bytes);
    int fd, rc;

    if (jst_fmt(temp, sizeof(temp), "%s.XXXXXX", path) != strlen(path) + 7) {
        return jst_fail(err, JOIST_E_INVAL, "the path is too long: '%.64s...'", path);
    }
    fd = mkstemp(temp); /* mode 0600 */
    if (fd < 0) {
        return fail_errno(err, "write", path);
    }
    if (!write_all(fd, bytes, n > 0 ? (size_t)n : 0) || !give_name(temp, path, replace)) {
        rc = fail_errno(err, "write", path);
        (void)close(fd);
        (void)unlink(temp);
        return rc;
    }
    (void)close(fd);
    return JOIST_OK;
}

int
jst_pki_open(BIO **out, const char *path, struct joist_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat st;
    BIO *bio;

    if (fd < 0) {
        return fail_errno(err, "read", path);
    }
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        (void)close(fd);
        errno = EISDIR;
        return fail_errno(err, "read", path);
    }
    bio = BIO_new_fd(fd, BIO_CLOSE);
    if (bio == NULL) {
        (void)close(fd);
        return jst_fail(err, JOIST_E_NOMEM, "out of memory");
    }
    /* Reading line by line from a descriptor would cost a call for each byte. */
    *out = BIO_new(BIO_f_buffer());
    if (*out == NULL) {
        BIO_free(bio);
        return jst_fail(err, JOIST_E_NOMEM, "out of memory");
    }
    BIO_push(*out, bio);
    return JOIST_OK;
}
