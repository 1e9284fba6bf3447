// SPDX-License-Identifier: MIT
#pragma once
/*
 * The command line: a table of commands, one file for each family of them.
 *
 * Flow:    main.c -> jst_cli_main() -> finds the command -> jst_args_run() -> its function
 * Threads: the main one.
 * Start:   commands.c
 */
#include "base/base.h"

/* Exit codes. */
#define JST_EXIT_OK     0
#define JST_EXIT_FAILED 1
#define JST_EXIT_USAGE  2

/* Options, as bits. Those from JST_OPTION_CERT on take a value. */
enum jst_option {
    JST_OPTION_JSON = 1 << 0,
    JST_OPTION_MARKDOWN = 1 << 1,
    JST_OPTION_HELP = 1 << 2, /* every command has it */
    JST_OPTION_AUTO_TLS = 1 << 3,
    JST_OPTION_HSTS = 1 << 4,
    JST_OPTION_NO_REDIRECT = 1 << 5,
    JST_OPTION_PUBLIC = 1 << 6,
    JST_OPTION_SPA = 1 << 7,
    JST_OPTION_LISTING = 1 << 8,
    JST_OPTION_DRY = 1 << 9,
    JST_OPTION_CERT = 1 << 10,
    JST_OPTION_KEY = 1 << 11,
    JST_OPTION_NAME = 1 << 12,
    JST_OPTION_DIR = 1 << 13,
    JST_OPTION_OUT = 1 << 14,
};
#define JST_OPTIONS_N 15

/* Options of `run` that say how to serve what the line names: of no use with a file. */
#define JST_OPTIONS_WHAT                                                                           \
    (JST_OPTION_AUTO_TLS | JST_OPTION_HSTS | JST_OPTION_NO_REDIRECT | JST_OPTION_PUBLIC |          \
     JST_OPTION_SPA | JST_OPTION_LISTING | JST_OPTION_DRY | JST_OPTION_CERT | JST_OPTION_KEY)

#define JST_WORDS_MAX 32

struct jst_args {
    unsigned options;                  /* bits of enum jst_option */
    const char *values[JST_OPTIONS_N]; /* by the bit's number: see jst_args_value() */
    const char *words[JST_WORDS_MAX];  /* what is no option; NULL behind the last */
    size_t words_n;
};

struct jst_command {
    const char *name;  /* one word, or two: "config show" */
    const char *words; /* for the usage line: "[FILE]" */
    size_t words_max;
    unsigned options;    /* that it takes besides --help */
    const char *summary; /* one line */
    const char *text;    /* the rest of --help */
    const char *example; /* lines, each a command */
    int (*run)(const struct jst_args *args);
};

/** The table; a name of NULL ends it. */
extern const struct jst_command jst_commands[];

/** All of the program. Returns the exit code. */
int jst_cli_main(int argc, char **argv);

/** "error: ..." and perhaps "help: ..." on stderr. */
void jst_cli_error(const char *help, const char *fmt, ...) JST_PRINTF(2, 3);

/** Is this the option that other servers have for their file: -c, --config? */
bool jst_cli_is_file_option(const char *word);

/** What to do instead of a word that is no command, as other servers have it or as it is not there
 *  yet; NULL: no idea. */
const char *jst_cli_find_remedy(const char *word);

/** Read options and words behind a command's name, and run it. Returns the exit code. */
int jst_args_run(const struct jst_command *c, char *const *argv, int argc);

/** Does the command take this option? */
bool jst_args_has_option(const struct jst_command *c, const char *word);

/** The command's option that is nearest to a mistyped one; NULL: none is near. */
const char *jst_args_nearest(const struct jst_command *c, const char *word);

/** The value of an option; NULL: it was not given. */
const char *jst_args_value(const struct jst_args *args, enum jst_option option);

/** "--cert" for JST_OPTION_CERT. */
const char *jst_args_name(enum jst_option option);

void jst_help_print_command(const struct jst_command *c);

/** May this stream have colours? A terminal, and no NO_COLOR in the environment. */
bool jst_cli_has_colours(int fd);

/** The file that a command works on: its word, or ./joist.toml. NULL (and said) if neither. */
const char *jst_cli_file(const struct jst_args *args);

/* The commands; each returns an exit code. */
int jst_cli_run(const struct jst_args *args);
int jst_cli_config_validate(const struct jst_args *args);
int jst_cli_config_show(const struct jst_args *args);
int jst_cli_config_schema(const struct jst_args *args);
int jst_cli_ech_new(const struct jst_args *args);
int jst_cli_ech_list(const struct jst_args *args);
int jst_cli_version(const struct jst_args *args);
int jst_cli_help(const struct jst_args *args);
