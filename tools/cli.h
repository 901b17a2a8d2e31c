/*
 * What all tools share on the command line: options from a table, error lines, strict numbers,
 * a progress line, and Ctrl-C.
 *
 * Exit codes of every tool: 0 success, 1 failure, 2 the command line cannot be understood.
 * Data goes to standard output, everything else to standard error.
 *
 * Not for use in several threads, apart from cli_stop_requested().
 */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CLI_SUCCESS = 0, CLI_FAILURE = 1, CLI_USAGE = 2 };

/* Returned by cli_parse(): there is work to do. */
enum { CLI_GO_ON = -1 };

/* first..end-1; a side left empty on the command line is CLI_OPEN. */
typedef struct cli_range {
    int64_t first;
    int64_t end;
} cli_range;

#define CLI_OPEN INT64_MIN

/* The values of an option that may be repeated, in the order given. Freed by cli_list_free(). */
typedef struct cli_list {
    const char **items; /* point into argv */
    size_t count;
} cli_list;

typedef enum cli_type {
    CLI_FLAG,    /* bool: set to true */
    CLI_TEXT,    /* const char *: points into argv */
    CLI_LIST,    /* cli_list */
    CLI_INTEGER, /* int64_t: min..max */
    CLI_NUMBER,  /* double: min..max, finite */
    CLI_TIME,    /* double: seconds, min..max; "90", "90s", "1.5h", with s, m, h or d */
    CLI_RANGE,   /* cli_range: A:B from min on, half-open, either side may be empty */
    CLI_HEADING, /* no option: in the help, its name stands over the options that follow; then it is the first of all */
} cli_type;

typedef struct cli_option {
    const char *name; /* "chunksize" for --chunksize */
    cli_type type;
    void *target;      /* of the type above; keeps its value when the option is not given */
    const char *value; /* what stands for the value in the help, "N" */
    const char *help;  /* words; the help breaks the lines */
    double min; /* of CLI_INTEGER (within +-2^53), CLI_NUMBER and CLI_TIME; both 0: anything. Of CLI_RANGE only min */
    double max;
} cli_option;

typedef struct cli_tool {
    const char *name;          /* "imgstore-save" */
    const char *example;       /* the first lines of the help, one command each */
    const char *purpose;       /* one or more lines */
    const char *arguments;     /* "--source SRC [OPTIONS] DEST" */
    const cli_option *options; /* ends with a NULL name; --help, --version, --quiet are added */
    int argument_min;          /* how many arguments there must be beside the options */
    int argument_max;
    const char *more; /* text behind the options, or NULL */
} cli_tool;

/*
 * Reads the command line. Returns CLI_GO_ON with the arguments that are no options in
 * *arguments (pointing into argv, which is reordered) and their number in *argument_count.
 * Otherwise everything is said (--help, --version, or an error line) and the return value is the
 * exit code. Call it first: it gives cli_fail() the tool's name.
 */
int cli_parse(const cli_tool *tool, int argc, char **argv, char ***arguments, int *argument_count);

void cli_list_free(cli_list *list);

/* True if --quiet was given: no progress, no notes, no summary. */
bool cli_quiet(void);

/* Prints "TOOL: MESSAGE" on standard error, on one line whatever the message holds. Returns CLI_FAILURE. */
int cli_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same for a mistake on the command line, with a pointer to --help. Returns CLI_USAGE. */
int cli_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same for what is worth knowing but no error; silent with --quiet. */
void cli_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Flushes standard output. Returns exit_code, or CLI_FAILURE with a message if output was lost. */
int cli_finish(int exit_code);

/*
 * Numbers: the whole text must be one, in the notation of C whatever the locale; else false and
 * *value is as it was.
 */
bool cli_read_integer(const char *text, int64_t min, int64_t max, int64_t *value);
bool cli_read_number(const char *text, double min, double max, double *value);

/* A length of time, in seconds unless s, m (minutes), h or d (days) stands behind the number. */
bool cli_read_time(const char *text, double min_s, double max_s, double *seconds);

/* "A:B" with min <= A <= B; either side may be empty. */
bool cli_read_range(const char *text, int64_t min, cli_range *range);

/* Exactly `count` integers with commas between them, as in "10,20,64,48". */
bool cli_read_integers(const char *text, int64_t *values, int count);

/* Splits "KEY=VALUE" at the first "=". Returns the length of KEY, 0 if there is no "=" or no KEY. */
size_t cli_read_key(const char *text, const char **value);

/* Size of a buffer for cli_format_number(). */
enum { CLI_NUMBER_SIZE = 32 };

/*
 * Writes the shortest decimal text that reads back as exactly this double, with a point in every
 * locale; "nan", "inf", "-inf". Returns buffer.
 */
char *cli_format_number(char buffer[CLI_NUMBER_SIZE], double value);

/* Writes a duration for a person, "1:02:03" or "0:07". Returns buffer. */
char *cli_format_duration(char buffer[CLI_NUMBER_SIZE], double seconds);

/* Writes a size for a person, "1.3 MB". Returns buffer. */
char *cli_format_size(char buffer[CLI_NUMBER_SIZE], int64_t bytes);

/*
 * One progress line, on standard error if that is a terminal and --quiet was not given: a bar
 * where the total is known (> 0), else a count; frames a second and the time left. Redrawn at
 * most ten times a second, wiped before any message and by cli_progress_finish().
 */
void cli_progress_start(const char *what, int64_t total);
void cli_progress_update(int64_t done);
void cli_progress_finish(void);

/* What is to stand behind the figures of the line from now on, cut where the terminal ends. */
void cli_progress_note(const char *text);

/*
 * From now on SIGINT, SIGTERM and SIGHUP do not end the process but are remembered, and call
 * `action(context)`, if not NULL, from the handler: it must be async-signal-safe. System calls
 * that wait are broken off with EINTR. A SIGHUP that was ignored (nohup) stays ignored.
 */
void cli_catch_stop(void (*action)(void *context), void *context);

/* Keeps the signals caught but calls no action any more; to be called before its context goes. */
void cli_forget_stop_action(void);

/* True once one of these signals has come. */
bool cli_stop_requested(void);

#endif
