// SPDX-License-Identifier: MIT
/* Reports of what is wrong with a configuration, and the files that it names. */
#include "wire/tls_certs.h"

#include "sys/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
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

        if (k == 0) {
            break; /* it has become shorter meanwhile */
        }
        if (k < 0 && errno != EINTR) {
            free(p);
            return JOIST_E_IO;
        }
        got += (size_t)JST_MAX(k, 0);
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

/* ---- authorities ---- */

static int
take_all(BIO *b, jst_tls_take_cert_f *take, void *ctx)
{
    int count = 0;
    X509 *x;

    while ((x = PEM_read_bio_X509(b, NULL, NULL, NULL)) != NULL) {
        bool ok = take(ctx, x);

        X509_free(x);
        if (!ok) {
            return JOIST_E_NOMEM;
        }
        count++;
    }
    return count > 0 && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE
               ? JOIST_OK
               : JOIST_E_INVAL; /* there is none, or something between them is broken */
}

int
jst_tls_read_authorities(const char *path, const char *what, const struct joist_pos *pos,
                         jst_tls_take_cert_f *take, void *ctx, struct jst_tls_report *r)
{
    char *memory = NULL;
    size_t n = 0;
    BIO *b = NULL;
    int rc = jst_tls_read_file(&memory, &n, path);

    if (rc == JOIST_OK) {
        ERR_clear_error();
        b = BIO_new_mem_buf(memory, (int)n);
        rc = b != NULL ? take_all(b, take, ctx) : JOIST_E_NOMEM;
        ERR_clear_error();
    }
    BIO_free(b);
    free(memory);
    if (rc < 0 && rc != JOIST_E_NOMEM) {
        jst_tls_say(r, JOIST_LOG_ERROR, rc, pos, "%s '%s': %s", what, path,
                    rc == JOIST_E_INVAL ? "no PEM certificates" : joist_error_text(rc));
        return JOIST_E_INVAL;
    }
    return rc;
}
