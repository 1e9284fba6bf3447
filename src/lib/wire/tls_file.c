// SPDX-License-Identifier: MIT
/* Reports of what is wrong with a configuration, and the files that it names. */
#include "wire/tls_certs.h"

#include "sys/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_BYTES_MAX 512

void
jst_tls_say(struct jst_tls_report *r, enum joist_log_level level, int code,
            const struct joist_pos *pos, const char *fmt, ...)
{
    char text[TEXT_BYTES_MAX];
    va_list args;

    if (r == NULL || r->fn == NULL) {
        return;
    }
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    r->fn(r, level, code, pos, text);
}

const char *
jst_tls_last_words(void)
{
    unsigned long e = ERR_peek_last_error();
    const char *words = e != 0 ? ERR_reason_error_string(e) : NULL;

    ERR_clear_error();
    return words != NULL ? words : "not understood";
}

/* ---- files ---- */

static int
read_all(char **out, size_t *n, int fd)
{
    struct stat st;
    size_t got = 0;
    char *p;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        return JOIST_E_IO;
    }
    if ((uint64_t)st.st_size > JST_TLS_FILE_MAX) {
        return JOIST_E_LIMIT;
    }
    p = malloc((size_t)st.st_size + 1);
    if (p == NULL) {
        return JOIST_E_NOMEM;
    }
    while (got < (size_t)st.st_size) {
        ssize_t k = read(fd, p + got, (size_t)st.st_size - got);

        if (k <= 0) {
            break;
        }
        got += (size_t)k;
    }
    p[got] = '\0';
    *out = p;
    *n = got;
    return JOIST_OK;
}

int
jst_tls_read_file(char **out, size_t *n, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int rc;

    if (fd < 0) {
        rc = jst_errno_code(errno);
        return rc == JOIST_E_AGAIN ? JOIST_E_IO : rc;
    }
    rc = read_all(out, n, fd);
    close(fd);
    return rc;
}
