// SPDX-License-Identifier: MIT
#include "cli/cli.h"

#include "base/str.h"
#include "cli/what.h"
#include "conf/nearest.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const struct jst_command jst_commands[] = {
    {
        .name = "run",
        .words = "[WHAT...]",
        .words_max = JST_WORDS_MAX,
        .options = JST_OPTIONS_WHAT,
        .summary = "serve a folder, an origin, or what a configuration file says",
        .text = "WHAT is, in any order:\n"
                "  ./public               a folder: its files\n"
                "  http://localhost:3000  an origin: requests are passed on to it. Also https://,\n"
                "                         h2c://, unix:/path, localhost:3000 and :3000\n"
                "  example.com,b.example  host names: they open it to other machines\n"
                "  8443  https:8443       the port of https. Else 443, or 5000 and up\n"
                "  http:8080              plain HTTP on this port, and no https\n"
                "  joist.toml             a configuration file, alone\n"
                "Without WHAT: ./joist.toml, or else a page that welcomes you.\n"
                "\n"
                "SIGTERM and Ctrl-C let requests end first, for as long as `drain` says;\n"
                "the second one ends at once. SIGHUP changes nothing: reload is not there yet.\n",
        .example = "joist run ./public\njoist run :3000 example.com --hsts\n"
                   "joist run /etc/joist/joist.toml\n",
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
        .name = "ech new",
        .options = JST_OPTION_NAME | JST_OPTION_DIR | JST_OPTION_OUT | JST_OPTION_JSON,
        .summary = "make a key for Encrypted ClientHello",
        .text =
            "Writes a key file of mode 0600 and prints the record for the DNS that tells clients\n"
            "of it. Without --dir and --out: in the folder `ech` of the state folder. The\n"
            "public name is shown to the network in place of the name that is asked for: a\n"
            "certificate for it has to be there.\n",
        .example = "joist ech new --name public.example --dir /etc/joist/ech\n",
        .run = jst_cli_ech_new,
    },
    {
        .name = "ech list",
        .words = "[FILE...]",
        .words_max = JST_WORDS_MAX,
        .options = JST_OPTION_DIR | JST_OPTION_JSON,
        .summary = "show keys for Encrypted ClientHello and their DNS records",
        .text = "Of the files that are named, or of all *.pem in a folder, by name. The last of a\n"
                "folder is the one that clients are told of.\n",
        .example = "joist ech list --dir /etc/joist/ech\njoist ech list key.pem --json\n",
        .run = jst_cli_ech_list,
    },
    {
        .name = "version",
        .options = JST_OPTION_JSON,
        .summary = "print the version, and the TLS library's",
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

static void
print_help(void)
{
    (void)printf("joist: web server and reverse proxy\n\n"
                 "Usage: joist COMMAND [OPTIONS]\n"
                 "       joist [WHAT...]           the same as joist run [WHAT...]\n\n"
                 "Commands:\n");
    for (const struct jst_command *c = jst_commands; c->name != NULL; c++) {
        (void)printf("  %-16s %s\n", c->name, c->summary);
    }
    (void)printf("\njoist COMMAND --help explains a command. To begin with:\n"
                 "  joist ./public   serve a folder\n"
                 "  joist :3000      stand before an application on port 3000\n");
}

/* The command that the words begin with, and how many of them are its name; NULL: none. */
static const struct jst_command *
find_command(size_t *words, char *const *argv, int argc)
{
    for (const struct jst_command *c = jst_commands; c->name != NULL; c++) {
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

/* "config" alone, or with a second word that is none of its own: said, and true. */
static bool
refuse_half(char *const *argv, int argc)
{
    struct jst_nearest near;
    char list[160];
    struct jst_str s = jst_str(list, sizeof(list) - 1);
    size_t n = strlen(argv[0]);

    jst_nearest_init(&near, jst_slice_z(argc > 1 ? argv[1] : ""));
    for (const struct jst_command *c = jst_commands; c->name != NULL; c++) {
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
    if (c == NULL && refuse_half(words, (int)args->words_n)) {
        return JST_EXIT_USAGE;
    }
    if (c == NULL) {
        jst_cli_error("joist help lists the commands", "there is no command '%s'", args->words[0]);
        return JST_EXIT_USAGE;
    }
    jst_help_print_command(c);
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
    for (const struct jst_command *c = jst_commands; c->name != NULL; c++) {
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
    if (best == NULL && word[0] == '-') {
        best = jst_args_nearest(&jst_commands[0], word);
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

    if (refuse_half(argv, argc)) {
        return JST_EXIT_USAGE;
    }
    suggest_command(help, sizeof(help), argv[0]);
    jst_cli_error(remedy != NULL ? remedy : help, "there is no %s '%s'",
                  argv[0][0] == '-' ? "option" : "command", argv[0]);
    return JST_EXIT_USAGE;
}

/* The line may begin with WHAT or an option of `run` in place of the command. */
static bool
is_run(const char *word)
{
    return word[0] == '-' ? jst_args_has_option(&jst_commands[0], word) : jst_token_is_what(word);
}

/* Commands of two words come before a folder of the first one's name, which may hold keys. */
static bool
is_group(const char *word)
{
    size_t n = strlen(word);

    for (const struct jst_command *c = jst_commands; c->name != NULL; c++) {
        if (strncmp(c->name, word, n) == 0 && c->name[n] == ' ') {
            return true;
        }
    }
    return false;
}

int
jst_cli_main(int argc, char **argv)
{
    const struct jst_command *c;
    size_t words = 0;

    if (argc < 2) {
        return jst_args_run(&jst_commands[0], NULL, 0);
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
        return jst_args_run(c, argv + 1 + words, argc - 1 - (int)words);
    }
    if (argc == 3 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0) &&
        is_group(argv[1])) {
        print_help();
        return JST_EXIT_OK;
    }
    if (!is_group(argv[1]) && is_run(argv[1])) {
        return jst_args_run(&jst_commands[0], argv + 1, argc - 1);
    }
    return refuse_command(argv + 1, argc - 1);
}
