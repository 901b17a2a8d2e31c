#include "movement.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

static const char part[] = ".part";

int movement_file_open(struct movement_file *file, const struct movement_job *job, const char *name)
{
    *file = (struct movement_file){.job = job};
    if (snprintf(file->name, sizeof file->name, "%s/%s%s", job->output, name, part) >= (int)sizeof file->name)
        return cli_fail("%s: the path is too long", job->output);
    file->stream = fopen(file->name, "w");
    return file->stream ? CLI_GO_ON : cli_fail("%s: %s", file->name, strerror(errno));
}

int movement_file_leave(struct movement_file *file)
{
    FILE *stream = file->stream;
    file->stream = NULL;
    const bool lost = ferror(stream) != 0;
    if (fclose(stream) != 0 || lost)
        return cli_fail("%s: %s", file->name, strerror(errno ? errno : EIO));
    return CLI_GO_ON;
}

int movement_file_finish(struct movement_file *file)
{
    // A name that survives a power cut must not stand for a file that did not.
    const bool synced = fflush(file->stream) == 0 && fsync(fileno(file->stream)) == 0;
    if (!synced) {
        const int number = errno;
        fclose(file->stream);
        file->stream = NULL;
        return cli_fail("%s: %s", file->name, strerror(number));
    }
    const int result = movement_file_leave(file);
    if (result != CLI_GO_ON)
        return result;
    char final[PATH_MAX];
    const size_t length = strlen(file->name) - strlen(part);
    memcpy(final, file->name, length);
    final[length] = '\0';
    if (rename(file->name, final) != 0)
        return cli_fail("%s: %s", final, strerror(errno));
    return movement_written_add(file->job, final + strlen(file->job->output) + 1);
}

int movement_written_add(const struct movement_job *job, const char *name)
{
    struct movement_written *written = job->written;
    char **names = realloc(written->names, ((size_t)written->count + 1) * sizeof *names);
    if (names)
        written->names = names;
    char *copy = names ? strdup(name) : NULL;
    if (!copy)
        return cli_fail("out of memory");
    written->names[written->count++] = copy;
    return CLI_GO_ON;
}

bool movement_written_has(const struct movement_written *written, const char *name)
{
    for (int i = 0; i < written->count; i++)
        if (strcmp(written->names[i], name) == 0)
            return true;
    return false;
}

void movement_written_free(struct movement_written *written)
{
    for (int i = 0; i < written->count; i++)
        free(written->names[i]);
    free(written->names);
    *written = (struct movement_written){0};
}
