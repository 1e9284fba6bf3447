// SPDX-License-Identifier: MIT
/* The words of WHAT together: one subject, its names and ports, and what cannot stand beside what.
 */
#include "cli/what.h"

#include "base/str.h"

#include <stdio.h>
#include <unistd.h>

#define KEY_LINE_MAX 256

static int
conflict(const char *help, const char *what)
{
    jst_cli_error(help, "%s", what);
    return JST_EXIT_USAGE;
}

static const char *
kind_word(enum jst_what_kind kind)
{
    return kind == JST_WHAT_FILE     ? "a configuration"
           : kind == JST_WHAT_FOLDER ? "a folder"
                                     : "an origin";
}

static int
take_subject(struct jst_what *w, enum jst_what_kind kind, const char *word)
{
    if (w->subject != NULL) {
        bool file = kind == JST_WHAT_FILE || w->kind == JST_WHAT_FILE;

        jst_cli_error(file ? "a configuration says all: write the rest into it"
                           : "several of them need a joist.toml, with [[sites]] for each",
                      "'%s' (%s) and '%s' (%s): one thing is served at a time", w->subject,
                      kind_word(w->kind), word, kind_word(kind));
        return JST_EXIT_USAGE;
    }
    w->kind = kind;
    w->subject = word;
    if (kind == JST_WHAT_ORIGIN) {
        w->url = jst_token_url(&w->arena, word);
        if (w->url == NULL) {
            return conflict(NULL, "out of memory");
        }
    }
    return JST_EXIT_OK;
}

static int
take_hosts(struct jst_what *w, const char *word)
{
    struct jst_slice s = jst_slice_z(word);

    while (s.n > 0) {
        ptrdiff_t comma = jst_slice_find(s, ',');
        size_t n = comma >= 0 ? (size_t)comma : s.n;
        bool known = false;

        for (size_t i = 0; i < w->hosts_n; i++) {
            known = known || jst_slice_ieq(jst_slice(s.p, n), jst_slice_z(w->hosts[i]));
        }
        if (!known && w->hosts_n == JST_WHAT_HOSTS_MAX) {
            return conflict("more of them need a joist.toml", "too many host names");
        }
        if (!known) {
            w->hosts[w->hosts_n] = jst_arena_copy(&w->arena, jst_slice(s.p, n)).p;
            if (w->hosts[w->hosts_n++] == NULL) {
                return conflict(NULL, "out of memory");
            }
        }
        n = JST_MIN(n + 1, s.n);
        s = jst_slice(s.p + n, s.n - n);
    }
    return JST_EXIT_OK;
}

static int
take_port(struct jst_what *w, bool https, const char *word)
{
    const char *digits = strrchr(word, ':');
    uint16_t port = jst_token_port(jst_slice_z(digits != NULL ? digits + 1 : word));

    if (https ? w->http_port > 0 : w->https_port > 0) {
        return conflict(
            "http:PORT serves plain HTTP alone; with https, port 80 leads to it by itself",
            "http: and https: ports do not go together");
    }
    if (https ? w->https_port > 0 : w->http_port > 0) {
        jst_cli_error("more of them need a joist.toml, with [[listeners]] for each",
                      "'%s': there is a port already", word);
        return JST_EXIT_USAGE;
    }
    *(https ? &w->https_port : &w->http_port) = port;
    return JST_EXIT_OK;
}

static int
take_word(struct jst_what *w, const char *word)
{
    enum jst_token token = jst_token_of(word);

    switch (token) {
    case JST_TOKEN_TOML:
        return take_subject(w, JST_WHAT_FILE, word);
    case JST_TOKEN_FOLDER:
        return take_subject(w, JST_WHAT_FOLDER, word);
    case JST_TOKEN_ORIGIN:
        return take_subject(w, JST_WHAT_ORIGIN, word);
    case JST_TOKEN_HOSTS:
        return take_hosts(w, word);
    case JST_TOKEN_HTTPS_PORT:
    case JST_TOKEN_HTTP_PORT:
        return take_port(w, token == JST_TOKEN_HTTPS_PORT, word);
    default:
        jst_token_refuse(word, token);
        return JST_EXIT_USAGE;
    }
}

static void
take_options(struct jst_what *w, const struct jst_args *args)
{
    w->cert = jst_args_value(args, JST_OPTION_CERT);
    w->key = jst_args_value(args, JST_OPTION_KEY);
    w->auto_tls = (args->options & JST_OPTION_AUTO_TLS) != 0;
    w->hsts = (args->options & JST_OPTION_HSTS) != 0;
    w->redirect = (args->options & JST_OPTION_NO_REDIRECT) == 0;
    w->spa = (args->options & JST_OPTION_SPA) != 0;
    w->listing = (args->options & JST_OPTION_LISTING) != 0;
    w->dry = (args->options & JST_OPTION_DRY) != 0;
    w->everywhere = (args->options & JST_OPTION_PUBLIC) != 0;
    for (size_t i = 0; i < w->hosts_n; i++) {
        /* Who names a host wants to be found by it. */
        w->everywhere =
            w->everywhere || !(strcasecmp(w->hosts[i], "localhost") == 0 ||
                               jst_slice_ends(jst_slice_z(w->hosts[i]), JST_S(".localhost")) ||
                               jst_slice_starts(jst_slice_z(w->hosts[i]), JST_S("127.")));
    }
}

/* ---- what does not go together ---- */

/* With a configuration: the first word or option that is none; NULL: there is none. */
static const char *
find_beside_file(const struct jst_what *w, const struct jst_args *args)
{
    for (size_t i = 0; i < args->words_n; i++) {
        if (w->subject == NULL || strcmp(args->words[i], w->subject) != 0) {
            return args->words[i];
        }
    }
    for (unsigned bit = 1; bit < 1u << JST_OPTIONS_N; bit <<= 1) {
        if ((args->options & bit & ~(unsigned)JST_OPTION_HELP) != 0) {
            return jst_args_name((enum jst_option)bit);
        }
    }
    return NULL;
}

static int
check_file(struct jst_what *w, const struct jst_args *args)
{
    const char *beside = find_beside_file(w, args);

    if (w->kind == JST_WHAT_FILE && beside != NULL) {
        jst_cli_error("a configuration says all: write it there",
                      "'%s' cannot stand beside the configuration '%s'", beside, w->subject);
        return JST_EXIT_USAGE;
    }
    if (w->subject != NULL || access("joist.toml", F_OK) != 0) {
        return JST_EXIT_OK;
    }
    if (beside != NULL) {
        jst_cli_error("write it into joist.toml; or name a folder or an origin to serve without it",
                      "'%s' cannot stand beside the joist.toml of this folder", beside);
        return JST_EXIT_USAGE;
    }
    w->kind = JST_WHAT_FILE;
    w->subject = "joist.toml";
    return JST_EXIT_OK;
}

static int
check_plain(const struct jst_what *w)
{
    const char *option = w->cert != NULL || w->key != NULL ? "a certificate"
                         : w->auto_tls                     ? "--auto-tls"
                         : w->hsts                         ? "--hsts"
                                                           : NULL;

    if (w->http_port == 0 || option == NULL) {
        return JST_EXIT_OK;
    }
    jst_cli_error("https:PORT in place of http:PORT serves over TLS",
                  "%s is of no use with http:%u: that is plain HTTP", option, w->http_port);
    return JST_EXIT_USAGE;
}

/* Does this PEM file hold a key as well? A file that cannot be read is told later, with its reason.
 */
static bool
holds_key(const char *path)
{
    char line[KEY_LINE_MAX];
    FILE *f = fopen(path, "re");
    bool found = f == NULL;

    while (!found && fgets(line, sizeof(line), f) != NULL) {
        found = strncmp(line, "-----BEGIN ", 11) == 0 && strstr(line, "PRIVATE KEY-----") != NULL;
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return found;
}

static int
check_cert(const struct jst_what *w)
{
    if (w->key != NULL && w->cert == NULL) {
        return conflict("--cert FILE --key FILE",
                        "--key without --cert: a key needs its certificate");
    }
    if (w->cert != NULL && w->key == NULL && !holds_key(w->cert)) {
        jst_cli_error("add --key FILE, or put the key into the same file",
                      "--cert without --key: there is no key in '%s'", w->cert);
        return JST_EXIT_USAGE;
    }
    return JST_EXIT_OK;
}

static int
check_static(const struct jst_what *w)
{
    if ((w->spa || w->listing) && w->kind != JST_WHAT_FOLDER) {
        jst_cli_error("name a folder: joist ./public", "%s is for folders",
                      w->spa ? "--spa" : "--listing");
        return JST_EXIT_USAGE;
    }
    return JST_EXIT_OK;
}

int
jst_what_read(struct jst_what *out, const struct jst_args *args)
{
    int code = JST_EXIT_OK;

    *out = (struct jst_what){0};
    for (size_t i = 0; i < args->words_n && code == JST_EXIT_OK; i++) {
        code = take_word(out, args->words[i]);
    }
    if (code == JST_EXIT_OK) {
        take_options(out, args);
        code = check_file(out, args);
    }
    if (code == JST_EXIT_OK && out->kind != JST_WHAT_FILE) {
        code = check_plain(out);
        code = code == JST_EXIT_OK ? check_cert(out) : code;
        code = code == JST_EXIT_OK ? check_static(out) : code;
    }
    return code;
}

void
jst_what_fini(struct jst_what *w)
{
    jst_arena_fini(&w->arena);
}
