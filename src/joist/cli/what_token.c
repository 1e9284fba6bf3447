// SPDX-License-Identifier: MIT
/* What a single word of WHAT is. Its form decides; only for folders and files the disk is asked. */
#include "cli/what.h"

#include "base/str.h"
#include "conf/nearest.h"
#include "sys/addr.h"

#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>

/* RFC 1035 2.3.4 */
#define HOST_MAX  253u
#define LABEL_MAX 63u
/* Names of a folder that are compared with one that is not there. */
#define ENTRIES_MAX 1000

static bool
is_digits(struct jst_slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') {
            return false;
        }
    }
    return s.n > 0;
}

uint16_t
jst_token_port(struct jst_slice text)
{
    unsigned port = 0;

    for (size_t i = 0; i < text.n && is_digits(text) && port <= UINT16_MAX; i++) {
        port = port * 10 + (unsigned)(text.p[i] - '0');
    }
    return port <= UINT16_MAX ? (uint16_t)port : 0;
}

static bool
is_port(struct jst_slice s)
{
    return jst_token_port(s) > 0;
}

static bool
is_address(struct jst_slice s)
{
    struct jst_addr a;

    return jst_addr_literal(&a, s, 0) == JOIST_OK;
}

static bool
is_label(struct jst_slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (!alnum && c != '_' && (c != '-' || i == 0 || i + 1 == s.n)) {
            return false;
        }
    }
    return s.n > 0 && s.n <= LABEL_MAX;
}

/* A host name: labels with dots between; `dots` gets their number. */
static bool
is_name(struct jst_slice s, size_t *dots)
{
    size_t from = 0;

    *dots = 0;
    for (size_t i = 0; i <= s.n; i++) {
        if (i == s.n || s.p[i] == '.') {
            if (!is_label(jst_slice(s.p + from, i - from))) {
                return false;
            }
            *dots += i < s.n;
            from = i + 1;
        }
    }
    return s.n <= HOST_MAX;
}

/* Without a dot it could be a mistyped command: "localhost" alone is taken. */
static bool
is_host(struct jst_slice s)
{
    struct jst_slice name = s;
    size_t dots;

    if (jst_slice_starts(s, JST_S("*."))) {
        name = jst_slice(s.p + 2, s.n - 2);
    }
    if (is_digits(name) || !is_name(name, &dots)) {
        return false;
    }
    /* What ends in a number is an address, or nothing. */
    for (size_t i = name.n; i > 0; i--) {
        if (name.p[i - 1] == '.') {
            if (is_digits(jst_slice(name.p + i, name.n - i))) {
                return is_address(s);
            }
            break;
        }
    }
    return dots > 0 || jst_slice_eq(s, JST_S("localhost"));
}

static bool
is_hosts(struct jst_slice s)
{
    while (s.n > 0) {
        ptrdiff_t comma = jst_slice_find(s, ',');
        size_t n = comma >= 0 ? (size_t)comma : s.n;

        if (!is_host(jst_slice(s.p, n)) || n + 1 == s.n) {
            return false;
        }
        s = jst_slice(s.p + JST_MIN(n + 1, s.n), s.n - JST_MIN(n + 1, s.n));
        if (s.n == 0) {
            return true;
        }
    }
    return false;
}

/* ":3000", "localhost:3000", "10.0.0.1:80", "[::1]:80", "app:3000" */
static bool
is_host_port(struct jst_slice s)
{
    size_t colon = s.n, dots;
    struct jst_slice host;

    while (colon > 0 && s.p[colon - 1] != ':') {
        colon--;
    }
    if (colon == 0 || !is_digits(jst_slice(s.p + colon, s.n - colon))) {
        return false;
    }
    host = jst_slice(s.p, colon - 1);
    if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']') {
        return is_address(jst_slice(host.p + 1, host.n - 2));
    }
    return host.n == 0 || is_name(host, &dots);
}

static bool
ends_in(struct jst_slice s, const char *const *ends, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (jst_slice_ends(s, jst_slice_z(ends[i]))) {
            return true;
        }
    }
    return false;
}

static bool
is_app_file(struct jst_slice s)
{
    static const char *const ends[] = {".js", ".mjs", ".cjs", ".ts", ".mts", ".rip"};

    return ends_in(s, ends, JST_COUNT(ends));
}

/* Names of files that could be host names by their form. */
static bool
is_other_file(struct jst_slice s)
{
    static const char *const ends[] = {".conf", ".yaml", ".yml", ".json", ".html",
                                       ".htm",  ".txt",  ".pem", ".ini",  ".toml~"};

    return ends_in(s, ends, JST_COUNT(ends));
}

/* w:half, c:1, r:10000,3600s,10r */
static bool
is_worker_word(struct jst_slice s)
{
    return s.n > 2 && s.p[1] == ':' && (s.p[0] == 'w' || s.p[0] == 'c' || s.p[0] == 'r') &&
           jst_slice_find(s, '/') < 0;
}

static enum jst_token
token_of_port(struct jst_slice port, enum jst_token token)
{
    return is_port(port) ? token : JST_TOKEN_BAD_PORT;
}

/* JST_TOKEN_UNKNOWN if its form is none of these. */
static enum jst_token
token_of_form(const char *word)
{
    struct jst_slice s = jst_slice_z(word);

    if (jst_slice_starts(s, JST_S("http://")) || jst_slice_starts(s, JST_S("https://")) ||
        jst_slice_starts(s, JST_S("h2c://")) || jst_slice_starts(s, JST_S("unix:"))) {
        return JST_TOKEN_ORIGIN;
    }
    if (strstr(word, "://") != NULL) {
        return JST_TOKEN_BAD_URL;
    }
    if (jst_slice_starts(s, JST_S("http:"))) {
        return token_of_port(jst_slice(s.p + 5, s.n - 5), JST_TOKEN_HTTP_PORT);
    }
    if (jst_slice_starts(s, JST_S("https:"))) {
        return token_of_port(jst_slice(s.p + 6, s.n - 6), JST_TOKEN_HTTPS_PORT);
    }
    if (is_digits(s)) {
        return token_of_port(s, JST_TOKEN_HTTPS_PORT);
    }
    return is_worker_word(s) ? JST_TOKEN_APP : JST_TOKEN_UNKNOWN;
}

enum jst_token
jst_token_of(const char *word)
{
    struct jst_slice s = jst_slice_z(word);
    enum jst_token token;
    struct stat st;

    if (jst_slice_ends(s, JST_S(".toml"))) {
        return JST_TOKEN_TOML;
    }
    token = token_of_form(word);
    if (token != JST_TOKEN_UNKNOWN) {
        return token;
    }
    if (stat(word, &st) == 0) {
        return S_ISDIR(st.st_mode) ? JST_TOKEN_FOLDER
               : is_app_file(s)    ? JST_TOKEN_APP
                                   : JST_TOKEN_NO_TOML;
    }
    if (jst_slice_find(s, '/') >= 0 || s.n == 0 || s.p[0] == '.' || is_other_file(s)) {
        return JST_TOKEN_UNKNOWN;
    }
    if (is_app_file(s)) {
        return JST_TOKEN_APP;
    }
    if (is_host_port(s)) {
        const char *digits = strrchr(word, ':') + 1;

        return token_of_port(jst_slice_z(digits), JST_TOKEN_ORIGIN);
    }
    return is_hosts(s) ? JST_TOKEN_HOSTS : JST_TOKEN_UNKNOWN;
}

bool
jst_token_is_what(const char *word)
{
    return jst_token_of(word) != JST_TOKEN_UNKNOWN || strchr(word, '/') != NULL || word[0] == '.' ||
           is_other_file(jst_slice_z(word));
}

/* ---- what is none ---- */

/* The entry of the folder `in` whose name is nearest. */
static bool
find_nearest(char *out, size_t cap, const char *in, const char *name)
{
    DIR *dir = opendir(in);
    struct jst_nearest near;
    bool found = false;

    jst_nearest_init(&near, jst_slice_z(name));
    for (int i = 0; dir != NULL && i < ENTRIES_MAX; i++) {
        struct dirent *entry = readdir(dir);
        size_t before = near.distance;

        if (entry == NULL) {
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            jst_nearest_try(&near, entry->d_name);
        }
        if (near.distance < before) {
            (void)jst_fmt(out, cap, "%s", entry->d_name);
            found = true;
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return found;
}

static void
refuse_path(const char *word)
{
    char folder[PATH_MAX], found[NAME_MAX + 1], help[PATH_MAX];
    struct jst_slice s = jst_slice_z(word);
    const char *name;

    while (s.n > 1 && s.p[s.n - 1] == '/') {
        s.n--;
    }
    (void)jst_fmt(folder, sizeof(folder), "%.*s", JST_PRI(s));
    name = strrchr(folder, '/');
    name = name != NULL ? word + (name - folder) + 1 : word;
    folder[name - word] = '\0';
    (void)jst_fmt(help, sizeof(help), "%.*s", (int)(s.n - (size_t)(name - word)), name);
    if (find_nearest(found, sizeof(found), folder[0] != '\0' ? folder : ".", help)) {
        (void)jst_fmt(help, sizeof(help), "did you mean %s%s?", folder, found);
    } else {
        (void)jst_fmt(help, sizeof(help), "make it, or name another: joist ./public");
    }
    jst_cli_error(help, is_other_file(s) ? "no such file: %s" : "no such folder: %s", word);
}

void
jst_token_refuse(const char *word, enum jst_token token)
{
    switch (token) {
    case JST_TOKEN_BAD_PORT:
        jst_cli_error("as in 8443, https:8443, http:8080 or :3000", "'%s': a port is 1 to 65535",
                      word);
        break;
    case JST_TOKEN_BAD_URL:
        jst_cli_error("as in http://localhost:3000, https://app.internal, h2c://127.0.0.1:50051, "
                      "unix:/run/app.sock",
                      "'%s' is no origin that joist can speak to", word);
        break;
    case JST_TOKEN_APP:
        jst_cli_error("start it yourself and name its address: joist :3000",
                      "'%s': applications are not there yet", word);
        break;
    case JST_TOKEN_NO_TOML:
        jst_cli_error("a configuration has a name that ends in .toml; a folder serves its files",
                      "'%s' is a file, and no configuration by its name", word);
        break;
    default:
        refuse_path(word);
        break;
    }
}

const char *
jst_token_url(struct jst_arena *arena, const char *word)
{
    char url[PATH_MAX];

    if (jst_token_of(word) != JST_TOKEN_ORIGIN || !is_host_port(jst_slice_z(word))) {
        return word;
    }
    /* By name: what listens on ::1 alone is found as well as what listens on 127.0.0.1 alone. */
    (void)jst_fmt(url, sizeof(url), "http://%s%s", word[0] == ':' ? "localhost" : "", word);
    return jst_arena_copy_z(arena, url);
}
