// JPEG through libjpeg-turbo, as OpenCV reads it: its slow integer DCT and its smooth upsampling of chroma, which are
// the defaults. FFmpeg's decoder differs from it by a level here and there.

#include "image.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

#include "error.h"

// libjpeg's calls end here when something is wrong; what it says is kept instead of printed.
struct failure {
    struct jpeg_error_mgr manager; // first, so that a pointer to it is one to the whole
    jmp_buf leave;
    char message[JMSG_LENGTH_MAX];
    bool no_memory;
};

static void leave(j_common_ptr jpeg)
{
    struct failure *failure = (struct failure *)jpeg->err;
    failure->no_memory = failure->manager.msg_code == JERR_OUT_OF_MEMORY;
    failure->manager.format_message(jpeg, failure->message);
    longjmp(failure->leave, 1);
}

// libjpeg fills up what is missing with gray and goes on with a warning (a negative level): for us it is damage. Two
// warnings are only about who wrote the file.
static void take_message(j_common_ptr jpeg, int level)
{
    const int code = jpeg->err->msg_code;
    if (level < 0 && code != JWRN_ADOBE_XFORM && code != JWRN_JFIF_MAJOR)
        leave(jpeg);
}

static void print_nothing(j_common_ptr jpeg)
{
    (void)jpeg;
}

static ist_status read_rows(struct jpeg_decompress_struct *jpeg, ist_frame *frame, ist_error *error)
{
    const bool is_gray = jpeg->jpeg_color_space == JCS_GRAYSCALE;
    jpeg->out_color_space = is_gray ? JCS_GRAYSCALE : JCS_EXT_BGR;
    const ist_status status =
        ist_frame_alloc(frame, (int)jpeg->image_width, (int)jpeg->image_height, is_gray ? 1 : 3, IST_PIXEL_U8, error);
    if (status < 0)
        return status;
    jpeg_start_decompress(jpeg);
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW row = frame->data + (ptrdiff_t)jpeg->output_scanline * frame->stride;
        jpeg_read_scanlines(jpeg, &row, 1);
    }
    jpeg_finish_decompress(jpeg);
    return IST_OK;
}

static ist_status decode_jpeg(const uint8_t *data, size_t size, ist_frame *frame, ist_error *error)
{
    if (size < 3 || memcmp(data, "\xff\xd8\xff", 3) != 0)
        return image_ffmpeg.decode(data, size, frame, error); // another format under this name
    struct jpeg_decompress_struct jpeg;
    struct failure failure;
    jpeg.err = jpeg_std_error(&failure.manager);
    failure.manager.error_exit = leave;
    failure.manager.emit_message = take_message;
    failure.manager.output_message = print_nothing;
    if (setjmp(failure.leave)) {
        jpeg_destroy_decompress(&jpeg);
        return failure.no_memory ? error_memory(error) : error_set(error, IST_ERROR_DATA, "jpeg: %s", failure.message);
    }
    jpeg_create_decompress(&jpeg);
    jpeg_mem_src(&jpeg, data, size);
    jpeg_read_header(&jpeg, TRUE);
    ist_status status;
    if (jpeg.num_components == 4) // inks
        status = error_set(error, IST_ERROR_UNSUPPORTED, "jpeg: four colours, CMYK, are not supported");
    else
        status = read_rows(&jpeg, frame, error);
    jpeg_destroy_decompress(&jpeg);
    return status;
}

const struct image_format image_jpeg = {
    .extensions = (const char *const[]){"jpg", "jpeg", NULL},
    .decode = decode_jpeg,
};
