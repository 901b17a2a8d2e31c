#include "image.h"

#include <string.h>
#include <strings.h>

#include "error.h"
#include "fs.h"

static const struct image_format *const formats[] = {
    &image_npy,    &image_tiff, &image_jpeg,
#ifdef IST_WITH_BLOSC
    &image_bpk,
#endif
    &image_ffmpeg,
};

const struct image_format *image_format_find(const char *name)
{
    const char *base = fs_basename(name);
    const char *dot = strrchr(base, '.');
    const char *extension = dot ? dot + 1 : base;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        for (const char *const *known = formats[i]->extensions; *known; known++)
            if (strcasecmp(extension, *known) == 0)
                return formats[i];
    return NULL;
}

ist_status image_read(const char *path, ist_frame *frame, ist_error *error)
{
    const struct image_format *format = image_format_find(path);
    if (!format)
        return error_set(error, IST_ERROR_UNSUPPORTED, "%s: no known format of pictures", path);
    struct buffer bytes = {0};
    ist_status status = fs_read_file(path, &bytes, error);
    if (status >= 0) {
        status = format->decode(bytes.data, bytes.size, frame, error);
        if (status < 0)
            status = error_prefix(error, status, "%s", path);
    }
    buffer_free(&bytes);
    return status;
}
