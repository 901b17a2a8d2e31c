#include "image_write.h"

#include <string.h>

#include "image.h"

static ist_status encode_npy(const ist_frame *frame, int quality, struct buffer *out, ist_error *error)
{
    (void)quality;
    return image_npy.encode(frame, out, error);
}

static ist_status encode_tiff(const ist_frame *frame, int quality, struct buffer *out, ist_error *error)
{
    (void)quality;
    return image_tiff.encode(frame, out, error);
}

static const struct {
    const char *extension;
    image_encode_function *encode;
} encoders[] = {
    {"npy", encode_npy},       {"tif", encode_tiff},      {"png", image_encode_png},  {"bmp", image_encode_bmp},
    {"pgm", image_encode_pnm}, {"ppm", image_encode_pnm}, {"jpg", image_encode_jpeg},
#ifdef IST_WITH_BLOSC
    {"bpk", image_encode_bpk},
#endif
};

image_encode_function *image_encoder_find(const char *extension)
{
    for (size_t i = 0; i < sizeof encoders / sizeof *encoders; i++)
        if (strcmp(extension, encoders[i].extension) == 0)
            return encoders[i].encode;
    return NULL;
}
