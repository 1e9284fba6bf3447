// SPDX-License-Identifier: MIT
/* Options and words behind a command's name; and how they are said in its help. */
#include "cli/cli.h"

#include "base/str.h"
#include "conf/nearest.h"

#include <assert.h>
#include <stdio.h>

static const struct {
    const char *name;
    enum jst_option option;
    const char *value; /* NULL: it takes none */
    const char *text;
} options[] = {
    {"--auto-tls", JST_OPTION_AUTO_TLS, NULL, "a certificate of mkcert's, if it is installed"},
    {"--cert", JST_OPTION_CERT, "FILE", "certificate and chain, PEM; perhaps with the key in it"},
    {"--key", JST_OPTION_KEY, "FILE", "its key, PEM"},
    {"--hsts", JST_OPTION_HSTS, NULL, "tell browsers to use https alone, for a year"},
    {"--no-redirect-http", JST_OPTION_NO_REDIRECT, NULL,
     "no port of plain HTTP that leads to https"},
    {"--public", JST_OPTION_PUBLIC, NULL, "listen on every address, not for this machine alone"},
    {"--spa", JST_OPTION_SPA, NULL, "/index.html for paths without a file"},
    {"--listing", JST_OPTION_LISTING, NULL, "folders without an index show their entries"},
    {"--dry", JST_OPTION_DRY, NULL, "print it as a configuration file, start nothing"},
    {"--name", JST_OPTION_NAME, "HOST", "the public name: what everybody on the way may see"},
    {"--dir", JST_OPTION_DIR, "FOLDER", "folder of the key files"},
    {"--out", JST_OPTION_OUT, "FILE", "file to write"},
    {"--json", JST_OPTION_JSON, NULL, "print JSON"},
    {"--markdown", JST_OPTION_MARKDOWN, NULL, "print Markdown"},
    {"--help", JST_OPTION_HELP, NULL, "print this"},
};
static_assert(JST_COUNT(options) == JST_OPTIONS_N, "every option is in the table");

static size_t
number_of(enum jst_option option)
{
    return (size_t)__builtin_ctz((unsigned)option);
}

const char *
jst_args_value(const struct jst_args *args, enum jst_option option)
{
    return args->values[number_of(option)];
}

const char *
jst_args_name(enum jst_option option)
{
    for (size_t i = 0; i < JST_COUNT(options); i++) {
        if (options[i].option == option) {
            return options[i].name;
        }
    }
    JST_UNREACHABLE();
}

/* ---- help ---- */

static void
print_usage(const struct jst_command *c)
{
    (void)printf("joist %s", c->name);
    if ((c->options & JST_OPTIONS_WHAT) == JST_OPTIONS_WHAT) {
        (void)printf(" [OPTIONS]"); /* a line for all of them would be too long */
    }
    for (size_t i = 0; i < JST_COUNT(options); i++) {
        if ((c->options & (unsigned)options[i].option & ~(unsigned)JST_OPTIONS_WHAT) != 0) {
            (void)printf(" [%s%s%s]", options[i].name, options[i].value != NULL ? " " : "",
                         options[i].value != NULL ? options[i].value : "");
        }
    }
    (void)printf("%s%s\n", c->words != NULL ? " " : "", c->words != NULL ? c->words : "");
}

void
jst_help_print_command(const struct jst_command *c)
{
    const char *line = c->example;
    char name[40];

    (void)printf("%s\n\nUsage: ", c->summary);
    print_usage(c);
    (void)printf("%s%s\nOptions:\n", c->text[0] != '\0' ? "\n" : "", c->text);
    for (size_t i = 0; i < JST_COUNT(options); i++) {
        if (((c->options | JST_OPTION_HELP) & (unsigned)options[i].option) != 0) {
            (void)jst_fmt(name, sizeof(name), "%s%s%s", options[i].name,
                          options[i].value != NULL ? " " : "",
                          options[i].value != NULL ? options[i].value : "");
            (void)printf("  %-*s %s\n", (c->options & JST_OPTIONS_WHAT) != 0 ? 18 : 13, name,
                         options[i].text);
        }
    }
    (void)printf("\nExample:\n");
    while (*line != '\0') {
        int n = (int)strcspn(line, "\n");

        (void)printf("  %.*s\n", n, line);
        line += n + (line[n] == '\n');
    }
}

/* ---- reading the line ---- */

const char *
jst_args_nearest(const struct jst_command *c, const char *word)
{
    struct jst_nearest near;

    jst_nearest_init(&near, jst_slice_z(word));
    for (size_t i = 0; i < JST_COUNT(options); i++) {
        if (((c->options | JST_OPTION_HELP) & (unsigned)options[i].option) != 0) {
            jst_nearest_try(&near, options[i].name);
        }
    }
    return near.best;
}

static int
refuse_option(const struct jst_command *c, const char *word)
{
    const char *nearest = jst_args_nearest(c, word);
    char help[128];

    if (jst_cli_is_file_option(word)) {
        (void)jst_fmt(help, sizeof(help), "the file needs no option: joist %s FILE.toml", c->name);
    } else if (nearest != NULL) {
        (void)jst_fmt(help, sizeof(help), "did you mean %s?", nearest);
    } else {
        (void)jst_fmt(help, sizeof(help), "joist %s --help lists its options", c->name);
    }
    jst_cli_error(help, "joist %s has no option '%s'", c->name, word);
    return JST_EXIT_USAGE;
}

/* The index into `options`, and the value in "--cert=FILE"; -1: the command has no such option. */
static ptrdiff_t
find_option(const struct jst_command *c, const char *word, const char **value)
{
    size_t n = strcspn(word, "=");

    *value = word[n] == '=' ? word + n + 1 : NULL;
    if (strcmp(word, "-h") == 0) {
        word = "--help";
        n = strlen(word);
    }
    for (size_t i = 0; i < JST_COUNT(options); i++) {
        if (strlen(options[i].name) == n && strncmp(word, options[i].name, n) == 0 &&
            ((c->options | JST_OPTION_HELP) & (unsigned)options[i].option) != 0) {
            return *value != NULL && options[i].value == NULL ? -1 : (ptrdiff_t)i;
        }
    }
    return -1;
}

bool
jst_args_has_option(const struct jst_command *c, const char *word)
{
    const char *value;

    return find_option(c, word, &value) >= 0;
}

/* One option, with its value from the next word if need be. Returns how many words were read; 0: it
 * was refused. */
static int
take_option(struct jst_args *args, const struct jst_command *c, char *const *argv, int argc)
{
    const char *value;
    ptrdiff_t i = find_option(c, argv[0], &value);
    int words = 1;

    if (i < 0) {
        (void)refuse_option(c, argv[0]);
        return 0;
    }
    if (options[i].value != NULL && value == NULL && argc > 1) {
        value = argv[1];
        words = 2;
    }
    if (options[i].value != NULL && (value == NULL || value[0] == '\0')) {
        jst_cli_error(NULL, "%s needs a value: %s %s", options[i].name, options[i].name,
                      options[i].value);
        return 0;
    }
    if (value != NULL && jst_args_value(args, options[i].option) != NULL) {
        jst_cli_error(NULL, "%s is given twice", options[i].name);
        return 0;
    }
    args->options |= (unsigned)options[i].option;
    args->values[number_of(options[i].option)] = value;
    return words;
}

int
jst_args_run(const struct jst_command *c, char *const *argv, int argc)
{
    struct jst_args args = {0};
    bool only_words = false;

    for (int i = 0; i < argc;) {
        int words = 1;

        if (!only_words && strcmp(argv[i], "--") == 0) {
            only_words = true;
        } else if (!only_words && argv[i][0] == '-' && argv[i][1] != '\0') {
            words = take_option(&args, c, argv + i, argc - i);
        } else if (args.words_n < JST_MIN(c->words_max, JST_WORDS_MAX)) {
            args.words[args.words_n++] = argv[i];
        } else {
            jst_cli_error("see joist help", "joist %s takes no more words: '%s'", c->name, argv[i]);
            words = 0;
        }
        if (words == 0) {
            return JST_EXIT_USAGE;
        }
        i += words;
    }
    if ((args.options & JST_OPTION_HELP) != 0) {
        jst_help_print_command(c);
        return JST_EXIT_OK;
    }
    return c->run(&args);
}
