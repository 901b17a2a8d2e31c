#include "analyze.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The directory of a store that was given as mystore, mystore/ or mystore/metadata.yaml. */
static int find_store(char directory[PATH_MAX], const char *given)
{
    static const char file[] = "metadata.yaml";
    size_t length = strlen(given);
    if (length >= PATH_MAX)
        return cli_fail("%s: the path is too long", given);
    memcpy(directory, given, length + 1);
    const size_t file_length = strlen(file);
    if (length >= file_length && strcmp(given + length - file_length, file) == 0 &&
        (length == file_length || given[length - file_length - 1] == '/'))
        directory[length -= file_length] = '\0';
    while (length > 1 && directory[length - 1] == '/')
        directory[--length] = '\0';
    if (length == 0)
        strcpy(directory, ".");
    return CLI_GO_ON;
}

/* "STORE-movement" beside the store. */
static int default_output(char output[PATH_MAX], const char *store)
{
    // "." and ".." have a name only where they lead.
    const char *slash = strrchr(store, '/');
    const char *last = slash ? slash + 1 : store;
    char *resolved = NULL;
    if (strcmp(last, ".") == 0 || strcmp(last, "..") == 0) {
        resolved = realpath(store, NULL);
        if (!resolved)
            return cli_fail("%s: %s", store, strerror(errno));
    }
    const int length = snprintf(output, PATH_MAX, "%s-movement", resolved ? resolved : store);
    free(resolved);
    return length < PATH_MAX ? CLI_GO_ON : cli_fail("%s: the path is too long", store);
}

int analyze_make_directory(const char *path)
{
    if (mkdir(path, 0777) == 0)
        return CLI_GO_ON;
    const int number = errno;
    struct stat found;
    if (number == EEXIST && stat(path, &found) == 0 && S_ISDIR(found.st_mode))
        return CLI_GO_ON;
    return cli_fail("%s: %s", path, number == EEXIST ? "is there already, and is no directory" : strerror(number));
}

int analyze_find_places(struct movement_job *job, const struct analyze_request *request, const char *given)
{
    const int result = find_store(job->store, given);
    if (result != CLI_GO_ON)
        return result;
    if (!request->output)
        return default_output(job->output, job->store);
    if (!*request->output || strlen(request->output) >= PATH_MAX)
        return cli_usage("--output: it must be the name of a directory");
    strcpy(job->output, request->output);
    char metadata[PATH_MAX + 16];
    snprintf(metadata, sizeof metadata, "%s/metadata.yaml", job->output);
    if (access(metadata, F_OK) == 0)
        return cli_usage("--output: %s is a store; results go into a directory of their own", job->output);
    return CLI_GO_ON;
}
