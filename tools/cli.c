#include "cli.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <libstore/error.h>
#include <locale.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

// One process, one tool, one terminal.
static const char *tool_name = "imgstore";
static bool quiet;

/* ---- messages ---- */

static void progress_wipe(void);

static void __attribute__((format(printf, 1, 0))) print_line(const char *format, va_list arguments, const char *suffix)
{
    char message[1024];
    vsnprintf(message, sizeof message, format, arguments);
    for (char *c = message; *c; c++)
        if (*c == '\n' || *c == '\r')
            *c = ' ';
    progress_wipe();
    fprintf(stderr, "%s: %s%s\n", tool_name, message, suffix);
}

int cli_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_line(format, arguments, "");
    va_end(arguments);
    return CLI_FAILURE;
}

int cli_usage(const char *format, ...)
{
    char suffix[128];
    snprintf(suffix, sizeof suffix, " (see %s --help)", tool_name);
    va_list arguments;
    va_start(arguments, format);
    print_line(format, arguments, suffix);
    va_end(arguments);
    return CLI_USAGE;
}

void cli_note(const char *format, ...)
{
    if (quiet)
        return;
    va_list arguments;
    va_start(arguments, format);
    print_line(format, arguments, "");
    va_end(arguments);
}

bool cli_quiet(void)
{
    return quiet;
}

int cli_finish(int exit_code)
{
    // Output that filled a disk or went into a closed file must not pass for success.
    const bool lost = ferror(stdout) != 0;
    if (fflush(stdout) != 0 || lost)
        return cli_fail("standard output: %s", strerror(errno));
    return exit_code;
}

/* ---- numbers ---- */

// The "C" locale of glibc is a constant: this neither allocates nor needs freeing.
static locale_t c_locale(void)
{
    return newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

bool cli_read_integer(const char *text, int64_t min, int64_t max, int64_t *value)
{
    const char *digits = text + (*text == '-');
    if (*digits == '\0' || digits[strspn(digits, "0123456789")] != '\0')
        return false;
    errno = 0;
    const long long number = strtoll(text, NULL, 10);
    if (errno != 0 || number < min || number > max)
        return false;
    *value = number;
    return true;
}

bool cli_read_number(const char *text, double min, double max, double *value)
{
    // strtod() also takes blanks, hexadecimal, "inf" and "nan"; a number of ours has none of these letters.
    if (*text == '\0' || text[strspn(text, "+-.0123456789eE")] != '\0')
        return false;
    char *end;
    const double number = strtod_l(text, &end, c_locale());
    if (*end != '\0' || !isfinite(number) || number < min || number > max)
        return false;
    *value = number;
    return true;
}

// The number in text[0..length-1].
static bool read_part(const char *text, size_t length, int64_t min, int64_t *value)
{
    char part[32];
    if (length >= sizeof part)
        return false;
    memcpy(part, text, length);
    part[length] = '\0';
    return cli_read_integer(part, min, INT64_MAX, value);
}

bool cli_read_range(const char *text, int64_t min, cli_range *range)
{
    const char *colon = strchr(text, ':');
    if (!colon)
        return false;
    const size_t first_length = (size_t)(colon - text);
    const size_t end_length = strlen(colon + 1);
    cli_range found = {CLI_OPEN, CLI_OPEN};
    if (first_length > 0 && !read_part(text, first_length, min, &found.first))
        return false;
    if (end_length > 0 && !read_part(colon + 1, end_length, min, &found.end))
        return false;
    if (found.end != CLI_OPEN && found.first > found.end)
        return false;
    *range = found;
    return true;
}

bool cli_read_integers(const char *text, int64_t *values, int count)
{
    for (int i = 0; i < count; i++) {
        const size_t length = strcspn(text, ",");
        const bool last = i == count - 1;
        if ((text[length] == '\0') != last || !read_part(text, length, INT64_MIN, &values[i]))
            return false;
        text += length + !last;
    }
    return true;
}

size_t cli_read_key(const char *text, const char **value)
{
    const char *equals = strchr(text, '=');
    if (!equals)
        return 0;
    *value = equals + 1;
    return (size_t)(equals - text);
}

bool cli_read_time(const char *text, double min_s, double max_s, double *seconds)
{
    static const struct {
        char letter;
        double seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    char number[CLI_NUMBER_SIZE];
    size_t length = strlen(text);
    double unit_s = 1;
    for (size_t i = 0; length > 0 && i < sizeof units / sizeof units[0]; i++)
        if (text[length - 1] == units[i].letter) {
            unit_s = units[i].seconds;
            length--;
            break;
        }
    if (length == 0 || length >= sizeof number)
        return false;
    memcpy(number, text, length);
    number[length] = '\0';
    double value;
    if (!cli_read_number(number, min_s / unit_s, max_s / unit_s, &value))
        return false;
    *seconds = value * unit_s;
    return true;
}

char *cli_format_number(char buffer[CLI_NUMBER_SIZE], double value)
{
    if (isnan(value))
        return strcpy(buffer, "nan");
    const locale_t before = uselocale(c_locale());
    // %g drops trailing zeros, so 15 digits already give the shortest text wherever they suffice.
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(buffer, CLI_NUMBER_SIZE, "%.*g", digits, value);
        if (strtod(buffer, NULL) == value)
            break;
    }
    uselocale(before);
    return buffer;
}

char *cli_format_duration(char buffer[CLI_NUMBER_SIZE], double seconds)
{
    const int64_t whole = seconds < 0 ? 0 : seconds > 1e12 ? (int64_t)1e12 : (int64_t)(seconds + 0.5);
    const int64_t hours = whole / 3600;
    const int minutes = (int)(whole / 60 % 60);
    const int rest = (int)(whole % 60);
    if (hours > 0)
        snprintf(buffer, CLI_NUMBER_SIZE, "%" PRId64 ":%02d:%02d", hours, minutes, rest);
    else
        snprintf(buffer, CLI_NUMBER_SIZE, "%d:%02d", minutes, rest);
    return buffer;
}

char *cli_format_size(char buffer[CLI_NUMBER_SIZE], int64_t bytes)
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB", "EB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 999.5 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1000;
        unit++;
    }
    const int decimals = unit > 0 && value < 9.95 ? 1 : 0;
    snprintf(buffer, CLI_NUMBER_SIZE, "%.*f %s", decimals, value, units[unit]);
    return buffer;
}

/* ---- options ---- */

enum { MAX_OPTIONS = 80 };

// Prints text with every line behind the first indented by `indent` blanks.
static void print_indented(const char *text, int indent)
{
    for (const char *c = text; *c; c++) {
        putchar(*c);
        if (*c == '\n')
            printf("%*s", indent, "");
    }
    putchar('\n');
}

enum { HELP_COLUMN = 28, HELP_WIDTH = 80 };

// Prints the words of text, the first at HELP_COLUMN, the others below it.
static void print_wrapped(const char *text)
{
    int column = HELP_COLUMN;
    for (const char *word = text + strspn(text, " \n"); *word; word += strspn(word, " \n")) {
        const int length = (int)strcspn(word, " \n");
        if (column > HELP_COLUMN && column + 1 + length > HELP_WIDTH) {
            printf("\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
        }
        column += printf("%s%.*s", column > HELP_COLUMN ? " " : "", length, word);
        word += length;
    }
    putchar('\n');
}

static void print_help_option(const char *name, const char *value, const char *help)
{
    const int width = printf("  --%s%s%s", name, value ? " " : "", value ? value : "");
    if (width > HELP_COLUMN - 2)
        printf("\n%*s", HELP_COLUMN, "");
    else
        printf("%*s", HELP_COLUMN - width, "");
    print_wrapped(help);
}

static void print_help_options(const cli_option *options)
{
    const bool grouped = options->type == CLI_HEADING;
    if (!grouped)
        printf("\nOptions:\n");
    for (const cli_option *option = options; option->name; option++)
        if (option->type == CLI_HEADING)
            printf("\n%s:\n", option->name);
        else
            print_help_option(option->name, option->value, option->help);
    if (grouped)
        printf("\nOther:\n");
    print_help_option("quiet", NULL, "say nothing but errors");
    print_help_option("version", NULL, "print the version and end");
    print_help_option("help", NULL, "print this text and end");
}

static void print_help(const cli_tool *tool)
{
    printf("Example:\n  ");
    print_indented(tool->example, 2);
    printf("\nUsage: %s %s\n\n%s\n", tool->name, tool->arguments, tool->purpose);
    print_help_options(tool->options);
    if (tool->more)
        printf("\n%s\n", tool->more);
    printf("\nExit code: 0 success, 1 failure, 2 the command line cannot be understood.\n");
}

static int set_list(cli_list *list, const char *text)
{
    const char **items = realloc(list->items, (list->count + 1) * sizeof *items);
    if (!items)
        return cli_fail("out of memory");
    items[list->count] = text;
    list->items = items;
    list->count++;
    return CLI_GO_ON;
}

void cli_list_free(cli_list *list)
{
    free(list->items);
    *list = (cli_list){0};
}

static int set_integer(const cli_option *option, const char *text)
{
    const bool bounded = option->min < option->max;
    const int64_t min = bounded ? (int64_t)option->min : INT64_MIN;
    const int64_t max = bounded ? (int64_t)option->max : INT64_MAX;
    if (cli_read_integer(text, min, max, option->target))
        return CLI_GO_ON;
    if (!bounded)
        return cli_usage("--%s: \"%s\" is not a whole number", option->name, text);
    return cli_usage("--%s: \"%s\" is not a whole number from %" PRId64 " to %" PRId64, option->name, text, min, max);
}

static int set_number(const cli_option *option, const char *text)
{
    const bool bounded = option->min < option->max;
    const double min = bounded ? option->min : -HUGE_VAL;
    const double max = bounded ? option->max : HUGE_VAL;
    if (cli_read_number(text, min, max, option->target))
        return CLI_GO_ON;
    if (!bounded)
        return cli_usage("--%s: \"%s\" is not a number", option->name, text);
    return cli_usage("--%s: \"%s\" is not a number from %g to %g", option->name, text, min, max);
}

static int set_time(const cli_option *option, const char *text)
{
    const bool bounded = option->min < option->max;
    if (cli_read_time(text, bounded ? option->min : -HUGE_VAL, bounded ? option->max : HUGE_VAL, option->target))
        return CLI_GO_ON;
    return cli_usage("--%s: \"%s\" is not a time such as 90, 45s, 1.5h or 2d", option->name, text);
}

static int set_option(const cli_option *option, const char *text)
{
    switch (option->type) {
    case CLI_FLAG:
        *(bool *)option->target = true;
        return CLI_GO_ON;
    case CLI_TEXT:
        *(const char **)option->target = text;
        return CLI_GO_ON;
    case CLI_LIST:
        return set_list(option->target, text);
    case CLI_INTEGER:
        return set_integer(option, text);
    case CLI_NUMBER:
        return set_number(option, text);
    case CLI_TIME:
        return set_time(option, text);
    case CLI_RANGE:
        if (cli_read_range(text, (int64_t)option->min, option->target))
            return CLI_GO_ON;
        return cli_usage("--%s: \"%s\" is not a range A:B with A not above B", option->name, text);
    case CLI_HEADING:
        break;
    }
    assert(!"option type");
    return CLI_USAGE;
}

static int check_argument_count(const cli_tool *tool, char **arguments, int count)
{
    if (count > tool->argument_max)
        return cli_usage("\"%s\" is one argument too many", arguments[tool->argument_max]);
    if (count < tool->argument_min)
        return cli_usage("an argument is missing: %s %s", tool->name, tool->arguments);
    return CLI_GO_ON;
}

// An argument, since no option has a digit for its name.
static bool is_negative_number(const char *text)
{
    return text[0] == '-' && text[1] >= '0' && text[1] <= '9';
}

int cli_parse(const cli_tool *tool, int argc, char **argv, char ***arguments, int *argument_count)
{
    enum { ARGUMENT = 1, FIRST_OPTION, HELP = 1000, VERSION, QUIET }; // 1 is getopt's own
    struct option options[MAX_OPTIONS + 4] = {{"help", no_argument, NULL, HELP},
                                              {"version", no_argument, NULL, VERSION},
                                              {"quiet", no_argument, NULL, QUIET}};
    int count = 3;
    for (int i = 0; tool->options[i].name; i++) {
        if (tool->options[i].type == CLI_HEADING)
            continue;
        assert(count < MAX_OPTIONS + 3);
        const int has_value = tool->options[i].type == CLI_FLAG ? no_argument : required_argument;
        options[count++] = (struct option){tool->options[i].name, has_value, NULL, FIRST_OPTION + i};
    }

    tool_name = tool->name;
    opterr = 0;
    // The arguments move to the beginning of argv, over what was read already. The "-" has getopt give them one by one,
    // so that negative numbers can be taken out before it sees them.
    char **const found = argv + 1;
    int found_count = 0;
    while (true) {
        while (optind < argc && is_negative_number(argv[optind]))
            found[found_count++] = argv[optind++];
        const char *const word = argv[optind];
        const int code = getopt_long(argc, argv, "-:h", options, NULL);
        if (code == -1)
            break;
        switch (code) {
        case ARGUMENT:
            found[found_count++] = optarg;
            break;
        case HELP:
        case 'h':
            print_help(tool);
            return cli_finish(CLI_SUCCESS);
        case VERSION:
            printf("%s %s\n", tool->name, ist_version());
            return cli_finish(CLI_SUCCESS);
        case QUIET:
            quiet = true;
            break;
        case ':':
            return cli_usage("%s: its value is missing", word);
        case '?':
            return cli_usage("%s: no such option, or a value where none belongs", word);
        default: {
            const int result = set_option(&tool->options[code - FIRST_OPTION], optarg);
            if (result != CLI_GO_ON)
                return result;
        }
        }
    }
    while (optind < argc) // behind "--"
        found[found_count++] = argv[optind++];
    found[found_count] = NULL;
    *arguments = found;
    *argument_count = found_count;
    return check_argument_count(tool, *arguments, *argument_count);
}

/* ---- progress ---- */

static struct {
    const char *what;
    int64_t total;
    double started_s;
    double drawn_s;
    int drawn_columns; // on the screen now
    char note[160];
    bool on;
    bool colour;
} progress;

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int terminal_columns(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return 80;
}

static bool colour_wanted(void)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    return !(no_color && *no_color) && term && *term && strcmp(term, "dumb") != 0;
}

static void progress_wipe(void)
{
    if (progress.drawn_columns == 0)
        return;
    fprintf(stderr, "\r%*s\r", progress.drawn_columns, "");
    fflush(stderr);
    progress.drawn_columns = 0;
}

void cli_progress_start(const char *what, int64_t total)
{
    progress_wipe();
    progress.what = what;
    progress.total = total;
    progress.started_s = now_s();
    progress.drawn_s = 0;
    progress.note[0] = '\0';
    progress.on = !quiet && isatty(STDERR_FILENO);
    progress.colour = colour_wanted();
}

// Draws a bar of `columns` columns. The caller has put the cursor where it belongs.
static void draw_bar(double fraction, int columns)
{
    const int filled = (int)(fraction * columns);
    fputs(progress.colour ? " [\033[36m" : " [", stderr);
    for (int i = 0; i < columns; i++)
        fputc(i < filled ? '=' : ' ', stderr);
    fputs(progress.colour ? "\033[0m]" : "]", stderr);
}

void cli_progress_update(int64_t done)
{
    if (!progress.on)
        return;
    const double now = now_s();
    if (now - progress.drawn_s < 0.1)
        return;
    progress.drawn_s = now;

    const double elapsed_s = now - progress.started_s;
    const double rate = elapsed_s > 0 ? (double)done / elapsed_s : 0;
    const bool bounded = progress.total > 0;
    char left[CLI_NUMBER_SIZE] = "";
    if (bounded && rate > 0)
        cli_format_duration(left, fmax(0, (double)(progress.total - done) / rate));

    char text[sizeof progress.note + 160];
    int length;
    if (bounded)
        length = snprintf(text, sizeof text, " %" PRId64 "/%" PRId64 "  %.0f frames/s%s%s", done, progress.total, rate,
                          *left ? "  left " : "", left);
    else
        length = snprintf(text, sizeof text, " %" PRId64 " frames  %.0f frames/s", done, rate);
    if (*progress.note)
        length += snprintf(text + length, sizeof text - (size_t)length, "  %s", progress.note);

    // A line as wide as the terminal would wrap, and "\r" would not find its beginning.
    const int room = terminal_columns() - 1;
    const int name_columns = (int)strlen(progress.what);
    const int bar_columns = room - name_columns - length - 3;
    progress_wipe();
    if (name_columns + length > room) {
        progress.drawn_columns = fprintf(stderr, "%.*s", room, text + 1);
    } else {
        fputs(progress.what, stderr);
        progress.drawn_columns = name_columns + length;
        if (bounded && bar_columns >= 8) {
            const int columns = bar_columns < 40 ? bar_columns : 40;
            draw_bar(fmin(1, (double)done / (double)progress.total), columns);
            progress.drawn_columns += columns + 3;
        }
        fputs(text, stderr);
    }
    fflush(stderr);
}

void cli_progress_note(const char *text)
{
    snprintf(progress.note, sizeof progress.note, "%s", text);
}

void cli_progress_finish(void)
{
    progress_wipe();
    progress.on = false;
}

/* ---- signals ---- */

static volatile sig_atomic_t stop_requested;
static void (*volatile stop_action)(void *context);
static void *volatile stop_context;

static void handle_stop(int number)
{
    (void)number;
    const int kept = errno;
    stop_requested = 1;
    void (*action)(void *) = stop_action;
    if (action)
        action(stop_context);
    errno = kept;
}

void cli_catch_stop(void (*action)(void *context), void *context)
{
    stop_context = context;
    stop_action = action;

    struct sigaction handler = {.sa_handler = handle_stop};
    sigemptyset(&handler.sa_mask);
    sigaction(SIGINT, &handler, NULL);
    sigaction(SIGTERM, &handler, NULL);

    struct sigaction before;
    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        sigaction(SIGHUP, &handler, NULL);
}

void cli_forget_stop_action(void)
{
    // The context stays: a handler just running in another thread may hold the action already.
    stop_action = NULL;
}

bool cli_stop_requested(void)
{
    return stop_requested != 0;
}
