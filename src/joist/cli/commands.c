// SPDX-License-Identifier: MIT
#include "cli/cli.h"

#include "base/str.h"
#include "conf/nearest.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct jst_command commands[] = {
    {
        .name = "run",
        .words = "[FILE]",
        .words_max = 1,
        .summary = "serve what a configuration file says",
        .text = "Without FILE: ./joist.toml. A file with an error does not start anything.\n"
                "SIGTERM and Ctrl-C let requests end first, for as long as `drain` says;\n"
                "the second one ends at once. SIGHUP changes nothing: reload is not there yet.\n",
        .example = "joist run\njoist run /etc/joist/joist.toml\n",
        .run = jst_cli_run,
    },
    {
        .name = "config validate",
        .words = "[FILE]",
        .words_max = 1,
        .options = JST_OPTION_JSON,
        .summary = "check a configuration file, without starting anything",
        .text = "Prints all errors and warnings, each with its place. Exit code 1 if there is an\n"
                "error, 0 if there are none or only warnings. No port is bound, no log opened, no\n"
                "name looked up: what these give shows at the start.\n",
        .example = "joist config validate joist.toml\njoist config validate --json\n",
        .run = jst_cli_config_validate,
    },
    {
        .name = "config show",
        .words = "[FILE]",
        .words_max = 1,
        .options = JST_OPTION_JSON,
        .summary = "print the effective configuration",
        .text = "Includes and variables resolved, defaults filled in, secrets left out.\n",
        .example = "joist config show\njoist config show --json joist.toml\n",
        .run = jst_cli_config_show,
    },
    {
        .name = "config schema",
        .options = JST_OPTION_JSON | JST_OPTION_MARKDOWN,
        .summary = "print the JSON Schema of the configuration",
        .text = "For editors that check and complete TOML. --markdown prints the tables of the\n"
                "reference page instead.\n",
        .example = "joist config schema > joist.schema.json\n",
        .run = jst_cli_config_schema,
    },
    {
        .name = "version",
        .options = JST_OPTION_JSON,
        .summary = "print the version",
        .text = "",
        .example = "joist version --json\n",
        .run = jst_cli_version,
    },
    {
        .name = "help",
        .words = "[COMMAND]",
        .words_max = 2,
        .summary = "explain a command",
        .text = "",
        .example = "joist help config show\n",
        .run = jst_cli_help,
    },
    {0},
};

static const struct {
    const char *name;
    enum jst_option option;
    const char *text;
} options[] = {
    {"--json", JST_OPTION_JSON, "print JSON"},
    {"--markdown", JST_OPTION_MARKDOWN, "print Markdown"},
    {"--help", JST_OPTION_HELP, "print this"},
};

bool
jst_cli_has_colours(int fd)
{
    const char *no = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    return isatty(fd) && (no == NULL || no[0] == '\0') &&
           (term == NULL || strcmp(term, "dumb") != 0);
}

void
jst_cli_error(const char *help, const char *fmt, ...)
{
    bool colours = jst_cli_has_colours(STDERR_FILENO);
    va_list args;

    (void)fputs(colours ? "\033[1;31merror:\033[0m " : "error: ", stderr);
    va_start(args, fmt);
    (void)vfprintf(stderr, fmt, args);
    va_end(args);
    (void)fputc('\n', stderr);
    if (help != NULL) {
        (void)fprintf(stderr, "%s %s\n", colours ? "\033[36mhelp:\033[0m" : "help:", help);
    }
}

const char *
jst_cli_file(const struct jst_args *args)
{
    if (args->words_n > 0) {
        return args->words[0];
    }
    if (access("joist.toml", F_OK) == 0) {
        return "joist.toml";
    }
    jst_cli_error("name a file, or write joist.toml, for example:\n"
                  "\n"
                  "    [[listeners]]\n"
                  "    bind = \":8080\"\n"
                  "\n"
                  "    [[sites]]\n"
                  "    root = \"public\"\n",
                  "there is no joist.toml in this folder");
    return NULL;
}

/* ---- help ---- */

static void
print_usage(FILE *out, const struct jst_command *c)
{
    (void)fprintf(out, "joist %s", c->name);
    for (size_t i = 0; i < JST_COUNT(options); i++) {
        if ((c->options & (unsigned)options[i].option) != 0) {
            (void)fprintf(out, " [%s]", options[i].name);
        }
    }
    (void)fprintf(out, "%s%s\n", c->words != NULL ? " " : "", c->words != NULL ? c->words : "");
}

static void
print_command_help(const struct jst_command *c)
{
    const char *line = c->example;

    (void)printf("%s\n\nUsage: ", c->summary);
    print_usage(stdout, c);
    (void)printf("%s%s\nOptions:\n", c->text[0] != '\0' ? "\n" : "", c->text);
    for (size_t i = 0; i < JST_COUNT(options); i++) {
        if (((c->options | JST_OPTION_HELP) & (unsigned)options[i].option) != 0) {
            (void)printf("  %-12s %s\n", options[i].name, options[i].text);
        }
    }
    (void)printf("\nExample:\n");
    while (*line != '\0') {
        int n = (int)strcspn(line, "\n");

        (void)printf("  %.*s\n", n, line);
        line += n + (line[n] == '\n');
    }
}

static void
print_help(void)
{
    (void)printf("joist: web server and reverse proxy\n\n"
                 "Usage: joist COMMAND [OPTIONS]\n"
                 "       joist [FILE.toml]         the same as joist run [FILE.toml]\n\n"
                 "Commands:\n");
    for (const struct jst_command *c = commands; c->name != NULL; c++) {
        (void)printf("  %-16s %s\n", c->name, c->summary);
    }
    (void)printf("\njoist COMMAND --help explains a command.\n");
}

static const struct jst_command *
find_command(size_t *words, char *const *argv, int argc)
{
    for (const struct jst_command *c = commands; c->name != NULL; c++) {
        size_t n = strcspn(c->name, " ");
        const char *second = c->name[n] == ' ' ? c->name + n + 1 : NULL;

        if (argc < 1 || strlen(argv[0]) != n || strncmp(argv[0], c->name, n) != 0) {
            continue;
        }
        if (second == NULL || (argc > 1 && strcmp(argv[1], second) == 0)) {
            *words = second == NULL ? 1 : 2;
            return c;
        }
    }
    return NULL;
}

/* ---- reading the line ---- */

static int
refuse_option(const struct jst_command *c, const char *word)
{
    struct jst_nearest near;
    char help[128];

    jst_nearest_init(&near, jst_slice_z(word));
    for (size_t i = 0; i < JST_COUNT(options); i++) {
        if (((c->options | JST_OPTION_HELP) & (unsigned)options[i].option) != 0) {
            jst_nearest_try(&near, options[i].name);
        }
    }
    if (jst_cli_is_file_option(word)) {
        (void)jst_fmt(help, sizeof(help), "the file needs no option: joist %s FILE", c->name);
    } else if (near.best != NULL) {
        (void)jst_fmt(help, sizeof(help), "did you mean %s?", near.best);
    } else {
        (void)jst_fmt(help, sizeof(help), "joist %s --help lists its options", c->name);
    }
    jst_cli_error(help, "joist %s has no option '%s'", c->name, word);
    return JST_EXIT_USAGE;
}

static unsigned
find_option(const struct jst_command *c, const char *word)
{
    if (strcmp(word, "-h") == 0) {
        return JST_OPTION_HELP;
    }
    for (size_t i = 0; i < JST_COUNT(options); i++) {
        if (strcmp(word, options[i].name) == 0) {
            return (c->options | JST_OPTION_HELP) & (unsigned)options[i].option;
        }
    }
    return 0;
}

static int
run_command(const struct jst_command *c, char *const *argv, int argc)
{
    struct jst_args args = {0};
    bool only_words = false;

    for (int i = 0; i < argc; i++) {
        unsigned option = 0;

        if (!only_words && argv[i][0] == '-' && argv[i][1] != '\0') {
            only_words = strcmp(argv[i], "--") == 0;
            option = only_words ? 0 : find_option(c, argv[i]);
            if (option == 0 && !only_words) {
                return refuse_option(c, argv[i]);
            }
            args.options |= option;
        } else if (args.words_n < c->words_max) {
            args.words[args.words_n++] = argv[i];
        } else {
            jst_cli_error("see joist help", "joist %s takes no more words: '%s'", c->name, argv[i]);
            return JST_EXIT_USAGE;
        }
    }
    if ((args.options & JST_OPTION_HELP) != 0) {
        print_command_help(c);
        return JST_EXIT_OK;
    }
    return c->run(&args);
}

/* "config" alone, or with a second word that is none of its own. */
static bool
refuse_half_command(char *const *argv, int argc)
{
    struct jst_nearest near;
    char list[160];
    struct jst_str s = jst_str(list, sizeof(list) - 1);
    size_t n = strlen(argv[0]);

    jst_nearest_init(&near, jst_slice_z(argc > 1 ? argv[1] : ""));
    for (const struct jst_command *c = commands; c->name != NULL; c++) {
        if (strncmp(c->name, argv[0], n) == 0 && c->name[n] == ' ') {
            jst_nearest_try(&near, c->name + n + 1);
            jst_str_fmt(&s, "%sjoist %s", s.n > 0 ? ", " : "", c->name);
        }
    }
    if (s.n == 0) {
        return false;
    }
    list[s.n] = '\0';
    if (near.best != NULL) {
        (void)jst_fmt(list, sizeof(list), "did you mean joist %s %s?", argv[0], near.best);
    }
    if (argc > 1) {
        jst_cli_error(list, "there is no command '%s %s'", argv[0], argv[1]);
    } else {
        jst_cli_error(list, "'joist %s' needs a second word", argv[0]);
    }
    return true;
}

int
jst_cli_help(const struct jst_args *args)
{
    char *words[2] = {(char *)(uintptr_t)args->words[0], (char *)(uintptr_t)args->words[1]};
    const struct jst_command *c;
    size_t n = 0;

    if (args->words_n == 0) {
        print_help();
        return JST_EXIT_OK;
    }
    c = find_command(&n, words, (int)args->words_n);
    if (c == NULL && refuse_half_command(words, (int)args->words_n)) {
        return JST_EXIT_USAGE;
    }
    if (c == NULL) {
        jst_cli_error("joist help lists the commands", "there is no command '%s'", args->words[0]);
        return JST_EXIT_USAGE;
    }
    print_command_help(c);
    return JST_EXIT_OK;
}

/* A whole name, its first word ("confg"), or its second alone ("validate"). */
static void
suggest_command(char *help, size_t cap, const char *word)
{
    static const char *const others[] = {"config", "--help", "--version"};
    const char *best = NULL;
    struct jst_nearest near;

    jst_nearest_init(&near, jst_slice_z(word));
    for (const struct jst_command *c = commands; c->name != NULL; c++) {
        const char *space = strchr(c->name, ' ');
        size_t before = near.distance;

        jst_nearest_try(&near, c->name);
        if (space != NULL) {
            jst_nearest_try(&near, space + 1);
        }
        best = near.distance < before ? c->name : best;
    }
    for (size_t i = 0; i < JST_COUNT(others); i++) {
        size_t before = near.distance;

        jst_nearest_try(&near, others[i]);
        best = near.distance < before ? others[i] : best;
    }
    if (best != NULL) {
        (void)jst_fmt(help, cap, "did you mean joist %s?", best);
    } else {
        (void)jst_fmt(help, cap, "joist help lists the commands");
    }
}

static int
refuse_command(char *const *argv, int argc)
{
    const char *remedy = jst_cli_find_remedy(argv[0]);
    char help[128];

    if (refuse_half_command(argv, argc)) {
        return JST_EXIT_USAGE;
    }
    suggest_command(help, sizeof(help), argv[0]);
    jst_cli_error(remedy != NULL ? remedy : help, "there is no %s '%s'",
                  argv[0][0] == '-' ? "option" : "command", argv[0]);
    return JST_EXIT_USAGE;
}

/* `joist FILE.toml` is `joist run FILE.toml`. */
static bool
is_file(const char *word)
{
    return jst_slice_ends(jst_slice_z(word), JST_S(".toml"));
}

int
jst_cli_main(int argc, char **argv)
{
    const struct jst_command *c;
    size_t words = 0;

    if (argc < 2) {
        return run_command(&commands[0], NULL, 0);
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help();
        return JST_EXIT_OK;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        return jst_cli_version(&(struct jst_args){0});
    }
    c = find_command(&words, argv + 1, argc - 1);
    if (c != NULL) {
        return run_command(c, argv + 1 + words, argc - 1 - (int)words);
    }
    if (is_file(argv[1])) {
        return run_command(&commands[0], argv + 1, argc - 1);
    }
    if (argc == 3 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0) &&
        strcmp(argv[1], "config") == 0) {
        print_help();
        return JST_EXIT_OK;
    }
    return refuse_command(argv + 1, argc - 1);
}
