// SPDX-License-Identifier: MIT
/*
 * Which certificate: the one on the command line; else mkcert's, if it is wanted and there; else a
 * self-signed one, made once and kept.
 */
#include "cli/plan.h"

#include "base/str.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Browsers ask anew for each new certificate: not too often; and none of them takes more than 825
 * days, some not more than 398. */
#define SELF_SIGNED_DAYS 365u
/* Renewed when less than this is left. */
#define RENEW_S          (7 * 86400)
#define SELF_SIGNED_FILE "self-signed.pem"
/* Names of earlier runs that a new certificate has too, the latest first. */
#define KEPT_NAMES_MAX 16u
/* localhost, 127.0.0.1, ::1, the machine's name, the given hosts, and some of before */
#define NAMES_MAX (JST_WHAT_HOSTS_MAX + 4u + KEPT_NAMES_MAX)

struct names {
    const char *v[NAMES_MAX];
    size_t n;
};

static bool
has_name(const struct names *names, struct jst_slice name)
{
    for (size_t i = 0; i < names->n; i++) {
        if (jst_slice_ieq(jst_slice_z(names->v[i]), name)) {
            return true;
        }
    }
    return false;
}

static void
add_name(struct names *names, const char *name)
{
    if (name != NULL && names->n < NAMES_MAX && !has_name(names, jst_slice_z(name))) {
        names->v[names->n++] = name;
    }
}

static void
collect_names(struct names *names, struct jst_arena *arena, const struct jst_what *w)
{
    char host[HOST_NAME_MAX + 1] = "";

    *names = (struct names){0};
    add_name(names, "localhost");
    add_name(names, "127.0.0.1");
    add_name(names, "::1");
    /* A name that a certificate cannot hold must not hinder the others. */
    if (gethostname(host, sizeof(host) - 1) == 0 && host[0] != '\0' &&
        strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") ==
            strlen(host) &&
        host[0] != '-' && host[0] != '.' && strstr(host, "..") == NULL &&
        host[strlen(host) - 1] != '-' && host[strlen(host) - 1] != '.' && strlen(host) <= 63) {
        add_name(names, jst_arena_copy_z(arena, host));
    }
    for (size_t i = 0; i < w->hosts_n; i++) {
        add_name(names, w->hosts[i]);
    }
}

/* The next of "a, b, c". */
static struct jst_slice
cut_name(struct jst_slice *list)
{
    ptrdiff_t comma = jst_slice_find(*list, ',');
    struct jst_slice name = {list->p, comma >= 0 ? (size_t)comma : list->n};
    size_t used = JST_MIN(name.n + 2, list->n);

    *list = jst_slice(list->p + used, list->n - used);
    return name;
}

bool
jst_cert_fits(const struct joist_cert_info *info, const char *const *names, size_t names_n)
{
    int64_t now = time(NULL);

    if (info->not_before_s > now || info->not_after_s < now + RENEW_S) {
        return false;
    }
    for (size_t i = 0; i < names_n; i++) {
        struct jst_slice list = jst_slice_z(info->names);
        bool found = false;

        while (list.n > 0 && !found) {
            found = jst_slice_ieq(cut_name(&list), jst_slice_z(names[i]));
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

/* What others are not to read, and have not been able to. */
static bool
is_private(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && (st.st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

/* Names of the one before stay: two servers, started in turns, do not renew it each time. It says
 * this run's names first, then those of the run before, and so on: what nobody has asked for in a
 * while falls out at the end. */
static void
keep_names(struct names *names, struct jst_arena *arena, const struct joist_cert_info *before)
{
    struct jst_slice list = jst_slice_z(before->names);
    size_t most = names->n + KEPT_NAMES_MAX;

    while (list.n > 0 && names->n < most) {
        add_name(names, jst_arena_copy(arena, cut_name(&list)).p);
    }
}

static int
take_self_signed(struct jst_plan *p, const char *state, struct names *names)
{
    char path[PATH_MAX];
    struct joist_err err;
    int rc;

    (void)jst_fmt(path, sizeof(path), "%s/%s", state, SELF_SIGNED_FILE);
    p->cert.from = JST_CERT_SELF_SIGNED;
    p->cert.cert = jst_arena_copy_z(&p->arena, path);
    p->cert.key = NULL;
    rc = joist_cert_read(&p->cert.info, path, &err);
    if (rc == JOIST_OK && is_private(path) && jst_cert_fits(&p->cert.info, names->v, names->n)) {
        return JST_EXIT_OK;
    }
    /* One whose time is over takes its names along: who still needs them, asks for them. */
    if (rc == JOIST_OK && jst_cert_fits(&p->cert.info, NULL, 0)) {
        keep_names(names, &p->arena, &p->cert.info);
    }
    rc = joist_cert_create_self_signed(path, path, names->v, names->n, SELF_SIGNED_DAYS, &err);
    if (rc == JOIST_OK) {
        rc = joist_cert_read(&p->cert.info, path, &err);
    }
    if (rc < 0) {
        jst_cli_error("set JOIST_STATE_DIR to a folder for joist's keys; or give --cert and --key",
                      "no certificate could be made: %s", err.message);
        return JST_EXIT_FAILED;
    }
    p->cert.fresh = true;
    return JST_EXIT_OK;
}

static int
take_given(struct jst_plan *p)
{
    const struct jst_what *w = p->what;
    struct joist_err err;

    p->cert.from = JST_CERT_GIVEN;
    p->cert.cert = w->cert;
    p->cert.key = w->key;
    if (joist_cert_read(&p->cert.info, w->cert, &err) < 0) {
        jst_cli_error("--cert FILE --key FILE, both PEM", "--cert: %s", err.message);
        return JST_EXIT_USAGE;
    }
    if (w->key != NULL && access(w->key, R_OK) != 0) {
        jst_cli_error("--cert FILE --key FILE, both PEM", "--key: cannot read '%s': %s", w->key,
                      strerror(errno));
        return JST_EXIT_USAGE;
    }
    return JST_EXIT_OK;
}

int
jst_plan_cert(struct jst_plan *p)
{
    struct names names;
    const char *state;

    if (p->https_port == 0) {
        return JST_EXIT_OK;
    }
    if (p->what->cert != NULL) {
        return take_given(p);
    }
    state = jst_state_dir(&p->arena, NULL, true);
    if (state == NULL) {
        return JST_EXIT_FAILED;
    }
    collect_names(&names, &p->arena, p->what);
    if (p->what->auto_tls) {
        p->cert.missing = jst_mkcert(&p->cert, &p->arena, state, names.v, names.n);
        if (p->cert.missing == NULL) {
            return JST_EXIT_OK;
        }
    }
    return take_self_signed(p, state, &names);
}

void
jst_plan_cert_dry(struct jst_plan *p)
{
    const char *state;
    char path[PATH_MAX];

    if (p->https_port == 0) {
        return;
    }
    p->cert.cert = p->what->cert;
    p->cert.key = p->what->key;
    if (p->what->cert == NULL) {
        state = jst_state_dir(&p->arena, NULL, false);
        (void)jst_fmt(path, sizeof(path), "%s/%s", state != NULL ? state : ".", SELF_SIGNED_FILE);
        p->cert.cert = jst_arena_copy_z(&p->arena, path);
    }
}
