/* What a location that FFmpeg is to open stands for: a device, a descriptor, the network, a file. */
#ifndef FFMPEG_LOCATION_H
#define FFMPEG_LOCATION_H

#include <stdbool.h>

struct AVDictionary;
struct AVInputFormat;

/* The device that a location such as "v4l2:/dev/video0" begins with, or NULL; *what is what stands behind. */
const struct AVInputFormat *ffmpeg_location_device(const char *location, const char **what);

/* Descriptor that "-" or "pipe:N" names, or -1. */
int ffmpeg_location_descriptor(const char *location);

/* Frames come when they come: from a device, or over the network. A graph of filters waits for who reads. */
bool ffmpeg_location_is_live(const char *location, const struct AVInputFormat *device);

bool ffmpeg_location_is_network(const char *location, const struct AVInputFormat *device);

/* Gives the options the names that devices have for them: those of cameras are size, rate and format. */
void ffmpeg_location_translate_options(struct AVDictionary **options);

#endif
