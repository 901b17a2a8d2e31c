#include "save_preview.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"

static const char viewer_name[] = "imgstore-view";

/* In the directory of this program, installed or where it was built. */
static void find_viewer(char viewer[PATH_MAX])
{
    static const char *const places[] = {"", "view/"};
    char here[PATH_MAX - sizeof viewer_name - 8];
    const ssize_t length = readlink("/proc/self/exe", here, sizeof here - 1);
    here[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(here, '/');
    for (size_t i = 0; slash && i < sizeof places / sizeof *places; i++) {
        slash[1] = '\0';
        snprintf(viewer, PATH_MAX, "%s%s%s", here, places[i], viewer_name);
        if (access(viewer, X_OK) == 0)
            return;
    }
    strcpy(viewer, viewer_name);
}

pid_t save_preview_start(const char *path)
{
    enum { LOWER_PRIORITY = 10 };
    char viewer[PATH_MAX];
    find_viewer(viewer);
    const char *const arguments[] = {viewer_name, "--follow", path, NULL};
    const pid_t child = fork();
    if (child < 0)
        cli_note("--preview: %s; the recording goes on without", strerror(errno));
    if (child != 0)
        return child;
    setpriority(PRIO_PROCESS, 0, LOWER_PRIORITY);
    execvp(viewer, (char *const *)arguments);
    static const char missing[] =
        "imgstore-save: --preview: there is no imgstore-view; the recording goes on without\n";
    _exit(write(STDERR_FILENO, missing, sizeof missing - 1) < 0 ? 2 : 1);
}

void save_preview_stop(pid_t viewer)
{
    if (viewer < 0)
        return;
    kill(viewer, SIGTERM);
    while (waitpid(viewer, NULL, 0) < 0 && errno == EINTR)
        ;
}
