#include "ffmpeg_location.h"

#include <libavdevice/version.h>
#include <libavformat/avformat.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "library.h"

// The next video device behind this one; NULL: the first, and there are no more.
static const AVInputFormat *(*next_device)(const AVInputFormat *device);

// libavdevice brings a hundred libraries with it, 25 MiB that only those need who record from a device.
static void load_devices(void)
{
    void (*register_all)(void) = NULL;
    const struct library_symbol symbols[] = {{"avdevice_register_all", &register_all},
                                             {"av_input_video_device_next", &next_device}};
    if (library_load("libavdevice.so." AV_STRINGIFY(LIBAVDEVICE_VERSION_MAJOR),
                     "libavdevice" AV_STRINGIFY(LIBAVDEVICE_VERSION_MAJOR), symbols, 2, NULL) >= 0)
        register_all();
}

const AVInputFormat *ffmpeg_location_device(const char *location, const char **what)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const char *colon = strchr(location, ':');
    if (!colon || strncmp(colon, "://", 3) == 0)
        return NULL;
    pthread_once(&once, load_devices);
    const char *wanted = strncmp(location, "x11:", 4) == 0 ? "x11grab" : location;
    const size_t wanted_length = strcspn(wanted, ":");
    const AVInputFormat *device = NULL;
    while (next_device && (device = next_device(device))) {
        // Some have several names: "video4linux2,v4l2".
        for (const char *name = device->name; name; name = strchr(name, ',') ? strchr(name, ',') + 1 : NULL) {
            const size_t length = strcspn(name, ",");
            if (length == wanted_length && memcmp(name, wanted, length) == 0) {
                *what = colon + 1;
                return device;
            }
        }
    }
    return NULL;
}

int ffmpeg_location_descriptor(const char *location)
{
    int fd, length = 0;
    if (strcmp(location, "-") == 0 || strcmp(location, "pipe:") == 0 || strcmp(location, "pipe:-") == 0)
        return STDIN_FILENO;
    return sscanf(location, "pipe:%d%n", &fd, &length) == 1 && !location[length] && fd >= 0 ? fd : -1;
}

void ffmpeg_location_translate_options(AVDictionary **options)
{
    static const char *const names[][2] = {{"size", "video_size"}, {"rate", "framerate"}, {"format", "pixel_format"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const AVDictionaryEntry *entry = av_dict_get(*options, names[i][0], NULL, AV_DICT_MATCH_CASE);
        if (!entry)
            continue;
        av_dict_set(options, names[i][1], entry->value, 0);
        av_dict_set(options, names[i][0], NULL, 0);
    }
}

bool ffmpeg_location_is_live(const char *location, const AVInputFormat *device)
{
    static const char *const protocols[] = {"rtsp:", "rtsps:", "rtp:", "udp:", "srt:", "rtmp:"};
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
        if (strncmp(location, protocols[i], strlen(protocols[i])) == 0)
            return true;
    return device && strcmp(device->name, "lavfi") != 0;
}

bool ffmpeg_location_is_network(const char *location, const AVInputFormat *device)
{
    struct stat info;
    const char *rest = strstr(location, "://");
    return rest && !device && strncmp(location, "file:", 5) != 0 && stat(location, &info) < 0;
}
