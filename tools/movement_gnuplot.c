#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "movement.h"

void movement_put_text(FILE *out, const char *text)
{
    fputc('\'', out);
    for (; *text; text++) {
        if (*text == '\'')
            fputc('\'', out);
        fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
    }
    fputc('\'', out);
}

void movement_put_number(FILE *out, double value)
{
    char text[CLI_NUMBER_SIZE];
    fputs(cli_format_number(text, value), out);
}

enum { NO_PROGRAM = 127 };

/* Runs gnuplot in the directory of the results. Returns its exit code, NO_PROGRAM if there is none. */
static int run(const char *directory, const char *script)
{
    fflush(NULL);
    const pid_t child = fork();
    if (child < 0)
        return -1;
    if (child == 0) {
        const int null = open("/dev/null", O_RDWR);
        if (chdir(directory) != 0 || null < 0)
            _exit(1);
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        execlp("gnuplot", "gnuplot", "-e", "part='.part'", script, (char *)NULL);
        _exit(NO_PROGRAM);
    }
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Gives a picture that was drawn its name. One that was not, and one of an earlier run, is removed: it belies the rest.
 */
static int take_picture(const struct movement_job *job, const char *picture, bool drawn)
{
    char name[PATH_MAX + NAME_MAX], part[PATH_MAX + NAME_MAX + 8];
    snprintf(name, sizeof name, "%s/%s", job->output, picture);
    snprintf(part, sizeof part, "%s.part", name);
    if (drawn)
        return rename(part, name) == 0 ? movement_written_add(job, picture) : cli_fail("%s: %s", name, strerror(errno));
    unlink(part);
    unlink(name);
    return CLI_GO_ON;
}

int movement_run_gnuplot(const struct movement_job *job, const char *script, const char *const *pictures, int count)
{
    const int code = run(job->output, script);
    int result = CLI_GO_ON;
    for (int i = 0; i < count && result == CLI_GO_ON; i++)
        result = take_picture(job, pictures[i], code == 0);
    const char *more = count > 1 ? " and others" : "";
    if (code == NO_PROGRAM)
        cli_note("gnuplot is not installed, so there is no %s%s; get it with \"apt-get install gnuplot-nox\", then: cd "
                 "'%s' && gnuplot %s",
                 pictures[0], more, job->output, script);
    else if (code != 0)
        cli_note("gnuplot failed, so there is no %s%s; to see why: cd '%s' && gnuplot %s", pictures[0], more,
                 job->output, script);
    return result;
}
