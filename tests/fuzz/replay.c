// SPDX-License-Identifier: MIT
/*
 * Runs a fuzz target over <folder>/seeds and <folder>/crashes, one TAP line for each file.
 *
 * A crash ends the process; the line printed just before names the file that did it.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replayed;

/* The whole file in memory of exactly its size, so that a sanitizer sees one byte too many. */
static bool
read_file(uint8_t **out, size_t *size, const char *path)
{
    FILE *f = fopen(path, "rb");
    struct stat st;
    uint8_t *data = NULL;
    bool ok = false;

    if (f == NULL || fstat(fileno(f), &st) < 0) {
        goto done;
    }
    *size = (size_t)st.st_size;
    data = malloc(*size > 0 ? *size : 1);
    ok = data != NULL && fread(data, 1, *size, f) == *size;
done:
    if (f != NULL) {
        (void)fclose(f);
    }
    if (!ok) {
        free(data);
        return false;
    }
    *out = data;
    return true;
}

static bool
replay_file(const char *path)
{
    uint8_t *data = NULL;
    size_t size = 0;

    if (!read_file(&data, &size, path)) {
        printf("not ok %d - %s cannot be read\n", ++replayed, path);
        return false;
    }
    printf("# %s\n", path);
    (void)fflush(stdout);
    (void)LLVMFuzzerTestOneInput(data, size);
    free(data);
    printf("ok %d - %s\n", ++replayed, path);
    return true;
}

static bool
replay_folder(const char *folder, const char *kind)
{
    char path[4096];
    struct dirent **entries = NULL;
    bool ok = true;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, kind);
    int count = scandir(path, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.') {
            (void)snprintf(path, sizeof(path), "%s/%s/%s", folder, kind, entries[i]->d_name);
            ok = replay_file(path) && ok;
        }
        free(entries[i]);
    }
    free(entries);
    return ok;
}

int
main(int argc, char **argv)
{
    bool ok = true;

    for (int i = 1; i < argc; i++) {
        ok = replay_folder(argv[i], "seeds") && ok;
        ok = replay_folder(argv[i], "crashes") && ok;
    }
    if (replayed == 0) {
        printf("not ok %d - no seeds to replay\n", ++replayed);
        ok = false;
    }
    printf("1..%d\n", replayed);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
