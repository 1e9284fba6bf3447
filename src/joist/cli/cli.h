// SPDX-License-Identifier: MIT
#pragma once
/*
 * The command line: a table of commands, one file for each family of them.
 *
 * Flow:    main.c -> jst_cli_main() -> finds the command, reads its options -> its function
 * Threads: the main one.
 * Start:   commands.c
 */
#include "base/base.h"

/* Exit codes. */
#define JST_EXIT_OK     0
#define JST_EXIT_FAILED 1
#define JST_EXIT_USAGE  2

enum jst_option {
    JST_OPTION_JSON = 1 << 0,
    JST_OPTION_MARKDOWN = 1 << 1,
    JST_OPTION_HELP = 1 << 2, /* every command has it */
};

struct jst_args {
    unsigned options;     /* bits of enum jst_option */
    const char *words[2]; /* what is no option; NULL behind the last */
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

/** All of the program. Returns the exit code. */
int jst_cli_main(int argc, char **argv);

/** "error: ..." and perhaps "help: ..." on stderr. */
void jst_cli_error(const char *help, const char *fmt, ...) JST_PRINTF(2, 3);

/** Is this the option that other servers have for their file: -c, --config? */
bool jst_cli_is_file_option(const char *word);

/** What to do instead, for a word that is no command but a folder, a URL, or something that is not
 *  there yet; NULL: no idea. */
const char *jst_cli_find_remedy(const char *word);

/** May this stream have colours? A terminal, and no NO_COLOR in the environment. */
bool jst_cli_has_colours(int fd);

/** The file that a command works on: its word, or ./joist.toml. NULL (and said) if neither. */
const char *jst_cli_file(const struct jst_args *args);

/* The commands; each returns an exit code. */
int jst_cli_run(const struct jst_args *args);
int jst_cli_config_validate(const struct jst_args *args);
int jst_cli_config_show(const struct jst_args *args);
int jst_cli_config_schema(const struct jst_args *args);
int jst_cli_version(const struct jst_args *args);
int jst_cli_help(const struct jst_args *args);
