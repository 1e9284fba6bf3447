// SPDX-License-Identifier: MIT
/* joist ech new, joist ech list: keys of Encrypted ClientHello, and their records for the DNS. */
#include "cli/plan.h"

#include "base/str.h"
#include "conf/json.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

/* Files of a folder that are looked at. */
#define FILES_MAX 1000u

static int64_t
age_of(const char *path)
{
    struct stat st;
    time_t now = time(NULL);

    return stat(path, &st) == 0 && st.st_mtime < now ? (int64_t)(now - st.st_mtime) : 0;
}

/* RFC 9460 and RFC 9848: in the place of example.com comes each name that is to be hidden. */
static void
print_record(FILE *out, const struct joist_ech_info *info)
{
    (void)fprintf(out, "example.com. 300 IN HTTPS 1 . alpn=\"h2,http/1.1\" ech=\"%s\"",
                  info->config_list);
}

static void
print_key_json(const char *path, const struct joist_ech_info *info)
{
    (void)printf("{\"file\":");
    jst_json_print(stdout, jst_slice_z(path));
    (void)printf(",\"id\":%u,\"public_name\":", info->config_id);
    jst_json_print(stdout, jst_slice_z(info->public_name));
    (void)printf(",\"age_s\":%lld,\"has_key\":%s,\"ech\":\"%s\"}", (long long)age_of(path),
                 info->has_key ? "true" : "false", info->config_list);
}

static void
print_age(int64_t age_s)
{
    static const struct {
        int64_t seconds;
        const char *word;
    } units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};

    for (size_t i = 0; i < JST_COUNT(units); i++) {
        int64_t n = age_s / units[i].seconds;

        if (n > 0 || i + 1 == JST_COUNT(units)) {
            (void)printf("%lld %s%s old", (long long)n, units[i].word, n == 1 ? "" : "s");
            return;
        }
    }
}

static void
print_key(const char *path, const struct joist_ech_info *info)
{
    (void)printf("%s\n  id %u, public name %s, ", path, info->config_id, info->public_name);
    print_age(age_of(path));
    (void)printf("%s\n  ", info->has_key ? "" : ", without its private key");
    print_record(stdout, info);
    (void)printf("\n");
}

/* ---- new ---- */

/* By date first: the last by name is the newest, which is the one that clients are told of. */
static const char *
name_file(struct jst_arena *arena, const char *folder, const char *public_name)
{
    char path[PATH_MAX], date[32] = "";
    time_t now = time(NULL);
    struct tm tm;

    if (gmtime_r(&now, &tm) != NULL) {
        (void)strftime(date, sizeof(date), "%Y%m%dT%H%M%SZ", &tm);
    }
    if (jst_fmt(path, sizeof(path), "%s/%s-%s.pem", folder, date, public_name) + 1 >= PATH_MAX) {
        return NULL;
    }
    return jst_arena_copy_z(arena, path);
}

static int
refuse_new(const struct jst_args *args)
{
    const char *name = jst_args_value(args, JST_OPTION_NAME);

    if (name == NULL || strchr(name, '/') != NULL) {
        jst_cli_error("joist ech new --name public.example",
                      name == NULL ? "--name is missing: the name that the network may see"
                                   : "--name takes a host name");
        return JST_EXIT_USAGE;
    }
    if (jst_args_value(args, JST_OPTION_DIR) != NULL &&
        jst_args_value(args, JST_OPTION_OUT) != NULL) {
        jst_cli_error("--dir names the folder and --out the file itself",
                      "--dir and --out do not go together");
        return JST_EXIT_USAGE;
    }
    return JST_EXIT_OK;
}

/* For the first key. Those above it are the operator's: who may look into them is not known here.
 */
static bool
make_folder(const char *folder)
{
    if (mkdir(folder, 0700) == 0 || errno == EEXIST) {
        return true;
    }
    jst_cli_error(errno == ENOENT ? "make the folder above it first" : NULL,
                  "cannot make the folder '%s': %s", folder, strerror(errno));
    return false;
}

static int
make_key(struct jst_arena *arena, const struct jst_args *args)
{
    const char *name = jst_args_value(args, JST_OPTION_NAME);
    const char *folder = jst_args_value(args, JST_OPTION_DIR);
    const char *path = jst_args_value(args, JST_OPTION_OUT);
    struct joist_ech_info info = {0};
    struct joist_err err;
    int rc;

    if (path == NULL && folder == NULL) {
        folder = jst_state_dir(arena, "ech", true);
        if (folder == NULL) {
            return JST_EXIT_FAILED;
        }
    }
    if (folder != NULL && !make_folder(folder)) {
        return JST_EXIT_FAILED;
    }
    path = path != NULL ? path : name_file(arena, folder, name);
    if (path == NULL) {
        jst_cli_error(NULL, "the folder's path is too long");
        return JST_EXIT_FAILED;
    }
    rc = joist_ech_create(path, name, &err);
    if (rc == JOIST_OK) {
        rc = joist_ech_read(&info, path, &err);
    }
    if (rc < 0) {
        jst_cli_error(rc == JOIST_E_INUSE ? "a key is never written over: name another file" : NULL,
                      "%s", err.message);
        return rc == JOIST_E_INVAL ? JST_EXIT_USAGE : JST_EXIT_FAILED;
    }
    if ((args->options & JST_OPTION_JSON) != 0) {
        print_key_json(path, &info);
        (void)printf("\n");
    } else {
        print_key(path, &info);
    }
    return JST_EXIT_OK;
}

int
jst_cli_ech_new(const struct jst_args *args)
{
    struct jst_arena arena;
    int code = refuse_new(args);

    if (code != JST_EXIT_OK) {
        return code;
    }
    jst_arena_init(&arena);
    code = make_key(&arena, args);
    jst_arena_fini(&arena);
    return code;
}

/* ---- list ---- */

struct listing {
    struct jst_arena arena;
    const char *paths[FILES_MAX];
    size_t n;
    size_t printed;
    bool json;
    bool failed;
};

static int
compare_paths(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
add_path(struct listing *l, const char *path)
{
    const char *copy = jst_arena_copy_z(&l->arena, path);

    if (copy == NULL || l->n == FILES_MAX) {
        jst_cli_error(NULL,
                      copy == NULL ? "out of memory" : "too many files: the rest is left out");
        l->failed = true;
        return;
    }
    l->paths[l->n++] = copy;
}

static void
add_folder(struct listing *l, const char *folder, bool may_lack)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    char path[PATH_MAX];

    if (dir == NULL) {
        if (!may_lack) {
            jst_cli_error(NULL, "cannot read the folder '%s'", folder);
            l->failed = true;
        }
        return;
    }
    while ((entry = readdir(dir)) != NULL && !l->failed) {
        if (entry->d_name[0] != '.' && jst_slice_ends(jst_slice_z(entry->d_name), JST_S(".pem"))) {
            (void)jst_fmt(path, sizeof(path), "%s/%s", folder, entry->d_name);
            add_path(l, path);
        }
    }
    (void)closedir(dir);
    qsort(l->paths, l->n, sizeof(l->paths[0]), compare_paths);
}

static void
list_key(struct listing *l, const char *path)
{
    struct joist_ech_info info = {0};
    struct joist_err err;

    if (joist_ech_read(&info, path, &err) < 0) {
        jst_cli_error(NULL, "%s", err.message);
        l->failed = true;
        return;
    }
    if (l->json) {
        (void)printf("%s", l->printed > 0 ? "," : "");
        print_key_json(path, &info);
    } else {
        print_key(path, &info);
    }
    l->printed++;
}

static void
list_all(struct listing *l)
{
    (void)fputs(l->json ? "[" : "", stdout);
    for (size_t i = 0; i < l->n; i++) {
        list_key(l, l->paths[i]);
    }
    (void)fputs(l->json ? "]\n" : "", stdout);
    if (l->n == 0 && !l->json && !l->failed) {
        (void)printf("no keys yet: joist ech new --name public.example makes one\n");
    }
}

int
jst_cli_ech_list(const struct jst_args *args)
{
    static struct listing l; /* a few KiB: not for the stack */
    const char *folder = jst_args_value(args, JST_OPTION_DIR);
    bool given = folder != NULL;

    l = (struct listing){.json = (args->options & JST_OPTION_JSON) != 0};
    if (given && args->words_n > 0) {
        jst_cli_error("joist ech list --dir FOLDER, or joist ech list FILE...",
                      "a folder and files do not go together");
        return JST_EXIT_USAGE;
    }
    for (size_t i = 0; i < args->words_n; i++) {
        add_path(&l, args->words[i]);
    }
    if (args->words_n == 0 && !given) {
        folder = jst_state_dir(&l.arena, "ech", false);
    }
    if (folder != NULL) {
        add_folder(&l, folder, !given);
    } else {
        l.failed = l.failed || args->words_n == 0;
    }
    list_all(&l);
    jst_arena_fini(&l.arena);
    return l.failed ? JST_EXIT_FAILED : JST_EXIT_OK;
}
