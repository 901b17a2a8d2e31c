/* The formats that can be written: those of imgstore, and ffv1/mkv for deep samples. */
#include <string.h>

#include "chunk_writer.h"

enum { CHUNKSIZE_VIDEO = 10000, CHUNKSIZE_DIRECTORY = 200 };

static const struct chunk_format formats[] = {
    {"avc1/mp4", ".mp4", true, false, false, false, 0, CHUNKSIZE_VIDEO, &video_writer_calls},
    {"mjpeg/avi", ".avi", true, false, false, true, 0, CHUNKSIZE_VIDEO, &video_writer_calls},
    {"h264/mkv", ".mkv", true, false, false, false, 0, CHUNKSIZE_VIDEO, &video_writer_calls},
    {"ffv1/mkv", ".mkv", true, true, true, false, 0, CHUNKSIZE_VIDEO, &video_writer_calls},
    {"npy", "npy", false, true, true, false, 0, CHUNKSIZE_DIRECTORY, &directory_writer_calls},
    {"tif", "tif", false, true, true, false, 0, CHUNKSIZE_DIRECTORY, &directory_writer_calls},
    {"png", "png", false, true, true, false, 0, CHUNKSIZE_DIRECTORY, &directory_writer_calls},
    {"jpg", "jpg", false, false, false, false, 0, CHUNKSIZE_DIRECTORY, &directory_writer_calls},
    {"ppm", "ppm", false, true, true, false, 3, CHUNKSIZE_DIRECTORY, &directory_writer_calls},
    {"pgm", "pgm", false, true, true, false, 1, CHUNKSIZE_DIRECTORY, &directory_writer_calls},
    {"bmp", "bmp", false, true, false, false, 0, CHUNKSIZE_DIRECTORY, &directory_writer_calls},
#ifdef IST_WITH_BLOSC
    {"bpk", "bpk", false, true, true, false, 0, CHUNKSIZE_DIRECTORY, &directory_writer_calls},
#endif
};

enum { FORMAT_COUNT = sizeof formats / sizeof *formats };

const struct chunk_format *chunk_format_at(int i)
{
    return i >= 0 && i < FORMAT_COUNT ? &formats[i] : NULL;
}

const struct chunk_format *chunk_format_find(const char *name)
{
    for (int i = 0; i < FORMAT_COUNT; i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}

const struct chunk_format *chunk_format_parse(const char *name, bool *color)
{
    static const char ending[] = "+color";
    const size_t length = strlen(name);
    *color = length > strlen(ending) && strcmp(name + length - strlen(ending), ending) == 0;
    const size_t plain = *color ? length - strlen(ending) : length;
    for (int i = 0; i < FORMAT_COUNT; i++)
        if (strlen(formats[i].name) == plain && memcmp(formats[i].name, name, plain) == 0)
            return &formats[i];
    return NULL;
}

const char *ist_writer_format_name(int i)
{
    const struct chunk_format *format = chunk_format_at(i);
    return format ? format->name : NULL;
}

const char *ist_writer_format_missing(const char *name)
{
    const bool is_bpk = name && (strcmp(name, "bpk") == 0 || strcmp(name, "bpk+color") == 0);
    return is_bpk && !chunk_format_find("bpk") ? "libstore was built without Blosc" : NULL;
}

bool ist_writer_format_is_lossless(const char *name)
{
    bool color;
    const struct chunk_format *format = name ? chunk_format_parse(name, &color) : NULL;
    return format && format->lossless;
}

bool ist_writer_format_holds(const char *name, int channels, ist_pixel_type type)
{
    bool color;
    const struct chunk_format *format = name ? chunk_format_parse(name, &color) : NULL;
    if (!format || (channels != 1 && channels != 3) || (format->only_channels && channels != format->only_channels))
        return false;
    return type == IST_PIXEL_U8 || (type == IST_PIXEL_U16 && format->holds_u16);
}

bool ist_writer_format_holds_jpeg(const char *name)
{
    bool color;
    const struct chunk_format *format = name ? chunk_format_parse(name, &color) : NULL;
    return format && format->holds_jpeg && !color;
}
